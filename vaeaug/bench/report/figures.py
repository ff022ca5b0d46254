"""Numbers and images -> figures of the page, as SVG, with a description in words. Needs the extra `report`.

They are narrow, so that they are legible on a phone, and take the text colour of the page, light or dark.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import LogLocator, NullLocator

from vaeaug.bench.analysis.comparisons import Comparison
from vaeaug.bench.analysis.learning_curves import Curve
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.analysis.summaries import Summary
from vaeaug.bench.keys import PNG_SOFTWARE
from vaeaug.bench.report import wording
from vaeaug.bench.report.gallery import Grid
from vaeaug.bench.results import EQUAL_TIME, Result
from vaeaug.pages.drawing import AS_WRITTEN, BLUE, GREEN, GREY, INK, OCHRE, RED, Figure, style_axes, svg
from vaeaug.runtime import files, markup

OUTCOME_COLOURS = {Outcome.HELPS: GREEN, Outcome.HURTS: RED}
OUTCOME_MARKERS = {Outcome.HELPS: "^", Outcome.HURTS: "v"}
KINDS = {"ours": GREEN, "baseline": BLUE, "control": GREY, "generator": OCHRE, EQUAL_TIME: BLUE}
LINE_COLOURS = (GREY, BLUE, OCHRE, GREEN, RED, "#8a63d2", "#1f9e9e", "#c2569b")
SIGNAL_COLOURS = (BLUE, OCHRE, GREEN, RED, "#8a63d2", "#1f9e9e")
LINE_MARKERS = "os^Dv"
# In inches: the width of a figure, the height of a row, and the height of a line of text above it.
WIDTH, ROW_HEIGHT, LINE_HEIGHT = 4.8, 0.2, 0.14
# Characters that fit into one line: across the figure, across a half of it, and in one of two columns of a legend.
LINE_CHARS, HALF_CHARS, LEGEND_CHARS = 62, 32, 24


@mpl.rc_context(AS_WRITTEN)
def accuracies(results: Sequence[Result], summaries: Sequence[Summary]) -> Figure:
    """Draws the test scores of the methods of one case: a dot per seed, and the mean with its interval."""
    metric = wording.METRICS[summaries[0].metric]
    drawing, axes = _labelled_rows([s.method for s in summaries], f"test {metric}, %")
    for y, s in enumerate(summaries):
        values = [100 * getattr(result, s.metric) for result in results if result.method == s.method]
        axes.plot(values, [y + 0.2] * len(values), ".", color=GREY, alpha=0.7, markersize=3.5)
        _interval_line(axes, y, s, BLUE, "o")
    means = "; ".join(f"{s.method} {s.mean:.1f}" for s in summaries)
    title = f"{metric.capitalize()}: a dot per seed, mean and interval"
    return Figure(title, svg(drawing), f"Mean {metric} in %: {means}.")


@mpl.rc_context(AS_WRITTEN)
def forest(comparisons: Sequence[Comparison], labels: Sequence[str], baseline: str) -> Figure:
    """Draws paired differences with their intervals around zero; a triangle points up for `helps`, down for `hurts`."""
    drawing, axes = _labelled_rows(labels, f"points over {baseline}", has_zero=True)
    for y, c in enumerate(comparisons):
        outcome = c.outcome or Outcome.UNCLEAR
        _interval_line(axes, y, c, OUTCOME_COLOURS.get(outcome, GREY), OUTCOME_MARKERS.get(outcome, "o"))
    words = [f"{c.mean:+.1f}, {wording.outcome_words(c) or 'too few seeds'}" for c in comparisons]
    text = "; ".join(f"{label} {word}" for label, word in zip(labels, words, strict=True))
    return Figure(f"Difference to {baseline}", svg(drawing), f"Paired differences to {baseline} in points: {text}.")


@mpl.rc_context(AS_WRITTEN)
def learning(curves: Sequence[Curve]) -> Figure:
    """Draws the learning curves of one data set and classifier."""
    names = [_lines(curve.method, LINE_CHARS - 6) for curve in curves]
    columns = 2 if max(map(len, names)) <= LEGEND_CHARS else 1
    lines = sum(name.count("\n") + 1 for name in names) / columns
    drawing = Drawing(figsize=(WIDTH, 3.2 + 0.2 * lines), layout="constrained")
    axes = drawing.add_subplot()
    for i, curve in enumerate(curves):
        low, mean, high = np.array([[p.low, p.mean, p.high] for p in curve.points]).T
        colour, marker = LINE_COLOURS[i % len(LINE_COLOURS)], LINE_MARKERS[i % len(LINE_MARKERS)]
        # Matplotlib leaves labels out that begin with an underscore: a space without width keeps them.
        label = names[i].replace("_", "\u200b_", 1) if names[i].startswith("_") else names[i]
        axes.plot(curve.sizes, mean, f"{marker}-", color=colour, label=label, markersize=4)
        if np.isfinite([low, high]).all():
            axes.fill_between(curve.sizes, low, high, color=colour, alpha=0.13, linewidth=0)
    sizes = sorted({size for curve in curves for size in curve.sizes})
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    style_axes(axes, "real samples per class", "test accuracy, %")
    drawing.legend(loc="outside lower center", ncols=columns, fontsize=8.5, frameon=False, labelcolor=INK)
    text = "; ".join(f"{c.method} {', '.join(f'{p.mean:.1f} at {p.regime}' for p in c.points)}" for c in curves)
    title = f"Learning curves: {curves[0].data}, {curves[0].classifier}"
    return Figure(title, svg(drawing), f"Mean test accuracy in % by real samples per class: {text}.")


@mpl.rc_context(AS_WRITTEN)
def cost(summaries: Sequence[Summary], gains: dict[str, Comparison], against: str) -> Figure:
    """Draws the gain of every method of a case over `against`, and the seconds it takes.

    Arguments:
        summaries: One per method.
        gains: By method, the comparison with `against`; methods without one are left out.
        against: The method that the others are compared with.
    """
    methods = sorted((s for s in summaries if s.method in gains), key=lambda s: -gains[s.method].mean)
    names = [_lines(s.method, HALF_CHARS) for s in methods]
    lines = max(name.count("\n") + 1 for name in names)
    label_height = 0.05 + 0.12 * lines
    drawing = Drawing(figsize=(WIDTH, max(2.6, 0.7 + label_height * len(methods))), layout="constrained")
    axes, label_axes = drawing.subplots(1, 2, width_ratios=(1, 1), sharey=True)
    seconds, points = [max(s.seconds, 0.01) for s in methods], [gains[s.method].mean for s in methods]
    low, high = min([*points, 0.0]), max([*points, 0.0])
    margin = 0.08 * ((high - low) or 1.0)
    axes.set_xscale("log")
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(0, color=INK, linewidth=0.8)
    gap = (high - low + margin) / max(len(methods), int(2.4 / label_height))
    label_heights = _spread_labels(points, gap, low - margin / 2)
    for s, name, x, y, label_y in zip(methods, names, seconds, points, label_heights, strict=True):
        colour = KINDS[s.kind]
        axes.plot([x], [y], "o", color=colour, markersize=5)
        axes.plot([x, max(seconds) * 1.6], [y, label_y], color=colour, alpha=0.4, linewidth=0.6)
        label_axes.text(0, label_y, name, fontsize=7.5, va="center", color=INK)
    axes.set_xlim(min(seconds) / 1.3, max(seconds) * 1.6)
    label_axes.axis("off")
    style_axes(axes, "seconds per seed,\nVAE and classifier", f"points over {against}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(seconds) < 30 * min(seconds) else (1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    text = "; ".join(f"{s.method} {gains[s.method].mean:+.1f} points in {s.seconds:.0f} s" for s in methods)
    return Figure("Cost and gain", svg(drawing), f"Seconds and points over {against}: {text}.")


@mpl.rc_context(AS_WRITTEN)
def grid(images: Grid) -> Figure:
    """Draws a grid of images or signals for the page."""
    titles = ", ".join(title for title, _ in images.lines)
    return Figure(images.title, svg(_draw_grid(images, INK)), f"{images.title}. Rows: {titles}.", wide=True)


@mpl.rc_context(AS_WRITTEN)
def save_png(images: Grid, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes a grid of images as a PNG on white, for use outside the page; an earlier one is replaced.

    Arguments:
        images: The grid.
        path: The file.
        overwrite: Whether a file of any kind may be replaced.
    """
    about, is_ours = {"Software": PNG_SOFTWARE}, files.is_marked(f"Software\0{PNG_SOFTWARE}".encode())
    with files.atomic_write(path, may_replace=is_ours, overwrite=overwrite) as temporary:
        _draw_grid(images, "black").savefig(temporary, format="png", dpi=100, facecolor="white", metadata=about)


def _draw_grid(images: Grid, ink: str) -> Drawing:
    columns = max(len(line) for _, line in images.lines)
    size = (0.72 * columns + 0.9, 0.74 * len(images.lines) + 0.3)
    drawing = Drawing(figsize=size, layout="constrained")
    axes = drawing.subplots(len(images.lines), columns, squeeze=False)
    for ax, title in zip(axes[0], images.column_titles, strict=False):
        ax.set_title(markup.one_line(title), fontsize=7, color=ink)
    for axes_line, (title, line) in zip(axes, images.lines, strict=True):
        axes_line[0].set_ylabel(markup.one_line(title), rotation=0, ha="right", va="center", fontsize=8, color=ink)
        for ax, image in zip(axes_line, line.numpy(), strict=False):
            if image.ndim == 2:
                _draw_signal(ax, image)
                continue
            pixels = image[0] if image.shape[0] == 1 else np.moveaxis(image[:3], 0, -1)
            ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return drawing


def _draw_signal(ax: Any, signal: np.ndarray) -> None:
    """Draws the channels of a signal in 0..1 as lines, in colours that repeat."""
    for channel, values in enumerate(signal):
        ax.plot(values, color=SIGNAL_COLOURS[channel % len(SIGNAL_COLOURS)], linewidth=0.8)
    ax.set_ylim(-0.05, 1.05)


def _spread_labels(y: Sequence[float], gap: float, lowest: float) -> list[float]:
    """Returns falling heights, moved as little as possible, that are `gap` apart and not below `lowest`."""
    heights = list(y)
    for i in range(1, len(heights)):
        heights[i] = min(heights[i], heights[i - 1] - gap)
    floor = lowest
    for i in reversed(range(len(heights))):
        heights[i] = max(heights[i], floor)
        floor = heights[i] + gap
    return heights


def _lines(words: str, width: int) -> str:
    return textwrap.fill(markup.one_line(words), width)


def _labelled_rows(labels: Sequence[str], title: str, *, has_zero: bool = False) -> tuple[Drawing, Any]:
    """Returns a drawing with a row per label; the label is above its row, because it may be longer than half the width.

    Arguments:
        labels: The labels.
        title: What the horizontal axis shows.
        has_zero: Whether a line marks zero in each row; between the rows it would cross the labels.
    """
    names = [_lines(label, LINE_CHARS) for label in labels]
    lines = max((name.count("\n") + 1 for name in names), default=1)
    height = ROW_HEIGHT + LINE_HEIGHT * lines
    drawing = Drawing(figsize=(WIDTH, 0.75 + height * len(names)), layout="constrained")
    axes = drawing.add_subplot()
    for y, name in enumerate(names):
        options: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "bottom", "in_layout": False}
        axes.text(0, y - 0.06 / height, name, fontsize=8.5, color=INK, **options)
        if has_zero:
            axes.plot([0, 0], [y - 0.06 / height, y + 0.14 / height], color=INK, linewidth=0.8)
    axes.set_ylim(len(names) - 1 + 0.16 / height, -(0.1 + LINE_HEIGHT * lines) / height)
    style_axes(axes, _lines(title, LINE_CHARS - 6))
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    return drawing, axes


def _interval_line(axes: Any, y: float, value: Summary | Comparison, colour: str, marker: str) -> None:
    axes.plot([value.mean], [y], marker, color=colour, markersize=5.5)
    if math.isfinite(value.low):
        axes.plot([value.low, value.high], [y, y], color=colour, linewidth=1.8)
