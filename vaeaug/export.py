"""Synthetic samples out: an image folder with a manifest of provenance, or an `.npz`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from vaeaug import _checks, _files
from vaeaug.augmenter import Generated

MANIFEST = "manifest.csv"
COLUMNS = ("file", "label", "name", "parent", "confidence")


def save(made: Generated, path: str | Path, names: Sequence[str], bounds: tuple[float, float] = (0.0, 1.0)) -> None:
    """Writes synthetic samples, whole or not at all.

    Arguments:
        made: What `Augmenter.generate` gave.
        path: An `.npz` file (`x, y, parent, confidence, names`), or a new or empty folder for images: one folder per class
            and a `manifest.csv` with the file, label, class name, parent and confidence of each.
        names: The class names.
        bounds: The data's range, for images: it becomes black to white.

    Raises:
        InputError: If rows are to become images, or if nothing can be written there.
    """
    path = Path(path)
    check(path, made.x.ndim)
    if path.suffix == ".npz":
        with _files.beside(path) as new, new.open("wb") as file:
            fields = {name: value.numpy() for name, value in made._asdict().items()}
            np.savez_compressed(file, names=np.array(names), **fields)
        return
    with _files.beside(path, folder=True, may_replace=_written_here) as new:
        _folder(made, new, names, bounds)


def check(path: Path, ndim: int) -> None:
    """Checks, before any work, that samples of so many axes can go there."""
    if path.suffix == ".npz":
        return
    if ndim != 4:
        _checks.refuse("a path that ends in .npz for rows", f"'{path}'", "write rows to an .npz")
    _files.check_free(path, _written_here)


def _written_here(path: Path) -> bool:
    """Says whether every file in a folder is one that `save` wrote."""
    try:
        with (path / MANIFEST).open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError):
        return False
    there = {f.relative_to(path).as_posix() for f in path.rglob("*") if not f.is_dir()}
    return rows[:1] == [list(COLUMNS)] and there == {MANIFEST, *(row[0] for row in rows[1:])}


def _folder(made: Generated, path: Path, names: Sequence[str], bounds: tuple[float, float]) -> None:
    # Class names are a user's text: in a file name only what is safe there stays.
    folders = ["".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() or "class" for name in names]
    if len(set(folders)) < len(folders):
        folders = [f"{label}-{name}" for label, name in enumerate(folders)]
    with (path / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        manifest = csv.writer(file)
        manifest.writerow(COLUMNS)
        for i, (x, y, parent, confidence) in enumerate(zip(*made, strict=True)):
            place = Path(folders[y]) / f"{i:08d}.png"
            (path / place).parent.mkdir(exist_ok=True)
            to_pil_image(_bytes(x, bounds)).save(path / place)
            manifest.writerow([place.as_posix(), int(y), names[y], int(parent), f"{confidence:.4f}"])


def _bytes(x: Tensor, bounds: tuple[float, float]) -> Tensor:
    low, high = bounds
    return ((x - low) / (high - low) * 255).round().clamp(0, 255).byte()
