"""Labelled samples in one form: arrays, images, tables, named data sets, streams and splits."""

from vaeaug.data.image_folders import ImageFolder, read_folder
from vaeaug.data.image_paths import image_files, read_images
from vaeaug.data.images import from_pil, is_image_file
from vaeaug.data.loading import CACHE, DEBIAN_FASHION, NAMES, as_samples, load, read_maybe_labelled
from vaeaug.data.samples import Samples, Scaling, as_tensor, from_arrays, unit_float
from vaeaug.data.splits import split, subset
from vaeaug.data.unlabelled import read_unlabelled

__all__ = [
    "CACHE",
    "DEBIAN_FASHION",
    "NAMES",
    "ImageFolder",
    "Samples",
    "Scaling",
    "as_samples",
    "as_tensor",
    "from_arrays",
    "from_pil",
    "image_files",
    "is_image_file",
    "load",
    "read_folder",
    "read_images",
    "read_maybe_labelled",
    "read_unlabelled",
    "split",
    "subset",
    "unit_float",
]
