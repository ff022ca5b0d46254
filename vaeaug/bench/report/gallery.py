"""Pictures of what an augmenter makes: grids of real samples, their children, and the nearest real samples of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks

SCALES = (0.5, 1.0, 2.0)


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows of images with a title each.

    Arguments:
        title: Of the whole.
        rows: The title of each row and its images, `(n, C, H, W)` in 0..1.
        columns: A title for each column.
    """

    title: str
    rows: tuple[tuple[str, Tensor], ...]
    columns: tuple[str, ...] = ()


def gallery(augmenter: Augmenter, columns: int = 10, scales: Sequence[float] = SCALES, seed: int = 0) -> list[Grid]:
    """Returns the two grids of a report: parents with their children at several scales, and children with their nearest
    real samples.

    Arguments:
        augmenter: A fitted augmenter of images.
        columns: The number of real samples, the classes in turn.
        scales: Of the perturbation, as factors of the augmenter's own.
        seed: Of the children.

    Raises:
        InputError: If the augmenter makes rows instead of images.
    """
    bank = augmenter.bank_
    _images_only(bank)
    labels = torch.arange(columns) % len(bank.samples.names)
    parents = bank.class_index.kth_of_class(labels, torch.arange(columns) // len(bank.samples.names))
    x, y = bank.samples.x[parents], bank.samples.y[parents]
    own: Any = augmenter.perturb
    rows = [("real", unit(bank, x))]
    for factor in scales:
        scaled = augmenter.using(perturb=replace(own, scale=min(own.scale * factor, _most(own))))
        rows.append((f"scale {scaled.perturb.scale:g}", unit(bank, scaled.generate(columns, x, y, seed).x)))
    children = augmenter.generate(columns, labels=labels, seed=seed)
    nearest = nearest_real(bank, children.x)
    names = tuple(bank.samples.names[label] for label in y.tolist())
    scheme = type(own).__name__.lower()
    return [
        Grid(f"Real samples and their children ({scheme})", tuple(rows), names),
        Grid(
            "Are they copies? Children, their parents, and the real samples nearest to them in pixels",
            (
                ("child", unit(bank, children.x)),
                ("parent", unit(bank, bank.samples.x[children.parent])),
                ("nearest", unit(bank, bank.samples.x[nearest])),
            ),
            names,
        ),
    ]


def schemes(augmenter: Augmenter, perturbations: Sequence[Any], columns: int = 10, seed: int = 0) -> Grid:
    """Returns one grid with a row of children per perturbation, below their parents."""
    bank = augmenter.bank_
    _images_only(bank)
    labels = torch.arange(columns) % len(bank.samples.names)
    parents = bank.class_index.kth_of_class(labels, torch.zeros_like(labels))
    x, y = bank.samples.x[parents], bank.samples.y[parents]
    rows = [("real", unit(bank, x))]
    for perturb in perturbations:
        made = augmenter.using(perturb=perturb).generate(columns, x, y, seed)
        rows.append((f"{type(perturb).__name__}({perturb.scale:g})", unit(bank, made.x)))
    return Grid("Perturbations", tuple(rows), tuple(bank.samples.names[label] for label in labels.tolist()))


def nearest_real(bank: Bank, x: Tensor) -> Tensor:
    """Returns the place of the real sample nearest to each in `x`, by the Euclidean distance of the samples."""
    return torch.cdist(x.flatten(1), bank.samples.x.flatten(1)).argmin(1)


def unit(bank: Bank, x: Tensor) -> Tensor:
    """Returns images scaled to 0..1 for display."""
    low, high = bank.scaling.low[0], bank.scaling.high[0]
    return ((x - low) / ((high - low) or 1.0)).clamp(0, 1)


def _images_only(bank: Bank) -> None:
    if bank.samples.x.ndim != 4:
        checks.refuse("an augmenter of images", "one of rows", "pictures are made of images only")


def _most(perturb: Any) -> float:
    # Interpolate and Prior end at 1.
    return 1.0 if type(perturb).__name__ in ("Interpolate", "Prior") else float("inf")
