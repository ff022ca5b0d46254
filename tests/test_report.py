import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from fake_results import RESULT, kind_of
from matplotlib.textpath import TextPath

from vaeaug import Augmenter, InputError
from vaeaug.bench.analysis.comparisons import comparisons
from vaeaug.bench.analysis.confusion import confusion_counts, confusion_differences, confusion_percent
from vaeaug.bench.analysis.learning_curves import learning_curves
from vaeaug.bench.analysis.summaries import summaries
from vaeaug.bench.report import figures, gallery, page, rows
from vaeaug.data import load, subset
from vaeaug.models.spaces import Identity
from vaeaug.perturb import PERTURBATIONS, Interpolate, Prior

BASE = replace(RESULT, data="<digits>")
METHODS = ("none", "classical", "synthetic (extrapolate)", "classical + synthetic")
LONG_NAME = (
    "classical + a method with a name that is much longer than any of ours, hardest of 4 + MixUp + class weights"
)


def results_of(methods=METHODS, **fields):
    """Six seeds of each method; a method is a point better than the one before it, by class 1 alone."""
    return [
        replace(
            BASE,
            method=method,
            kind=kind_of(method),
            seed=seed,
            accuracy=0.7 + 0.01 * i + 0.001 * seed * (i + 1),
            train_seconds=1.0 + i,
            confusion=f"80 20/{30 - 2 * i - seed} {70 + 2 * i + seed}",
            **fields,
        )
        for i, method in enumerate(methods)
        for seed in range(6)
    ]


RESULTS = results_of()


class Page(HTMLParser):
    """Collects the tags of a page, and fails if they do not nest."""

    void = frozenset(("meta", "link", "br", "img", "input", "hr"))

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)

    def count(self, tag):
        return [name for name, _ in self.tags].count(tag)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def page_of(tmp_path, *args, **options):
    page.write(tmp_path / "page.html", *args, **options)
    return Page((tmp_path / "page.html").read_text())


def texts_of(svg):
    """Returns the horizontal texts of a drawing: left end, right end and height of the baseline, in points, and words."""
    texts = []
    for style, position, words in re.findall(r'<text style="([^"]*)" ([^>]*)>([^<]*)</text>', svg):
        if "rotate(-90" in position:
            continue
        pattern = r"translate\(([-\d.]+) ([-\d.]+)" if "translate" in position else r'x="([-\d.]+)" y="([-\d.]+)'
        x, y = map(float, re.search(pattern, position).groups())
        size = float(re.search(r"font-size: ([\d.]+)px", style).group(1))
        width = TextPath((0, 0), words, size=size).get_extents().width
        x -= width * {"middle": 0.5, "end": 1.0}.get((re.search(r"text-anchor: (\w+)", style) or [""] * 2)[1], 0.0)
        texts.append((x, x + width, y, words))
    return texts


def is_drawn_in_lines(name, svg):
    """Returns whether the lines of a drawing hold a name, which may be broken at spaces."""
    return name in " ".join(words for *_, words in texts_of(svg))


def drawings_of(results):
    """Returns all drawings of one case, with sizes for the learning curves."""
    means, compared = summaries(results), comparisons(results)
    sized = [replace(r, regime=str(size)) for r in results for size in (5, 10, 20)]
    title = f"{LONG_NAME}, the best baseline"
    return {
        "accuracies": figures.accuracies(results, means).svg,
        "forest": figures.forest(compared, [c.method for c in compared], title).svg,
        "learning": figures.learning(learning_curves(sized)).svg,
        "cost": figures.cost(means, {c.method: c for c in compared}, "none").svg,
    }


@pytest.mark.parametrize("more", [(), (LONG_NAME,)])
def test_no_text_is_cut_off_in_a_drawing(more, recwarn):
    for drawing in drawings_of(results_of((*METHODS, *more))).values():
        width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', drawing).groups())
        texts = texts_of(drawing)
        assert all(left >= 0 and right <= width and 0 < y < height for left, right, y, _ in texts), texts
        assert all(is_drawn_in_lines(name, drawing) for name in ("classical + synthetic", *more))
    assert not recwarn.list  # such as matplotlib's that the axes collapsed


@pytest.mark.parametrize("more", [(), (LONG_NAME,)])
def test_the_line_at_zero_crosses_no_label(more):
    drawing = drawings_of(results_of((*METHODS, *more)))["forest"]
    labels = [(left, right, y) for left, right, y, words in texts_of(drawing) if re.search("[a-z]", words)]
    lines = re.findall(r'<path d="M ([\d.]+) ([\d.]+) \s*L ([\d.]+) ([\d.]+) \s*" [^>]*stroke: currentColor', drawing)
    upright = [(float(x), *sorted((float(a), float(b)))) for x, a, other, b in lines if x == other]
    assert upright
    for x, top, bottom in upright:
        # From the baseline up to the height of small letters, about half of 8.5 points.
        crossed = [y for left, right, y in labels if left < x < right and top < y - 0.5 and y - 4 < bottom]
        assert not crossed


@pytest.mark.parametrize("count", [3, 20])
def test_the_names_of_equal_gains_are_drawn_apart(count):
    names = [f"method {i:02} with a name that needs two lines" for i in range(count)]
    equal = [
        replace(r, method=name, kind="ours") for name in names for r in RESULTS if r.method == "synthetic (extrapolate)"
    ]
    results = [*(r for r in RESULTS if r.method == "none"), *equal]
    svg = figures.cost(summaries(results), {c.method: c for c in comparisons(results)}, "none").svg
    labels = [(y, words) for left, _, y, words in texts_of(svg) if left > 180]
    assert [words for _, words in labels if words.startswith("method")] == [
        name.removesuffix(" two lines") for name in names
    ]
    heights = [y for y, _ in labels]
    assert all(b - a > 7.5 for a, b in zip(heights, heights[1:], strict=False)), "lines of 7.5 points do not overlap"


def test_page_is_self_contained(augmenter, tmp_path):
    page.write(tmp_path / "report.html", RESULTS, gallery.gallery(augmenter), {"steps": 10})
    text = (tmp_path / "report.html").read_text()
    parsed = Page(text)
    links = [v for _, attrs in parsed.tags for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<digits>" not in text, "a user's names are escaped"
    assert "6 seeds; networks trained for 10 steps" in parsed.text
    (title,) = re.findall("<h1>(.*)</h1>", text)
    assert re.fullmatch(r"Helps: \+2\.\d points \(\+2\.\d to \+2\.\d\) on &lt;digits&gt;, 5 per class, cnn", title)
    assert "Primary comparison, cnn: classical + synthetic against classical: +2." in parsed.text
    assert parsed.text.index("What the VAE adds over the best control: unknown") < parsed.text.index("All methods")
    assert parsed.count("figure") == 6, "accuracy, two differences, cost, two grids"
    drawings = [attrs for _, attrs in parsed.tags if attrs.get("role") == "img"]
    assert len(drawings) == parsed.count("svg") == 6
    assert all(len(attrs["aria-label"]) > 20 for attrs in drawings)
    assert "script" not in {tag for tag, _ in parsed.tags}
    for method in METHODS:
        assert f"<td>{method}</td>" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert figures.INK not in text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_page_of_one_seed_and_no_baseline(tmp_path):
    page.write(tmp_path / "a.html", [BASE, replace(BASE, method="synthetic (extrapolate)", kind="ours", accuracy=0.6)])
    assert "too few for an interval or an outcome, which need 5" in (tmp_path / "a.html").read_text()
    assert "nan" not in re.sub(r'base64,[^"]*', "", (tmp_path / "a.html").read_text()).lower()


def test_sizes_of_one_set_give_curves_and_equivalent_sizes(tmp_path):
    sizes = [result for n in (5, 10, 20) for result in results_of(regime=str(n))]
    rising = [replace(r, accuracy=r.accuracy + 0.05 * (r.regime != "5") + 0.05 * (r.regime == "20")) for r in sizes]
    parsed = page_of(tmp_path, rising)
    assert "Learning curves: <digits>, cnn" in parsed.text
    assert "Equivalent number of real samples" in parsed.text
    assert "more than 20, the largest size measured" in parsed.text
    assert (
        parsed.text.index("Helps in 3 of 3 settings (+2.")
        < parsed.text.index("Overview")
        < parsed.text.index("All methods")
    )
    assert parsed.text.count("Primary comparison, <digits>, ") == 3
    assert parsed.count("summary") == 2 * 3, "details of every case fold away"
    assert not any("open" in attrs for tag, attrs in parsed.tags if tag == "details")


def test_an_outcome_is_on_the_page_once_in_words_and_once_in_its_table(tmp_path):
    parsed = page_of(tmp_path, RESULTS)
    assert "is_best" not in parsed.text
    assert parsed.text.count("classical + synthetic against classical") == 1
    assert parsed.text.count("primary ") == 2, "in the table, and in the explanation"
    assert "made of" not in parsed.text


@pytest.mark.parametrize("seeds", [1, 4, 5, 6])
def test_a_test_that_cannot_speak_is_not_shown(tmp_path, seeds):
    text = page_of(tmp_path, [r for r in RESULTS if r.seed < seeds]).text.replace("Wilcoxon's signed-rank", "")
    assert ("signed-rank" in text) == (seeds == 6)
    assert ("uncorrected 0." in text) == (seeds >= 5)
    assert ("helps" in text.split("Below each mean")[0].lower()) == (seeds >= 5)
    assert "nan" not in text


def test_imbalanced_regimes_and_several_sets_on_one_page(tmp_path):
    imbalanced = [replace(r, regime="30/10 permuted", balanced_accuracy=r.accuracy - 0.1) for r in RESULTS]
    parsed = page_of(tmp_path, [*RESULTS, *imbalanced, *results_of(data="wine", classifier="forest")])
    assert "balanced accuracy, %" in parsed.text
    assert "<digits>, 30 to 10 per class, classes permuted" in parsed.text
    assert "wine, 5 per class, forest" in parsed.text
    assert "Learning curves" not in parsed.text


def test_differences_class_by_class(tmp_path):
    parsed = page_of(tmp_path, RESULTS, class_names={"<digits>": ["cat", "dog"]})
    # Each method has two points more recall of class dog than the one before it; the last is the third after none.
    assert "true class, predicted ascatdog cat00 dog-6.0+6.0" in parsed.text
    assert "classical + synthetic0+6.0" in parsed.text
    backgrounds = [attrs["style"] for tag, attrs in parsed.tags if tag == "td" and "style" in attrs]
    assert "background:rgb(42 157 92 / 0.70)" in backgrounds
    assert not any("209 73 91" in colour for colour in backgrounds if "/ 0.00" not in colour and "6.0" in colour)
    numbers = page_of(tmp_path, RESULTS, class_names={"<digits>": ["too", "many", "names"]})
    assert "true class, predicted as01" in numbers.text


def test_confusion_is_in_percent_of_each_true_class():
    result = replace(BASE, confusion="3 1/0 0")
    assert confusion_counts(result).tolist() == [[3, 1], [0, 0]]
    assert confusion_percent(result).tolist() == [[75, 25], [0, 0]]
    differences = confusion_differences([*RESULTS, replace(RESULTS[0], classifier="other")], "none")
    assert len(differences) == 3
    d = differences["<digits>", "5", "cnn", "classical + synthetic"]
    assert d.recall.tolist() == pytest.approx([0, 6])
    assert (d.seeds, d.low[1]) == (6, pytest.approx(6))
    for seeds in (1, 4):
        few = confusion_differences([r for r in RESULTS if r.seed < seeds], "none")
        assert np.isnan(few["<digits>", "5", "cnn", "synthetic (extrapolate)"].low).all()


def test_many_classes_have_no_matrix(tmp_path):
    wide = "/".join([" ".join(["1"] * 31)] * 31)
    assert "Class by class" not in page_of(tmp_path, [replace(r, confusion=wide) for r in RESULTS]).text


def test_many_methods_and_the_best_baseline(tmp_path):
    many = (*METHODS, "MixUp", "classical + MixUp", "synthetic (PCA)", "pythae VAE", "synthetic (covariance)")
    parsed = page_of(tmp_path, results_of(many), highlight=("synthetic (covariance)", "not run"))
    assert "The best baseline by its mean over these seeds: classical + MixUp." in parsed.text
    assert parsed.text.count("Primary comparison, cnn: ") == 1
    assert "Difference to classical + MixUp, the best baseline" in parsed.text


def test_the_cost_is_coloured_by_kind(tmp_path):
    for method, colour in (("synthetic (extrapolate)", figures.GREEN), ("pythae VAE", figures.OCHRE)):
        results = results_of(("none", method))
        svg = figures.cost(summaries(results), {c.method: c for c in comparisons(results)}, "none").svg
        others = {figures.KINDS[kind] for kind in figures.KINDS} - {colour, figures.GREY}
        assert colour in svg
        assert not any(other in svg for other in others)


def test_identical_methods_on_the_page(tmp_path):
    none = [result for result in RESULTS if result.method == "none"]
    twin = [replace(result, method="synthetic (extrapolate)", kind="ours") for result in none]
    text = page_of(tmp_path, [*none, *twin]).text
    assert "identical" in text
    assert "synthetic (extrapolate) against none: +0.0 points (+0.0 to +0.0), no difference." in text


def test_page_is_the_same_every_time(augmenter, tmp_path):
    for name in ("a", "b"):
        page.write(tmp_path / name, RESULTS, gallery.gallery(augmenter))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_gallery_shows_synthetic_samples_and_the_nearest_real(augmenter, digits):
    scales, copies = gallery.gallery(augmenter, columns=12, scales=(0, 1, 2))
    titles, images = zip(*scales.lines, strict=True)
    assert titles == ("real", "scale 0", "scale 1", "scale 2")
    assert torch.equal(images[0], images[1])
    change = [(image - images[0]).abs().mean() for image in images]
    assert change[1] < change[2] < change[3]
    assert scales.column_titles[:3] == ("0", "1", "2")
    synthetic, parent, nearest = (image for _, image in copies.lines)
    distance = [(other - synthetic).flatten(1).norm(dim=1) for other in (parent, nearest)]
    assert (distance[1] <= distance[0] + 1e-5).all()
    flat = digits.x.flatten(1)
    assert all((flat == image).all(1).any() for image in nearest.flatten(1))


@pytest.mark.parametrize("scheme", [Interpolate, Prior])
def test_gallery_stays_within_the_maximum_of_a_scheme(augmenter, scheme):
    scales, _ = gallery.gallery(augmenter.using(perturb=scheme(1.0)), columns=3)
    assert [title for title, _ in scales.lines] == ["real", "scale 0.5", "scale 1", "scale 1"]


@pytest.mark.parametrize("scheme", PERTURBATIONS.values())
def test_the_maximum_scale_is_the_largest_that_is_accepted(scheme):
    scheme(min(scheme.max_scale, 100.0))
    if scheme.max_scale < 100:
        with pytest.raises(InputError, match="expected scale to be a number from 0 to 1"):
            scheme(scheme.max_scale + 0.1)


def test_a_grid_is_saved_as_png(augmenter, tmp_path):
    figures.save_png(gallery.gallery(augmenter, columns=3)[0], tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["mixed", "numbers"])
def test_rows_of_a_table_beside_their_synthetic_rows(kind, tmp_path):
    if kind == "mixed":
        pandas = pytest.importorskip("pandas")
        words = ["<a>", None, "c", "d"] * 10
        frame = pandas.DataFrame({"word": words, "number": [i / 3 for i in range(40)], "same": ["x"] * 40})
        data = (frame, ["rare"] * 8 + ["common"] * 32)
    else:
        data = subset(load("wine"), 5)
    fitted = Augmenter(Identity()).fit(data)
    shown = rows.rows_of(fitted)
    samples = fitted.bank_.samples
    assert shown.labels[0] == ("rare" if kind == "mixed" else samples.names[0])
    assert len(shown.columns) == len(shown.cells) == (3 if kind == "mixed" else 13)
    cells = [(real, cell) for line in shown.cells for real, cell in line]
    assert len(cells) == 4 * len(shown.columns)
    assert all(cell.changed == (cell.text != real) for real, cell in cells)
    assert any(cell.changed for _, cell in cells)
    parsed = page_of(tmp_path, RESULTS, rows=shown)
    assert parsed.count("mark") == sum(cell.changed for _, cell in cells)
    if kind == "mixed":
        assert not any(cell.changed for _, cell in shown.cells[2])
        assert {real for real, _ in shown.cells[0]} <= {"<a>", "(missing)", "c", "d"}
        assert "<td><a></td>" not in (tmp_path / "page.html").read_text()


def test_no_rows_of_images(augmenter):
    with pytest.raises(InputError, match="expected an augmenter of a table, got one of images"):
        rows.rows_of(augmenter)


def test_no_gallery_of_tabular_data():
    wine = Augmenter().fit(subset(load("wine"), 5), steps=2, progress=False)
    with pytest.raises(InputError, match="expected an augmenter of images or signals, got one of tabular data"):
        gallery.gallery(wine)
