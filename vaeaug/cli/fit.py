"""vaeaug fit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaeaug import data, saving
from vaeaug.augmenter import Augmenter
from vaeaug.cli.options import Data, Label, Perturb, Scale, Seed, Size, Steps, scheme


def fit(
    source: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.")],
    steps: Steps = None,
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
    augmenter = Augmenter(perturb=scheme(perturb, scale))
    augmenter.fit(samples, steps=steps, latent=latent, seed=seed).save(output)
    typer.echo(f"{output}: an augmenter of {len(samples)} samples in {len(samples.names)} classes")
