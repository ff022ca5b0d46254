"""Who is wrong? The leak and coverage figures of vaeaug, SDMetrics, Anonymeter and prdc on data whose answer is known.

    python benchmarks/audit_peers.py            # runs all cases, and writes benchmarks/results/audit_peers.json
    python benchmarks/audit_peers.py --write    # writes the tables of docs/audit.md from those rows

Needs sdmetrics, anonymeter and prdc, which no extra of vaeaug installs.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

ROWS = Path(__file__).parent / "results" / "audit_peers.json"
PAGE = Path(__file__).parents[1] / "docs" / "audit.md"
BEGIN, END = "<!-- peers: benchmarks/audit_peers.py writes what follows -->", "<!-- peers end -->"
SEEDS, SIZE, COLUMNS = 20, 200, 5
OFF = 0.05  # a share of an innocent generator that is further from one half on average is wrong
ALARMS = 0.25  # an innocent generator may be accused in 5 % of cases; in more than this share of 20 it is wrong
FOUND = 0.75  # a copycat that is found in fewer cases is missed

Sets = tuple[np.ndarray, np.ndarray, np.ndarray]  # training, synthetic, held out


def normal(random: np.random.Generator, n: int = SIZE, d: int = COLUMNS) -> np.ndarray:
    """Returns rows of the population."""
    return random.normal(size=(n, d))


def innocent(random: np.random.Generator) -> Sets:
    return normal(random), normal(random), normal(random)


def innocent_2_to_1(random: np.random.Generator) -> Sets:
    return normal(random, 2 * SIZE), normal(random), normal(random)


def innocent_far_value(random: np.random.Generator) -> Sets:
    train, synthetic, held_out = innocent(random)
    train[0] = 50  # a row of one outlier, which only the training set has by chance
    return train, synthetic, held_out


def innocent_many_columns(random: np.random.Generator) -> Sets:
    return normal(random, 100, 50), normal(random, 500, 50), normal(random, 100, 50)


def copycat(random: np.random.Generator) -> Sets:
    train, _, held_out = innocent(random)
    return train, train[random.permutation(SIZE)], held_out


def near_copies(random: np.random.Generator) -> Sets:
    train, synthetic, held_out = copycat(random)
    return train, synthetic + 0.01 * normal(random), held_out


def a_fifth_copies(random: np.random.Generator) -> Sets:
    train, synthetic, held_out = innocent(random)
    synthetic[: SIZE // 5] = train[: SIZE // 5]
    return train, synthetic, held_out


def copies_beside_common_rows(random: np.random.Generator) -> Sets:
    """60 % of all rows are one common row; the copycat copies everything."""
    train, held_out = normal(random), normal(random)
    train[: SIZE * 3 // 5] = held_out[: SIZE * 3 // 5] = 0
    return train, train.copy(), held_out


CASES: dict[str, tuple[bool, Callable[[np.random.Generator], Sets]]] = {
    "innocent": (False, innocent),
    "innocent, twice as many training rows as held-out ones": (False, innocent_2_to_1),
    "innocent, an outlier among the training rows": (False, innocent_far_value),
    "innocent, 50 columns, 500 synthetic rows of 100": (False, innocent_many_columns),
    "copies of all training rows": (True, copycat),
    "near-copies of all (noise of 1 %)": (True, near_copies),
    "a fifth are copies": (True, a_fifth_copies),
    "copies of all, 60 % of all rows are one common row": (True, copies_beside_common_rows),
}


def of_vaeaug(sets: Sets, seed: int) -> tuple[float, bool]:
    """Returns the share nearer to training, and whether a leak or copies are found."""
    import vaeaug

    train, synthetic, held_out = ((x, np.arange(len(x)) % 2) for x in sets)
    audit = vaeaug.audit(train, synthetic, holdout=held_out, classifier="knn", seeds=0, resamples=200, seed=seed)
    return audit.leak.measured.share.value, bool(audit.leak.found)


def frames(sets: Sets) -> list[Any]:
    """Returns the sets as data frames."""
    import pandas

    return [pandas.DataFrame(x, columns=[f"c{j}" for j in range(x.shape[1])]) for x in sets]


def of_sdmetrics(sets: Sets) -> float:
    """Returns the share that SDMetrics calls closer to training: its overfitting score is twice the rest, at most 1."""
    from sdmetrics.single_table import DCROverfittingProtection

    train, synthetic, held_out = frames(sets)
    columns = {"columns": {name: {"sdtype": "numerical"} for name in train}}
    breakdown = DCROverfittingProtection.compute_breakdown(train, synthetic, held_out, columns, None)
    return float(breakdown["synthetic_data_percentages"]["closer_to_training"])


def of_anonymeter(sets: Sets, seed: int) -> tuple[float, bool]:
    """Returns the risk of inferring the last column, and whether its 95 % interval lies above 0."""
    from anonymeter.evaluators import InferenceEvaluator

    train, synthetic, held_out = frames(sets)
    *known, secret = train.columns
    np.random.seed(seed)
    settings = {"regression": True, "control": held_out, "n_attacks": len(held_out)}
    evaluator = InferenceEvaluator(train, synthetic, known, secret, **settings)
    risk = evaluator.evaluate(n_jobs=1).risk()
    return float(risk.value), bool(risk.ci[0] > 0)


def leak_rows() -> list[dict[str, Any]]:
    """Runs all cases."""
    rows = []
    for name, (leaks, draw) in CASES.items():
        ours, theirs, risks = [], [], []
        for seed in range(SEEDS):
            sets = draw(np.random.default_rng(seed))
            ours.append(of_vaeaug(sets, seed))
            theirs.append(of_sdmetrics(sets))
            risks.append(of_anonymeter(sets, seed))
        rows.append(
            {
                "case": name,
                "leaks": leaks,
                "share": float(np.mean([share for share, _ in ours])),
                "found": float(np.mean([found for _, found in ours])),
                "sdmetrics": float(np.mean(theirs)),
                "anonymeter": float(np.mean([risk for risk, _ in risks])),
                "anonymeter_found": float(np.mean([found for _, found in risks])),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def coverage_rows() -> list[dict[str, Any]]:
    """Compares density and coverage with those of prdc."""
    import torch
    from prdc import compute_prdc

    from vaeaug.auditing.distances import Euclidean
    from vaeaug.auditing.good import density_and_coverage

    random = np.random.default_rng(0)
    rows, other = normal(random), normal(random)
    doubled = np.repeat(rows[:30], 7, axis=0)
    whole = random.integers(0, 2, (SIZE, 3)).astype(float)
    cases = {
        "other rows of the population": (rows, other),
        "identical sets": (rows, rows),
        "identical sets, each row 7 times": (doubled, doubled),
        "identical sets, 8 different rows": (whole, whole),
        "rows far away": (rows, other + 100),
    }
    result = []
    for name, (real, synthetic) in cases.items():
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = compute_prdc(real, synthetic, 5)
        pool = torch.from_numpy(np.concatenate([real, synthetic]).astype(np.float32))
        size = len(real)
        own = density_and_coverage(Euclidean("", pool), np.arange(size), np.arange(size, 2 * size), 5)
        result.append(
            {
                "case": name,
                "density": own[0],
                "coverage": own[1],
                "prdc_density": float(theirs["density"]),
                "prdc_coverage": float(theirs["coverage"]),
            }
        )
        print(json.dumps(result[-1]), flush=True)
    return result


def verdict(row: dict[str, Any], found: float) -> str:
    """Returns what a test that finds a leak in this share of the runs says of a case."""
    if row["leaks"]:
        return "" if found >= FOUND else f" **misses {1 - found:.0%}**"
    return "" if found <= ALARMS else " **wrong**"


def tables(content: dict[str, Any]) -> str:
    """Returns the tables of the page."""
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    lines = [
        f"{content['seeds']} runs of each case, {SIZE} rows of {COLUMNS} normal columns unless the case says otherwise "
        f"({versions}). *Nearer*: the mean share nearer to training, 50 % without a leak. *Found*: the share of the runs in "
        "which a leak is found.",
        "",
        "| synthetic rows | leak? | vaeaug: nearer, found | SDMetrics: nearer | Anonymeter: risk, found |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in content["leak"]:
        own = f"{row['share']:.0%}, {row['found']:.0%}{verdict(row, row['found'])}"
        off = abs(row["sdmetrics"] - 0.5) > OFF
        missed = row["leaks"] and row["sdmetrics"] < 0.5 + OFF
        word = " **misses it**" if missed else " **wrong**" if off and not row["leaks"] else ""
        risk = f"{row['anonymeter']:.2f}, {row['anonymeter_found']:.0%}{verdict(row, row['anonymeter_found'])}"
        leaks = "yes" if row["leaks"] else "no"
        lines.append(f"| {row['case']} | {leaks} | {own} | {row['sdmetrics']:.0%}{word} | {risk} |")
    lines += ["", "| density, coverage | vaeaug | prdc |", "| --- | --- | --- |"]
    for row in content["coverage"]:
        wrong = " **wrong**" if row["case"].startswith("identical") and row["prdc_coverage"] < 1 else ""
        own, theirs = (f"{row[f'{p}density']:.2f}, {row[f'{p}coverage']:.2f}" for p in ("", "prdc_"))
        lines.append(f"| {row['case']} | {own} | {theirs}{wrong} |")
    return "\n".join(lines)


def updated(text: str) -> str:
    """Returns the page with the tables of the committed rows."""
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:begin]}\n{tables(json.loads(ROWS.read_text()))}\n{text[end:]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        PAGE.write_text(updated(PAGE.read_text()))
        return
    warnings.simplefilter("ignore")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    versions = {name: metadata.version(name) for name in ("sdmetrics", "anonymeter", "prdc")}
    content = {"seeds": SEEDS, "versions": versions, "leak": leak_rows(), "coverage": coverage_rows()}
    ROWS.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
