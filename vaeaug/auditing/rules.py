"""Rules that all real rows of a table keep, and how many synthetic rows break them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vaeaug.auditing.columns import Columns

MOST_COLUMNS = 100  # beyond which functional dependencies are not searched for
MOST_VALUES = 1000  # of a column that may decide another one
LUCK = math.log(1e-6)  # the log-probability below which a dependency is none by chance


@dataclass(frozen=True)
class Rule:
    """A rule that all real rows keep.

    Arguments:
        text: The rule.
        broken: The share of the synthetic rows that break it.
        broken_holdout: The share of the held-out rows that do, and so show how strict the rule is; NaN without them.
    """

    text: str
    broken: float
    broken_holdout: float = math.nan


def broken_rules(real: Columns, synthetic: Columns, holdout: Columns | None) -> list[Rule]:
    """Returns the rules that synthetic rows break, those that are broken most first.

    Ranges, whole numbers, categories, missing values, and functional dependencies (one column decides another) are looked
    for. A dependency that held-out rows break is no rule.
    """
    tables = [real, synthetic] if holdout is None else [real, synthetic, holdout]
    broken = []
    for text, masks in (*_number_rules(tables), *_category_rules(tables), *_dependencies(tables)):
        shares = [float(mask.mean()) for mask in masks]
        if shares[0] > 0:
            broken.append(Rule(text, *shares))
    return sorted(broken, key=lambda rule: -rule.broken)


Broken = tuple[str, list[np.ndarray]]  # the rule, and which rows of each table but the real one break it


def _number_rules(tables: list[Columns]) -> Iterator[Broken]:
    for j, name in enumerate(tables[0].number_names):
        values = [table.numbers[:, j] for table in tables]
        seen = values[0][~np.isnan(values[0])]
        if len(seen) == len(values[0]):
            yield f"{name} is never missing", [np.isnan(own) for own in values[1:]]
        if not len(seen):
            yield f"{name} is always missing", [~np.isnan(own) for own in values[1:]]
            continue
        low, high = seen.min(), seen.max()
        text = f"{name} is always {low:g}" if low == high else f"{name} lies in {low:g} to {high:g}"
        yield text, [(own < low) | (own > high) for own in values[1:]]
        if (seen == np.rint(seen)).all():
            yield f"{name} is a whole number", [(own != np.rint(own)) & ~np.isnan(own) for own in values[1:]]


def _category_rules(tables: list[Columns]) -> Iterator[Broken]:
    for j, name in enumerate(tables[0].category_names):
        codes = [table.categories[:, j] for table in tables]
        if (codes[0] >= 0).all():
            yield f"{name} is never missing", [own < 0 for own in codes[1:]]
        known = np.unique(codes[0])
        levels = [tables[0].levels[j][code] for code in known if code >= 0]
        shown = ", ".join(levels[:5]) + (f" and {len(levels) - 5} more" if len(levels) > 5 else "")
        yield f"{name} is one of {shown or 'nothing'}", [~np.isin(own, known) & (own >= 0) for own in codes[1:]]


def _dependencies(tables: list[Columns]) -> Iterator[Broken]:
    """Yields the pairs of columns of which one decides the other in all real rows, more often than by chance."""
    names = tables[0].names
    if len(names) > MOST_COLUMNS:
        return
    together = np.concatenate([table.content() for table in tables])
    coded = np.stack([np.unique(column, return_inverse=True)[1].reshape(-1) for column in together.T], 1)
    ends = np.cumsum([len(table) for table in tables])
    parts = np.split(coded, ends[:-1])
    real = parts[0]
    sizes = [len(np.unique(column)) for column in real.T]
    for a, name in enumerate(names):
        if not 1 < sizes[a] <= min(MOST_VALUES, len(real) / 2):
            continue
        for b, other in enumerate(names):
            if a == b or sizes[b] < 2:
                continue
            decided = _decided(real[:, a], real[:, b], int(coded[:, a].max()) + 1)
            if decided is None:
                continue
            masks = [_breaks(part[:, a], part[:, b], decided) for part in parts[1:]]
            # What held-out rows break was chance.
            if len(masks) < 2 or not masks[1].any():
                yield f"{name} decides {other}", masks


def _decided(a: np.ndarray, b: np.ndarray, size: int) -> np.ndarray | None:
    """Returns the only value of b for each value of a, -1 for those not seen; None if there are several, or by chance."""
    decided = np.full(size, -1)
    decided[a] = b
    if not (decided[a] == b).all():
        return None
    # If b did not depend on a, all rows with one value of a would have one value of b with this probability.
    shares = np.bincount(b) / len(b)
    logs = np.log(shares[shares > 0])
    chance = 0.0
    for count in np.bincount(a):
        if count > 1:
            chance += float(np.log(np.exp(count * logs - (count * logs).max()).sum()) + (count * logs).max())
    return decided if chance < LUCK else None


def _breaks(a: np.ndarray, b: np.ndarray, decided: np.ndarray) -> np.ndarray:
    return (decided[a] >= 0) & (decided[a] != b)
