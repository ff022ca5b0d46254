"""vaeaug methods"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaeaug.cli.options import Json
from vaeaug.cli.output import Output
from vaeaug.cli.values import DATA_SETS, IMAGE_SETS, check_data, complete_data


def methods(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            callback=check_data,
            autocompletion=complete_data,
            help="The data to list methods for; by default images.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Lists by kind the methods that bench can compare.

    Example: vaeaug methods wine
    """
    from vaeaug.bench.methods import Catalogue
    from vaeaug.bench.stages.method import KINDS

    images = _holds_images(source)
    # A network that takes any data: what it does not support, no classifier does.
    supported = [method for method in Catalogue(source or "", images=images).all if method.supports("mlp", images)]
    names = {kind: [method.name for method in supported if method.kind == kind] for kind in KINDS}
    out = Output(as_json=as_json)
    for kind, of_kind in names.items():
        if of_kind:
            out.text("\n".join([f"{kind}:", *(f"  {name}" for name in of_kind)]))
    out.json(lambda: dict(names))


def _holds_images(source: str | None) -> bool:
    if source is None or source in DATA_SETS:
        return source is None or source in IMAGE_SETS
    if Path(source).suffix.lower() != ".npz":
        return Path(source).is_dir()

    from vaeaug.data import load

    return load(source).x.ndim == 4
