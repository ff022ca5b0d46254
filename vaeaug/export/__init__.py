"""Synthetic samples in files: image folders, `.npz`, `.csv` and `.tar`, and shards of any number of samples."""

from vaeaug.export import formats, shards, tar

__all__ = ["formats", "shards", "tar"]
