"""Parents: the real samples that the children of one call start from, and the order in which they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaeaug.data.images import from_pil
from vaeaug.data.samples import as_tensor, unit_float
from vaeaug.models.codec import CHUNK, ResidualCache, Write, written
from vaeaug.models.training import ShuffledIndices
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks, seeds

# Places `(B,)` -> what writes the rests of the samples there, a slice of them at a time, and returns where it wrote.
Rest = Callable[[Tensor], Write]


class Parents(NamedTuple):
    """Real samples with their codes.

    Arguments:
        x, y: The samples, `(N, *event)`, and their labels, `(N,)`.
        confidence: How sure the labels are, `(N,)`.
        mean, stddev: Of q(z|x), each `(N, L)`.
        order: A chunk's number -> the places of its parents, `(CHUNK,)`.
        rest: Places -> what writes x - decode(mean) of the samples there; None for a plain decode.
        inside: Whether all samples lie in the range of the bank.
        start: A chunk's number and its parents -> where its children start, places in x: donors stand behind the parents.
    """

    x: Tensor
    y: Tensor
    confidence: Tensor
    mean: Tensor
    stddev: Tensor
    order: Callable[[int], Tensor]
    rest: Rest | None
    inside: bool
    start: Callable[[int, Tensor], Tensor] | None = None


def of_bank(bank: Bank, labels: Any, seed: int, rest: Rest | None) -> Parents:
    """Returns the samples of a bank as parents.

    Arguments:
        bank: The bank.
        labels: The classes wanted, in turn: a label or several, numbers or names. By default all samples come, each
            equally often.
        seed: Of the order.
        rest: See `Parents`.
    """
    samples = bank.samples
    order = (
        ShuffledIndices(len(bank), CHUNK, seeds.derive(seed, 1)) if labels is None else _of_classes(bank, labels, seed)
    )
    return Parents(samples.x, samples.y, torch.ones(1).expand(len(bank)), bank.mean, bank.stddev, order, rest, True)


def given(bank: Bank, rests: ResidualCache, n: int, near: Tensor, labels: Any, residual: bool) -> Parents:
    """Checks and encodes a user's samples, and returns them as parents; more than n are not needed.

    Arguments:
        bank: The bank.
        rests: Its rests, which know the VAE.
        n: How many children are wanted.
        near: The samples, `(B, *event)`.
        labels: Theirs, `(B,)` or one for all; None has the nearest codes of the bank decide.
        residual: Whether children keep what the VAE does not tell.
    """
    codec = rests.codec
    x, y = (unit_float if bank.scaling.is_unit else Tensor.float)(near.cpu()), None
    inside = bank.in_range(x)
    if inside:
        bank.check_spread(x)
    else:
        checks.check_finite("near", near)
        bank.check_range(x)
    if labels is not None:
        y = checks.check_labels(label_list(labels, len(x)), names=bank.samples.names).cpu()
        if len(y) != len(x):
            checks.refuse(f"one label for each of {len(x)} samples", f"{len(y)} labels", "pass as many labels")
        y = y[:n]
    x = x[:n]
    places = rests.find(x)
    mean, stddev = codec.codes(x, y) if places is None else bank.codes(places)
    confidence = torch.ones(len(x))
    if y is None:
        y, confidence = bank.classify(mean)
        if codec.conditional:
            # The codes of the bank know their labels; these must, too.
            mean, stddev = codec.codes(x, y)
    rest = None
    if residual:
        rest = _kept(codec.rest(x, mean, y)) if places is None else _at(places, rests)
    return Parents(x, y, confidence, mean, stddev, in_turn(len(x)), rest, inside)


def _kept(rests: Tensor) -> Rest:
    return lambda places: written(rests, places)


def _at(bank_places: Tensor, rest: Rest) -> Rest:
    return lambda places: rest(bank_places[places])


def with_donors(parents: Parents, bank: Bank, seed: int, rest: Rest) -> Parents:
    """Returns parents whose children start from one of their donors as often as from themselves.

    Arguments:
        parents: Samples of the bank, or near them: a sample has the donors of the nearest one of its class in the bank.
        bank: The bank.
        seed: Of the choice.
        rest: As in `Parents`, of places in `bank.with_pseudo_labelled`.
    """
    donors, size = bank.donors, len(parents.x)
    if donors is None:
        return parents
    home, own = bank.nearest_of_class(parents.mean, parents.y), parents.rest

    def start(chunk: int, places: Tensor) -> Tensor:
        u = torch.rand(len(places), generator=seeds.generator(seed, 2, chunk), dtype=torch.float64)
        chosen = donors.choose(home[places], u)
        return torch.where(chosen < 0, places, size + chosen)

    def rests(places: Tensor) -> Write:
        return lambda block, out: both(places[block], out)

    def both(places: Tensor, out: Tensor) -> Tensor:
        itself = places < size
        for rows, one, first in ((itself, own, 0), (~itself, rest, len(bank) - size)):
            if one is not None and rows.any():
                at = rows.to(out.device)
                out[at] = one(places[rows] + first)(slice(None), out[at])
        return out

    return Parents(
        torch.cat([parents.x, donors.x]),
        torch.cat([parents.y, bank.samples.y[donors.owner]]),
        torch.cat([parents.confidence, donors.confidence]),
        torch.cat([parents.mean, donors.mean]),
        torch.cat([parents.stddev, donors.stddev]),
        parents.order,
        None if own is None else rests,
        parents.inside,
        start,
    )


def label_list(labels: Any, size: int) -> Any:
    """Returns labels as an array or tensor; a single label stands for so many."""
    labels = labels if isinstance(labels, Tensor) else np.asarray(labels)
    if labels.ndim:
        return labels
    return labels.repeat(size)


def as_near(near: Any, bank: Bank) -> Tensor:
    """Returns the samples that a user wants to start from, `(B, *event)`.

    Arguments:
        near: A tensor, an array, a list of samples, a PIL image or a list of them. Black to white, as a picture has it,
            becomes the lowest to the highest number seen at fit.
        bank: The bank of the augmenter.
    """
    event_shape = bank.samples.event_shape
    found = from_pil(near, event_shape[0]) if len(event_shape) == 3 and event_shape[0] in (1, 3, 4) else None
    if found is None:
        found = as_tensor("near", near)
    else:
        low, high = bank.scaling.low[0], bank.scaling.high[0]
        found = low + (high - low) * unit_float(found)
    checks.check_event_shape("near", found, event_shape)
    return found


def in_turn(size: int) -> Callable[[int], Tensor]:
    """Returns the order in which so many parents come one after the other, round and round."""
    return lambda chunk: torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK) % size


def _of_classes(bank: Bank, labels: Any, seed: int) -> Callable[[int], Tensor]:
    """Returns the order in which the classes wanted come in turn, and within each class its samples."""
    wanted = label_list(labels, 1)
    if len(wanted) == 0:
        checks.refuse("at least one label", "none", "leave labels out for all classes")
    classes = len(bank.samples.names)
    wanted = checks.check_labels(wanted, names=bank.samples.names).cpu()
    in_round = torch.nn.functional.one_hot(wanted, classes).cumsum(0)
    each, before = in_round[-1][wanted], in_round.gather(1, wanted[:, None])[:, 0] - 1
    shift = torch.randint(2**31, (classes,), generator=seeds.generator(seed, 1))

    def order(chunk: int) -> Tensor:
        index = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        turn, round_ = index % len(wanted), index // len(wanted)
        return bank.kth_of_class(wanted[turn], shift[wanted[turn]] + round_ * each[turn] + before[turn])

    return order
