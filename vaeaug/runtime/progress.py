"""Progress on standard error: a bar in a terminal or a notebook, one line per tenth of the work anywhere else."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm as terminal_bar
from tqdm.auto import tqdm as notebook_or_terminal_bar


class TenLines(terminal_bar):
    """Writes a line per tenth of the work, for files and pipes, where a bar that is drawn anew becomes a flood of lines."""

    monitor_interval = 0  # its thread would ask for more lines where the work is slow

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"mininterval": 0, "miniters": 1, "leave": False}
        self._written = int(10 * kwargs.get("initial", 0) / (kwargs.get("total") or 1))
        super().__init__(*args, **kwargs)

    def display(self, *args: Any, **kwargs: Any) -> bool:
        """Writes a line if another tenth is done."""
        tenths = int(10 * self.n / self.total) if self.total else 0
        if tenths > self._written:
            self._written = tenths
            elapsed = self.format_interval(self.format_dict["elapsed"])
            done = f"{self.n:.0f} of {self.total:.0f} {self.unit}s"
            sys.stderr.write(f"{self.desc.removesuffix(': ')}: {10 * tenths} %, {done}, {elapsed}\n")
            sys.stderr.flush()
        return True

    def close(self) -> None:
        """Ends without another line."""
        self.disable = True

    def moveto(self, n: int) -> None:
        """Moves no cursor: there is none."""


def progress_bar(total: int, description: str, unit: str, *, show: bool, initial: int = 0) -> Any:
    """Creates a progress bar with tqdm's methods `update`, `set_postfix`, `set_postfix_str` and `close`.

    Arguments:
        total: The number of units.
        description: What is being done.
        unit: What is counted, in the singular.
        show: False shows nothing.
        initial: The number of units that were done before.
    """
    kwargs = {"total": total, "desc": description.rstrip(": "), "unit": unit, "initial": initial}
    in_notebook = any("notebook" in base.__module__ for base in notebook_or_terminal_bar.__mro__)
    if in_notebook or sys.stderr is None or sys.stderr.isatty():
        return notebook_or_terminal_bar(**kwargs, disable=not show, leave=False, dynamic_ncols=True)
    return TenLines(**kwargs, disable=not show)
