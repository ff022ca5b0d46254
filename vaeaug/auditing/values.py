"""The values of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vaeaug.auditing.copies import CopyCounts, more_copies
from vaeaug.auditing.good import Accuracy, ClassQuality
from vaeaug.auditing.leak import Leak
from vaeaug.auditing.rules import Rule
from vaeaug.auditing.tables import Associations, ColumnQuality


@dataclass(frozen=True, eq=False)
class ShownPair:
    """A synthetic sample beside the real one that it is closest to.

    Arguments:
        synthetic, real: The number of each as it was passed, from 0.
        synthetic_class, real_class: Their class names.
        distance: Their distance.
        synthetic_file, real_file: The file of each; empty if they were not read from files.
        cells: For tables: the name of each column, the synthetic and the real cell, and whether they are equal.
        images: For images and signals: the two samples, each `(C, H, W)` or `(C, T)`; not written to JSON.
    """

    synthetic: int
    real: int
    synthetic_class: str
    real_class: str
    distance: float
    synthetic_file: str = ""
    real_file: str = ""
    cells: tuple[tuple[str, str, str, bool], ...] = ()
    images: Any = None


@dataclass(frozen=True)
class Good:
    """How good the synthetic samples are.

    Arguments:
        classes: All classes together, then each.
        accuracy: The classification accuracy score; None without held-out samples.
        columns, associations, rules: For tables, else empty or None.
    """

    classes: tuple[ClassQuality, ...]
    accuracy: Accuracy | None
    columns: tuple[ColumnQuality, ...] = ()
    associations: Associations | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, eq=False)
class Values:
    """What an audit has measured.

    Arguments:
        space: The distance that was used.
        sizes: The number of samples by `real`, `synthetic` and `holdout`.
        notes: What a reader has to know, in sentences.
        copies: Copies, near-copies and new samples among the synthetic ones.
        reference: The same among held-out samples; without them among the real ones, each against all others.
        threshold: The distance up to which a sample is a near-copy.
        leak: The leak tests; None without held-out samples.
        good: How good the samples are.
        pairs: The pairs that are closest.
        kind: `images`, `signals`, `table` or `values`.
        seed: The seed.
    """

    space: str
    sizes: Mapping[str, int]
    notes: tuple[str, ...]
    copies: CopyCounts
    reference: CopyCounts
    threshold: float
    leak: Leak | None
    good: Good
    pairs: tuple[ShownPair, ...]
    kind: str
    seed: int

    def found(self, what: str) -> bool:
        """Returns whether there are more `copies`, or `near-copies` and copies together, than chance explains."""
        return more_copies(self.copies, self.reference, near=what == "near-copies")
