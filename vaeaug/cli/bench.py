"""vaeaug bench"""

from __future__ import annotations

import itertools
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vaeaug import _files, arms, data, evaluate, gallery, verdicts
from vaeaug.cli.options import Data, Label, Perturb, Scale, Size, Steps, scheme, whole


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
    vae_steps: Steps = None,
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
    counts = [whole(word) for word in per_class.split(",")]
    asked: int | list[int] = counts[0] if len(counts) == 1 else counts
    settings = evaluate.Settings(steps=steps, vae=(("steps", vae_steps),))
    chosen_scheme = scheme(perturb, scale)
    conditions = arms.arms(source, arm or arms.STANDARD, perturb=chosen_scheme)
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
    _page(output / "report.html", rows, pool, asked, settings, chosen_scheme)


def _page(path: Path, rows: Any, pool: data.Samples, asked: Any, settings: evaluate.Settings, perturb: Any) -> None:
    try:
        from vaeaug import report
    except ImportError:
        typer.echo("\nFor a page with pictures: pip install 'vaeaug[report]'")
        return
    grids = []
    if pool.x.ndim == 4:
        first = evaluate.augmenter_of(data.subset(pool, asked, rows[0].seed), rows[0].seed, settings)
        grids = gallery.gallery(first.using(perturb=perturb))
    shared = {"perturbation": repr(perturb), **{k: v for k, v in asdict(settings).items() if k != "vae"}}
    report.write(path, rows, grids, shared | {f"VAE {k}": v for k, v in settings.vae})
    typer.echo(f"\nThe page: {path}")
