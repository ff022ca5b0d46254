"""What a command prints: its result on standard output, as text or as JSON, and on standard error what it waits for."""

from __future__ import annotations

import json
import math
import shlex
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

WIDTH = 80


@dataclass(frozen=True)
class Output:
    """How a command prints.

    Arguments:
        quiet: Print neither progress nor what to do next.
        as_json: Print the result as one JSON object, and nothing else to standard output.
    """

    quiet: bool = False
    as_json: bool = False

    @property
    def progress(self) -> bool:
        """Whether to show progress, on standard error."""
        return not self.quiet

    def report(self, line: str) -> None:
        """Prints what a command waits for, on standard error."""
        if not self.quiet:
            typer.echo(line, err=True)

    def text(self, text: str = "") -> None:
        """Prints a part of the result that JSON has in another form."""
        if not self.as_json:
            typer.echo(text)

    def sentence(self, text: str) -> None:
        """Prints a sentence; a terminal gets lines of 80 columns, a file or a pipe one line."""
        self.text(textwrap.fill(text, WIDTH, break_on_hyphens=False) if sys.stdout.isatty() else text)

    def next_step(self, text: str) -> None:
        """Prints in one line what to do next."""
        if not self.quiet:
            self.text(f"Next: {text}")

    def json(self, content: Callable[[], dict[str, Any]]) -> None:
        """Prints the result as JSON, if that was asked for.

        Arguments:
            content: Returns the result; NaN becomes null, a path its text.
        """
        if self.as_json:
            typer.echo(json.dumps(_plain(content()), indent=2, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(content) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(content) for content in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def command_line(*words: Any) -> str:
    """Returns a command of vaeaug as a shell takes it."""
    return shlex.join(["vaeaug", *map(str, words)])


def table(lines: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """Returns an aligned table without borders; the first line is its header.

    The first column gets the room that the others leave, and is wrapped. Columns of numbers are aligned to the right.

    Arguments:
        lines: The cells.
        width: The columns of the terminal.
    """
    n = len(lines[0])
    widths = [max(len(line[i]) for line in lines) for i in range(n)]
    widths[0] = max(12, min(widths[0], width - sum(widths[1:]) - 2 * (n - 1)))
    to_right = [i > 0 and any(c.isdigit() for line in lines[1:] for c in line[i]) for i in range(n)]
    text = []
    for line in lines:
        first, *more = textwrap.wrap(line[0], widths[0], subsequent_indent="  ", break_on_hyphens=False) or [""]
        cells = [first, *line[1:]]
        padded = [c.rjust(w) if right else c.ljust(w) for c, w, right in zip(cells, widths, to_right, strict=True)]
        text += ["  ".join(padded).rstrip(), *more]
    return "\n".join([text[0], "-" * min(width, sum(widths) + 2 * (n - 1)), *text[1:]])
