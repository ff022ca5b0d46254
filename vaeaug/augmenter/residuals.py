"""The residuals x - decode(z): the detail of real samples that the VAE does not reconstruct, and generation adds back."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaeaug.models.codec import CHUNK, Codec, concatenate
from vaeaug.models.vae import VAE
from vaeaug.perturb.bank import Bank

MAX_CACHE_BYTES = 2**30  # residuals that need more memory are not cached


def compute_residuals(codec: Codec, x: Tensor, z: Tensor, y: Tensor) -> Tensor:
    """Returns x - decode(z), `(B, *event)`, on the device of the codes.

    Arguments:
        codec: The VAE.
        x: Samples, `(B, *event)`.
        z: Their codes, `(B, L)`.
        y: Their labels, `(B,)`.
    """
    chunks = zip(*(tensor.split(CHUNK) for tensor in (x, z, y)), strict=True)
    return concatenate([x.to(z) - codec.decode(z, y) for x, z, y in chunks])


class ResidualCache:
    """Caches the residuals of the bank's samples, pseudo-labelled ones included.

    Residuals are half of the decoder's work, so those of a `VAE` are computed once and reused until its weights change. Those
    of other VAEs are computed whenever they are needed, because nothing is known of their weights.

    Arguments:
        codec: The VAE.
        bank: The real samples and their codes.
    """

    def __init__(self, codec: Codec, bank: Bank) -> None:
        self.codec, self.bank = codec, bank
        self._version_at_fit = self._cached_version = weights_version(codec.vae)
        self._residuals: Tensor | None = None
        self._is_cached = torch.zeros(0, dtype=torch.bool)

    def update(self, index: Tensor) -> None:
        """Drops the residuals of former weights, and computes the missing ones at `index`.

        To be called once for a batch whose blocks are then read with `gather`.
        """
        samples, version = self.bank.with_pseudo_labelled.samples, weights_version(self.codec.vae)
        if version is None or samples.x.element_size() * samples.x.numel() > MAX_CACHE_BYTES:
            self._residuals = None
            return
        if self._residuals is None or version != self._cached_version:
            # The operating system provides memory when it is written, so a large bank costs only what is used of it.
            self._residuals = torch.empty(samples.x.shape, device=self.bank.mean.device)
            self._is_cached = torch.zeros(len(samples), dtype=torch.bool)
            self._cached_version = version
        is_cached = self._is_cached[index]
        if not is_cached.all():
            missing = index[~is_cached].unique()
            self._residuals[missing.to(self._residuals.device)] = self._compute(missing)
            self._is_cached[missing] = True

    def gather(self, index: Tensor, out: Tensor) -> Tensor:
        """Writes the residuals of samples to a tensor, and returns it.

        Arguments:
            index: Indices into the bank, `(B,)`; those beyond its own samples are of pseudo-labelled ones, as in
                `bank.with_pseudo_labelled`. They were passed to `update` before.
            out: The tensor, `(B, *event)`, on the device of the codes.
        """
        if self._residuals is None:
            return out.copy_(self._compute(index))
        return torch.index_select(self._residuals, 0, index.to(out.device), out=out)

    def find(self, x: Tensor) -> Tensor | None:
        """Returns the indices of samples that are bitwise in the bank, `(B,)`; None unless all are.

        Also None if the codes in the bank do not hold for them: because the weights have changed since `fit`, or because the
        VAE is conditional, so that the codes depend on the labels, too.
        """
        version = weights_version(self.codec.vae)
        codes_hold = not self.codec.conditional and version is not None and version == self._version_at_fit
        return self.bank.find(x) if codes_hold else None

    def __getstate__(self) -> dict[str, Any]:
        # A worker process computes the residuals that it needs; the others are not worth sending.
        return self.__dict__ | {"_residuals": None}

    def _compute(self, index: Tensor) -> Tensor:
        bank = self.bank.with_pseudo_labelled
        z = bank.mean[index.to(bank.mean.device)]
        return compute_residuals(self.codec, bank.samples.x[index], z, bank.samples.y[index])


class SampleResiduals(NamedTuple):
    """The residuals of a user's samples: from the bank's cache, or computed for them.

    Arguments:
        cache: The residuals of the bank.
        bank_index: The index of each sample in the bank, `(N,)`; -1 for one that is not in it.
        computed: The residuals of the samples that are not in the bank, `(M, *event)`; these come first.
    """

    cache: ResidualCache
    bank_index: Tensor
    computed: Tensor | None = None

    def append(self, bank_index: Tensor) -> SampleResiduals:
        """Returns the residuals of these samples and, after them, of samples of the bank."""
        return self._replace(bank_index=torch.cat([self.bank_index, bank_index]))

    def update(self, index: Tensor) -> None:
        """Prepares the cache for `gather`; see `ResidualCache.update`."""
        bank_index = self.bank_index[index]
        if self.computed is not None:
            bank_index = bank_index[bank_index >= 0]
        if len(bank_index):
            self.cache.update(bank_index)

    def gather(self, index: Tensor, out: Tensor) -> Tensor:
        """Writes the residuals of the samples at `index`, `(B, *event)`, to `out`, and returns it."""
        bank_index = self.bank_index[index]
        if self.computed is None:
            return self.cache.gather(bank_index, out)
        in_bank = bank_index >= 0
        if not in_bank.any():
            return torch.index_select(self.computed, 0, index.to(self.computed.device), out=out)
        from_bank, from_computed = bank_index[in_bank], index[~in_bank].to(out.device)
        out[in_bank.to(out.device)] = self.cache.gather(from_bank, out.new_empty(len(from_bank), *out.shape[1:]))
        out[~in_bank.to(out.device)] = self.computed[from_computed]
        return out


def weights_version(vae: Any) -> tuple[int, torch.dtype] | None:
    """Returns what changes when the weights of a `VAE` change in place, or their dtype; None if that cannot be known.

    It has the sum of the counters by which autograd notices changes of a tensor.
    """
    if not isinstance(vae, VAE):
        return None
    # This is done for every batch, and takes 18 us; with `vae.parameters()`, which looks for duplicates, 25 us.
    weights = (weight for module in vae.modules() for weight in module._parameters.values() if weight is not None)
    versions = [weight._version for weight in weights if not weight.is_inference()]
    return (sum(versions), vae.head.weight.dtype) if versions else None
