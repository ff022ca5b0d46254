"""vaeaug tune"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import (
    CLASSIFIERS,
    DATA_SETS,
    Data,
    KeepRowNumbers,
    Label,
    Overwrite,
    Seed,
    Size,
    Steps,
    check_choices,
)
from vaeaug.runtime.errors import check_utf8

if TYPE_CHECKING:
    from vaeaug.bench.tuning.candidates import TuningResult


def tune(
    source: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.")],
    classifier: Annotated[
        str | None,
        typer.Option(
            callback=check_choices("classifier", CLASSIFIERS),
            help=f"The classifier: {', '.join(CLASSIFIERS)}; by default cnn, or logistic for tabular data.",
        ),
    ] = None,
    budget: Annotated[
        float, typer.Option(help="The time for the whole search, in seconds. The output names what it cut short.")
    ] = 300,
    classical: Annotated[
        bool,
        typer.Option(
            help="Whether you also augment classically: with shifts, and with what was tuned for a known data set."
        ),
    ] = True,
    folds: Annotated[int, typer.Option(help="The folds of the cross-validation.", min=2)] = 5,
    repeats: Annotated[int, typer.Option(help="The repeats of the cross-validation.", min=1)] = 2,
    steps: Annotated[int, typer.Option(help="Optimiser steps of a network in each split.", min=1)] = 400,
    vae_steps: Steps = None,
    seed: Seed = 0,
    label: Label = None,
    keep_row_numbers: KeepRowNumbers = False,
    size: Size = None,
    overwrite: Overwrite = False,
) -> None:
    """Chooses an augmentation, or none, by cross-validation.

    Uses the given data only, and saves an augmenter.

    Example: vaeaug tune photos/ --size 32 -o model

    The report is saved next to the folder, as OUTPUT.tuning.json.
    """
    with explained(lambda: "nothing is kept, and an earlier output is as it was; --budget sets the time of the search"):
        from vaeaug import data
        from vaeaug.augmenter import saving
        from vaeaug.bench.methods import CLASSICAL
        from vaeaug.bench.tuning import search
        from vaeaug.data.classical import Classical
        from vaeaug.runtime import files

        inputs = [source] if source not in DATA_SETS else []
        report = output.with_name(f"{output.name}.tuning.json")
        is_report = files.is_json_with("chosen", "scores", "usage")
        with (
            files.claimed(output, folder=True, may_replace=saving.is_ours, inputs=inputs),
            files.claimed(report, may_replace=is_report, overwrite=overwrite, inputs=inputs),
        ):
            samples = data.load(source, label_column=label, size=size, keep_row_numbers=keep_row_numbers)
            check_utf8("class names", samples.names)
            images = samples.x.ndim == 4
            augmenter, result = search.tune(
                samples,
                classifier or ("cnn" if images else "logistic"),
                time_budget=budget,
                classical=CLASSICAL.get(source, Classical()) if classical and images else None,
                folds=folds,
                repeats=repeats,
                steps=steps,
                vae={"steps": vae_steps} if vae_steps else None,
                seed=seed,
            )
            augmenter.save(output)
            files.save_json(report, _as_json(result), may_replace=is_report, overwrite=overwrite)
        typer.echo(f"{result.table}\n\n{result.sentence}\n{output}: the augmenter\n{result.usage}")


def _as_json(result: TuningResult) -> dict[str, Any]:
    """Returns the fields of a result as JSON can hold them: NaN becomes null, a perturbation its repr."""
    candidate = result.chosen
    use = {name: getattr(candidate, name) for name in ("add", "replace", "hardest_of")}
    perturb = None if candidate.perturb is None else repr(candidate.perturb)
    scores = [
        {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(score).items()
        }
        for score in result.scores
    ]
    content = asdict(result) | {"chosen": {"name": candidate.name, "perturb": perturb, **use}, "scores": scores}
    return content | {"usage": result.usage}
