"""The drawings of an audit's page. Needs the extra `report`."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure as Drawing
from torch import Tensor

from vaeaug.auditing.leak import Leak
from vaeaug.auditing.statistics import Estimate
from vaeaug.auditing.values import ShownPair
from vaeaug.pages.drawing import AS_WRITTEN, BLUE, GREY, INK, RED, Figure, style_axes, svg
from vaeaug.runtime import markup

WIDTH = 4.8  # inches, so that it is legible on a phone
COLUMNS = 6  # pairs in a line of pictures
LABEL = 24  # characters


@mpl.rc_context(AS_WRITTEN)
def leak(measured: Leak) -> Figure:
    """Draws what the synthetic samples tell of membership, between chance and plain copies."""
    rows: list[tuple[str, Estimate, str, str]] = []
    for name, one, colour, marker in (
        ("synthetic", measured.measured, RED if measured.found else BLUE, "D"),
        ("control", measured.control, GREY, "o"),
        ("plain copies", measured.ceiling, GREY, "s"),
    ):
        rows.append((f"nearer to training: {name}", one.share, colour, marker))
        rows.append((f"attack, AUC: {name}", one.membership.auc, colour, marker))
    rows = rows[::2] + rows[1::2]
    if measured.likelihood is not None and measured.likelihood_control is not None:
        rows.append(("likelihood, AUC: VAE", measured.likelihood.auc, BLUE, "D"))
        rows.append(("likelihood, AUC: control", measured.likelihood_control.auc, GREY, "o"))
    drawing = Drawing(figsize=(WIDTH, 0.7 + 0.3 * len(rows)), layout="constrained")
    axes = drawing.add_subplot()
    axes.axvline(0.5, color=INK, linewidth=0.8)
    for y, (_, estimate, colour, marker) in enumerate(rows):
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, linewidth=1.8)
        axes.plot([estimate.value], [y], marker, color=colour, markersize=5.5)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    low = min([0.4, *(estimate.low for _, estimate, *_ in rows)])
    axes.set_xlim(low - 0.02, 1.02)
    style_axes(axes, "0.5 by chance, 1 for plain copies")
    words = "; ".join(f"{name} {e.value:.2f} ({e.low:.2f} to {e.high:.2f})" for name, e, *_ in rows)
    return Figure("What the synthetic samples tell of the training set", svg(drawing), f"With 95 % intervals: {words}.")


@mpl.rc_context(AS_WRITTEN)
def dots(title: str, names: Sequence[str], values: Sequence[float], beside: Sequence[float], label: str) -> Figure:
    """Draws a value of each class or column as a dot, with that of real samples as a ring."""
    drawing = Drawing(figsize=(WIDTH, 0.7 + 0.22 * len(names)), layout="constrained")
    axes = drawing.add_subplot()
    shown = [textwrap.shorten(markup.one_line(name), LABEL, placeholder="...") for name in names]
    axes.plot(values, range(len(names)), "o", color=BLUE, markersize=5, label="synthetic")
    if not all(map(math.isnan, beside)):
        axes.plot(beside, range(len(names)), "o", color=GREY, markersize=6, fillstyle="none", label="real")
        drawing.legend(loc="outside lower center", ncols=2, fontsize=8.5, frameon=False, labelcolor=INK)
    axes.set_yticks(range(len(names)), shown)
    axes.set_ylim(len(names) - 0.5, -0.5)
    known = [value for value in (*values, *beside) if not math.isnan(value)]
    axes.set_xlim(-0.03, max([1.0, *known]) + 0.03)  # from 0, so that small differences look small
    style_axes(axes, label)
    pairs = zip(names, values, beside, strict=True)
    words = "; ".join(f"{name} {value:.2f}, real {other:.2f}" for name, value, other in pairs)
    return Figure(title, svg(drawing), f"{label}: {words}.")


@mpl.rc_context(AS_WRITTEN)
def pairs(shown: Sequence[ShownPair], limits: tuple[float, float]) -> list[Figure]:
    """Draws the closest pairs of images or signals: the synthetic sample, the real one, and what differs.

    Arguments:
        shown: The pairs.
        limits: The values of black and white.
    """
    figures = []
    for start in range(0, len(shown), COLUMNS):
        group = shown[start : start + COLUMNS]
        drawing = Drawing(figsize=(0.8 * COLUMNS, 2.75), layout="constrained")
        axes = drawing.subplots(3, COLUMNS, squeeze=False)
        for ax in axes.flat:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        width = (limits[1] - limits[0]) or 1
        largest = max(float((synthetic - real).abs().max()) for synthetic, real in (pair.images for pair in group))
        factor = max(1.0, 10 ** math.floor(math.log10(width / largest))) if largest > 0 else 1.0
        for column, pair in enumerate(group):
            synthetic, real = pair.images
            for row, sample in enumerate((synthetic, real)):
                _draw(axes[row, column], sample, limits)
            _draw_difference(axes[2, column], factor * (synthetic - real) / width)
            axes[0, column].set_title(f"{pair.distance:.3g}", fontsize=8, color=INK)
        for row, name in enumerate(("synthetic", "real", f"change x {factor:.3g}" if factor > 1 else "change")):
            axes[row, 0].set_ylabel(name, fontsize=8, color=INK)
        words = "; ".join(f"synthetic {p.synthetic} and real {p.real}, {p.distance:.3g}" for p in group)
        title = "The closest pairs" if start == 0 else "Further pairs"
        figures.append(Figure(title, svg(drawing), f"Pairs and their distances: {words}."))
    return figures


def _draw(ax: mpl.axes.Axes, sample: Tensor, limits: tuple[float, float]) -> None:
    if sample.ndim == 2:
        ax.plot(sample.numpy().T, linewidth=0.9)
        ax.set_ylim(*limits)
        return
    low, high = limits
    values = ((sample - low) / ((high - low) or 1)).clamp(0, 1).numpy()
    pixels = values[0] if len(values) in (1, 2) else np.moveaxis(values[:3], 0, -1)
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _draw_difference(ax: mpl.axes.Axes, change: Tensor) -> None:
    if change.ndim == 2:
        ax.plot(change.numpy().T, linewidth=0.9, color=RED)
        ax.set_ylim(-1, 1)
        return
    ax.imshow(change.mean(0).numpy(), cmap="coolwarm", vmin=-1, vmax=1, interpolation="nearest")
