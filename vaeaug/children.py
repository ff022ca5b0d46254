"""Children: from parents to synthetic samples, a chunk at a time. Nothing here knows where the parents came from."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug import _rng
from vaeaug.bank import Bank
from vaeaug.codec import Codec
from vaeaug.fidelity import Filter, Tally
from vaeaug.parents import Parents
from vaeaug.perturb import Perturbation

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


class Maker(NamedTuple):
    """Makes children of parents.

    Arguments:
        codec: The VAE.
        bank: The real samples: partners of perturbations, and the range.
        perturb: How to draw codes.
        keep: What vetoes children, or None.
        tally: Where vetoes are counted.
    """

    codec: Codec
    bank: Bank
    perturb: Perturbation
    keep: Filter | None
    tally: Tally

    def make(self, source: Parents, chunk: int, seed: int, n: int, out: Tensor | None = None) -> Generated:
        """Makes the first n children of one chunk, into `out` if that is given. Noise is drawn for all of it, whatever
        part is wanted."""
        parents = source.order(chunk)
        places = parents if source.start is None else source.start(chunk, parents)
        at = places.to(source.mean.device)
        q = Independent(Normal(source.mean[at], source.stddev[at], validate_args=False), 1, validate_args=False)
        labels, places, parents = source.y[places], places[:n], parents[:n]
        y, confidence = labels[:n], source.confidence[places]
        if self.keep is None:
            made = self._draw(source, places, q, labels, (seed, 0, chunk, 0), out=out)
            return Generated(made.cpu(), y, parents, confidence)
        start = source.x[places]
        out = start if out is None else out.copy_(start)
        judged, open_ = confidence.clone(), torch.arange(n)
        for attempt in range(TRIES):
            drawn = self._draw(source, places, q, labels, (seed, 0, chunk, attempt), open_)
            keep, sure = (t.cpu() for t in self.keep.near(source.x[places[open_]])(drawn, y[open_]))
            self.tally.add(y[open_], keep)
            out[open_[keep]], judged[open_[keep]] = drawn.cpu()[keep], sure[keep]
            open_ = open_[~keep]
            if not len(open_):
                break
        return Generated(out, y, parents, judged)

    def _draw(
        self,
        source: Parents,
        parents: Tensor,
        q: Independent,
        labels: Tensor,
        place: tuple[int, ...],
        rows: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """Draws one child of each parent in `rows` (of all by default), with the noise of `place`."""
        z = self.perturb(q, labels, self.bank.partners, _rng.generator(*place))
        of = slice(len(parents)) if rows is None else rows
        at = of if rows is None else rows.to(z.device)
        z, y, parents = z[at], labels[of], parents[of]
        made = out
        if made is None or made.device != z.device:
            made = source.x.new_empty((len(z), *source.x.shape[1:]), device=z.device)
        # A code that did not move is the parent to the last bit, whatever the decoder's rounding.
        still = None if source.rest is None else (z == q.mean[at]).all(1).cpu()
        if still is not None and not still.any():
            still = None

        def finish(decoded: Tensor, block: slice) -> None:
            child, start = made[block], parents[block]
            if source.rest is None:
                child.copy_(decoded)
            else:
                source.rest(start, child).add_(decoded)
            if still is not None:
                child[still[block]] = source.x[start[still[block]]].to(child)
            self.bank.clip_(child, None if source.inside else source.x[start].to(child))

        self.codec.each_block(z, y, finish)
        return made if out is None or made is out else out.copy_(made)


def like(made: Generated, near: Tensor, unit: bool) -> Generated:
    """Returns children in the range, dtype and device of `near`; `unit` says that the bank holds pictures in 0..1."""
    x = made.x
    if near.dtype == torch.uint8:
        x = x * 255 if unit else x
    if not near.dtype.is_floating_point:
        x = x.round()
    return Generated(x.to(near), *(t.to(near.device) for t in made[1:]))
