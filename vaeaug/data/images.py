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

from vaeaug.data.columns import listed
from vaeaug.data.paths import check_regular
from vaeaug.runtime import checks
from vaeaug.runtime.errors import warn

if TYPE_CHECKING:
    from PIL import Image

# torchvision's IMG_EXTENSIONS, repeated here because importing torchvision takes seconds.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
SMALLEST_SIDE = 8  # pixels
MAX_16_BIT = 65535
SYSTEM_FOLDERS = ("System Volume Information", "lost+found", "__pycache__")
MAX_SIDE = 20_000  # pixels of a side to which images are resized
ORIENTATION = 0x0112  # the EXIF tag that says how a camera was held
PIL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by the number of channels
ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")


def is_image_file(path: str | Path) -> bool:
    """Returns whether a file is an image, by the suffix of its name; hidden files are not."""
    name = Path(path).name
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is left out: its name begins with a dot, or a system made it beside the user's."""
    return name.startswith((".", "__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN")) or name in SYSTEM_FOLDERS


def is_pil_image(value: Any) -> bool:
    """Returns whether `value` is a PIL image, without importing PIL: if it is one, PIL has been imported."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def check_size(size: int | None) -> None:
    """Checks the side, in pixels, to which images are resized; None is no resizing.

    Raises:
        InputError: If it is no whole number, or too small or large.
    """
    if size is not None:
        checks.check_number("size", size, SMALLEST_SIDE, MAX_SIDE, whole=True)


def is_grey_mode(image: Image.Image) -> bool:
    """Returns whether a PIL image has one channel, of 1, 8 or 16 bits, integers or floats."""
    return image.mode in ("1", "L") or _is_deep(image)


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith(("I", "F"))


def image_to_tensor(
    image: Image.Image, channels: int | None = None, size: int | None = None, name: str = "an image"
) -> Tensor:
    """Returns an image as a tensor `(C, H, W)`: uint8, or float32 in 0..1 if it has 16 bits per channel.

    The image is turned upright, as its EXIF data say, and laid on white if it is transparent and `channels` is not 4.

    Arguments:
        image: A PIL image.
        channels: The number of channels, 1, 3 or 4; by default 1 or 3, as the image has without transparency.
        size: Resizes the image to `size` x `size` pixels.
        name: The name of the image in messages.

    Raises:
        InputError: If the image cannot be read, or if the range of the values is unknown: floats, or whole numbers that 16
            bits do not hold.
    """
    from torchvision.transforms.v2.functional import pil_to_tensor

    image = _upright(image, name)
    if _is_deep(image):
        return with_channels(_sixteen_bit(image, size, name), channels or 1)
    if channels != 4:
        image = _opaque(image)
    image = image.convert(PIL_MODES[channels or (1 if is_grey_mode(image) else 3)])
    return pil_to_tensor(image.resize((size, size)) if size else image)


def _upright(image: Image.Image, name: str) -> Image.Image:
    """Returns an image with its pixels read, turned as its EXIF data say."""
    from PIL import ImageOps

    try:
        image.load()
        if image.getexif().get(ORIENTATION, 1) != 1:
            return ImageOps.exif_transpose(image)
    except Exception as error:  # what Pillow's readers raise on broken files is open: struct.error, IndexError, ...
        checks.refuse("an image", f"{name} ({error})", "repair or remove the file")
    return image


def _opaque(image: Image.Image) -> Image.Image:
    """Returns an image without transparency: laid on white, as most programs show it."""
    from PIL import Image

    if image.mode not in ALPHA_MODES and "transparency" not in image.info:
        return image
    is_grey = image.mode in ("1", "L", "LA", "La")
    rgba = image.convert("RGBA")
    laid = Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba)
    return laid.convert("RGB").convert("L" if is_grey else "RGB")


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
    images = [value] if is_pil_image(value) else listed(value)
    if not isinstance(images, list | tuple) or not images or not all(map(is_pil_image, images)):
        return None
    x = stack_images([image_to_tensor(image, channels, name=f"number {i}") for i, image in enumerate(images)])
    return x if channels else without_repeated_grey(x)


def is_grey(x: Tensor) -> bool:
    """Returns whether all channels of images `(..., C, H, W)` are equal."""
    return bool((x[..., :1, :, :] == x).all())


def without_repeated_grey(x: Tensor) -> Tensor:
    """Returns images `(N, C, H, W)` with one channel if all of them are grey."""
    return x[:, :1] if is_grey(x) else x


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Opens an image file for the length of a block; its pixels are not read yet.

    Raises:
        InputError: If the file is not an image; the message names it.
    """
    from PIL import Image, UnidentifiedImageError

    check_regular(path, "an image")
    try:
        image = Image.open(path)
    except UnidentifiedImageError:
        checks.refuse("an image", f"'{path}', which is none", "repair or remove the file")
    except Exception as error:  # see _upright
        checks.refuse("an image", f"'{path}' ({error})", "repair or remove the file")
    with image:
        yield image


def read(path: Path, channels: int | None = None, size: int | None = None) -> Tensor:
    """Reads an image file; see `image_to_tensor`. Of several pages or frames, the first is read, with a warning.

    Raises:
        InputError: If the file is not an image, or a broken one; the message names it.
    """
    with open_image(path) as image:
        x = image_to_tensor(image, channels, size, f"'{path}'")
        if _has_pages(image):
            # Without the name of the file: Python shows a warning once for each text.
            kind = path.suffix.lower()
            warn(
                f"some {kind} files have several pages or frames; only the first is read: save them as files of their own"
            )
    return x


def _has_pages(image: Image.Image) -> bool:
    """Returns whether a file holds several images; the second one of a phone's photograph (MPO) is no image of its own."""
    try:
        return getattr(image, "n_frames", 1) > 1 and image.format != "MPO"
    except Exception:  # see _upright; the first page could be read
        return False
