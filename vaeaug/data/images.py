"""Pictures: PIL images, image files and folders of them, of 8 or 16 bits, as tensors."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS
from torchvision.transforms.v2.functional import pil_to_tensor

from vaeaug.runtime import checks

WHITE = 65535  # of 16 bits
DIM = 0.25  # 16-bit pictures no brighter than this share of white have fewer bits, most likely
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


def image_to_tensor(
    image: Image.Image, channels: int | None = None, size: int | None = None, name: str = "an image"
) -> Tensor:
    """Returns one image as `(C, H, W)`: uint8, or float32 in 0..1 where it has 16 bits.

    Arguments:
        image: A PIL image.
        channels: 1, 3 or 4; by default its own.
        size: Resizes it to `size` x `size` pixels.
        name: What messages call it.

    Raises:
        InputError: If what its numbers mean cannot be known: floats, or whole numbers that 16 bits do not hold.
    """
    deep = image.mode.startswith(("I", "F"))
    own = 1 if deep or image.mode in ("1", "L") else 4 if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") else 3
    channels = channels or own
    if deep:
        return _with_channels(_deep(image, size, name), channels)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert(MODES[channels])
    return pil_to_tensor(image.resize((size, size)) if size else image)


def _deep(image: Image.Image, size: int | None, name: str) -> Tensor:
    numbers = np.asarray(image)
    if image.mode == "F" or numbers.min() < 0 or numbers.max() > WHITE:
        got = f"mode {image.mode} with {numbers.min():g} to {numbers.max():g} in {name}"
        remedy = f"save it with 8 or 16 bits (0 to {WHITE}), or pass arrays in a range of your own, in an .npz say"
        checks.refuse("images of 8 or 16 bits a channel", got, remedy)
    numbers = numbers.astype(np.float32)
    if size:
        # Pillow takes the nearest pixel where 16 bits are resized as such.
        resized = Image.fromarray(numbers).resize((size, size), Image.Resampling.BICUBIC)
        numbers = np.asarray(resized).clip(0, WHITE)
    return torch.from_numpy(numbers / WHITE)[None]


def _with_channels(x: Tensor, channels: int) -> Tensor:
    """Returns a picture, `(C, H, W)`, with as many channels or more: grey three times, and nothing transparent."""
    if len(x) == 1 and channels > 1:
        x = x.expand(3, -1, -1)
    white = 255 if x.dtype == torch.uint8 else 1
    return x if len(x) >= channels else torch.cat([x, torch.full_like(x[:1], white)])


def stack_images(found: Sequence[Tensor], names: Sequence[str] = (), remedy: str = "resize them") -> Tensor:
    """Stacks pictures, each `(C, H, W)`, into `(N, C, H, W)`.

    Grey ones beside coloured ones get their channels, and 8 bits beside 16 become floats in 0..1.

    Arguments:
        found: The pictures.
        names: What messages call them; by default their numbers.
        remedy: What to do about different sizes.

    Raises:
        InputError: If they differ in size.
    """
    for i, x in enumerate(found):
        if x.shape[1:] != found[0].shape[1:]:
            sizes = [
                f"{one.shape[1]}x{one.shape[2]} ({names[j] if names else f'number {j}'})"
                for j, one in ((0, found[0]), (i, x))
            ]
            checks.refuse("images of one size (height x width)", " and ".join(sizes), remedy)
    most = max(len(x) for x in found)
    if any(x.is_floating_point() for x in found):
        found = [x if x.is_floating_point() else x.float() / 255 for x in found]
    return torch.stack([_with_channels(x, most) for x in found])


def read(path: Path, channels: int | None = None, size: int | None = None) -> Tensor:
    """Reads one image file as `image_to_tensor` does.

    Raises:
        InputError: If it is no image, or a broken one; the message names it.
    """
    try:
        with Image.open(path) as image:
            return image_to_tensor(image, channels, size, f"'{path}'")
    except checks.InputError:
        raise
    except UnidentifiedImageError:
        got = f"'{path}', which is none"
    except UNREADABLE as error:
        got = f"'{path}' ({error})"
    checks.refuse("an image", got, "mend the file or take it away")


def read_images(path: str | Path, channels: int, size: int | None = None) -> Tensor:
    """Reads one image, or all images in a folder in the order of their names, as `(B, channels, H, W)`.

    They are uint8, or float32 in 0..1 where any has 16 bits; resized to `size` x `size` pixels where that is given.

    Raises:
        InputError: If there is no image, if one is broken, or if they differ in size.
    """
    files = image_files(path)
    if channels not in MODES:
        checks.refuse("a model of images with 1, 3 or 4 channels", channels, "use generate(near=...) in Python")
    return stack_images([read(file, channels, size) for file in files], list(map(str, files)))


def image_files(path: str | Path) -> list[Path]:
    """Returns the images of a folder in the order of their names, or the one image that the path names."""
    path = Path(path)
    files = sorted(f for f in path.iterdir() if _is_image(f.name)) if path.is_dir() else [path]
    if not files:
        checks.refuse("images", f"none in '{path}'", "name an image or a folder with images in it")
    return files


def read_folder(path: Path, size: int | None = None) -> tuple[Tensor, list[int], list[str], list[str]]:
    """Reads a folder with one folder of images per class: the images, `(N, C, H, W)`, their labels, the class names, and
    the files, as the folder names them.

    Hidden files and folders are left out, and so is transparency. Pictures that are all grey have one channel.

    Arguments:
        path: The folder. Classes are numbered in the order of their folders' names.
        size: Resizes the images to `size` x `size` pixels; by default they must be alike.

    Raises:
        InputError: If there are no class folders, if one has no images, if an image is broken or of another size.
    """
    folders = _class_folders(path)
    files = [(file, label) for label, folder in enumerate(folders) for file in _images(folder)]
    found: list[Tensor] = []
    for file, _ in files:
        x = read(file, size=size)
        found.append(x[:3])
        if x.shape[1:] != found[0].shape[1:]:
            remedy = "resize them: size=32 in vaeaug.data.load or --size 32 on the command line, say"
            stack_images([found[0], x], [str(files[0][0]), str(file)], remedy)
    x = stack_images(found)
    if x.is_floating_point() and x.max() <= DIM:
        warnings.warn(
            f"the 16-bit pictures in '{path}' reach {float(x.max()):.1%} of white only; if they hold fewer bits, 12 say, "
            f"stretch them to 0..{WHITE} first",
            stacklevel=4,
        )
    grey = bool((x[:, :1] == x).all())
    names, places = [folder.name for folder in folders], [file.relative_to(path).as_posix() for file, _ in files]
    return x[:, :1] if grey else x, [label for _, label in files], names, places


def as_pictures(value: Any, channels: int | None = None) -> Tensor | None:
    """Returns a PIL image, or a list of them, as `(N, C, H, W)`; None where it is something else."""
    images = [value] if isinstance(value, Image.Image) else value
    if not isinstance(images, list | tuple) or not images or not all(isinstance(i, Image.Image) for i in images):
        return None
    return stack_images([image_to_tensor(image, channels, name=f"number {i}") for i, image in enumerate(images)])


def _class_folders(path: Path) -> list[Path]:
    folders = sorted(d for d in path.iterdir() if d.is_dir() and not _hidden(d.name))
    expected = "a folder with one folder of images per class"
    if not folders:
        count = sum(1 for _ in _images(path))
        remedy = "sort the images into one folder for each class"
        checks.refuse(expected, f"'{path}' with {count} images and no folders in it", remedy)
    names = {folder.name.lower() for folder in folders}
    if names <= PARTS and all(any(d.is_dir() for d in folder.iterdir()) for folder in folders):
        part = next((f for f in folders if "train" in f.name.lower()), folders[0])
        got = f"'{path}' with the folders {', '.join(f.name for f in folders)} in it"
        checks.refuse(expected, got, f"pass one of these parts, '{part}' say")
    for folder in folders:
        if not _images(folder):
            remedy = f"put images ({', '.join(IMG_EXTENSIONS)}) into it or take it away"
            checks.refuse(f"images in every class folder of '{path}'", f"none in '{folder.name}'", remedy)
    return folders


def _images(folder: Path) -> list[Path]:
    walk = sorted(os.walk(folder, followlinks=True))
    inside = [
        (Path(root), names) for root, _, names in walk if not any(map(_hidden, Path(root).relative_to(folder).parts))
    ]
    return [root / name for root, names in inside for name in sorted(names) if _is_image(name)]


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMG_EXTENSIONS) and not _hidden(name)


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))
