"""Synthetic samples out: an image folder with a manifest of provenance, an `.npz`, a `.csv` or a `.tar`, a part at a time."""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from vaeaug.augmenter.augmenter import Generated
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, files

MANIFEST = "manifest.csv"
COLUMNS = ("file", "label", "name", "parent", "confidence", "parent_file")
PARENTS = ("row", "parent", "confidence", "parent_file")
SEEN = (1, 3, 4)  # channels that a picture may have
PART = "vaeaug-part"  # a picture that is being written


@dataclass(frozen=True)
class Metadata:
    """What a reader of samples wants to know of them.

    Arguments:
        names: The class names.
        bounds: The data's range, for images: it becomes black to white.
        files: The files of the parents, where they are known.
        columns: The names of a row's features and, last, of its label.
    """

    names: tuple[str, ...]
    bounds: tuple[float, float] = (0.0, 1.0)
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, bank: Bank, files: tuple[str, ...] | None = None) -> Metadata:
        """Returns what a bank knows; `files` are those of other parents."""
        samples, scaling = bank.samples, bank.scaling
        columns = samples.columns or (*(f"x{i}" for i in range(samples.x[0].numel())), "label")
        return cls(samples.names, (scaling.low[0], scaling.high[0]), samples.files if files is None else files, columns)

    def file(self, parent: Tensor) -> str:
        return self.files[int(parent)] if self.files else ""


def save(parts: Generated | Iterable[Generated], path: str | Path, about: Metadata, n: int | None = None) -> None:
    """Writes synthetic samples, whole or not at all, holding one part of them in memory.

    Arguments:
        parts: What `Augmenter.generate` gave, or such parts one after the other.
        path: An `.npz` file (`x, y, parent, confidence, names`); for rows, a `.csv` file, next to which a `.parents.csv` has
            the provenance; or, for images, a new or empty folder: one folder per class and a `manifest.csv` with the file,
            label, class name, parent, confidence and parent's file of each.
        about: The class names and so on.
        n: The number of samples, where there are parts.

    Raises:
        InputError: If samples of this kind cannot go there, or if nothing can be written there.
    """
    path = Path(path)
    if isinstance(parts, Generated):
        n, parts = len(parts.y), [parts]
    checks.check_number("n", n, 1, whole=True)
    if path.suffix in (".npz", ".csv"):
        with files.atomic_write(path) as new:
            WRITERS[path.suffix](WriteJob(iter(parts), about, 0, n or 0, path.parent, path.stem), new)
        return
    with files.atomic_write(path, folder=True, may_replace=_written_here) as new:
        images(WriteJob(iter(parts), about, 0, n or 0, new, MANIFEST), new / MANIFEST)


def check(path: Path, shape: tuple[int, ...]) -> None:
    """Checks, before any work, that samples of this shape can go there."""
    if path.suffix == ".csv":
        if len(shape) != 1:
            checks.refuse("an .npz or a folder for images", f"'{path}'", "write images to one of these")
        if path.exists() and not _provenance(path.parent, path.stem).exists():
            checks.refuse("a new .csv", f"'{path}', which vaeaug did not write", "choose another name")
    elif path.suffix != ".npz":
        check_images(shape, f"'{path}'")
        files.check_free(path, _written_here)


def check_images(shape: tuple[int, ...], got: str) -> None:
    """Checks that samples of this shape are pictures."""
    if len(shape) != 3:
        checks.refuse("a path that ends in .npz or .csv for rows", got, "write rows to one of these")
    if shape[0] not in SEEN:
        checks.refuse("an .npz for images of this many channels", f"{got} and {shape[0]} channels", "write an .npz")


@dataclass(frozen=True)
class WriteJob:
    """What one file is to hold.

    Arguments:
        parts: The samples, a part at a time.
        about: What is known of them.
        first: The number of the first sample.
        n: How many there are.
        home: The folder that they go to.
        stem: The file's name there, without its suffix.
    """

    parts: Iterator[Generated]
    about: Metadata
    first: int
    n: int
    home: Path
    stem: str

    def __iter__(self) -> Iterator[tuple[int, Tensor, int, Tensor, float]]:
        """Yields number, sample, label, parent and confidence of one sample after the other."""
        number = self.first
        for part in self.parts:
            for x, y, parent, confidence in zip(*part, strict=True):
                yield number, x, int(y), parent, float(confidence)
                number += 1


def npz(plan: WriteJob, new: Path) -> None:
    """Writes arrays `x, y, parent, confidence, names`, as `numpy.savez_compressed` does, without holding all of x."""
    columns: list[tuple[Tensor, ...]] = []
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as file:
            for part in plan.parts:
                x = part.x.numpy()
                if not columns:
                    header = {"descr": x.dtype.str, "fortran_order": False, "shape": (plan.n, *x.shape[1:])}
                    np.lib.format.write_array_header_2_0(file, header)
                file.write(x.tobytes())
                columns.append(part[1:])
        rest = [np.concatenate(column) for column in zip(*columns, strict=True)]
        named = zip(Generated._fields[1:], rest, strict=True)
        for name, array in (*named, ("names", np.array(plan.about.names))):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def rows(plan: WriteJob, new: Path) -> None:
    """Writes features and class name as `vaeaug.data.load` reads them, and the provenance into a file next to it."""
    beside = _provenance(plan.home, plan.stem)
    with (
        files.atomic_write(beside) as other,
        new.open("w", newline="", encoding="utf-8") as file,
        other.open("w", newline="", encoding="utf-8") as origin,
    ):
        table, parents = csv.writer(file, lineterminator="\n"), csv.writer(origin, lineterminator="\n")
        table.writerow(plan.about.columns)
        parents.writerow(PARENTS)
        for number, x, y, parent, confidence in plan:
            table.writerow([*(f"{v:.9g}" for v in x.tolist()), plan.about.names[y]])
            parents.writerow([number, int(parent), f"{confidence:.4f}", plan.about.file(parent)])


def _provenance(home: Path, stem: str) -> Path:
    return home / f"{stem}.parents.csv"


def images(plan: WriteJob, new: Path) -> None:
    """Writes pictures into class folders of the plan's home, and a manifest of them to `new`."""
    about, folders = plan.about, _folders(plan.about.names)
    part = new.with_name(PART)
    with new.open("w", newline="", encoding="utf-8") as file:
        manifest = csv.writer(file)
        manifest.writerow(COLUMNS)
        for number, x, y, parent, confidence in plan:
            place = Path(folders[y]) / f"{number:08d}.png"
            (plan.home / place).parent.mkdir(exist_ok=True)
            to_pil_image(_bytes(x, about.bounds)).save(part, "png")
            (plan.home / place).unlink(missing_ok=True)
            part.rename(plan.home / place)
            origin = about.file(parent)
            manifest.writerow([place.as_posix(), y, about.names[y], int(parent), f"{confidence:.4f}", origin])


def _folders(names: tuple[str, ...]) -> list[str]:
    # Class names are a user's text: in a file name only what is safe there stays.
    folders = ["".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() or "class" for name in names]
    return [f"{label}-{name}" for label, name in enumerate(folders)] if len(set(folders)) < len(folders) else folders


def _written_here(path: Path) -> bool:
    """Says whether every file in a folder is one that `save` wrote."""
    try:
        with (path / MANIFEST).open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError):
        return False
    there = {f.relative_to(path).as_posix() for f in path.rglob("*") if not f.is_dir()}
    return rows[:1] in ([list(COLUMNS)], [list(COLUMNS[:5])]) and there == {MANIFEST, *(row[0] for row in rows[1:])}


def tar(plan: WriteJob, new: Path) -> None:
    """Writes a tar of the WebDataset kind with pictures, which have 8 bits per channel, or `.npy` files of what is none."""
    _tar(plan, new, exact=False)


def exact_tar(plan: WriteJob, new: Path) -> None:
    """Writes a tar of the WebDataset kind with `.npy` files, which keep every bit."""
    _tar(plan, new, exact=True)


def _tar(plan: WriteJob, new: Path, *, exact: bool) -> None:
    about = plan.about
    with new.open("wb") as file:
        for number, x, y, parent, confidence in plan:
            key, record = f"{number:012d}", {"label": y, "name": about.names[y], "parent": int(parent)}
            record |= {"parent_file": about.file(parent)} if about.files else {}
            suffix, content = ("png", _png(x, about)) if x.ndim == 3 and len(x) in SEEN and not exact else _npy(x)
            _member(file, f"{key}.{suffix}", content)
            _member(file, f"{key}.cls", str(y).encode())
            _member(file, f"{key}.json", json.dumps(record | {"confidence": round(confidence, 4)}).encode())
        file.write(bytes(2 * tarfile.BLOCKSIZE))


@cache
def _header(suffix: str) -> bytes:
    """Returns the header of an empty member: nobody's, of 1970, so that the same samples are the same bytes."""
    return tarfile.TarInfo(f"x.{suffix}").tobuf(tarfile.USTAR_FORMAT)


def _member(file: Any, name: str, content: bytes) -> None:
    # tarfile's own way takes longer than making the sample: only name, size and checksum differ between headers.
    head = bytearray(_header(name.rpartition(".")[2]))
    head[:100] = name.encode().ljust(100, b"\0")
    head[124:136] = b"%011o\0" % len(content)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    file.write(head + content + bytes(-len(content) % tarfile.BLOCKSIZE))


def _png(x: Tensor, about: Metadata) -> bytes:
    out = io.BytesIO()
    pixels = _bytes(x, about.bounds).permute(1, 2, 0).numpy()
    Image.fromarray(pixels[..., 0] if len(x) == 1 else pixels).save(out, "png")
    return out.getvalue()


def _npy(x: Tensor) -> tuple[str, bytes]:
    out = io.BytesIO()
    np.lib.format.write_array(out, x.numpy(), allow_pickle=False)
    return "npy", out.getvalue()


def _bytes(x: Tensor, bounds: tuple[float, float]) -> Tensor:
    low, high = bounds
    return ((x - low) / (high - low) * 255).round().clamp(0, 255).byte()


WRITERS: dict[str, Callable[[WriteJob, Path], None]] = {".npz": npz, ".csv": rows}


def flush(path: Path) -> None:
    """Waits until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
