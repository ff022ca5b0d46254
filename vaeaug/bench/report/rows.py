"""Rows of a table beside the synthetic rows that start from them, cell by cell, for the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.data.samples import Samples
from vaeaug.runtime import checks, modes

PAIRS = 4
MOST_COLUMNS = 40
MISSING = "(missing)"


class Cell(NamedTuple):
    """A value of a synthetic row, and whether it differs from its parent's."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Rows:
    """A few real rows, each with a synthetic one.

    Arguments:
        title: What is shown.
        labels: The class of each pair.
        columns: The names of the columns of the table.
        cells: For each column, and each pair, the value of the real row and the cell of the synthetic one.
    """

    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[tuple[str, Cell], ...], ...]


@modes.in_plain_modes
def rows_of(augmenter: Augmenter, pairs: int = PAIRS, seed: int = 0) -> Rows:
    """Returns real rows and the synthetic ones that start from them, classes in turn, the smallest first.

    Arguments:
        augmenter: A fitted augmenter of a table.
        pairs: The number of real rows.
        seed: The seed of the synthetic rows.

    Raises:
        InputError: If the augmenter is one of images.
    """
    samples = augmenter.bank_.samples
    if samples.x.ndim != 2:
        checks.refuse("an augmenter of a table", "one of images", "see vaeaug.bench.report.gallery")
    classes = torch.tensor(samples.counts).argsort(stable=True)
    labels = classes[torch.arange(pairs) % len(classes)]
    generated = augmenter.generate_tensors(pairs, labels=labels, seed=seed)
    real, synthetic = (_texts(samples, x) for x in (samples.x[generated.parent], generated.x))
    names = _columns(samples)
    shown = names[:MOST_COLUMNS]
    cells = tuple(
        tuple((a[i], Cell(b[i], a[i] != b[i])) for a, b in zip(real, synthetic, strict=True)) for i in range(len(shown))
    )
    part = "" if len(shown) == len(names) else f", the first {len(shown)} of {len(names)} columns"
    title = f"Real rows, and synthetic rows that start from them{part}; what changed is marked"
    return Rows(title, tuple(samples.names[label] for label in labels.tolist()), shown, cells)


def _columns(samples: Samples) -> tuple[str, ...]:
    if samples.table is not None:
        return tuple(column.name for column in samples.table.columns)
    return samples.columns[:-1] or tuple(f"feature {i + 1}" for i in range(samples.x.shape[1]))


def _texts(samples: Samples, x: Tensor) -> list[tuple[str, ...]]:
    if samples.table is not None:
        return [tuple(_short(text) for text in row) for row in samples.table.texts(x)]
    return [tuple(f"{value:.4g}" for value in row) for row in x.tolist()]


def _short(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text or MISSING
    return text if len(text) <= 8 or number.is_integer() else f"{number:.4g}"
