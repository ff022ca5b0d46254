"""vaeaug generate"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from tqdm.auto import tqdm

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.cli.near import start
from vaeaug.cli.options import Device, Label, Perturb, Scale, Seed, Size, check_device, class_numbers, scheme
from vaeaug.export import formats, shards
from vaeaug.runtime import checks, distributed

FORMATS = ", ".join(shards.FORMATS)


def generate(
    model: Annotated[Path, typer.Argument(help="A folder that 'vaeaug fit' wrote.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A new folder of images, an .npz file or, for rows, a .csv file.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many samples.")],
    near: Annotated[
        Path | None, typer.Option(help="What to start from: an image, a folder of images, an .npz or a .csv.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Classes wanted, by name or number, commas between; with --near, what the images are."),
    ] = None,
    shard_size: Annotated[
        int | None,
        typer.Option(help="Write shards of so many samples into the folder; the same command goes on after a kill."),
    ] = None,
    format: Annotated[str | None, typer.Option(help=f"Of the shards: {FORMATS}.")] = None,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
    label: Label = None,
    size: Size = None,
    device: Device = "cpu",
) -> None:
    """Makes synthetic samples near real ones, with their labels and parents.

    Example: vaeaug generate model -n 100 --labels 3,8 -o more

    A million, in shards: vaeaug generate model -n 1000000 --shard-size 10240 -o more

    A folder gets one folder per class and a manifest.csv, which names the parent of every image; without --near the parent
    is a place in the data that the augmenter was fitted to. Who fitted with --size passes it with --near, too. With shards,
    torchrun spreads the work over processes.
    """
    checks.check_number("n", n, 1, whole=True)
    check_device(device)
    with distributed.process_group(device, training=False) as world:
        augmenter = Augmenter.load(model)
        if perturb is not None or scale is not None:
            augmenter = augmenter.using(perturb=scheme(perturb, scale, augmenter.perturb))
        augmenter.vae_.to(device)
        bank = augmenter.bank_
        wanted = None if labels is None else class_numbers(labels, bank.samples.names)
        sharded = shard_size is not None or format is not None
        if not sharded:
            formats.check(output, bank.samples.event_shape)
            if world.size > 1:
                checks.refuse("--shard-size under torchrun", "one output for all processes", "pass --shard-size 10240")
        x, y, files = (None, wanted, None) if near is None else start(near, bank, wanted, label, size)
        if sharded:
            kind = format or "webdataset"
            made = shards.write(
                augmenter,
                output,
                n,
                seed=seed,
                shard_size=shards.SHARD_SIZE if shard_size is None else shard_size,
                format=kind,
                near=x,
                labels=y,
                files=files,
                world=world,
            )
        else:
            with closing(tqdm(total=n, desc="generating", unit="sample", leave=False)) as bar:
                parts = shards.between(augmenter.chunks(seed, x, y), 0, n, bar)
                formats.save(parts, output, formats.Metadata.of(bank, files), n)
    if world.is_main:
        typer.echo(f"{output}: {n} samples" + (f" in {len(made)} shards" if sharded else ""))
