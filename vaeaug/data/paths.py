"""Files and folders that samples are read from: regular files alone, and each of them once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vaeaug.runtime import checks


class FoundFile(NamedTuple):
    """A file under a folder.

    Arguments:
        path: The path, which begins with that of the folder.
        is_link: Whether the file, or a folder on the way to it, is a link.
    """

    path: Path
    is_link: bool


def check_regular(path: str | Path, expected: str) -> None:
    """Checks that a path leads to a regular file: pipes and devices may never end, and folders are no files.

    Arguments:
        path: The path.
        expected: What the file should hold, for the message.

    Raises:
        InputError: If it does not.
    """
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        checks.refuse(expected, f"'{path}' ({reason})", "check the path")
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        checks.refuse(expected, f"'{path}', which is {kind}", "pass a file")


def check_name(path: Path) -> None:
    """Refuses a name that is not UTF-8, because no file that lists it could be written.

    Raises:
        InputError: If it is not.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        checks.refuse("names in UTF-8", f"{str(path)!r}", "rename the file or folder")


def walk(folder: Path, is_left_out: Callable[[str], bool], above: tuple[Path, ...] = ()) -> Iterator[FoundFile]:
    """Yields the files in a folder and its folders, folder by folder; each folder is read once, whatever links to it.

    Arguments:
        folder: The folder.
        is_left_out: Whether files and folders of a name are left out.
        above: Folders that must not be read again, should a link lead back to them.

    Raises:
        InputError: If a folder cannot be read.
    """
    seen = {_identity(path) for path in (*above, folder)}
    found: list[tuple[str, str, bool]] = []
    waiting = [(folder, False)]
    while waiting:
        inside, is_link = waiting.pop()
        for entry in _entries(inside):
            if is_left_out(entry.name):
                continue
            linked = is_link or entry.is_symlink()
            if not _is_folder(entry):
                found.append((str(inside), entry.name, linked))
            elif (identity := _identity(Path(entry.path))) not in seen:
                seen.add(identity)
                waiting.append((Path(entry.path), linked))
    # Folder by folder: the order in which samples have always been numbered.
    return (FoundFile(Path(root, name), is_link) for root, name, is_link in sorted(found))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Returns what is in a folder, links last, so that a folder is found under its own name first."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError as error:
        checks.refuse("a folder that can be read", f"'{folder}' ({error.strerror})", "check its permissions")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
