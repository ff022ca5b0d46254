"""Generation of synthetic samples from parents, a chunk at a time; independent of where the parents come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.augmenter import rows
from vaeaug.augmenter.parents import Parents
from vaeaug.augmenter.residuals import SampleResiduals
from vaeaug.augmenter.streams import Stream
from vaeaug.filters.base import AcceptanceCounts, Filter
from vaeaug.models.codec import CHUNK, Codec, concatenate
from vaeaug.models.precision import is_finite
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import Pairs, Perturbation
from vaeaug.runtime import checks, seeds

TRIES = 4  # draws of a sample that the filter rejects; after the last one it is replaced by its parent


class Generated(NamedTuple):
    """Synthetic samples; unpacks as `images, labels, *_`.

    Arguments:
        x: The samples, `(n, *event)`, in the range, dtype and device of `near`, or float32 on the CPU. They are whole numbers
            in columns that were whole numbers or booleans, 0 and 1, at fit.
        y: Their labels, `(n,)`.
        parent: The index of the real sample that each was generated from: into `near`, or into the bank.
        confidence: The confidence in each label, `(n,)`, in 0..1: the filter's p(y|x) if a filter judged the sample, the
            fraction of the nearest codes with this label if the label was inferred; NaN where nothing judged it.
    """

    x: Tensor
    y: Tensor
    parent: Tensor
    confidence: Tensor

    @classmethod
    def concatenate(cls, batches: Sequence[Generated], x: Tensor | None = None) -> Generated:
        """Returns the samples of all batches in one.

        Arguments:
            batches: Synthetic samples.
            x: The concatenated samples, if those of the batches are views of them: they are not copied again.
        """
        columns = zip(*(batch[1:] for batch in batches), strict=True)
        return cls(concatenate([batch.x for batch in batches]) if x is None else x, *map(concatenate, columns))

    def rows(self, index: slice) -> Generated:
        """Returns the samples of a slice. (Indexing the tuple itself gives its fields.)"""
        return Generated(*(column[index] for column in self))


class Synthesizer(NamedTuple):
    """Generates synthetic samples from parents.

    Arguments:
        codec: The VAE.
        bank: The real samples that perturbations draw partners from, and their range of values.
        perturb: The perturbation that draws codes.
        filter: The filter that rejects samples, or None.
        acceptance: The counts of what the filter accepted.
    """

    codec: Codec
    bank: Bank
    perturb: Perturbation
    filter: Filter | None
    acceptance: AcceptanceCounts

    def generate(self, parents: Parents, first_chunk: int, seed: int, n: int, out: Tensor | None = None) -> Generated:
        """Returns the first n samples from chunk `first_chunk` on.

        Noise is drawn for whole chunks, so that a sample does not depend on n.

        Arguments:
            parents: The samples to start from.
            first_chunk: The number of the first chunk.
            seed: The seed of the call.
            n: The number of samples.
            out: A tensor `(n, *event)` to write the samples to; by default a new one.
        """
        chunks = range(first_chunk, first_chunk - (-n // CHUNK))
        starts = [self._start(parents, chunk) for chunk in chunks]
        if self.filter is not None:
            x = parents.x.new_empty(n, *parents.x.shape[1:]) if out is None else out
            batches = [
                self._generate_filtered(parents, start, seed, chunk, chunk_x)
                for start, chunk, chunk_x in zip(starts, chunks, x.split(CHUNK), strict=True)
            ]
            return Generated.concatenate(batches, x)
        # Draw all codes first: alternating with the decoder would evict it from the CPU's cache.
        draws = [self._draw(start, seed, chunk) for start, chunk in zip(starts, chunks, strict=True)]
        parent, index, mean, y = (
            concatenate(column)[:n]
            for column in zip(*((s.parent, s.start_index, s.q.mean, s.y) for s in starts), strict=True)
        )
        draw = _Draw.concatenate(draws)
        x = self._to_cpu(self._decode(parents, index, mean, draw.rows(slice(n)), y, out), draw.z)
        return Generated(x, y, parent, parents.confidence[index])

    def _start(self, parents: Parents, chunk: int) -> _ChunkStart:
        parent = parents.order(chunk)
        index = parent if parents.start is None else parents.start(chunk, parent)
        on_device = index.to(parents.mean.device)
        mean, stddev = parents.mean[on_device], parents.stddev[on_device]
        q = Independent(Normal(mean, stddev, validate_args=False), 1, validate_args=False)
        return _ChunkStart(parent, index, q, parents.y[index])

    def _generate_filtered(self, parents: Parents, start: _ChunkStart, seed: int, chunk: int, out: Tensor) -> Generated:
        """Writes the first samples of one chunk to `out`. Rejected ones are drawn again, up to `TRIES` times in all, and then
        replaced by their parents."""
        assert self.filter is not None
        index, y = start.start_index[: len(out)], start.y[: len(out)]
        out.copy_(parents.x[index])
        confidence = parents.confidence[index].clone()
        pending = torch.arange(len(out))
        for attempt in range(TRIES):
            on_device = pending.to(parents.mean.device)
            draw = self._draw(start, seed, chunk, attempt).rows(pending)
            x = self._decode(parents, index[pending], start.q.mean[on_device], draw, y[pending])
            x_on_cpu = self._to_cpu(x, draw.z)
            result = self.filter.for_parents(parents.x[index[pending]])(x, y[pending])
            if not is_finite(result.confidence):
                got = f"NaN or infinity for {int((~result.confidence.isfinite()).sum())} of {len(pending)} samples"
                remedy = "look for NaN in the weights of its classifier"
                checks.refuse(f"finite confidence from {type(self.filter).__name__}", got, remedy)
            accepted = result.accepted.cpu()
            self.acceptance.add(y[pending], accepted)
            out[pending[accepted]] = x_on_cpu[accepted]
            confidence[pending[accepted]] = result.confidence.cpu()[accepted]
            pending = pending[~accepted]
            if not len(pending):
                break
        return Generated(out, y, start.parent[: len(out)], confidence)

    def _draw(self, start: _ChunkStart, seed: int, chunk: int, attempt: int = 0) -> _Draw:
        """Returns what is random about the samples of a chunk."""
        bank, table = self.bank.with_pseudo_labelled, self.bank.samples.table
        z, pairs = self.perturb.draw(start.q, start.y, bank, seeds.generator(seed, Stream.CODES, chunk, attempt))
        expected, name = start.q.mean, type(self.perturb).__name__
        if not isinstance(z, Tensor) or z.shape != expected.shape:
            shape = f"shape {tuple(z.shape)}" if isinstance(z, Tensor) else type(z).__name__
            checks.refuse(f"codes of shape {tuple(expected.shape)} from {name}", shape, "return one code per sample")
        if z.device.type == "cpu":
            self._check_codes(z)
        u = None
        if table is not None:
            u = rows.uniform(table, len(z), seeds.generator(seed, Stream.CATEGORIES, chunk, attempt))
        return _Draw(z.to(expected), pairs, u)

    def _check_codes(self, z: Tensor) -> None:
        if not is_finite(z):
            got = f"NaN or infinity at scale {self.perturb.scale:g}"
            checks.refuse(f"finite codes from {type(self.perturb).__name__}", got, "choose a smaller scale")

    def _to_cpu(self, x: Tensor, z: Tensor) -> Tensor:
        """Returns samples on the CPU, where those of an accelerator are checked, with the codes that they come from."""
        if x.device.type == "cpu" and z.device.type == "cpu":
            return x
        x = x.cpu()
        if not is_finite(x):
            self._check_codes(z)
            self.codec.check_decoded(x)
        return x

    def _decode(
        self, parents: Parents, index: Tensor, z: Tensor, draw: _Draw, y: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Returns x' = clip(x + decode(z') - decode(z)), or clip(decode(z')) if the parents have no residuals.

        Where the samples of the bank are whole numbers, so is x'. If the draw has pairs, the difference of their residuals is
        added before clipping. Rows of a table become valid ones: see `vaeaug.augmenter.rows`.

        Arguments:
            parents: The samples to start from.
            index: The index of each x in the parents, `(B,)`.
            z: The codes of x, `(B, L)`.
            draw: The codes z', `(B, L)`, with what else was drawn for x'.
            y: The labels, `(B,)`.
            out: A tensor to write to; by default a new one, on the device of the codes.
        """
        x, perturbed = out, draw.z
        if x is None or x.device != perturbed.device:
            x = parents.x.new_empty((len(z), *parents.x.shape[1:]), device=perturbed.device)
        unmoved = differences = None
        if parents.residuals is not None:
            parents.residuals.update(index)
            differences = self._residual_differences(parents, draw.pairs)
            unmoved = (perturbed == z).all(1).cpu()
            unmoved = unmoved if unmoved.any() else None
        with self.codec.inference_mode(perturbed.device):
            for block, decoded in self.codec.decode_blocks(perturbed, y):
                samples, block_index = x[block], index[block]
                if parents.residuals is None:
                    samples.copy_(decoded)
                else:
                    parents.residuals.gather(block_index, out=samples).add_(decoded)
                if differences is not None:
                    samples.add_(differences[block])
                parents_outside = None if parents.in_range else parents.x[block_index].to(x)
                self.bank.value_range.clip_to_range_(samples, parents_outside)
                self.bank.samples.round_(samples)
                if unmoved is not None:
                    # Exactly the parent, whereas decode(z') - decode(z) may differ from 0 by rounding.
                    samples[unmoved[block]] = parents.x[block_index[unmoved[block]]].to(x)
        table = self.bank.samples.table
        if table is not None and draw.u is not None:
            rows.settle_(x, parents.x[index].to(x), table, draw.u)
        return x if out is None or x is out else out.copy_(x)

    def _residual_differences(self, parents: Parents, pairs: Pairs | None) -> Tensor | None:
        """Returns lam (r_a - r_b), `(B, *event)`; None without pairs."""
        if pairs is None or parents.residuals is None:
            return None
        residuals = parents.residuals
        cache = residuals.cache if isinstance(residuals, SampleResiduals) else residuals
        x = self.bank.with_pseudo_labelled.samples.x
        shape = (len(pairs.a), *x.shape[1:])
        cache.update(torch.cat([pairs.a, pairs.b]))
        a, b = (cache.gather(index, pairs.step.new_empty(shape)) for index in (pairs.a, pairs.b))
        difference = pairs.step.reshape(-1, *[1] * (len(shape) - 1)) * (a - b)
        table = self.bank.samples.table
        if table is not None:
            # A missing number has no residual.
            difference *= (table.layout.observed(x[pairs.a]) * table.layout.observed(x[pairs.b])).to(difference)
        return difference


class _Draw(NamedTuple):
    """What is random about samples.

    Arguments:
        z: Their codes, `(B, L)`.
        pairs: The pairs whose residuals belong to them, or None.
        u: For rows of a table, the random numbers that categories are drawn with, `(B, K)`.
    """

    z: Tensor
    pairs: Pairs | None
    u: Tensor | None

    @classmethod
    def concatenate(cls, draws: Sequence[_Draw]) -> _Draw:
        """Returns all draws in one."""
        pairs = [draw.pairs for draw in draws if draw.pairs is not None]
        u = [draw.u for draw in draws if draw.u is not None]
        return cls(
            concatenate([draw.z for draw in draws]),
            Pairs(*map(concatenate, zip(*pairs, strict=True))) if pairs else None,
            concatenate(u) if u else None,
        )

    def rows(self, index: Tensor | slice) -> _Draw:
        """Returns the draws at `index`."""
        on_device = index if isinstance(index, slice) else index.to(self.z.device)
        pairs = None if self.pairs is None else self.pairs.rows(index)
        return _Draw(self.z[on_device], pairs, None if self.u is None else self.u[index])


class _ChunkStart(NamedTuple):
    """Where the samples of a whole chunk start."""

    parent: Tensor  # the parents, as `Generated.parent` counts them
    start_index: Tensor  # the index in `Parents` of the samples to start from: the parents or pseudo-labelled samples
    q: Independent
    y: Tensor


def match_input(generated: Generated, near: Tensor, is_unit: bool) -> Generated:
    """Returns synthetic samples in the range, dtype and device of `near`.

    Arguments:
        generated: Synthetic samples in the range of the bank.
        near: The user's samples.
        is_unit: Whether the bank holds images in 0..1.

    Raises:
        InputError: If the dtype of `near` cannot hold the samples.
    """
    x = generated.x
    if near.dtype == torch.uint8 and is_unit:
        x = x * 255
    if not near.dtype.is_floating_point:
        x = x.round()
    _check_fits(x, near.dtype)
    return Generated(x.to(near), *(column.to(near.device) for column in generated[1:]))


def _check_fits(x: Tensor, dtype: torch.dtype) -> None:
    """Refuses samples that this dtype cannot hold: they would overflow, or wrap around."""
    if dtype in (torch.float32, torch.float64, torch.bool):
        return
    limits = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    low, high = (float(end) for end in x.aminmax())
    if not limits.min <= low <= high <= limits.max:
        name = str(dtype).removeprefix("torch.")
        checks.refuse(f"near of a type that holds {low:g} to {high:g}", name, "pass near.float()")
