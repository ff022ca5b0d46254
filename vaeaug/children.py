"""Children: from parents to synthetic samples, a chunk at a time. Nothing here knows where the parents came from."""

from __future__ import annotations

from typing import Any, NamedTuple

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

    def make(self, source: Parents, chunk: int, seed: int, n: int) -> Generated:
        """Makes the first n children of one chunk. Noise is drawn for all of it, whatever part is wanted."""
        parents = source.order(chunk)
        places = parents if source.start is None else source.start(chunk, parents)
        at = places.to(source.mean.device)
        q = Independent(Normal(source.mean[at], source.stddev[at], validate_args=False), 1, validate_args=False)
        labels, places, parents = source.y[places], places[:n], parents[:n]
        y, confidence = labels[:n], source.confidence[places]
        if self.keep is None:
            return Generated(self._draw(source, places, q, labels, (seed, 0, chunk, 0)).cpu(), y, parents, confidence)
        out, judged, open_ = source.x[places], confidence.clone(), torch.arange(n)
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
        self, source: Parents, parents: Tensor, q: Independent, labels: Tensor, place: tuple[int, ...], rows: Any = None
    ) -> Tensor:
        """Draws one child of each parent in `rows` (of all by default), with the noise of `place`."""
        z = self.perturb(q, labels, self.bank.partners, _rng.generator(*place))
        of = slice(len(parents)) if rows is None else rows
        at = of if rows is None else rows.to(z.device)
        z, parents = z[at], parents[of]
        made = self.codec.decode(z, labels[of])
        if source.rest is not None:
            made = made + source.rest(parents)
            # A code that did not move is the parent to the last bit, whatever the decoder's rounding.
            still = (z == q.mean[at]).all(1)
            if still.any():
                made[still] = source.x[parents[still.cpu()]].to(made)
        return self.bank.clip(made, None if source.inside else source.x[parents].to(made))


def like(made: Generated, near: Tensor, unit: bool) -> Generated:
    """Returns children in the range, dtype and device of `near`; `unit` says that the bank holds pictures in 0..1."""
    x = made.x
    if near.dtype == torch.uint8:
        x = x * 255 if unit else x
    if not near.dtype.is_floating_point:
        x = x.round()
    return Generated(x.to(near), *(t.to(near.device) for t in made[1:]))
