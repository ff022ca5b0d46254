"""What vaeaug bench is to run: its options -> data, methods and settings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.help import CLASSICAL
from vaeaug.cli.values import DATA_SETS, NETWORKS
from vaeaug.runtime.errors import refuse

if TYPE_CHECKING:
    from vaeaug.bench.results import Result
    from vaeaug.bench.settings import Settings
    from vaeaug.bench.stages.method import Method
    from vaeaug.data import Samples
    from vaeaug.data.classical import Classical
    from vaeaug.perturb import Perturbation

RESULTS = "rows.csv"
STEPS = 800

Flip = Annotated[
    bool | None,
    typer.Option("--flip/--no-flip", help="Mirror half of the images left to right.", rich_help_panel=CLASSICAL),
]
Shift = Annotated[
    float | None,
    typer.Option(help="The largest shift, as a fraction of the side.", min=0, max=1, rich_help_panel=CLASSICAL),
]
Rotate = Annotated[
    float | None,
    typer.Option(help="The largest rotation, in degrees.", min=0, max=180, rich_help_panel=CLASSICAL),
]
Zoom = Annotated[
    float | None,
    typer.Option(help="The largest change of size, as a fraction.", min=0, max=0.9, rich_help_panel=CLASSICAL),
]
Cutout = Annotated[
    float | None,
    typer.Option(
        help="The side of a square that is cut out, as a fraction of the side.", min=0, max=1,
        rich_help_panel=CLASSICAL,
    ),
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Plan:
    """What a benchmark runs.

    Arguments:
        name: The name of the data in results.
        data: The data.
        test_data: The test data; None if half of the data is held out.
        regime: The training samples per class.
        classifiers, methods, settings: As in `vaeaug.compare`.
        perturb: The perturbation of our methods; None for each method's own.
        space: The space of our methods.
    """

    name: str
    data: Samples
    test_data: Samples | None
    regime: int | str | list[int]
    classifiers: Sequence[str]
    methods: Sequence[Method]
    settings: Settings
    perturb: Perturbation | None
    space: str

    @property
    def images(self) -> bool:
        """Whether the samples are images."""
        return self.data.x.ndim == 4

    @property
    def is_table(self) -> bool:
        """Whether the samples are rows of a table, neither images nor signals."""
        return self.data.x.ndim == 2

    @property
    def train_data(self) -> Samples:
        """The samples that training subsets are drawn from."""
        from vaeaug.bench.inputs import official_split

        return official_split(self.data)[0] if self.test_data is None else self.data

    def run(self, seeds: int, output: Path, n_jobs: int, progress: bool) -> list[Result]:
        """Runs the benchmark, resuming from what is in the folder, and returns its results in the order of the options."""
        from vaeaug.bench.compare import compare

        runs = compare(
            self.data,
            test=self.test_data,
            per_class=self.regime,
            classifiers=self.classifiers,
            methods=self.methods,
            seeds=seeds,
            settings=self.settings,
            results=output / RESULTS,
            save_augmenter_to=None if self.is_table else output,
            name=self.name,
            n_jobs=n_jobs,
            progress=progress,
        )
        pairs = itertools.product(self.classifiers, self.methods)
        order = {(classifier, method.name): index for index, (classifier, method) in enumerate(pairs)}
        with closing(runs):  # type: ignore[type-var]
            return sorted(runs, key=lambda result: (result.seed, order[result.classifier, result.method]))


def make_plan(
    source: str,
    test: str | None,
    regime: int | str | list[int],
    *,
    reading: dict[str, Any],
    classifiers: Sequence[str] | None,
    methods: Sequence[str] | None,
    unlabelled: int,
    moves: dict[str, Any],
    perturb: Perturbation | None,
    space: str,
    steps: int | None,
    vae: dict[str, int | None],
) -> Plan:
    """Reads the data and returns what the options describe.

    Arguments:
        source, test: The data and the test data, if there are any.
        regime: The training samples per class.
        reading: The options of reading, as `vaeaug.load` takes them.
        classifiers, methods: Their names; None for the default of this kind of data.
        unlabelled: The number of unlabelled samples; 0 adds no methods.
        moves: The options of classical augmentation by name; None if they were left out.
        perturb, space: As in `Plan`.
        steps: Optimiser steps of a network.
        vae: Arguments of `fit_vae`; None if they were left out.

    Raises:
        InputError: If the data cannot be read, a method is unknown, or an option has no effect.
    """
    from vaeaug.bench.methods import Catalogue
    from vaeaug.bench.regimes import Regime
    from vaeaug.bench.settings import Settings

    data, test_data = _load(source, test, **reading)
    images, signals = data.x.ndim == 4, data.x.ndim == 3
    _check_moves(images, moves)
    imbalanced = Regime.of(regime).is_imbalanced
    catalogue = Catalogue(source, _classical(source, moves), perturb, images, space, imbalanced)
    named = catalogue.named(methods) if methods else catalogue.standard
    classifiers = classifiers or (["cnn"] if images else ["forest", "knn"] if signals else ["logistic", "forest"])
    check_steps(steps, classifiers)
    training = tuple((name, value) for name, value in vae.items() if value)
    return Plan(
        name=source if source in DATA_SETS else Path(source).stem,
        data=data,
        test_data=test_data,
        regime=regime,
        classifiers=classifiers,
        methods=(*named, *catalogue.with_unlabelled(unlabelled)),
        settings=Settings(steps=steps or STEPS, vae=training),
        perturb=perturb,
        space=space,
    )


def check_steps(steps: int | None, classifiers: Sequence[str] | None) -> None:
    """Refuses steps where no network is trained; without classifiers nothing is known yet."""
    if steps is not None and classifiers and not set(classifiers) & set(NETWORKS):
        got = f"--classifier {' --classifier '.join(classifiers)}"
        refuse(f"a network ({', '.join(NETWORKS)}) with --steps", got, "leave --steps out: it has no effect")


def _check_moves(images: bool, moves: dict[str, Any]) -> None:
    """Refuses classical augmentation of tabular data.

    Arguments:
        images: Whether the data is images.
        moves: The values of the options by name; None if they were left out.
    """
    given = [f"--{name}" for name, value in moves.items() if value is not None]
    if given and not images:
        refuse(f"images with {', '.join(given)}", "tabular data", "leave these options out: they have no effect")


def _load(source: str, test: str | None, **options: Any) -> tuple[Samples, Samples | None]:
    """Returns the data and the test data; None if `compare` is to hold out half of the data."""
    from vaeaug.bench.inputs import official_split
    from vaeaug.data import load

    if test is not None:
        return load(source, **options), load(test, **options)
    if source == "fashion-mnist":
        return official_split(source)
    return load(source, **options), None


def _classical(source: str, moves: dict[str, Any]) -> Classical | None:
    """Returns the classical augmentation that the options describe; None for that of the data set."""
    from vaeaug.bench.methods import CLASSICAL
    from vaeaug.data.classical import Classical

    changes = {name: value for name, value in moves.items() if value is not None}
    return replace(CLASSICAL.get(source, Classical()), **changes) if changes else None
