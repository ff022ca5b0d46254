"""vaeaug bench"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from vaeaug.cli import bench_page, bench_results
from vaeaug.cli.bench_plan import STEPS, Cutout, Flip, Rotate, Shift, Zoom, check_steps, make_plan
from vaeaug.cli.help import DATA, METHOD, OUTPUT, TRAINING
from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import (
    DATA_SETS,
    REGIMES,
    Data,
    Json,
    KeepRowNumbers,
    Kind,
    Label,
    Latent,
    Markdown,
    Overwrite,
    Perturb,
    Quiet,
    Scale,
    Size,
    Space,
    Steps,
    check_data,
    check_reading,
    check_space,
    parse_per_class,
    parse_perturbation,
)
from vaeaug.cli.output import Output
from vaeaug.cli.values import CLASSIFIERS, check_each, complete_data, completing
from vaeaug.runtime.errors import refuse

RESULTS = "rows.csv"


def refuse_arm(names: list[str] | None) -> list[str] | None:
    """Answers the former name of `--method`."""
    if names:
        refuse("the option --method", f"--arm '{names[0]}'", "--arm is now called --method")
    return []  # typer 0.15 takes the length of what comes back


def bench(
    source: Data = "digits",
    per_class: Annotated[
        str,
        typer.Option(
            help="Training samples per class: a number, one count per class with commas between, or, for ten classes, "
            f"{' or '.join(REGIMES)}. Half of your own data is held out as test data, unless --test names some.",
            rich_help_panel=DATA,
        ),
    ] = "20",
    test: Annotated[
        str | None,
        typer.Option(
            callback=check_data,
            autocompletion=complete_data,
            rich_help_panel=DATA,
            help="Your own test data, in any form that DATA may have.",
        ),
    ] = None,
    label: Label = None,
    keep_row_numbers: KeepRowNumbers = False,
    size: Size = None,
    kind: Kind = "auto",
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            callback=check_each("classifier", CLASSIFIERS),
            autocompletion=completing(CLASSIFIERS),
            help=f"{', '.join(CLASSIFIERS)}; may be repeated.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="A method to compare (see 'vaeaug methods'), 'generators' for published generative models, or 'all'; "
            "may be repeated.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    arm: Annotated[list[str] | None, typer.Option(hidden=True, callback=refuse_arm)] = None,
    perturb: Perturb = None,
    scale: Scale = None,
    space: Space = "vae",
    latent: Latent = None,
    unlabelled: Annotated[
        int,
        typer.Option(
            help="Adds methods that also see this number of other samples, without their labels.",
            min=0,
            rich_help_panel=METHOD,
        ),
    ] = 0,
    flip: Flip = None,
    shift: Shift = None,
    rotate: Rotate = None,
    zoom: Zoom = None,
    cutout: Cutout = None,
    seeds: Annotated[int, typer.Option(help="The number of paired repetitions.", min=1, rich_help_panel=TRAINING)] = 5,
    steps: Annotated[
        int | None,
        typer.Option(help=f"Optimiser steps of a network; by default {STEPS}.", min=1, rich_help_panel=TRAINING),
    ] = None,
    vae_steps: Steps = None,
    jobs: Annotated[
        int,
        typer.Option(
            help="The number of processes, each on one thread; 0 is one per core. The results do not depend on it.",
            min=0,
            rich_help_panel=TRAINING,
        ),
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The folder of results; by default runs/DATA-PER_CLASS.", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: Overwrite = False,
    markdown: Markdown = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Does augmentation help? Compares training with and without it.

    Example: vaeaug bench fashion-mnist --per-class 20

    Appends to rows.csv as it runs, and resumes from it; then writes rows.json, comparisons.json and report.html.
    """
    regime = parse_per_class(per_class)
    _check_options(perturb, scale, classifier, steps, markdown and as_json)
    check_space(space, perturb, latent=latent, vae_steps=vae_steps)
    check_reading([source, test], label, keep_row_numbers, size)

    out = Output(quiet, as_json)
    output = output or Path("runs") / f"{Path(source).name}-{per_class.replace(',', '-')}"
    with explained(lambda: _kept(output / RESULTS)), _claimed(output, [source, test], overwrite):
        plan = make_plan(
            source,
            test,
            regime,
            reading={"label_column": label, "size": size, "keep_row_numbers": keep_row_numbers},
            classifiers=classifier,
            methods=method,
            unlabelled=unlabelled,
            moves={"flip": flip, "shift": shift, "rotate": rotate, "zoom": zoom, "cutout": cutout},
            perturb=None if perturb is None else parse_perturbation(perturb, scale),
            space=space,
            steps=steps,
            vae={"steps": vae_steps, "latent_dim": latent},
        )
        results = plan.run(seeds, output, jobs or os.cpu_count() or 1, out.progress)
        bench_results.save(output, results, overwrite)
        page = bench_page.write_page(plan, output, results, overwrite)
        title = f"{plan.name}, {per_class} training samples per class, {seeds} seed{'s' if seeds > 1 else ''}"
        bench_results.print_results(plan, results, title, out, markdown)
        bench_results.print_verdict(results, source, output, page, out)


def _check_options(
    perturb: str | None, scale: float | None, classifiers: Sequence[str] | None, steps: int | None, two_forms: bool
) -> None:
    """Refuses options that have no effect, or that exclude each other."""
    if scale is not None and perturb is None:
        refuse("--perturb with --scale", "none", "add for example --perturb difference: each method has its own")
    if two_forms:
        refuse("one of --json and --markdown", "both", "leave one out")
    check_steps(steps, classifiers)


@contextmanager
def _claimed(output: Path, sources: Sequence[str | None], overwrite: bool) -> Iterator[None]:
    """Checks, before any work, that the files of a benchmark can be written, and keeps other benchmarks away."""
    from vaeaug.bench.report.answers import COMPARISON_GROUPS
    from vaeaug.bench.results import REQUIRED
    from vaeaug.pages import MARKER
    from vaeaug.runtime import files

    settings: dict[str, Any] = {"overwrite": overwrite}
    settings["inputs"] = [source for source in sources if source is not None and source not in DATA_SETS]
    files.check_apart(output, settings["inputs"])
    with (
        files.claimed(output / bench_results.JSON, may_replace=files.is_json_with(*REQUIRED), **settings),
        files.claimed(
            output / bench_results.COMPARISONS, may_replace=files.is_json_with(*COMPARISON_GROUPS), **settings
        ),
        files.claimed(output / bench_page.PAGE, may_replace=files.is_marked(MARKER), **settings),
    ):
        yield


def _kept(path: Path) -> str:
    from vaeaug.bench.results import read

    count = len(read(path)) if path.exists() else 0
    if not count:
        return "nothing is kept: no run had finished"
    return f"{count} finished runs are kept in '{path}'; run the same command again to go on"
