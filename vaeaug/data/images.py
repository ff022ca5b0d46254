"""Images as tensors: PIL images and image files, of 8 or 16 bits per channel."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.runtime import checks

if TYPE_CHECKING:
    from PIL import Image

# torchvision's IMG_EXTENSIONS, repeated here because importing torchvision takes seconds.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
MAX_16_BIT = 65535
PIL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by the number of channels
ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")


def is_image_file(path: str | Path) -> bool:
    """Returns whether a file is an image, by the suffix of its name; hidden files are not."""
    name = Path(path).name
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is left out: its name begins with a dot, or macOS put it into an archive."""
    return name.startswith((".", "__MACOSX"))


def is_pil_image(value: Any) -> bool:
    """Returns whether `value` is a PIL image, without importing PIL: if it is one, PIL has been imported."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def is_grey_mode(image: Image.Image) -> bool:
    """Returns whether a PIL image has one channel, of 1, 8 or 16 bits, integers or floats."""
    return image.mode in ("1", "L") or _is_deep(image)


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith(("I", "F"))


def image_to_tensor(
    image: Image.Image, channels: int | None = None, size: int | None = None, name: str = "an image"
) -> Tensor:
    """Returns an image as a tensor `(C, H, W)`: uint8, or float32 in 0..1 if it has 16 bits per channel.

    Arguments:
        image: A PIL image.
        channels: The number of channels, 1, 3 or 4; by default that of the image.
        size: Resizes the image to `size` x `size` pixels.
        name: The name of the image in messages.

    Raises:
        InputError: If the range of the values is unknown: floats, or whole numbers that 16 bits do not hold.
    """
    from torchvision.transforms.v2.functional import pil_to_tensor

    own_channels = 1 if is_grey_mode(image) else 4 if image.mode in ALPHA_MODES else 3
    channels = channels or own_channels
    if _is_deep(image):
        return with_channels(_sixteen_bit(image, size, name), channels)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    image = image.convert(PIL_MODES[channels])
    return pil_to_tensor(image.resize((size, size)) if size else image)


def _sixteen_bit(image: Image.Image, size: int | None, name: str) -> Tensor:
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > MAX_16_BIT:
        got = f"mode {image.mode} with {values.min():g} to {values.max():g} in {name}"
        remedy = f"save it with 8 or 16 bits (0 to {MAX_16_BIT}), or pass arrays, for example in an .npz"
        checks.refuse("images of 8 or 16 bits per channel", got, remedy)
    values = values.astype(np.float32)
    if size:
        # As floats: Pillow resizes 16-bit images only by the nearest pixel.
        resized = Image.fromarray(values).resize((size, size), Image.Resampling.BICUBIC)
        values = np.asarray(resized).clip(0, MAX_16_BIT)
    return torch.from_numpy(values / MAX_16_BIT)[None]


def with_channels(x: Tensor, channels: int) -> Tensor:
    """Returns an image `(C, H, W)` with at least `channels` channels: grey is repeated, and alpha is opaque."""
    if len(x) == 1 and channels > 1:
        x = x.expand(3, -1, -1)
    opaque = 255 if x.dtype == torch.uint8 else 1
    return x if len(x) >= channels else torch.cat([x, torch.full_like(x[:1], opaque)])


def stack_images(images: Sequence[Tensor], names: Sequence[str] = (), remedy: str = "resize them") -> Tensor:
    """Stacks images, each `(C, H, W)`, into `(N, C, H, W)`.

    Grey images among coloured ones get three channels. If any image is a float, 8-bit images become floats in 0..1.

    Arguments:
        images: The images.
        names: The names of the images in messages; by default their numbers.
        remedy: What messages say about different sizes.

    Raises:
        InputError: If the images differ in size.
    """
    for i, x in enumerate(images):
        if x.shape[1:] != images[0].shape[1:]:
            sizes = [
                f"{images[j].shape[1]}x{images[j].shape[2]} ({names[j] if names else f'number {j}'})" for j in (0, i)
            ]
            checks.refuse("images of one size (height x width)", " and ".join(sizes), remedy)
    channels = max(len(x) for x in images)
    if any(x.is_floating_point() for x in images):
        images = [x if x.is_floating_point() else x.float() / 255 for x in images]
    return torch.stack([with_channels(x, channels) for x in images])


def from_pil(value: Any, channels: int | None = None) -> Tensor | None:
    """Returns a PIL image, or a list of them, as `(N, C, H, W)`; None for anything else.

    Arguments:
        value: An object that may be a PIL image or a list of them.
        channels: The number of channels, 1, 3 or 4; by default that of the images.

    Raises:
        InputError: If the images differ in size, or have values of an unknown range.
    """
    images = [value] if is_pil_image(value) else value
    if not isinstance(images, list | tuple) or not images or not all(map(is_pil_image, images)):
        return None
    return stack_images([image_to_tensor(image, channels, name=f"number {i}") for i, image in enumerate(images)])


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Opens an image file for the length of a block.

    Raises:
        InputError: If the file is not an image, or turns out to be a broken one inside the block; the message names it.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            yield image
        return
    except checks.InputError:
        raise
    except UnidentifiedImageError:
        got = f"'{path}', which is none"
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        got = f"'{path}' ({error})"
    checks.refuse("an image", got, "repair or remove the file")


def read(path: Path, channels: int | None = None, size: int | None = None) -> Tensor:
    """Reads an image file; see `image_to_tensor`.

    Raises:
        InputError: If the file is not an image, or a broken one; the message names it.
    """
    with open_image(path) as image:
        return image_to_tensor(image, channels, size, f"'{path}'")


def read_images(path: str | Path, channels: int, size: int | None = None) -> Tensor:
    """Reads one image, or all images of a folder in the order of their names.

    Arguments:
        path: The image or the folder.
        channels: The number of channels, 1, 3 or 4.
        size: Resizes the images to `size` x `size` pixels; by default they must have one size.

    Returns:
        The images, `(B, channels, H, W)`: uint8, or float32 in 0..1 if any has 16 bits per channel.

    Raises:
        InputError: If there is no image, if one is broken, or if they differ in size.
    """
    files = image_files(path)
    if channels not in PIL_MODES:
        checks.refuse("a model of images with 1, 3 or 4 channels", channels, "use generate(near=...) in Python")
    return stack_images([read(file, channels, size) for file in files], list(map(str, files)))


def image_files(path: str | Path) -> list[Path]:
    """Returns the images of a folder in the order of their names, or the path itself if it is no folder.

    Raises:
        InputError: If the folder has no images.
    """
    path = Path(path)
    files = sorted(filter(is_image_file, path.iterdir())) if path.is_dir() else [path]
    if not files:
        checks.refuse("images", f"none in '{path}'", "name an image or a folder with images in it")
    return files
