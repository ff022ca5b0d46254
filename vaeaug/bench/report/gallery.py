"""Image grids of an augmenter: real samples, synthetic samples near them, and the real samples nearest to these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, modes

SCALES = (0.5, 1.0, 2.0)


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid of images or signals, one line per title.

    Arguments:
        title: The title of the grid.
        lines: The title of each line and its images `(n, C, H, W)`, or signals `(n, C, T)`, in 0..1.
        column_titles: A title for each column.
    """

    title: str
    lines: tuple[tuple[str, Tensor], ...]
    column_titles: tuple[str, ...] = ()


@modes.in_plain_modes
def gallery(augmenter: Augmenter, columns: int = 10, scales: Sequence[float] = SCALES, seed: int = 0) -> list[Grid]:
    """Returns the two grids of a report: parents with synthetic samples at several scales, and synthetic samples with the
    real samples nearest to them.

    Arguments:
        augmenter: A fitted augmenter of images or signals.
        columns: The number of real samples, which are taken from the classes in turn.
        scales: Factors of the scale of the augmenter's perturbation; a scale above its maximum becomes the maximum.
        seed: The seed of the synthetic samples.

    Raises:
        InputError: If the augmenter is one of tabular data.
    """
    bank = augmenter.bank_
    if bank.samples.x.ndim < 3:
        remedy = "only images and signals can be shown in a gallery"
        checks.refuse("an augmenter of images or signals", "one of tabular data", remedy)
    class_names = bank.samples.names
    labels = torch.arange(columns) % len(class_names)
    parents = bank.class_index.kth_of_class(labels, torch.arange(columns) // len(class_names))
    column_titles = tuple(class_names[label] for label in labels.tolist())
    copies = augmenter.generate_tensors(columns, labels=labels, seed=seed)
    nearest = nearest_real(bank, copies.x)
    unit = "pixels" if copies.x.ndim == 4 else "values"
    return [
        _scales_grid(augmenter, parents, scales, seed, column_titles),
        Grid(
            f"Are they copies? Synthetic samples, their parents, and the real samples nearest to them in {unit}",
            (
                ("synthetic", to_unit_range(bank, copies.x)),
                ("parent", to_unit_range(bank, bank.samples.x[copies.parent])),
                ("nearest", to_unit_range(bank, bank.samples.x[nearest])),
            ),
            column_titles,
        ),
    ]


def nearest_real(bank: Bank, x: Tensor) -> Tensor:
    """Returns the index of the real sample nearest to each sample of `x`, by Euclidean distance in data space."""
    return torch.cdist(x.flatten(1), bank.samples.x.flatten(1)).argmin(1)


def to_unit_range(bank: Bank, x: Tensor) -> Tensor:
    """Returns images, or the channels of signals, scaled to 0..1 for display."""
    low, high = (bank.scaling.tensor(name, x.shape[1:]).to(x) for name in ("low", "high"))
    return ((x - low) / torch.where(high > low, high - low, 1.0)).clamp(0, 1)


def _scales_grid(
    augmenter: Augmenter, parents: Tensor, scales: Sequence[float], seed: int, column_titles: tuple[str, ...]
) -> Grid:
    bank = augmenter.bank_
    perturb: Any = augmenter.perturb
    x, y = bank.samples.x[parents], bank.samples.y[parents]
    lines = [("real", to_unit_range(bank, x))]
    for factor in scales:
        scale = min(perturb.scale * factor, perturb.max_scale)
        scaled = augmenter.using(perturb=replace(perturb, scale=scale))
        synthetic = scaled.generate(len(parents), x, y, seed)
        lines.append((f"scale {scale:g}", to_unit_range(bank, synthetic.x)))
    scheme = type(perturb).__name__.lower()
    return Grid(f"Real samples and synthetic samples that start from them ({scheme})", tuple(lines), column_titles)
