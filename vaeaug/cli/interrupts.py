"""Ctrl-C and SIGTERM on the command line: one line says what is kept and how to go on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from vaeaug.runtime import signals
from vaeaug.runtime.errors import InputError

INTERRUPTED = 130  # what a shell reports of a process that Ctrl-C has ended


@contextmanager
def explained(kept: Callable[[], str]) -> Iterator[None]:
    """Ends the program with one line where Ctrl-C or SIGTERM stops the block; files are cleaned up before that.

    Arguments:
        kept: Returns what is kept, and how to go on.
    """
    with signals.terminable():
        try:
            yield
        except KeyboardInterrupt:
            word, code = "Interrupted", INTERRUPTED
        except signals.Terminated:
            word, code = "Terminated", signals.TERMINATED
        else:
            return
    try:
        text = kept()
    except InputError as error:
        text = str(error)
    typer.echo(f"\n{word}: {text}", err=True)
    sys.exit(code)
