"""Draws docs/images/readme.png: real samples, synthetic ones and what changed, beside the accuracy with and without them.

python benchmarks/readme_picture.py

The images come from one augmenter, fitted to 20 images per class of Fashion-MNIST; the accuracies from committed results.
"""

import matplotlib as mpl

mpl.use("Agg")
import torch
from matplotlib import pyplot as plt
from results_page import ROOT, results_of

from vaeaug import Augmenter
from vaeaug.bench.analysis.comparisons import summaries
from vaeaug.bench.methods import DEFAULT_MIXED
from vaeaug.data import load, subset

TABLE = "fashion-mnist-20"
METHODS = {
    "none": "no augmentation",
    "classical": "flips and shifts",
    "classical + MixUp": "flips, shifts and MixUp",
    DEFAULT_MIXED: "the same + synthetic samples",
}
CLASSES = (0, 1, 5, 7, 8)
BLUE, GREEN = "#3b7dd8", "#2a9d5c"


def main() -> None:
    """Draws the picture."""
    torch.set_num_threads(1)
    data = subset(load("fashion-mnist"), 20, seed=100)
    augmenter = Augmenter().fit(data, seed=0, progress=False)
    index = torch.cat([torch.nonzero(data.y == label)[:1, 0] for label in CLASSES])
    real = data.x[index]
    synthetic = augmenter.generate(len(index), near=real, labels=data.y[index], seed=5).x
    figure = plt.figure(figsize=(9.6, 3.1), layout="constrained")
    images, results = figure.subfigures(1, 2, width_ratios=(1.15, 1))
    axes = images.subplots(3, len(index))
    change = synthetic - real
    for column in range(len(index)):
        axes[0, column].imshow(real[column, 0], cmap="gray", vmin=0, vmax=1)
        axes[1, column].imshow(synthetic[column, 0], cmap="gray", vmin=0, vmax=1)
        axes[2, column].imshow(change[column, 0], cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    for axis, title in zip(axes[:, 0], ("real", "synthetic", "change"), strict=True):
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=10)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    axis = results.subplots()
    by_method = {s.method: s for s in summaries(results_of(TABLE)) if s.classifier == "cnn"}
    for place, method in enumerate(METHODS):
        s = by_method[method]
        colour = GREEN if method == DEFAULT_MIXED else BLUE
        axis.plot([s.low, s.high], [place, place], color=colour, linewidth=2)
        axis.plot([s.mean], [place], "o", color=colour)
        axis.annotate(f"{s.mean:.1f}", (s.mean, place), (0, 7), textcoords="offset points", ha="center", fontsize=9)
    axis.set_yticks(range(len(METHODS)), list(METHODS.values()), fontsize=10)
    axis.set_ylim(len(METHODS) - 0.5, -0.7)
    axis.set_xlabel(f"test accuracy, %\n20 images per class, {by_method['none'].seeds} seeds", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", alpha=0.3)
    figure.savefig(ROOT / "docs" / "images" / "readme.png", dpi=150, facecolor="white")


if __name__ == "__main__":
    main()
