"""Peers: what others' generators make of the training subset, each the real thing, trained for a few steps."""

import logging
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeaug import InputError
from vaeaug.bench.compare import Settings, compare
from vaeaug.bench.methods import PEERS, arms
from vaeaug.bench.runs import Run
from vaeaug.bench.stages.base import Growth, goal
from vaeaug.bench.stages.generators import DeepSMOTE, OneVAEPerClass, PyraugRHVAE, PythaeVAE, between
from vaeaug.bench.stages.method import Arm
from vaeaug.data import load, subset

pytestmark = pytest.mark.usefixtures("random_state_untouched")

QUICK = Settings(steps=5, vae=(("steps", 5),))
SMALL = {
    "pythae": PythaeVAE(factor=2, latent_dim=3),
    "pyraug": PyraugRHVAE(factor=2, latent_dim=3, walk=2),
    "deepsmote": DeepSMOTE(factor=2, latent_dim=20),
    "own": OneVAEPerClass(factor=2),
}


@pytest.fixture(params=SMALL)
def peer(request):
    if request.param in ("pythae", "pyraug"):
        pytest.importorskip(request.param, reason="needs the extra peers")
    return SMALL[request.param]


def run_of(samples, settings=QUICK):
    return Run(samples, 0, settings)


def test_a_peer_enlarges_the_subset(peer, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lopsided = subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2])
    before = np.random.get_state()[1].copy(), random.getstate(), logging.root.manager.disable
    grown = peer.grow(run_of(lopsided))
    assert grown.counts == [10] * 10
    assert torch.equal(grown.x[: len(lopsided)], lopsided.x)
    assert torch.equal(grown.y[: len(lopsided)], lopsided.y)
    assert grown.x.shape[1:] == (1, 8, 8)
    assert 0 <= grown.x.min() <= grown.x.max() <= 1
    assert torch.equal(peer.grow(run_of(lopsided)).x, grown.x), "same seed, same samples"
    assert not torch.equal(peer.grow(Run(lopsided, 1, QUICK)).x, grown.x)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert (np.random.get_state()[1] == before[0]).all()
    assert (random.getstate(), logging.root.manager.disable) == before[1:]


def test_a_peer_enlarges_rows(peer):
    wine = subset(load("wine"), [8, 4, 8])
    grown = peer.grow(run_of(wine))
    assert grown.counts == [13] * 3
    assert (grown.x.amin(0) == wine.x.amin(0)).all()
    assert (grown.x.amax(0) == wine.x.amax(0)).all()


@pytest.mark.parametrize("peer", [DeepSMOTE(factor=2), DeepSMOTE(factor=2, permuted=True), OneVAEPerClass(factor=2)])
def test_a_peer_learns_its_class(peer):
    """Trained for longer, most of what it makes is nearest to real samples of the class that it stands for."""
    whole = load("digits")
    digits = subset(replace(whole[whole.y < 3], names=("0", "1", "2")), 20)
    grown = peer.grow(run_of(digits, Settings(vae=(("steps", 150),))))
    made = grown[len(digits) :]
    nearest = digits.y[torch.cdist(made.x.flatten(1), digits.x.flatten(1)).argmin(1)]
    assert (nearest == made.y).float().mean() > 0.6, "a third by chance"


def test_the_arms_of_a_seed_share_what_a_peer_made(monkeypatch):
    made = []
    grow = DeepSMOTE.grow
    monkeypatch.setattr(DeepSMOTE, "grow", lambda self, job: made.append(1) or grow(self, job))
    chosen = arms("digits", ["none", "deepsmote", "classical + deepsmote", "smote"])
    rows = list(
        compare(
            "digits", methods=chosen, classifiers=("cnn", "knn"), per_class=5, seeds=1, settings=QUICK, progress=False
        )
    )
    assert len(made) == 1
    assert {row.arm for row in rows if row.vae_seconds > 0} == {"deepsmote", "classical + deepsmote"}
    assert len({row.vae_seconds for row in rows if row.vae_seconds}) == 1
    assert {row.steps for row in rows if row.classifier == "cnn"} == {5}
    assert {row.samples for row in rows} == {50}


def test_a_peer_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyraug", None)
    monkeypatch.setattr("vaeaug.bench.stages.base.find_spec", lambda name: None if name == "pyraug" else name)
    chosen = arms("digits", ["peers"])
    assert {arm.growth for arm in chosen} == set(PEERS.values())
    assert {arm.growth for arm in arms("digits", ["all"])} & set(PEERS.values()) == set(PEERS.values()) - {
        PyraugRHVAE()
    }
    message = r"expected the package pyraug for the arm 'pyraug rhvae', got none; pip install 'vaeaug\[peers\]'"
    with pytest.raises(InputError, match=message):
        compare("digits", methods=chosen)


def test_the_extra_has_the_packages():
    text = (Path(__file__).parents[1] / "setup.cfg").read_text()
    for arm in arms("digits", ["all"]):
        if isinstance(arm.growth, Growth) and arm.growth.needs:
            package, extra = arm.growth.needs
            listed = text.split(f"\n{extra} =\n")[1].split(" =\n")[0]
            assert {"imblearn": "imbalanced-learn"}.get(package, package) in listed


def test_a_peer_that_fails_to_make_numbers_stops_the_run(monkeypatch):
    digits = subset(load("digits"), 3)
    nothing = (torch.full((3, 1, 8, 8), torch.nan) for _ in range(10))
    monkeypatch.setattr(DeepSMOTE, "made", lambda self, samples, missing, job: nothing)
    with pytest.raises(RuntimeError, match="expected finite samples of class 0 from DeepSMOTE"):
        DeepSMOTE().grow(run_of(digits))


def test_between_is_between_neighbours():
    z = torch.tensor([[0.0], [1.0], [10.0]])
    found = between(z, 1000, neighbours=1, generator=torch.Generator().manual_seed(0))
    inside = (found >= 0) & (found <= 1) | (found >= 1) & (found <= 10)
    assert inside.all()
    assert ((found > 1).float().mean() - 1 / 3).abs() < 0.05, "only 10 has a partner beyond 1"
    assert between(z[:2], 4, neighbours=5, generator=torch.Generator()).shape == (4, 1)


def test_goal():
    assert [goal([5, 5], factor) for factor in (1, 5)] == [5, 25]
    assert goal([9, 1], 1) == 9
    assert goal([90, 10], 5) == 250


def test_a_peer_is_an_arm_like_another():
    assert replace(DeepSMOTE(), factor=2) == DeepSMOTE(factor=2)
    assert Arm("a", (), DeepSMOTE()).suits("cnn")
    assert Arm("a", (), DeepSMOTE()).ready
