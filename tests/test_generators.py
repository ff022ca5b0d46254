"""Published generative baselines, each the real package, trained for a few steps."""

import logging
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from quick_bench import context_of

from vaeaug import Diverged, InputError
from vaeaug.bench.compare import compare
from vaeaug.bench.methods import GENERATORS, Catalogue
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.generators import (
    DeepSMOTE,
    OneVAEPerClass,
    PyraugRHVAE,
    PythaeVAE,
    interpolate_neighbours,
)
from vaeaug.bench.stages.method import Method
from vaeaug.data import load, subset

pytestmark = pytest.mark.usefixtures("random_state_untouched")

QUICK = Settings(steps=5, vae=(("steps", 5),))
SMALL = {
    "pythae": PythaeVAE(factor=2, latent_dim=3),
    "pyraug": PyraugRHVAE(factor=2, latent_dim=3, chain_steps=2),
    "deepsmote": DeepSMOTE(factor=2, latent_dim=20),
    "one per class": OneVAEPerClass(factor=2),
}


@pytest.fixture(params=SMALL)
def generator(request):
    if request.param in ("pythae", "pyraug"):
        pytest.importorskip(request.param, reason="needs the extra generators")
    return SMALL[request.param]


def test_a_generator_enlarges_the_subset(generator, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    imbalanced = subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2])
    before = np.random.get_state()[1].copy(), random.getstate(), logging.root.manager.disable
    resampled = generator.resample(context_of(imbalanced, settings=QUICK))
    assert resampled.counts == [10] * 10
    assert torch.equal(resampled.x[: len(imbalanced)], imbalanced.x)
    assert torch.equal(resampled.y[: len(imbalanced)], imbalanced.y)
    assert resampled.x.shape[1:] == (1, 8, 8)
    assert 0 <= resampled.x.min() <= resampled.x.max() <= 1
    assert torch.equal(generator.resample(context_of(imbalanced, settings=QUICK)).x, resampled.x), (
        "same seed, same samples"
    )
    assert not torch.equal(generator.resample(context_of(imbalanced, seed=1, settings=QUICK)).x, resampled.x)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert (np.random.get_state()[1] == before[0]).all()
    assert (random.getstate(), logging.root.manager.disable) == before[1:]


def test_a_generator_enlarges_tabular_data(generator):
    wine = subset(load("wine"), [8, 4, 8])
    resampled = generator.resample(context_of(wine, settings=QUICK))
    assert resampled.counts == [13] * 3
    assert (resampled.x.amin(0) == wine.x.amin(0)).all()
    assert (resampled.x.amax(0) == wine.x.amax(0)).all()


@pytest.mark.parametrize("generator", [DeepSMOTE(factor=2), OneVAEPerClass(factor=2)])
def test_a_generator_learns_its_class(generator):
    """Trained for longer, most synthetic samples are nearest to real samples of their class."""
    whole = load("digits")
    digits = subset(replace(whole[whole.y < 3], names=("0", "1", "2")), 20)
    resampled = generator.resample(context_of(digits, settings=Settings(vae=(("steps", 150),))))
    synthetic = resampled[len(digits) :]
    nearest = digits.y[torch.cdist(synthetic.x.flatten(1), digits.x.flatten(1)).argmin(1)]
    assert (nearest == synthetic.y).float().mean() > 0.6, "a third by chance"


def test_the_methods_of_a_seed_share_a_generator(monkeypatch):
    calls = []
    resample = DeepSMOTE.resample
    monkeypatch.setattr(DeepSMOTE, "resample", lambda self, context: calls.append(1) or resample(self, context))
    methods = ["none", "DeepSMOTE", "classical + DeepSMOTE", "SMOTE"]
    results = list(
        compare(
            "digits",
            methods=Catalogue("digits").named(methods),
            classifiers=("cnn", "knn"),
            per_class=5,
            seeds=1,
            settings=QUICK,
            progress=False,
        )
    )
    assert len(calls) == 1
    assert {r.method for r in results if r.vae_seconds > 0} == {"DeepSMOTE", "classical + DeepSMOTE"}
    assert len({r.vae_seconds for r in results if r.vae_seconds}) == 1
    assert {r.steps for r in results if r.classifier == "cnn"} == {5}
    assert {r.samples for r in results} == {50}


def test_a_generator_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyraug", None)
    monkeypatch.setattr("vaeaug.bench.stages.base.find_spec", lambda name: None if name == "pyraug" else name)
    catalogue = Catalogue("digits")
    methods = [method for method in catalogue.all if method.name == "pyraug RHVAE"]
    assert not methods[0].available
    assert all(method.available for method in catalogue.all if "pyraug" not in method.name)
    message = r"expected the package pyraug for .*, got none; pip install 'vaeaug\[generators\]'"
    with pytest.raises(InputError, match=message):
        compare("digits", methods=methods)


def test_the_extras_name_the_packages():
    text = (Path(__file__).parents[1] / "setup.cfg").read_text()
    for method in Catalogue("digits").all:
        if method.resampler is not None and method.resampler.requires:
            package, extra = method.resampler.requires
            packages = text.split(f"\n{extra} =\n")[1].split(" =\n")[0]
            assert {"imblearn": "imbalanced-learn"}.get(package, package) in packages


def test_samples_that_are_not_finite_stop_the_run(monkeypatch):
    digits = subset(load("digits"), 3)
    not_finite = (torch.full((3, 1, 8, 8), torch.nan) for _ in range(10))
    monkeypatch.setattr(DeepSMOTE, "generate", lambda self, samples, missing, context: not_finite)
    with pytest.raises(Diverged, match="expected finite samples of class 0 from DeepSMOTE"):
        DeepSMOTE().resample(context_of(digits))


def test_interpolated_codes_lie_between_neighbours():
    z = torch.tensor([[0.0], [1.0], [10.0]])
    codes = interpolate_neighbours(z, 1000, neighbours=1, generator=torch.Generator().manual_seed(0))
    inside = (codes >= 0) & (codes <= 1) | (codes >= 1) & (codes <= 10)
    assert inside.all()
    assert ((codes > 1).float().mean() - 1 / 3).abs() < 0.05, "only 10 has a partner beyond 1"
    assert interpolate_neighbours(z[:2], 4, neighbours=5, generator=torch.Generator()).shape == (4, 1)


def test_a_generator_is_a_resampler_like_another():
    assert set(GENERATORS) <= {method.name for method in Catalogue("digits").all}
    assert Method("a", (), DeepSMOTE()).supports("cnn")
    assert Method("a", (), DeepSMOTE()).available
