"""vaeaug generate"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaeaug.cli.help import DATA, METHOD, OUTPUT
from vaeaug.cli.interrupts import explained
from vaeaug.cli.near import NearSamples, read_near
from vaeaug.cli.options import (
    Device,
    Json,
    Label,
    Overwrite,
    Perturb,
    Quiet,
    Scale,
    Seed,
    Size,
    Threads,
    check_device,
    check_reading,
    parse_classes,
)
from vaeaug.cli.output import Output
from vaeaug.cli.saved import load_augmenter
from vaeaug.cli.values import FORMATS, check_choices, check_exists, complete_path, completing
from vaeaug.runtime import limits
from vaeaug.runtime.errors import check_number, refuse

if TYPE_CHECKING:
    from vaeaug.augmenter import Augmenter
    from vaeaug.runtime.distributed import World

BYTES_PER_SAMPLE = 1  # at the very least, compressed
BYTES_OF_LABEL = 20  # label, parent and confidence of a sample of an .npz, which are held in memory until its end
NEAR_FORMS = "an image, a folder of images or of class folders, an .npz or a .csv"


def generate(
    model: Annotated[
        Path,
        typer.Argument(
            callback=check_exists("a folder that 'vaeaug fit' wrote", "'vaeaug fit DATA -o FOLDER' makes one"),
            autocompletion=complete_path,
            help="A folder that 'vaeaug fit' wrote.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="A new folder of images, an .npz file or, for tabular data, a .csv file.",
            rich_help_panel=OUTPUT,
        ),
    ],
    n: Annotated[int, typer.Option("-n", help="The number of synthetic samples.", rich_help_panel=OUTPUT)],
    near: Annotated[
        Path | None,
        typer.Option(
            callback=check_exists(NEAR_FORMS),
            autocompletion=complete_path,
            rich_help_panel=DATA,
            help=f"Real samples to start from: {NEAR_FORMS}.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Classes to generate, by name or number, with commas between; with --near, its classes.",
            rich_help_panel=METHOD,
        ),
    ] = None,
    shard_size: Annotated[
        int | None,
        typer.Option(
            help="Write shards of this number of samples into the folder; the same command resumes.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            callback=check_choices("format", FORMATS),
            autocompletion=completing(FORMATS),
            rich_help_panel=OUTPUT,
            help=f"The format of the shards: {', '.join(FORMATS)}.",
        ),
    ] = None,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
    label: Label = None,
    size: Size = None,
    device: Device = "cpu",
    threads: Threads = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Generates labelled synthetic samples near real ones.

    Example: vaeaug generate model -n 100 --labels 3,8 -o more

    A million, in shards: vaeaug generate model -n 1000000 --shard-size 10240 -o more

    A folder gets one folder per class and a manifest.csv, which names the parent of every image; without --near the parent
    is an index into the data that the augmenter was fitted to. Images of --near are resized as at the fit, and those in class
    folders have the labels of their folders.
    With shards, torchrun distributes the work over processes.
    """
    check_number("n", n, 1, whole=True)
    if shard_size is not None:
        check_number("shard_size", shard_size, 1, whole=True)
    sharded = shard_size is not None or format is not None
    inputs = [model] if near is None else [model, near]
    check_reading([near], label, size=size)
    if sharded and overwrite:
        refuse("one output with --overwrite", "--shard-size or --format", "leave --overwrite out: shards resume")
    out = Output(quiet, as_json)

    with explained(lambda: _kept(output, sharded)), ExitStack() as stack:
        from vaeaug.export import formats, shards
        from vaeaug.runtime import distributed, files
        from vaeaug.runtime.parallel import computing_on

        check_device(device)
        stack.enter_context(computing_on(threads))
        world = stack.enter_context(distributed.process_group(device, training=False, report=out.report))
        augmenter = load_augmenter(model, perturb, scale)
        augmenter.vae_.to(device)
        bank = augmenter.bank_
        class_numbers = None if labels is None else parse_classes(labels, bank.samples.names)
        if sharded:
            files.check_apart(output, inputs)
        elif world.size > 1:
            refuse("--shard-size under torchrun", "one output for all processes", "pass --shard-size 10240")
        else:
            shape = bank.samples.event_shape
            stack.enter_context(formats.claimed(output, shape, overwrite=overwrite, inputs=inputs))
        _check_size(output, n, sharded)
        start = read_near(near, bank, class_numbers, label, size)
        if sharded:
            size_of_shard = shards.SHARD_SIZE if shard_size is None else shard_size
            n_shards = _save_shards(augmenter, output, n, seed, start, size_of_shard, format or FORMATS[0], world, out)
            message = f"{output}: {n} samples in {n_shards} shard{'s' if n_shards > 1 else ''}"
        else:
            n_shards = 0
            _save(augmenter, output, n, seed, start, overwrite, out)
            message = f"{output}: {n} sample{'s' if n > 1 else ''}"
    if world.is_main:
        out.text(message)
        out.json(lambda: {"output": output, "samples": n, "shards": n_shards})


def _check_size(output: Path, n: int, sharded: bool) -> None:
    """Refuses a number of samples that cannot fit, however few bytes each of them takes."""
    remedy = "ask for fewer with -n"
    limits.check_disk(output, f"{n} samples", n * BYTES_PER_SAMPLE, remedy)
    if not sharded and output.suffix == ".npz":
        limits.check_memory(f"labels and parents of {n} samples", n * BYTES_OF_LABEL, remedy)


def _kept(output: Path, sharded: bool) -> str:
    if not sharded:
        return "nothing is kept, and an earlier output is as it was; with --shard-size, the same command would go on"
    return f"the shards in '{output}' are kept; run the same command again to make the others"


def _save(
    augmenter: Augmenter, output: Path, n: int, seed: int, start: NearSamples, overwrite: bool, out: Output
) -> None:
    """Writes n samples to one folder or file, a chunk at a time."""
    from vaeaug.export import formats, shards
    from vaeaug.runtime.progress import progress_bar

    with closing(progress_bar(n, "generating", "sample", show=out.progress)) as bar:
        chunks = shards.generate_range(augmenter.chunks(seed, start.x, start.y), 0, n, bar)
        formats.save(chunks, output, formats.Metadata.of(augmenter.bank_, start.files), n, overwrite=overwrite)


def _save_shards(
    augmenter: Augmenter,
    output: Path,
    n: int,
    seed: int,
    start: NearSamples,
    shard_size: int,
    format: str,
    world: World,
    out: Output,
) -> int:
    """Writes n samples to shards and returns the number of shards."""
    from vaeaug.export import shards

    paths = shards.write(
        augmenter,
        output,
        n,
        seed=seed,
        shard_size=shard_size,
        format=format,
        near=start.x,
        labels=start.y,
        files=start.files,
        world=world,
        progress=out.progress,
    )
    return len(paths)
