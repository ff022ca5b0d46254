"""Labelled samples in one form: arrays, images, tables, named sets, streams and splits."""

from vaeaug.data.images import as_pictures, image_files, read_images
from vaeaug.data.loading import CACHE, DEBIAN_FASHION, NAMES, as_samples, load, pair, read_maybe_labelled
from vaeaug.data.samples import Samples, Scaling, as_tensor, from_arrays, split, subset, unit_float

__all__ = [
    "CACHE",
    "DEBIAN_FASHION",
    "NAMES",
    "Samples",
    "Scaling",
    "as_pictures",
    "as_samples",
    "as_tensor",
    "from_arrays",
    "image_files",
    "load",
    "pair",
    "read_images",
    "read_maybe_labelled",
    "split",
    "subset",
    "unit_float",
]
