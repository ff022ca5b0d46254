"""Finds the image files of a folder, and names in one warning what is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from vaeaug.data.images import PIL_MODES, check_size, is_hidden, is_image_file, read, stack_images
from vaeaug.data.paths import check_name, walk
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn
from vaeaug.runtime.limits import check_memory

# Kinds of images that cameras, phones and browsers write, and that are not read here.
# fmt: off
OTHER_SUFFIXES = frozenset((
    ".apng", ".arw", ".avif", ".cr2", ".cr3", ".dcm", ".dng", ".exr", ".gif", ".hdr", ".heic", ".heif", ".ico", ".j2k",
    ".jfif", ".jif", ".jp2", ".jpe", ".jxl", ".nef", ".orf", ".pbm", ".pcx", ".pfm", ".pnm", ".psd", ".raf", ".rw2", ".svg",
    ".tga",
))
# fmt: on
CONVERT = "convert them to .png or .jpg"


@dataclass
class ImageFiles:
    """The images of one or more folders.

    Arguments:
        files: The images, in the order of their paths.
        unread: How many images of other kinds there are, by suffix.
        repeated: How many links lead to an image that was found already.
        has_links: Whether an image is a link, or was found through one.
    """

    files: list[Path] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    has_links: bool = False

    def left_out(self) -> list[str]:
        """Returns what is left out, in words."""
        parts = [f"{count} {suffix}" for suffix, count in sorted(self.unread.items())]
        words = [f"{', '.join(parts)} (kinds of images that are not read: {CONVERT})"] if parts else []
        return [*words, f"{self.repeated} links to images that were read already"] if self.repeated else words


def find_images(folder: Path, above: tuple[Path, ...] = ()) -> ImageFiles:
    """Returns the images in a folder and its folders, each once; hidden files and folders are left out.

    Arguments:
        folder: The folder.
        above: Folders that must not be read, should a link lead back to them.

    Raises:
        InputError: If a folder cannot be read, or a name is not UTF-8.
    """
    found = ImageFiles()
    linked: list[Path] = []
    for path, is_link in walk(folder, is_hidden, above):
        if is_image_file(path):
            check_name(path)
            (linked if is_link else found.files).append(path)
        elif path.suffix.lower() in OTHER_SUFFIXES:
            found.unread[path.suffix.lower()] += 1
    found.has_links = bool(linked)
    if linked:
        own = {path.resolve() for path in found.files}
    for path in linked:
        if path.resolve() in own:
            found.repeated += 1
        else:
            own.add(path.resolve())
            found.files.append(path)
    if linked:
        # As in `walk`: folder by folder.
        found.files.sort(key=lambda path: (str(path.parent), path.name))
    return found


def warn_of_left_out(folder: Path, left_out: Sequence[str]) -> None:
    """Warns of files in a folder that are left out, if there are any."""
    if left_out:
        warn(f"left out of '{folder}': {'; '.join(left_out)}")


def image_files(path: str | Path) -> list[Path]:
    """Returns the images of a folder in the order of their names, or the path itself if it is no folder.

    Images in folders inside the folder are not among them.

    Raises:
        InputError: If the folder has no images.
    """
    return _flat(Path(path))[0]


def read_images(path: str | Path, channels: int, size: int | None = None) -> Tensor:
    """Reads one image, or all images of a folder in the order of their names.

    What is left out of a folder is named in a warning: images of kinds that are not read, and images in its folders.

    Arguments:
        path: The image or the folder.
        channels: The number of channels, 1, 3 or 4.
        size: Resizes the images to `size` x `size` pixels; by default they must have one size.

    Returns:
        The images, `(B, channels, H, W)`: uint8, or float32 in 0..1 if any has 16 bits per channel.

    Raises:
        InputError: If there is no image, if one is broken, if they differ in size or do not fit into memory.
    """
    check_size(size)
    path = Path(path)
    files, left_out = _flat(path)
    if channels not in PIL_MODES:
        checks.refuse("a model of images with 1, 3 or 4 channels", channels, "use generate(near=...) in Python")
    warn_of_left_out(path, left_out)
    return read_files(files, channels, size)


def read_files(files: Sequence[Path], channels: int, size: int | None = None) -> Tensor:
    """Reads image files; see `read_images`."""
    if size:
        remedy = "pass a smaller size, or fewer images"
        check_memory(f"{len(files)} images of {size}x{size} pixels", 5 * channels * len(files) * size * size, remedy)
    return stack_images([read(file, channels, size) for file in files], list(map(str, files)))


def _flat(path: Path) -> tuple[list[Path], list[str]]:
    """Returns the images of a folder, and in words what is left out."""
    if not path.is_dir():
        return [path], []
    found = find_images(path)
    files = [file for file in found.files if file.parent == path]
    if not files:
        remedy = "name an image or a folder with images in it"
        checks.refuse("images", f"none in '{path}'", f"{CONVERT}" if found.unread else remedy)
    inner = len(found.files) - len(files)
    return files, [*found.left_out(), *([f"{inner} images in folders inside it"] if inner else [])]
