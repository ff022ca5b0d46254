"""What `--near` names: samples to start from, out of images, an .npz or a .csv."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from vaeaug import data
from vaeaug.cli.options import class_numbers
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks


class Start(NamedTuple):
    """Samples to start from.

    Arguments:
        x: The samples, `(B, *event)`, in the data's range.
        y: Their labels, where they are known.
        files: The file of each, where each has one.
    """

    x: Tensor
    y: list[int] | None
    files: tuple[str, ...]


def start(path: Path, bank: Bank, wanted: list[int] | None, label: str | None, size: int | None) -> Start:
    """Reads the samples to start from; `wanted`, the labels that were typed, come before those of the file. Images are
    resized to `size` pixels a side where that is given."""
    shape, names = bank.samples.event_shape, bank.samples.names
    known: list[int] | None = None
    if path.suffix in (".npz", ".csv"):
        found, labelled = data.read_maybe_labelled(path, shape, label)
        files: tuple[str, ...] = ()
        x = found.x
        if labelled and wanted is None:
            numbers = [class_numbers(name, names)[0] for name in found.names]
            known = [numbers[y] for y in found.y.tolist()]
    elif len(shape) == 1:
        checks.refuse("an .npz or a .csv of rows to start from", f"'{path}'", "write the rows to one of these")
    else:
        # Black to white, as a picture has it, is low to high in the data.
        low, high = bank.scaling.low[0], bank.scaling.high[0]
        x = low + (high - low) * data.unit_float(data.read_images(path, shape[0], size))
        files = tuple(file.name for file in data.image_files(path))
    if wanted is not None:
        if len(wanted) not in (1, len(x)):
            one = f"one label, or one for each of {len(x)} samples"
            checks.refuse(one, f"{len(wanted)} labels", "name the class that they are of")
        known = wanted * (len(x) // len(wanted))
    return Start(x, known, files)
