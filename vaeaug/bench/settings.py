"""What the methods of a benchmark share: the training of the classifier and of the VAE."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

from vaeaug.models.fitting import default_steps, fit_vae
from vaeaug.models.training import PRECISIONS
from vaeaug.runtime import checks


@dataclass(frozen=True)
class Settings:
    """How classifiers and VAEs are trained, the same for all methods.

    Arguments:
        steps: Optimiser steps of a network.
        batch: Samples per step.
        lr, weight_decay: The peak learning rate of AdamW, and its weight decay.
        smoothing: Label smoothing, in 0..1.
        precision: `auto`, `fp32` or `bf16`.
        vae: Arguments of `fit_vae`, as pairs of name and value.

    Raises:
        InputError: If a number is out of its range, or if `fit_vae` has no such argument.
    """

    key: ClassVar[str] = "settings"

    steps: int = 800
    batch: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.05
    smoothing: float = 0.1
    precision: str = "auto"
    vae: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            checks.check_number(name, getattr(self, name), 1, whole=True)
        checks.check_number("lr", self.lr, 0, above=True)
        checks.check_number("weight_decay", self.weight_decay, 0)
        checks.check_number("smoothing", self.smoothing, 0, 1)
        checks.check_choice("precision", self.precision, PRECISIONS)
        arguments = tuple(inspect.signature(fit_vae).parameters)
        for name, _ in self.vae:
            checks.check_choice("an argument of fit_vae", name, arguments)

    def vae_steps(self, size: int) -> int:
        """Returns the optimiser steps of a VAE for this number of training samples."""
        return dict(self.vae).get("steps") or default_steps(size)
