"""Labelled samples in one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaeaug.data import frames, labels, sample_kinds
from vaeaug.data.images import SMALLEST_SIDE
from vaeaug.data.other_frames import to_pandas
from vaeaug.data.outliers import warn_of_rounding
from vaeaug.data.scaling import Scaling
from vaeaug.data.tables import Table, is_mixed
from vaeaug.data.tables.kinds import AUTO, is_auto
from vaeaug.data.tensors import as_tensor, unit_float
from vaeaug.runtime import checks, modes

__all__ = [
    "SMALLEST_SIDE",
    "Samples",
    "Scaling",
    "as_tensor",
    "from_arrays",
    "from_table",
    "unit_float",
    "with_columns_of",
    "without_gaps",
]


@dataclass(frozen=True, eq=False)
class Samples:
    """Labelled samples.

    Arguments:
        x: The samples, images `(N, C, H, W)`, signals `(N, C, T)` or rows `(N, features)`, float32, in the data's own range.
        y: The labels, `(N,)`, int64 in 0..K-1.
        names: The class names; by default the numbers.
        files: The file of each sample; empty if the samples were not read from files.
        columns: The names of the features and, last, of the label; empty if they are unknown.
        integer_columns: The indices of the features whose values are all whole numbers or booleans, so that they can be given
            back as such; empty if that is unknown, and for images and signals.
        boolean_columns: The indices of the features that were booleans, True and False; they are integer columns, too.
        decimals: The largest number of decimals of each feature in a `.csv`; empty if they are unknown.
        label_position: The position of the label among the columns of a `.csv`; -1 is the last.
        dtype: The dtype of samples that were passed as an array of whole numbers or booleans, such as `uint8`; empty for
            floats, tables with several types, and files of images.
        resized_to: The side, in pixels, to which images were resized when their files were read; 0 if they were not.
        table: The schema of a table with categories or missing values: `x` holds its rows, encoded. None for all else.
    """

    x: Tensor
    y: Tensor
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    integer_columns: tuple[int, ...] = ()
    boolean_columns: tuple[int, ...] = ()
    decimals: tuple[int, ...] = ()
    label_position: int = -1
    dtype: str = ""
    resized_to: int = 0
    table: Table | None = None

    def __post_init__(self) -> None:
        if not self.names:
            num_classes = int(self.y.max()) + 1 if len(self.y) else 0
            labels.check_class_number(num_classes - 1)
            object.__setattr__(self, "names", tuple(map(str, range(num_classes))))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Any) -> Samples:
        files = tuple(self.files[i] for i in torch.arange(len(self))[index].tolist()) if self.files else ()
        return replace(self, x=self.x[index], y=self.y[index], files=files)

    def copy(self) -> Samples:
        """Returns the samples with copies of the tensors."""
        return replace(self, x=self.x.clone(), y=self.y.clone())

    def round_(self, x: Tensor) -> Tensor:
        """Rounds synthetic samples, `(B, *event)`, in place, wherever these samples are whole numbers or booleans."""
        if x.ndim > 2:
            is_unit = self.dtype == "uint8" and x.ndim == 4  # uint8 images became floats in 0..1
            return x.round_() if self.dtype and not is_unit else x
        if len(self.integer_columns) == x.shape[1]:
            return x.round_()
        if self.integer_columns:
            index = torch.tensor(self.integer_columns, device=x.device)
            x[:, index] = x[:, index].round()
        return x

    def scaling(self) -> Scaling:
        """Returns the scaling fitted to these samples."""
        return Scaling.fit(self.x, self.columns) if self.table is None else self.table.scaling

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.x.shape[1:])

    @property
    def counts(self) -> list[int]:
        """The number of samples of each class."""
        return torch.bincount(self.y, minlength=len(self.names)).tolist()


@modes.in_plain_modes
def from_arrays(
    x: Any,
    y: Any,
    names: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    partial: bool = False,
    categorical_features: Any = AUTO,
    kind: str = sample_kinds.AUTO,
) -> Samples:
    """Creates `Samples` from arrays or tensors.

    Arguments:
        x: Numbers of shape `(N, features)`, `(N, C, T)`, `(N, H, W)` or `(N, C, H, W)`, a data frame, or a list of PIL
            images; uint8 images are divided by 255. A frame with categories or missing values becomes a table (see
            `vaeaug.data.tables`).
        y: The labels, `(N,)`: whole numbers from 0, words, booleans, categories or one-hot; see `labels.encode`.
        names: The class names; by default those of the labels, or the numbers.
        columns: The names of the features; by default those of a frame.
        partial: Whether these are a part of the samples, as in a batch; see `labels.encode`.
        categorical_features: The columns of a frame that are categories, as indices, names or a mask; "auto" decides by their
            types.
        kind: `signals` for signals `(N, C, T)`, or `(N, T)` of one channel, and `images` for images; "auto" decides by the
            shape (see `vaeaug.data.sample_kinds`).

    Raises:
        InputError: If there are no samples, if a shape or a label is not valid, or if a value is NaN or infinite.
    """
    booleans: tuple[int, ...] | None = None
    x = to_pandas(x, "x")
    label_name = str(getattr(y, "name", None) or "label")
    if frames.is_frame(x) and (not is_auto(categorical_features) or is_mixed(x)):
        return from_table(x, y, names, categorical_features=categorical_features)
    if frames.is_frame(x):
        frame = frames.read("x", x)
        x, columns, booleans = frame.x, frame.columns, frame.booleans
    x = as_tensor("x", x)
    y, found_names = labels.encode(y, tuple(map(str, names)), partial=partial)
    signals = _check_shapes(x, len(y), kind)
    x = sample_kinds.with_channels(x, signals)
    checks.check_finite("x", x)
    if x.dtype == torch.uint8 and x.ndim == 4 and x.max() == 1:
        checks.refuse("uint8 images in 0..255", "values of 0 and 1 alone", "pass floats in 0..1, or 255 times x")
    exact, x = x, (x.float() if signals else unit_float(x)).cpu()
    if exact.dtype == torch.float64:  # which may overflow in float32
        checks.check_finite("x as float32", x)
    if x.ndim == 2 and not partial:
        warn_of_rounding(exact, x, columns)
    integers = _whole_columns(exact) if x.ndim == 2 else ()
    if booleans is None:
        booleans = integers if exact.dtype == torch.bool else ()
    all_columns = (*columns, label_name) if columns else ()
    dtype = "" if exact.dtype.is_floating_point else str(exact.dtype).removeprefix("torch.")
    return Samples(x, y, found_names, (), all_columns, integers, booleans, dtype=dtype)


def from_table(
    frame: Any, y: Any, names: Sequence[str] = (), *, categorical_features: Any = AUTO, name: str = "x"
) -> Samples:
    """Creates `Samples` from a data frame with numbers, categories and missing values; its rows are encoded.

    Arguments:
        frame: The data frame.
        y, names, categorical_features: As in `from_arrays`.
        name: The name of the frame in messages.

    Raises:
        InputError: As `from_arrays`, and if a column is neither; see `Table.fit`.
    """
    encoded, found_names = labels.encode(y, tuple(map(str, names)))
    if len(frame) != len(encoded):
        got = f"{len(frame)} samples and {len(encoded)} labels"
        checks.refuse("as many samples as labels", got, "check how they were read")
    table = Table.fit(frame, categorical_features, name)
    x = table.encode(frame, name)
    _check_shapes(x, len(encoded))
    label_name = str(getattr(y, "name", None) or "label")
    return Samples(x, encoded, found_names, columns=(*table.feature_names, label_name), table=table)


def with_columns_of(samples: Samples, like: Samples, name: str) -> Samples:
    """Returns tabular samples with the columns of others, in their order; the same samples if either has no names.

    Arguments:
        samples: The samples.
        like: The others.
        name: The name of the samples in messages.

    Raises:
        InputError: If a column is lacking.
    """
    own, wanted = samples.columns[:-1], like.columns[:-1]
    if own == wanted or not own or not wanted or any(map(frames.is_numbering, (own, wanted))):
        return samples
    lacking = [column for column in wanted if column not in own]
    if lacking:
        got = f"none called {checks.join_names(lacking, 5)}"
        checks.refuse(f"the columns of the training data in {name}", got, "name the columns as in that data")
    return replace(
        like, x=samples.x[:, [own.index(column) for column in wanted]], y=samples.y, names=samples.names, files=()
    )


def without_gaps(samples: Samples) -> Samples:
    """Returns samples with the labels that occur numbered from 0, with a warning, if the labels are numbers with gaps.

    Samples whose classes have names, and those of all classes, are returned as they are.
    """
    numbers = tuple(map(str, range(len(samples.names))))
    counts = samples.counts
    if all(counts) or samples.names != numbers:
        return samples
    names = tuple(name for name, count in zip(numbers, counts, strict=True) if count)
    labels.warn_of_numbering(names)
    y = torch.tensor([int(name) for name in names])
    return replace(samples, y=torch.searchsorted(y, samples.y), names=names)


def _check_shapes(x: Tensor, labels_count: int, kind: str = sample_kinds.AUTO) -> bool:
    """Refuses samples of a shape that no VAE takes, and another number of samples than labels.

    Returns whether they are signals.
    """
    if x.ndim == 0:
        checks.refuse("x with one sample per row", "a single number", "pass an array of shape (N, ...)")
    if len(x) != labels_count:
        got = f"{len(x)} samples and {labels_count} labels"
        checks.refuse("as many samples as labels", got, "check how they were read")
    if len(x) == 0:
        checks.refuse("at least one sample", "none", "pass data that is not empty")
    if x.ndim not in (2, 3, 4):
        shapes = "tabular data (N, features), signals (N, C, T), grey images (N, H, W) or images (N, C, H, W)"
        checks.refuse(shapes, f"shape {tuple(x.shape)}", "reshape x")
    if x.shape[1] == 0:
        checks.refuse("at least one feature or channel", f"shape {tuple(x.shape)}", "pass data that is not empty")
    if sample_kinds.are_signals(tuple(x.shape), kind, uint8=x.dtype == torch.uint8):
        if x.shape[-1] < SMALLEST_SIDE:
            expected = f"signals of at least {SMALLEST_SIDE} points, (N, C, T)"
            remedy = "put the time last, or flatten them to (N, features)"
            checks.refuse(expected, f"shape {tuple(x.shape)}", remedy)
        return True
    if x.ndim == 4 and x.shape[1] not in (1, 3, 4) and x.shape[3] in (1, 3, 4):
        checks.refuse("images (N, C, H, W)", f"shape {tuple(x.shape)}", "use x.transpose(0, 3, 1, 2)")
    if x.ndim > 2 and min(x.shape[-2:]) < SMALLEST_SIDE:
        smallest = f"images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
        remedy = "resize them, or flatten them to (N, features)"
        if x.ndim == 3 and x.shape[1] >= SMALLEST_SIDE:
            remedy += "; signals are (N, C, T) with the time last: x.transpose(0, 2, 1)"
        checks.refuse(smallest, f"{x.shape[-2]}x{x.shape[-1]}", remedy)
    return False


def _whole_columns(x: Tensor) -> tuple[int, ...]:
    """Returns the indices of the columns that hold nothing but whole numbers or booleans."""
    if not x.dtype.is_floating_point:
        return tuple(range(x.shape[1]))
    # An array of several types holds its whole numbers as floats, and so do columns that once had missing values.
    may_be = (x[0] == x[0].round()).nonzero()[:, 0]
    return tuple(may_be[(x[:, may_be] == x[:, may_be].round()).all(0)].tolist())
