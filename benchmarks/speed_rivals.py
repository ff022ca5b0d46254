"""What vaeaug's speed is measured against: a loop and an epoch written by hand, pythae and pyraug.

All train the very modules of a `vaeaug.VAE` on the very same objective, binary cross-entropy plus KL, so that `VAE.elbo`
judges each. pyraug goes beside the rest, without its old pins:

    pip install --no-deps --target runs/pyraug pyraug && python benchmarks/speed.py --pyraug runs/pyraug
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from vaeaug.models.networks import Architecture
from vaeaug.models.vae import VAE

BATCH = 64  # of pythae's sampler


@dataclass(frozen=True)
class Obvious(Architecture):
    """Creates what one writes first: two strided convolutions, and two transposed ones back."""

    width: int = 32

    def build(self, event_shape: Sequence[int], codes: int) -> tuple[nn.Module, int, nn.Module]:
        (channels, height, width), a = event_shape, self.width
        grid = (2 * a, height // 4, width // 4)
        features = 2 * a * grid[1] * grid[2]
        down = [nn.Conv2d(channels, a, 4, 2, 1), nn.ReLU(), nn.Conv2d(a, 2 * a, 4, 2, 1), nn.ReLU(), nn.Flatten()]
        up = [nn.Linear(codes, features), nn.ReLU(), nn.Unflatten(1, grid)]
        up += [nn.ConvTranspose2d(2 * a, a, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(a, channels, 4, 2, 1)]
        return nn.Sequential(*down), features, nn.Sequential(*up)


def by_hand(vae: VAE, x: Tensor, y: Tensor, steps: int, batch: int, lr: float) -> None:
    """Trains as a plain script does: a shuffling DataLoader, Adam, fp32."""
    loader = DataLoader(TensorDataset(x, y), batch_size=batch, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(vae.parameters(), lr=lr)
    vae.train()
    step = 0
    while step < steps:
        for images, _ in loader:
            mu, log_sigma = vae.head(vae.encoder(images)).chunk(2, 1)
            logits = vae.decoder(mu + log_sigma.exp() * torch.randn_like(mu))
            error = binary_cross_entropy_with_logits(logits, images, reduction="sum")
            divergence = -0.5 * (1 + 2 * log_sigma - mu**2 - (2 * log_sigma).exp()).sum()
            optimizer.zero_grad()
            ((error + divergence) / len(images)).backward()
            optimizer.step()
            step += 1
            if step == steps:
                break
    vae.eval()


def has_pythae() -> bool:
    """Returns whether pythae is installed; its rows are missing where it is not."""
    return find_spec("pythae") is not None


def in_pythae(vae: VAE) -> Any:
    """Returns a pythae VAE around the modules of `vae`."""
    from pythae import models
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = vae.encoder, vae.head

        def forward(self, x: Tensor) -> Any:
            mu, log_sigma = self.head(self.body(x)).chunk(2, 1)
            return ModelOutput(embedding=mu, log_covariance=2 * log_sigma)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = vae.decoder

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=self.body(z).sigmoid())

    config = models.VAEConfig(input_dim=vae.event_shape, latent_dim=vae.latent_dim, reconstruction_loss="bce")
    return models.VAE(config, encoder=Encoder(), decoder=Decoder())


def by_pythae(vae: VAE, x: Tensor, y: Tensor, steps: int, batch: int, lr: float) -> None:
    """Trains by pythae's TrainingPipeline; whole epochs, so `len(x) / batch` must divide `steps`."""
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    logging.disable(logging.INFO)
    stderr, sys.stderr = sys.stderr, io.StringIO()  # its bar cannot be switched off
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=steps * batch // len(x),
            learning_rate=lr,
            per_device_train_batch_size=batch,
            no_cuda=True,
        )
        TrainingPipeline(model=in_pythae(vae), training_config=config)(train_data=x)
    sys.stderr = stderr
    logging.disable(logging.NOTSET)
    vae.eval()


def pythae_sampler(vae: VAE) -> Callable[[int], Tensor]:
    """Returns n -> samples of pythae's NormalSampler."""
    from pythae.samplers import NormalSampler

    sampler = NormalSampler(in_pythae(vae).eval())

    def sample(n: int) -> Tensor:
        with torch.no_grad():
            return sampler.sample(num_samples=n, batch_size=BATCH)

    return sample


def pyraug_sampler(folder: str, x: Tensor, epochs: int) -> Callable[[int], None]:
    """Trains pyraug's RHVAE and returns n -> nothing: its manifold sampler writes files.

    Arguments:
        folder: Where pip put pyraug.
        x: Training images; the sampler's time grows with their number.
        epochs: Of training, which does not change the time of sampling.
    """
    sys.path.append(folder)
    from pyraug.models import RHVAE
    from pyraug.models.rhvae import RHVAEConfig, RHVAESampler, RHVAESamplerConfig
    from pyraug.pipelines import TrainingPipeline
    from pyraug.trainers.training_config import TrainingConfig

    logging.disable(logging.INFO)
    model = RHVAE(RHVAEConfig(input_dim=x[0].numel(), latent_dim=16))
    with tempfile.TemporaryDirectory() as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = TrainingConfig(output_dir=out, max_epochs=epochs, batch_size=len(x), verbose=False, no_cuda=True)
        TrainingPipeline(model=model, training_config=config)(train_data=x)

    def sample(n: int) -> None:
        with tempfile.TemporaryDirectory() as out:
            RHVAESampler(model, RHVAESamplerConfig(output_dir=out, batch_size=n, samples_per_save=n)).sample(n)

    return sample
