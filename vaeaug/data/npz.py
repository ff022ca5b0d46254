"""Samples in an `.npz`: arrays x and y of numbers, and optionally the class names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vaeaug.data.paths import check_regular
from vaeaug.runtime import checks


class Arrays(NamedTuple):
    """The arrays of a file.

    Arguments:
        x: The samples, `(N, *event)`; images with the channels first.
        y: The labels, `(N,)`; None if there are none.
        names: The class names; empty if there are none.
    """

    x: np.ndarray
    y: np.ndarray | None
    names: tuple[str, ...]


def read(path: Path, *, labelled: bool = True) -> Arrays:
    """Reads an `.npz`. Nothing in it is run.

    Arguments:
        path: The file.
        labelled: Whether it must have labels.

    Raises:
        InputError: If it is cut off or no such file, or lacks an array.
    """
    expected = f"arrays x and y of numbers in {path}" if labelled else f"an array x of numbers in {path}"
    check_regular(path, expected)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found = {name: stored[name] for name in ("x", "y", "names") if name in stored}
    except Exception as error:  # what numpy and zipfile raise on broken files is open: zlib.error, TypeError, ...
        reason = " ".join(str(error).split()) or type(error).__name__
        checks.refuse(expected, f"'{reason}'", "write it with numpy.savez(path, x=..., y=...)")
    lacking = [name for name in (("x", "y") if labelled else ("x",)) if name not in found]
    if lacking:
        got = f"none called {' and '.join(lacking)}"
        checks.refuse(expected, got, "write it with numpy.savez(path, x=..., y=...)")
    return Arrays(_channels_first(found["x"]), found.get("y"), _names(path, found.get("names")))


def _names(path: Path, names: Any) -> tuple[str, ...]:
    if names is None:
        return ()
    if names.ndim != 1 or names.dtype.kind not in "US":
        got = f"dtype {names.dtype} of shape {names.shape}"
        checks.refuse(f"names in {path} as an array of texts, (K,)", got, "pass names=np.array(['cat', 'dog'])")
    try:
        return tuple(n.decode("utf-8") if isinstance(n, bytes) else str(n) for n in names.tolist())
    except UnicodeDecodeError as error:
        checks.refuse(f"names in {path} as UTF-8 text", f"'{error}'", "write them as np.array(['cat', 'dog'])")


def _channels_first(x: np.ndarray) -> np.ndarray:
    is_last = x.ndim == 4 and x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4)
    return x.transpose(0, 3, 1, 2) if is_last else x
