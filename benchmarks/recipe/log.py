"""The research log: what each question's script shares. Questions choose on development seeds, never on test images.

python benchmarks/recipe/q01_scheme.py [--jobs 2]    runs or resumes the cells of one question and prints its table

The 60,000 training images of Fashion-MNIST are halved: subsets are drawn from one half, 10,000 images of the other judge.
digits is halved as the benchmark does it, then the first half once more, so that its test half is not touched either.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vaeaug import verdicts
from vaeaug.arms import CLASSICAL, Arm
from vaeaug.data import Samples, load, split, subset
from vaeaug.evaluate import Settings, compare, splits

ROWS = Path(__file__).parent / "rows"
JUDGES = 1000  # images of each class that judge
MOVES = {name: CLASSICAL[name] for name in ("fashion-mnist", "digits")}


class Question(NamedTuple):
    """One table of a question.

    Arguments:
        arms: What is compared.
        per_class, seeds, classifier, settings: As `vaeaug.compare` takes them.
        data: `fashion-mnist` or `digits`.
    """

    arms: Sequence[Arm]
    per_class: Any = 20
    seeds: Sequence[int] = range(6)
    classifier: Sequence[str] = ("cnn",)
    settings: Settings = Settings()
    data: str = "fashion-mnist"


def development(data: str) -> tuple[Samples, Samples]:
    """Returns what subsets are drawn from and what judges: training images, all of them."""
    if data == "digits":
        return split(splits(data)[0], 0.5, seed=1)
    pool, rest = split(load(data), 0.5, seed=1)
    return pool, subset(rest, JUDGES, 0)


def answer(path: str, questions: Sequence[Question]) -> None:
    """Runs what is missing of a question's cells, on `--jobs` processes, and prints its tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    for q in questions:
        pool, test = development(q.data)
        found = compare(
            pool,
            test=test,
            name=f"{q.data}, development",
            per_class=q.per_class,
            classifier=q.classifier,
            arm=q.arms,
            seeds=q.seeds,
            settings=q.settings,
            rows=ROWS / f"{Path(path).stem}.csv",
            jobs=jobs,
        )
        order = [arm.name for arm in q.arms]
        rows = sorted(found, key=lambda row: (row.classifier, order.index(row.arm), row.seed))
        print(f"\n{q.data}, {q.per_class} per class, seeds {list(q.seeds)}\n\n{verdicts.table(rows)}", flush=True)
