"""Tabular data in a `.csv`: numeric features and a label column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaeaug.data import csv_columns, csv_mixed, tables
from vaeaug.data.csv_columns import CsvLine
from vaeaug.data.frames import check_column_names, is_numbering
from vaeaug.data.label_values import is_missing
from vaeaug.data.labels import is_number, number_words
from vaeaug.data.paths import check_regular
from vaeaug.runtime import checks
from vaeaug.runtime.errors import did_you_mean, warn
from vaeaug.runtime.spreadsheets import unescape

NAME_THE_LABEL = "name the label column: for example label_column={0!r} in Python, --label {0} on the command line"


class Table(NamedTuple):
    """A table read from a file.

    Arguments:
        x: The features, `(N, features)`.
        y: The labels, `(N,)`, as indices into `names`; None if there are none.
        names: The class names, in the order of `labels.class_order`.
        columns: The names of the features and, last, of the label if there is one.
        integer_columns: The indices of the features that are whole numbers or booleans.
        boolean_columns: The indices of the features that are True and False.
        decimals: The largest number of decimals of each feature.
        label_position: The position of the label among the columns that were read; -1 is the last.
        frame: If there are words or empty cells, the features as a pandas data frame; `x` has no columns then, and `decimals`
            is -1 for columns without any.
    """

    x: np.ndarray
    y: np.ndarray | None
    names: tuple[str, ...]
    columns: tuple[str, ...]
    integer_columns: tuple[int, ...]
    boolean_columns: tuple[int, ...]
    decimals: tuple[int, ...]
    label_position: int = -1
    frame: Any = None


def read(path: Path, label_column: str | None = None, *, keep_row_numbers: bool = False) -> Table:
    """Reads a `.csv` with a label column.

    Arguments:
        path: The file: UTF-8 text, separated by commas. The first line names the columns. If it looks like all other lines,
            it is data, and the columns are named 0, 1, 2 and so on.
        label_column: The label column; by default the last column, unless another one is called `label`, `class`, `target`
            or `y`.
        keep_row_numbers: Whether columns that number the rows are features. By default, columns that count 1, 2, 3 and so
            on, or are called `Id`, `index` or `Unnamed: 0`, are left out with a warning.

    Raises:
        InputError: If the file cannot be read, if two columns have one name or could both be the label, if a feature is
            missing or not a finite number, or if almost every label is different. The message names the line and the column.
    """
    lines = _lines(path)
    header, lines = _header(path, lines, label_column)
    column = _label_index(path, header, lines, label_column)
    _check_widths(path, header, lines)
    fields = csv_columns.transposed(lines)
    words = list(fields[column])
    _check_labels(path, header[column], lines, words, is_guess=label_column is None)
    y, names = number_words(words)
    features = [i for i in range(len(header)) if i != column]
    if not keep_row_numbers:
        features = _without_row_numbers(path, header, fields, features)
    for i in features:
        if csv_columns.tells_labels(fields[i], words):
            got = f"column {header[i]!r} of '{path}' has one value for each class"
            warn(f"{got}; if it is a copy of the label, drop it from the file")
    position = sum(i < column for i in features)
    position = -1 if position == len(features) else position
    columns = (*(header[i] for i in features), header[column])
    if csv_mixed.is_mixed(lines, features):
        return _mixed(csv_mixed.read(path, header, lines, features), y.numpy(), names, columns, position)
    parsed = csv_columns.parse(path, header, lines, features)
    return Table(parsed.x, y.numpy(), names, columns, *parsed[1:], position)


def _mixed(
    read: tuple[Any, tuple[int, ...]],
    y: np.ndarray | None,
    names: tuple[str, ...],
    columns: tuple[str, ...],
    position: int = -1,
) -> Table:
    frame, decimals = read
    return Table(np.empty((len(frame), 0)), y, names, columns, (), (), decimals, position, frame)


def read_features(
    path: Path,
    count: int,
    names: Sequence[str] = (),
    label_column: str | None = None,
    like: tables.Table | None = None,
) -> Table:
    """Reads a `.csv` of samples like others, with or without a label column.

    Arguments:
        path: The file.
        count: The number of features.
        names: The names of the features and, last, of the label of the others, if they are known. Columns are found by name
            if the file names them, wherever they stand, and columns of other names are left out.
        label_column: The label column; by default the one called as in the others, or the last one if there is one more
            column than features.
        like: The schema of the others, if they had words or empty cells.

    Raises:
        InputError: If a column is missing, or for the reasons of `read`.
    """
    lines = _lines(path, smallest_width=1)
    header, lines = _header(path, lines, label_column, labelled=None)
    _check_widths(path, header, lines)
    features, label = _find_features(path, header, count, names, label_column)
    words = [fields[label] for _, fields in lines] if label is not None else []
    if any(map(is_missing, words)):
        checks.refuse(f"a label in every line of {path}", "a missing one", "fill it in, or leave the column out")
    y, class_names = number_words(words) if words else (None, ())
    labels, columns = None if y is None else y.numpy(), tuple(header[i] for i in features)
    if like is not None:
        return _mixed(csv_mixed.read(path, header, lines, features, like), labels, class_names, columns)
    parsed = csv_columns.parse(path, header, lines, features)
    return Table(parsed.x, labels, class_names, columns, *parsed[1:])


def _find_features(
    path: Path, header: list[str], count: int, names: Sequence[str], label_column: str | None
) -> tuple[list[int], int | None]:
    """Returns the indices of the features and of the label, None if there is none."""
    if label_column is not None:
        _check_column(path, header, label_column)
    known = list(names[:-1])
    there = [name for name in known if name in header]
    if there or (known and not is_numbering(header)):
        lacking = [name for name in known if name not in header]
        if lacking:
            expected = f"the columns that were fitted in {path}"
            checks.refuse(expected, f"none called {checks.join_names(lacking, 5)}", "name the columns as in that data")
        label_column = label_column or (names[-1] if names[-1] in header else None)
        label = None if label_column is None else header.index(label_column)
        return [header.index(name) for name in known], label
    if label_column is None and len(header) == count:
        return list(range(count)), None
    label = len(header) - 1 if label_column is None else header.index(label_column)
    features = [i for i in range(len(header)) if i != label]
    if len(features) != count:
        expected = f"{count} features in {path}, with or without a label"
        checks.refuse(expected, f"{len(header)} columns", "drop the other columns")
    return features, label


def _lines(path: Path, smallest_width: int = 2) -> list[CsvLine]:
    expected = f"comma-separated UTF-8 text in {path}"
    check_regular(path, expected)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(map(_text, file))
            lines = [(reader.line_num, _cells(fields)) for fields in reader if fields]
    except (ValueError, csv.Error, OSError) as error:
        checks.refuse(expected, f"'{error}'", "save it in this form")
    if len(lines) < 2:
        checks.refuse(f"a header and data in {path}", f"{len(lines)} lines", "check the file")
    width = len(lines[0][1])
    if width < smallest_width:
        got = f"one column, {lines[0][1][0][:60]!r}"
        checks.refuse(f"two columns or more in {path}", got, "separate them with commas, not with semicolons or tabs")
    return lines


def _cells(fields: list[str]) -> list[str]:
    """Returns the texts of a line; an apostrophe that only keeps spreadsheets from computing a text is taken away."""
    return [unescape(text) if text[:1] == "'" else text for text in map(str.strip, fields)]


def _text(line: str) -> str:
    """Returns a line; raises a ValueError if it holds the byte 0, which text does not."""
    if "\0" in line:
        raise ValueError("a byte 0 in it")
    return line


def _check_widths(path: Path, header: list[str], lines: Sequence[CsvLine]) -> None:
    for number, fields in lines:
        if len(fields) != len(header):
            remedy = "correct or drop the line; a comma inside a field needs quotes"
            checks.refuse(f"{len(header)} fields in every line of {path}", f"{len(fields)} in line {number}", remedy)


def _header(
    path: Path, lines: list[CsvLine], label_column: str | None, labelled: bool | None = True
) -> tuple[list[str], list[CsvLine]]:
    """Returns the names of the columns, and the lines of data. `labelled` is None if there may be no label."""
    header = lines[0][1]
    numbers = list(map(str, range(len(header))))
    # The unnamed column that pandas writes first is the row index, which leaks the label if the file is sorted by class.
    if "" in header and (header[1:] == numbers[:-1] or not any(map(csv_columns.is_value, filter(None, header)))):
        remedy = "name it; if it is only the row index, leave it out (to_csv(index=False) in pandas)"
        got = f"none for column {header.index('') + 1}"
        checks.refuse(f"a name for every column in {path}", got, remedy)
    if is_numbering(header):
        return header, lines[1:]
    if label_column is None or label_column in numbers:
        column = len(header) - 1 if label_column is None else int(label_column)
        is_data = all(map(csv_columns.is_value, header)) if labelled is None else False
        if is_data or _is_data_line(header, column, lines):
            return numbers, lines
    if label_column is None and all(map(csv_columns.is_value, header)):
        got = f"only numbers: {checks.join_names(header, 5)}"
        checks.refuse(f"names of columns in the first line of {path}", got, "write a header above it")
    check_column_names(header, str(path))
    return header, lines[1:]


def _is_data_line(header: list[str], column: int, lines: Sequence[CsvLine]) -> bool:
    """Returns whether the first line is data: its features are numbers, and its label occurs again below."""
    if not all(csv_columns.is_value(field) for i, field in enumerate(header) if i != column):
        return False
    return any(fields[column : column + 1] == [header[column]] for _, fields in lines[1:])


def _check_column(path: Path, header: list[str], label_column: str) -> None:
    if label_column not in header:
        got = f"columns {checks.join_names(header)}"
        remedy = did_you_mean(label_column, header) or "name the label column"
        checks.refuse(f"a column {label_column!r} in {path}", got, remedy)


def _label_index(path: Path, header: list[str], lines: Sequence[CsvLine], label_column: str | None) -> int:
    """Returns the index of the label column; refuses to guess where two columns could be it."""
    if label_column is not None:
        _check_column(path, header, label_column)
        return header.index(label_column)
    last = len(header) - 1
    named = csv_columns.named_labels(header)
    if named and named != [header[last]]:
        others = [name for name in named if name != header[last]]
        got = f"{', '.join(map(repr, others))} and the last column, {header[last]!r}"
        checks.refuse(f"one column of {path} that could be the label", got, NAME_THE_LABEL.format(others[0]))
    # Without names, in files of old collections, the class may stand first or last.
    if is_numbering(header) and all(csv_columns.looks_like_labels(lines, i) for i in (0, last)):
        got = "the first and the last one"
        checks.refuse(f"one column of {path} that could be the label", got, NAME_THE_LABEL.format(header[last]))
    return last


def _check_labels(path: Path, name: str, lines: Sequence[CsvLine], words: Sequence[str], is_guess: bool) -> None:
    """Refuses missing labels, and words that are no labels."""
    for (number, _), word in zip(lines, words, strict=True):
        if is_missing(word):
            got = f"{word!r} in line {number}" if word else f"none in line {number}"
            checks.refuse(f"a label in every line of {path}", got, "fill it in or drop the line")
    different = set(words)
    if len(different) > max(4, len(words) / 2):
        column = f"the last column, {name!r}, which is taken for the label" if is_guess else f"column {name!r}"
        got = f"{len(different)} different labels in {len(words)} lines of {column}"
        checks.refuse(f"labels in {path} that repeat", got, NAME_THE_LABEL.format("kind"))
    if is_guess and any(is_number(word) and not float(word).is_integer() for word in different):
        got = f"measurements in the last column, {name!r}, which is taken for the label"
        checks.refuse(f"the label in the last column of {path}", got, NAME_THE_LABEL.format("kind"))


def _without_row_numbers(
    path: Path, header: list[str], columns: Sequence[Sequence[str]], features: list[int]
) -> list[int]:
    """Returns the features without those that number the rows, and warns of these; one feature at least is left."""
    numbering = [i for i in features if csv_columns.numbers_rows(header[i], columns[i])]
    left = [i for i in features if i not in numbering]
    if not numbering:
        return features
    names = ", ".join(repr(header[i]) for i in numbering)
    if not left:
        warn(f"{names} of '{path}' seems to number the rows, which may tell the label; it is kept as the only feature")
        return features
    remedy = "to keep it, pass keep_row_numbers=True to vaeaug.load, or --keep-row-numbers"
    warn(f"{names} of '{path}' is left out: it numbers the rows, which may tell the label; {remedy}")
    return left
