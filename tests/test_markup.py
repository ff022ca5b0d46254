"""Names that Markdown, HTML or matplotlib would take for something else show as they are, wherever they are written."""

import html
import re
import warnings

import pytest
from fake_results import results_of
from own_parts import own_vae

from vaeaug import Augmenter
from vaeaug.bench.analysis.comparisons import summaries
from vaeaug.bench.report import figures, page, wording
from vaeaug.bench.report.gallery import Grid, gallery
from vaeaug.data import Samples
from vaeaug.runtime import markup

NAMES = (r"$\frac{$", "a | b", "two\nlines", "<img src=x onerror=alert(1)>", "**bold**", "_hidden_", "`code`", r"back\slash",
         "[link](https://x.org)", "&lt;", "# title", "$$", "\x1b[31mred", "x^2_3")  # fmt: skip
names = pytest.mark.parametrize("name", NAMES, ids=ascii)


def one_line(name):
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def rendered(cell):
    """Returns what a reader of Markdown sees of a text without emphasis, links and so on."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell))


@names
def test_the_model_card_shows_it_as_it_is(name, digits, tmp_path):
    few = Samples(digits.x[digits.y < 2], digits.y[digits.y < 2], (name, "other"))
    Augmenter(own_vae()).fit(few).save(tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text(encoding="utf-8")
    lines = text[text.index("| class | samples |") :].splitlines()
    assert len(lines) == 4
    cells = re.split(r"(?<!\\)\|", lines[2])
    assert len(cells) == 4
    assert rendered(cells[1].strip()) == one_line(name)
    # Every character that begins something else is escaped.
    assert not re.search(r"(?<!\\)[`*_{}\[\]#~$!<>]", re.sub(r"\\\\", "", cells[1]))


@names
def test_the_table_of_results_keeps_its_columns(name):
    lines = wording.table(named(name)).splitlines()
    assert len({len(re.split(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "<img" not in "".join(lines)


def named(name):
    """Returns results in which a method has this name."""
    return results_of({"none": [50, 51, 52], name: [60, 62, 61]})


@names
def test_drawings_show_it_as_it_is(name, digits, augmenter, tmp_path):
    results = named(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = figures.accuracies(results, summaries(results))
        grid = Grid("grid", ((name, digits.x[:3]), ("other", digits.x[3:6])), (name, "b", "c"))
        drawings = [drawing.svg, figures.grid(grid).svg]
    for svg in drawings:
        words = html.unescape(" ".join(re.findall(r"<(?:text|tspan)[^>]*>([^<]*)<", svg)))
        assert one_line(name).replace(" ", "") in words.replace(" ", "").replace("\n", "")
    figures.save_png(grid, tmp_path / "grid.png")


@names
def test_the_page_shows_it_as_it_is(name, augmenter, tmp_path):
    page.write(tmp_path / "page.html", named(name), gallery(augmenter, columns=2))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert html.escape(one_line(name)) in text


def test_code_stays_code():
    assert markup.code("a`b|c\nd") == "`a'b\\|c d`"
