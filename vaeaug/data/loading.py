"""Data in: everything that a user may hold (arrays, a Dataset, a DataLoader, a path, the name of a set) becomes `Samples`."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image
from sklearn import datasets as sklearn_datasets
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import FashionMNIST

from vaeaug.data import csv_tables, images
from vaeaug.data.images import as_pictures, image_files, read_images
from vaeaug.data.samples import Samples, Scaling, as_tensor, from_arrays, split, subset, unit_float
from vaeaug.runtime import checks

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
CACHE = Path.home() / ".cache" / "vaeaug"
NAMES = ("digits", "breast-cancer", "wine", "fashion-mnist")
__all__ = [
    "NAMES",
    "Samples",
    "Scaling",
    "as_pictures",
    "as_samples",
    "as_tensor",
    "image_files",
    "load",
    "pair",
    "read_images",
    "read_maybe_labelled",
    "split",
    "subset",
    "unit_float",
]


def as_samples(data: Any, names: Sequence[str] = (), *, y: Any = None) -> Samples:
    """Brings any labelled data into one form.

    Arguments:
        data: `Samples`, a pair `(X, y)` of arrays or tensors, a torch Dataset or DataLoader of `(x, y)`, the name of a
            set (see `load`) or a path.
        names: The class names; by default what the data knows, else the numbers.
        y: The labels, where `data` is X alone.

    Raises:
        InputError: If it is empty, ragged, not finite, or not labelled with whole numbers from 0.
    """
    if y is not None:
        if isinstance(data, Samples | str | Path | DataLoader | Dataset):
            checks.refuse("X and y, or data with its labels in it", f"{type(data).__name__} and y", "leave y out")
        return from_arrays(data, y, names)
    if isinstance(data, Samples):
        return data
    if isinstance(data, str | Path):
        return load(data)
    if isinstance(data, DataLoader):
        batches = [pair(batch) for batch in data]
        if not batches:
            checks.refuse("at least one batch", "an empty DataLoader", "pass a loader that is not empty")
        return from_arrays(
            torch.cat([b[0] for b in batches]), torch.cat([torch.as_tensor(b[1]) for b in batches]), names
        )
    if isinstance(data, Dataset):
        return from_arrays(*_stack(data), names or getattr(data, "classes", ()))
    if isinstance(data, tuple | list) and len(data) == 2:
        return from_arrays(data[0], data[1], names)
    remedy = "pass the labels, too: (X, y)" if hasattr(data, "__array__") else "pass one of these"
    checks.refuse("(X, y), a torch Dataset or DataLoader, a name or a path", type(data).__name__, remedy)


def pair(item: Any) -> tuple[Any, Any]:
    """Returns sample and label, or samples and labels, of what a Dataset or a DataLoader gives."""
    if not isinstance(item, tuple | list) or len(item) < 2:
        checks.refuse("items (x, y)", type(item).__name__, "wrap the dataset so that it yields samples with labels")
    return item[0], item[1]


def _stack(dataset: Dataset) -> tuple[Tensor, Tensor]:
    size = len(dataset)  # type: ignore[arg-type]
    if size == 0:
        checks.refuse("at least one sample", "an empty dataset", "pass a dataset that is not empty")
    xs, ys = [], []
    for i in range(size):
        x, y = pair(dataset[i])
        xs.append(images.image_to_tensor(x, name=f"item {i}") if isinstance(x, Image.Image) else torch.as_tensor(x))
        ys.append(y)
        if xs[-1].shape != xs[0].shape:
            remedy = "resize them, e.g. with torchvision.transforms.v2.Resize or --size on the command line"
            refused = f"{tuple(xs[0].shape)} and {tuple(xs[-1].shape)}"
            checks.refuse("samples of one shape", refused, remedy)
    # Pictures of 8 bits may stand beside some of 16.
    return images.stack_images(xs) if isinstance(x, Image.Image) else torch.stack(xs), torch.as_tensor(np.asarray(ys))


def load(
    source: str | Path, *, train: bool = True, label_column: str | None = None, size: int | None = None
) -> Samples:
    """Loads a named set or a path.

    Arguments:
        source: `digits`, `breast-cancer`, `wine` (shipped with scikit-learn, one part only), `fashion-mnist`, a folder
            of class folders, an `.npz` with `x` and `y`, or a `.csv` with a label column.
        train: Fashion-MNIST alone has two official parts; False loads its test part.
        label_column: The label column of a `.csv`; by default the last.
        size: Resizes the images of a folder to `size` x `size` pixels; by default they must be alike.

    Raises:
        InputError: If there is no such set or file, or if it cannot be read.
    """
    if source == "fashion-mnist":
        return _fashion_mnist(train)
    if source in NAMES:
        return _embedded(str(source))
    path = Path(source)
    if path.is_dir():
        x, y, names, files = images.read_folder(path, size)
        return replace(from_arrays(x, y, names), files=tuple(files))
    if path.suffix.lower() == ".npz" and path.is_file():
        return _npz(path)
    if path.suffix.lower() == ".csv" and path.is_file():
        table = csv_tables.read(path, label_column)
        return replace(from_arrays(table.x, table.y, table.names), columns=tuple(table.columns))
    known = f"one of {', '.join(NAMES)}, a folder of class folders, an .npz or a .csv"
    checks.refuse(known, repr(str(source)), "check the name or the path")


def _embedded(name: str) -> Samples:
    found = getattr(sklearn_datasets, f"load_{name.replace('-', '_')}")()
    names = tuple(map(str, found.target_names))
    x = (found.images / 16)[:, None] if name == "digits" else found.data
    return Samples(torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(found.target).long(), names)


def _fashion_mnist(train: bool) -> Samples:
    if DEBIAN_FASHION.is_dir():
        stem = DEBIAN_FASHION / ("train" if train else "t10k")
        with (
            gzip.open(f"{stem}-images-idx3-ubyte.gz") as image_file,
            gzip.open(f"{stem}-labels-idx1-ubyte.gz") as label_file,
        ):
            x = np.frombuffer(image_file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
            y = np.frombuffer(label_file.read(), np.uint8, offset=8).astype(np.int64)
        return from_arrays(x.copy(), y, FashionMNIST.classes)
    try:
        found = FashionMNIST(CACHE, train=train, download=True)
    except (RuntimeError, OSError) as error:
        remedy = (
            f"either run 'apt-get install dataset-fashion-mnist' (Debian, Ubuntu), or put the four files of "
            f"torchvision's FashionMNIST under {CACHE / 'FashionMNIST' / 'raw'}"
        )
        checks.refuse("the files of Fashion-MNIST", f"'{error}'", remedy)
    return from_arrays(found.data[:, None], found.targets, found.classes)


def read_maybe_labelled(
    path: str | Path, event_shape: Sequence[int], label_column: str | None = None
) -> tuple[Samples, bool]:
    """Reads an `.npz` or a `.csv` of samples that may have labels, and says whether they do; without, all labels are 0.

    Arguments:
        path: The file. An `.npz` has labels if it has `y`, a `.csv` if it has more columns than features.
        event_shape: The shape of one sample.
        label_column: The label column of a `.csv`; by default the last.

    Raises:
        InputError: If it cannot be read.
    """
    path, x = Path(path), None
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as found:
                x = None if "y" in found else found["x"]
        elif label_column is None:
            with path.open(newline="", encoding="utf-8-sig") as file:
                plain = len(next(csv.reader(file), [])) == event_shape[0]
                x = np.loadtxt(file, delimiter=",", dtype=np.float32, ndmin=2) if plain else None
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        checks.refuse(f"numbers in '{path}'", f"'{error}'", "check the file")
    if x is None:
        return load(path, label_column=label_column), True
    return from_arrays(x, np.zeros(len(x), dtype=np.int64)), False


def _npz(path: Path) -> Samples:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            x, y = found["x"], found["y"]
            names = tuple(map(str, found["names"])) if "names" in found else ()
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        checks.refuse(
            f"arrays x and y of numbers in {path}", f"'{error}'", "write it with numpy.savez(path, x=..., y=...)"
        )
    if x.ndim == 4 and x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4):
        x = x.transpose(0, 3, 1, 2)
    return from_arrays(x, y, names)
