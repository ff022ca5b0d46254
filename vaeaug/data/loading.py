"""Converts any supported input to `Samples`: arrays, a Dataset, a DataLoader, a path or the name of a data set."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from vaeaug.data import csv_tables, huggingface, npz
from vaeaug.data.fields import x_and_y
from vaeaug.data.image_folders import read_folder
from vaeaug.data.labels import names_of
from vaeaug.data.loaders import EMPTY_LOADER, SampleList, is_loader, items_of, read_batches, with_names_inside
from vaeaug.data.row_numbers import warn_of_row_numbers
from vaeaug.data.sample_kinds import SIGNALS, kind_like
from vaeaug.data.samples import Samples, from_arrays, from_table
from vaeaug.data.tables import Table
from vaeaug.data.tables.kinds import AUTO
from vaeaug.runtime import checks, modes

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
CACHE = Path.home() / ".cache" / "vaeaug"
EMPTY_DATASET = ("at least one sample", "an empty dataset", "pass a dataset that is not empty")
NAMES = ("digits", "breast-cancer", "wine", "fashion-mnist")


@modes.in_plain_modes
def as_samples(
    data: Any,
    names: Sequence[str] = (),
    *,
    y: Any = None,
    seed: int = 0,
    categorical_features: Any = AUTO,
    kind: str = AUTO,
) -> Samples:
    """Converts labelled data to `Samples`.

    Arguments:
        data: `Samples`, a tuple `(X, y)` of arrays, tensors or a data frame and its labels, a torch Dataset or DataLoader of
            pairs `(x, y)` or of mappings, a dataset or a stream of Hugging Face's `datasets`, the name of a data set (see
            `load`) or a path.
        names: The class names; by default those of the data, or the numbers of the classes.
        y: The labels, if `data` is X alone.
        seed: The seed of the order of a DataLoader that shuffles, and of random transforms.
        categorical_features: The columns of a data frame that are categories; see `from_arrays`.
        kind: `signals` or `images`, where the shape of the samples cannot tell; "auto" reads `(N, C, T)` with fewer than 8
            channels as signals and `(N, H, W)` as grey images (see `vaeaug.data.sample_kinds`).

    Raises:
        InputError: If the samples differ in shape, a value is not finite, a label is missing or none, or there are no
            samples.
    """
    if y is not None:
        if isinstance(data, Samples | str | Path | DataLoader | Dataset) or huggingface.is_dataset(data):
            checks.refuse("X and y, or data with its labels in it", f"{type(data).__name__} and y", "leave y out")
        return _checked(from_arrays(data, y, names, categorical_features=categorical_features, kind=kind))
    if isinstance(data, Samples):
        return data
    if isinstance(data, str | Path):
        return load(data, kind=kind)
    if is_loader(data):
        pairs = (x_and_y(batch) for batch in read_batches(data, seed))
        return with_names_inside(_from_pairs(pairs, names or names_of(data.dataset), True, kind), data.dataset)
    table = huggingface.labelled_frame(data) if huggingface.is_dataset(data) else None
    if table is not None:
        names = names or names_of(data)
        return _checked(from_arrays(*table, names, categorical_features=categorical_features, kind=kind))
    if isinstance(data, Dataset) or huggingface.is_dataset(data):
        items = map(x_and_y, items_of(data, seed))
        return with_names_inside(_from_pairs(items, names or names_of(data), False, kind), data)
    if isinstance(data, tuple | list) and len(data) == 2:
        return _checked(from_arrays(data[0], data[1], names, categorical_features=categorical_features, kind=kind))
    remedy = "pass the labels, too: (X, y)" if hasattr(data, "__array__") else "pass one of these"
    if isinstance(data, Mapping) and data and all(map(huggingface.is_dataset, data.values())):
        remedy = f"choose one of its splits, for example [{next(iter(data))!r}]"
    checks.refuse("(X, y), a torch Dataset or DataLoader, a name or a path", type(data).__name__, remedy)


def _from_pairs(pairs: Iterator[tuple[Any, Any]], names: Sequence[str], batched: bool, kind: str) -> Samples:
    """Returns samples of pairs of a sample and its label, or of a batch of samples and theirs."""
    xs, ys = SampleList("x"), []
    for x, y in pairs:
        (xs.add_batch if batched else xs.add)(x)
        ys.extend(_labels_in(y) if batched else [y])
    if not ys:
        checks.refuse(*(EMPTY_LOADER if batched else EMPTY_DATASET))
    return _checked(from_arrays(xs.tensor(), ys, names, kind=kind))


def _checked(samples: Samples) -> Samples:
    """Returns samples, with a warning of columns that only number them."""
    if samples.table is not None:
        samples.table.warn_of_row_numbers(len(samples))
    elif samples.x.ndim == 2:
        warn_of_row_numbers(samples.x.numpy(), samples.columns[:-1])
    return samples


def _labels_in(y: Any) -> list[Any]:
    """Returns the labels of a batch, one by one."""
    labels = y.tolist() if hasattr(y, "tolist") else y
    return list(labels) if isinstance(labels, tuple | list) else [labels]


@checks.renamed(label="label_column")
@modes.in_plain_modes
def load(
    source: str | Path,
    *,
    train: bool = True,
    label_column: str | None = None,
    size: int | None = None,
    keep_row_numbers: bool = False,
    kind: str = AUTO,
) -> Samples:
    """Loads a named data set, a folder or a file.

    Arguments:
        source: `digits`, `breast-cancer` or `wine` (shipped with scikit-learn), `fashion-mnist`, a folder with one folder of
            images per class, an `.npz` with `x` and `y`, or a `.csv` with a label column.
        train: False loads the official test set of Fashion-MNIST; other data sets have none, and ignore it.
        label_column: The label column of a `.csv`; by default the last column, unless another one is called as a label is.
        keep_row_numbers: Whether columns of a `.csv` that number the rows are features; by default they are left out with a
            warning (see `csv_tables.read`).
        size: Resizes the images of a folder to `size` x `size` pixels; by default they must have one size.
        kind: `signals` or `images`, for an `.npz` whose shape cannot tell; see `as_samples`. With `signals` the rows of a
            `.csv` are signals of one channel.

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
    if path.suffix.lower() == ".npz" and path.exists():
        return _checked(from_arrays(*npz.read(path), kind=kind))
    if path.suffix.lower() == ".csv" and path.exists():
        table = csv_tables.read(path, label_column, keep_row_numbers=keep_row_numbers)
        return _from_table(table) if kind == AUTO else _signals_from_table(table, kind)
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
        return replace(from_arrays(x.copy(), y, FashionMNIST.classes), dtype="")
    try:
        dataset = FashionMNIST(CACHE, train=train, download=True)
    except (RuntimeError, OSError) as error:
        remedy = (
            f"either run 'apt-get install dataset-fashion-mnist' (Debian, Ubuntu), or put the four files of "
            f"torchvision's FashionMNIST under {CACHE / 'FashionMNIST' / 'raw'}"
        )
        checks.refuse("the files of Fashion-MNIST", f"'{error}'", remedy)
    return replace(from_arrays(dataset.data[:, None], dataset.targets, dataset.classes), dtype="")


@modes.in_plain_modes
def read_maybe_labelled(
    path: str | Path,
    event_shape: Sequence[int],
    label_column: str | None = None,
    columns: Sequence[str] = (),
    like: Table | None = None,
) -> tuple[Samples, bool]:
    """Reads an `.npz` or a `.csv` of samples that may have labels.

    Arguments:
        path: The file. An `.npz` has labels if it has `y`, a `.csv` if it has more columns than features.
        event_shape: The shape of one sample.
        label_column: The label column of a `.csv`; by default the last column.
        columns: The names of the features and, last, of the label of samples like these; see `csv_tables.read_features`.
        like: The schema of samples like these, if they have categories or missing values.

    Returns:
        The samples, and whether they have labels; if not, all labels are 0.

    Raises:
        InputError: If the file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        stored = npz.read(path, labelled=False)
        y = np.zeros(len(stored.x) if stored.x.ndim else 0, dtype=np.int64) if stored.y is None else stored.y
        names = () if stored.y is None else stored.names
        return from_arrays(stored.x, y, names, kind=_kind_like(stored.x, event_shape)), stored.y is not None
    if like is not None:
        known = (*(column.name for column in like.columns), columns[-1])
        table = csv_tables.read_features(path, len(like.columns), known, label_column, like)
        y = np.zeros(len(table.frame), dtype=np.int64) if table.y is None else table.y
        x = like.encode(like.like(table.frame, str(path)), str(path))
        return Samples(x, torch.as_tensor(y), table.names, table=like), table.y is not None
    table = csv_tables.read_features(path, event_shape[-1], columns, label_column)
    if len(event_shape) == 2:
        return _signals_from_table(table, SIGNALS), table.y is not None
    return _from_table(table), table.y is not None


def _signals_from_table(table: csv_tables.Table, kind: str) -> Samples:
    """Returns the rows of a `.csv` as signals of one channel."""
    if table.frame is not None:
        checks.refuse(f"numbers alone in a .csv of {kind}", "words or empty cells", "leave kind out for a table")
    y = np.zeros(len(table.x), dtype=np.int64) if table.y is None else table.y
    return from_arrays(table.x, y, table.names, kind=kind)


def _kind_like(x: np.ndarray, event_shape: Sequence[int]) -> str:
    """Returns the kind to read samples as that have to be like others; "auto" where they have another shape anyway."""
    fits = x.ndim in (len(event_shape), len(event_shape) + 1)
    return kind_like(event_shape) if fits else AUTO


def _from_table(table: csv_tables.Table) -> Samples:
    if table.frame is not None:
        samples = from_table(table.frame, table.y, table.names)
        assert samples.table is not None
        schema = replace(samples.table, decimals=table.decimals)
        columns = (*samples.columns[:-1], table.columns[-1])
        return replace(samples, table=schema, columns=columns, label_position=table.label_position)
    features = table.columns[: table.x.shape[1]]
    y = np.zeros(len(table.x), dtype=np.int64) if table.y is None else table.y
    return replace(
        from_arrays(table.x, y, table.names, columns=features),
        columns=table.columns,
        integer_columns=table.integer_columns,
        boolean_columns=table.boolean_columns,
        decimals=table.decimals,
        label_position=table.label_position,
    )
