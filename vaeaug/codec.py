"""The codec: a VAE, or whatever has its two methods, asked for codes and samples in the same way always."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.distributions import Independent

from vaeaug import _checks
from vaeaug.training import device_of, evaluating

CHUNK = 256  # samples encoded or decoded, and whose noise is drawn, together


class Codec(NamedTuple):
    """Asks a VAE in eval mode, without gradients, in full precision and with labels where it is conditional.

    Arguments:
        vae: A `VAE`, or anything with `encode` and `decode`.
    """

    vae: Any

    def encode(self, x: Tensor, y: Tensor | None) -> Independent:
        device = device_of(self.vae)
        # In full precision, also inside a training step under autocast: a sample must not depend on who asks.
        with evaluating(self.vae), torch.autocast(device.type, enabled=False):
            q = self.vae.encode(x.to(device), *self._told(y, device))
        if not isinstance(q, torch.distributions.Distribution) or q.mean.ndim != 2:
            got = f"{type(q).__name__}" + (f" over {tuple(q.mean.shape)}" if hasattr(q, "mean") else "")
            _checks.refuse("encode to return an Independent(Normal) over (B, L)", got, "wrap it with vaeaug.adapters")
        return cast(Independent, q)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        with evaluating(self.vae), torch.autocast(z.device.type, enabled=False):
            return self.vae.decode(z, *self._told(y, z.device))

    def _told(self, y: Tensor | None, device: torch.device) -> tuple[Tensor, ...]:
        conditional = getattr(self.vae, "classes", None) is not None
        return (y.to(device),) if conditional and y is not None else ()

    def codes(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation of q(z|x), each `(N, L)`, encoded a chunk at a time."""
        labels = [None] * len(x) if y is None else y.split(CHUNK)
        found = [self.encode(part, told) for part, told in zip(x.split(CHUNK), labels, strict=False)]
        return torch.cat([q.mean for q in found]), torch.cat([q.stddev for q in found])

    def rest(self, x: Tensor, z: Tensor, y: Tensor) -> Tensor:
        """Returns what the VAE does not tell of samples: x - decode(z), on its device."""
        return x.to(z) - self.decode(z, y)
