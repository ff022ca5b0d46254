"""Spaces without a VAE: the samples themselves, or their principal components, with the two methods that an augmenter needs.

They are the controls that show what the VAE adds, and a choice where it adds nothing: pass `vae=Identity()` or `vae=PCA(16)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.data.samples import Scaling
from vaeaug.models.precision import Float32Buffers
from vaeaug.runtime import checks, files, modes, schema


class LinearSpace(Float32Buffers):
    """Abstract: latent codes that are a linear function of the scaled samples. `fit` returns a fitted copy.

    Images are scaled to 0..1 as a whole, tabular data to mean 0 and standard deviation 1 feature by feature, and signals
    channel by channel.
    """

    offset: Tensor
    gain: Tensor
    event_shape: tuple[int, ...] | None = None
    num_classes = None

    def fit(self, x: Tensor) -> LinearSpace:
        """Returns a space of the same kind, fitted to samples `(N, *event)`."""
        raise TypeError("fit belongs to Identity and PCA")

    def encode(self, x: Tensor, y: Tensor | None = None) -> Independent:
        """Returns q(z|x), an `Independent(Normal)` over `(B, L)`.

        Arguments:
            x: Samples in the data's own range, `(B, *event)`.
            y: Ignored.
        """
        z = self._to_codes(((x.float() - self.offset) / self.gain).flatten(1))
        return Independent(Normal(z, self._stddev().expand_as(z), validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Returns samples in the data's own range, `(B, *event)`.

        Arguments:
            z: Latent codes, `(B, L)`.
            y: Ignored.
        """
        if self.event_shape is None:
            checks.refuse(
                f"a fitted {type(self).__name__}", "one before fit", "call fit(x), or Augmenter(vae=...).fit(data)"
            )
        return self.offset + self.gain * self._to_samples(z.float()).unflatten(1, self.event_shape)

    def save(self, path: str | Path) -> None:
        """Writes a fitted space to one safetensors file; either the whole file is written or none."""
        config = {"type": type(self).__name__, "event_shape": self.event_shape, "arguments": self._arguments()}
        files.save_tensors(path, self.state_dict(), "space", config)

    @staticmethod
    @modes.in_plain_modes
    def load(path: str | Path) -> LinearSpace:
        """Reads what `save` wrote. Nothing in the file is executed.

        Raises:
            InputError: If the file is missing, truncated or foreign, or if a part of it does not fit.
        """
        tensors, content = files.load_tensors(path, "space")
        remedy = "check the path, or save the space again"
        config = schema.read(_SpaceConfig, content, f"'{path}'", remedy)
        expected = SPACES[config.type]()._arguments().keys()
        if config.arguments.keys() != expected:
            checks.refuse(f"the arguments {list(expected)} of {config.type} in '{path}'", config.arguments, remedy)
        space = SPACES[config.type](**config.arguments)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if not space._fits(shapes, math.prod(config.event_shape), config.event_shape):
            checks.refuse(f"tensors that fit {config.type} in '{path}'", shapes, remedy)
        if (tensors["gain"] <= 0).any() or (tensors.get("noise", tensors["gain"]) < 0).any():
            checks.refuse(f"a positive gain in '{path}'", "one of zero or less, or a negative noise", remedy)
        space.event_shape = config.event_shape
        for name, tensor in tensors.items():
            space.register_buffer(name, tensor.float())
        return space

    def _fits(self, shapes: dict[str, tuple[int, ...]], features: int, event_shape: tuple[int, ...]) -> bool:
        """Returns whether tensors of these shapes are those of a space of samples with this number of features."""
        scales = {1: ((), event_shape), 2: ((), (*event_shape[:1], 1))}.get(len(event_shape), ((),))
        return shapes.keys() == {"offset", "gain"} and shapes["offset"] == shapes["gain"] and shapes["gain"] in scales

    def _arguments(self) -> dict[str, int]:
        return {}

    def _to_codes(self, u: Tensor) -> Tensor:
        return u

    def _to_samples(self, z: Tensor) -> Tensor:
        return z

    def _stddev(self) -> Tensor:
        return torch.zeros((), device=self.offset.device, dtype=torch.float32)

    def _set_scaling(self, x: Tensor) -> Tensor:
        """Sets the scaling to that of samples, and returns them scaled and flat, `(N, D)`."""
        scaling = Scaling.fit(x)
        self.event_shape = tuple(x.shape[1:])
        for name in ("offset", "gain"):
            self.register_buffer(name, scaling.tensor(name, self.event_shape))
        return ((x - self.offset) / self.gain).flatten(1)


class Identity(LinearSpace):
    """Uses the scaled samples themselves as latent codes, so that `Difference` gives x' = x + u (a - b).

    There is no posterior noise: `Posterior` changes nothing.

    Example:
        >>> space = Identity().fit(torch.rand(10, 1, 8, 8))
        >>> space.encode(torch.rand(3, 1, 8, 8)).mean.shape
        torch.Size([3, 64])
    """

    @modes.in_plain_modes
    def fit(self, x: Tensor) -> Identity:
        space = Identity()
        space._set_scaling(x)
        return space


class PCA(LinearSpace):
    """Uses principal components as latent codes; the posterior's standard deviation is that of the noise left over.

    Reference: Tipping and Bishop, "Probabilistic principal component analysis", 1999.

    Arguments:
        n_components: The number of components, 1 or more; fewer where there are fewer samples or features.

    Example:
        >>> space = PCA(4).fit(torch.rand(10, 1, 8, 8))
        >>> space.decode(space.encode(torch.rand(3, 1, 8, 8)).mean).shape
        torch.Size([3, 1, 8, 8])
    """

    mean: Tensor
    axes: Tensor
    noise: Tensor

    def __init__(self, n_components: int = 16) -> None:
        super().__init__()
        checks.check_number("n_components", n_components, 1, whole=True)
        self.n_components = n_components

    @modes.in_plain_modes
    def fit(self, x: Tensor) -> PCA:
        from sklearn import decomposition

        space = PCA(self.n_components)
        flat = space._set_scaling(x).numpy()
        with np.errstate(invalid="ignore"):  # samples that are all the same have no variance to share out
            pca = decomposition.PCA(min(self.n_components, *flat.shape), random_state=0).fit(flat)
        space.register_buffer("mean", torch.as_tensor(pca.mean_, dtype=torch.float32))
        space.register_buffer("axes", torch.as_tensor(pca.components_, dtype=torch.float32))
        space.register_buffer("noise", torch.tensor(math.sqrt(max(float(pca.noise_variance_), 1e-12))))
        return space

    def _arguments(self) -> dict[str, int]:
        return {"n_components": self.n_components}

    def _fits(self, shapes: dict[str, tuple[int, ...]], features: int, event_shape: tuple[int, ...]) -> bool:
        axes = shapes.get("axes", ())
        own = {"mean": (features,), "axes": (*axes[:1], features), "noise": ()}
        scaling = {name: shape for name, shape in shapes.items() if name not in own}
        return super()._fits(scaling, features, event_shape) and own.items() <= shapes.items()

    def _to_codes(self, u: Tensor) -> Tensor:
        return (u - self.mean) @ self.axes.T

    def _to_samples(self, z: Tensor) -> Tensor:
        return z @ self.axes + self.mean

    def _stddev(self) -> Tensor:
        return self.noise


@dataclass(frozen=True)
class _SpaceConfig:
    """What `LinearSpace.save` writes beside the tensors."""

    type: Literal["Identity", "PCA"]
    event_shape: tuple[Annotated[int, schema.Between(1)], ...]
    arguments: dict[str, Annotated[int, schema.Between(1)]]


SPACES: dict[str, type[LinearSpace]] = {"Identity": Identity, "PCA": PCA}
SPACE_NAMES = ("vae", "pca", "identity")


def space_named(name: str, latent_dim: int | None = None) -> LinearSpace | None:
    """Returns what an `Augmenter` takes as `vae` for its codes to be in this space; None for a VAE, which it trains itself.

    Arguments:
        name: `vae`, `pca` or `identity`.
        latent_dim: The number of principal components; by default that of `PCA`. The other spaces ignore it.

    Raises:
        InputError: If there is no space of this name.
    """
    checks.check_choice("space", name, SPACE_NAMES)
    if name == "pca":
        return PCA() if latent_dim is None else PCA(latent_dim)
    return Identity() if name == "identity" else None
