"""vaeaug tune"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vaeaug import data
from vaeaug.augmenter import saving
from vaeaug.bench import methods
from vaeaug.bench.tuning import search
from vaeaug.bench.tuning.candidates import Candidate
from vaeaug.cli.options import Data, Label, Seed, Size, Steps
from vaeaug.data.classical import Classical
from vaeaug.runtime import files


def tune(
    source: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.")],
    classifier: Annotated[
        str | None, typer.Option(help="cnn, mlp, forest, svc, logistic or knn; by default cnn, or logistic for rows.")
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds; the search says what it did not reach.")] = 300,
    classical: Annotated[
        bool, typer.Option(help="Whether you augment classically as well: shifts, and what a known set allows.")
    ] = True,
    folds: Annotated[int, typer.Option(help="Of the cross-validation.", min=2)] = 5,
    repeats: Annotated[int, typer.Option(help="Of the cross-validation.", min=1)] = 2,
    steps: Annotated[int, typer.Option(help="Optimiser steps of a network in each split.", min=1)] = 400,
    vae_steps: Steps = None,
    seed: Seed = 0,
    label: Label = None,
    size: Size = None,
) -> None:
    """Chooses an augmentation, or none, by cross-validation inside the data, and saves an augmenter.

    Example: vaeaug tune photos/ --size 32 -o model

    The report is saved beside the folder, as OUTPUT.tuning.json.
    """
    saving.check_free(output)
    report = output.with_name(f"{output.name}.tuning.json")
    files.check_writable(report)
    samples = data.load(source, label_column=label, size=size)
    images = samples.x.ndim == 4
    moves = methods.CLASSICAL.get(source, Classical()) if classical and images else None
    augmenter, tuned = search.tune(
        samples,
        classifier or ("cnn" if images else "logistic"),
        time_budget=budget,
        classical=moves,
        folds=folds,
        repeats=repeats,
        steps=steps,
        vae={"steps": vae_steps} if vae_steps else None,
        seed=seed,
    )
    augmenter.save(output)
    chosen = {name: getattr(tuned.chosen, name) for name in ("name", "add", "replace", "hardest_of")}
    content = asdict(tuned) | {"chosen": chosen}
    files.save_json(report, content | {"trials": [_finite(trial) for trial in content["trials"]]})
    typer.echo(f"{tuned.table}\n\n{tuned.sentence}\n{output}: the augmenter; use it with {_way(tuned.chosen)}")


def _finite(trial: dict[str, object]) -> dict[str, object]:
    return {name: None if value != value else value for name, value in trial.items()}


def _way(chosen: Candidate) -> str:
    return f"replace={chosen.replace:g}" if chosen.add is None else f"add={chosen.add}"
