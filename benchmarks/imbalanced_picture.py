"""The dot plot of docs/imbalanced.md: what each method gains on each judged table; see imbalanced_page.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "imbalanced.png"
STYLES = {
    "class weights": ("#9a9a9a", "o"),
    "SMOTE(NC)": ("#d98c3b", "v"),
    "ROSE": ("#b05fc0", "^"),
    "tuned threshold": ("#3b7dd8", "s"),
    "ours": ("#2a9d5c", "D"),
}


def draw(results: Any) -> None:
    """Draws the picture.

    Arguments:
        results: The `Results` of imbalanced_page.py.
    """
    figure, axes = plt.subplots(
        1, len(results.classifiers), figsize=(11, 3.4), sharey=True, sharex=True, layout="constrained"
    )
    for axis, classifier in zip(axes, results.classifiers, strict=True):
        axis.axvline(0, color="#cccccc", linewidth=1, zorder=0)
        for method, (colour, marker) in STYLES.items():
            differences = results.differences(classifier, method, "none", "balanced_accuracy")
            means = [differences[table].mean() for table in results.tables]
            axis.scatter(means, range(len(means)), 26, color=colour, marker=marker, label=method, alpha=0.9)
        axis.set_title(classifier, fontsize=10)
        axis.grid(axis="y", color="#eeeeee")
        axis.set_axisbelow(True)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(length=0, labelsize=9)
    axes[0].set_yticks(range(len(results.tables)), results.tables)
    axes[0].invert_yaxis()
    figure.supxlabel("points of balanced accuracy over doing nothing", fontsize=10)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)
