"""Fitting and generating on a simulated CUDA device: torch's fake tensors have a device, but no content.

With them an operation on tensors of two devices is an error, and so is reading a value, which would wait for a GPU.
"""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from vaeaug import VAE, Augmenter
from vaeaug.augmenter.parents import Parents, _kept, in_turn
from vaeaug.filters.base import AcceptanceCounts
from vaeaug.models.batches import Batch
from vaeaug.models.codec import CHUNK, Codec
from vaeaug.models.fitting import FitSettings, loss_by_step
from vaeaug.perturb import PERTURBATIONS

CUDA = torch.device("cuda:0")


def vae_on(device=CUDA, **settings):
    with torch.device(device):
        return VAE((1, 8, 8), **settings)


@pytest.mark.parametrize("device", ["cuda:0", "meta"])
@pytest.mark.parametrize(
    "settings", [{}, {"num_classes": 10}, {"likelihood": "bernoulli"}, {"architecture": "mlp"}], ids=str
)
def test_a_step_of_fitting(digits, settings, device):
    batch = Batch(digits.x[:32], digits.y[:32], 0, 32)
    arguments = FitSettings(1, 32, lr=4e-3, weight_decay=0.01, beta=1.0, beta_warmup=0.2, input_noise=0.1, seed=0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        vae = vae_on(device, **settings).train()
        loss = loss_by_step(vae, lambda step: batch, arguments)(0)
        assert loss.device == torch.device(device)
        if device == "meta":
            # Backwards, autograd asks for a CUDA context even of fake tensors.
            loss.backward()
            assert {weight.grad.device.type for weight in vae.parameters()} == {"meta"}


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("scheme", PERTURBATIONS.values(), ids=list(PERTURBATIONS))
def test_a_chunk(augmenter, monkeypatch, scheme, residual):
    # The one look at a value in a chunk: whether any code stayed where it was. The copy to the CPU waits as long.
    monkeypatch.setattr(torch.Tensor, "any", lambda self, *given: False)
    bank = augmenter.bank_
    kept = {"_by_class": bank._by_class, "_factors": bank._factors}
    samples, order = bank.samples, in_turn(len(bank))(0)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        moved = replace(bank, mean=mode.from_tensor(bank.mean).to(CUDA), stddev=mode.from_tensor(bank.stddev).to(CUDA))
        moved.__dict__.update(_by_class=kept["_by_class"], _factors=tuple(f.to(CUDA) for f in kept["_factors"]))
        other = Augmenter(perturb=scheme(), residual=residual)
        other.vae_, other.bank_, other._tally = vae_on(), moved, AcceptanceCounts(samples.names)
        sure = torch.ones(len(bank))
        rest = _kept(Codec(other.vae_).rest(samples.x, moved.mean, samples.y)) if residual else None
        source = Parents(samples.x, samples.y, sure, moved.mean, moved.stddev, lambda chunk: order, rest, True)
        made = other._maker.make(source, 0, 0, CHUNK)
        assert made.x.shape == (CHUNK, 1, 8, 8)
        assert {part.device.type for part in made} == {"cpu"}
