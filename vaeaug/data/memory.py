"""Refuses what cannot fit into memory, in words and before memory is taken."""

from __future__ import annotations

import os
from pathlib import Path

from vaeaug.runtime import checks

CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
GIB = 2**30


def check_memory(what: str, size: float, remedy: str = "pass a smaller size, or fewer images") -> None:
    """Checks that data fit into the memory of the machine.

    Arguments:
        what: What the data are, for the message.
        size: Their size in bytes.
        remedy: What the message suggests.

    Raises:
        InputError: If they do not.
    """
    limit = memory_limit()
    if size > limit:
        checks.refuse(f"data of at most {limit / GIB:.1f} GiB", f"{what}, {size / GIB:,.1f} GiB", remedy)


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
