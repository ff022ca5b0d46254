"""The bank of a saved augmenter: tensors in one file, described in `config.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from vaeaug.augmenter import format_1
from vaeaug.data.csv_columns import MOST_DECIMALS
from vaeaug.data.images import MAX_SIDE
from vaeaug.data.samples import Samples, Scaling
from vaeaug.data.tables import saved as saved_tables
from vaeaug.data.tables.saved import SavedColumn
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.runtime import checks, files, schema

PSEUDO_PREFIX = "pseudo_labelled."  # of the names of their tensors
# The fields of Samples that describe the tensors.
DESCRIBED = tuple(field.name for field in fields(Samples) if field.name not in ("x", "y", "table"))


@dataclass(frozen=True)
class SavedData:
    """What `config.json` says of the bank; see `vaeaug.data.samples.Samples`."""

    event_shape: tuple[Annotated[int, schema.Between(1)], ...]
    latent_dim: Annotated[int, schema.Between(1)]
    names: tuple[str, ...]
    counts: tuple[Annotated[int, schema.Between(0)], ...]
    scaling: Scaling
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    integer_columns: tuple[Annotated[int, schema.Between(0)], ...] = ()
    boolean_columns: tuple[Annotated[int, schema.Between(0)], ...] = ()
    decimals: tuple[Annotated[int, schema.Between(0, MOST_DECIMALS)], ...] = ()
    label_position: Annotated[int, schema.Between(-1)] = -1
    dtype: Literal["", "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"] = ""
    resized_to: Annotated[int, schema.Between(0, MAX_SIDE)] = 0
    table: tuple[SavedColumn, ...] | None = None

    @classmethod
    def of(cls, bank: Bank) -> SavedData:
        """Returns what is to be saved of a bank."""
        samples = bank.samples
        return cls(
            event_shape=samples.event_shape,
            latent_dim=bank.mean.shape[1],
            counts=tuple(samples.counts),
            scaling=bank.scaling,
            table=None if samples.table is None else saved_tables.describe(samples.table),
            **{name: getattr(samples, name) for name in DESCRIBED},
        )


def tensors_of(bank: Bank) -> dict[str, Tensor]:
    """Returns the tensors of a bank by their names in the file."""
    tensors = {"x": bank.samples.x, "y": bank.samples.y, "mean": bank.mean, "stddev": bank.stddev}
    if bank.pseudo_labelled is not None:
        names = [field.name for field in fields(PseudoLabelled)]
        tensors |= {f"{PSEUDO_PREFIX}{name}": getattr(bank.pseudo_labelled, name) for name in names}
    table = bank.samples.table
    return tensors if table is None else tensors | saved_tables.tensors_of(table)


def load(path: Path, data: SavedData) -> Bank:
    """Returns the bank in a file.

    Arguments:
        path: The file.
        data: What `config.json` says of it.

    Raises:
        InputError: If it is missing or damaged, or does not fit.
    """
    tensors, _ = files.load_tensors(path, "bank")
    # Copies: the tensors are views of the file, which may be replaced while the augmenter is in use.
    tensors = {format_1.TENSORS.get(name, name): tensor.clone() for name, tensor in tensors.items()}
    pseudo = {name.removeprefix(PSEUDO_PREFIX): t for name, t in tensors.items() if name.startswith(PSEUDO_PREFIX)}
    if not _fits(tensors, data) or not _pseudo_labelled_fit(pseudo, data):
        checks.refuse("a bank that fits config.json", f"another in '{path}'", "do not mix the files of two augmenters")
    table = None if data.table is None else saved_tables.restore(data.table, tensors, math.prod(data.event_shape))
    if data.table is not None and table is None:
        checks.refuse("columns that fit config.json", f"others in '{path}'", "do not mix the files of two augmenters")
    x, y, mean, stddev = (tensors[name] for name in ("x", "y", "mean", "stddev"))
    samples = Samples(x, y, **{name: getattr(data, name) for name in DESCRIBED}, table=table)
    return Bank(samples, mean, stddev, data.scaling, PseudoLabelled(**pseudo) if pseudo else None)


def _fits(tensors: dict[str, Tensor], data: SavedData) -> bool:
    size, num_classes = sum(data.counts), len(data.counts)
    codes = (size, data.latent_dim)
    shapes = {"x": (size, *data.event_shape), "y": (size,), "mean": codes, "stddev": codes}
    if not _have(tensors, shapes) or len(data.names) != num_classes:
        return False
    labels = tensors["y"]
    if labels.dtype != torch.int64 or (size and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes):
        return False
    counts = tuple(torch.bincount(labels, minlength=num_classes).tolist())
    described = len(data.files) in (0, size) and _columns_fit(data)
    return described and counts == data.counts and bool((tensors["stddev"] >= 0).all())


def _columns_fit(data: SavedData) -> bool:
    """Returns whether what is said of the columns fits their number. Every column has a name, and the label, too."""
    features = math.prod(data.event_shape)
    typed = features if len(data.event_shape) == 1 else 0
    if any(i >= typed for i in data.integer_columns) or not {*data.boolean_columns} <= {*data.integer_columns}:
        return False
    lengths_fit = len(data.columns) in (0, features + 1) and len(data.decimals) in (0, features)
    return lengths_fit and data.label_position < features


def _pseudo_labelled_fit(pseudo: dict[str, Tensor], data: SavedData) -> bool:
    if not pseudo:
        return True
    index = pseudo.get("parent_index")
    size = len(index) if index is not None and index.ndim else 0
    codes = (size, data.latent_dim)
    shapes = {
        "x": (size, *data.event_shape),
        "parent_index": (size,),
        "confidence": (size,),
        "mean": codes,
        "stddev": codes,
    }
    if index is None or pseudo.keys() != shapes.keys() or not _have(pseudo, shapes) or index.dtype != torch.int64:
        return False
    return not size or 0 <= int(index.min()) <= int(index.max()) < sum(data.counts)


def _have(tensors: dict[str, Tensor], shapes: dict[str, tuple[int, ...]]) -> bool:
    return all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in shapes.items())
