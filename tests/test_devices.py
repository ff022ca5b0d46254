"""Fitting and generating on a simulated CUDA device: torch's fake tensors have a device, but no content.

With them an operation on tensors of two devices is an error, and so is reading a value, which would wait for a GPU.
"""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from vaeaug import VAE
from vaeaug.augmenter import generation
from vaeaug.augmenter.generation import Synthesizer
from vaeaug.augmenter.parents import Parents, round_robin
from vaeaug.augmenter.residuals import compute_residuals
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


class Residuals:
    """Residuals on the device, without the cache, which reads on the CPU what it holds."""

    def __init__(self, residuals):
        self.residuals = residuals

    def update(self, index):
        pass

    def gather(self, index, out):
        return torch.index_select(self.residuals, 0, index.to(CUDA), out=out)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("scheme", PERTURBATIONS.values(), ids=list(PERTURBATIONS))
def test_a_chunk(augmenter, monkeypatch, scheme, residual):
    # Generation reads one value: whether any code is unmoved. The copy to the CPU waits just as long.
    monkeypatch.setattr(torch.Tensor, "any", lambda self, *args: False)
    # Whether samples are finite is read from their copy on the CPU.
    monkeypatch.setattr(generation, "is_finite", lambda x: x.device.type == "cpu")
    bank = augmenter.bank_
    samples, class_index = bank.samples, bank.class_index
    factors = {name: getattr(bank, name) for name in ("_pooled_factor", "_class_factors")}
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        mean, stddev = (mode.from_tensor(t).to(CUDA) for t in (bank.mean, bank.stddev))
        moved = replace(bank, mean=mean, stddev=stddev)
        # They depend on values: they are computed on the CPU, once.
        vars(moved).update(class_index=class_index, **{name: f.to(CUDA) for name, f in factors.items()})
        codec = Codec(vae_on())
        residuals = Residuals(compute_residuals(codec, samples.x, mean, samples.y)) if residual else None
        order = round_robin(len(bank))
        parents = Parents(samples.x, samples.y, torch.ones(len(bank)), mean, stddev, order, residuals, in_range=True)
        synthesizer = Synthesizer(codec, moved, scheme(), None, AcceptanceCounts(samples.names))
        generated = synthesizer.generate(parents, 0, 0, CHUNK)
        assert generated.x.shape == (CHUNK, 1, 8, 8)
        assert {column.device.type for column in generated} == {"cpu"}
