import itertools
import os
import signal

import pytest
import torch
from torch import nn

from vaeaug import VAE, Diverged, InputError, fit_vae
from vaeaug.data import load, subset
from vaeaug.models.networks import MLP
from vaeaug.models.training import ShuffledIndices, evaluating, one_cycle, train
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def fit(data, **kwargs):
    return fit_vae(data, **{"steps": 30, "progress": False, "architecture": MLP((32,)), **kwargs})


def test_fit_raises_the_elbo_of_held_out_samples(digits):
    held_out = subset(load("digits"), 60, seed=5)
    short, long = (fit(digits, steps=steps) for steps in (5, 200))
    assert long.elbo(held_out.x).mean() > short.elbo(held_out.x).mean() + 10


def test_same_seed_same_weights(digits):
    assert torch.equal(weights(fit(digits, seed=1)), weights(fit(digits, seed=1)))
    assert not torch.equal(weights(fit(digits, seed=1)), weights(fit(digits, seed=2)))


def new_vae(**kwargs):
    with seeds.forked(0):
        return VAE((1, 8, 8), **kwargs).to(memory_format=torch.channels_last)


def call_at_step(vae, step, action):
    """Calls `action` in the forward pass of a step, counted from 0."""
    calls = itertools.count()
    vae.head.register_forward_hook(lambda *_: action() if next(calls) == step else None)


VAES = [{"architecture": MLP((32,))}, {"architecture": MLP((32,)), "num_classes": 10}, {"architecture": "conv"}]


class Crash(Exception):
    pass


@pytest.mark.parametrize("kwargs", VAES, ids=str)
def test_a_crashed_training_resumes_exactly(digits, tmp_path, kwargs):
    def train_vae(vae, **settings):
        order = ShuffledIndices(len(digits), 64, seed=0)

        def loss(step):
            eps = torch.randn(64, 16, generator=seeds.generator(0, step))
            log_likelihood, divergence = vae.terms(digits.x[order(step)], digits.y[order(step)], eps)
            return (divergence - log_likelihood).mean() / 64

        train(vae, loss, steps=30, lr=4e-3, progress=False, **settings)
        return vae

    def crash():
        raise Crash

    uninterrupted = train_vae(new_vae(**kwargs))
    checkpoint = {"checkpoint": tmp_path / "c", "every": 10}
    crashing = new_vae(**kwargs)
    call_at_step(crashing, 17, crash)
    with pytest.raises(Crash):
        train_vae(crashing, **checkpoint)
    steps = []
    resumed = new_vae(**kwargs)
    resumed.head.register_forward_hook(lambda *_: steps.append(1))
    train_vae(resumed, **checkpoint)
    assert len(steps) == 20, "it resumes from the checkpoint of step 10"
    assert torch.equal(weights(resumed), weights(uninterrupted))
    assert torch.equal(resumed.log_sigma, uninterrupted.log_sigma)


@pytest.mark.parametrize("kwargs", VAES, ids=str)
def test_ctrl_c_writes_a_checkpoint_to_resume_from(digits, tmp_path, kwargs):
    vae = new_vae(**kwargs)
    call_at_step(vae, 12, lambda: os.kill(os.getpid(), signal.SIGINT))
    handler = signal.default_int_handler
    before = signal.signal(signal.SIGINT, handler)  # a shell's background jobs ignore Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(digits, vae=vae, checkpoint=tmp_path / "c")
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "c").exists()
    steps = []
    resumed = new_vae(**kwargs)
    resumed.head.register_forward_hook(lambda *_: steps.append(1))
    fit(digits, vae=resumed, checkpoint=tmp_path / "c")
    uninterrupted = fit(digits, vae=new_vae(**kwargs))
    assert len(steps) == 17, "the interrupted step was finished"
    assert torch.equal(weights(resumed), weights(uninterrupted))
    assert torch.equal(resumed.log_sigma, uninterrupted.log_sigma)


def test_a_second_ctrl_c_interrupts_immediately(digits, tmp_path):
    def interrupt_twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    vae = new_vae(architecture=MLP((8,)))
    call_at_step(vae, 3, interrupt_twice)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(digits, vae=vae, checkpoint=tmp_path / "c")
    finally:
        signal.signal(signal.SIGINT, before)
    assert not (tmp_path / "c").exists()


def test_foreign_checkpoint_is_refused(digits, tmp_path):
    fit(digits, steps=2, checkpoint=tmp_path / "c")
    with pytest.raises(InputError, match="expected a checkpoint of this very module"):
        fit(digits, steps=2, latent_dim=3, checkpoint=tmp_path / "c")
    for data, changed in ((digits, {"seed": 1}), (digits, {"lr": 0.1}), (digits[:50], {})):
        with pytest.raises(InputError, match="expected a checkpoint of this data, seed and these settings"):
            fit(data, **{"steps": 2, "checkpoint": tmp_path / "c", **changed})


def test_images_must_be_in_the_range_of_a_given_vae(digits):
    with seeds.forked(0):
        vae = VAE((1, 8, 8), architecture=MLP((8,)))
    with pytest.raises(InputError, match=r"expected images in the range of the VAE, got 0 to 255; pass VAE"):
        fit((digits.x * 255, digits.y), vae=vae, architecture=None)


def test_a_diverged_training_says_what_to_try():
    with seeds.forked(0):
        layer = nn.Linear(1, 1)
    with pytest.raises(Diverged, match=r"got nan at step 25; try a lower learning rate than 0.5, precision='fp32'"):
        train(layer, lambda step: layer.weight.sum() * float("nan"), steps=100, lr=0.5, progress=False)


@pytest.mark.parametrize("steps", [1, 7, 26])
def test_divergence_is_noticed_at_the_last_step(tmp_path, steps):
    with seeds.forked(0):
        layer = nn.Linear(1, 1)

    def loss(step):
        return layer.weight.sum() * (float("inf") if step == steps - 1 else 1)

    with pytest.raises(Diverged, match=f"at step {steps}; try a lower learning rate"):
        train(layer, loss, steps=steps, lr=0.1, progress=False, checkpoint=tmp_path / "c")
    assert not (tmp_path / "c").exists(), "a diverged state is no checkpoint"


def test_the_mode_is_restored():
    with seeds.forked(0):
        layer = nn.Sequential(nn.Linear(1, 1), nn.Dropout()).eval()
    train(layer, lambda step: layer[0].weight.sum(), steps=2, lr=0.1, progress=False)
    assert not layer.training
    layer[1].train()
    with evaluating(layer):
        assert not layer[1].training
        assert not torch.is_grad_enabled()
    assert (layer.training, layer[0].training, layer[1].training) == (False, False, True)


def test_shuffled_indices_cover_every_sample_equally():
    order = ShuffledIndices(10, 4, seed=0)
    index = torch.cat([order(step) for step in range(5)])
    assert sorted(index[:10].tolist()) == sorted(index[10:].tolist()) == list(range(10))
    assert torch.equal(ShuffledIndices(10, 4, seed=0)(3), order(3))
    assert torch.bincount(ShuffledIndices(3, 9, seed=0)(0)).tolist() == [3, 3, 3]


def test_one_cycle_rises_and_falls_to_zero():
    rates = [one_cycle(step, 100) for step in range(100)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01 < max(rates) <= 1


def test_given_vae_is_trained_in_place(digits):
    with seeds.forked(0):
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


def test_bernoulli_refuses_tabular_data():
    with pytest.raises(InputError, match="expected images for a Bernoulli likelihood, got tabular data"):
        fit("wine", likelihood="bernoulli")


def test_wrong_shape_for_a_given_vae(digits):
    with seeds.forked(0):
        vae = VAE((1, 9, 9))
    with pytest.raises(InputError, match=r"expected samples of shape \(B, 1, 9, 9\), got \(120, 1, 8, 8\)"):
        fit(digits, vae=vae, architecture=None)
