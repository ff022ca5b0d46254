"""vaeaug explore"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaeaug.cli.interrupts import explained
from vaeaug.cli.options import Overwrite, Perturb, Scale, Seed
from vaeaug.cli.saved import load_augmenter
from vaeaug.cli.values import check_exists
from vaeaug.runtime.errors import check_number


def explore(
    model: Annotated[
        Path,
        typer.Argument(
            callback=check_exists("a folder that 'vaeaug fit' wrote"), help="A folder that 'vaeaug fit' wrote."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The HTML file.")],
    samples: Annotated[
        int | None,
        typer.Option(help="The largest number of samples in the page; by default 2000, fewer of large images."),
    ] = None,
    synthetic_only: Annotated[
        bool,
        typer.Option(
            "--synthetic-only",
            help="Leave real samples out: synthetic ones, which may look like them, take their place.",
        ),
    ] = False,
    perturb: Perturb = None,
    scale: Scale = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Writes one HTML file in which the saved augmenter runs, to look at and to play with.

    Example: vaeaug explore model -o explore.html

    The page needs no server and no network. It holds real samples, unless you pass --synthetic-only.
    """
    if samples is not None:
        check_number("samples", samples, 2, whole=True)
    with explained(lambda: "nothing is kept, and an earlier page is as it was"):
        from vaeaug.explorer import page
        from vaeaug.runtime import files

        files.check_output(output, may_replace=files.is_marked(page.MARKER), overwrite=overwrite, inputs=[model])
        augmenter = load_augmenter(model, perturb, scale)
        page.explore(
            augmenter,
            output,
            samples=samples,
            synthetic_only=synthetic_only,
            title=model.name or str(model),
            seed=seed,
            overwrite=overwrite,
        )
        typer.echo(f"{output}: open it in a browser ({output.stat().st_size / 1e6:.1f} MB)")
