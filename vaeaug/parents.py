"""Parents: the real samples that the children of one call start from, and the order in which they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaeaug import _checks, _rng
from vaeaug.bank import Bank
from vaeaug.codec import CHUNK
from vaeaug.training import Shuffled


class Parents(NamedTuple):
    """Real samples with their codes.

    Arguments:
        x, y: The samples, `(N, *event)`, and their labels, `(N,)`.
        confidence: How sure the labels are, `(N,)`.
        mean, stddev: Of q(z|x), each `(N, L)`.
        order: A chunk's number -> the places of its parents, `(CHUNK,)`.
        rest: Places `(B,)` -> x - decode(mean) of the samples there, `(B, *event)`; None for a plain decode.
        inside: Whether all samples lie in the range of the bank.
    """

    x: Tensor
    y: Tensor
    confidence: Tensor
    mean: Tensor
    stddev: Tensor
    order: Callable[[int], Tensor]
    rest: Callable[[Tensor], Tensor] | None
    inside: bool


def of_bank(bank: Bank, labels: Any, seed: int, rest: Callable[[Tensor], Tensor] | None) -> Parents:
    """Returns the samples of a bank as parents.

    Arguments:
        bank: The bank.
        labels: The classes wanted, in turn: a label or several. By default all samples come, each equally often.
        seed: Of the order.
        rest: See `Parents`.
    """
    samples = bank.samples
    order = Shuffled(len(bank), CHUNK, _rng.derive(seed, 1)) if labels is None else _of_classes(bank, labels, seed)
    return Parents(samples.x, samples.y, torch.ones(1).expand(len(bank)), bank.mean, bank.stddev, order, rest, True)


def in_turn(size: int) -> Callable[[int], Tensor]:
    """Returns the order in which so many parents come one after the other, round and round."""
    return lambda chunk: torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK) % size


def _of_classes(bank: Bank, labels: Any, seed: int) -> Callable[[int], Tensor]:
    """Returns the order in which the classes wanted come in turn, and within each class its samples."""
    wanted = torch.as_tensor([labels] if isinstance(labels, int) else labels)
    if wanted.numel() == 0:
        _checks.refuse("at least one label", "none", "leave labels out for all classes")
    classes = len(bank.samples.names)
    wanted = _checks.labels(wanted, classes)
    in_round = torch.nn.functional.one_hot(wanted, classes).cumsum(0)
    each, before = in_round[-1][wanted], in_round.gather(1, wanted[:, None])[:, 0] - 1
    shift = torch.randint(2**31, (classes,), generator=_rng.generator(seed, 1))

    def order(chunk: int) -> Tensor:
        index = torch.arange(chunk * CHUNK, (chunk + 1) * CHUNK)
        turn, round_ = index % len(wanted), index // len(wanted)
        return bank.member(wanted[turn], shift[wanted[turn]] + round_ * each[turn] + before[turn])

    return order
