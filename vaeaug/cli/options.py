"""Options that several commands share, and the parsing of their values.

Help and mistyped options are answered without torch, so the lists below are literal copies; a test compares them with the
originals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaeaug.runtime.errors import check_choice, refuse

if TYPE_CHECKING:
    from vaeaug.perturb import Perturbation

DATA_SETS = ("digits", "breast-cancer", "wine", "fashion-mnist")
IMAGE_SETS = ("digits", "fashion-mnist")
PERTURBATIONS = ("posterior", "covariance", "interpolate", "extrapolate", "difference", "prior")
CLASSIFIERS = ("cnn", "mlp", "resnet18", "forest", "svc", "logistic", "knn", "boosting")
REGIMES = ("imbalanced", "imbalanced-small")
SPACES = ("vae", "pca", "identity")
KINDS = ("auto", "images", "signals")
FORMATS = ("webdataset", "webdataset-npy", "npz", "csv", "images")

DATA_FORMS = f"one of {', '.join(DATA_SETS)}, a folder of class folders, an .npz or a .csv"


def check_data(source: str | None) -> str | None:
    """Refuses data that are neither a known set nor an existing path."""
    if source is not None and source not in DATA_SETS and not Path(source).exists():
        refuse(DATA_FORMS, repr(source), "check the name or the path")
    return source


def check_exists(expected: str) -> Callable[[Path | None], Path | None]:
    """Returns a callback that refuses a path that does not exist.

    Arguments:
        expected: The kind of file or folder, for the message.
    """

    def check(path: Path | None) -> Path | None:
        if path is not None and not path.exists():
            refuse(expected, f"'{path}', which does not exist", "check the path")
        return path

    return check


def check_choices(name: str, choices: tuple[str, ...]) -> Callable[[str | None], str | None]:
    """Returns a callback that refuses a value that is not among `choices`.

    Arguments:
        name: The name of the option, for the message.
        choices: The allowed values, in lower case.
    """

    def check(value: str | None) -> str | None:
        if value is None:
            return None
        check_choice(name, value.lower(), choices)
        return value.lower()

    return check


def check_classifiers(names: list[str] | None) -> list[str] | None:
    """Refuses unknown classifiers."""
    for name in names or ():
        check_choice("classifier", name, CLASSIFIERS)
    return names


def check_spaces(names: list[str] | None) -> list[str] | None:
    """Refuses unknown spaces."""
    for name in names or ():
        check_choice("space", name, SPACES)
    return names


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", callback=check_data, help=f"{', '.join(DATA_SETS)}, a folder of class folders, an .npz with x "
        "and y, or a .csv.",
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)]
Label = Annotated[str | None, typer.Option(help="The label column of a .csv; by default the last.")]
KeepRowNumbers = Annotated[
    bool,
    typer.Option(
        "--keep-row-numbers", help="Keep columns of a .csv that number the rows; by default they are left out."
    ),
]
Size = Annotated[
    int | None, typer.Option(help="Resize the images of a folder to SIZE x SIZE pixels.", min=8, max=16384)
]
Kind = Annotated[
    str,
    typer.Option(
        callback=check_choices("kind", KINDS),
        help="What the samples of an .npz are: images, or signals (N, C, T). By default the shape tells, or is refused. Rows "
        "of a .csv are signals of one channel with --kind signals.",
    ),
]
Space = Annotated[
    str,
    typer.Option(
        callback=check_choices("space", SPACES),
        help="Where samples are perturbed: vae, the codes of a VAE; pca, principal components; or identity, the samples "
        "themselves. The last two train nothing.",
    ),
]
Latent = Annotated[
    int | None,
    typer.Option(
        help="The dimension of the latent codes, or the number of principal components; by default 16.", min=1
    ),
]
Perturb = Annotated[
    str | None,
    typer.Option(
        callback=check_choices("perturb", PERTURBATIONS), help=f"The perturbation: {', '.join(PERTURBATIONS)}."
    ),
]
Scale = Annotated[
    float | None, typer.Option(help="The strength of the perturbation; 0 reproduces the real samples.", min=0)
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace an output file that is no earlier output of this command."),
]
Device = Annotated[str, typer.Option(help="The device that computes: cpu, cuda, mps, ...")]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps of the VAE; by default more for more samples.", min=1)]


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
        refuse("whole numbers with commas between", repr(text), "pass --per-class 20 or --per-class 50,20,5")
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
        refuse("a device that torch can use here", f"{device!r} ({reason})", "for example --device cpu")


def report(line: str) -> None:
    """Prints what a command is waiting for."""
    typer.echo(line, err=True)
