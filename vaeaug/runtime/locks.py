"""One writer per output: a lock that ends with its process, in a hidden folder next to the output.

The folder `.NAME.vaeaug` has the lock and everything unfinished. Whoever holds the lock may remove what is unfinished: a
writer that is alive would hold it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vaeaug.runtime.errors import refuse

try:
    import fcntl
except ImportError:  # Windows: two writers are not told apart there
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".vaeaug"
LOCK = "lock"
LONGEST = 255  # bytes of a file name on most file systems

_held: dict[tuple[Path, int], int] = {}  # the file descriptor of each lock, by folder and thread


def working_folder(path: Path) -> Path:
    """Returns the hidden folder next to an output, in which it is written."""
    name = f".{path.name}{SUFFIX}"
    if len(os.fsencode(name)) > LONGEST:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}{SUFFIX}"
    return path.with_name(name)


def is_working_folder(path: Path) -> bool:
    """Returns whether a path is the working folder of some output."""
    return path.name.startswith(".") and path.name.endswith(SUFFIX)


@contextmanager
def locked(path: Path) -> Iterator[Path]:
    """Keeps other writers away from an output until the block ends; yields its working folder, which is removed afterwards.

    A thread that holds the lock already may enter again.

    Arguments:
        path: The output; the folder that it is in must exist.

    Raises:
        InputError: If another process or thread is writing there.
        OSError: If nothing can be written next to `path`.
    """
    folder = working_folder(path)
    key = folder, threading.get_ident()
    if key in _held:
        yield folder
        return
    _held[key] = _acquire(folder, path)
    try:
        yield folder
    finally:
        _release(folder, _held.pop(key))


def clear(folder: Path) -> None:
    """Removes everything in a working folder except the lock, which the caller holds."""
    for entry in list(folder.iterdir()):
        if entry.name == LOCK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _acquire(folder: Path, path: Path) -> int:
    while True:
        if folder.is_symlink():
            refuse(f"no link at '{folder}', where '{path.name}' is written", "one", "remove it")
        folder.mkdir(exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # the previous writer was just removing the folder
        try:
            if not _try_lock(descriptor):
                writer = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
                remedy = "wait until it has ended, or choose another path"
                refuse(f"one writer at a time for '{path}'", f"a second one beside {writer}", remedy)
            # The previous writer may have removed the file between the two calls: that lock would protect nothing.
            if _is_same_file(descriptor, folder / LOCK):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _release(folder: Path, descriptor: int) -> None:
    # In this order, so that whoever comes next finds either the lock held or nothing at all.
    with suppress(OSError):
        clear(folder)
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()
    os.close(descriptor)


def _forget_in_child() -> None:
    """Closes inherited locks in a forked process: they belong to the parent, and must end with it."""
    for descriptor in _held.values():
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
