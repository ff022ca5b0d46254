"""vaeaug generate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaeaug import _checks, data, export
from vaeaug.augmenter import Augmenter
from vaeaug.cli.options import Perturb, Scale, Seed, class_numbers, scheme


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
        augmenter = augmenter.using(perturb=scheme(perturb, scale, augmenter.perturb))
    bank = augmenter.bank_
    export.check(output, bank.samples.x.ndim)
    wanted = None if labels is None else class_numbers(labels, bank.samples.names)
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
