"""The article's script, at a tiny size: its functions keep what they promise, and the page says what the numbers say."""

import importlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image
from torch.distributions import Independent, Normal
from torchvision.datasets import FashionMNIST

from vaeaug.data import Samples, load, split

ROOT = Path(__file__).parents[2]
BENCHMARKS, PAGE = ROOT / "benchmarks", ROOT / "docs" / "article.md"
JSON = BENCHMARKS / "results" / "article.json"


class Run(NamedTuple):
    article: ModuleType
    data: Samples
    test: Samples
    vaes: Any
    judge: torch.nn.Module
    setting: Any
    numbers: dict[str, Any]
    material: Any


@pytest.fixture(scope="module")
def article() -> Iterator[ModuleType]:
    pytest.importorskip("matplotlib", reason="the figures need matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("article")


@pytest.fixture(scope="module")
def run(article: ModuleType) -> Run:
    """The whole experiment on digits, in a few seconds."""
    data, test = split(load("digits"), 0.5)
    setting = article.Setting(
        steps=60, batch=64, larger_latent=8, larger_steps=60, judge_steps=120, first=60, starts=2, children=10
    )
    before = torch.random.get_rng_state()
    judge = article.fit_judge(data, setting, progress=False)
    vaes = article.fit_vaes(data, setting, progress=False)
    numbers, material = article.measure(data, test, vaes, judge, setting, progress=False)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator was touched"
    numbers |= {"judge_accuracy": article.check_judge(judge, test, least=0.0), "seconds": 60, "threads": 1}
    return Run(article, data, test, vaes, judge, setting, numbers, material)


def test_the_noise_is_round_and_in_the_unit_of_the_code(article: ModuleType) -> None:
    q = Independent(Normal(torch.randn(4000, 2), torch.full((4000, 2), 0.01)), 1)
    moved = [
        article.Around(scale)(q, torch.zeros(4000).long(), None, torch.Generator().manual_seed(0)) - q.mean
        for scale in (0.0, 0.5, 1.0)
    ]
    assert torch.equal(moved[0], torch.zeros(4000, 2))
    assert torch.allclose(moved[2], 2 * moved[1], atol=1e-6)
    assert torch.allclose(moved[2].T.cov(), torch.eye(2), atol=0.1)


def test_nothing_moves_at_spread_zero_and_shares_add_up(run: Run) -> None:
    first, many = run.numbers["first"]["rows"], run.numbers["many"]["rows"]
    assert [row["spread"] for row in first] == [row["spread"] for row in many] == list(run.article.SPREADS)
    assert first[0]["classes_seen"] == 1
    assert first[0]["entropy_bits"] == 0
    assert many[0]["entropy_bits"] == 0
    # One image, one verdict: shares at spread 0 come in steps of one start.
    starts = run.numbers["many"]["starts"]
    assert starts == run.setting.starts * 10
    assert many[0]["share"] * starts == pytest.approx(round(many[0]["share"] * starts))
    assert many[0]["share_of_recognised"] == 1
    for row in first:
        assert sum(row["shares"].values()) == pytest.approx(1)
        assert row["share"] == row["shares"][run.numbers["first"]["class"]]
        assert row["share"] <= row["shirt_like"] <= 1
    for row in many:
        assert row["share"] == pytest.approx(sum(row["by_class"].values()) / 10)


def test_shirt_like_are_the_four_garments_of_the_upper_body(run: Run) -> None:
    assert [FashionMNIST.classes[k] for k in run.article.SHIRT_LIKE] == ["T-shirt/top", "Pullover", "Coat", "Shirt"]
    [row] = run.article.one_start({1.0: torch.full((1, 10), 0.1)}, run.data[[0]])
    assert row["shirt_like"] == pytest.approx(0.4)


def test_verdicts_go_to_their_own_start(run: Run) -> None:
    """A judge that reads the parent off the image tells whether the children are grouped by their start."""
    starts = run.data[[0, 1, 2]]

    class Nearest(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                parents = run.vaes[0].reconstruct(starts.x).flatten(1)
            return torch.nn.functional.pad(-100 * torch.cdist(x.flatten(1), parents), (0, 7), value=-1e9)

    augmenter = run.article.Augmenter(run.vaes[0], residual=False).fit(run.data)
    found = run.article.walk(augmenter, Nearest(), starts, 4, seed=0, progress=False)
    assert torch.equal(found[0.0][:, :3], torch.eye(3).double())
    assert all(torch.allclose(share.sum(1), torch.ones(3).double()) for share in found.values())
    again = run.article.walk(augmenter, Nearest(), starts, 4, seed=0, progress=False)
    assert all(torch.equal(found[spread], again[spread]) for spread in found)


def test_a_judge_that_cannot_tell_stops_the_script(run: Run) -> None:
    untrained = run.article.small_cnn(run.test.event_shape, 10)
    with pytest.raises(
        SystemExit, match=r"expected a judge of at least 88% test accuracy, got \d+\.\d%; train it longer"
    ):
        run.article.check_judge(untrained, run.test)


def test_measures_have_their_known_values(article: ModuleType) -> None:
    x = torch.rand(5, 1, 8, 8)
    assert article.psnr(x, x + 0.1) == pytest.approx(20, abs=1e-3)
    assert torch.equal(article.noised(x, 0.0, seed=0), x)
    noisy = article.noised(x, 1.0, seed=0)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert article.entropy(torch.full((10,), 0.1)).item() == pytest.approx(math.log2(10))
    assert article.entropy(torch.eye(10)[0]).item() == 0
    score = torch.tensor([0.0, 2.0, 1.0, 3.0])
    assert [article.auroc(s, 2) for s in (score, -score, 0 * score)] == [0.75, 0.25, 0.5]
    assert article.digits().shape == (1797, 1, 28, 28)


def test_training_images_are_no_outliers(run: Run) -> None:
    """Their codes lie at distance zero, and the sign of the bound is such that a stranger scores higher."""
    strange = torch.rand(20, 1, 8, 8)
    for vae in run.vaes:
        score = run.article.outlier_scores(vae, run.data.x, torch.cat([run.data.x[:50], strange]), seed=0)
        assert score["distance"][:50].max() < 1e-3
        assert score["distance"][50:].min() > 0
        assert run.article.auroc(score["minus_elbo"], 50) > 0.9


def test_every_figure_is_a_small_whole_file(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    run.article.publish(run.numbers, run.material, tmp_path, page)
    assert json.loads((tmp_path / "article.json").read_text()) == run.numbers
    figures = sorted((tmp_path / "article").iterdir())
    assert [f.stem for f in figures] == sorted(run.article.article_pictures.PICTURES)
    for figure in figures:
        with Image.open(figure) as image:
            assert min(image.size) > 200
            image.load()
        assert figure.stat().st_size < 150_000
    assert page.read_text() == run.article.article_page.fill(PAGE.read_text(), run.numbers)


def test_a_picture_of_many_colours_is_kept_small(article: ModuleType, tmp_path: Path) -> None:
    pictures = article.article_pictures
    drawing = pictures.Figure(figsize=(3.6, 2.7), dpi=pictures.DPI)
    drawing.subplots().imshow(torch.rand(300, 400, 3).numpy())
    drawing.savefig(tmp_path / "full.png")
    pictures.save(drawing, tmp_path / "small.png")
    assert (tmp_path / "small.png").stat().st_size < 150_000 < (tmp_path / "full.png").stat().st_size


def test_tiles_stand_in_reading_order(article: ModuleType) -> None:
    x = torch.arange(1.0, 6.0).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    tiled = article.article_pictures.tiled(x, columns=3)
    assert tiled.shape == (2 * 3, 3 * 4)
    assert tiled[::3, ::4].tolist() == [[1, 2, 3], [4, 5, 0]]
    assert tiled[2].tolist() == [0] * 12


def test_the_verdict_follows_the_numbers(run: Run) -> None:
    verdict, numbers = run.article.article_page.verdict, json.loads(json.dumps(run.numbers))
    first, many = numbers["first"]["rows"], numbers["many"]["rows"]
    even = dict.fromkeys(first[-1]["shares"], 0.1)
    first[0]["share"] = first[1]["share"] = many[0]["share"] = many[1]["share"] = 0.6
    first[-1] |= {"shares": even, "classes_seen": 10}
    assert verdict(numbers).count("it holds") == 2
    many[1]["share"] = 0.5
    first[-1] |= {"shares": even | {"0": 0.6}}
    assert verdict(numbers).count("it does not hold") == 2
    first[0]["share"] = first[1]["share"] = many[0]["share"] = many[1]["share"] = 0.0
    assert "were: it does not hold" in verdict(numbers), "nothing recognised is nothing kept"


def test_filling_changes_the_passages_alone(run: Run) -> None:
    fill, passages = run.article.article_page.fill, run.article.article_page.PASSAGES
    page = "\n".join(f"before {name}\n<!-- {name} -->\nOUTDATED\n<!-- end -->\nafter" for name in passages)
    once = fill(page, run.numbers)
    assert "OUTDATED" not in once
    assert fill(once, run.numbers) == once
    assert re.sub(r"(?<!end) -->\n.*?<!-- end", " -->\nOUTDATED\n<!-- end", once, flags=re.DOTALL) == page
    with pytest.raises(ValueError, match=r"expected each of the passages setting, known, .* once, got none"):
        fill("no passages", run.numbers)


@pytest.mark.skipif(not JSON.is_file(), reason="benchmarks/results/article.json is not here: run benchmarks/article.py")
def test_the_page_says_what_the_numbers_say(article: ModuleType) -> None:
    page, numbers = PAGE.read_text(), json.loads(JSON.read_text())
    assert article.article_page.fill(page, numbers) == page
    assert numbers["judge_accuracy"] >= article.LEAST_ACCURACY
    assert numbers["setting"] == article.asdict(article.Setting()), "the committed numbers are of other settings"
    outside = article.article_page.PASSAGE.sub("", page)
    assert not re.search(r"\d ?(%|dB|nats|minutes)", outside), "a measured number stands outside the passages"
    for link in re.findall(r"\]\((\.\./[^)]+\.png)\)", page):
        assert (PAGE.parent / link).is_file(), link
