"""The command line: each command is one call of the library."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vaeaug._version import __version__
from vaeaug.cli.bench import bench
from vaeaug.cli.fit import fit
from vaeaug.cli.generate import generate
from vaeaug.cli.tune import tune
from vaeaug.runtime import checks
from vaeaug.runtime.errors import Diverged, ProcessLost

app = typer.Typer(
    help="Data augmentation for classifiers, out of a variational autoencoder.\n\n"
    "Does it raise my accuracy?  vaeaug bench digits\n\n"
    "More data:  vaeaug fit DATA -o model, then  vaeaug generate model -n 1000 -o more",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vaeaug {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What stands before a command."""


for command in (fit, tune, generate, bench):
    app.command()(command)


def main() -> None:
    """Runs the command line: bad input is one line and exit code 2."""
    try:
        app()
    except (checks.InputError, Diverged, ProcessLost) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
