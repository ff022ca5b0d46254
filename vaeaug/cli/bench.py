"""vaeaug bench"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import (
    CLASSIFIERS,
    DATA_SETS,
    REGIMES,
    Data,
    KeepRowNumbers,
    Kind,
    Label,
    Latent,
    Overwrite,
    Perturb,
    Scale,
    Size,
    Space,
    Steps,
    check_classifiers,
    check_data,
    check_space,
    parse_per_class,
    parse_perturbation,
)
from vaeaug.runtime.errors import refuse

if TYPE_CHECKING:
    from vaeaug.augmenter import Augmenter
    from vaeaug.bench.results import Result
    from vaeaug.bench.settings import Settings
    from vaeaug.bench.stages.method import Method
    from vaeaug.data import Samples
    from vaeaug.data.classical import Classical
    from vaeaug.perturb import Perturbation


RESULTS, JSON, COMPARISONS, PAGE = "rows.csv", "rows.json", "comparisons.json", "report.html"


def refuse_arm(names: list[str] | None) -> None:
    """Answers the former name of `--method`."""
    if names:
        refuse("the option --method", f"--arm '{names[0]}'", "--arm is now called --method")


Flip = Annotated[
    bool | None, typer.Option("--flip/--no-flip", help="Classical: mirror half of the images left to right.")
]
Shift = Annotated[
    float | None, typer.Option(help="Classical: the largest shift, as a fraction of the side.", min=0, max=1)
]
Rotate = Annotated[float | None, typer.Option(help="Classical: the largest rotation, in degrees.", min=0, max=180)]
Zoom = Annotated[
    float | None, typer.Option(help="Classical: the largest change of size, as a fraction.", min=0, max=0.9)
]
Cutout = Annotated[
    float | None,
    typer.Option(help="Classical: the side of a square that is cut out, as a fraction of the side.", min=0, max=1),
]


def bench(
    source: Data = "digits",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder of results; by default runs/DATA-PER_CLASS.")
    ] = None,
    per_class: Annotated[
        str,
        typer.Option(
            help="Training samples per class: a number, one count per class with commas between, or, for ten classes, "
            f"{' or '.join(REGIMES)}. Half of your own data is held out as test data, unless --test names some."
        ),
    ] = "20",
    test: Annotated[
        str | None, typer.Option(callback=check_data, help="Your own test data, in any form that DATA may have.")
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(callback=check_classifiers, help=f"{', '.join(CLASSIFIERS)}; may be repeated."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="A method to compare (see 'vaeaug methods'), 'generators' for published generative models, or 'all'; "
            "may be repeated."
        ),
    ] = None,
    arm: Annotated[list[str] | None, typer.Option(hidden=True, callback=refuse_arm)] = None,
    flip: Flip = None,
    shift: Shift = None,
    rotate: Rotate = None,
    zoom: Zoom = None,
    cutout: Cutout = None,
    seeds: Annotated[int, typer.Option(help="The number of paired repetitions.", min=1)] = 5,
    jobs: Annotated[
        int, typer.Option(help="The number of processes; 0 is one per core. The results do not depend on it.", min=0)
    ] = 0,
    steps: Annotated[int, typer.Option(help="Optimiser steps of a network.", min=1)] = 800,
    space: Space = "vae",
    latent: Latent = None,
    vae_steps: Steps = None,
    unlabelled: Annotated[
        int, typer.Option(help="Adds methods that also see this number of other samples, without their labels.", min=0)
    ] = 0,
    perturb: Perturb = None,
    scale: Scale = None,
    label: Label = None,
    keep_row_numbers: KeepRowNumbers = False,
    size: Size = None,
    kind: Kind = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Does augmentation help? Compares training with and without it.

    Example: vaeaug bench fashion-mnist --per-class 20

    Appends to rows.csv as it runs, and resumes from it; then writes rows.json, comparisons.json and report.html.
    """
    regime = parse_per_class(per_class)
    if scale is not None and perturb is None:
        refuse("--perturb with --scale", "none", "add for example --perturb difference: each method has its own")
    check_space(space, perturb, latent=latent, vae_steps=vae_steps)

    output = output or Path("runs") / f"{Path(source).name}-{per_class.replace(',', '-')}"
    with explained(lambda: _kept(output / RESULTS)), _claimed(output, [source, test], overwrite):
        from vaeaug.bench.compare import compare
        from vaeaug.bench.methods import Catalogue
        from vaeaug.bench.regimes import Regime
        from vaeaug.bench.settings import Settings

        perturbation = None if perturb is None else parse_perturbation(perturb, scale)
        moves = {"flip": flip, "shift": shift, "rotate": rotate, "zoom": zoom, "cutout": cutout}
        options: dict[str, Any] = {"label_column": label, "size": size, "keep_row_numbers": keep_row_numbers}
        data, test_data = _load(source, test, **options, kind=kind)
        images, signals = data.x.ndim == 4, data.x.ndim == 3
        imbalanced = Regime.of(regime).is_imbalanced
        catalogue = Catalogue(source, _classical(source, moves), perturbation, images, space, imbalanced)
        methods = (*(catalogue.named(method) if method else catalogue.standard), *catalogue.with_unlabelled(unlabelled))
        classifiers = classifier or (["cnn"] if images else ["forest", "knn"] if signals else ["logistic", "forest"])
        training = {"steps": vae_steps, "latent_dim": latent}
        settings = Settings(steps=steps, vae=tuple((name, value) for name, value in training.items() if value))
        name = source if source in DATA_SETS else Path(source).stem
        runs = compare(
            data,
            test=test_data,
            per_class=regime,
            classifiers=classifiers,
            methods=methods,
            seeds=seeds,
            settings=settings,
            results=output / RESULTS,
            save_augmenter_to=output if images or signals else None,
            name=name,
            n_jobs=jobs or os.cpu_count() or 1,
        )
        with closing(runs):  # type: ignore[type-var]
            results = _sorted_results(runs, classifiers, methods)
        title = f"{name}, {per_class} training samples per class, {seeds} seeds"
        _print_results(output, results, title, overwrite)
        _print_unsupported(classifiers, methods, images, len(data.names))
        drawn_from = _train_data(data, test_data)
        _write_page(output, results, drawn_from, regime, settings, perturbation, space, overwrite=overwrite)


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
        files.claimed(output / JSON, may_replace=files.is_json_with(*REQUIRED), **settings),
        files.claimed(output / COMPARISONS, may_replace=files.is_json_with(*COMPARISON_GROUPS), **settings),
        files.claimed(output / PAGE, may_replace=files.is_marked(MARKER), **settings),
    ):
        yield


def _kept(path: Path) -> str:
    from vaeaug.bench.results import read

    count = len(read(path)) if path.exists() else 0
    if not count:
        return "nothing is kept: no run had finished"
    return f"{count} finished runs are kept in '{path}'; run the same command again to go on"


def _load(source: str, test: str | None, **options: Any) -> tuple[Samples, Samples | None]:
    """Returns the data and the test data; None if `compare` is to hold out half of the data."""
    from vaeaug.bench.inputs import official_split
    from vaeaug.data import load

    if test is not None:
        return load(source, **options), load(test, **options)
    if source == "fashion-mnist":
        return official_split(source)
    return load(source, **options), None


def _train_data(data: Samples, test_data: Samples | None) -> Samples:
    """Returns the samples that training subsets are drawn from."""
    from vaeaug.bench.inputs import official_split

    return official_split(data)[0] if test_data is None else data


def _classical(source: str, moves: dict[str, Any]) -> Classical | None:
    """Returns the classical augmentation that the options describe; None for that of the data set."""
    from vaeaug.bench.methods import CLASSICAL
    from vaeaug.data.classical import Classical

    changes = {name: value for name, value in moves.items() if value is not None}
    return replace(CLASSICAL.get(source, Classical()), **changes) if changes else None


def _sorted_results(results: Iterable[Result], classifiers: Sequence[str], methods: Sequence[Method]) -> list[Result]:
    """Returns results by seed, classifier and method, in the order of the options."""
    pairs = itertools.product(classifiers, methods)
    order = {(classifier, method.name): index for index, (classifier, method) in enumerate(pairs)}
    return sorted(results, key=lambda result: (result.seed, order[result.classifier, result.method]))


def _print_results(output: Path, results: Sequence[Result], title: str, overwrite: bool) -> None:
    """Saves the results and their comparisons as JSON, and prints them, the answer first."""
    from vaeaug.bench.analysis.comparisons import comparisons_by_baseline
    from vaeaug.bench.relations import completed
    from vaeaug.bench.report import answers, wording
    from vaeaug.bench.results import REQUIRED
    from vaeaug.runtime import files

    content = [
        {name: None if value != value else value for name, value in asdict(result).items()}  # NaN is no JSON
        for result in results
    ]
    for name, values, keys in (
        (JSON, content, REQUIRED),
        (COMPARISONS, answers.as_json(results), answers.COMPARISON_GROUPS),
    ):
        files.save_json(output / name, values, may_replace=files.is_json_with(*keys), overwrite=overwrite)
    typer.echo(f"{title}\n")
    for line in (*answers.primary_lines(results), *answers.equal_time_lines(results)):
        typer.echo(line)
    typer.echo(f"\n{wording.table(results)}\n")
    for line in answers.control_lines(results):
        typer.echo(line)
    typer.echo(f"\n{answers.metrics_table(results)}\n")
    said = set()
    for comparisons in comparisons_by_baseline(completed(results)).values():
        for c in comparisons:
            pair = (c.classifier, c.method, c.against)  # the best baseline may be one of the others
            if c.kind == "ours" and not c.primary and pair not in said:
                typer.echo(wording.sentence(c))
            said.add(pair)


def _print_unsupported(classifiers: Sequence[str], methods: Sequence[Method], images: bool, classes: int) -> None:
    """Prints which methods each classifier was not trained with, and why."""
    from vaeaug.bench.compare import unsupported

    names: dict[tuple[str, str], list[str]] = {}
    for classifier, method, reason in unsupported(list(classifiers), methods, images, classes):
        names.setdefault((classifier, reason), []).append(method)
    for (classifier, reason), left_out in names.items():
        typer.echo(f"{classifier}: left out {', '.join(left_out)}: {reason}.")


def _write_page(
    output: Path,
    results: Sequence[Result],
    train_data: Samples,
    regime: int | str | list[int],
    settings: Settings,
    perturb: Perturbation | None,
    space: str,
    *,
    overwrite: bool,
) -> None:
    """Writes the HTML report, if the extra `report` is installed."""
    try:
        from vaeaug.bench.report import page
    except ImportError:
        typer.echo("\nFor an HTML report: pip install 'vaeaug[report]'")
        return

    from vaeaug.bench.report import gallery, rows
    from vaeaug.perturb import DEFAULT

    augmenter = _first_augmenter(output, results[0], train_data, regime, settings, space)
    augmenter, is_table = augmenter.using(perturb=perturb or DEFAULT), train_data.x.ndim == 2
    grids, table = ([], rows.rows_of(augmenter)) if is_table else (gallery.gallery(augmenter), None)
    shared = {"perturbation": repr(perturb) if perturb else "each method's own", "space": space}
    shared |= {name: value for name, value in asdict(settings).items() if name != "vae"}
    shared |= {f"VAE {name}": value for name, value in settings.vae}
    path, names = output / PAGE, {results[0].data: train_data.names}
    page.write(path, results, grids, shared, rows=table, class_names=names, overwrite=overwrite)
    typer.echo(f"\nThe report: {path}")


def _first_augmenter(
    output: Path, result: Result, train_data: Samples, regime: int | str | list[int], settings: Settings, space: str
) -> Augmenter:
    """Returns the augmenter of a result's training subset: as `compare` saved its VAE, or fitted here."""
    from vaeaug.augmenter import Augmenter
    from vaeaug.bench.compare import augmenter_folder
    from vaeaug.bench.regimes import draw_subset
    from vaeaug.bench.stages.context import fit_augmenter

    folder = augmenter_folder(output, result.subset, settings)
    if folder.exists() and space == "vae":
        return Augmenter.load(folder)
    return fit_augmenter(draw_subset(train_data, regime, result.seed), result.seed, settings, space)
