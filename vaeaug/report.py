"""The report: rows and pictures -> figures and one self-contained HTML page. Needs the extra `report`."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from vaeaug import _files, verdicts
from vaeaug.gallery import Grid
from vaeaug.rows import Result, as_csv

INK = "#010203"  # stands for the page's own text colour, which changes between light and dark
COLOURS = {"helps": "#2a9d5c", "hurts": "#d1495b", "no effect": "#8a8f98", "one seed": "#8a8f98"}


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Arguments:
        title: Its heading.
        svg: Its drawing.
        alt: What it shows, in words.
    """

    title: str
    svg: str
    alt: str


def write(path: str | Path, rows: Sequence[Result], grids: Sequence[Grid] = (), settings: Any = None) -> None:
    """Writes the page, whole or not at all.

    Arguments:
        path: The `.html` file.
        rows: Of one data set and regime.
        grids: Pictures of the children.
        settings: What the arms shared, for the reader.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vaeaug", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    tables = verdicts.by_rival(rows)
    page = environment.get_template("report.html.j2").render(
        data=rows[0].data,
        regime=rows[0].regime,
        seeds=len({row.seed for row in rows}),
        sentences=[(c, verdicts.sentence(c)) for found in tables.values() for c in found if "vae" in c.arm],
        summaries=verdicts.summaries(rows),
        contrasts={rival: {(c.classifier, c.arm): c for c in found} for rival, found in tables.items()},
        pictures=[forest(found) for found in tables.values() if found] + [accuracies(rows), *map(grid, grids)],
        settings=settings,
        csv=base64.b64encode(as_csv(rows).encode()).decode(),
        finite=math.isfinite,
    )
    with _files.beside(path) as new:
        new.write_text(page, encoding="utf-8")


def accuracies(rows: Sequence[Result]) -> Picture:
    """Draws the accuracy of every arm: each seed a dot, the mean with its interval."""
    cells = verdicts.summaries(rows)
    figure = Figure(figsize=(7.2, 0.7 + 0.34 * len(cells)), layout="constrained")
    axes = figure.add_subplot()
    for place, s in enumerate(cells):
        values = [100 * row.accuracy for row in rows if (row.classifier, row.arm) == (s.classifier, s.arm)]
        axes.plot(values, [place] * len(values), ".", color="#8a8f98", alpha=0.6, markersize=5)
        _whisker(axes, place, s.mean, s.low, s.high, "#3b7dd8")
    _label_rows(axes, [f"{s.classifier}  {s.arm}" for s in cells], "test accuracy, %")
    told = "; ".join(f"{s.classifier} {s.arm} {s.mean:.1f}" for s in cells)
    return Picture(
        "Accuracy: mean and 95 % interval, a dot per seed", _svg(figure), f"Mean accuracy in percent: {told}"
    )


def forest(found: Sequence[verdicts.Contrast]) -> Picture:
    """Draws the paired differences with their intervals around zero."""
    figure = Figure(figsize=(7.2, 0.7 + 0.34 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color=INK, linewidth=0.8)
    for place, c in enumerate(found):
        _whisker(axes, place, c.mean, c.low, c.high, COLOURS[c.verdict])
    against = found[0].against
    _label_rows(axes, [f"{c.classifier}  {c.arm}" for c in found], f"points over {against}, paired by seed")
    told = "; ".join(f"{c.classifier} {c.arm} {c.mean:+.1f}, {c.verdict}" for c in found)
    return Picture(f"Difference to {against}", _svg(figure), f"Paired differences to {against} in points: {told}")


def grid(pictures: Grid) -> Picture:
    """Draws a grid of images for the page."""
    rows = ", ".join(title for title, _ in pictures.rows)
    return Picture(pictures.title, _svg(_grid(pictures, INK)), f"{pictures.title}. Rows: {rows}.")


def save_png(pictures: Grid, path: str | Path) -> None:
    """Writes a grid of images as a PNG on white, for pages that are not ours."""
    with _files.beside(path) as new:
        _grid(pictures, "black").savefig(new, format="png", dpi=100, facecolor="white")


def _grid(pictures: Grid, ink: str) -> Figure:
    count = max(len(images) for _, images in pictures.rows)
    figure = Figure(figsize=(0.72 * count + 0.9, 0.74 * len(pictures.rows) + 0.3), layout="constrained")
    axes = figure.subplots(len(pictures.rows), count, squeeze=False)
    for ax, title in zip(axes[0], pictures.columns, strict=False):
        ax.set_title(title, fontsize=7, color=ink)
    for line, (title, images) in zip(axes, pictures.rows, strict=True):
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8, color=ink)
        for ax, image in zip(line, images.numpy(), strict=False):
            shown = image[0] if image.shape[0] == 1 else np.moveaxis(image[:3], 0, -1)
            ax.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def _whisker(axes: Any, place: float, mean: float, low: float, high: float, colour: str) -> None:
    axes.plot([mean], [place], "o", color=colour, markersize=6)
    if math.isfinite(low):
        axes.plot([low, high], [place, place], color=colour, linewidth=2)


def _label_rows(axes: Any, labels: Sequence[str], title: str) -> None:
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(title, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", color="#8a8f98", alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="both", colors=INK, length=0)
    axes.xaxis.label.set_color(INK)
    axes.spines["bottom"].set_color(INK)


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    # Text stays text, and ids do not change from run to run.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vaeaug", "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    drawing = out.getvalue()
    return drawing[drawing.index("<svg") :].replace(INK, "currentColor")
