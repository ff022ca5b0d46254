"""Options that several commands share, and the parsing of their values. What values they take is in `values.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.cli.help import DATA, METHOD, OUTPUT, TRAINING
from vaeaug.cli.values import (
    DATA_SETS,
    KINDS,
    PERTURBATIONS,
    REGIMES,
    SPACES,
    check_choices,
    check_data,
    complete_data,
    completing,
)
from vaeaug.runtime.errors import did_you_mean, refuse

if TYPE_CHECKING:
    from vaeaug.perturb import Perturbation

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", callback=check_data, autocompletion=complete_data,
        help=f"{', '.join(DATA_SETS)}, a folder of class folders, an .npz with x and y, or a .csv.",
    ),
]  # fmt: skip
Seed = Annotated[
    int, typer.Option("--seed", help="The same seed gives the same result.", min=0, rich_help_panel=TRAINING)
]
Label = Annotated[
    str | None,
    typer.Option("--label", help="The label column of a .csv; by default the last.", rich_help_panel=DATA),
]
KeepRowNumbers = Annotated[
    bool,
    typer.Option(
        "--keep-row-numbers", rich_help_panel=DATA,
        help="Keep columns of a .csv that number the rows; by default they are left out.",
    ),
]  # fmt: skip
Size = Annotated[
    int | None,
    typer.Option(
        "--size", help="Resize the images of a folder to SIZE x SIZE pixels.", min=8, max=16384, rich_help_panel=DATA
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        callback=check_choices("kind", KINDS),
        rich_help_panel=DATA,
        help="What the samples of an .npz are: images, or signals (N, C, T). By default the shape tells, or is refused. Rows "
        "of a .csv are signals of one channel with --kind signals.",
    ),
]
Space = Annotated[
    str,
    typer.Option(
        "--space", callback=check_choices("space", SPACES), autocompletion=completing(SPACES), rich_help_panel=METHOD,
        help="Where samples are perturbed: vae, the codes of a VAE; pca, principal components; or identity, the samples "
        "themselves. The last two train nothing.",
    ),
]  # fmt: skip
Latent = Annotated[
    int | None,
    typer.Option(
        "--latent", min=1, rich_help_panel=METHOD,
        help="The dimension of the latent codes, or the number of principal components; by default 16.",
    ),
]  # fmt: skip
Perturb = Annotated[
    str | None,
    typer.Option(
        "--perturb", callback=check_choices("perturb", PERTURBATIONS), autocompletion=completing(PERTURBATIONS),
        help=f"The perturbation: {', '.join(PERTURBATIONS)}.", rich_help_panel=METHOD,
    ),
]  # fmt: skip
Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        help="The strength of the perturbation; 0 reproduces the real samples.",
        min=0,
        rich_help_panel=METHOD,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace an output file that is no earlier output of this command.", rich_help_panel=OUTPUT
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="The device that computes: cpu, cuda, mps, ...", rich_help_panel=TRAINING)
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads", min=1, rich_help_panel=TRAINING,
        help="The threads that compute. Networks as small as these gain little from more than one, and lose much where "
        "other programs run.",
    ),
]  # fmt: skip
Steps = Annotated[
    int | None,
    typer.Option(help="Optimiser steps of the VAE; by default more for more samples.", min=1, rich_help_panel=TRAINING),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the result only, and no progress.", rich_help_panel=OUTPUT)
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=OUTPUT)]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print tables in Markdown.", rich_help_panel=OUTPUT)]


def check_reading(
    sources: Sequence[str | Path | None],
    label: str | None = None,
    keep_row_numbers: bool = False,
    size: int | None = None,
) -> None:
    """Refuses options of reading that have no effect on any of the data.

    Arguments:
        sources: The data: names of sets and paths.
        label, keep_row_numbers, size: The values of the options, which are for a .csv, for a .csv, and for folders or images.
    """
    paths = [Path(source) for source in sources if source is not None and source not in DATA_SETS]
    named = ", ".join(f"'{source}'" for source in sources if source is not None) or "no data"
    has_table = any(path.suffix.lower() == ".csv" for path in paths)
    has_images = any(path.is_dir() or path.suffix.lower() not in (".csv", ".npz") for path in paths)
    for option, given, useful, of in (
        ("--label", label is not None, has_table, "a .csv"),
        ("--keep-row-numbers", keep_row_numbers, has_table, "a .csv"),
        ("--size", size is not None, has_images, "a folder of images"),
    ):
        if given and not useful:
            refuse(f"{of} with {option}", named, f"leave {option} out: it has no effect")


# What only the training of a VAE uses.
OF_A_VAE = ("--steps", "--vae-steps", "--batch", "--checkpoint", "--device")


def check_space(space: str, perturb: str | None = None, **options: Any) -> None:
    """Refuses options that have no effect in a space.

    Arguments:
        space: The value of `--space`.
        perturb: The value of `--perturb`.
        options: The values of other options, by name with underscores; None if they were left out.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    without_effect = [
        name for name in given if (name in OF_A_VAE and space != "vae") or (name == "--latent" and space == "identity")
    ]
    if without_effect:
        refuse(f"options that have an effect with --space {space}", ", ".join(without_effect), "leave them out")
    if space == "identity" and perturb == "posterior":
        refuse(
            "a perturbation that changes something with --space identity",
            "--perturb posterior",
            "choose another one: without a VAE there is no posterior",
        )


def parse_perturbation(name: str | None, scale: float | None, default: Perturbation | None = None) -> Perturbation:
    """Returns the perturbation that `--perturb` and `--scale` describe.

    Arguments:
        name: The value of `--perturb`, one of `PERTURBATIONS`.
        scale: The value of `--scale`.
        default: The perturbation that keeps its settings unless `name` is another one; by default the library's own default.
    """
    from vaeaug.perturb import DEFAULT
    from vaeaug.perturb import PERTURBATIONS as CLASSES

    perturb = DEFAULT if default is None else default
    by_name = {key.lower(): perturbation for key, perturbation in CLASSES.items()}
    if name is not None and by_name[name] is not type(perturb):
        perturb = by_name[name]()
    return perturb if scale is None else replace(perturb, scale=scale)  # type: ignore[type-var]


def parse_int(text: str) -> int:
    """Returns a number of `--per-class`."""
    if not text.strip().isdigit():
        remedy = did_you_mean(text, REGIMES) or "pass --per-class 20 or --per-class 50,20,5"
        refuse("whole numbers with commas between", repr(text), remedy)
    return int(text)


def parse_per_class(text: str) -> int | str | list[int]:
    """Returns the value of `--per-class`: one number, one count per class, or the name of a regime."""
    if text in REGIMES:
        return text
    counts = [parse_int(count) for count in text.split(",")]
    return counts[0] if len(counts) == 1 else counts


def parse_classes(text: str, names: tuple[str, ...]) -> list[int]:
    """Returns the class numbers of names or numbers with commas between.

    Arguments:
        text: The value of `--labels`.
        names: The class names.
    """
    from vaeaug.runtime import checks

    words = [word.strip() for word in text.split(",")]
    # A class may be called by its number, unless that number is the name of another class.
    labels = [names[int(w)] if w not in names and w.isdigit() and int(w) < len(names) else w for w in words]
    return checks.check_labels(labels, names=names).tolist()


def check_device(device: str) -> None:
    """Refuses a device that is not available."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        # torch answers an unknown word with the names of all devices that it was ever built for.
        got = repr(device) if reason.startswith("Expected one of") else f"{device!r} ({reason})"
        others = {"cuda": torch.cuda, "mps": torch.backends.mps}
        available = ", ".join(["cpu", *(name for name, backend in others.items() if backend.is_available())])
        refuse("a device that torch can use here", got, f"available: {available}")
