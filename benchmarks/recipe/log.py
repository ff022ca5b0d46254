"""The research log: what the questions share. They choose on development seeds and on training images, never on test images.

python benchmarks/recipe/q01_recipe.py [--jobs 2]    runs or resumes one question
python benchmarks/recipe/log.py                      writes README.md from the scripts' docstrings and the committed rows

The 60,000 training images of Fashion-MNIST are halved: subsets are drawn from one half, 10,000 images of the other judge.
Other sets are halved as the benchmark does it, then the first half once more, so that the test half is not touched either.
"""

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vaeaug.bench.compare import compare
from vaeaug.bench.inputs import official_split
from vaeaug.bench.methods import CLASSICAL
from vaeaug.bench.report import wording
from vaeaug.bench.report.page import describe_regime
from vaeaug.bench.results import Result, read
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.base import Stage
from vaeaug.bench.stages.baselines import ClassicalAugmentation, Mix
from vaeaug.bench.stages.method import Method
from vaeaug.data import Samples, load, split, subset

HERE = Path(__file__).parent
ROWS = HERE / "rows"
TEST_PER_CLASS = 1000
MOVES = {name: ClassicalAugmentation(CLASSICAL[name]) for name in ("fashion-mnist", "digits")}


def with_mixup(name: str, *stages: Stage) -> Method:
    """Returns the method for Fashion-MNIST of these stages, followed by classical augmentation and MixUp."""
    return Method(name, (*stages, MOVES["fashion-mnist"], Mix()), kind="ours" if stages else "baseline")


class Question(NamedTuple):
    """One table of a question.

    Arguments:
        methods: What is compared.
        per_class, seeds, classifiers, settings: As `vaeaug.compare` takes them.
        data: The name of a set.
    """

    methods: Sequence[Method]
    per_class: Any = 20
    seeds: Sequence[int] = range(6)
    classifiers: Sequence[str] = ("cnn",)
    settings: Settings = Settings()
    data: str = "fashion-mnist"


def development(data: str) -> tuple[Samples, Samples]:
    """Returns the data to draw subsets from and the data to judge on; both are training data."""
    if data != "fashion-mnist":
        return split(official_split(data)[0], 0.5, seed=1)
    train_data, rest = split(load(data), 0.5, seed=1)
    return train_data, subset(rest, TEST_PER_CLASS, 0)


def answer(path: str, questions: Sequence[Question]) -> None:
    """Runs what is missing of a question, on `--jobs` processes, and writes the log."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args().jobs
    for q in questions:
        train_data, test = development(q.data)
        results = compare(
            train_data,
            test=test,
            name=f"{q.data}, development",
            per_class=q.per_class,
            classifiers=q.classifiers,
            methods=q.methods,
            seeds=q.seeds,
            settings=q.settings,
            results=ROWS / f"{Path(path).stem}.csv",
            n_jobs=jobs,
        )
        for _ in results:
            pass
    write()


def write() -> None:
    """Writes README.md: the docstring of each question, and the tables of its results."""
    parts = [
        "# The research log",
        "",
        (ast.get_docstring(ast.parse(Path(__file__).read_text())) or "").split("\n\n")[2],
    ]
    for script in sorted(HERE.glob("q*.py")):
        if not (ROWS / f"{script.stem}.csv").exists():
            continue  # not run yet
        text = ast.get_docstring(ast.parse(script.read_text())) or ""
        parts += ["", f"## {script.stem}", "", text]
        regimes: dict[tuple[str, str, int], list[Result]] = {}
        for row in read(ROWS / f"{script.stem}.csv"):
            regimes.setdefault((row.data, row.regime, row.steps), []).append(row)
        for (data, regime, steps), rows in regimes.items():
            rows.sort(key=lambda row: row.seed)
            trained = f", {steps:,} steps" if steps else ""
            parts += ["", f"{data}, {describe_regime(regime)}{trained}", "", wording.table(rows)]
    (HERE / "README.md").write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    write()
