"""The result of an audit, as values and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from vaeaug import pages
from vaeaug._version import __version__
from vaeaug.auditing.good import Accuracy, ClassQuality
from vaeaug.auditing.leak import CopyCounts, Leak
from vaeaug.auditing.rules import Rule
from vaeaug.auditing.tables import Associations, ColumnQuality
from vaeaug.runtime import files

FORMAT = 1
JSON, HTML = "audit.json", "audit.html"
JSON_KEYS = ("audit", "space", "sizes", "copies", "leak", "good")


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
class Audit:
    """The result of `vaeaug.audit`: `print` it, or read its parts.

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

    def __str__(self) -> str:
        from vaeaug.auditing.text import screen

        return screen(self)

    def as_json(self) -> dict[str, Any]:
        """Returns the result as JSON can hold it, without the pictures; what is not known is null."""
        content = {
            "audit": FORMAT,
            "vaeaug": __version__,
            "seed": self.seed,
            "space": self.space,
            "sizes": dict(self.sizes),
            "notes": list(self.notes),
            "copies": {
                "synthetic": self.copies,
                "reference": self.reference,
                "reference_of": "holdout" if self.leak is not None else "real",
                "threshold": self.threshold,
                "found": self.found("copies"),
                "found_near": self.found("near-copies"),
            },
            "leak": None if self.leak is None else {"found": self.leak.found, **_as_json(self.leak)},
            "good": self.good,
            "pairs": self.pairs,
        }
        return {name: _as_json(value) for name, value in content.items()}

    def found(self, what: str) -> bool:
        """Returns whether there are more `copies`, or `near-copies` and copies together, than chance explains."""
        from vaeaug.auditing.leak import more_copies

        return more_copies(self.copies, self.reference, near=what == "near-copies")

    def save(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Writes `audit.json` and, if the extra `report` is installed, `audit.html` to a folder, which is created.

        Arguments:
            folder: The folder; earlier audits in it are replaced.
            overwrite: Whether files of any kind may be replaced.

        Returns:
            The files that were written.

        Raises:
            InputError: If something else is there, or nothing can be written.
        """
        values, shown = Path(folder) / JSON, Path(folder) / HTML
        files.save_json(values, self.as_json(), may_replace=may_replace(JSON), overwrite=overwrite)
        try:
            from vaeaug.auditing import page
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in ("jinja2", "matplotlib"):
                raise
            return [values]
        page.write(shown, self, overwrite=overwrite)
        return [values, shown]


def may_replace(name: str) -> files.Recognise:
    """Returns a function that recognises earlier outputs called `audit.json` or `audit.html`."""
    return files.is_json_with(*JSON_KEYS) if name == JSON else files.is_marked(pages.MARKER)


def _as_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        left_out = ("images", "at")
        return {f.name: _as_json(getattr(value, f.name)) for f in fields(value) if f.name not in left_out}
    if isinstance(value, Mapping):
        return {str(name): _as_json(part) for name, part in value.items()}
    if hasattr(value, "_asdict"):
        return {name: _as_json(part) for name, part in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_as_json(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
