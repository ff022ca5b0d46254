"""Writes synthetic samples to an image folder with a manifest of their parents, an `.npz` or a `.csv`, a chunk at a time."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from vaeaug.augmenter.augmenter import Generated
from vaeaug.data.tables import Table
from vaeaug.export import recognition, values
from vaeaug.export.recognition import MANIFEST, MANIFEST_COLUMNS, PROVENANCE_COLUMNS
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, files
from vaeaug.runtime.spreadsheets import escape

IMAGE_CHANNELS = (1, 3, 4)  # numbers of channels that a PNG can have
LONGEST_FOLDER = 200  # bytes of the name of a class's folder
PARTIAL_FILE = "vaeaug-part"  # the name of an image until it is complete


@dataclass(frozen=True)
class Metadata:
    """Describes samples to their readers.

    Arguments:
        names: The class names.
        bounds: The range of the data, which becomes black to white in images.
        files: The files of the parents, or nothing if they are unknown.
        columns: For tabular data, the names of the features and, last, of the label.
        label_position: The position of the label among the columns of a `.csv`; -1 is the last.
        dtype: The dtype of an array of samples; floats if it is empty.
        formats: How the values of each feature are written to a `.csv`; by default with 9 digits.
        table: For tables with categories or missing values, their schema.
    """

    names: tuple[str, ...]
    bounds: tuple[float, float] = (0.0, 1.0)
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    label_position: int = -1
    dtype: str = ""
    formats: tuple[Callable[[float], str], ...] = field(default=(), repr=False, compare=False)
    table: Table | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, bank: Bank, files: tuple[str, ...] | None = None) -> Metadata:
        """Returns the metadata of a bank; `files` replaces the files of its parents."""
        samples, scaling = bank.samples, bank.scaling
        columns = samples.columns or (*(f"x{i}" for i in range(samples.x[0].numel())), "label")
        files = samples.files if files is None else files
        if samples.table is not None:
            columns = (*(column.name for column in samples.table.columns), columns[-1])
            return cls(samples.names, (0.0, 1.0), files, columns, samples.label_position, table=samples.table)
        return cls(
            samples.names,
            (scaling.low[0], scaling.high[0]),
            files,
            columns,
            samples.label_position,
            values.dtype_of(samples),
            values.formats_of(samples) if samples.x.ndim == 2 else (),
        )

    def described(self) -> dict[str, Any]:
        """Returns what a manifest says of the samples."""
        return {
            name: value
            for name, value in asdict(replace(self, formats=(), table=None)).items()
            if name not in ("formats", "table")
        }

    def with_label(self, features: Sequence[str], label: str) -> list[str]:
        """Returns the fields of a line of a `.csv`: the label has its place among the features."""
        position = len(features) if self.label_position < 0 else self.label_position
        return [*features[:position], label, *features[position:]]

    def fields(self, x: Tensor) -> list[str]:
        """Returns the values of a sample as texts."""
        numbers = x.tolist()
        if len(self.formats) != len(numbers):
            return [f"{value:.9g}" for value in numbers]
        return [write(value) for write, value in zip(self.formats, numbers, strict=True)]

    def file(self, parent: Tensor) -> str:
        """Returns the file of a parent, or nothing if it is unknown."""
        # A name in another encoding than UTF-8 is written with its bytes spelled out.
        return self.files[int(parent)].encode(errors="backslashreplace").decode() if self.files else ""


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
        provenance: For a `.csv`, where the names of the parents are written.
    """

    chunks: Iterator[Generated]
    metadata: Metadata
    first_index: int
    n: int
    folder: Path
    stem: str
    provenance: Path | None = None

    def __iter__(self) -> Iterator[tuple[int, Tensor, int, Tensor, float]]:
        """Yields the index, sample, label, parent and confidence of one sample after the other."""
        index = self.first_index
        for chunk in self.chunks:
            for x, y, parent, confidence in zip(*chunk, strict=True):
                yield index, x, int(y), parent, float(confidence)
                index += 1


def save(
    samples: Generated | Iterable[Generated],
    path: str | Path,
    metadata: Metadata,
    n: int | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Writes synthetic samples; the output is complete or absent. An earlier output of this function is replaced.

    Arguments:
        samples: The samples, or an iterable of chunks of them, of which one at a time is held in memory.
        path: An `.npz` file (`x, y, parent, confidence, names`); for tabular data, a `.csv` file, next to which a
            `.parents.csv` names the parents; or, for images, a new or empty folder, which gets one folder per class and a
            `manifest.csv` with the file, label, class name, parent, confidence and parent's file of each image.
        metadata: The class names and so on.
        n: The number of samples; required with chunks.
        overwrite: Whether a file of any kind may be replaced. A folder with other files never is.

    Raises:
        InputError: If samples of this kind cannot be written in this format, or nothing can be written to `path`.
    """
    path = Path(path)
    if isinstance(samples, Generated):
        n, samples = len(samples.y), [samples]
    checks.check_number("n", n, 1, whole=True)
    check_table(metadata.table, f"'{path}'", is_csv=path.suffix == ".csv")
    checks.check_utf8("names of classes and columns", (*metadata.names, *metadata.columns))
    write_whole(path, path.suffix, WriteJob(iter(samples), metadata, 0, n or 0, path.parent, path.stem), overwrite)


def check_table(schema: Table | None, got: str, *, is_csv: bool) -> None:
    """Refuses to write a table with words or missing values to anything but a `.csv`.

    Arguments:
        schema: The schema of the table; None for all other samples.
        got: The output, for the message.
        is_csv: Whether it is a `.csv`.
    """
    if schema is not None and not is_csv:
        checks.refuse("a .csv, for a table with words or missing values", got, "write to a .csv, or pass format='csv'")


def write_whole(path: Path, suffix: str, job: WriteJob, overwrite: bool = False) -> None:
    """Writes a job to a file or a folder of images, which is complete or absent.

    Arguments:
        path: The output.
        suffix: `.npz` or `.csv`; anything else is a folder of images.
        job: What to write.
        overwrite: Whether a file of any kind may be replaced.
    """
    if suffix == ".csv":
        beside = [(recognition.provenance_file(path), recognition.is_provenance)]
        with files.atomic_write_together(path, beside, may_replace=recognition.is_saved_csv, overwrite=overwrite) as (
            new,
            parents,
        ):
            write_csv(replace(job, provenance=parents), new)
    elif suffix == ".npz":
        with files.atomic_write(path, may_replace=recognition.is_saved_npz, overwrite=overwrite) as new:
            write_npz(job, new)
    else:
        with files.atomic_write(path, folder=True, may_replace=recognition.has_only_saved_images) as new:
            write_images(replace(job, folder=new), new / MANIFEST)


@contextmanager
def claimed(
    path: Path, event_shape: tuple[int, ...], *, overwrite: bool = False, inputs: Sequence[Path] = ()
) -> Iterator[None]:
    """Checks, before any work, that `save` can write samples to `path`, and keeps other writers away until the block ends.

    Arguments:
        path: The output.
        event_shape: The shape of one sample.
        overwrite: Whether a file of any kind may be replaced.
        inputs: What is read; the output may not be among it.

    Raises:
        InputError: If samples of this shape cannot be written there.
    """
    settings: dict[str, Any] = {"overwrite": overwrite, "inputs": inputs}
    if path.suffix == ".csv":
        if len(event_shape) != 1:
            kind = "signals" if len(event_shape) == 2 else "images"
            remedy = "write signals to an .npz" if kind == "signals" else "write images to one of these"
            checks.refuse(f"an .npz{'' if kind == 'signals' else ' or a folder'} for {kind}", f"'{path}'", remedy)
        settings |= {
            "may_replace": recognition.is_saved_csv,
            "beside": [(recognition.provenance_file(path), recognition.is_provenance)],
        }
    elif path.suffix == ".npz":
        settings |= {"may_replace": recognition.is_saved_npz}
    else:
        check_images(event_shape, f"'{path}'")
        settings |= {"folder": True, "may_replace": recognition.has_only_saved_images}
    with files.claimed(path, **settings):
        yield


def check_images(event_shape: tuple[int, ...], got: str) -> None:
    """Checks that samples of this shape are images that a PNG can hold; `got` names the output in the message."""
    if len(event_shape) == 2:
        checks.refuse("a path that ends in .npz for signals", got, "write signals to an .npz")
    if len(event_shape) != 3:
        checks.refuse("a path that ends in .npz or .csv for tabular data", got, "write tabular data to one of these")
    if event_shape[0] not in IMAGE_CHANNELS:
        channels = f"{got} and {event_shape[0]} channels"
        checks.refuse("an .npz for images of this many channels", channels, "write an .npz")


def write_npz(job: WriteJob, path: Path) -> None:
    """Writes arrays `x, y, parent, confidence, names` like `numpy.savez_compressed`, without holding all of x in memory.

    Samples that were an array of whole numbers at fit are written with its dtype, such as uint8 for images in 0..255.
    """
    columns: list[tuple[Tensor, ...]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("x.npy", "w", force_zip64=True) as file:
            for chunk in job.chunks:
                x = values.as_dtype(chunk.x, job.metadata.dtype)
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
    """Writes features and class name in the form that `vaeaug.data.load` reads, and the parents to the job's provenance.

    Columns and numbers look as in the data seen at fit: their order, whole numbers, truth values, decimals.

    Names that begin like a formula are escaped, see `vaeaug.runtime.spreadsheets`.
    """
    metadata, names = job.metadata, [escape(name) for name in job.metadata.names]
    if job.provenance is None:
        raise ValueError("a .csv has its parents in a file of its own")
    with (
        path.open("w", newline="", encoding="utf-8") as table_file,
        job.provenance.open("w", newline="", encoding="utf-8") as provenance_file,
    ):
        table = csv.writer(table_file, lineterminator="\n")
        provenance = csv.writer(provenance_file, lineterminator="\n")
        if metadata.table is not None:
            _write_rows(job, metadata.table, table, provenance)
            return
        *features, label = map(escape, metadata.columns)
        table.writerow(metadata.with_label(features, label))
        provenance.writerow(PROVENANCE_COLUMNS)
        for index, x, y, parent, confidence in job:
            table.writerow(metadata.with_label(metadata.fields(x), names[y]))
            provenance.writerow([index, int(parent), values.confidence_text(confidence), escape(metadata.file(parent))])


def _write_rows(job: WriteJob, schema: Table, table: Any, provenance: Any) -> None:
    """Writes the rows of a table with words and empty cells, in the order of the columns of its file."""
    metadata, index = job.metadata, job.first_index
    table.writerow(map(escape, metadata.with_label(metadata.columns[:-1], metadata.columns[-1])))
    provenance.writerow(PROVENANCE_COLUMNS)
    for chunk in job.chunks:
        x = chunk.x if isinstance(chunk.x, Tensor) else schema.encode(chunk.x)
        rows = zip(schema.texts(x), *(column.tolist() for column in chunk[1:]), strict=True)
        for features, y, parent, confidence in rows:
            table.writerow(map(escape, metadata.with_label(features, metadata.names[y])))
            provenance.writerow([index, parent, values.confidence_text(confidence), escape(metadata.file(parent))])
            index += 1


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
            partial.replace(image)
            parent_file, name = escape(metadata.file(parent)), escape(metadata.names[y])
            manifest.writerow(
                [relative.as_posix(), y, name, int(parent), values.confidence_text(confidence), parent_file]
            )


def as_image(x: Tensor, bounds: tuple[float, float]) -> Image.Image:
    """Returns a sample `(C, H, W)` as an image of 8 bits per channel; `bounds` become black and white."""
    low, high = bounds
    pixels = ((x - low) / (high - low) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[..., 0] if len(x) == 1 else pixels)


def flush(path: Path) -> None:
    """Waits until the content of a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _class_folders(names: tuple[str, ...]) -> list[str]:
    """Returns the name of each class's folder."""
    # Class names are the user's text: only characters that are safe in file names remain, and not more than fit into one.
    safe = ("".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() for name in names)
    folders = [name.encode()[:LONGEST_FOLDER].decode(errors="ignore") or "class" for name in safe]
    return [f"{label}-{name}" for label, name in enumerate(folders)] if len(set(folders)) < len(folders) else folders
