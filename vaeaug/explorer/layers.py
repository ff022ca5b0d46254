"""Networks as lists of layers that the page's JavaScript runs (assets/network.js), with their weights as arrays.

A layer is a dict with its kind as `op`, its numbers, and the names of its weights among the arrays of the page.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from vaeaug.data.scaling import Scaling
from vaeaug.models.classifiers import Standardize
from vaeaug.models.networks import _Crop, _Grid
from vaeaug.models.spaces import PCA, LinearSpace
from vaeaug.models.vae import VAE
from vaeaug.runtime import checks

LARGEST_HALF = 6e4  # float16 holds numbers up to 65504


class LayerList:
    """Collects the layers of one network.

    Arguments:
        name: What the names of its arrays begin with.
        arrays: Where the arrays are put.
        half: Whether weights are stored as float16, wherever these can hold them.
    """

    def __init__(self, name: str, arrays: dict[str, np.ndarray], *, half: bool) -> None:
        self.name, self.arrays, self.half = name, arrays, half
        self.layers: list[dict[str, Any]] = []

    def add(self, op: str, **numbers: Any) -> None:
        """Adds a layer; tensors among its numbers are stored as arrays."""
        layer: dict[str, Any] = {"op": op}
        for key, value in numbers.items():
            layer[key] = self._store(f"{len(self.layers)}.{key}", value) if isinstance(value, Tensor) else value
        self.layers.append(layer)

    def add_module(self, module: nn.Module) -> None:
        """Adds the layers of a module, and of those inside it.

        Raises:
            InputError: If it has a layer that the page cannot run.
        """
        match module:
            case nn.Sequential():
                for inner in module:
                    self.add_module(inner)
            case nn.Linear():
                self.add("linear", inputs=module.in_features, weight=module.weight, bias=_bias(module))
            case nn.Conv2d() if _is_plain(module):
                sizes = {"inputs": module.in_channels, "outputs": module.out_channels, "side": module.kernel_size[0]}
                self.add("conv", **sizes, padding=_padding(module), weight=module.weight, bias=_bias(module))
            case nn.PixelShuffle():
                self.add("shuffle", factor=module.upscale_factor)
            case nn.Unflatten():
                self.add("reshape", shape=[int(side) for side in module.unflattened_size])
            case _Grid():
                self.add("grid", rows=module.rows, columns=module.columns)
            case _Crop():
                self.add("crop", rows=module.height, columns=module.width)
            case nn.ReLU():
                self.add("relu")
            case nn.Sigmoid():
                self.add("sigmoid")
            case nn.Tanh():
                self.add("tanh")
            case Standardize():
                self.add_affine(1 / module.spread, -module.mean / module.spread)
                self.add_module(module.network)
            case nn.Flatten() | nn.Dropout() | nn.Identity():
                pass
            case _:
                _refuse(type(module).__name__)

    def add_affine(self, gain: Tensor, offset: Tensor) -> None:
        """Adds x -> gain x + offset, with one number for all features or one for each; nothing if that changes nothing."""
        if (gain != 1).any() or (offset != 0).any():
            self.add("affine", gain=gain.flatten(), offset=offset.flatten())

    def _store(self, key: str, tensor: Tensor) -> str:
        name, value = f"{self.name}.{key}", tensor.detach().cpu().float()
        if not value.isfinite().all():
            checks.refuse("finite weights", f"NaN or infinity in {name}", "fit the augmenter again")
        fits = self.half and (not value.numel() or float(value.abs().max()) < LARGEST_HALF)
        self.arrays[name] = (value.half() if fits else value).contiguous().numpy()
        return name


def decoder_layers(vae: Any, scaling: Scaling, arrays: dict[str, np.ndarray], *, half: bool) -> list[dict[str, Any]]:
    """Returns the layers from a code, with the one-hot label of a conditional VAE after it, to a scaled sample.

    Arguments:
        vae: A `VAE`, `PCA` or `Identity`.
        scaling: The scaling of the samples on the page, which may differ from that of a VAE trained on other data.
        arrays: Where the weights are put.
        half: Whether weights are stored as float16.

    Raises:
        InputError: If the VAE is of another class, or has a layer that the page cannot run.
    """
    result = LayerList("decoder", arrays, half=half)
    if isinstance(vae, VAE):
        result.add_module(vae.decoder)
        if vae.mixed is not None:
            result.add("mixed")
        elif len(vae.event_shape) > 1 or vae.likelihood != "gaussian":
            result.add("sigmoid")
    elif isinstance(vae, LinearSpace):
        if isinstance(vae, PCA):
            result.add("linear", inputs=len(vae.axes), weight=vae.axes.T, bias=vae.mean)
        result.add("reshape", shape=list(vae.event_shape or ()))
    else:
        _refuse(f"a VAE of type {type(vae).__name__}")
    gain, offset = (torch.tensor(value) for value in (scaling.gain, scaling.offset))
    result.add_affine(vae.gain.cpu() / gain, (vae.offset.cpu() - offset) / gain)
    return result.layers


def _is_plain(module: nn.Conv2d) -> bool:
    same = module.kernel_size[0] == module.kernel_size[1] and module.padding_mode == "zeros"
    return same and module.stride == (1, 1) and module.dilation == (1, 1) and module.groups == 1


def _padding(module: nn.Conv2d) -> int:
    if module.padding == "valid":
        return 0
    if module.padding == "same" and module.kernel_size[0] % 2:
        return module.kernel_size[0] // 2
    if isinstance(module.padding, tuple) and len(set(module.padding)) == 1:
        return module.padding[0]
    _refuse(f"Conv2d with padding {module.padding}")


def _bias(module: nn.Linear | nn.Conv2d) -> Tensor:
    return torch.zeros(len(module.weight)) if module.bias is None else module.bias


def _refuse(got: str) -> NoReturn:
    remedy = "explore an augmenter with the library's own VAE: Augmenter().fit(data)"
    checks.refuse("a decoder of layers that the page can run (vaeaug.explorer.layers)", got, remedy)
