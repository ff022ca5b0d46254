"""vaeaug audit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import DATA_SETS, Label, Overwrite, Seed, Size
from vaeaug.cli.output import Output
from vaeaug.cli.values import CLASSIFIERS, check_choices
from vaeaug.runtime.errors import refuse

FORMS = (
    f"one of {', '.join(DATA_SETS)}, a folder of class folders, an .npz, a .csv, or a folder that 'vaeaug fit' wrote"
)
FAIL_ON = ("copies", "near-copies")
FOUND = 1  # the exit code


def check_source(source: str | None) -> str | None:
    """Refuses data that are neither a known set nor an existing path."""
    if source is not None and source not in DATA_SETS and not Path(source).exists():
        refuse(FORMS, repr(source), "check the name or the path")
    return source


def audit(
    real: Annotated[
        str, typer.Argument(callback=check_source, help=f"The samples that the generator was fitted to: {FORMS}.")
    ],
    synthetic: Annotated[
        str | None,
        typer.Argument(
            callback=check_source,
            help="The synthetic samples, in the same forms; a fitted folder generates them. May be left out if REAL is one.",
        ),
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            callback=check_source,
            help="Samples like REAL that the generator never saw, best as many. Without them leaks are not tested.",
        ),
    ] = None,
    augmenter: Annotated[
        str | None,
        typer.Option(
            callback=check_source, help="The fitted folder that generated, for --space codes and the VAE's likelihood."
        ),
    ] = None,
    space: Annotated[
        str,
        typer.Option(
            callback=check_choices("space", ("values", "codes")),
            help="Where distances are measured: values (pixels, columns) or codes (needs a fitted folder).",
        ),
    ] = "values",
    classifier: Annotated[
        str | None,
        typer.Option(
            callback=check_choices("classifier", CLASSIFIERS),
            help=f"What judges labels and accuracy: {', '.join(CLASSIFIERS)}; by default cnn for images, else forest.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(help="Trainings for the accuracy; 0 leaves it out, below 5 there is no interval.", min=0)
    ] = 5,
    steps: Annotated[int, typer.Option(help="Optimiser steps of a network.", min=1)] = 400,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of audit.json and audit.html.")] = Path(
        "audit"
    ),
    fail_on: Annotated[
        str | None,
        typer.Option(
            callback=check_choices("fail-on", FAIL_ON),
            help="Exit with 1 if there are more copies (or near-copies) than chance explains; else the exit code is 0.",
        ),
    ] = None,
    label: Label = None,
    size: Size = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Is synthetic data good, and does it leak the data that it was made from?

    Example: vaeaug audit real.csv synthetic.csv --holdout other.csv

    A fitted augmenter: vaeaug audit model --holdout other.csv
    """
    sources = [Path(s) for s in (real, synthetic, holdout, augmenter) if s is not None and s not in DATA_SETS]
    with explained(lambda: "nothing is kept"):
        from vaeaug.auditing.result import HTML, JSON, may_replace
        from vaeaug.auditing.run import audit as run
        from vaeaug.runtime import files

        files.check_apart(output, sources)
        with (
            files.claimed(output / JSON, may_replace=may_replace(JSON), overwrite=overwrite),
            files.claimed(output / HTML, may_replace=may_replace(HTML), overwrite=overwrite),
        ):
            result = run(
                real,
                synthetic,
                holdout=holdout,
                augmenter=augmenter,
                space=space,
                classifier=classifier,
                seeds=seeds,
                steps=steps,
                label_column=label,
                size=size,
                seed=seed,
                report=Output().report,
            )
            written = result.save(output, overwrite=overwrite)
    typer.echo(f"{result}\n")
    typer.echo(f"Written: {', '.join(map(str, written))}")
    if len(written) == 1:
        typer.echo("For a page with pictures: pip install 'vaeaug[report]'")
    if fail_on is not None and result.found(fail_on):
        typer.echo(f"Failed: more {fail_on} than chance explains.", err=True)
        raise typer.Exit(FOUND)
