import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from vaeaug import Augmenter, InputError, gallery, report
from vaeaug.data import load, subset
from vaeaug.perturb import PERTURBATIONS, Interpolate
from vaeaug.rows import Result

ROW = Result("<digits>", "5", "cnn", "none", 0, 0.5, 0.5, 0.5, 0.0, 10, 1.0, 0.0, 50, "abc", "def", "1 1/1 1")
ARMS = ("none", "classical", "vae", "classical + vae")
ROWS = [
    replace(ROW, arm=arm, seed=seed, accuracy=0.7 + 0.01 * i + 0.001 * seed * (i + 1))
    for i, arm in enumerate(ARMS)
    for seed in range(4)
]


class Page(HTMLParser):
    """Collects the tags of a page, and fails where they do not nest."""

    void = frozenset(("meta", "link", "br", "img", "input", "hr"))

    def __init__(self, text):
        super().__init__()
        self.open, self.found = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_self_contained_and_says_it_all(augmenter, tmp_path):
    report.write(tmp_path / "report.html", ROWS, gallery.gallery(augmenter), {"steps": 10})
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    links = [v for _, attrs in page.found for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<digits>" not in text, "a user's names are escaped"
    assert text.index("classical + vae helps") < text.index("<table>"), "the verdict stands on top"
    figures = [attrs for tag, attrs in page.found if tag == "figure"]
    assert len(figures) == 5
    assert all(len(attrs["aria-label"]) > 20 for attrs in figures)
    for arm in ARMS:
        assert f"<td>{arm}</td>" in text
    assert "prefers-color-scheme: dark" in text
    assert report.INK not in text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_page_of_one_seed_and_no_rival(tmp_path):
    report.write(tmp_path / "a.html", [ROW, replace(ROW, arm="vae")])
    assert "says nothing yet" in (tmp_path / "a.html").read_text()
    assert "nan" not in re.sub(r'base64,[^"]*', "", (tmp_path / "a.html").read_text()).lower()


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
