"""The explorer's page as a file: what is in it, what is not, what is refused. test_explorer_browser.py runs it."""

import base64
import json
import re
import sys
import zlib

import numpy as np
import pytest
import torch
from conftest import needs_fashion
from safetensors.numpy import load as read_arrays
from torch import nn

from vaeaug import PCA, Augmenter, Covariance, Difference, Identity, InputError, Posterior, cli, explore
from vaeaug.data import load, subset
from vaeaug.data.samples import from_arrays
from vaeaug.explorer import packing, page, selection
from vaeaug.models.adapters import from_functions

pytestmark = pytest.mark.usefixtures("quick_teachers")
HOSTILE = ("</script><script>boom()</script>", "$\\frac{$", "{{script}}<!--")


def unpacked(path):
    """Returns the facts and the arrays of a page."""
    (block,) = re.findall(r'<script type="text/plain" id="block">([^<]*)</script>', path.read_text())
    content = zlib.decompress(base64.b64decode(block))
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["facts"]), read_arrays(content)


def unpredicted(differences):
    """Undoes the prediction of pixels, one after the other."""
    images = np.zeros((len(differences), *(side + 1 for side in differences.shape[-2:])), dtype=np.int64)
    for row in range(1, images.shape[1]):
        for column in range(1, images.shape[2]):
            left, above, corner = images[:, row, column - 1], images[:, row - 1, column], images[:, row - 1, column - 1]
            guess = left + above - corner
            errors = np.stack([abs(guess - left), abs(guess - above), abs(guess - corner)])
            best = np.choose(errors.argmin(0), [left, above, corner])
            images[:, row, column] = (differences[:, row - 1, column - 1] + best) % 256
    return images[:, 1:, 1:]


def mixed_table():
    pandas = pytest.importorskip("pandas", reason="tables with categories need pandas")
    random = np.random.default_rng(0)
    y = np.where(random.random(60) < 0.5, HOSTILE[0], HOSTILE[1])
    frame = pandas.DataFrame(
        {
            "age": random.integers(18, 80, 60),
            "income": np.where(random.random(60) < 0.2, np.nan, random.normal(size=60).round(2)),
            HOSTILE[2]: random.choice(["Rome", "<img src=x onerror=boom()>"], 60),
            "job": pandas.Series(random.choice(["a", "b", None], 60)),
        }
    )
    return frame, y


@pytest.fixture(scope="module")
def digits_page(augmenter, tmp_path_factory):
    return explore(augmenter, tmp_path_factory.mktemp("explorer") / "page.html", title="digits")


def test_the_samples_are_in_the_page_pixel_by_pixel(augmenter, digits_page):
    facts, arrays = unpacked(digits_page)
    x = (augmenter.bank_.samples.x * 255).round().numpy()[:, 0]
    assert (unpredicted(arrays["samples"][:, 0].astype(np.int64)) == x).all()
    assert arrays["y"].tolist() == augmenter.bank_.samples.y.tolist()
    assert facts["names"] == list(augmenter.bank_.samples.names)
    assert not facts["synthetic_only"]


def test_predictions_of_pixels_can_be_undone():
    images = np.random.default_rng(0).integers(0, 256, (5, 9, 7)).astype(np.uint8)
    assert (unpredicted(packing.predicted(images).astype(np.int64)) == images).all()


def test_nothing_in_the_page_names_another_address(digits_page):
    text = digits_page.read_text()
    assert not re.findall(r"""(?:src|href)=(?!"data:,")""", text)
    assert set(re.findall(r"https?://[^\"\s]+", text)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("word", HOSTILE)
def test_a_title_neither_ends_an_element_nor_fills_a_place(augmenter, tmp_path, word):
    text = explore(augmenter, tmp_path / "page.html", title=word, samples=20).read_text()
    assert text.count("</script>") == 2
    assert "boom()</script>" not in text
    assert unpacked(tmp_path / "page.html")[0]["title"] == word


def test_names_and_columns_stand_in_the_block_alone(tmp_path):
    frame, y = mixed_table()
    path = explore(Augmenter().fit(frame, y, steps=2, progress=False), tmp_path / "page.html")
    assert "boom" not in path.read_text()
    facts, _ = unpacked(path)
    assert set(facts["names"]) == set(HOSTILE[:2])
    assert facts["columns"][2]["name"] == HOSTILE[2]


@pytest.mark.usefixtures("random_state_untouched")
def test_the_same_augmenter_gives_the_same_bytes(augmenter, tmp_path):
    pages = [explore(augmenter, tmp_path / name, samples=30).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_fewer_samples_keep_two_of_each_class(augmenter, tmp_path):
    facts, arrays = unpacked(explore(augmenter, tmp_path / "page.html", samples=25))
    assert len(arrays["y"]) == 25
    assert np.bincount(arrays["y"]).min() >= 2
    assert facts["of_samples"] == len(augmenter.bank_)
    assert (augmenter.bank_.samples.y.numpy()[arrays["index"]] == arrays["y"]).all()


def test_large_images_are_fewer():
    def samples(side):
        return from_arrays(torch.rand(2, 3, side, side), [0, 1])

    sizes = [selection.default_size(samples(side)) for side in (8, 28, 64, 256)]
    assert sizes[0] == 2000
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == selection.FEWEST_SAMPLES


@needs_fashion
def test_2000_images_of_28_by_28_pixels_are_less_than_1500_kilobytes(tmp_path):
    augmenter = Augmenter().fit(subset(load("fashion-mnist"), 200, seed=0), steps=20, progress=False)
    path = explore(augmenter, tmp_path / "page.html")
    assert len(unpacked(path)[1]["y"]) == 2000
    assert path.stat().st_size < 1_500_000


def test_synthetic_only_leaves_real_samples_out(augmenter, tmp_path):
    facts, arrays = unpacked(explore(augmenter, tmp_path / "page.html", synthetic_only=True))
    shown = unpredicted(arrays["samples"][:, 0].astype(np.int64)).reshape(len(arrays["y"]), -1)
    real = (augmenter.bank_.samples.x * 255).round().numpy().reshape(len(augmenter.bank_), -1)
    assert facts["synthetic_only"]
    assert len(shown) > 50
    assert not (shown[:, None] == real[None]).all(2).any()
    assert not len(arrays["index"])
    assert not facts["files"]
    codes = augmenter.bank_.mean.half().numpy()
    assert not (arrays["mean"][:, None] == codes[None]).all(2).any()


def test_synthetic_only_names_no_value_that_no_synthetic_row_has(tmp_path):
    frame, y = mixed_table()
    frame["job"] = frame["job"].mask(frame.index == 0, "the only astronaut")
    augmenter = Augmenter().fit(frame, y, steps=2, progress=False)
    path = explore(augmenter, tmp_path / "page.html", synthetic_only=True)
    facts, arrays = unpacked(path)
    column = facts["columns"][3]
    level = list(augmenter.bank_.samples.table.columns[3].levels).index("the only astronaut")
    occurs = arrays["samples"].reshape(len(arrays["y"]), -1)[:, column["feature"] + level].any()
    assert ("the only astronaut" in column["levels"]) == occurs
    real = augmenter.bank_.samples.x.numpy()
    assert not (arrays["samples"].reshape(-1, 1, real.shape[1]) == real[None]).all(2).any()


def test_copies_alone_are_refused_without_real_samples(augmenter, tmp_path):
    with pytest.raises(InputError, match="expected synthetic samples that are no copies of real ones"):
        explore(augmenter.using(perturb=Difference(scale=0)), tmp_path / "page.html", synthetic_only=True)
    assert not list(tmp_path.iterdir())


def test_the_augmenters_own_scheme_comes_first(augmenter, tmp_path):
    own = augmenter.using(perturb=Covariance(scale=0.25, pooled=False))
    facts, arrays = unpacked(explore(own, tmp_path / "page.html", samples=30))
    assert facts["scheme"] == "covariance"
    assert facts["schemes"]["covariance"]["scale"] == 0.25
    assert len(arrays["class_factors"]) == 10
    assert facts["schemes"]["interpolate"]["largest"] == 1


def test_spaces_without_posterior_noise_do_not_offer_it(digits, tmp_path):
    for vae, has_noise in ((Identity(), False), (PCA(4), True)):
        path = explore(Augmenter(vae).fit(digits), tmp_path / "page.html")
        assert ("posterior" in unpacked(path)[0]["schemes"]) == has_noise


class TestRefusals:
    def test_before_fit(self, tmp_path):
        with pytest.raises(ValueError, match="before fit"):
            explore(Augmenter(), tmp_path / "page.html")

    def test_a_file_of_another_kind(self, augmenter, tmp_path):
        (tmp_path / "page.html").write_text("my own page")
        with pytest.raises(InputError, match="expected a new file"):
            explore(augmenter, tmp_path / "page.html")
        assert (tmp_path / "page.html").read_text() == "my own page"
        explore(augmenter, tmp_path / "page.html", samples=20, overwrite=True)
        explore(augmenter, tmp_path / "page.html", samples=20)

    def test_a_vae_that_the_page_cannot_run(self, tmp_path):
        flat = nn.Flatten()
        vae = from_functions(lambda x: (flat(x), torch.zeros(len(x), 64)), lambda z: z.view(-1, 1, 8, 8))
        with pytest.raises(InputError, match="a VAE of type Adapted"):
            explore(Augmenter(vae).fit("digits"), tmp_path / "page.html")

    @pytest.mark.parametrize("samples", [1, 0, -3, 2.5])
    def test_too_few_samples(self, augmenter, tmp_path, samples):
        with pytest.raises(InputError, match="expected samples"):
            explore(augmenter, tmp_path / "page.html", samples=samples)


def test_the_command_line(augmenter, tmp_path, monkeypatch, capsys):
    augmenter.save(tmp_path / "model")
    words = ["vaeaug", "explore", str(tmp_path / "model"), "-o", str(tmp_path / "page.html")]
    monkeypatch.setattr(sys, "argv", [*words, "--samples", "30", "--perturb", "posterior", "--scale", "2"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert "open it in a browser" in capsys.readouterr().out
    facts, arrays = unpacked(tmp_path / "page.html")
    assert len(arrays["y"]) == 30
    assert facts["title"] == "model"
    assert facts["scheme"] == "posterior"
    assert facts["schemes"]["posterior"]["python"] == repr(Posterior(scale=2.0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "model/page.html"), "inside the input"),
        (("-o", "page.html", "--samples", "1"), "expected samples"),
        (("-o", "page.html", "--scale", "nan"), "--scale"),
        (("-o", "taken.html"), "expected a new file"),
    ],
)
def test_the_command_line_refuses_before_any_work(augmenter, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    augmenter.save("model")
    (tmp_path / "taken.html").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["vaeaug", "explore", "model", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_page_names_all_scripts():
    scripts = {path.stem for path in page.ASSETS.glob("*.js")}
    assert scripts == set(page.SCRIPTS)
