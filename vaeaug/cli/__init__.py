"""The command line: each command is one call of the library.

Commands import what they need when they run, so that help, the version and mistyped options are answered without torch.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vaeaug._version import __version__
from vaeaug.cli.audit import audit
from vaeaug.cli.bench import bench
from vaeaug.cli.explore import explore
from vaeaug.cli.fit import fit
from vaeaug.cli.generate import generate
from vaeaug.cli.help import GroupedCommand
from vaeaug.cli.methods import methods
from vaeaug.cli.tune import tune
from vaeaug.runtime.errors import Diverged, InputError, ProcessLost

app = typer.Typer(
    help="Data augmentation for classifiers with a variational autoencoder.\n\n"
    "Does it raise my accuracy?  vaeaug bench digits\n\n"
    "More data:  vaeaug fit DATA -o model, then  vaeaug generate model -n 1000 -o more",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"vaeaug {__version__}")
        raise typer.Exit()


@app.callback()
def global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Global options."""


for command in (fit, tune, generate, explore, bench, audit, methods):
    app.command(cls=GroupedCommand)(command)


def main() -> None:
    """Runs the command line; bad input is answered with one line and exit code 2."""
    # A path in another encoding than UTF-8 must not end a command that has done its work.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except (InputError, Diverged, ProcessLost) as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)
