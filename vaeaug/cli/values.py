"""The values that options take: their lists, their checks, and what a shell completes them with.

Help and mistyped options are answered without torch, so the lists below are literal copies; a test compares them with the
originals.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vaeaug.runtime.errors import check_choice, did_you_mean, refuse

DATA_SETS = ("digits", "breast-cancer", "wine", "fashion-mnist")
IMAGE_SETS = ("digits", "fashion-mnist")
PERTURBATIONS = ("posterior", "covariance", "interpolate", "extrapolate", "difference", "prior")
NETWORKS = ("cnn", "mlp", "resnet18")
CLASSIFIERS = (*NETWORKS, "forest", "svc", "logistic", "knn", "boosting")
REGIMES = ("imbalanced", "imbalanced-small")
SPACES = ("vae", "pca", "identity")
KINDS = ("auto", "images", "signals")
FORMATS = ("webdataset", "webdataset-npy", "npz", "csv", "images")

MOST_NAMES = 2000  # of the files in a folder that are compared with a name that was mistyped
DATA_FORMS = f"one of {', '.join(DATA_SETS)}, a folder of class folders, an .npz or a .csv"


def check_data(source: str | None) -> str | None:
    """Refuses data that are neither a known set nor an existing path."""
    if source is not None and source not in DATA_SETS and not Path(source).exists():
        remedy = did_you_mean(source, (*DATA_SETS, *_paths_beside(Path(source)))) or "check the name or the path"
        refuse(DATA_FORMS, repr(source), remedy)
    return source


def _paths_beside(path: Path) -> list[str]:
    """Returns the paths in the folder of a path that does not exist, written as it is."""
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())[:MOST_NAMES]
    except OSError:
        return []
    return [str(path.with_name(name)) for name in names] if path.name else []


def check_exists(expected: str, remedy: str = "check the path") -> Callable[[Path | None], Path | None]:
    """Returns a callback that refuses a path that does not exist.

    Arguments:
        expected: The kind of file or folder, for the message.
        remedy: What to do where no name in its folder is similar.
    """

    def check(path: Path | None) -> Path | None:
        if path is not None and not path.exists():
            refuse(expected, f"'{path}', which does not exist", did_you_mean(path, _paths_beside(path)) or remedy)
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


def check_each(name: str, choices: tuple[str, ...]) -> Callable[[list[str] | None], list[str] | None]:
    """Returns a callback that refuses values that are not among `choices`, of an option that may be repeated.

    Arguments:
        name: The name of the option, for the message.
        choices: The allowed values, in lower case.
    """
    check_one = check_choices(name, choices)

    def check(values: list[str] | None) -> list[str] | None:
        for value in values or ():
            if "," in value:
                remedy = " ".join(f"--{name} {part.strip()}" for part in value.split(","))
                refuse(f"one {name} per option", repr(value), f"repeat it: {remedy}")
        return [str(check_one(value)) for value in values or ()]  # typer 0.15 takes the length of what comes back

    return check


def completing(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Returns what a shell completes a value with."""

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete.lower())]

    return complete


def complete_data(incomplete: str) -> list[str]:
    """Returns the data sets and the paths that a shell completes DATA with."""
    return [*completing(DATA_SETS)(incomplete), *complete_path(incomplete)]


def complete_path(incomplete: str) -> list[str]:
    """Returns the files and folders that begin with a text."""
    path = Path(incomplete)
    folder, name = (path, "") if not incomplete or incomplete.endswith("/") else (path.parent, path.name)
    try:
        entries = [entry for entry in sorted(folder.iterdir()) if entry.name.startswith(name)]
    except OSError:
        return []
    return [f"{entry}/" if entry.is_dir() else str(entry) for entry in entries if name or entry.name[0] != "."]
