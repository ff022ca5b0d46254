"""The codec: a VAE, or whatever has its two methods, asked for codes and samples in the same way always."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.models.training import device_of, evaluating, walk_modules
from vaeaug.models.vae import VAE
from vaeaug.runtime import checks

CHUNK = 256  # samples encoded, and whose noise is drawn, together
BLOCK = 128  # samples decoded together on a CPU: their layers stay in its cache
ROWS = 16  # of fewer or odd rows, matrix products round otherwise
KEPT = 2**30  # bytes of rests that one bank keeps at most

# Writes the rests of a slice of the samples asked for, `(B, *event)`, and returns where it wrote.
Write = Callable[[slice, Tensor], Tensor]


class Codec(NamedTuple):
    """Asks a VAE in eval mode, without gradients, in full precision and with labels where it is conditional.

    A `VAE` is asked for a multiple of 16 samples always, so that a sample does not depend, to the last bit, on how many
    others are asked for with it.

    Arguments:
        vae: A `VAE`, or anything with `encode` and `decode`.
    """

    vae: Any

    def encode(self, x: Tensor, y: Tensor | None) -> Independent:
        device, size = device_of(self.vae), len(x)
        with self._calm(device):
            q = self.vae.encode(*self._filled(x.to(device), *self._told(y, device)))
        if not isinstance(q, torch.distributions.Distribution) or q.mean.ndim != 2:
            got = f"{type(q).__name__}" + (f" over {tuple(q.mean.shape)}" if hasattr(q, "mean") else "")
            checks.refuse(
                "encode to return an Independent(Normal) over (B, L)", got, "wrap it with vaeaug.models.adapters"
            )
        if len(q.mean) == size:
            return cast(Independent, q)
        return Independent(Normal(q.mean[:size], q.stddev[:size], validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Returns decoded codes `(B, *event)`.

        Arguments:
            z: Codes, `(B, L)`.
            y: Their labels, `(B,)`.
        """
        parts: list[Tensor] = []
        self.each_block(z, y, lambda made, _: parts.append(made))
        return joined(parts)

    def each_block(self, z: Tensor, y: Tensor, use: Callable[[Tensor, slice], None]) -> None:
        """Decodes codes a block at a time and hands each on, with its places, while it is in the cache."""
        size, filled = len(z), self._filled(z, *self._told(y, z.device))
        block = BLOCK if isinstance(self.vae, VAE) and z.device.type == "cpu" else CHUNK
        with self._calm(z.device):
            for first, *part in zip(range(0, size, block), *(t.split(block) for t in filled), strict=True):
                at = slice(first, min(first + block, size))
                use(self.vae.decode(*part)[: at.stop - first], at)

    @contextmanager
    def _calm(self, device: torch.device) -> Iterator[None]:
        # In full precision, also inside a training step under autocast: a sample must not depend on who asks.
        mixed = torch.is_autocast_enabled(device.type)
        with evaluating(self.vae), torch.autocast(device.type, enabled=False) if mixed else nullcontext():
            yield

    @property
    def conditional(self) -> bool:
        """Whether the VAE is told the labels."""
        return getattr(self.vae, "num_classes", None) is not None

    def _told(self, y: Tensor | None, device: torch.device) -> tuple[Tensor, ...]:
        return (y.to(device),) if self.conditional and y is not None else ()

    def _filled(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        short = -len(tensors[0]) % ROWS if isinstance(self.vae, VAE) else 0
        return tuple(torch.cat([t, t[-1:].expand(short, *t.shape[1:])]) for t in tensors) if short else tensors

    def codes(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation of q(z|x), each `(N, L)`, encoded a chunk at a time."""
        labels = [None] * len(x) if y is None else y.split(CHUNK)
        found = [self.encode(part, told) for part, told in zip(x.split(CHUNK), labels, strict=False)]
        return torch.cat([q.mean for q in found]), torch.cat([q.stddev for q in found])

    def rest(self, x: Tensor, z: Tensor, y: Tensor) -> Tensor:
        """Returns what the VAE does not tell of samples, x - decode(z), on its device, a chunk at a time."""
        parts = zip(*(t.split(CHUNK) for t in (x, z, y)), strict=True)
        return joined([x.to(z) - self.decode(z, y) for x, z, y in parts])


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Returns parts as one tensor; a single part as it is, without a copy."""
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))


def written(rests: Tensor, places: Tensor) -> Write:
    """Returns what writes the rests at some places, `(B,)`, from a table of rests, `(N, *event)`."""
    at = places.to(rests.device)
    return lambda block, out: torch.index_select(rests, 0, at[block], out=out)


class ResidualCache:
    """Creates a function from places in a bank to what writes the rests there: what the VAE does not tell of the samples.

    With a `VAE`, each is computed when it is first asked for and kept, as long as the weights stay what they are and all
    fit into 1 GB: it is half of the decoder's work.

    Arguments:
        codec: Asks the VAE.
        bank: The samples, `samples.x` and `samples.y`, and their codes, `mean`.
    """

    def __init__(self, codec: Codec, bank: Any) -> None:
        self.codec, self.bank = codec, bank
        self._kept: Tensor | None = None
        self._there, self._seen, self._first = torch.zeros(0, dtype=torch.bool), -1, self._state()

    def __call__(self, places: Tensor) -> Write:
        state, shape, device = self._state(), self.bank.samples.x.shape, self.bank.mean.device
        if state is None or 4 * shape.numel() > KEPT:
            return lambda block, out: out.copy_(self._compute(places[block]))
        if self._kept is None or state != self._seen:
            # Memory is taken page by page, as the rests come.
            self._kept, self._there = torch.empty(shape, device=device), torch.zeros(shape[0], dtype=torch.bool)
            self._seen = state
        there = self._there[places]
        if not there.all():
            missing = places[~there].unique()
            self._kept[missing.to(device)] = self._compute(missing)
            self._there[missing] = True
        return written(self._kept, places)

    def find(self, x: Tensor) -> Tensor | None:
        """Returns the places of samples that are in the bank and whose codes still hold, `(B,)`; nothing unless all are."""
        known = not self.codec.conditional and self._first is not None and self._state() == self._first
        return self.bank.find(x) if known else None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": None}

    def _compute(self, places: Tensor) -> Tensor:
        samples, mean = self.bank.samples, self.bank.mean
        return self.codec.rest(samples.x[places], mean[places.to(mean.device)], samples.y[places])

    def _state(self) -> int | None:
        """Returns a number that changes with the weights; nothing for a VAE whose bits may depend on the batch."""
        vae = self.codec.vae
        if not isinstance(vae, VAE):
            return None
        weights = (w for m in walk_modules(vae) for w in m._parameters.values() if w is not None)
        versions = [w._version for w in weights if not w.is_inference()]
        return sum(versions) if versions else None
