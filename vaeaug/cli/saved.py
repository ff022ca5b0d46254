"""Augmenters that `vaeaug fit` saved, as commands read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vaeaug.cli.options import check_space, parse_perturbation

if TYPE_CHECKING:
    from vaeaug.augmenter import Augmenter


def load_augmenter(model: Path, perturb: str | None, scale: float | None) -> Augmenter:
    """Returns a saved augmenter, with the perturbation of the options.

    Arguments:
        model: The folder.
        perturb: The value of `--perturb`.
        scale: The value of `--scale`.
    """
    from vaeaug.augmenter import Augmenter
    from vaeaug.models.spaces import Identity

    augmenter = Augmenter.load(model)
    check_space("identity" if isinstance(augmenter.vae_, Identity) else "vae", perturb)
    if perturb is not None or scale is not None:
        augmenter = augmenter.using(perturb=parse_perturbation(perturb, scale, augmenter.perturb))
    return augmenter
