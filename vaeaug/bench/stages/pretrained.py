"""Baseline: a network that was trained on ImageNet, fine-tuned in place of the run's own network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from vaeaug.bench.stages.base import BatchTransform, Stage
from vaeaug.bench.stages.context import Context
from vaeaug.data.loading import CACHE
from vaeaug.models.classifiers import Standardize
from vaeaug.runtime import checks, files, seeds
from vaeaug.runtime.seeds import Stream

WEIGHTS = CACHE / "efficientnet-lite0.safetensors"  # written by benchmarks/pretrained_weights.py
KIND = "efficientnet-lite0"


@dataclass(frozen=True)
class Pretrained(Stage):
    """Puts EfficientNet-Lite0 with the weights of ImageNet in the place of the network in training (Tan and Le, 2019,
    https://arxiv.org/abs/1905.11946), and changes no batch.

    All its weights are trained, in as many steps as any other network's. Its batches are those of the stages around it.
    The weights are a file that `benchmarks/pretrained_weights.py` writes once, from the package that ships them; nothing is
    downloaded at run time.

    Arguments:
        size: The side that images are enlarged to, in pixels. The default doubles images of 28x28 and 32x32; the network was
            trained with 224.
        rate: The learning rate of the pretrained weights, as a fraction of the run's. Weight decay pulls them to their
            pretrained values (Li, Grandvalet and Davoine, "Explicit inductive bias for transfer learning", 2018).
    """

    key: ClassVar[str] = "pretrained"
    requires: ClassVar[tuple[str, str] | None] = ("efficientnet_lite_pytorch", "backbone")

    size: int = 64
    rate: float = 0.05

    networks_only: ClassVar[bool] = True  # type: ignore[misc]
    images_only: ClassVar[bool] = True  # type: ignore[misc]

    def __post_init__(self) -> None:
        checks.check_number("size", self.size, 32, whole=True)
        checks.check_number("rate", self.rate, 0, 1, above=True)

    @property
    def lacks(self) -> tuple[str, str] | None:
        """The package of the code, or the file of the weights."""
        if (package := super().lacks) is not None or WEIGHTS.exists():
            return package
        return (
            f"the weights of ImageNet in {WEIGHTS}",
            "run 'python benchmarks/pretrained_weights.py' in the repository",
        )

    def fit(self, context: Context, network: nn.Module | None = None) -> BatchTransform:
        if not isinstance(network, Standardize):
            checks.refuse("the network of a run", type(network).__name__, "leave this method out")
        x, classes = context.samples.x, len(context.samples.names)
        if x.shape[1] not in (1, 3):
            checks.refuse("images of 1 or 3 channels", f"{x.shape[1]} channels", "leave this method out")
        with seeds.forked(context.seed, Stream.WEIGHTS):
            backbone = _backbone(classes, self.rate)
        body = _OnSmallImages(backbone, network.mean, network.spread, x.min(), x.max(), self.size)
        network.network = body.to(memory_format=torch.channels_last)
        return lambda x, t, seed: (x, t)


class _OnSmallImages(nn.Module):
    """Applies a network of ImageNet to standardised images of any size and 1 or 3 channels."""

    mean: Tensor
    spread: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, spread: Tensor, low: Tensor, high: Tensor, size: int) -> None:
        super().__init__()
        self.network, self.size = network, size
        for name, value in {"mean": mean, "spread": spread, "low": low, "high": high.clamp(min=low + 1e-6)}.items():
            self.register_buffer(name, value.clone())

    def forward(self, x: Tensor) -> Tensor:
        unit = (x * self.spread + self.mean - self.low) / (self.high - self.low)
        unit = unit.expand(-1, 3, -1, -1)
        enlarged = nn.functional.interpolate(unit, (self.size, self.size), mode="bilinear", antialias=True)
        return self.network(2 * enlarged - 1)  # the range in which EfficientNet-Lite was trained


class _SlowWeight(nn.Module):
    """A weight as its pretrained value plus `rate` times a change; Adam then moves it `rate` times as fast as others."""

    pretrained: Tensor

    def __init__(self, pretrained: Tensor, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("pretrained", pretrained.detach().clone())

    def forward(self, change: Tensor) -> Tensor:
        return self.pretrained + self.rate * change

    def right_inverse(self, weight: Tensor) -> Tensor:
        return (weight - self.pretrained) / self.rate


def _backbone(classes: int, rate: float) -> nn.Module:
    """Returns the pretrained network with a new last layer."""
    from efficientnet_lite_pytorch import EfficientNet

    # Its dropout draws from the global generator, and few steps need none. Its own momentum, 0.99, needs thousands of steps.
    network = EfficientNet.from_name(
        "efficientnet-lite0", dropout_rate=0.0, drop_connect_rate=0.0, batch_norm_momentum=0.9
    )
    tensors, _ = files.load_tensors(WEIGHTS, KIND)
    network.load_state_dict(tensors)
    weights = [(part, name) for part in network.modules() for name, _ in part.named_parameters(recurse=False)]
    for part, name in weights:
        if part is not network._fc:
            parametrize.register_parametrization(part, name, _SlowWeight(getattr(part, name), rate))
    network._fc = nn.Linear(network._fc.in_features, classes)
    return network
