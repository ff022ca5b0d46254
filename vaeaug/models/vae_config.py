"""What a saved VAE says of itself, and whether its weights fit that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import torch
from torch import Tensor, nn

from vaeaug.data.tables.layout import Layout
from vaeaug.models.networks import ARCHITECTURES, Architecture
from vaeaug.runtime import checks, schema

FORMAT_1 = {"latent": "latent_dim", "classes": "num_classes", "body": "architecture"}  # names in files of format 1
SCALING = ("offset", "gain", "low", "high")  # the tensors of the data's range
LARGEST = 2**20  # of a side, a latent dimension or a number of classes: more is a damaged file
PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
REMEDY = "check the path, or save the VAE again"


@dataclass(frozen=True)
class VAEConfig:
    """What `VAE.save` writes beside the weights."""

    event_shape: tuple[Annotated[int, schema.Between(1, LARGEST)], ...]
    latent_dim: Annotated[int, schema.Between(1, LARGEST)]
    num_classes: Annotated[int, schema.Between(1, LARGEST)] | None
    likelihood: Literal["gaussian", "bernoulli", "mixed"]
    architecture: dict[str, Any]
    layout: Layout | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `VAE`, without the architecture."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "architecture"}


def read_config(content: dict[str, Any], path: str | Path) -> VAEConfig:
    """Returns the config in a file, whatever version wrote it.

    Raises:
        InputError: If it does not fit.
    """
    content = {FORMAT_1.get(name, name): value for name, value in content.items()}
    return schema.read(VAEConfig, content, f"'{path}'", REMEDY)


def read_architecture(config: VAEConfig, path: str | Path) -> Architecture:
    """Returns the architecture that a config describes.

    Raises:
        InputError: If it is one of a user's own, or does not fit.
    """
    kind = config.architecture.get("type")
    own = f"the architecture in '{path}' (pass VAE.load(path, architecture=...) for your own)"
    checks.check_choice(own, kind, tuple(ARCHITECTURES))
    settings = {name: value for name, value in config.architecture.items() if name != "type"}
    architecture = schema.read(ARCHITECTURES[str(kind)], settings, f"the architecture in '{path}'", REMEDY)
    for name, value in vars(architecture).items():
        widths = value if isinstance(value, tuple) else (value,)
        if not widths or not all(1 <= width <= LARGEST for width in widths):
            checks.refuse(f"widths from 1 to {LARGEST} in the architecture in '{path}'", f"{name} {value!r}", REMEDY)
    return architecture


def check_weights(
    build: Callable[[], nn.Module],
    config: VAEConfig,
    architecture: Architecture,
    tensors: dict[str, Tensor],
    path: str | Path,
) -> None:
    """Compares the shapes of the weights with those that the config asks for, before memory is taken for the latter.

    Arguments:
        build: Builds the VAE.
        config, architecture, tensors: What is in the file.
        path: The file, for the message.

    Raises:
        InputError: If a tensor is missing, unknown or of another shape.
    """
    try:
        with torch.device("meta"):
            expected = build().state_dict()
    except (RuntimeError, ValueError, OverflowError, ZeroDivisionError, TypeError, IndexError) as error:
        refuse_weights(architecture, path, (str(error) or repr(error)).splitlines()[0])
    shapes = {name: tuple(tensor.shape) for name, tensor in expected.items() if name not in SCALING}
    saved_shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items() if name not in SCALING}
    different = sorted(
        name for name in shapes.keys() | saved_shapes.keys() if shapes.get(name) != saved_shapes.get(name)
    )
    if different:
        name = different[0]
        reason = f"{name}: expected the shape {shapes.get(name)}, got {saved_shapes.get(name)}"
        refuse_weights(architecture, path, reason)
    for name in SCALING:
        if name not in tensors or not _fits(tensors[name], config.event_shape):
            checks.refuse(f"the tensor {name} of the data's range in '{path}'", "another one, or none", REMEDY)
    if (tensors["gain"] <= 0).any():
        checks.refuse(f"a positive gain in '{path}'", "one of zero or less", REMEDY)


def dtype_of_weights(tensors: dict[str, Tensor], path: str | Path) -> torch.dtype:
    """Returns the dtype of the weights in a file, for a VAE of the same.

    Raises:
        InputError: If they are not of one type of real numbers.
    """
    weights = [tensor.dtype for name, tensor in tensors.items() if name.startswith("head.")]
    if len(set(weights)) != 1 or weights[0] not in PRECISIONS:
        dtypes = ", ".join(sorted({str(dtype).removeprefix("torch.") for dtype in weights})) or "no weights"
        checks.refuse(f"weights of one type of real numbers in '{path}'", dtypes, REMEDY)
    return weights[0]


def _fits(scale: Tensor, event_shape: tuple[int, ...]) -> bool:
    """Returns whether a tensor of the data's range has one number, or one per feature."""
    try:
        shape = torch.broadcast_shapes(scale.shape, event_shape)
    except RuntimeError:
        return False
    return scale.is_floating_point() and tuple(shape) == event_shape


def refuse_weights(architecture: Architecture, path: str | Path, reason: str) -> NoReturn:
    """Raises `InputError` for weights that do not fit the architecture."""
    remedy = "pass the architecture that it was trained with"
    checks.refuse(f"weights that fit {architecture}", f"'{path}' ({reason})", remedy)
