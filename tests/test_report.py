import re
import textwrap
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from vaeaug import Augmenter, InputError
from vaeaug.bench.analysis.comparisons import summaries
from vaeaug.bench.analysis.confusion import changes, shares
from vaeaug.bench.report import gallery
from vaeaug.bench.report import page as report
from vaeaug.bench.report.figures import LETTERS, _apart, accuracies
from vaeaug.bench.results import Result
from vaeaug.data import load, subset
from vaeaug.perturb import PERTURBATIONS, Interpolate

ROW = Result("<digits>", "5", "cnn", "none", 0, 0.5, 0.5, 0.5, 0.0, 10, 1.0, 0.0, 50, "abc", "def", "1 1/1 1")
ARMS = ("none", "classical", "vae", "classical + vae")


def rows(arms=ARMS, **fields):
    """Four seeds of each arm; an arm is a point better than the one before it, by class 1 alone."""
    return [
        replace(
            ROW, arm=arm, seed=seed, accuracy=0.7 + 0.01 * i + 0.001 * seed * (i + 1), train_seconds=1.0 + i,
            confusion=f"80 20/{30 - 2 * i - seed} {70 + 2 * i + seed}", **fields,
        )
        for i, arm in enumerate(arms)
        for seed in range(4)
    ]  # fmt: skip


ROWS = rows()


class Page(HTMLParser):
    """Collects the tags of a page, and fails where they do not nest."""

    void = frozenset(("meta", "link", "br", "img", "input", "hr"))

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def page_of(tmp_path, *args, **options):
    report.write(tmp_path / "page.html", *args, **options)
    return Page((tmp_path / "page.html").read_text())


def test_names_longer_than_a_drawing_leave_room_for_it(recwarn):
    long = "classical + a peer of a name that is much longer than any of ours, worst of 4 + mixup + class weights"
    found = rows((*ARMS, long))
    drawing = accuracies(found, summaries(found)).svg
    assert not recwarn.list  # such as matplotlib's that the axes collapsed
    lines = textwrap.wrap(long, LETTERS)
    assert len(lines) > 1
    assert all(f">{line}</text>" in drawing for line in lines)


def test_page_is_self_contained_and_says_it_all(augmenter, tmp_path):
    report.write(tmp_path / "report.html", ROWS, gallery.gallery(augmenter), {"steps": 10})
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    links = [v for _, attrs in page.found for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<digits>" not in text, "a user's names are escaped"
    assert "4 seeds; networks trained for 10 steps" in page.text
    assert text.index("classical + vae helps") < text.index("<table>"), "the verdict stands on top"
    assert [tag for tag, _ in page.found].count("figure") == 6, "accuracy, two differences, cost, two grids"
    drawings = [attrs for _, attrs in page.found if attrs.get("role") == "img"]
    assert len(drawings) == [tag for tag, _ in page.found].count("svg") == 6
    assert all(len(attrs["aria-label"]) > 20 for attrs in drawings)
    assert "script" not in {tag for tag, _ in page.found}
    for arm in ARMS:
        assert f"<td>{arm}</td>" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert report.INK not in text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_page_of_one_seed_and_no_rival(tmp_path):
    report.write(tmp_path / "a.html", [ROW, replace(ROW, arm="vae", accuracy=0.6)])
    assert "says nothing yet" in (tmp_path / "a.html").read_text()
    assert "nan" not in re.sub(r'base64,[^"]*', "", (tmp_path / "a.html").read_text()).lower()


def test_sizes_of_one_set_give_curves_and_what_an_arm_is_worth(tmp_path):
    sizes = [row for n in (5, 10, 20) for row in rows(regime=str(n))]
    grown = [
        replace(row, accuracy=row.accuracy + 0.05 * (row.regime != "5") + 0.05 * (row.regime == "20")) for row in sizes
    ]
    page = page_of(tmp_path, grown)
    assert "Learning curves: <digits>, cnn" in page.text
    assert "Worth so many real samples per class" in page.text
    assert "more than 20, the largest measured" in page.text
    assert "classical + vae against none, 3 cases: helps in 3 (+3." in page.text
    assert page.text.index("helps in 3") < page.text.index("At a glance") < page.text.index("Every arm")
    assert [tag for tag, _ in page.found].count("summary") == 1 + 2 * 3, "details of every case fold away"
    assert not any("open" in attrs for tag, attrs in page.found if tag == "details")


def test_lopsided_regimes_and_several_sets_stand_on_one_page(tmp_path):
    lopsided = [replace(row, regime="30/10 permuted", balanced_accuracy=row.accuracy - 0.1) for row in ROWS]
    page = page_of(tmp_path, [*ROWS, *lopsided, *rows(data="wine", classifier="forest")])
    assert "balanced accuracy, %" in page.text
    assert "<digits>, 30 to 10 per class, classes permuted" in page.text
    assert "wine, 5 per class, forest" in page.text
    assert "Learning curves" not in page.text


def test_regimes_in_words():
    assert report.in_words("20") == "20 per class"
    assert report.in_words("30/10/4") == "30 to 4 per class"
    assert report.in_words("30/10/4 permuted") == "30 to 4 per class, classes permuted"


def test_what_changes_class_by_class(tmp_path):
    page = page_of(tmp_path, ROWS, names={"<digits>": ["cat", "dog"]})
    # Of class dog, each arm finds two more of a hundred than the one before it; classical + vae is the third after none.
    assert "true class, found ascatdog cat00 dog-6.0+6.0" in page.text
    assert "classical + vae0+6.0" in page.text
    grounds = [attrs["style"] for tag, attrs in page.found if tag == "td" and "style" in attrs]
    assert "background:rgb(42 157 92 / 0.70)" in grounds
    assert not any("209 73 91" in ground for ground in grounds if "/ 0.00" not in ground and "6.0" in ground)
    numbers = page_of(tmp_path, ROWS, names={"<digits>": ["too", "many", "names"]})
    assert "true class, found as01" in numbers.text


def test_shares_are_of_each_true_class():
    assert shares(replace(ROW, confusion="3 1/0 0")).tolist() == [[75, 25], [0, 0]]
    change = changes([*ROWS, replace(ROWS[0], classifier="other")], "none")
    assert len(change) == 3
    last = change["<digits>", "5", "cnn", "classical + vae"]
    assert last.recall.tolist() == pytest.approx([0, 6])
    assert (last.seeds, last.low[1]) == (4, pytest.approx(6))
    assert np.isnan(changes([r for r in ROWS if r.seed == 0], "none")["<digits>", "5", "cnn", "vae"].low).all()


def test_many_classes_have_no_matrix(tmp_path):
    wide = "/".join([" ".join(["1"] * 31)] * 31)
    assert "Class by class" not in page_of(tmp_path, [replace(row, confusion=wide) for row in ROWS]).text


def test_many_arms_and_the_best_rival(tmp_path):
    many = ("none", "classical", "mixup", "classical + mixup", "vae", "classical + vae", "pca", "rhvae")
    page = page_of(tmp_path, rows(many), focus=("vae", "not run"))
    assert "Best of the cheap rivals, by its mean on these seeds: classical + mixup." in page.text
    assert re.search(r"cnn: vae helps: \+1\.[12] points over classical \+ mixup, the best rival", page.text)
    assert "cnn: classical + vae" not in page.text, "the words are about the arms in focus"
    assert "Difference to classical + mixup, the best rival" in page.text


def test_identical_arms_are_called_so_in_the_table(tmp_path):
    twin = [replace(row, arm="vae") for row in ROWS if row.arm == "none"]
    page = page_of(tmp_path, [*(row for row in ROWS if row.arm == "none"), *twin])
    assert "cnn: vae is identical to none on all 4 seeds" in page.text


def test_labels_are_kept_apart():
    assert _apart([3.0, 2.0, 1.0], 0.5, 0.0) == [3.0, 2.0, 1.0]
    assert _apart([1.0, 1.0, 1.0], 0.5, 0.0) == [1.0, 0.5, 0.0]
    assert _apart([0.1, 0.0, 0.0], 0.5, 0.0) == [1.0, 0.5, 0.0]


def test_page_is_the_same_every_time(augmenter, tmp_path):
    for name in ("a", "b"):
        report.write(tmp_path / name, ROWS, gallery.gallery(augmenter))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_gallery_shows_parents_children_and_the_nearest_real(augmenter, digits):
    family, copies = gallery.gallery(augmenter, columns=12, scales=(0, 1, 2))
    titles, images = zip(*family.rows, strict=True)
    assert titles == ("real", "scale 0", "scale 1", "scale 2")
    assert torch.equal(images[0], images[1])
    change = [(image - images[0]).abs().mean() for image in images]
    assert change[1] < change[2] < change[3]
    assert family.columns[:3] == ("0", "1", "2")
    child, parent, nearest = (image for _, image in copies.rows)
    distance = [(other - child).flatten(1).norm(dim=1) for other in (parent, nearest)]
    assert (distance[1] <= distance[0] + 1e-5).all()
    flat = digits.x.flatten(1)
    assert all((flat == row).all(1).any() for row in nearest.flatten(1))


def test_gallery_keeps_within_a_schemes_own_end(augmenter):
    family, _ = gallery.gallery(augmenter.using(perturb=Interpolate(1.0)), columns=3)
    assert [title for title, _ in family.rows] == ["real", "scale 0.5", "scale 1", "scale 1"]


def test_schemes_has_a_row_for_each(augmenter, tmp_path):
    grid = gallery.schemes(augmenter, [scheme() for scheme in PERTURBATIONS.values()])
    assert len(grid.rows) == 1 + len(PERTURBATIONS)
    report.save_png(grid, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_no_pictures_of_rows():
    made = Augmenter().fit(subset(load("wine"), 5), steps=2, progress=False)
    with pytest.raises(InputError, match="expected an augmenter of images, got one of rows"):
        gallery.gallery(made)
