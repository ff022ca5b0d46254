"""Chooses the settings of classical augmentation for each data set: the baseline that every other method must beat.

python benchmarks/classical.py

The search goes setting by setting: each value of the grid is tried on top of the best ones so far, and kept if it raises
the mean accuracy. It runs on development seeds 0-3, two of them at each size, and judges on a part of the official
*training* images that no run trains on; the test images choose nothing. 15 configurations in all, 4 runs each.
results/classical.csv keeps the results as they come, so a search that was stopped goes on. results/classical.json gets the
best settings, which `vaeaug.bench.methods.CLASSICAL` repeats; a test compares the two.
"""

import json
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vaeaug.bench.compare import compare
from vaeaug.bench.inputs import official_split
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.stages.method import Method
from vaeaug.data import Samples, load, split
from vaeaug.data.classical import Classical
from vaeaug.runtime import files

RESULTS = Path(__file__).parent / "results" / "classical.csv"
WINNERS = RESULTS.with_suffix(".json")


@dataclass(frozen=True)
class Config:
    """One configuration: the classical augmentation, and the label smoothing that all methods share."""

    classical: Classical
    smoothing: float = 0.1

    @property
    def method(self) -> Method:
        return Method(self.name, (ClassicalAugmentation(self.classical),), kind="baseline")

    @property
    def name(self) -> str:
        settings = classical_settings(self.classical) | {"smoothing": self.smoothing}
        return " ".join(f"{setting}={value}" for setting, value in settings.items())

    def with_setting(self, setting: str, value: float) -> "Config":
        if setting == "smoothing":
            return replace(self, smoothing=value)
        return replace(self, classical=replace(self.classical, **{setting: value}))


def classical_settings(classical: Classical) -> dict[str, float]:
    """Returns the settings that are searched, by name."""
    return {setting: value for setting, value in asdict(classical).items() if setting != "jitter"}


@dataclass(frozen=True)
class Search:
    """What is searched on one data set: the start, the other values in this order, and samples per class -> seeds."""

    start: Config
    grid: tuple[tuple[str, float], ...]
    regimes: tuple[tuple[int, tuple[int, ...]], ...]
    held_out: float


SEARCHES = {
    "fashion-mnist": Search(
        start=Config(Classical(flip=True)),
        grid=(
            ("shift", 0.14),
            ("zoom", 0.1),
            ("rotate", 10.0),
            ("cutout", 0.3),
            ("flip", False),
            ("smoothing", 0.0),
        ),
        regimes=((20, (0, 1)), (100, (2, 3))),
        held_out=0.05,
    ),
    "digits": Search(
        start=Config(Classical(shift=0.125, rotate=15.0, zoom=0.1)),
        grid=(
            ("shift", 0.25),
            ("rotate", 8.0),
            ("rotate", 25.0),
            ("zoom", 0.2),
            ("cutout", 0.25),
            ("flip", True),
            ("smoothing", 0.0),
        ),
        regimes=((5, (0, 1)), (20, (2, 3))),
        held_out=0.5,
    ),
}


def train_and_validation_data(data: str) -> tuple[Samples, Samples]:
    """Returns what to draw training subsets from and what to judge on. Both come from the data to train on."""
    samples = load(data) if data == "fashion-mnist" else official_split(data)[0]
    return split(samples, SEARCHES[data].held_out, seed=1)


def accuracies(data: str, train_data: Samples, validation_data: Samples, config: Config) -> list[float]:
    """Returns the accuracy of each run of a configuration."""
    return [
        result.accuracy
        for per_class, seeds in SEARCHES[data].regimes
        for result in compare(
            train_data,
            test=validation_data,
            name=data,
            per_class=per_class,
            methods=[config.method],
            seeds=seeds,
            settings=Settings(smoothing=config.smoothing),
            results=RESULTS,
            progress=False,
        )
    ]


def search(data: str) -> dict[str, object]:
    """Returns the best settings, with the mean accuracy of every configuration."""
    train_data, validation_data = train_and_validation_data(data)
    means: dict[str, float] = {}

    def score(config: Config) -> float:
        means[config.name] = statistics.mean(accuracies(data, train_data, validation_data, config))
        print(f"{data}: {means[config.name]:.4f} {config.name}", flush=True)
        return means[config.name]

    best = SEARCHES[data].start
    best_score = score(best)
    for setting, value in SEARCHES[data].grid:
        candidate = best.with_setting(setting, value)
        if (candidate_score := score(candidate)) > best_score:
            best, best_score = candidate, candidate_score
    return {
        "classical": classical_settings(best.classical),
        "smoothing": best.smoothing,
        "configurations": len(means),
        "mean_accuracy": means,
    }


if __name__ == "__main__":
    winners = {}
    for name in SEARCHES:
        winners[name] = search(name)
        files.save_json(WINNERS, winners)
    print(json.dumps({name: winner["classical"] for name, winner in winners.items()}))
