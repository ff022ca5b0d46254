"""Encoding and decoding with any VAE, always under the same conditions: eval mode, no gradients, its own precision.

Samples and codes are float32 before and after. What a VAE returns is checked here, at the one place where it is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import repeat
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.models.adapters import Adapted
from vaeaug.models.precision import check_finite_output
from vaeaug.models.spaces import LinearSpace
from vaeaug.models.training import device_of, dtype_of, evaluating
from vaeaug.models.vae import VAE
from vaeaug.runtime import checks

CHUNK = 256  # samples that are encoded together, and whose noise is drawn together
BLOCK = 128  # samples that a CPU decodes together: the activations of a block stay in its cache
PAD_TO = 16  # matrix products of fewer rows, or of another multiple, round differently


class Codec(NamedTuple):
    """Calls a VAE in eval mode, without gradients and autocast, and with labels if it is conditional.

    The inputs of a `VAE` are padded to a multiple of 16 samples, so its results are bitwise independent of the batch size.

    Arguments:
        vae: A `VAE`, or any object with `encode` and `decode`.
    """

    vae: Any

    def encode(self, x: Tensor, y: Tensor | None) -> Independent:
        """Returns q(z|x) over `(B, L)`.

        Arguments:
            x: Samples, `(B, *event)`.
            y: Their labels, `(B,)`, which only a conditional VAE sees; None for samples without labels.

        Raises:
            InputError: If the VAE's own `encode` returns anything else, or NaN or infinity.
        """
        device, size = self.device, len(x)
        with self.inference_mode(device):
            inputs = x.to(device, self._input_dtype)
            q = self.vae.encode(*self._pad_to_multiple(inputs, *self._labels_for(y, device)))
        if not isinstance(q, torch.distributions.Distribution) or q.mean.ndim != 2 or len(q.mean) < size:
            got = f"{type(q).__name__}" + (f" over {tuple(q.mean.shape)}" if hasattr(q, "mean") else "")
            checks.refuse(
                "encode to return an Independent(Normal) over (B, L)", got, "wrap it with vaeaug.models.adapters"
            )
        mean, stddev = q.mean[:size].float(), q.stddev[:size].float()
        check_finite_output("the mean of the VAE's encode", mean, self.vae)
        check_finite_output("the standard deviation of the VAE's encode", stddev, self.vae)
        return Independent(Normal(mean, stddev, validate_args=False), 1, validate_args=False)

    def codes(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the mean and the standard deviation of q(z|x), each `(N, L)`, encoded a chunk at a time.

        Arguments:
            x: Samples, `(N, *event)`.
            y: Their labels, `(N,)`, or None.
        """
        labels = repeat(None) if y is None else y.split(CHUNK)
        q = [self.encode(*chunk) for chunk in zip(x.split(CHUNK), labels, strict=False)]
        return torch.cat([chunk.mean for chunk in q]), torch.cat([chunk.stddev for chunk in q])

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Returns decoded codes, `(B, *event)`, on the device of the codes.

        Arguments:
            z: Codes, `(B, L)`.
            y: Their labels, `(B,)`.

        Raises:
            InputError: As `decode_blocks`.
        """
        with self.inference_mode(z.device):
            return concatenate([decoded for _, decoded in self.decode_blocks(z, y)])

    def decode_blocks(self, z: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yields slices of the codes and their decoded samples, so that each block is used while it is in the CPU's cache.

        To be called inside `inference_mode`, which it does not enter for every block.

        Arguments:
            z: Codes, `(B, L)`.
            y: Their labels, `(B,)`.

        Raises:
            InputError: If the VAE's own `decode` returns anything else than samples of finite numbers.
        """
        size = len(z)
        inputs = self._pad_to_multiple(z.to(self._input_dtype), *self._labels_for(y, z.device))
        block_size = BLOCK if isinstance(self.vae, VAE) and z.device.type == "cpu" else CHUNK
        blocks = zip(*(tensor.split(block_size) for tensor in inputs), strict=True)
        for start, block in zip(range(0, size, block_size), blocks, strict=True):
            stop, decoded = min(start + block_size, size), self.vae.decode(*block)
            if not isinstance(decoded, Tensor) or decoded.ndim < 2 or len(decoded) != len(block[0]):
                got = f"shape {tuple(decoded.shape)}" if isinstance(decoded, Tensor) else type(decoded).__name__
                expected = f"decode to return a tensor of {len(block[0])} samples"
                checks.refuse(expected, got, "wrap it with vaeaug.models.adapters")
            yield slice(start, stop), self._checked(decoded[: stop - start].float())

    def check_decoded(self, x: Tensor) -> None:
        """Checks decoded samples, or what was computed from them, on the CPU.

        Raises:
            InputError: If any value is NaN or infinite.
        """
        check_finite_output("the VAE's decode", x, self.vae)

    def _checked(self, x: Tensor) -> Tensor:
        """Returns decoded samples, checked; on an accelerator infinity becomes NaN, which passes every later step."""
        if x.device.type != "cpu":
            # Reading a value here would wait for the device. Whoever copies the samples to the CPU checks them there.
            return x.nan_to_num(math.nan, math.nan, math.nan)
        self.check_decoded(x)
        return x

    @property
    def conditional(self) -> bool:
        """Whether the VAE is conditioned on labels."""
        return getattr(self.vae, "num_classes", None) is not None

    @contextmanager
    def inference_mode(self, device: torch.device) -> Iterator[None]:
        """Puts the VAE into eval mode inside the block, without gradients and autocast, and restores its mode after it."""
        # Also inside a training step under autocast: a sample must not depend on where it is generated.
        under_autocast = torch.is_autocast_enabled(device.type)
        with evaluating(self.vae), torch.autocast(device.type, enabled=False) if under_autocast else nullcontext():
            yield

    @property
    def _input_dtype(self) -> torch.dtype:
        """The dtype of what the VAE is passed: that of its weights, unless it converts by itself."""
        return torch.float32 if isinstance(self.vae, VAE | LinearSpace | Adapted) else dtype_of(self.vae)

    @property
    def device(self) -> torch.device:
        """The device of the VAE."""
        device = device_of(self.vae)
        if device.type == "meta":
            checks.refuse("a VAE with weights", "one on the device 'meta', which has none", "load or move its weights")
        return device

    def _labels_for(self, y: Tensor | None, device: torch.device) -> tuple[Tensor, ...]:
        """Returns the labels as further arguments of the VAE: one for a conditional VAE, else none."""
        return (y.to(device),) if self.conditional and y is not None else ()

    def _pad_to_multiple(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        padding = -len(tensors[0]) % PAD_TO if isinstance(self.vae, VAE) else 0
        return tuple(torch.cat([t, t[-1:].expand(padding, *t.shape[1:])]) for t in tensors) if padding else tensors


def concatenate(tensors: Sequence[Tensor]) -> Tensor:
    """Returns the concatenation of tensors; a single one is returned as it is, without a copy."""
    return tensors[0] if len(tensors) == 1 else torch.cat(tuple(tensors))
