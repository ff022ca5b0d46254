"""Folders with one folder of images per class: read into memory, or image by image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import Dataset

from vaeaug.data.images import (
    IMAGE_SUFFIXES,
    MAX_16_BIT,
    image_to_tensor,
    is_grey_mode,
    is_hidden,
    is_image_file,
    open_image,
    read,
    stack_images,
    with_channels,
)
from vaeaug.data.samples import Samples, from_arrays, unit_float
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn

SPLIT_FOLDERS = {"train", "training", "test", "testing", "val", "valid", "validation"}
DARK_WARNING = 0.25  # 16-bit images that reach only this fraction of the range probably hold 10, 12 or 14 bits


class _LabelledFiles(NamedTuple):
    classes: tuple[str, ...]
    files: list[Path]
    labels: list[int]


def read_folder(path: str | Path, size: int | None = None) -> Samples:
    """Reads a folder with one folder of images per class.

    Hidden files and folders are left out, and alpha channels are dropped. If all images are grey, they have one channel.

    Arguments:
        path: The folder. Classes are numbered in the order of the names of their folders.
        size: Resizes the images to `size` x `size` pixels; by default they must have one size.

    Raises:
        InputError: If there are no class folders, if one has no images, if an image is broken or of another size.
    """
    classes, files, labels = _labelled_files(Path(path))
    images: list[Tensor] = []
    for file in files:
        images.append(read(file, size=size)[:3])
        _check_size((images[0], images[-1]), (files[0], file))
    x = stack_images(images)
    if x.is_floating_point() and x.max() <= DARK_WARNING:
        warn(
            f"the 16-bit images in '{path}' reach {float(x.max()):.1%} of white only; if they hold fewer bits, for example "
            f"12, stretch them to 0..{MAX_16_BIT} first"
        )
    if _is_grey(x):
        x = x[:, :1]
    return replace(from_arrays(x, labels, classes), files=tuple(file.relative_to(path).as_posix() for file in files))


class ImageFolder(Dataset):
    """Reads the samples of `read_folder` one by one when they are asked for: for folders larger than memory.

    An item is an image, `(C, H, W)`, float32 in 0..1, and its label. To know whether all images are grey, the constructor
    reads images until one has colour; of images stored as grey it reads the headers alone.

    Arguments:
        path: The folder. Classes are numbered in the order of the names of their folders.
        size: Resizes the images to `size` x `size` pixels; by default they must have one size.

    Raises:
        InputError: If there are no class folders, if one has no images, if an image is broken or of another size.
    """

    def __init__(self, path: str | Path, size: int | None = None) -> None:
        self.classes, self.files, self.labels = _labelled_files(Path(path))
        self.size = size
        self._example = read(self.files[0], size=size)[:1]
        self.channels = 1 if all(map(self._is_grey_file, self.files)) else 3

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        x = read(self.files[i], size=self.size)[:3]
        _check_size((self._example, x), (self.files[0], self.files[i]))
        return with_channels(unit_float(x), self.channels)[: self.channels], self.labels[i]

    def _is_grey_file(self, file: Path) -> bool:
        with open_image(file) as image:
            return is_grey_mode(image) or _is_grey(image_to_tensor(image, size=self.size)[:3])


def _is_grey(x: Tensor) -> bool:
    """Returns whether all channels of images `(..., C, H, W)` are equal."""
    return bool((x[..., :1, :, :] == x).all())


def _check_size(images: tuple[Tensor, Tensor], files: tuple[Path, Path]) -> None:
    if images[0].shape[1:] != images[1].shape[1:]:
        remedy = "resize them: for example size=32 in vaeaug.data.load, or --size 32 on the command line"
        stack_images(images, list(map(str, files)), remedy)


def _labelled_files(path: Path) -> _LabelledFiles:
    folders = _class_folders(path)
    labelled = [(file, label) for label, folder in enumerate(folders) for file in _images(folder)]
    classes = tuple(folder.name for folder in folders)
    return _LabelledFiles(classes, [file for file, _ in labelled], [label for _, label in labelled])


def _class_folders(path: Path) -> list[Path]:
    folders = sorted(folder for folder in path.iterdir() if folder.is_dir() and not is_hidden(folder.name))
    expected = "a folder with one folder of images per class"
    if not folders:
        remedy = "sort the images into one folder for each class"
        checks.refuse(expected, f"'{path}' with {len(_images(path))} images and no folders in it", remedy)
    _refuse_splits(path, folders, expected)
    for folder in folders:
        if not _images(folder):
            remedy = f"put images ({', '.join(IMAGE_SUFFIXES)}) into it or remove it"
            checks.refuse(f"images in every class folder of '{path}'", f"none in '{folder.name}'", remedy)
    return folders


def _refuse_splits(path: Path, folders: Sequence[Path], expected: str) -> None:
    """Refuses a folder whose folders are not classes but the training and test set."""
    names = {folder.name.lower() for folder in folders}
    if names <= SPLIT_FOLDERS and all(any(inner.is_dir() for inner in folder.iterdir()) for folder in folders):
        example = next((folder for folder in folders if "train" in folder.name.lower()), folders[0])
        got = f"'{path}' with the folders {', '.join(folder.name for folder in folders)} in it"
        checks.refuse(expected, got, f"pass one of them, for example '{example}'")


def _images(folder: Path) -> list[Path]:
    """Returns the images in a folder and its folders, except hidden ones."""
    files = []
    for root, _, names in sorted(os.walk(folder, followlinks=True)):
        if not any(map(is_hidden, Path(root).relative_to(folder).parts)):
            files += [Path(root) / name for name in sorted(names) if is_image_file(name)]
    return files
