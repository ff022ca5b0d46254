import os
import signal

import pytest
import torch
from torch import nn

from vaeaug import VAE, Diverged, InputError, fit_vae
from vaeaug.data import load, subset
from vaeaug.models.networks import MLP
from vaeaug.models.training import ShuffledIndices, evaluating, one_cycle, train
from vaeaug.runtime import seeds as rng

pytestmark = pytest.mark.usefixtures("random_state_untouched")


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def fit(data, **kwargs):
    return fit_vae(data, **{"steps": 30, "progress": False, "architecture": MLP((32,)), **kwargs})


def test_fit_raises_the_elbo_of_held_out_samples(digits):
    rest = subset(load("digits"), 60, seed=5)
    short, long = (fit(digits, steps=steps) for steps in (5, 200))
    assert long.elbo(rest.x).mean() > short.elbo(rest.x).mean() + 10


def test_same_seed_same_weights(digits):
    assert torch.equal(weights(fit(digits, seed=1)), weights(fit(digits, seed=1)))
    assert not torch.equal(weights(fit(digits, seed=1)), weights(fit(digits, seed=2)))


class Cut(Exception):
    pass


def cut_after(monkeypatch, steps, error):
    """Ends the training with `error` after so many optimiser steps."""
    made = torch.optim.AdamW.step
    count = 0

    def step(self, *args, **kwargs):
        nonlocal count
        count += 1
        if count > steps:
            raise error
        return made(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", step)


@pytest.mark.parametrize(("conditional", "body"), [(None, MLP((32,))), (10, MLP((32,))), (None, "conv")])
def test_resume_goes_on_exactly(digits, tmp_path, monkeypatch, conditional, body):
    import vaeaug.models.training as room

    whole = fit(digits, num_classes=conditional, architecture=body)
    monkeypatch.setattr(room.train, "__kwdefaults__", {**room.train.__kwdefaults__, "every": 10})
    with monkeypatch.context() as patch:
        cut_after(patch, 17, Cut)
        with pytest.raises(Cut):
            fit(digits, num_classes=conditional, architecture=body, checkpoint=tmp_path / "c")
    resumed = fit(digits, num_classes=conditional, architecture=body, checkpoint=tmp_path / "c")
    assert torch.equal(weights(resumed), weights(whole))
    assert torch.equal(resumed.log_sigma, whole.log_sigma)


def test_ctrl_c_keeps_a_checkpoint(digits, tmp_path, monkeypatch):
    import vaeaug.models.training as room

    made = room.one_cycle

    def interrupted(step, steps, *args):
        if step == 12:
            os.kill(os.getpid(), signal.SIGINT)
        return made(step, steps, *args)

    monkeypatch.setattr(room, "one_cycle", interrupted)
    handler = signal.default_int_handler
    before = signal.signal(signal.SIGINT, handler)  # a shell's background jobs ignore Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(digits, checkpoint=tmp_path / "c")
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "c").exists()
    assert torch.equal(weights(fit(digits, checkpoint=tmp_path / "c")), weights(fit(digits)))


def test_foreign_checkpoint_is_refused(digits, tmp_path):
    fit(digits, steps=2, checkpoint=tmp_path / "c")
    with pytest.raises(InputError, match="expected a checkpoint of this very module"):
        fit(digits, steps=2, latent_dim=3, checkpoint=tmp_path / "c")
    for data, changed in ((digits, {"seed": 1}), (digits, {"lr": 0.1}), (digits[:50], {})):
        with pytest.raises(InputError, match="expected a checkpoint of this data, seed and these settings"):
            fit(data, **{"steps": 2, "checkpoint": tmp_path / "c", **changed})


def test_a_given_vae_must_speak_the_range_of_the_images(digits):
    with rng.forked(0):
        vae = VAE((1, 8, 8), architecture=MLP((8,)))
    with pytest.raises(InputError, match=r"expected images in the range of the VAE, got 0 to 255; pass VAE"):
        fit((digits.x * 255, digits.y), vae=vae, architecture=None)


def test_diverged_says_what_to_try():
    with rng.forked(0):
        layer = nn.Linear(1, 1)
    with pytest.raises(Diverged, match=r"got nan at step 25; try a lower learning rate than 0.5, precision='fp32'"):
        train(layer, lambda step: layer.weight.sum() * float("nan"), steps=100, lr=0.5, progress=False)


def test_mode_comes_back():
    with rng.forked(0):
        layer = nn.Sequential(nn.Linear(1, 1), nn.Dropout()).eval()
    train(layer, lambda step: layer[0].weight.sum(), steps=2, lr=0.1, progress=False)
    assert not layer.training
    layer[1].train()
    with evaluating(layer):
        assert not layer[1].training
        assert not torch.is_grad_enabled()
    assert (layer.training, layer[0].training, layer[1].training) == (False, False, True)


def test_shuffled_covers_every_sample_equally():
    order = ShuffledIndices(10, 4, seed=0)
    places = torch.cat([order(step) for step in range(5)])
    assert sorted(places[:10].tolist()) == sorted(places[10:].tolist()) == list(range(10))
    assert torch.equal(ShuffledIndices(10, 4, seed=0)(3), order(3))
    assert torch.bincount(ShuffledIndices(3, 9, seed=0)(0)).tolist() == [3, 3, 3]


def test_one_cycle_rises_and_falls_to_nothing():
    rates = [one_cycle(step, 100) for step in range(100)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01 < max(rates) <= 1


def test_given_vae_is_trained_in_place(digits):
    with rng.forked(0):
        vae = VAE((1, 8, 8), architecture=MLP((8,)))
    before = weights(vae)
    assert fit(digits, vae=vae, architecture=None) is vae
    assert not torch.equal(weights(vae), before)


def test_precisions_agree(digits):
    exact, fast = (fit(digits, precision=p, architecture="conv", steps=40) for p in ("fp32", "bf16"))
    a, b = (vae.elbo(digits.x).mean() for vae in (exact, fast))
    assert abs(a - b) < 0.05 * abs(a)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"steps": 0}, "expected steps to be a whole number from 1 up, got 0"),
        ({"lr": 0}, "expected lr to be a number above 0, got 0"),
        ({"beta": -1}, "expected beta to be a number from 0 up, got -1"),
        ({"beta_warmup": 2}, "expected beta_warmup to be a number from 0 to 1, got 2"),
        ({"batch_size": 0}, "expected batch_size to be a whole number from 1 up, got 0"),
        ({"precision": "fp8"}, "expected precision to be one of auto, fp32, bf16, got 'fp8'"),
        ({"seed": -1}, "expected seed to be a whole number from 0 up, got -1"),
        ({"num_classes": 4}, r"expected labels in 0..3, got labels from 0 to 9"),
    ],
)
def test_bad_arguments(digits, kwargs, message):
    with pytest.raises(InputError, match=message):
        fit(digits, **kwargs)


def test_bernoulli_refuses_rows():
    with pytest.raises(InputError, match="expected images for a Bernoulli likelihood, got tabular data"):
        fit("wine", likelihood="bernoulli")


def test_wrong_shape_for_a_given_vae(digits):
    with rng.forked(0):
        vae = VAE((1, 9, 9))
    with pytest.raises(InputError, match=r"expected samples of shape \(B, 1, 9, 9\), got \(120, 1, 8, 8\)"):
        fit(digits, vae=vae, architecture=None)
