"""What the drawings of all pages share: they take the text colour of the page, light or dark. Needs the extra `report`."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing

INK = "#010203"  # stands for the text colour of the page, which differs between light and dark
GREY, GREEN, RED, BLUE, OCHRE = "#8a8f98", "#2a9d5c", "#d1495b", "#3b7dd8", "#b8862b"
# A user's names are no mathematics and no TeX, whatever dollars and backslashes are in them.
AS_WRITTEN: dict[Any, Any] = {"text.parse_math": False, "text.usetex": False}


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Arguments:
        title: Its heading.
        svg: Its drawing.
        alt: Its description in words.
        wide: Whether it keeps its size, so that a narrow page scrolls it.
    """

    title: str
    svg: str
    alt: str
    wide: bool = False


def style_axes(axes: Any, x_label: str, y_label: str = "") -> None:
    """Draws axes in the style of the pages."""
    axes.set_xlabel(x_label, fontsize=9, color=INK)
    axes.set_ylabel(y_label, fontsize=9, color=INK)
    axes.grid(color=GREY, alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(axis="both", which="both", colors=INK, labelsize=8.5, length=0)


def svg(drawing: Drawing) -> str:
    """Returns a drawing as SVG that can stand in a page."""
    buffer = io.StringIO()
    # Text stays text, and ids do not change from run to run.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vaeaug", "font.family": "sans-serif", **AS_WRITTEN}):
        drawing.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    # Ids must be unique on a page, and nothing refers to those of groups.
    text = re.sub(r'<g id="[^"]*">', "<g>", text[text.index("<svg") :])
    return text.replace(INK, "currentColor")
