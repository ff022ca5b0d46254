"""What the commands share: options, and the reading of what was typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from vaeaug import _checks
from vaeaug.augmenter import Augmenter
from vaeaug.perturb import PERTURBATIONS, Perturbation

DATA = "digits, breast-cancer, wine, fashion-mnist, a folder of class folders, an .npz with x and y, or a .csv."
Data = Annotated[str, typer.Argument(help=DATA)]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)]
Label = Annotated[str | None, typer.Option(help="The label column of a .csv; by default the last.")]
Size = Annotated[int | None, typer.Option(help="Resize the images of a folder to so many pixels a side.", min=8)]
Perturb = Annotated[str | None, typer.Option(help=f"The scheme: {', '.join(PERTURBATIONS).lower()}.")]
Scale = Annotated[float | None, typer.Option(help="How far it goes; 0 gives the samples back.", min=0)]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps of the VAE; by default more for more samples.", min=1)]


def scheme(name: str | None, scale: float | None, default: Perturbation | None = None) -> Perturbation:
    known = {scheme.lower(): cls for scheme, cls in PERTURBATIONS.items()}
    if name is not None:
        _checks.one_of("perturb", name.lower(), tuple(known))
    chosen = default or Augmenter().perturb
    if name is not None:
        chosen = known[name.lower()]()
    return chosen if scale is None else replace(chosen, scale=scale)  # type: ignore[type-var]


def whole(word: str) -> int:
    if not word.strip().isdigit():
        _checks.refuse("whole numbers with commas between", repr(word), "pass --per-class 20 or --per-class 50,20,5")
    return int(word)


def class_numbers(words: str, names: tuple[str, ...]) -> list[int]:
    found = []
    for word in (w.strip() for w in words.split(",")):
        if word not in names and not (word.isdigit() and int(word) < len(names)):
            _checks.refuse(f"classes among {', '.join(names)}", repr(word), "name them, or give their numbers")
        found.append(names.index(word) if word in names else int(word))
    return found
