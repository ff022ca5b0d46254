"""Results -> tables of numbers on coloured ground: where a method gains and loses, class by class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vaeaug.bench.analysis import confusion
from vaeaug.bench.results import Result

MAX_CLASSES = 30  # a heatmap of more classes is illegible


@dataclass(frozen=True)
class Heatmap:
    """A table of numbers on coloured ground.

    Arguments:
        title: Its heading.
        corner: The heading of the row and column labels.
        columns: The column labels.
        lines: The label of each line and its entries: text, colour, whether it is bold.
    """

    title: str
    corner: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[tuple[str, str, bool], ...]], ...]


def class_by_class(
    results: Sequence[Result], baselines: Sequence[str], best: str, methods: Sequence[str], names: Sequence[str]
) -> Iterable[Heatmap]:
    """Yields how the recall of every class, and the confusion matrix of the main method, differ from those of baselines.

    Arguments:
        results: The results of one data set, regime and classifier.
        baselines: The methods to compare with.
        best: The best baseline, or an empty string.
        methods: The highlighted methods, the main one first.
        names: The names of the classes; classes without names are numbered.
    """
    classes = len(confusion.confusion_counts(results[0]))
    if classes > MAX_CLASSES:
        return
    labels = [str(name) for name in names] if len(names) == classes else [str(k) for k in range(classes)]
    against = dict.fromkeys([*baselines, *([best] if best else [])])
    differences = {name: list(confusion.confusion_differences(results, name).values()) for name in against}
    for baseline in baselines:
        # Highlighted methods come before the others.
        order = {method: i for i, method in enumerate(methods)}
        group = sorted(differences[baseline], key=lambda d: order.get(d.method, len(order)))
        if group:
            values = np.stack([d.recall for d in group])
            bold = np.stack([(d.low > 0) | (d.high < 0) for d in group])
            title = f"Recall of every class, points over {baseline}"
            yield heatmap(title, "method", [d.method for d in group], labels, values, values, bold)
    for group in differences.values():
        for d in (d for d in group if d.method in methods[:1]):
            better = np.where(np.eye(classes, dtype=bool), d.matrix, -d.matrix)
            title = f"Confusion matrix: {d.method} minus {d.against}, in percent of each true class"
            yield heatmap(title, "true class, predicted as", labels, labels, d.matrix, better)


def heatmap(
    title: str,
    corner: str,
    line_labels: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    better: np.ndarray,
    bold: np.ndarray | None = None,
) -> Heatmap:
    """Returns a table of numbers, on green ground where `better` is positive and on red where it is negative.

    Arguments:
        title, corner, columns: As in `Heatmap`.
        line_labels: The label of each line.
        values: The numbers, `(lines, columns)`.
        better: By its sign, whether a number is an improvement, `(lines, columns)`.
        bold: Which numbers are bold, booleans `(lines, columns)`; by default none.
    """
    largest = float(np.abs(values).max()) or 1.0

    def entry(i: int, j: int) -> tuple[str, str, bool]:
        text = f"{values[i, j]:+.1f}" if abs(values[i, j]) >= 0.05 else "0"
        # The depth of the colour is an opacity, so that zero has the background of the page, light or dark.
        opacity = 0.7 * abs(float(values[i, j])) / largest
        colour = f"rgb({'42 157 92' if better[i, j] > 0 else '209 73 91'} / {opacity:.2f})"
        return text, colour, bool(bold is not None and bold[i, j])

    lines = [(label, tuple(entry(i, j) for j in range(len(columns)))) for i, label in enumerate(line_labels)]
    return Heatmap(title, corner, tuple(columns), tuple(lines))
