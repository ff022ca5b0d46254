"""The samples that `--near` names: images, maybe in class folders, an .npz or a .csv."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vaeaug.cli.options import parse_classes
from vaeaug.runtime.errors import refuse

if TYPE_CHECKING:
    from torch import Tensor

    from vaeaug.perturb.bank import Bank


class NearSamples(NamedTuple):
    """Real samples to start from.

    Arguments:
        x: The samples, `(B, *event)`, in the data's range; None for the samples of the bank.
        y: Their labels, if known. Without samples, the classes to generate.
        files: The file of each sample, if each has one; None for the files of the bank.
    """

    x: Tensor | None
    y: list[int] | None
    files: tuple[str, ...] | None


def read_near(
    path: Path | None, bank: Bank, labels: list[int] | None, label: str | None, size: int | None
) -> NearSamples:
    """Reads the samples to start from.

    Arguments:
        path: An image, a folder of images or of class folders, an `.npz` or a `.csv`; None for the samples of the bank.
        bank: The bank of the augmenter.
        labels: The labels of `--labels`, one for all samples or one per sample; they take precedence over those in the file.
        label: The label column of a `.csv`.
        size: The side to which images are resized, in pixels; by default as at the fit.
    """
    if path is None:
        return NearSamples(None, labels, None)

    from vaeaug import data

    shape, names = bank.samples.event_shape, bank.samples.names
    y: list[int] | None = None
    files: tuple[str, ...] = ()
    if path.suffix.lower() in (".npz", ".csv"):
        samples, labelled = data.read_maybe_labelled(path, shape, label, bank.samples.columns, bank.samples.table)
        x = samples.x
        if labelled and labels is None:
            class_numbers = [parse_classes(name, names)[0] for name in samples.names]
            y = [class_numbers[file_label] for file_label in samples.y.tolist()]
    elif len(shape) < 3:
        forms = "an .npz of signals" if len(shape) == 2 else "an .npz or a .csv of tabular data"
        refuse(f"{forms} to start from", f"'{path}'", "convert the data to one of these")
    else:
        size = size or bank.samples.resized_to or None
        if _has_class_folders(path):
            images, files, folder_labels = _read_class_folders(path, shape[0], size, None if labels else names)
            y = folder_labels
        else:
            images, files = data.read_images(path, shape[0], size), tuple(f.name for f in data.image_files(path))
        # Black to white in a file is low to high in the data.
        low, high = bank.scaling.low[0], bank.scaling.high[0]
        x = low + (high - low) * data.unit_float(images)
    if labels is not None:
        if len(labels) not in (1, len(x)):
            expected = f"one label, or one for each of {len(x)} samples"
            refuse(expected, f"{len(labels)} labels", "pass one class, or one per sample")
        y = labels * (len(x) // len(labels))
    return NearSamples(x, y, files)


def _has_class_folders(path: Path) -> bool:
    """Returns whether a folder has folders with images in it, and no images of its own."""
    from vaeaug.data.image_paths import find_images

    files = find_images(path).files if path.is_dir() else []
    return bool(files) and all(file.parent != path for file in files)


def _read_class_folders(
    path: Path, channels: int, size: int | None, names: tuple[str, ...] | None
) -> tuple[Tensor, tuple[str, ...], list[int] | None]:
    """Returns the images of class folders, their files, and the classes that the folders are called after.

    Arguments:
        path: The folder of class folders.
        channels, size: As in `vaeaug.data.read_images`.
        names: The class names; None where the folders do not tell the labels.
    """
    from vaeaug.data.image_folders import labelled_files
    from vaeaug.data.image_paths import read_files

    images = labelled_files(path)
    y = None
    if names is not None:
        class_numbers = [parse_classes(folder, names)[0] for folder in images.classes]
        y = [class_numbers[label] for label in images.labels]
    return read_files(images.files, channels, size), tuple(f.relative_to(path).as_posix() for f in images.files), y
