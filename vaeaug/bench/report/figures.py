"""Numbers and pictures -> drawings for the page, as SVG, with a description in words. Needs the extra `report`.

They are narrow, so that their letters can be read on a telephone, and take the colour of the page's text, light or dark.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from vaeaug.bench.analysis.comparisons import Contrast, Summary, kind
from vaeaug.bench.analysis.learning_curves import Curve
from vaeaug.bench.report import wording
from vaeaug.bench.report.gallery import Grid
from vaeaug.bench.results import Result
from vaeaug.runtime import files

INK = "#010203"  # stands for the page's own text colour, which changes between light and dark
GREY, GOOD, BAD, BLUE = "#8a8f98", "#2a9d5c", "#d1495b", "#3b7dd8"
COLOURS = {"helps": GOOD, "hurts": BAD}
MARKERS = {"helps": "^", "hurts": "v"}
KINDS = {"vae": GOOD, "rival": BLUE, "control": GREY, "peer": "#b8862b"}
LINES = (GREY, BLUE, "#b8862b", GOOD, BAD, "#8a63d2", "#1f9e9e", "#c2569b")
WIDTH, ROW, LINE = 4.8, 0.2, 0.14  # inches: the width of a drawing, the height of a row, of a line of its name above it
LETTERS = 62  # of a name in a line


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Arguments:
        title: Its heading.
        svg: Its drawing.
        alt: What it shows, in words.
        wide: Whether it keeps its size and scrolls where the page is narrow.
    """

    title: str
    svg: str
    alt: str
    wide: bool = False


def accuracies(rows: Sequence[Result], told: Sequence[Summary]) -> Picture:
    """Draws what the arms of one case reach: each seed a dot, the mean with its interval."""
    name = wording.METRICS[told[0].metric]
    figure, axes = _rows_of([s.method for s in told], f"test {name}, %")
    for place, s in enumerate(told):
        values = [100 * getattr(row, s.metric) for row in rows if row.method == s.method]
        axes.plot(values, [place + 0.2] * len(values), ".", color=GREY, alpha=0.7, markersize=3.5)
        _whisker(axes, place, s, BLUE, "o")
    text = "; ".join(f"{s.method} {s.mean:.1f}" for s in told)
    return Picture(
        f"{name.capitalize()}: a dot per seed, mean and interval", _svg(figure), f"Mean {name} in %: {text}."
    )


def forest(found: Sequence[Contrast], labels: Sequence[str], rival: str) -> Picture:
    """Draws paired differences with their intervals around zero; triangles point up and down where a verdict is given."""
    figure, axes = _rows_of(labels, f"points over {rival}")
    axes.axvline(0, color=INK, linewidth=0.8)
    for place, c in enumerate(found):
        _whisker(axes, place, c, COLOURS.get(c.verdict, GREY), MARKERS.get(c.verdict, "o"))
    text = "; ".join(f"{label} {c.mean:+.1f}, {c.verdict}" for label, c in zip(labels, found, strict=True))
    return Picture(f"Difference to {rival}", _svg(figure), f"Paired differences to {rival} in points: {text}.")


def learning(curves: Sequence[Curve]) -> Picture:
    """Draws the learning curves of one data set and classifier."""
    figure = Figure(figsize=(WIDTH, 3.2 + 0.1 * len(curves)), layout="constrained")
    axes = figure.add_subplot()
    for place, curve in enumerate(curves):
        ends = np.array([[p.low, p.mean, p.high] for p in curve.points])
        colour = LINES[place % len(LINES)]
        axes.plot(curve.sizes, ends[:, 1], "os^Dv"[place % 5] + "-", color=colour, label=curve.method, markersize=4)
        if np.isfinite(ends).all():
            axes.fill_between(curve.sizes, ends[:, 0], ends[:, 2], color=colour, alpha=0.13, linewidth=0)
    sizes = sorted({size for curve in curves for size in curve.sizes})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    _plain(axes, "real samples per class", "test accuracy, %")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False, labelcolor=INK)
    text = "; ".join(f"{c.method} {', '.join(f'{p.mean:.1f} at {p.regime}' for p in c.points)}" for c in curves)
    title = f"Learning curves: {curves[0].data}, {curves[0].classifier}"
    return Picture(title, _svg(figure), f"Mean test accuracy in % by real samples per class: {text}.")


def cost(told: Sequence[Summary], gains: dict[str, Contrast], against: str) -> Picture:
    """Draws what every arm of a case gains over `against` and the seconds that it takes."""
    shown = sorted((s for s in told if s.method in gains), key=lambda s: -gains[s.method].mean)
    figure = Figure(figsize=(WIDTH, max(2.6, 0.7 + 0.17 * len(shown))), layout="constrained")
    axes, names = figure.subplots(1, 2, width_ratios=(1, 1), sharey=True)
    x, y = [max(s.seconds, 0.01) for s in shown], [gains[s.method].mean for s in shown]
    low, high = min([*y, 0.0]), max([*y, 0.0])
    margin = 0.08 * ((high - low) or 1.0)
    axes.set_xscale("log")
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(0, color=INK, linewidth=0.8)
    spots = _apart(y, (high - low + margin) / max(len(y), 14), low - margin / 2)
    for s, across, up, spot in zip(shown, x, y, spots, strict=True):
        colour = KINDS[kind(s.method)]
        axes.plot([across], [up], "o", color=colour, markersize=5)
        axes.plot([across, max(x) * 1.6], [up, spot], color=colour, alpha=0.4, linewidth=0.6)
        names.text(0, spot, s.method, fontsize=7.5, va="center", color=INK)
    axes.set_xlim(min(x) / 1.3, max(x) * 1.6)
    names.axis("off")
    _plain(axes, "seconds per seed,\nVAE and classifier", f"points over {against}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(x) < 30 * min(x) else (1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    text = "; ".join(f"{s.method} {gains[s.method].mean:+.1f} points in {s.seconds:.0f} s" for s in shown)
    return Picture("Cost against gain", _svg(figure), f"Seconds and points over {against}: {text}.")


def grid(pictures: Grid) -> Picture:
    """Draws a grid of images for the page."""
    rows = ", ".join(title for title, _ in pictures.rows)
    return Picture(pictures.title, _svg(_grid(pictures, INK)), f"{pictures.title}. Rows: {rows}.", wide=True)


def save_png(pictures: Grid, path: str | Path) -> None:
    """Writes a grid of images as a PNG on white, for pages that are not ours."""
    with files.atomic_write(path) as new:
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


def _apart(y: Sequence[float], gap: float, lowest: float) -> list[float]:
    """Returns falling heights moved as little as keeps them `gap` apart and above `lowest`."""
    spots = list(y)
    for i in range(1, len(spots)):
        spots[i] = min(spots[i], spots[i - 1] - gap)
    floor = lowest
    for i in reversed(range(len(spots))):
        spots[i] = max(spots[i], floor)
        floor = spots[i] + gap
    return spots


def _rows_of(labels: Sequence[str], title: str) -> tuple[Figure, Any]:
    """Returns a drawing with a row for each of these, whose name stands above it: it may be longer than half of the width."""
    names = [textwrap.fill(label, LETTERS) for label in labels]
    lines = max((name.count("\n") + 1 for name in names), default=1)
    height = ROW + LINE * lines
    figure = Figure(figsize=(WIDTH, 0.75 + height * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(names):
        where: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "bottom", "in_layout": False}
        axes.text(0, place - 0.06 / height, name, fontsize=8.5, color=INK, **where)
    axes.set_ylim(len(names) - 1 + 0.16 / height, -(0.1 + LINE * lines) / height)
    _plain(axes, title)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return figure, axes


def _whisker(axes: Any, place: float, told: Summary | Contrast, colour: str, marker: str) -> None:
    axes.plot([told.mean], [place], marker, color=colour, markersize=5.5)
    if math.isfinite(told.low):
        axes.plot([told.low, told.high], [place, place], color=colour, linewidth=1.8)


def _plain(axes: Any, across: str, up: str = "") -> None:
    axes.set_xlabel(across, fontsize=9, color=INK)
    axes.set_ylabel(up, fontsize=9, color=INK)
    axes.grid(color=GREY, alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(axis="both", which="both", colors=INK, labelsize=8.5, length=0)


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    # Text stays text, and ids do not change from run to run.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vaeaug", "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    drawing = out.getvalue()
    # No two things of a page may have one name, and nothing refers to a group.
    drawing = re.sub(r'<g id="[^"]*">', "<g>", drawing[drawing.index("<svg") :])
    return drawing.replace(INK, "currentColor")
