"""Published generative baselines, each the real package, trained for a few steps."""

import logging
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from quick_bench import context_of, quick_compare

from vaeaug import InputError
from vaeaug.bench.compare import compare
from vaeaug.bench.methods import GENERATORS, Catalogue
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.generators import DeepSMOTE, OneVAEPerClass, PyraugRHVAE, PythaeVAE, interpolate_neighbours
from vaeaug.bench.stages.method import Method
from vaeaug.data import load, subset
from vaeaug.runtime.errors import Diverged

pytestmark = pytest.mark.usefixtures("random_state_untouched")

QUICK = Settings(steps=5, vae=(("steps", 5),))
SMALL = {
    "pythae": PythaeVAE(factor=2, latent_dim=3),
    "pyraug": PyraugRHVAE(factor=2, latent_dim=3, chain_steps=2),
    "DeepSMOTE": DeepSMOTE(factor=2, latent_dim=20),
    "one VAE per class": OneVAEPerClass(factor=2),
}


@pytest.fixture(params=SMALL)
def generator(request):
    if request.param in ("pythae", "pyraug"):
        pytest.importorskip(request.param, reason="needs the extra generators")
    return SMALL[request.param]


def resample(generator, samples, seed=0, settings=QUICK):
    return generator.resample(context_of(samples, seed=seed, settings=settings))


def test_a_generator_enlarges_the_subset(generator, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    imbalanced = subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2])
    numpy_state, python_state = np.random.get_state()[1].copy(), random.getstate()
    logging_level = logging.root.manager.disable
    resampled = resample(generator, imbalanced)
    assert resampled.counts == [10] * 10
    assert torch.equal(resampled.x[: len(imbalanced)], imbalanced.x)
    assert torch.equal(resampled.y[: len(imbalanced)], imbalanced.y)
    assert resampled.x.shape[1:] == (1, 8, 8)
    assert 0 <= resampled.x.min() <= resampled.x.max() <= 1
    assert torch.equal(resample(generator, imbalanced).x, resampled.x), "same seed, same samples"
    assert not torch.equal(resample(generator, imbalanced, seed=1).x, resampled.x)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert (np.random.get_state()[1] == numpy_state).all()
    assert random.getstate() == python_state
    assert logging.root.manager.disable == logging_level


def test_a_generator_enlarges_tabular_data(generator):
    wine = subset(load("wine"), [8, 4, 8])
    resampled = resample(generator, wine)
    assert resampled.counts == [13] * 3
    assert (resampled.x.amin(0) == wine.x.amin(0)).all()
    assert (resampled.x.amax(0) == wine.x.amax(0)).all()


@pytest.mark.parametrize("generator", [DeepSMOTE(factor=2), OneVAEPerClass(factor=2)])
def test_a_generator_learns_its_class(generator):
    """Trained for longer, most synthetic samples are closest to real samples of their own class."""
    data = load("digits")
    digits = subset(replace(data[data.y < 3], names=("0", "1", "2")), 20)
    synthetic = resample(generator, digits, settings=Settings(vae=(("steps", 150),)))[len(digits) :]
    nearest = torch.cdist(synthetic.x.flatten(1), digits.x.flatten(1)).argmin(1)
    assert (digits.y[nearest] == synthetic.y).float().mean() > 0.6, "a third by chance"


def test_the_methods_of_a_seed_share_a_generator(monkeypatch):
    resampled = []
    resample = DeepSMOTE.resample
    monkeypatch.setattr(DeepSMOTE, "resample", lambda self, context: resampled.append(1) or resample(self, context))
    methods = ["none", "DeepSMOTE", "classical + DeepSMOTE", "SMOTE"]
    results = quick_compare(methods=methods, classifiers=("cnn", "knn"), settings=QUICK)
    assert len(resampled) == 1
    assert {r.method for r in results if r.vae_seconds > 0} == {"DeepSMOTE", "classical + DeepSMOTE"}
    assert len({r.vae_seconds for r in results if r.vae_seconds}) == 1
    assert {r.steps for r in results if r.classifier == "cnn"} == {5}
    assert {r.samples for r in results} == {50}


def test_a_generator_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("vaeaug.bench.stages.base.find_spec", lambda name: None if name == "pyraug" else name)
    monkeypatch.setitem(sys.modules, "pyraug", None)
    methods = Catalogue("digits").named(["generators"])
    assert {method.resampler for method in methods} == set(GENERATORS.values())
    available = {m.resampler for m in Catalogue("digits").named(["all"]) if m.kind == "generator"}
    assert available == set(GENERATORS.values()) - {PyraugRHVAE()}
    message = r"expected the package pyraug for the method 'pyraug RHVAE', got none; pip install 'vaeaug\[generators\]'"
    with pytest.raises(InputError, match=message):
        compare("digits", methods=methods)


def test_the_extras_have_the_packages():
    text = (Path(__file__).parents[1] / "setup.cfg").read_text()
    required = {m.resampler.requires for m in Catalogue("digits").all if m.resampler is not None} - {None}
    assert len(required) == 3
    for package, extra in required:
        packages = text.split(f"\n{extra} =\n")[1].split(" =\n")[0]
        assert {"imblearn": "imbalanced-learn"}.get(package, package) in packages


def test_a_generator_that_yields_nan_stops_the_run(monkeypatch):
    digits = subset(load("digits"), 3)
    nan = (torch.full((3, 1, 8, 8), torch.nan) for _ in range(10))
    monkeypatch.setattr(DeepSMOTE, "generate", lambda self, samples, missing, context: nan)
    with pytest.raises(Diverged, match="expected finite samples of class 0 from DeepSMOTE"):
        resample(DeepSMOTE(), digits)


def test_interpolated_codes_are_between_neighbours():
    z = torch.tensor([[0.0], [1.0], [10.0]])
    codes = interpolate_neighbours(z, 1000, neighbours=1, generator=torch.Generator().manual_seed(0))
    assert ((codes >= 0) & (codes <= 10)).all()
    assert ((codes > 1).float().mean() - 1 / 3).abs() < 0.05, "only 10 has a neighbour on that side"
    assert interpolate_neighbours(z[:2], 4, neighbours=5, generator=torch.Generator()).shape == (4, 1)


def test_a_generator_is_part_of_a_method_like_any_resampler():
    assert replace(DeepSMOTE(), factor=2) == DeepSMOTE(factor=2)
    method = Method("a", (), DeepSMOTE(), "generator")
    assert method.supports("cnn")
    assert method.available
