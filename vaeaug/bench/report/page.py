"""The report: rows and pictures -> one self-contained HTML page. Needs the extra `report`."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from vaeaug.bench.analysis import comparisons, confusion, learning_curves
from vaeaug.bench.analysis.comparisons import BEST, Contrast, Summary
from vaeaug.bench.analysis.learning_curves import Worth
from vaeaug.bench.report import figures, wording
from vaeaug.bench.report.figures import INK, Picture, save_png
from vaeaug.bench.report.gallery import Grid
from vaeaug.bench.results import Result, as_csv
from vaeaug.runtime import files

__all__ = ["INK", "Picture", "save_png", "write"]

CARDS = 8  # as many sentences stand on top; more of them become a table
CLASSES = 30  # more of them do not fit into a picture


@dataclass(frozen=True)
class Heat:
    """A table of numbers on coloured ground.

    Arguments:
        title: Its heading.
        corner: What stands down and across.
        across: The names of the columns.
        lines: The name of each line and its entries: text, colour, whether it is bold.
    """

    title: str
    corner: str
    across: tuple[str, ...]
    lines: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...]


@dataclass(frozen=True)
class Case:
    """One data set, regime and classifier on the page.

    Arguments:
        data, regime, classifier: Which.
        summaries: One per arm.
        found: By rival, the contrasts by arm.
        best: The best rival's name, or nothing.
        pictures: Its drawings.
        heats: What changes class by class.
    """

    data: str
    regime: str
    classifier: str
    summaries: tuple[Summary, ...]
    found: dict[str, dict[str, Contrast]]
    best: str
    pictures: tuple[Picture, ...]
    heats: tuple[Heat, ...]

    @property
    def title(self) -> str:
        """The case in words."""
        return f"{self.data}, {in_words(self.regime)}, {self.classifier}"


def write(
    path: str | Path,
    rows: Sequence[Result],
    grids: Sequence[Grid] = (),
    settings: Any = None,
    *,
    focus: Sequence[str] = (),
    names: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Writes the page, whole or not at all.

    Arguments:
        path: The `.html` file.
        rows: Of any data sets, regimes, classifiers and arms; several sizes of one data set give learning curves.
        grids: Pictures of the children.
        settings: What the arms shared, for the reader.
        focus: The arms that the words are about; see `vaeaug.bench.report.wording.focus`.
        names: The class names of each data set; numbers where they are not known.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vaeaug.bench.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(said=_said, ends=_ends, words=in_words)
    told = wording.by_rival(rows)
    methods = wording.focus(rows, focus)
    chosen = [c for found in told.values() for c in found if c.method in methods]
    cases = _cases(rows, told, methods, names or {})
    page = environment.get_template("page.html.j2").render(
        places=list(dict.fromkeys(f"{row.data}, {in_words(row.regime)}" for row in rows)),
        seeds=sorted({s.seeds for case in cases for s in case.summaries}),
        steps=[f"{steps:,}" for steps in sorted({row.steps for row in rows} - {0})],
        cards=[(c, wording.sentence(c)) for c in chosen],
        few=len(chosen) <= CARDS,
        several=len(cases) > 1,
        tally=wording.tally(chosen),
        rivals=list(told),
        methods=methods,
        cases=cases,
        overview=_overview(cases, told, methods),
        curves=_learning(rows, methods),
        worths=_worths(rows, methods),
        worth=wording.worth,
        metrics=wording.METRICS,
        grids=[figures.grid(one) for one in grids],
        settings=settings,
        csv=base64.b64encode(as_csv(rows).encode()).decode(),
        finite=math.isfinite,
    )
    with files.atomic_write(path) as new:
        new.write_text(page, encoding="utf-8")


def in_words(regime: str) -> str:
    """Returns a regime in words: `20 per class`, or `300 to 4 per class` where it is lopsided."""
    counts = [int(count) for count in re.findall(r"\d+", regime)]
    drawn = ", classes permuted" if regime.endswith("permuted") else ""
    return (
        f"{max(counts)} to {min(counts)} per class{drawn}" if comparisons.lopsided(regime) else f"{counts[0]} per class"
    )


def _said(told: Summary | Contrast) -> str:
    """Returns a mean."""
    return f"{told.mean:{'+' if isinstance(told, Contrast) else ''}.1f}"


def _ends(told: Summary | Contrast) -> str:
    """Returns an interval, or nothing for one seed."""
    sign = "+" if isinstance(told, Contrast) else ""
    return f"{told.low:{sign}.1f} to {told.high:{sign}.1f}" if math.isfinite(told.low) else ""


def _cases(
    rows: Sequence[Result],
    told: Mapping[str, Sequence[Contrast]],
    methods: Sequence[str],
    names: Mapping[str, Sequence[str]],
) -> list[Case]:
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for row in rows:
        groups.setdefault((row.data, row.regime, row.classifier), []).append(row)
    best = comparisons.best_rivals(rows) if BEST in told else {}
    cases = []
    for place, group in groups.items():
        summaries = tuple(comparisons.summaries(group))
        found = {
            rival: {c.method: c for c in all_ if (c.data, c.regime, c.classifier) == place}
            for rival, all_ in told.items()
        }
        rival = best.get(place, ("", 0))[0]
        drawings = tuple(_drawings(group, summaries, found, rival))
        usual = [name for name in ("none", "classical") if name in found]
        heats = tuple(_class_by_class(group, usual, rival, methods, names.get(place[0], ())))
        cases.append(Case(*place, summaries, found, rival, drawings, heats))
    return cases


def _drawings(
    rows: Sequence[Result],
    summaries: Sequence[Summary],
    found: Mapping[str, Mapping[str, Contrast]],
    best: str,
) -> Iterable[Picture]:
    yield figures.accuracies(rows, summaries)
    for rival, by_arm in found.items():
        if by_arm:
            title = f"{best}, {BEST}" if rival == BEST else rival
            yield figures.forest(list(by_arm.values()), list(by_arm), title)
    base = next((rival for rival in ("classical", "none") if found.get(rival)), "")
    if base:
        yield figures.cost(summaries, dict(found[base]), base)


def _class_by_class(
    rows: Sequence[Result], rivals: Sequence[str], best: str, methods: Sequence[str], names: Sequence[str]
) -> Iterable[Heat]:
    classes = len(rows[0].confusion.split("/"))
    if classes > CLASSES:
        return
    labels = [str(name) for name in names] if len(names) == classes else [str(k) for k in range(classes)]
    wanted = dict.fromkeys([*rivals, *([best] if best else [])])
    compared = {rival: list(confusion.changes(rows, rival).values()) for rival in wanted}
    for rival in rivals:
        # The arms that the words are about stand first.
        found = sorted(compared[rival], key=lambda c: methods.index(c.method) if c.method in methods else len(methods))
        if found:
            values = np.stack([change.recall for change in found])
            sure = np.stack([(change.low > 0) | (change.high < 0) for change in found])
            title = f"Recall of every class, points over {rival}"
            yield heat(title, "arm", [c.method for c in found], labels, values, values, sure)
    for found in compared.values():
        for change in (change for change in found if change.method in methods[:1]):
            good = np.where(np.eye(classes, dtype=bool), change.matrix, -change.matrix)
            title = f"Confusion: {change.method} minus {change.against}, of 100 samples of each true class"
            yield heat(title, "true class, found as", labels, labels, change.matrix, good)


def heat(
    title: str,
    corner: str,
    down: Sequence[str],
    across: Sequence[str],
    values: np.ndarray,
    good: np.ndarray,
    sure: np.ndarray | None = None,
) -> Heat:
    """Returns a table of numbers on green where `good` is above zero, on red where it is below; bold where it is `sure`."""
    most = float(np.abs(values).max()) or 1.0

    def entry(i: int, j: int) -> tuple[str, str, bool]:
        text = f"{values[i, j]:+.1f}" if abs(values[i, j]) >= 0.05 else "0"
        # The depth is an opacity, so that zero is the page itself, light or dark.
        colour = f"rgb({'42 157 92' if good[i, j] > 0 else '209 73 91'} / {0.7 * abs(float(values[i, j])) / most:.2f})"
        return text, colour, bool(sure is not None and sure[i, j])

    lines = [(label, tuple(entry(i, j) for j in range(len(across)))) for i, label in enumerate(down)]
    return Heat(title, corner, tuple(across), tuple(lines))


def _overview(cases: Sequence[Case], told: Mapping[str, Sequence[Contrast]], methods: Sequence[str]) -> list[Picture]:
    """Draws the chosen arms over all cases, a figure per rival."""
    if len(cases) < 2:
        return []
    found = []
    for rival, all_ in told.items():
        shown = [c for c in all_ if c.method in methods]
        short = [_short(c, len({case.data for case in cases}) > 1) for c in shown]
        if shown:
            found.append(figures.forest(shown, short, rival))
    return found


def _short(c: Contrast, several: bool) -> str:
    size = c.regime if c.regime.isdigit() else in_words(c.regime).replace(" per class", "")
    return f"{c.data + ' ' if several else ''}{size}, {c.classifier}: {c.method}"


def _learning(rows: Sequence[Result], methods: Sequence[str]) -> list[Picture]:
    groups: dict[tuple[str, str], list[learning_curves.Curve]] = {}
    for curve in learning_curves.learning_curves(rows):
        if curve.method in (*comparisons.RIVALS, *methods):
            groups.setdefault((curve.data, curve.classifier), []).append(curve)
    return [figures.learning(group) for group in groups.values()]


def _worths(rows: Sequence[Result], methods: Sequence[str]) -> list[Worth]:
    shown = (*comparisons.RIVALS, *methods)
    found = [w for w in learning_curves.worths([row for row in rows if row.method in shown]) if w.method in shown]
    return sorted(found, key=lambda w: (w.data, w.classifier, shown.index(w.method), w.n))
