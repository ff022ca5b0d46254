"""vaeaug fit"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.help import OUTPUT, TRAINING
from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import (
    DATA_SETS,
    Data,
    Device,
    Json,
    KeepRowNumbers,
    Kind,
    Label,
    Latent,
    Perturb,
    Quiet,
    Scale,
    Seed,
    Size,
    Space,
    Steps,
    Threads,
    check_device,
    check_reading,
    check_space,
    parse_perturbation,
)
from vaeaug.cli.output import Output, command_line
from vaeaug.runtime import errors as checks

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from vaeaug.runtime.distributed import World

BATCH, LATENT = 64, 16


def fit(
    source: Data,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder to save the augmenter in.", rich_help_panel=OUTPUT)
    ],
    space: Space = "vae",
    steps: Steps = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Samples per step, over all processes; by default 64.", min=1, rich_help_panel=TRAINING),
    ] = None,
    latent: Latent = None,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
    label: Label = None,
    keep_row_numbers: KeepRowNumbers = False,
    size: Size = None,
    kind: Kind = "auto",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A file for the state of the training, from which the same command resumes.", rich_help_panel=TRAINING
        ),
    ] = None,
    bank: Annotated[
        int | None,
        typer.Option(
            help="Stream a folder of class folders instead of loading it, and keep this number of its samples.",
            min=2,
            rich_help_panel=TRAINING,
        ),
    ] = None,
    device: Device = "cpu",
    threads: Threads = 1,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Trains a VAE on labelled data and saves an augmenter.

    Example: vaeaug fit photos/ --size 64 -o model

    Without a VAE: vaeaug fit photos/ --size 64 --space identity -o model

    On several cores, GPUs or machines: torchrun --nproc-per-node 4 -m vaeaug fit photos/ --size 64 -o model
    """
    options: dict[str, Any] = {"steps": steps, "latent": latent, "batch": batch, "checkpoint": checkpoint}
    check_space(space, perturb, device=None if device == "cpu" else device, **options)
    check_reading([source], label, keep_row_numbers, size)
    if bank is not None and not Path(source).is_dir():
        checks.refuse("a folder of class folders with --bank", repr(source), "leave --bank out")
    inputs = [source] if source not in DATA_SETS else []
    out = Output(quiet, as_json)
    with explained(lambda: _kept(checkpoint)), ExitStack() as stack:
        from vaeaug import data
        from vaeaug.augmenter import Augmenter, saving
        from vaeaug.models.spaces import space_named
        from vaeaug.runtime import distributed, files
        from vaeaug.runtime.parallel import computing_on

        _check_checkpoint(checkpoint, output, inputs)
        files.check_output(output, folder=True, may_replace=saving.is_ours, inputs=inputs)
        check_device(device)
        stack.enter_context(computing_on(threads))
        world = stack.enter_context(distributed.process_group(device, report=out.report))
        if world.is_main:
            stack.enter_context(files.claimed(output, folder=True, may_replace=saving.is_ours))
        if bank is None:
            samples: Any = data.load(
                source, label_column=label, size=size, keep_row_numbers=keep_row_numbers, kind=kind
            )
            checks.check_utf8("class names", samples.names)
        else:
            samples = _stream(source, size, batch or BATCH)
        augmenter = Augmenter(space_named(space, latent), perturb=parse_perturbation(perturb, scale))
        training = _training(world, device, out, **options) if space == "vae" else {}
        augmenter.fit(samples, seed=seed, bank_size=bank, **training)
        if world.is_main:
            augmenter.save(output)
            kept = augmenter.bank_.samples
            out.text(f"{output}: an augmenter of {len(kept)} samples in {len(kept.names)} classes")
            out.next_step(command_line("generate", output, "-n", 1000, "-o", _example_output(kept.event_shape)))
            out.json(lambda: {"output": output, "samples": len(kept), "classes": kept.names, "shape": kept.event_shape})


def _example_output(event_shape: tuple[int, ...]) -> str:
    """Returns a name for what `vaeaug generate` writes of this kind of data."""
    return "more.csv" if len(event_shape) == 1 else "more" if event_shape[0] in (1, 3, 4) else "more.npz"


def _training(world: World, device: str, out: Output, **options: Any) -> dict[str, Any]:
    """Returns the arguments of the VAE's training that the options stand for."""
    return {
        "steps": options["steps"],
        "batch_size": options["batch"] or BATCH,
        "latent_dim": options["latent"] or LATENT,
        "checkpoint": options["checkpoint"],
        "device": device,
        "world": world,
        "progress": out.progress,
    }


def _check_checkpoint(checkpoint: Path | None, output: Path, inputs: list[str]) -> None:
    """Refuses a checkpoint that is the output or the data, or among them, and one that cannot be written."""
    if checkpoint is None:
        return
    from vaeaug.runtime import files

    target, folder = checkpoint.resolve(), output.resolve()
    if target == folder or folder in target.parents or target in folder.parents:
        checks.refuse("a --checkpoint apart from the output", f"'{checkpoint}' and '{output}'", "choose another file")
    files.check_apart(checkpoint, inputs)
    files.check_writable(checkpoint)


def _kept(checkpoint: Path | None) -> str:
    if checkpoint is None:
        return "nothing is kept; with --checkpoint FILE, the same command would go on where it stopped"

    from vaeaug.models import checkpoints

    if not checkpoint.exists():
        return f"nothing is kept: '{checkpoint}' was not written yet"
    step = checkpoints.step_of(checkpoint)
    return f"'{checkpoint}' keeps the training up to step {step}; run the same command again to go on from there"


def _stream(source: str, size: int | None, batch: int) -> DataLoader:
    from torch.utils.data import DataLoader

    from vaeaug.data.image_folders import ImageFolder

    return DataLoader(ImageFolder(source, size), batch_size=batch, shuffle=True)
