"""vaeaug bench"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vaeaug import data
from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.bench import compare, methods, regimes
from vaeaug.bench.analysis.comparisons import comparisons_by_baseline
from vaeaug.bench.report import gallery, wording
from vaeaug.bench.results import Result
from vaeaug.cli.options import Data, Label, Perturb, Scale, Size, Steps, scheme, whole
from vaeaug.data.classical import Classical
from vaeaug.models.classifiers import ESTIMATORS, NETWORKS
from vaeaug.perturb.schemes import DEFAULT
from vaeaug.runtime import checks, files

Flip = Annotated[bool | None, typer.Option("--flip/--no-flip", help="Classical: mirror half of the images.")]
Shift = Annotated[
    float | None, typer.Option(help="Classical: the largest shift, as a share of the side.", min=0, max=1)
]
Rotate = Annotated[float | None, typer.Option(help="Classical: the largest rotation, in degrees.", min=0, max=180)]
Zoom = Annotated[float | None, typer.Option(help="Classical: the largest change of size, as a share.", min=0, max=0.9)]
Cutout = Annotated[
    float | None, typer.Option(help="Classical: the side of a square cut out, as a share.", min=0, max=1)
]


def bench(
    source: Data = "digits",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Default: runs/DATA-PER_CLASS.")] = None,
    per_class: Annotated[
        str,
        typer.Option(
            help="Training samples per class: a number, counts with commas, or "
            f"{' or '.join(regimes.IMBALANCED)} (ten classes). "
            "Half of your own data is held out to judge on, unless --test names other data."
        ),
    ] = "20",
    test: Annotated[str | None, typer.Option(help="Your own data to judge on, in any form that DATA may have.")] = None,
    classifier: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join((*NETWORKS, *ESTIMATORS))}; may be given again.")
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(help="An arm to compare, 'peers' for other generators, 'all' for every one; may be given again."),
    ] = None,
    flip: Flip = None,
    shift: Shift = None,
    rotate: Rotate = None,
    zoom: Zoom = None,
    cutout: Cutout = None,
    seeds: Annotated[int, typer.Option(help="How many paired repetitions.", min=1)] = 5,
    jobs: Annotated[int, typer.Option(help="Processes; by default one per core. The result is the same.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="Optimiser steps of a network.", min=1)] = 800,
    vae_steps: Steps = None,
    unlabelled: Annotated[
        int, typer.Option(help="Adds arms that also see so many other samples without their labels.", min=0)
    ] = 0,
    perturb: Perturb = None,
    scale: Scale = None,
    label: Label = None,
    size: Size = None,
) -> None:
    """Does augmentation help? Trains classifiers with and without it and gives a verdict.

    Example: vaeaug bench fashion-mnist --per-class 20

    Writes rows.csv as it goes, and goes on where it was cut off; then rows.json and report.html.
    """
    name = source if source in data.NAMES else Path(source).stem
    output = output or Path("runs") / f"{Path(source).name}-{per_class.replace(',', '-')}"
    pool, judged = _read(source, test, label, size)
    chosen = classifier or (["cnn"] if pool.x.ndim == 4 else ["logistic", "forest"])
    asked = _regime(per_class)
    settings = compare.Settings(steps=steps, vae=(("steps", vae_steps),) if vae_steps else ())
    if scale is not None and perturb is None:
        checks.refuse(
            "--perturb with --scale", "none", "say --perturb difference, too: the arms have schemes of their own"
        )
    chosen_scheme = None if perturb is None else scheme(perturb, scale)
    moves = {"flip": flip, "shift": shift, "rotate": rotate, "zoom": zoom, "cutout": cutout}
    conditions = methods.arms(
        source, arm or methods.STANDARD, _classical(source, moves), chosen_scheme, pool.x.ndim == 4
    )
    conditions += methods.with_unlabelled(
        unlabelled, source, _classical(source, moves), chosen_scheme, pool.x.ndim == 4
    )
    rows = list(
        compare.compare(
            pool,
            test=judged,
            per_class=asked,
            classifiers=chosen,
            methods=conditions,
            seeds=seeds,
            settings=settings,
            results=output / "rows.csv",
            save_augmenter_to=output if pool.x.ndim == 4 else None,
            name=name,
            n_jobs=jobs or os.cpu_count() or 1,
        )
    )
    _tell(output, _ordered(rows, chosen, conditions), f"{name}, {per_class} training samples per class, {seeds} seeds")
    for line in _left_out(chosen, conditions, pool.x.ndim == 4):
        typer.echo(line)
    trained_on = pool if judged is not None else compare.splits(pool)[0]
    _page(output, rows, trained_on, asked, settings, chosen_scheme)


def _ordered(rows: list[Result], classifier: Sequence[str], conditions: Sequence[methods.Arm]) -> list[Result]:
    """Puts rows into the order of the cells, whatever order they came in."""
    order = {(one, a.name): place for place, (one, a) in enumerate(itertools.product(classifier, conditions))}
    rows.sort(key=lambda row: (row.seed, order[row.classifier, row.method]))
    return rows


def _tell(output: Path, rows: Sequence[Result], title: str) -> None:
    """Keeps the rows as JSON, and prints their table and what it says of the VAE's arms."""
    files.save_json(output / "rows.json", [asdict(row) for row in rows])
    typer.echo(f"{title}\n\n{wording.table(rows)}\n")
    for found in comparisons_by_baseline(rows).values():
        for comparison in found:
            if comparison.kind == "ours":
                typer.echo(wording.sentence(comparison))


def _read(source: str, test: str | None, label: str | None, size: int | None) -> tuple[data.Samples, Any]:
    """Returns the data, and what to judge on; None where `compare` is to hold out half."""
    if test is not None:
        return data.load(source, label_column=label, size=size), data.load(test, label_column=label, size=size)
    if source == "fashion-mnist":
        return compare.splits(source)
    return data.load(source, label_column=label, size=size), None


def _regime(words: str) -> Any:
    if words in regimes.IMBALANCED:
        return words
    counts = [whole(word) for word in words.split(",")]
    return counts[0] if len(counts) == 1 else counts


def _classical(source: str, moves: dict[str, Any]) -> Classical | None:
    given = {name: value for name, value in moves.items() if value is not None}
    return replace(methods.CLASSICAL.get(source, Classical()), **given) if given else None


def _left_out(classifier: list[str], conditions: Sequence[methods.Arm], images: bool) -> list[str]:
    """Returns lines that say which arms a classifier was not trained under, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for one, name, why in compare.left_out(classifier, conditions, images):
        found.setdefault((one, why), []).append(name)
    return [f"{one}: left out {', '.join(names)}: {why}." for (one, why), names in found.items()]


def _page(output: Path, rows: Any, pool: data.Samples, asked: Any, settings: compare.Settings, perturb: Any) -> None:
    try:
        from vaeaug.bench.report import page
    except ImportError:
        typer.echo("\nFor a page with pictures: pip install 'vaeaug[report]'")
        return
    grids = []
    if pool.x.ndim == 4:
        place = compare.kept(output, rows[0].subset, settings)
        if place.exists():
            first = Augmenter.load(place)
        else:
            subset = regimes.draw_subset(pool, asked, rows[0].seed)
            first = compare.augmenter_of(subset, rows[0].seed, settings)
        grids = gallery.gallery(first.using(perturb=perturb or DEFAULT))
    shared = {
        "perturbation": repr(perturb) if perturb else "each arm's own",
        **{k: v for k, v in asdict(settings).items() if k != "vae"},
    }
    shared |= {f"VAE {k}": v for k, v in settings.vae}
    page.write(path := output / "report.html", rows, grids, shared, class_names={rows[0].data: pool.names})
    typer.echo(f"\nThe page: {path}")
