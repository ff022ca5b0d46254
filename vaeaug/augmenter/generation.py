"""Children: from parents to synthetic samples, a chunk at a time. Nothing here knows where the parents came from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.augmenter.parents import Parents
from vaeaug.filters.base import AcceptanceCounts, Filter
from vaeaug.models.codec import CHUNK, Codec, joined
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import Perturbation
from vaeaug.runtime import seeds

TRIES = 4


class Generated(NamedTuple):
    """Synthetic samples; unpacks as `images, labels, *_`.

    Arguments:
        x: The samples, `(n, *event)`, in the range, dtype and device of `near`, or float32 on the CPU.
        y: Their labels, `(n,)`.
        parent: The index of the real sample that each came from: into `near`, or into the bank.
        confidence: How sure the label is, in 0..1: the filter's p(y|x) where a filter judged the sample, the share of the
            nearest codes where the label was inferred, else 1.
    """

    x: Tensor
    y: Tensor
    parent: Tensor
    confidence: Tensor


class Synthesizer(NamedTuple):
    """Makes children of parents.

    Arguments:
        codec: The VAE.
        bank: The real samples: partners of perturbations, and the range.
        perturb: How to draw codes.
        filter: What vetoes children, or None.
        tally: Where vetoes are counted.
    """

    codec: Codec
    bank: Bank
    perturb: Perturbation
    filter: Filter | None
    tally: AcceptanceCounts

    def make(self, source: Parents, first: int, seed: int, n: int, out: Tensor | None = None) -> Generated:
        """Makes the first n children of the chunks from `first` on, into `out` if that is given. Noise is drawn for all of
        a chunk, whatever part is wanted."""
        chunks = range(first, first - (-n // CHUNK))
        starts = [self._start(source, chunk) for chunk in chunks]
        if self.filter is not None:
            x = source.x.new_empty(n, *source.x.shape[1:]) if out is None else out
            parts = [
                self._judged(source, start, (seed, 0, chunk), part)
                for start, chunk, part in zip(starts, chunks, x.split(CHUNK), strict=True)
            ]
            return Generated(x, *(joined(column) for column in list(zip(*parts, strict=True))[1:]))
        # All codes before the first sample: between two runs of the decoder, whatever else is done finds the cache cold.
        codes = [self._codes(start, (seed, 0, chunk, 0)) for start, chunk in zip(starts, chunks, strict=True)]
        parents, places, mean, y = (
            joined(column)[:n] for column in zip(*((s.parents, s.places, s.q.mean, s.y) for s in starts), strict=True)
        )
        made = self._decoded(source, places, mean, joined(codes)[:n], y, out)
        return Generated(made.cpu(), y, parents, source.confidence[places])

    def _start(self, source: Parents, chunk: int) -> _Start:
        parents = source.order(chunk)
        places = parents if source.start is None else source.start(chunk, parents)
        at = places.to(source.mean.device)
        q = Independent(Normal(source.mean[at], source.stddev[at], validate_args=False), 1, validate_args=False)
        return _Start(parents, places, q, source.y[places])

    def _judged(self, source: Parents, start: _Start, chunk: tuple[int, ...], out: Tensor) -> Generated:
        """Makes the first children of one chunk, into `out`; what the filter vetoes is drawn again, or stays its parent."""
        assert self.filter is not None
        n = len(out)
        places, y = start.places[:n], start.y[:n]
        out.copy_(source.x[places])
        judged, open_ = source.confidence[places].clone(), torch.arange(n)
        for attempt in range(TRIES):
            rows = open_.to(source.mean.device)
            z = self._codes(start, (*chunk, attempt))[rows]
            drawn = self._decoded(source, places[open_], start.q.mean[rows], z, y[open_])
            keep, sure = (t.cpu() for t in self.filter.for_parents(source.x[places[open_]])(drawn, y[open_]))
            self.tally.add(y[open_], keep)
            out[open_[keep]], judged[open_[keep]] = drawn.cpu()[keep], sure[keep]
            open_ = open_[~keep]
            if not len(open_):
                break
        return Generated(out, y, start.parents[:n], judged)

    def _codes(self, start: _Start, place: tuple[int, ...]) -> Tensor:
        """Draws a code for each parent of a chunk, with the noise of `place`."""
        return self.perturb(start.q, start.y, self.bank.with_pseudo_labelled, seeds.generator(*place))

    def _decoded(
        self, source: Parents, parents: Tensor, mean: Tensor, z: Tensor, y: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Returns the children that codes stand for, of parents with these means, in the range of the bank."""
        made = out
        if made is None or made.device != z.device:
            made = source.x.new_empty((len(z), *source.x.shape[1:]), device=z.device)
        write = None if source.rest is None else source.rest(parents)
        # A code that did not move is the parent to the last bit, whatever the decoder's rounding.
        still = None if write is None else (z == mean).all(1).cpu()
        if still is not None and not still.any():
            still = None

        def finish(decoded: Tensor, block: slice) -> None:
            child = made[block]
            if write is None:
                child.copy_(decoded)
            else:
                write(block, child).add_(decoded)
            if still is not None:
                child[still[block]] = source.x[parents[block][still[block]]].to(child)
            self.bank.clip_to_range_(child, None if source.inside else source.x[parents[block]].to(child))

        self.codec.each_block(z, y, finish)
        return made if out is None or made is out else out.copy_(made)


class _Start(NamedTuple):
    parents: Tensor  # of a whole chunk, as `Generated` counts them
    places: Tensor  # where its children start, in the source
    q: Independent
    y: Tensor


def like(made: Generated, near: Tensor, unit: bool) -> Generated:
    """Returns children in the range, dtype and device of `near`; `unit` says that the bank holds pictures in 0..1."""
    x = made.x
    if near.dtype == torch.uint8:
        x = x * 255 if unit else x
    if not near.dtype.is_floating_point:
        x = x.round()
    return Generated(x.to(near), *(t.to(near.device) for t in made[1:]))
