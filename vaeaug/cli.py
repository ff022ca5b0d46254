"""The command line: each command is one call of the library."""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vaeaug import _checks, _files, arms, data, evaluate, export, gallery, saving, verdicts
from vaeaug.augmenter import Augmenter
from vaeaug.perturb import PERTURBATIONS, Perturbation
from vaeaug.training import Diverged

app = typer.Typer(
    help="Data augmentation for classifiers, out of a variational autoencoder.\n\n"
    "Does it raise my accuracy?  vaeaug bench digits\n\n"
    "More data:  vaeaug fit DATA -o model, then  vaeaug generate model -n 1000 -o more",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

DATA = "digits, breast-cancer, wine, fashion-mnist, a folder of class folders, an .npz with x and y, or a .csv."
Data = Annotated[str, typer.Argument(help=DATA)]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)]
Label = Annotated[str | None, typer.Option(help="The label column of a .csv; by default the last.")]
Size = Annotated[int | None, typer.Option(help="Resize the images of a folder to so many pixels a side.", min=8)]
Perturb = Annotated[str | None, typer.Option(help=f"The scheme: {', '.join(PERTURBATIONS).lower()}.")]
Scale = Annotated[float | None, typer.Option(help="How far it goes; 0 gives the samples back.", min=0)]
Steps = Annotated[int, typer.Option(help="Optimiser steps of the VAE.", min=1)]


@app.command()
def fit(
    source: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.")],
    steps: Steps = 1000,
    latent: Annotated[int, typer.Option(help="The number of latent numbers.", min=1)] = 16,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
    label: Label = None,
    size: Size = None,
) -> None:
    """Trains a VAE on labelled data and saves an augmenter.

    Example: vaeaug fit photos/ --size 64 -o model
    """
    saving.check_free(output)
    samples = data.load(source, label=label, size=size)
    augmenter = Augmenter(perturb=_scheme(perturb, scale))
    augmenter.fit(samples, steps=steps, latent=latent, seed=seed).save(output)
    typer.echo(f"{output}: an augmenter of {len(samples)} samples in {len(samples.names)} classes")


@app.command()
def generate(
    model: Annotated[Path, typer.Argument(help="A folder that 'vaeaug fit' wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder of images, or an .npz file.")],
    n: Annotated[int, typer.Option("-n", help="How many samples.")],
    near: Annotated[Path | None, typer.Option(help="An image, or a folder of images, to start from.")] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Classes wanted, by name or number, commas between; with --near, what the images are."),
    ] = None,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
) -> None:
    """Makes synthetic samples near real ones, with their labels and parents.

    Example: vaeaug generate model -n 100 --labels 3,8 -o more

    A folder gets one folder per class and a manifest.csv, which names the parent of every image; without --near the parent
    is a place in the data that the augmenter was fitted to.
    """
    _checks.within("n", n, 1, whole=True)
    augmenter = Augmenter.load(model)
    if perturb is not None or scale is not None:
        augmenter = augmenter.using(perturb=_scheme(perturb, scale, augmenter.perturb))
    bank = augmenter.bank_
    export.check(output, bank.samples.x.ndim)
    wanted = None if labels is None else _labels(labels, bank.samples.names)
    low, high = bank.scaling.low[0], bank.scaling.high[0]
    start = None
    if near is not None:
        # Black to white, as a picture has it, is low to high in the data.
        start = low + (high - low) * data.unit_float(data.read_images(near, bank.samples.event_shape[0]))
    if start is not None and wanted is not None:
        if len(wanted) not in (1, len(start)):
            one = f"one label, or one for each of {len(start)} images"
            _checks.refuse(one, f"{len(wanted)} labels", "name the class that they are of")
        wanted = wanted * (len(start) // len(wanted))
    made = augmenter.generate(n, start, wanted, seed)
    export.save(made, output, bank.samples.names, (low, high))
    typer.echo(f"{output}: {n} samples")


@app.command()
def bench(
    source: Data = "digits",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Default: runs/DATA-PER_CLASS.")] = None,
    per_class: Annotated[
        str,
        typer.Option(
            help="Training samples per class: a number, or counts with commas. "
            "Half of your own data is held out to judge on."
        ),
    ] = "20",
    classifier: Annotated[
        list[str] | None, typer.Option(help="cnn, mlp, forest, svc, logistic or knn; may be given again.")
    ] = None,
    arm: Annotated[
        list[str] | None, typer.Option(help="An arm to compare, 'all' for every one; may be given again.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many paired repetitions.", min=1)] = 5,
    jobs: Annotated[int, typer.Option(help="Processes; by default one per core. The result is the same.", min=0)] = 0,
    steps: Annotated[int, typer.Option(help="Optimiser steps of a network.", min=1)] = 800,
    vae_steps: Steps = 1000,
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
    pool, test = evaluate.splits(source if source in data.NAMES else data.load(source, label=label, size=size))
    chosen = classifier or (["cnn"] if pool.x.ndim == 4 else ["logistic", "forest"])
    counts = [_whole(word) for word in per_class.split(",")]
    asked: int | list[int] = counts[0] if len(counts) == 1 else counts
    settings = evaluate.Settings(steps=steps, vae=(("steps", vae_steps),))
    scheme = _scheme(perturb, scale)
    conditions = arms.arms(source, arm or arms.STANDARD, perturb=scheme)
    rows = list(
        evaluate.compare(
            pool,
            test=test,
            per_class=asked,
            classifier=chosen,
            arm=conditions,
            seeds=seeds,
            settings=settings,
            rows=output / "rows.csv",
            name=name,
            jobs=jobs or os.cpu_count() or 1,
        )
    )
    order = {(one, a.name): place for place, (one, a) in enumerate(itertools.product(chosen, conditions))}
    rows.sort(key=lambda row: (row.seed, order[row.classifier, row.arm]))
    _files.save_json(output / "rows.json", [asdict(row) for row in rows])
    typer.echo(f"{name}, {per_class} training samples per class, {seeds} seeds\n\n{verdicts.table(rows)}\n")
    for found in verdicts.by_rival(rows).values():
        for contrast in found:
            if "vae" in contrast.arm:
                typer.echo(verdicts.sentence(contrast))
    _page(output / "report.html", rows, pool, asked, settings, scheme)


def _page(path: Path, rows: Any, pool: data.Samples, asked: Any, settings: evaluate.Settings, scheme: Any) -> None:
    try:
        from vaeaug import report
    except ImportError:
        typer.echo("\nFor a page with pictures: pip install 'vaeaug[report]'")
        return
    grids = []
    if pool.x.ndim == 4:
        first = evaluate.augmenter_of(data.subset(pool, asked, rows[0].seed), rows[0].seed, settings)
        grids = gallery.gallery(first.using(perturb=scheme))
    shared = {"perturbation": repr(scheme), **{k: v for k, v in asdict(settings).items() if k != "vae"}}
    report.write(path, rows, grids, shared | {f"VAE {k}": v for k, v in settings.vae})
    typer.echo(f"\nThe page: {path}")


def _scheme(name: str | None, scale: float | None, default: Perturbation | None = None) -> Perturbation:
    known = {scheme.lower(): cls for scheme, cls in PERTURBATIONS.items()}
    if name is not None:
        _checks.one_of("perturb", name.lower(), tuple(known))
    chosen = default or Augmenter().perturb
    if name is not None:
        chosen = known[name.lower()]()
    return chosen if scale is None else replace(chosen, scale=scale)  # type: ignore[type-var]


def _whole(word: str) -> int:
    if not word.strip().isdigit():
        _checks.refuse("whole numbers with commas between", repr(word), "pass --per-class 20 or --per-class 50,20,5")
    return int(word)


def _labels(words: str, names: tuple[str, ...]) -> list[int]:
    found = []
    for word in (w.strip() for w in words.split(",")):
        if word not in names and not (word.isdigit() and int(word) < len(names)):
            _checks.refuse(f"classes among {', '.join(names)}", repr(word), "name them, or give their numbers")
        found.append(names.index(word) if word in names else int(word))
    return found


def main() -> None:
    """Runs the command line: bad input is one line and exit code 2."""
    try:
        app()
    except (_checks.InputError, Diverged) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
