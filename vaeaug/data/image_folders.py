"""Folders with one folder of images per class: read into memory, or image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import Dataset

from vaeaug.data.image_paths import CONVERT, ImageFiles, find_images, warn_of_left_out
from vaeaug.data.images import (
    IMAGE_SUFFIXES,
    MAX_16_BIT,
    check_size,
    image_to_tensor,
    is_grey,
    is_grey_mode,
    is_hidden,
    is_image_file,
    open_image,
    read,
    stack_images,
    with_channels,
    without_repeated_grey,
)
from vaeaug.data.labels import class_order
from vaeaug.data.paths import check_name
from vaeaug.data.samples import Samples, from_arrays, unit_float
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn
from vaeaug.runtime.limits import check_memory

EXPECTED = "a folder with one folder of images per class"
SPLIT_FOLDERS = {"train", "training", "test", "testing", "val", "valid", "validation"}
DARK_WARNING = 0.25  # 16-bit images that reach only this fraction of the range probably hold 10, 12 or 14 bits


class LabelledFiles(NamedTuple):
    """The images of class folders: the names of the classes, and the file and the class of each image."""

    classes: tuple[str, ...]
    files: list[Path]
    labels: list[int]


def read_folder(path: str | Path, size: int | None = None) -> Samples:
    """Reads a folder with one folder of images per class.

    Hidden files and folders are left out, and what else is left out is named in a warning. Transparent images are laid on
    white. If all images are grey, they have one channel.

    Arguments:
        path: The folder. Classes are numbered in the order of the names of their folders: numbers by their value, then words.
        size: Resizes the images to `size` x `size` pixels; by default they must have one size.

    Raises:
        InputError: If there are no class folders, if one has no images, if an image is broken or of another size, or if the
            images do not fit into memory.
    """
    check_size(size)
    classes, files, labels = labelled_files(Path(path))
    images: list[Tensor] = []
    if size:
        _check_memory(len(files), 3 * size * size)
    for file in files:
        images.append(read(file, size=size))
        _check_size((images[0], images[-1]), (files[0], file))
        if len(images) == 1:
            _check_memory(len(files), images[0].numel())
    x = stack_images(images)
    if x.is_floating_point() and x.max() <= DARK_WARNING:
        warn(
            f"the 16-bit images in '{path}' reach {float(x.max()):.1%} of white only; if they hold fewer bits, for example "
            f"12, stretch them to 0..{MAX_16_BIT} first"
        )
    x = without_repeated_grey(x)
    return replace(
        from_arrays(x, labels, classes),
        dtype="",
        files=tuple(file.relative_to(path).as_posix() for file in files),
        resized_to=size or 0,
    )


class ImageFolder(Dataset):
    """Reads the samples of `read_folder` one by one when they are asked for: for folders larger than memory.

    An item is an image, `(C, H, W)`, float32 in 0..1, and its label. To know whether all images are grey, the constructor
    reads images until one has colour; of images stored as grey it reads the headers alone.

    Arguments:
        path: The folder. Classes are numbered in the order of the names of their folders: numbers by their value, then words.
        size: Resizes the images to `size` x `size` pixels; by default they must have one size.

    Raises:
        InputError: If there are no class folders, if one has no images, if an image is broken or of another size.
    """

    def __init__(self, path: str | Path, size: int | None = None) -> None:
        check_size(size)
        self.classes, self.files, self.labels = labelled_files(Path(path))
        self.size = size
        self._example = read(self.files[0], size=size)[:1]
        self.channels = 1 if all(map(self._is_grey_file, self.files)) else 3

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        x = read(self.files[i], size=self.size)
        _check_size((self._example, x), (self.files[0], self.files[i]))
        return with_channels(unit_float(x), self.channels)[: self.channels], self.labels[i]

    def _is_grey_file(self, file: Path) -> bool:
        with open_image(file) as image:
            return is_grey_mode(image) or is_grey(image_to_tensor(image, size=self.size, name=f"'{file}'"))


def _check_memory(count: int, values: int) -> None:
    """Refuses images that do not fit into memory, as bytes and then as float32."""
    remedy = "pass a smaller size, or read them batch by batch: bank_size= in Python, --bank on the command line"
    check_memory(f"{count} images of {values} values", 5.0 * count * values, remedy)


def _check_size(images: tuple[Tensor, Tensor], files: tuple[Path, Path]) -> None:
    if images[0].shape[1:] != images[1].shape[1:]:
        remedy = "resize them: for example size=32 in vaeaug.data.load, or --size 32 on the command line"
        stack_images(images, list(map(str, files)), remedy)


def labelled_files(path: Path) -> LabelledFiles:
    """Returns the images of every class, and warns of what is left out.

    Raises:
        InputError: If there are no class folders, or if one has no images.
    """
    folders, left_out = _class_folders(path)
    found = [find_images(folder, above=(path,)) for folder in folders]
    _refuse_splits(path, folders)
    for folder, images in zip(folders, found, strict=True):
        if not images.files:
            others = f"; its {', '.join(images.unread)} files are not read: {CONVERT}" if images.unread else ""
            remedy = f"put images ({', '.join(IMAGE_SUFFIXES)}) into it or remove it{others}"
            checks.refuse(f"images in every class folder of '{path}'", f"none in '{folder.name}'", remedy)
    labelled = [(file, label) for label, images in enumerate(found) for file in images.files]
    if any(images.has_links for images in found) or any(folder.is_symlink() for folder in folders):
        _refuse_two_labels(labelled)
    together = ImageFiles(repeated=sum(images.repeated for images in found))
    for images in found:
        together.unread.update(images.unread)
    warn_of_left_out(path, [*together.left_out(), *left_out])
    classes = tuple(folder.name for folder in folders)
    return LabelledFiles(classes, [file for file, _ in labelled], [label for _, label in labelled])


def _class_folders(path: Path) -> tuple[list[Path], list[str]]:
    """Returns the folders of the classes in their order, and in words what else is in the folder."""
    here = sorted(entry for entry in path.iterdir() if not is_hidden(entry.name))
    folders = {entry.name: entry for entry in here if entry.is_dir()}
    count = sum(entry.name not in folders and is_image_file(entry) for entry in here)
    loops = [name for name, folder in folders.items() if path.resolve().is_relative_to(folder.resolve())]
    left_out = [f"{count} images in no class folder"] if count else []
    left_out += [f"'{name}', a link to a folder that it is in" for name in loops]
    names = class_order(folders.keys() - set(loops))
    if not names:
        remedy = "sort the images into one folder for each class"
        checks.refuse(EXPECTED, f"'{path}' with {count} images and no folders in it", remedy)
    for folder in folders.values():
        check_name(folder)
    return [folders[name] for name in names], left_out


def _refuse_splits(path: Path, folders: Sequence[Path]) -> None:
    """Refuses a folder whose folders are not classes but the training and test set."""
    names = {folder.name.lower() for folder in folders}
    if names <= SPLIT_FOLDERS and all(any(inner.is_dir() for inner in folder.iterdir()) for folder in folders):
        example = next((folder for folder in folders if "train" in folder.name.lower()), folders[0])
        got = f"'{path}' with the folders {', '.join(folder.name for folder in folders)} in it"
        checks.refuse(EXPECTED, got, f"pass one of them, for example '{example}'")


def _refuse_two_labels(labelled: Sequence[tuple[Path, int]]) -> None:
    """Refuses an image that links put into two classes."""
    label_of: dict[Path, tuple[Path, int]] = {}
    for file, label in labelled:
        other, first = label_of.setdefault(file.resolve(), (file, label))
        if first != label:
            checks.refuse("every image in one class", f"'{other}' and '{file}', which are one file", "remove a link")
