"""An audit as one self-contained HTML page, in the style of the report. Needs the extra `report`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from vaeaug import pages
from vaeaug._version import __version__
from vaeaug.auditing import figures, text
from vaeaug.auditing.values import Values
from vaeaug.pages.drawing import Figure

MOST_DRAWN = 40  # classes or columns in a drawing; the table has all


def write(path: str | Path, audit: Values, *, overwrite: bool = False) -> None:
    """Writes the page; an earlier one is replaced.

    Arguments:
        path: The `.html` file.
        audit: The result of an audit.
        overwrite: Whether a file of any kind may be replaced.

    Raises:
        InputError: If something else is at `path`, or it cannot be written.
    """
    filters = {"percent": text.percent, "number": text.number, "with_interval": text.with_interval}
    template = pages.environment("vaeaug.auditing", **filters).get_template("page.html.j2")
    leak = audit.leak
    page = template.render(
        audit=audit,
        heading=text.heading(audit),
        near_by_construction=text.NEAR_BY_CONSTRUCTION,
        copies=text.copies_words(audit),
        verdict="" if leak is None else text.verdict(leak),
        leak_lines=[] if leak is None else text.leak_lines(leak),
        leak_figure=None if leak is None else figures.leak(leak),
        pair_figures=_pair_figures(audit),
        class_figures=_class_figures(audit),
        column_figure=_column_figure(audit),
        is_nan=math.isnan,
        version=__version__,
        python=".".join(map(str, sys.version_info[:3])),
    )
    pages.write(path, page, overwrite=overwrite)


def _pair_figures(audit: Values) -> list[Figure]:
    drawn = [pair for pair in audit.pairs if pair.images is not None]
    if not drawn:
        return []
    ends = [value for pair in drawn for value in pair.images[1].aminmax()]
    low, high = float(min(ends)), float(max(ends))
    if audit.kind == "images" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return figures.pairs(drawn, (low, high))


def _class_figures(audit: Values) -> list[Figure]:
    classes = audit.good.classes[1:][:MOST_DRAWN]
    names = [c.name for c in classes]
    drawings: list[tuple[str, Any, Any, str]] = [
        ("Label kept", "agreement", "agreement_real", "share that teachers give their label"),
        ("Coverage", "coverage", "coverage_holdout", "share of real samples with one nearby"),
        ("Density", "density", "density_holdout", "about 1 for real samples"),
    ]
    return [
        figures.dots(title, names, [getattr(c, own) for c in classes], [getattr(c, other) for c in classes], label)
        for title, own, other, label in drawings
    ]


def _column_figure(audit: Values) -> Figure | None:
    columns = sorted(audit.good.columns, key=lambda c: -c.difference)[:MOST_DRAWN]
    if not columns:
        return None
    values, beside = [c.difference for c in columns], [c.difference_holdout for c in columns]
    return figures.dots("Columns", [c.name for c in columns], values, beside, "difference of the distributions, 0 to 1")
