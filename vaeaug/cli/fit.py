"""vaeaug fit"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.options import (
    Data,
    Device,
    Label,
    Perturb,
    Scale,
    Seed,
    Size,
    Steps,
    check_device,
    parse_perturbation,
)
from vaeaug.runtime import errors as checks

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


def fit(
    source: Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.")],
    steps: Steps = None,
    batch: Annotated[int, typer.Option(help="Samples per step, over all processes.", min=1)] = 64,
    latent: Annotated[int, typer.Option(help="The dimension of the latent codes.", min=1)] = 16,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
    label: Label = None,
    size: Size = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A file for the state of the training, from which the same command resumes."),
    ] = None,
    bank: Annotated[
        int | None,
        typer.Option(
            help="Stream a folder of class folders instead of loading it, and keep this number of its samples.", min=2
        ),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Trains a VAE on labelled data and saves an augmenter.

    Example: vaeaug fit photos/ --size 64 -o model

    On several cores, GPUs or machines: torchrun --nproc-per-node 4 -m vaeaug fit photos/ --size 64 -o model
    """
    from vaeaug import data
    from vaeaug.augmenter import Augmenter, saving
    from vaeaug.runtime import distributed

    saving.check_free(output)
    check_device(device)
    with distributed.process_group(device) as world:
        samples: Any = (
            data.load(source, label_column=label, size=size) if bank is None else _stream(source, size, batch)
        )
        augmenter = Augmenter(perturb=parse_perturbation(perturb, scale))
        training = {
            "steps": steps,
            "batch_size": batch,
            "latent_dim": latent,
            "checkpoint": checkpoint,
            "device": device,
        }
        augmenter.fit(samples, seed=seed, bank_size=bank, world=world, **training)
        if world.is_main:
            augmenter.save(output)
    if world.is_main:
        bank_samples = augmenter.bank_.samples
        typer.echo(f"{output}: an augmenter of {len(bank_samples)} samples in {len(bank_samples.names)} classes")


def _stream(source: str, size: int | None, batch: int) -> DataLoader:
    from torch.utils.data import DataLoader

    from vaeaug.data.image_folders import ImageFolder

    if not Path(source).is_dir():
        checks.refuse("a folder of class folders with --bank", repr(source), "leave --bank out")
    return DataLoader(ImageFolder(source, size), batch_size=batch, shuffle=True)
