"""Chooses the settings of the classical arm, data set by data set: the rival that every other arm must beat.

python benchmarks/classical.py

Coordinate by coordinate: each value of the grid is tried on top of the best found so far and kept if the mean accuracy of
its cells is higher. Development seeds 0-3, two of them at each size; judged on a part of the official *training* images
that no cell trains on, so that the test images choose nothing. 15 configurations in all, 4 cells each.
Rows are kept in results/classical.csv as they come, and a search that was cut off goes on; results/classical.json gets the
winners, which `vaeaug.bench.methods.CLASSICAL` repeats and a test compares.
"""

import json
import statistics
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vaeaug.bench.compare import Settings, compare, splits
from vaeaug.bench.stages.method import Arm
from vaeaug.data import Samples, load, split
from vaeaug.data.classical import Classical
from vaeaug.runtime import files

ROWS = Path(__file__).parent / "results" / "classical.csv"
WINNERS = ROWS.with_suffix(".json")


@dataclass(frozen=True)
class Config:
    """One configuration: the moves, and the label smoothing that all arms share."""

    moves: Classical
    smoothing: float = 0.1

    @property
    def name(self) -> str:
        told = {k: v for k, v in asdict(self.moves).items() if k != "jitter"} | {"smoothing": self.smoothing}
        return " ".join(f"{name}={value}" for name, value in told.items())

    def having(self, setting: str, value: float) -> "Config":
        if setting == "smoothing":
            return replace(self, smoothing=value)
        return replace(self, moves=replace(self.moves, **{setting: value}))


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


def parts(data: str) -> tuple[Samples, Samples]:
    """Returns what to draw training subsets from and what to judge on: both out of the part that is trained on."""
    return split(load(data) if data == "fashion-mnist" else splits(data)[0], SEARCHES[data].held_out, seed=1)


def accuracies(data: str, pool: Samples, judged: Samples, config: Config) -> list[float]:
    """Returns the accuracy of each cell of a configuration."""
    found = []
    for per_class, seeds in SEARCHES[data].regimes:
        cells = compare(
            pool,
            test=judged,
            name=data,
            per_class=per_class,
            methods=[Arm(config.name, (config.moves,))],
            seeds=seeds,
            settings=Settings(smoothing=config.smoothing),
            results=ROWS,
            progress=False,
        )
        found += [row.accuracy for row in cells]
    return found


def search(data: str) -> dict[str, object]:
    """Returns the winner, with the mean accuracy of every configuration."""
    pool, judged = parts(data)
    tried: dict[str, float] = {}

    def score(config: Config) -> float:
        tried[config.name] = statistics.mean(accuracies(data, pool, judged, config))
        print(f"{data}: {tried[config.name]:.4f} {config.name}", flush=True)
        return tried[config.name]

    best = SEARCHES[data].start
    top = score(best)
    for setting, value in SEARCHES[data].grid:
        if (found := score(other := best.having(setting, value))) > top:
            best, top = other, found
    moves = {name: value for name, value in asdict(best.moves).items() if name != "jitter"}
    return {"moves": moves, "smoothing": best.smoothing, "configurations": len(tried), "mean_accuracy": tried}


if __name__ == "__main__":
    kept = {}
    for name in SEARCHES:
        kept[name] = search(name)
        files.save_json(WINNERS, kept, overwrite=True)
    print(json.dumps({name: found["moves"] for name, found in kept.items()}))
