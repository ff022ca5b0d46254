"""Checks, before any work, where an output may be written, and keeps other writers away until it is written.

No output deletes or replaces what the library did not write. Each kind of output recognises earlier ones by their content
(`may_replace`); anything else is refused, except where the caller passes `overwrite`. A folder is never overwritten.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from vaeaug.runtime import locks, renames, signals
from vaeaug.runtime.errors import refuse

Recognise = Callable[[Path], bool]

# What systems and programs leave in every folder that they show; it does not count as content.
JUNK = {
    ".DS_Store", ".directory", ".ipynb_checkpoints", ".localized", "@eaDir", "Desktop.ini", "Icon\r", "Thumbs.db",
    "__MACOSX", "desktop.ini", "ehthumbs.db",
}  # fmt: skip
JUNK_PREFIXES = ("._", ".nfs", ".fuse_hidden")
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
WRITE_ERRORS = (
    *NO_SPACE, errno.EACCES, errno.EBUSY, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG, errno.EPERM, errno.EROFS,
    errno.ESTALE, errno.EXDEV,
)  # fmt: skip


def never_replace(path: Path) -> bool:
    """Never allows replacing what is there."""
    return False


def contents(folder: Path) -> list[Path]:
    """Returns what is in a folder, without what systems leave there (`.DS_Store`, ...) and without unfinished outputs."""
    return sorted(path for path in folder.iterdir() if not is_junk(path))


def is_junk(path: Path) -> bool:
    """Returns whether a system, or an unfinished call of the library, has left this file or folder."""
    return path.name in JUNK or path.name.startswith(JUNK_PREFIXES) or locks.is_working_folder(path)


def check_free(path: Path, may_replace: Recognise = never_replace) -> None:
    """Refuses an output folder that has files in it, unless `may_replace` allows replacing it.

    Raises:
        InputError: If `path` is a file, or a folder that may not be replaced.
    """
    if path.exists() and not path.is_dir():
        refuse("a folder", f"the file '{path}'", "choose another path")
    if path.is_dir() and contents(path) and not may_replace(path):
        refuse("a new or empty output folder", f"'{path}', which has other files", "choose another folder")


def check_free_file(path: Path, may_replace: Recognise = never_replace, *, overwrite: bool = False) -> None:
    """Refuses an output file where a folder, a device or a file of another kind is.

    Arguments:
        path: The file.
        may_replace: Decides whether an existing file is an earlier output of the same kind.
        overwrite: Whether any file may be replaced.

    Raises:
        InputError: If the file may not be written.
    """
    if path.is_dir():
        refuse("a file", f"the folder '{path}'", "choose another path")
    if not path.exists():
        return
    if not path.is_file():
        refuse("a regular file", f"'{path}', which is a device or a pipe", "choose another path")
    if path.stat().st_size and not overwrite and not _is_recognised(path, may_replace):
        remedy = "choose another name, or pass overwrite=True (on the command line: --overwrite)"
        refuse("a new file", f"'{path}', which vaeaug did not write", remedy)


def _is_recognised(path: Path, may_replace: Recognise) -> bool:
    try:
        return may_replace(path)
    except (OSError, ValueError):
        return False


def check_apart(path: str | Path, inputs: Sequence[str | Path]) -> None:
    """Refuses an output that is one of the inputs, or in a folder that is one.

    Arguments:
        path: The output.
        inputs: What is read; names of data sets, which are no paths, are ignored.

    Raises:
        InputError: If reading the input again would read the output, or find it replaced.
    """
    target = Path(os.path.realpath(path))
    for source in inputs:
        if not Path(source).exists():
            continue
        real = Path(os.path.realpath(source))
        if target == real or (target.exists() and target.samefile(real)):
            refuse("an output apart from the input", f"'{path}', which is the input", "choose another path")
        if real.is_dir() and real in target.parents:
            refuse("an output apart from the input", f"'{path}', inside the input '{source}'", "choose another path")


def check_output(path: str | Path, **settings: object) -> None:
    """Checks an output before any work: see `claimed`, whose arguments it takes. Nothing is left there."""
    with claimed(path, **settings):  # type: ignore[arg-type]
        pass


@contextmanager
def claimed(
    path: str | Path,
    *,
    folder: bool = False,
    may_replace: Recognise = never_replace,
    overwrite: bool = False,
    inputs: Sequence[str | Path] = (),
    beside: Sequence[tuple[Path, Recognise]] = (),
    terminable: bool = True,
) -> Iterator[tuple[Path, Path]]:
    """Checks an output, and keeps other writers away from it until the block ends.

    Yields the place to write, which is where a link points, and the working folder next to it. What a killed call left there
    is repaired and removed.

    Arguments:
        path: The file or folder to write. Missing folders above it are created, and removed again if they stay empty.
        folder: Whether it is a folder.
        may_replace: Decides whether what is there is an earlier output of the same kind.
        overwrite: Whether a file of any kind may be replaced. Folders never are.
        inputs: What is read; the output may not be among it.
        beside: Other files that belong to the output, each with its own `may_replace`.
        terminable: Whether SIGTERM raises `signals.Terminated` inside the block. Not around a `yield` to the caller.

    Raises:
        InputError: If something else is there, if nothing can be written there, or if another process is writing there.
    """
    target = _resolved(path)
    with ExitStack() as stack:
        if terminable:
            stack.enter_context(signals.terminable())
        try:
            stack.enter_context(_with_parents(target.parent))
            for other, _ in beside:
                _check_name(other)
            work = stack.enter_context(locks.locked(target))
            renames.recover(work, (target, *(other for other, _ in beside)))
            locks.clear(work)
            if folder:
                check_free_folder(Path(path), target, may_replace)
            else:
                check_free_file(Path(path), may_replace, overwrite=overwrite)
            for other, may_replace_other in beside:
                check_free_file(other, may_replace_other, overwrite=overwrite)
            check_apart(path, inputs)
        except OSError as error:
            refuse_os_error(path, error)
        yield target, work


def check_free_folder(path: Path, target: Path, may_replace: Recognise) -> None:
    """Refuses an output folder that has files in it, as `check_free` does, and one that cannot be replaced as a whole.

    Arguments:
        path: The folder.
        target: Where a link points; `path` itself if it is none.
        may_replace: Decides whether an existing folder with files in it may be replaced.
    """
    check_free(path, may_replace)
    if target.is_dir() and os.path.ismount(target):
        refuse("a folder that can be replaced", f"the mount point '{path}'", "choose a folder inside it")
    if target == Path.cwd() or target in Path.cwd().parents:
        refuse("a new folder", f"'{path}', which is the current folder or above it", "choose a folder inside it")


def _resolved(path: str | Path) -> Path:
    """Returns where an output goes: a link is followed. Refuses a name that no file can have."""
    if "\0" in str(path):
        refuse("a path without null characters", repr(str(path)), "choose another path")
    _check_name(Path(path))
    try:
        is_link = Path(path).is_symlink()
    except OSError as error:
        refuse_os_error(path, error)
    return Path(os.path.realpath(path) if is_link else os.path.abspath(path))  # noqa: PTH100 (other links stay)


def _check_name(path: Path) -> None:
    try:
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    except (AttributeError, ValueError, OSError):
        longest = locks.LONGEST
    if len(os.fsencode(path.name)) > longest:
        refuse(f"a name of at most {longest} bytes", f"'{path.name[:40]}...'", "choose a shorter name")


@contextmanager
def _with_parents(folder: Path) -> Iterator[None]:
    """Creates a folder and those above it; removes those that it has created if they are empty after the block."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    created = []
    try:
        for parent in reversed(missing):
            parent.mkdir(exist_ok=True)
            created.append(parent)
        yield
    finally:
        for parent in reversed(created):
            with suppress(OSError):
                parent.rmdir()


def refuse_os_error(path: str | Path, error: OSError) -> NoReturn:
    """Raises `InputError` for an output that the system does not let us write, with the remedy that fits the error."""
    if is_out_of_space(error):
        refuse(f"enough disk space to write '{path}'", f"'{error}'", "free some space or choose another path")
    remedy = {
        errno.EBUSY: "choose a folder inside it",
        errno.EFBIG: "choose a disk that takes files of this size",
        errno.EIO: "check the disk, or choose another one",
        errno.ENAMETOOLONG: "choose a shorter name",
    }.get(error.errno or 0, "choose a folder that you may write to")
    refuse(f"a writable path for '{path}'", f"'{error}'", remedy)


def is_out_of_space(error: OSError) -> bool:
    """Returns whether a disk, or a user's share of it, is full."""
    return error.errno in NO_SPACE or "No space left" in str(error)


def is_write_error(error: OSError, places: Sequence[Path]) -> bool:
    """Returns whether an error is about writing to these places, and not about something that the block has read."""
    if is_out_of_space(error):
        return True
    if error.filename is None:
        return error.errno in WRITE_ERRORS
    with suppress(TypeError, ValueError):
        path = Path(os.fsdecode(error.filename))
        return any(place == path or place in path.parents for place in places)
    return False


def is_regular_file(path: str | Path) -> bool:
    """Returns whether a path is a file with content: opening a pipe or a device may wait for ever."""
    return stat.S_ISREG(_mode(path))


def is_no_file(path: str | Path) -> bool:
    """Returns whether a folder, a pipe or a device is where a file is to be read."""
    return _mode(path) != 0 and not is_regular_file(path)


def _mode(path: str | Path) -> int:
    """Returns the kind of a path as a number; 0 if nothing is there, or if no file can have that name."""
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):
        return 0
