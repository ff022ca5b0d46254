"""Tables: rows of numbers with a label column, out of a `.csv`."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaeaug.runtime import checks


class Table(NamedTuple):
    """A table read from a file.

    Arguments:
        x: The numbers, `(N, features)`.
        y: The labels, `(N,)`, as places in `names`.
        names: The class names, sorted.
        columns: The names of the features and, last, of the label.
    """

    x: np.ndarray
    y: np.ndarray
    names: list[str]
    columns: list[str]


Line = tuple[int, list[str]]  # its number in the file, and its cells


def read(path: Path, label_column: str | None = None) -> Table:
    """Reads a `.csv`.

    Arguments:
        path: The file: UTF-8 text with commas. Its first line names the columns; where that line looks like all others, it is
            a row, and the columns are named 0, 1, 2 and so on.
        label_column: The label column; by default the last.

    Raises:
        InputError: If it cannot be read, if a cell is missing or no finite number, or if the labels are no classes. The
            message names the line and the column.
    """
    lines = _lines(path)
    header, lines = _header(path, lines, label_column)
    if label_column is not None and label_column not in header:
        checks.refuse(
            f"a column {label_column!r} in {path}", f"columns {checks.join_names(header)}", "name the label column"
        )
    column = header.index(label_column) if label_column is not None else len(header) - 1
    for number, cells in lines:
        if len(cells) != len(header):
            remedy = "mend or drop the line; a comma inside a cell needs quotes"
            checks.refuse(f"{len(header)} cells in every line of {path}", f"{len(cells)} in line {number}", remedy)
        if not cells[column]:
            remedy = "fill it in or drop the row"
            checks.refuse(f"a label in every row of {path}", f"none in line {number}", remedy)
    words = [cells[column] for _, cells in lines]
    names = sorted(set(words), key=lambda w: (len(w), w) if w.lstrip("-").isdigit() else (0, w))
    if len(names) > max(4, len(words) / 2):
        got = f"{len(names)} different ones in {len(words)} rows of column {header[column]!r}"
        remedy = "name the label column: label_column='kind' in Python, --label kind on the command line, say"
        checks.refuse(f"labels in {path} that come again and again", got, remedy)
    columns = [*header[:column], *header[column + 1 :], header[column]]
    return Table(_numbers(path, header, lines, column), np.array([names.index(w) for w in words]), names, columns)


def _lines(path: Path) -> list[Line]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (ValueError, csv.Error, OSError) as error:
        checks.refuse(f"comma-separated UTF-8 text in {path}", f"'{error}'", "save it as such")
    if len(lines) < 2:
        checks.refuse(f"a header and rows in {path}", f"{len(lines)} lines", "check the file")
    width = len(lines[0][1])
    if width < 2:
        got = f"one, {lines[0][1][0][:60]!r}"
        checks.refuse(f"two columns or more in {path}", got, "separate them with commas, not with semicolons or tabs")
    return lines


def _header(path: Path, lines: list[Line], label_column: str | None) -> tuple[list[str], list[Line]]:
    """Returns the names of the columns, and the lines that are rows."""
    first = lines[0][1]
    # What pandas writes before columns, named or not, is the number of the row: it would tell the label of sorted rows.
    if "" in first and (
        first[1:] == list(map(str, range(len(first) - 1))) or not any(map(_reads, filter(None, first)))
    ):
        remedy = "name it; if it only counts the rows, leave it out (to_csv(index=False) in pandas)"
        got = f"none for column {first.index('') + 1}"
        checks.refuse(f"a name for every column in {path}", got, remedy)
    places = list(map(str, range(len(first))))
    # Columns that were never named are numbered in order by pandas, and by hand.
    if first in (places, [str(i + 1) for i in range(len(first))]):
        return first, lines[1:]
    if _is_row(first, int(label_column) if label_column in places else len(first) - 1, lines) and (
        label_column is None or label_column in places
    ):
        return places, lines
    if label_column is not None:
        return first, lines[1:]
    if all(map(_reads, first)):
        got = f"numbers alone: {checks.join_names(first, 5)}"
        checks.refuse(f"names of columns in the first line of {path}", got, "write a header above it")
    return first, lines[1:]


def _is_row(first: list[str], column: int, lines: Sequence[Line]) -> bool:
    """Says whether the first line is a row: numbers, and a label that comes again below."""
    if not all(_reads(cell) for i, cell in enumerate(first) if i != column):
        return False
    return any(cells[column : column + 1] == [first[column]] for _, cells in lines[1:])


def _numbers(path: Path, header: list[str], lines: Sequence[Line], column: int) -> np.ndarray:
    x = np.empty((len(lines), len(header) - 1))
    for row, (number, cells) in enumerate(lines):
        words = cells[:column] + cells[column + 1 :]
        try:
            x[row] = [float(word) for word in words]
        except ValueError:
            x[row] = math.nan
        if not np.isfinite(x[row]).all():
            place = next(i for i, word in enumerate(cells) if i != column and not _is_number(word))
            got = f"{cells[place]!r} in line {number}, column {header[place]!r}"
            remedy = "encode words as numbers, and drop or fill in what is missing"
            checks.refuse(f"finite numbers in every column of {path} but the label", got, remedy)
    return x


def _reads(word: str) -> bool:
    """Says whether a cell reads as a number, or as one that is missing."""
    return word == "" or _is_number(word) or word.lower().lstrip("+-") in ("nan", "inf", "infinity")


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
