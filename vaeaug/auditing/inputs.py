"""The real, the synthetic and the held-out samples of an audit: read from any form, with the same columns and classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug.auditing.columns import Columns, common_columns
from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.augmenter.generation import Generated
from vaeaug.data.loading import NAMES, as_samples, load
from vaeaug.data.samples import Samples
from vaeaug.export import recognition
from vaeaug.runtime import checks

ORDER = "audit(real, synthetic, holdout=...)"


@dataclass(frozen=True, eq=False)
class Part:
    """One of the three sets, in an order that depends on its content and the seed alone, so that the order in which samples
    were passed changes nothing.

    Arguments:
        samples: The samples.
        rows: The number of each sample as it was passed, `(N,)`, from 0.
        columns: The columns of a table; None for all else.
    """

    samples: Samples
    rows: np.ndarray
    columns: Columns | None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is audited.

    Arguments:
        real: The samples that the generator was fitted to.
        synthetic: What it generated.
        holdout: Samples of the same kind that it never saw; None if there are none.
        augmenter: The augmenter that generated, if it is at hand.
    """

    real: Part
    synthetic: Part
    holdout: Part | None
    augmenter: Augmenter | None

    @property
    def names(self) -> tuple[str, ...]:
        """The class names."""
        return self.real.samples.names

    @property
    def by_name(self) -> dict[str, Part]:
        """The sets by `real`, `synthetic` and, if there are held-out samples, `holdout`, in the order of the pool."""
        sets = {"real": self.real, "synthetic": self.synthetic, "holdout": self.holdout}
        return {name: part for name, part in sets.items() if part is not None}

    @property
    def parts(self) -> list[Part]:
        """The sets, in the order of the pool."""
        return list(self.by_name.values())

    def positions(self, part: Part) -> np.ndarray:
        """Returns the positions of a set in the pool of all."""
        start = 0
        for other in self.parts:
            if other is part:
                return np.arange(start, start + len(part))
            start += len(other)
        raise ValueError("a set of other inputs")


def read_inputs(
    real: Any,
    synthetic: Any,
    holdout: Any,
    *,
    augmenter: Any = None,
    label_column: str | None = None,
    size: int | None = None,
    seed: int = 0,
) -> Inputs:
    """Reads the sets of an audit.

    Arguments:
        real: The real samples in any form that `vaeaug.data.as_samples` takes, or a fitted augmenter or its folder, for the
            samples that it was fitted to.
        synthetic: Synthetic samples in the same forms, `Generated`, or a fitted augmenter or its folder, which then generates
            as many as there are real ones. None if `real` is an augmenter.
        holdout: Held-out samples, or None.
        augmenter: The augmenter that generated, or its folder.
        label_column: The label column of a `.csv`.
        size: The side to which images of folders are resized.
        seed: The seed of the order and of samples that are generated here.

    Raises:
        InputError: If a set cannot be read, if two do not fit each other, or if they seem to be swapped.
    """
    _check_not_generated(real, "real")
    _check_not_generated(holdout, "holdout")
    fitted = _as_augmenter(augmenter)
    own = _as_augmenter(real)
    generator = _as_augmenter(synthetic)
    if synthetic is None:
        generator = own
        if own is None:
            checks.refuse("synthetic samples", "none", f"pass them, or an augmenter as real; the order is {ORDER}")
    options = {"label_column": label_column, "size": size}
    real_samples = own.bank_.samples if own is not None else _read(real, None, "real", options)
    if generator is not None:
        synthetic = generator.generate(len(real_samples), seed=seed)
    sets = {"real": real_samples, "synthetic": _read(synthetic, real_samples, "synthetic", options)}
    if holdout is not None:
        sets["holdout"] = _read(holdout, real_samples, "holdout", options)
    if len(real_samples) < 2:
        checks.refuse("at least two real samples", len(real_samples), "pass more")
    sets = {name: _with_classes(samples, real_samples, name) for name, samples in sets.items()}
    columns: Sequence[Columns | None] = [None] * len(sets)
    if real_samples.x.ndim == 2:
        columns = common_columns(list(sets.values()), list(sets))
    else:
        for name, samples in sets.items():
            _check_events(samples, real_samples, name)
    parts = [_part(samples, own_columns, seed) for samples, own_columns in zip(sets.values(), columns, strict=True)]
    return Inputs(parts[0], parts[1], parts[2] if holdout is not None else None, fitted or generator or own)


def is_augmenter_folder(path: Any) -> bool:
    """Returns whether a path is that of a folder that `Augmenter.save` wrote."""
    return isinstance(path, str | Path) and str(path) not in NAMES and (Path(path) / "bank.safetensors").is_file()


def _as_augmenter(value: Any) -> Augmenter | None:
    if isinstance(value, Augmenter):
        value.check_fitted()
        return value
    return Augmenter.load(value) if is_augmenter_folder(value) else None


def _check_not_generated(source: Any, name: str) -> None:
    """Refuses synthetic samples of our own where real ones are expected: two arguments are swapped."""
    is_ours = isinstance(source, Generated)
    if isinstance(source, str | Path) and str(source) not in NAMES:
        path = Path(source)
        is_ours = (
            recognition.has_only_saved_images(path)
            if path.is_dir()
            else (path.suffix.lower() == ".npz" and path.is_file() and recognition.is_saved_npz(path))
            or (path.suffix.lower() == ".csv" and path.is_file() and recognition.is_saved_csv(path))
        )
    if is_ours:
        shown = "synthetic samples" if isinstance(source, Generated) else f"'{source}', which 'vaeaug generate' wrote"
        checks.refuse(f"real samples as {name}", shown, f"the order is {ORDER}: are two of them swapped?")


def _read(source: Any, like: Samples | None, name: str, options: dict[str, Any]) -> Samples:
    """Reads one set; `like` are the real samples."""
    if isinstance(source, Generated):
        source = (source.x, source.y)
    if isinstance(source, str | Path):
        label = options["label_column"]
        if like is not None and label is None and Path(source).suffix.lower() == ".csv" and like.columns:
            label = like.columns[-1]
        # Columns that the real samples do not have are left out later.
        return load(source, label_column=label, size=options["size"], keep_row_numbers=like is not None)
    if isinstance(source, Samples):
        return source
    names: tuple[str, ...] = ()
    if like is not None and isinstance(source, tuple | list) and len(source) == 2:
        names = like.names if _are_indices(source[1]) else ()
    return as_samples(source, names=names)


def _are_indices(y: Any) -> bool:
    """Returns whether labels are whole numbers, which stand for the classes of the real samples."""
    values = y.cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    return values.ndim == 1 and values.dtype.kind in "iu"


def _with_classes(samples: Samples, like: Samples, name: str) -> Samples:
    """Returns samples with the class numbers of the real ones, found by name."""
    number = {class_name: i for i, class_name in enumerate(like.names)}
    used = [own for own, count in zip(samples.names, samples.counts, strict=False) if count]
    unknown = [own for own in used if own not in number]
    if unknown:
        known = checks.join_names(like.names, 8)
        checks.refuse(f"classes of the real samples in {name} ({known})", repr(unknown[0]), "name the classes alike")
    numbers = torch.tensor([number.get(own, 0) for own in samples.names], dtype=torch.long)
    return replace(samples, y=numbers[samples.y], names=like.names)


def _check_events(samples: Samples, like: Samples, name: str) -> None:
    if samples.event_shape != like.event_shape:
        remedy = "convert them to one shape, or pass size for folders of images"
        checks.refuse(f"samples of shape {like.event_shape} as {name}", f"shape {samples.event_shape}", remedy)
    low, high = (float(v) for v in like.x.aminmax())
    own_low, own_high = (float(v) for v in samples.x.aminmax())
    width = high - low
    too_far = own_high > high + width or own_low < low - width
    if width > 0 and (too_far or (width > 20 and own_low >= 0 and own_high <= 1)):
        got = f"{own_low:g} to {own_high:g}"
        checks.refuse(f"values in the range of the real ones, {low:g} to {high:g}, as {name}", got, "scale them alike")


def _part(samples: Samples, columns: Columns | None, seed: int) -> Part:
    content = samples.x.flatten(1).numpy() if columns is None else columns.content()
    rows = np.ascontiguousarray(content)
    labels = samples.y.numpy()
    key = seed.to_bytes(8, "little")
    digests = [
        hashlib.blake2b(row.tobytes() + int(label).to_bytes(8, "little"), digest_size=16, key=key).digest()
        for row, label in zip(rows, labels, strict=True)
    ]
    order = np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)
    index = torch.from_numpy(order)
    return Part(samples[index], order, None if columns is None else columns.at(order))
