"""Writes synthetic samples to an image folder with a manifest of their parents, an `.npz` or a `.csv`, a chunk at a time."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from vaeaug.augmenter.augmenter import Generated
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, files

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = ("file", "label", "name", "parent", "confidence", "parent_file")
PROVENANCE_COLUMNS = ("row", "parent", "confidence", "parent_file")
IMAGE_CHANNELS = (1, 3, 4)  # numbers of channels that a PNG can have
PARTIAL_FILE = "vaeaug-part"  # the name of an image until it is complete


@dataclass(frozen=True)
class Metadata:
    """Describes samples to their readers.

    Arguments:
        names: The class names.
        bounds: The range of the data, which becomes black to white in images.
        files: The files of the parents, or nothing if they are unknown.
        columns: For tabular data, the names of the features and, last, of the label.
    """

    names: tuple[str, ...]
    bounds: tuple[float, float] = (0.0, 1.0)
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, bank: Bank, files: tuple[str, ...] | None = None) -> Metadata:
        """Returns the metadata of a bank; `files` replaces the files of its parents."""
        samples, scaling = bank.samples, bank.scaling
        columns = samples.columns or (*(f"x{i}" for i in range(samples.x[0].numel())), "label")
        return cls(samples.names, (scaling.low[0], scaling.high[0]), samples.files if files is None else files, columns)

    def file(self, parent: Tensor) -> str:
        """Returns the file of a parent, or nothing if it is unknown."""
        return self.files[int(parent)] if self.files else ""


@dataclass(frozen=True)
class WriteJob:
    """Describes the content of one file.

    Arguments:
        chunks: The samples, a chunk at a time.
        metadata: Their metadata.
        first_index: The index of the first sample.
        n: The number of samples.
        folder: The folder of the file.
        stem: The name of the file, without its suffix.
    """

    chunks: Iterator[Generated]
    metadata: Metadata
    first_index: int
    n: int
    folder: Path
    stem: str

    def __iter__(self) -> Iterator[tuple[int, Tensor, int, Tensor, float]]:
        """Yields the index, sample, label, parent and confidence of one sample after the other."""
        index = self.first_index
        for chunk in self.chunks:
            for x, y, parent, confidence in zip(*chunk, strict=True):
                yield index, x, int(y), parent, float(confidence)
                index += 1


def save(samples: Generated | Iterable[Generated], path: str | Path, metadata: Metadata, n: int | None = None) -> None:
    """Writes synthetic samples; the output is complete or absent.

    Arguments:
        samples: The samples, or an iterable of chunks of them, of which one at a time is held in memory.
        path: An `.npz` file (`x, y, parent, confidence, names`); for tabular data, a `.csv` file, next to which a
            `.parents.csv` names the parents; or, for images, a new or empty folder, which gets one folder per class and a
            `manifest.csv` with the file, label, class name, parent, confidence and parent's file of each image.
        metadata: The class names and so on.
        n: The number of samples; required with chunks.

    Raises:
        InputError: If samples of this kind cannot be written in this format, or nothing can be written to `path`.
    """
    path = Path(path)
    if isinstance(samples, Generated):
        n, samples = len(samples.y), [samples]
    checks.check_number("n", n, 1, whole=True)
    chunks = iter(samples)
    if path.suffix in WRITERS:
        with files.atomic_write(path) as new:
            WRITERS[path.suffix](WriteJob(chunks, metadata, 0, n or 0, path.parent, path.stem), new)
        return
    with files.atomic_write(path, folder=True, may_replace=_has_only_saved_images) as new:
        write_images(WriteJob(chunks, metadata, 0, n or 0, new, MANIFEST), new / MANIFEST)


def check(path: Path, event_shape: tuple[int, ...]) -> None:
    """Checks, before any work, that `save` can write samples of this shape to `path`."""
    if path.suffix == ".csv":
        if len(event_shape) != 1:
            checks.refuse("an .npz or a folder for images", f"'{path}'", "write images to one of these")
        if path.exists() and not _provenance_file(path.parent, path.stem).exists():
            checks.refuse("a new .csv", f"'{path}', which vaeaug did not write", "choose another name")
    elif path.suffix != ".npz":
        check_images(event_shape, f"'{path}'")
        files.check_free(path, _has_only_saved_images)


def check_images(event_shape: tuple[int, ...], got: str) -> None:
    """Checks that samples of this shape are images that a PNG can hold; `got` names the output in the message."""
    if len(event_shape) != 3:
        checks.refuse("a path that ends in .npz or .csv for tabular data", got, "write tabular data to one of these")
    if event_shape[0] not in IMAGE_CHANNELS:
        channels = f"{got} and {event_shape[0]} channels"
        checks.refuse("an .npz for images of this many channels", channels, "write an .npz")


def write_npz(job: WriteJob, path: Path) -> None:
    """Writes arrays `x, y, parent, confidence, names` like `numpy.savez_compressed`, without holding all of x in memory."""
    columns: list[tuple[Tensor, ...]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as file:
            for chunk in job.chunks:
                x = chunk.x.numpy()
                if not columns:
                    header = {"descr": x.dtype.str, "fortran_order": False, "shape": (job.n, *x.shape[1:])}
                    np.lib.format.write_array_header_2_0(file, header)
                file.write(x.tobytes())
                columns.append(chunk[1:])
        arrays = {
            name: np.concatenate(column)
            for name, column in zip(Generated._fields[1:], zip(*columns, strict=True), strict=True)
        }
        arrays["names"] = np.array(job.metadata.names)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def write_csv(job: WriteJob, path: Path) -> None:
    """Writes features and class name in the form that `vaeaug.data.load` reads, and the parents to a file next to it."""
    metadata = job.metadata
    with (
        files.atomic_write(_provenance_file(job.folder, job.stem)) as provenance_path,
        path.open("w", newline="", encoding="utf-8") as table_file,
        provenance_path.open("w", newline="", encoding="utf-8") as provenance_file,
    ):
        table = csv.writer(table_file, lineterminator="\n")
        provenance = csv.writer(provenance_file, lineterminator="\n")
        table.writerow(metadata.columns)
        provenance.writerow(PROVENANCE_COLUMNS)
        for index, x, y, parent, confidence in job:
            table.writerow([*(f"{value:.9g}" for value in x.tolist()), metadata.names[y]])
            provenance.writerow([index, int(parent), f"{confidence:.4f}", metadata.file(parent)])


def write_images(job: WriteJob, path: Path) -> None:
    """Writes images to class folders of the job's folder, and a manifest of them to `path`."""
    metadata, class_folders = job.metadata, _class_folders(job.metadata.names)
    partial = path.with_name(PARTIAL_FILE)
    with path.open("w", newline="", encoding="utf-8") as file:
        manifest = csv.writer(file)
        manifest.writerow(MANIFEST_COLUMNS)
        for index, x, y, parent, confidence in job:
            relative = Path(class_folders[y]) / f"{index:08d}.png"
            image = job.folder / relative
            image.parent.mkdir(exist_ok=True)
            as_image(x, metadata.bounds).save(partial, "png")
            image.unlink(missing_ok=True)
            partial.rename(image)
            parent_file = metadata.file(parent)
            name = metadata.names[y]
            manifest.writerow([relative.as_posix(), y, name, int(parent), f"{confidence:.4f}", parent_file])


WRITERS: dict[str, Callable[[WriteJob, Path], None]] = {".npz": write_npz, ".csv": write_csv}


def as_image(x: Tensor, bounds: tuple[float, float]) -> Image.Image:
    """Returns a sample `(C, H, W)` as an image of 8 bits per channel; `bounds` become black and white."""
    low, high = bounds
    pixels = ((x - low) / (high - low) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[..., 0] if len(x) == 1 else pixels)


def flush(path: Path) -> None:
    """Waits until the content of a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _provenance_file(folder: Path, stem: str) -> Path:
    return folder / f"{stem}.parents.csv"


def _class_folders(names: tuple[str, ...]) -> list[str]:
    """Returns the name of each class's folder."""
    # Class names are the user's text: only characters that are safe in file names remain.
    folders = ["".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() or "class" for name in names]
    return [f"{label}-{name}" for label, name in enumerate(folders)] if len(set(folders)) < len(folders) else folders


def _has_only_saved_images(folder: Path) -> bool:
    """Returns whether `save` wrote every file in a folder."""
    try:
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError):
        return False
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    # Older manifests have no files of the parents.
    known_headers = [list(MANIFEST_COLUMNS), list(MANIFEST_COLUMNS[:5])]
    return header in known_headers and present == {MANIFEST, *(line[0] for line in lines)}
