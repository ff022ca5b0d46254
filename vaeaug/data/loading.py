"""Converts any supported input to `Samples`: arrays, a Dataset, a DataLoader, a path or the name of a data set."""

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
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vaeaug.data import csv_tables
from vaeaug.data.image_folders import read_folder
from vaeaug.data.images import image_to_tensor, is_pil_image, stack_images
from vaeaug.data.samples import Samples, from_arrays
from vaeaug.runtime import checks

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
CACHE = Path.home() / ".cache" / "vaeaug"
EMPTY_LOADER = ("at least one batch", "an empty DataLoader", "pass a loader that is not empty")
NAMES = ("digits", "breast-cancer", "wine", "fashion-mnist")


def as_samples(data: Any, names: Sequence[str] = (), *, y: Any = None) -> Samples:
    """Converts labelled data to `Samples`.

    Arguments:
        data: `Samples`, a tuple `(X, y)` of arrays or tensors, a torch Dataset or DataLoader of `(x, y)`, the name of a
            data set (see `load`) or a path.
        names: The class names; by default those of the data, or the numbers of the classes.
        y: The labels, if `data` is X alone.

    Raises:
        InputError: If the samples differ in shape, a value is not finite, a label is not a whole number from 0, or there
            are no samples.
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
        batches = [x_and_y(batch) for batch in data]
        if not batches:
            checks.refuse(*EMPTY_LOADER)
        return from_arrays(
            torch.cat([x for x, _ in batches]), torch.cat([torch.as_tensor(y) for _, y in batches]), names
        )
    if isinstance(data, Dataset):
        return from_arrays(*_stack(data), names or getattr(data, "classes", ()))
    if isinstance(data, tuple | list) and len(data) == 2:
        return from_arrays(data[0], data[1], names)
    remedy = "pass the labels, too: (X, y)" if hasattr(data, "__array__") else "pass one of these"
    checks.refuse("(X, y), a torch Dataset or DataLoader, a name or a path", type(data).__name__, remedy)


def x_and_y(item: Any) -> tuple[Any, Any]:
    """Returns the sample and label of an item of a Dataset, or the samples and labels of a batch of a DataLoader.

    Raises:
        InputError: If the item is not a tuple or list that begins with these two.
    """
    if not isinstance(item, tuple | list) or len(item) < 2:
        checks.refuse("items (x, y)", type(item).__name__, "wrap the dataset so that it yields samples with labels")
    return item[0], item[1]


def _stack(dataset: Dataset) -> tuple[Tensor, Tensor]:
    size = len(dataset)  # type: ignore[arg-type]
    if size == 0:
        checks.refuse("at least one sample", "an empty dataset", "pass a dataset that is not empty")
    xs, ys = [], []
    for i in range(size):
        x, y = x_and_y(dataset[i])
        xs.append(image_to_tensor(x, name=f"item {i}") if is_pil_image(x) else torch.as_tensor(x))
        ys.append(y)
        if xs[-1].shape != xs[0].shape:
            remedy = "resize them, e.g. with torchvision.transforms.v2.Resize or --size on the command line"
            got = f"{tuple(xs[0].shape)} and {tuple(xs[-1].shape)}"
            checks.refuse("samples of one shape", got, remedy)
    # Not torch.stack: some PIL images may have 8 bits and others 16.
    return stack_images(xs) if is_pil_image(x) else torch.stack(xs), torch.as_tensor(np.asarray(ys))


@checks.renamed(label="label_column")
def load(
    source: str | Path, *, train: bool = True, label_column: str | None = None, size: int | None = None
) -> Samples:
    """Loads a named data set, a folder or a file.

    Arguments:
        source: `digits`, `breast-cancer` or `wine` (shipped with scikit-learn), `fashion-mnist`, a folder with one folder of
            images per class, an `.npz` with `x` and `y`, or a `.csv` with a label column.
        train: False loads the official test set of Fashion-MNIST; other data sets have none, and ignore it.
        label_column: The label column of a `.csv`; by default the last column.
        size: Resizes the images of a folder to `size` x `size` pixels; by default they must have one size.

    Returns:
        The samples, with the file names of a folder or the column names of a `.csv`.

    Raises:
        InputError: If there is no such data set or file, or if it cannot be read.
    """
    if source == "fashion-mnist":
        return _fashion_mnist(train)
    if source in NAMES:
        return _embedded(str(source))
    path = Path(source)
    if path.is_dir():
        return read_folder(path, size)
    if path.suffix.lower() == ".npz" and path.is_file():
        return _npz(path)
    if path.suffix.lower() == ".csv" and path.is_file():
        table = csv_tables.read(path, label_column)
        return replace(from_arrays(table.x, table.y, table.names), columns=tuple(table.columns))
    expected = f"one of {', '.join(NAMES)}, a folder of class folders, an .npz or a .csv"
    checks.refuse(expected, repr(str(source)), "check the name or the path")


def _embedded(name: str) -> Samples:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    names = tuple(map(str, bunch.target_names))
    x = (bunch.images / 16)[:, None] if name == "digits" else bunch.data
    return Samples(torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(bunch.target).long(), names)


def _fashion_mnist(train: bool) -> Samples:
    from torchvision.datasets import FashionMNIST

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
        dataset = FashionMNIST(CACHE, train=train, download=True)
    except (RuntimeError, OSError) as error:
        remedy = (
            f"either run 'apt-get install dataset-fashion-mnist' (Debian, Ubuntu), or put the four files of "
            f"torchvision's FashionMNIST under {CACHE / 'FashionMNIST' / 'raw'}"
        )
        checks.refuse("the files of Fashion-MNIST", f"'{error}'", remedy)
    return from_arrays(dataset.data[:, None], dataset.targets, dataset.classes)


def read_maybe_labelled(
    path: str | Path, event_shape: Sequence[int], label_column: str | None = None
) -> tuple[Samples, bool]:
    """Reads an `.npz` or a `.csv` of samples that may have labels.

    Arguments:
        path: The file. An `.npz` has labels if it has `y`, a `.csv` if it has more columns than features.
        event_shape: The shape of one sample.
        label_column: The label column of a `.csv`; by default the last column.

    Returns:
        The samples, and whether they have labels; if not, all labels are 0.

    Raises:
        InputError: If the file cannot be read.
    """
    path, x = Path(path), None  # x stays None if there are labels
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                x = None if "y" in arrays else arrays["x"]
        elif label_column is None:
            with path.open(newline="", encoding="utf-8-sig") as file:
                unlabelled = len(next(csv.reader(file), [])) == event_shape[0]
                x = np.loadtxt(file, delimiter=",", dtype=np.float32, ndmin=2) if unlabelled else None
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        checks.refuse(f"numbers in '{path}'", f"'{error}'", "check the file")
    if x is None:
        return load(path, label_column=label_column), True
    return from_arrays(x, np.zeros(len(x), dtype=np.int64)), False


def _npz(path: Path) -> Samples:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
            names = tuple(map(str, arrays["names"])) if "names" in arrays else ()
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        checks.refuse(
            f"arrays x and y of numbers in {path}", f"'{error}'", "write it with numpy.savez(path, x=..., y=...)"
        )
    if x.ndim == 4 and x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4):
        x = x.transpose(0, 3, 1, 2)
    return from_arrays(x, y, names)
