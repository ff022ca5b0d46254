"""Replaces an output by a finished one, so that at every moment either the old or the new one exists.

A file replaces a file in one step everywhere. A folder changes places with a folder in one step where the system can do that
(`renameat2` of Linux). Elsewhere the old folder moves aside first; a call that is killed between the two steps is repaired by
the next one, see `recover`.

An output may have files beside it that belong to it (samples and their provenance). They must never be mixed with those of
another call, so the old ones are removed before the output is replaced, and the new ones are added after it.

The names in the working folder say what a killed call had done: `main` and `beside-1`, ... are being written or complete;
`ready-1`, ... are complete; `old`, `old-1`, ... were at the output's place.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

CURRENT_FOLDER = -100  # AT_FDCWD
NO_REPLACE, EXCHANGE = 1, 2  # flags of renameat2


def new_paths(work: Path, targets: Sequence[Path]) -> tuple[Path, ...]:
    """Returns where an output and the files beside it are written: in the working folder, with their suffixes."""
    main, *beside = targets
    return (
        work / f"main{main.suffix}",
        *(work / f"beside-{i}{path.suffix}" for i, path in enumerate(beside, 1)),
    )


def put_in_place(work: Path, targets: Sequence[Path]) -> None:
    """Moves complete files, or a complete folder, from `new_paths` to their places.

    Arguments:
        work: The working folder.
        targets: The output, and the files beside it.

    Raises:
        OSError: If something cannot be moved; then everything is as it was.
    """
    main, *beside = new_paths(work, targets)
    try:
        for i, path in enumerate(beside, 1):
            path.rename(work / f"ready-{i}")
        for i, target in enumerate(targets[1:], 1):
            if target.exists():
                target.rename(work / f"old-{i}")
        _replace(main, targets[0], work / "old")
        for i, target in enumerate(targets[1:], 1):
            (work / f"ready-{i}").rename(target)
    except BaseException:
        recover(work, targets)
        raise


def recover(work: Path, targets: Sequence[Path]) -> None:
    """Completes what a killed call had begun to put in place, or takes it back; nothing that exists is replaced.

    Arguments:
        work: The working folder.
        targets: The output, and the files beside it.
    """
    is_main_in_place = not any(entry.name.startswith("main") for entry in work.iterdir())
    _restore(work / "old", targets[0])
    for i, target in enumerate(targets[1:], 1):
        _restore(work / (f"ready-{i}" if is_main_in_place else f"old-{i}"), target)


def _restore(source: Path, target: Path) -> None:
    if source.exists() and not target.exists():
        source.rename(target)


def _replace(new: Path, target: Path, old: Path) -> None:
    if not target.exists():
        if not rename(new, target, NO_REPLACE):
            new.rename(target)
    elif not new.is_dir():
        with suppress(OSError):
            shutil.copymode(target, new)
        new.replace(target)
    elif not rename(new, target, EXCHANGE):
        target.rename(old)
        new.rename(target)


@cache
def _renameat2() -> Any:
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function


def rename(source: Path, target: Path, flag: int) -> bool:
    """Renames in a way that only some systems and file systems know; returns whether it was done.

    Arguments:
        source, target: The paths.
        flag: `NO_REPLACE` fails if the target exists; `EXCHANGE` lets the two change places.

    Raises:
        FileExistsError: If the target exists, with `NO_REPLACE`.
    """
    function = _renameat2()
    if function is None:
        return False
    done = function(CURRENT_FOLDER, os.fsencode(source), CURRENT_FOLDER, os.fsencode(target), flag) == 0
    if not done and flag == NO_REPLACE and os.path.lexists(target):
        raise FileExistsError(f"'{target}' has appeared while it was being written")
    return done
