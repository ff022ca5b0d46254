"""What the commands share: options, and the reading of what was typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch
import typer

from vaeaug.perturb.schemes import DEFAULT, PERTURBATIONS, Perturbation
from vaeaug.runtime import checks

DATA = "digits, breast-cancer, wine, fashion-mnist, a folder of class folders, an .npz with x and y, or a .csv."
Data = Annotated[str, typer.Argument(help=DATA)]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)]
Label = Annotated[str | None, typer.Option(help="The label column of a .csv; by default the last.")]
Size = Annotated[int | None, typer.Option(help="Resize the images of a folder to so many pixels a side.", min=8)]
Perturb = Annotated[str | None, typer.Option(help=f"The scheme: {', '.join(PERTURBATIONS).lower()}.")]
Scale = Annotated[float | None, typer.Option(help="How far it goes; 0 gives the samples back.", min=0)]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, mps, ...")]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps of the VAE; by default more for more samples.", min=1)]


def scheme(name: str | None, scale: float | None, default: Perturbation | None = None) -> Perturbation:
    known = {scheme.lower(): cls for scheme, cls in PERTURBATIONS.items()}
    if name is not None:
        checks.check_choice("perturb", name.lower(), tuple(known))
    chosen = default or DEFAULT
    if name is not None and known[name.lower()] is not type(chosen):
        chosen = known[name.lower()]()
    return chosen if scale is None else replace(chosen, scale=scale)  # type: ignore[type-var]


def check_device(device: str) -> None:
    """Refuses a device that is not there."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        checks.refuse("a device that torch can use here", f"{device!r} ({first})", "pass --device cpu, say")


def whole(word: str) -> int:
    if not word.strip().isdigit():
        checks.refuse("whole numbers with commas between", repr(word), "pass --per-class 20 or --per-class 50,20,5")
    return int(word)


def class_numbers(words: str, names: tuple[str, ...]) -> list[int]:
    found = [word.strip() for word in words.split(",")]
    # A class may be called by its number, unless another one has that number for a name.
    known = [names[int(w)] if w not in names and w.isdigit() and int(w) < len(names) else w for w in found]
    return checks.check_labels(known, names=names).tolist()
