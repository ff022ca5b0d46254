"""What does filling up the smaller class of a table cost? `VAEOverSampler` beside SMOTENC, on one core.

    OMP_NUM_THREADS=1 python benchmarks/imbalanced_speed.py     runs, writes results/imbalanced_speed.csv

Tables of 15 numbers and 15 categories with 4 levels. Both take turns; seconds are those of the CPU, so that what else the
machine does matters little.
"""

# ruff: noqa: N806 (X is what scikit-learn calls it)

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from imblearn.over_sampling import SMOTENC

from vaeaug.bench.markdown import markdown_table
from vaeaug.plugins.imblearn import VAEOverSampler

ROWS = Path(__file__).parent / "results" / "imbalanced_speed.csv"
FIELDS = ("larger", "smaller", "repeat", "sampler", "seconds")
COUNTS = ((100, 10), (9000, 1000), (18000, 2000))
REPEATS, COLUMNS, LEVELS = 3, 15, 4


def table(counts: tuple[int, int], seed: int) -> tuple[Any, np.ndarray]:
    """Returns a table and its labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], counts))
    hidden = rng.normal(size=(len(y), 4)) + y[:, None]
    numbers = hidden @ rng.normal(size=(4, COLUMNS)) + rng.normal(size=(len(y), COLUMNS))
    scores = (hidden @ rng.normal(size=(4, COLUMNS * LEVELS))).reshape(len(y), COLUMNS, LEVELS)
    words = np.array(list("abcd"))[(scores + rng.gumbel(size=scores.shape)).argmax(2)]
    columns = {f"number{i}": numbers[:, i] for i in range(COLUMNS)} | {f"word{i}": words[:, i] for i in range(COLUMNS)}
    return pd.DataFrame(columns), y


def run() -> list[list[Any]]:
    """Returns a row for each run."""
    rows = []
    for counts in COUNTS:
        for repeat in range(REPEATS if counts[0] < 10_000 else 1):
            X, y = table(counts, repeat)
            words = [name for name in X if name.startswith("word")]
            samplers = {"SMOTENC": SMOTENC(words, random_state=0), "ours": VAEOverSampler(random_state=0)}
            for name, sampler in samplers.items():
                start = time.process_time()
                sampler.fit_resample(X, y)
                rows.append([*counts, repeat, name, round(time.process_time() - start, 3)])
                print(*rows[-1], flush=True)
    return rows


def shown() -> str:
    """Returns the rows as a table."""
    rows = pd.read_csv(ROWS)
    lines = [["rows", "SMOTENC", "VAEOverSampler", "ratio"]]
    for (larger, smaller), own in rows.groupby(["larger", "smaller"], sort=True):
        theirs, ours = (own[own["sampler"] == name]["seconds"].median() for name in ("SMOTENC", "ours"))
        lines.append([f"{larger:,} and {smaller:,}", f"{theirs:.2f} s", f"{ours:.1f} s", f"{ours / theirs:.0f}"])
    caption = f"CPU seconds to fit and fill up the smaller class, {COLUMNS} numbers and {COLUMNS} categories, medians:"
    return f"{caption}\n\n{markdown_table(lines)}"


def main() -> None:
    """Runs everything: some minutes."""
    torch.set_num_threads(1)
    rows = run()
    with ROWS.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([FIELDS, *rows])
    print(shown())


if __name__ == "__main__":
    main()
