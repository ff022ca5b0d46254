"""Refuses, in words and before any work, what cannot fit into memory or on the disk."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

from vaeaug.runtime.errors import refuse

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
GIB = 2**30
HUGE = 2**80


def check_memory(what: str, size: float, remedy: str) -> None:
    """Checks that something fits into the memory of the machine.

    Arguments:
        what: What it is, for the message.
        size: Its size in bytes.
        remedy: What the user can do about it.

    Raises:
        InputError: If it does not.
    """
    limit = memory_limit()
    if size > limit:
        refuse(f"{what} to fit into {limit / GIB:,.1f} GiB of memory", _in_gib(size), remedy)


def check_disk(path: Path, what: str, size: float, remedy: str) -> None:
    """Checks that an output fits on its disk.

    Arguments:
        path: The output.
        what: What it is, for the message.
        size: The least that it takes, in bytes.
        remedy: What the user can do about it.

    Raises:
        InputError: If it does not.
    """
    folder = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    if size > free:
        refuse(f"{what} to fit into {free / GIB:,.1f} GiB of free disk", f"{_in_gib(size)} or more", remedy)


def _in_gib(size: float) -> str:
    # A whole number may be too large to be divided.
    return f"{size / GIB:,.1f} GiB" if size < HUGE else f"more than {HUGE / GIB:,.0f} GiB"


@cache
def memory_limit() -> float:
    """Returns the memory of the machine or the container in bytes; infinity if it is unknown."""
    try:
        limit = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return float("inf")
    try:
        return min(limit, float(CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return limit
