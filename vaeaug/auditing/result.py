"""The result of an audit, as values and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from vaeaug import pages
from vaeaug._version import __version__
from vaeaug.auditing.text import heading, screen
from vaeaug.auditing.values import Values
from vaeaug.runtime import files

FORMAT = 1
JSON, HTML = "audit.json", "audit.html"
JSON_KEYS = ("audit", "space", "sizes", "copies", "leak", "good")


class Audit(Values):
    """The result of `vaeaug.audit`: print it, read its values, or save it."""

    def __str__(self) -> str:
        return screen(self)

    def __repr__(self) -> str:
        return f"<Audit: {heading(self)}>"

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
