"""VAEs of other libraries behind the two methods that an augmenter calls: `encode(x) -> q(z|x)` and `decode(z)`.

Models are recognised by duck typing, so no other library is imported here, and wrapped unchanged: they are neither moved, nor
switched to another mode, nor frozen, nor converted to another precision. Samples and codes are converted to theirs, and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from vaeaug.models.training import dtype_of
from vaeaug.models.wrappers import unwrapped
from vaeaug.runtime import checks

# Models of pythae whose decoder does not take a sample of the encoder's Gaussian.
NOT_GAUSSIAN = ("PoincareVAE", "VAE_IAF", "VAE_LinNF")


class Adapted(nn.Module):
    """A VAE made of two functions; see `from_functions`.

    Arguments:
        encode, decode, event_shape, num_classes: As in `from_functions`.
        modules: The networks that the functions use.
        dtype: The dtype of what both functions are passed; by default that of their networks.
    """

    def __init__(
        self,
        encode: Callable[..., tuple[Tensor, Tensor]],
        decode: Callable[..., Tensor],
        modules: Sequence[nn.Module],
        event_shape: Sequence[int] | None,
        num_classes: int | None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.encode_function, self.decode_function = encode, decode
        self.wrapped = nn.ModuleList(modules)
        self.event_shape, self.num_classes = event_shape and tuple(event_shape), num_classes
        self.dtype = dtype

    def encode(self, x: Tensor, y: Tensor | None = None) -> Independent:
        """Returns q(z|x), an `Independent(Normal)` over `(B, L)`.

        Arguments:
            x: Samples, `(B, *event)`.
            y: Labels, `(B,)`; ignored unless the VAE is conditional.

        Raises:
            InputError: If the samples are not of `event_shape`, or if the function does not return mu and log sigma^2.
        """
        if self.event_shape is not None:
            checks.check_event_shape("samples", x, self.event_shape)
        x = x.to(self._dtype_for(self.encode_function))
        mu, log_variance = _mu_and_logvar(self.encode_function(x, *self._labels(y)), len(x))
        stddev = (0.5 * log_variance.float()).exp()
        return Independent(Normal(mu.float(), stddev, validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Returns the mean of p(x|z), `(B, *event)`.

        Arguments:
            z: Latent codes, `(B, L)`.
            y: Labels, `(B,)`; ignored unless the VAE is conditional.

        Raises:
            InputError: If the function does not return as many samples, of `event_shape`.
        """
        x = self.decode_function(z.to(self._dtype_for(self.decode_function)), *self._labels(y))
        if not isinstance(x, Tensor):
            checks.refuse("decode to return a tensor", type(x).__name__, "return the samples alone")
        if self.event_shape is None:
            return x.float()
        if x.numel() != len(z) * math.prod(self.event_shape):
            expected = f"decode to return {len(z)} samples of shape {self.event_shape}"
            checks.refuse(expected, f"shape {tuple(x.shape)}", "pass the event_shape that the VAE was trained with")
        return x.float().reshape(-1, *self.event_shape)

    def _dtype_for(self, function: Callable[..., Any]) -> torch.dtype:
        """Returns the dtype of the network that a function belongs to, else of the first one."""
        owner = _owner(function)
        return self.dtype or dtype_of(self if owner is None else owner)

    def _labels(self, y: Tensor | None) -> tuple[Tensor, ...]:
        return () if self.num_classes is None or y is None else (y,)


def from_functions(
    encode: Callable[..., tuple[Tensor, Tensor]],
    decode: Callable[..., Tensor],
    *,
    module: nn.Module | None = None,
    event_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
) -> Adapted:
    """Creates a VAE from two functions.

    Arguments:
        encode: Samples `(B, *event)` -> mu and log sigma^2 of q(z|x), each `(B, L)`.
        decode: Latent codes `(B, L)` -> samples `(B, *event)` in the range of the data.
        module: The network that the functions use, whose device and mode matter. By default it is found if the functions are
            nn.Modules or methods of one; pass it if they are functions of your own.
        event_shape: The shape of one sample. If it is passed, samples are checked against it and flat decodes reshaped to it.
        num_classes: The number of classes of a conditional VAE: both functions are then called with labels `(B,)` as second
            argument, or without if there are none.

    Raises:
        InputError: If they are not functions.

    Example:
        >>> flat = torch.nn.Flatten()
        >>> vae = from_functions(lambda x: (flat(x), torch.zeros(len(x), 64)), lambda z: z.view(-1, 1, 8, 8))
        >>> vae.encode(torch.rand(5, 1, 8, 8)).mean.shape
        torch.Size([5, 64])
    """
    for name, function in {"encode": encode, "decode": decode}.items():
        if not callable(function):
            checks.refuse(f"a function {name}", repr(function), "pass two functions, x -> (mu, logvar) and z -> x")
    owners = dict.fromkeys([module, _owner(encode), _owner(decode)])  # a dict, unlike a set, keeps their order
    return Adapted(encode, decode, [m for m in owners if isinstance(m, nn.Module)], event_shape, num_classes)


def _owner(function: Any) -> nn.Module | None:
    """Returns the network that a function is, or is a method of."""
    owner = function if isinstance(function, nn.Module) else getattr(function, "__self__", None)
    return owner if isinstance(owner, nn.Module) else None


def from_pythae(model: nn.Module) -> Adapted:
    """Creates a VAE from a pythae model.

    Reference: Chadebec, Vincent and Allassonniere, "Pythae: unifying generative autoencoders in Python", 2022,
    https://arxiv.org/abs/2206.08309

    Arguments:
        model: A trained model with a Gaussian encoder (`VAE`, `BetaVAE`, `FactorVAE`, `VAMP`, `RHVAE` and others), trained on
            samples in the range that the augmenter receives: 0..1 for images.

    Raises:
        InputError: If it is not a model of pythae, or if its encoder is not Gaussian.
    """
    model = unwrapped(model)
    name = getattr(model, "model_name", None)
    if name is None or not (hasattr(model, "encoder") and hasattr(model, "decoder")):
        checks.refuse("a model of pythae", type(model).__name__, "for other models use from_functions")
    if name in NOT_GAUSSIAN:
        checks.refuse("a model whose decoder takes the encoder's Gaussian code", name, "use for example pythae's VAE")
    encode, decode = partial(_pythae_encode, model), partial(_pythae_decode, model)
    return from_functions(encode, decode, module=model, event_shape=model.input_dim)  # type: ignore[arg-type]


def from_diffusers(
    autoencoder: nn.Module, event_shape: Sequence[int], *, value_range: tuple[float, float] = (0.0, 1.0)
) -> Adapted:
    """Creates a VAE from diffusers' `AutoencoderKL`.

    Its spatial latents are flattened, and shifted and scaled as for a diffusion model, so that their standard deviation is
    about 1.

    Reference: Rombach et al., "High-resolution image synthesis with latent diffusion models", 2022,
    https://arxiv.org/abs/2112.10752

    Arguments:
        autoencoder: The autoencoder, in any precision.
        event_shape: The shape of the images, `(C, H, W)`; it determines the shape of the latents.
        value_range: The minimum and maximum of the images' values, which the autoencoder receives as -1 and 1.

    Raises:
        InputError: If it is not an AutoencoderKL, or if the images do not fit it.
    """
    autoencoder = unwrapped(autoencoder)
    config: Any = getattr(autoencoder, "config", None)
    has_config = all(hasattr(config, name) for name in ("block_out_channels", "latent_channels", "scaling_factor"))
    # AutoencoderTiny has no posterior, VQModel quantises its latents, and those of videos have convolutions of their own.
    has_posterior = hasattr(autoencoder, "post_quant_conv") and not hasattr(autoencoder, "quantize")
    of_images = isinstance(getattr(getattr(autoencoder, "encoder", None), "conv_in", None), nn.Conv2d)
    if not (has_config and has_posterior and of_images):
        _refuse_autoencoder(autoencoder)
    if len(event_shape) != 3:
        checks.refuse("an event_shape (C, H, W)", tuple(event_shape), "AutoencoderKL is for images")
    channels, height, width = event_shape
    if channels != config.in_channels:
        remedy = "convert the images, e.g. with torchvision.transforms.v2.RGB or Grayscale"
        checks.refuse(f"images of {config.in_channels} channels", f"event_shape {tuple(event_shape)}", remedy)
    step = 2 ** (len(config.block_out_channels) - 1)
    if height % step or width % step:
        remedy = "resize the images, e.g. with torchvision.transforms.v2.Resize"
        checks.refuse(f"images whose sides are multiples of {step}", f"{height}x{width}", remedy)
    if not all(map(math.isfinite, value_range)) or not value_range[0] < value_range[1]:
        checks.refuse("a value_range (low, high)", value_range, "pass value_range=(0.0, 1.0) for images in 0..1")
    shape = (config.latent_channels, height // step, width // step)
    encode = partial(_diffusers_encode, autoencoder, value_range)
    decode = partial(_diffusers_decode, autoencoder, value_range, shape)
    # They convert by themselves, after the scaling: half precision has no value_range of 16 bits.
    return Adapted(encode, decode, [autoencoder], event_shape, None, torch.float32)


def _mu_and_logvar(output: Any, size: int) -> tuple[Tensor, Tensor]:
    if isinstance(output, tuple | list) and len(output) == 2 and all(isinstance(t, Tensor) for t in output):
        mu, log_variance = output
        if mu.ndim == 2 and len(mu) == size and mu.shape == log_variance.shape:
            return mu, log_variance
        got = f"shapes {tuple(mu.shape)} and {tuple(log_variance.shape)}"
    else:
        got = type(output).__name__
    checks.refuse(f"encode to return (mu, logvar), each ({size}, L)", got, "flatten spatial latents with t.flatten(1)")


def _pythae_encode(model: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    output = model.encoder(x)
    if "log_covariance" not in output:
        checks.refuse("a model with a Gaussian encoder", model.model_name, "use pythae's VAE or one derived from it")
    return output["embedding"], output["log_covariance"]


def _pythae_decode(model: Any, z: Tensor) -> Tensor:
    return model.decoder(z)["reconstruction"]


def _diffusers_encode(autoencoder: Any, value_range: tuple[float, float], x: Tensor) -> tuple[Tensor, Tensor]:
    low, high = value_range
    output = autoencoder.encode((2 * (x - low) / (high - low) - 1).to(autoencoder.dtype))
    q = getattr(output, "latent_dist", None)
    if q is None:
        _refuse_autoencoder(autoencoder)
    offset, gain = _latent_scaling(autoencoder, x.device)
    mu = (q.mean.float() - offset) / gain
    return mu.flatten(1), (q.logvar.float() - 2 * gain.log()).expand_as(mu).flatten(1)


def _diffusers_decode(autoencoder: Any, value_range: tuple[float, float], shape: tuple[int, ...], z: Tensor) -> Tensor:
    low, high = value_range
    offset, gain = _latent_scaling(autoencoder, z.device)
    x = autoencoder.decode((offset + gain * z.unflatten(1, shape)).to(autoencoder.dtype)).sample
    return low + (high - low) * (x.float() + 1) / 2


def _refuse_autoencoder(autoencoder: Any) -> NoReturn:
    remedy = "for others use from_functions, with a fixed logvar if there is no posterior"
    checks.refuse("an AutoencoderKL of diffusers", type(autoencoder).__name__, remedy)


def _latent_scaling(autoencoder: Any, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns offset and gain, `(C or 1, 1, 1)`: the autoencoder's latents are offset + gain u for a diffusion model's u."""
    config = autoencoder.config
    mean, stddev = (getattr(config, f"latents_{name}", None) for name in ("mean", "std"))
    if mean is None or stddev is None:
        mean, stddev = [getattr(config, "shift_factor", None) or 0.0], [1.0]
    offset, gain = (torch.tensor(v, dtype=torch.float32, device=device).view(-1, 1, 1) for v in (mean, stddev))
    return offset, gain / config.scaling_factor
