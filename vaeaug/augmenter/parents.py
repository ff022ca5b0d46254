"""The parents of one call of `generate`: the real samples that synthetic samples start from, and their order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeaug.augmenter.residuals import ResidualCache, SampleResiduals, compute_residuals
from vaeaug.augmenter.streams import Stream
from vaeaug.data.frames import is_frame
from vaeaug.data.images import from_pil
from vaeaug.data.other_frames import to_pandas
from vaeaug.data.samples import as_tensor, unit_float
from vaeaug.models.codec import CHUNK
from vaeaug.models.training import ShuffledIndices
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, seeds


class Parents(NamedTuple):
    """Real samples with their codes.

    Arguments:
        x: The samples, `(N, *event)`.
        y: Their labels, `(N,)`.
        confidence: The confidence in the labels, `(N,)`, in 0..1; NaN for labels that were given.
        mean, stddev: The mean and the standard deviation of q(z|x), each `(N, L)`.
        order: A function from the number of a chunk to the indices of its parents, `(CHUNK,)`.
        residuals: Their residuals; None to generate plain decoded codes.
        in_range: Whether all samples lie in the bank's range of values.
        start: A function from the number of a chunk and the indices of its parents to the indices of the samples that its
            codes start from: pseudo-labelled samples, which follow the parents in `x`, or the parents themselves. None if
            there are no pseudo-labelled samples.
    """

    x: Tensor
    y: Tensor
    confidence: Tensor
    mean: Tensor
    stddev: Tensor
    order: Callable[[int], Tensor]
    residuals: ResidualCache | SampleResiduals | None
    in_range: bool
    start: Callable[[int, Tensor], Tensor] | None = None


def parents_from_bank(bank: Bank, labels: Any, seed: int, cache: ResidualCache | None) -> Parents:
    """Returns the samples of a bank as parents.

    Arguments:
        bank: The bank.
        labels: The class of each synthetic sample, cyclically: a label or several, numbers or names. By default all samples
            of the bank are parents, each equally often.
        seed: The seed of the call, which decides the order.
        cache: The residuals of the bank; None to generate plain decoded codes.

    Raises:
        InputError: If `labels` are empty or not of the bank's classes.
    """
    samples, size = bank.samples, len(bank)
    order = (
        ShuffledIndices(size, CHUNK, seeds.derive(seed, Stream.PARENTS))
        if labels is None
        else _order_by_labels(bank, labels, seed)
    )
    confidence = torch.full((1,), math.nan).expand(size)
    return Parents(samples.x, samples.y, confidence, bank.mean, bank.stddev, order, cache, in_range=True)


def parents_from_samples(cache: ResidualCache, n: int, near: Tensor, labels: Any, *, residual: bool) -> Parents:
    """Checks and encodes a user's samples, and returns them as parents; at most the first n, as no more are needed.

    Arguments:
        cache: The residuals of the bank, with the bank and the VAE.
        n: The number of synthetic samples.
        near: The samples, `(B, *event)`.
        labels: Their labels, `(B,)` or one for all; None to infer them from the nearest codes of the bank.
        residual: Whether to add the decoded change to the samples.

    Raises:
        InputError: If samples or labels do not match the data seen at fit.
    """
    bank, codec = cache.bank, cache.codec
    x = (unit_float if bank.scaling.is_unit else Tensor.float)(near.cpu())
    if bank.samples.table is None:
        x, in_range = bank.value_range.checked(x)
    else:
        # Ranks, categories and flags have one scaling, whatever that of the columns is.
        checks.check_finite("near", x)
        in_range = False
    y = None if labels is None else _labels_of(x, labels, bank)[:n]
    x = x[:n]
    bank_index = cache.find(x)
    mean, stddev = codec.codes(x, y) if bank_index is None else bank.codes(bank_index)
    confidence = torch.full((len(x),), math.nan)
    if y is None:
        y, confidence = bank.classify(mean)
        if codec.conditional:
            # The codes of the bank depend on labels, so these must, too.
            mean, stddev = codec.codes(x, y)
    if not residual:
        residuals = None
    elif bank_index is None:
        residuals = SampleResiduals(cache, torch.full((len(x),), -1), compute_residuals(codec, x, mean, y))
    else:
        residuals = SampleResiduals(cache, bank_index)
    return Parents(x, y, confidence, mean, stddev, round_robin(len(x)), residuals, in_range)


def _labels_of(x: Tensor, labels: Any, bank: Bank) -> Tensor:
    y = checks.check_labels(label_list(labels, len(x)), names=bank.samples.names).cpu()
    if len(y) != len(x):
        checks.refuse(f"one label for each of {len(x)} samples", f"{len(y)} labels", "pass as many labels")
    return y


def with_pseudo_labelled(parents: Parents, bank: Bank, seed: int) -> Parents:
    """Returns parents whose synthetic samples start from the parent or one of its pseudo-labelled samples, equally often.

    Arguments:
        parents: Samples of the bank, or others: these share the pseudo-labelled samples of the nearest sample of their class
            in the bank.
        bank: The bank.
        seed: The seed of the call.
    """
    pseudo_labelled, size = bank.pseudo_labelled, len(parents.x)
    if pseudo_labelled is None:
        return parents
    bank_parent = bank.nearest_of_class(parents.mean, parents.y)

    def start(chunk: int, index: Tensor) -> Tensor:
        generator = seeds.generator(seed, Stream.STARTS, chunk)
        u = torch.rand(len(index), generator=generator, dtype=torch.float64)
        selected = pseudo_labelled.sample_start(bank_parent[index], u)
        return torch.where(selected < 0, index, size + selected)

    residuals = parents.residuals
    if isinstance(residuals, SampleResiduals):
        # In the bank's own cache the pseudo-labelled samples follow the others already.
        residuals = residuals.append(len(bank) + torch.arange(len(pseudo_labelled)))
    return Parents(
        torch.cat([parents.x, pseudo_labelled.x]),
        torch.cat([parents.y, bank.samples.y[pseudo_labelled.parent_index]]),
        torch.cat([parents.confidence, pseudo_labelled.confidence]),
        torch.cat([parents.mean, pseudo_labelled.mean]),
        torch.cat([parents.stddev, pseudo_labelled.stddev]),
        parents.order,
        residuals,
        parents.in_range,
        start,
    )


def label_list(labels: Any, size: int) -> Any:
    """Returns labels as an array or tensor; a single label is repeated `size` times."""
    labels = labels if isinstance(labels, Tensor | np.ma.MaskedArray) else np.asarray(labels)
    return labels if labels.ndim else labels.repeat(size)


def as_samples_like(near: Any, bank: Bank) -> Tensor:
    """Returns a user's samples as a tensor `(B, *event)` of the shape of the bank's.

    Arguments:
        near: A tensor, an array, a data frame, a list of samples, a PIL image or a list of PIL images. Black and white of a
            PIL image become the lowest and the highest value seen at fit.
        bank: The bank of the augmenter.

    Raises:
        InputError: If the samples have another shape.
    """
    event_shape, table, near = bank.samples.event_shape, bank.samples.table, to_pandas(near, "near")
    if table is not None and is_frame(near):
        return table.encode(near, "near")
    images = from_pil(near, event_shape[0]) if len(event_shape) == 3 and event_shape[0] in (1, 3, 4) else None
    if images is None:
        x = as_tensor("near", near, bank.samples.columns[:-1])
    else:
        low, high = bank.scaling.low[0], bank.scaling.high[0]
        x = low + (high - low) * unit_float(images)
    if len(event_shape) == 2 and x.shape[1:] == event_shape[1:] and event_shape[0] == 1:
        x = x[:, None]  # signals of one channel without their axis of channels
    checks.check_event_shape("near", x, event_shape)
    return x


def round_robin(size: int) -> Callable[[int], Tensor]:
    """Returns the order, as in `Parents`, in which `size` parents take turns."""
    return lambda chunk: torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK) % size


def _earlier_occurrences(labels: Tensor) -> Tensor:
    """Returns how often each label occurs before, `(N,)`, without a table of labels by classes."""
    in_order, order = labels.sort(stable=True)
    positions = torch.arange(len(labels))
    # In this order, equal labels follow each other; the first of them has none before it.
    first = torch.searchsorted(in_order, in_order)
    return torch.empty_like(order).index_copy(0, order, positions - first)


def _order_by_labels(bank: Bank, labels: Any, seed: int) -> Callable[[int], Tensor]:
    """Returns the order, as in `Parents`, in which the labels take turns, and the samples of each class as well."""
    labels = label_list(labels, 1)
    if len(labels) == 0:
        checks.refuse("at least one label", "none", "leave labels out for all classes")
    num_classes = len(bank.samples.names)
    labels = checks.check_labels(labels, names=bank.samples.names).cpu()
    # In one round over the labels, each class may occur several times: every time with its next sample.
    per_round, earlier_in_round = torch.bincount(labels, minlength=num_classes)[labels], _earlier_occurrences(labels)
    shift = torch.randint(2**31, (num_classes,), generator=seeds.generator(seed, Stream.PARENTS))[labels]

    def order(chunk: int) -> Tensor:
        index = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        turn, round_ = index % len(labels), index // len(labels)
        rank = shift[turn] + round_ * per_round[turn] + earlier_in_round[turn]
        return bank.class_index.kth_of_class(labels[turn], rank)

    return order
