"""vaeaug tune"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.bench_plan import check_steps
from vaeaug.cli.help import METHOD, OUTPUT, TRAINING
from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import (
    DATA_SETS,
    SPACES,
    Data,
    Json,
    KeepRowNumbers,
    Kind,
    Label,
    Latent,
    Markdown,
    Overwrite,
    Quiet,
    Seed,
    Size,
    Steps,
    check_reading,
    check_space,
)
from vaeaug.cli.output import Output, table
from vaeaug.cli.values import CLASSIFIERS, check_choices, check_each, completing
from vaeaug.runtime.errors import check_utf8, refuse

if TYPE_CHECKING:
    from vaeaug.augmenter import Augmenter
    from vaeaug.bench.tuning.candidates import TuningResult
    from vaeaug.choice.candidates import Candidate
    from vaeaug.data.classical import Classical

STEPS = 400


def tune(
    source: Data,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.", rich_help_panel=OUTPUT)
    ],
    classifier: Annotated[
        str | None,
        typer.Option(
            callback=check_choices("classifier", CLASSIFIERS),
            autocompletion=completing(CLASSIFIERS),
            rich_help_panel=METHOD,
            help=f"The classifier: {', '.join(CLASSIFIERS)}; by default cnn, or logistic for tabular data.",
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            callback=check_each("space", SPACES),
            autocompletion=completing(SPACES),
            rich_help_panel=METHOD,
            help=f"Compare synthetic samples in this space only: {', '.join(SPACES)}; may be repeated.",
        ),
    ] = None,
    budget: Annotated[
        float,
        typer.Option(
            help="The time for the whole search, in seconds. The output names what it cut short.",
            rich_help_panel=TRAINING,
        ),
    ] = 300,
    classical: Annotated[
        bool | None,
        typer.Option(
            "--classical/--no-classical",
            rich_help_panel=METHOD,
            help="Whether you also augment images classically: with shifts, and with what was tuned for a known data set; "
            "by default yes.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="The folds of the cross-validation.", min=2, rich_help_panel=TRAINING)] = 5,
    repeats: Annotated[
        int, typer.Option(help="The repeats of the cross-validation.", min=1, rich_help_panel=TRAINING)
    ] = 2,
    steps: Annotated[
        int | None,
        typer.Option(
            help=f"Optimiser steps of a network in each split; by default {STEPS}.", min=1, rich_help_panel=TRAINING
        ),
    ] = None,
    vae_steps: Steps = None,
    latent: Latent = None,
    seed: Seed = 0,
    label: Label = None,
    keep_row_numbers: KeepRowNumbers = False,
    size: Size = None,
    kind: Kind = "auto",
    overwrite: Overwrite = False,
    markdown: Markdown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Chooses an augmentation, or none, by cross-validation: the cheapest within the noise of the best.

    Uses the given data only, and saves an augmenter.

    Example: vaeaug tune photos/ --size 32 -o model

    The report is saved next to the folder, as OUTPUT.tuning.json.
    """
    if space and "vae" not in space:
        check_space("pca" if "pca" in space else "identity", vae_steps=vae_steps, latent=latent)
    check_reading([source], label, keep_row_numbers, size)
    check_steps(steps, [classifier] if classifier else None)
    if markdown and as_json:
        refuse("one of --json and --markdown", "both", "leave one out")
    out = Output(quiet, as_json)
    with explained(lambda: "nothing is kept, and an earlier output is as it was; --budget sets the time of the search"):
        from vaeaug import data
        from vaeaug.bench.tuning import search

        with _claimed(output, [source] if source not in DATA_SETS else [], overwrite) as save:
            samples = data.load(source, label_column=label, size=size, keep_row_numbers=keep_row_numbers, kind=kind)
            check_utf8("class names", samples.names)
            images, signals = samples.x.ndim == 4, samples.x.ndim == 3
            training = {"steps": vae_steps, "latent_dim": latent}
            classifier = classifier or ("cnn" if images else "forest" if signals else "logistic")
            check_steps(steps, [classifier])
            _check_classical(classical, images or signals)
            judged_with = _classical(source) if classical is not False and (images or signals) else None
            augmenter, result = search.tune(
                samples,
                classifier,
                time_budget=budget,
                spaces=space or None,
                classical=judged_with,
                folds=folds,
                repeats=repeats,
                steps=steps or STEPS,
                vae={name: value for name, value in training.items() if value is not None},
                seed=seed,
                progress=out.progress,
            )
            save(augmenter, result)
        out.text(f"{result.table if markdown else table(result.table_lines)}\n")
        out.sentence(result.sentence)
        out.text(f"{output}: the augmenter")
        out.next_step(_what_usage_needs(result, output, judged_with))
        out.text(result.usage)
        out.json(lambda: {**report_of(result), "output": output})


def _check_classical(classical: bool | None, has_moves: bool) -> None:
    if classical is not None and not has_moves:
        option = "--classical" if classical else "--no-classical"
        refuse(f"images or signals with {option}", "tabular data", f"leave {option} out: it has no effect")


def _what_usage_needs(result: TuningResult, output: Path, classical: Classical | None) -> str:
    """Returns what stands before the line that was judged: where its augmenter comes from, and what follows it."""
    parts = ["in Python"]
    if "augmenter" in result.usage:
        parts.append(f"augmenter = vaeaug.Augmenter.load({str(output)!r})")
    if classical is not None:
        parts.append(f"vaeaug.{classical!r} on every batch after it, as it was judged")
    return f"{', '.join(parts)}:"


def _classical(source: str) -> Classical:
    from vaeaug.bench.methods import CLASSICAL
    from vaeaug.data.classical import Classical

    return CLASSICAL.get(source, Classical())


@contextmanager
def _claimed(output: Path, inputs: list[str], overwrite: bool) -> Iterator[Callable[[Augmenter, TuningResult], None]]:
    """Checks, before any work, that the augmenter and the report can be written; yields the function that writes them."""
    from vaeaug.augmenter import saving
    from vaeaug.runtime import files

    report = output.with_name(f"{output.name}.tuning.json")
    is_report = files.is_json_with("chosen", "scores", "usage")

    def save(augmenter: Augmenter, result: TuningResult) -> None:
        augmenter.save(output)
        files.save_json(report, report_of(result), may_replace=is_report, overwrite=overwrite)

    with (
        files.claimed(output, folder=True, may_replace=saving.is_ours, inputs=inputs),
        files.claimed(report, may_replace=is_report, overwrite=overwrite, inputs=inputs),
    ):
        yield save


def report_of(result: TuningResult) -> dict[str, Any]:
    """Returns a result as JSON can hold it: NaN becomes null, a perturbation its repr."""
    choice = result.choice
    scores = [
        {"candidate": _candidate_json(score.candidate)}
        | {name: None if value != value else value for name, value in vars(score).items() if name != "candidate"}
        for score in choice.scores
    ]
    content = vars(result) | vars(choice) | {"scores": scores}
    content |= {"chosen": _candidate_json(choice.chosen), "best": choice.best and _candidate_json(choice.best)}
    content |= {"cut_short": [candidate.name for candidate in choice.cut_short]}
    return {name: content[name] for name in content if name != "choice"} | {
        "sentence": result.sentence,
        "usage": result.usage,
    }


def _candidate_json(candidate: Candidate) -> dict[str, Any]:
    perturb = None if candidate.perturb is None else repr(candidate.perturb)
    return {"name": candidate.name, **vars(candidate), "perturb": perturb}
