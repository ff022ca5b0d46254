"""Rows of a benchmark in a CSV, one per method and run, and a page whose tables are written from them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

Row = TypeVar("Row")
TYPES: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "str": str}


def read(kind: type[Row], path: Path) -> list[Row]:
    """Returns the rows of a file; none if it is not there. A last line that was cut off is left out."""
    if not path.exists():
        return []
    types = {field.name: TYPES[str(field.type)] for field in fields(kind)}  # type: ignore[arg-type]
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if None not in line.values()]
    return [kind(**{name: types[name](value) for name, value in line.items()}) for line in lines]


def write(rows: Sequence[Any], path: Path) -> None:
    """Writes all rows, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(rows[0])], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    new.replace(path)


def fill_page(page: Path, begin: str, end: str, text: str) -> None:
    """Writes a text between two lines of a page."""
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")


def paired(values: dict[tuple[Any, ...], dict[str, float]], method: str, baseline: str) -> list[float]:
    """Returns the differences of a method to the baseline over the runs that have both."""
    return [run[method] - run[baseline] for run in values.values() if method in run and baseline in run]


def distinct(values: Iterable[Any]) -> list[Any]:
    """Returns the values without repetition, in their order."""
    return list(dict.fromkeys(values))
