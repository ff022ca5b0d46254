"""The steps of `Augmenter.fit` that need no augmenter: checks of its settings, unlabelled samples, the codes of the bank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vaeaug.augmenter.unlabelled import as_unlabelled
from vaeaug.data.samples import Samples, Scaling, without_gaps
from vaeaug.filters.base import Filter
from vaeaug.models.codec import PAD_TO, Codec
from vaeaug.models.vae import VAE
from vaeaug.models.wrappers import unwrapped
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import PERTURBATIONS, Perturbation
from vaeaug.perturb.value_range import ValueRange
from vaeaug.runtime import checks


def check_settings(vae: Any, perturb: Any, filter: Any) -> None:
    """Checks the arguments of `Augmenter`.

    Raises:
        InputError: If one of them is not what its name says.
    """
    if not isinstance(perturb, Perturbation):
        names = ", ".join(PERTURBATIONS)
        checks.refuse(f"a perturbation ({names})", repr(perturb), "for example vaeaug.Extrapolate(0.5)")
    if filter is not None and not isinstance(filter, Filter):
        checks.refuse("a filter or None", repr(filter), "for example vaeaug.Confident(classifier, 0.3)")
    vae = unwrapped(vae)
    if vae is not None and not (hasattr(vae, "encode") and hasattr(vae, "decode")):
        checks.refuse("a VAE with encode and decode", type(vae).__name__, "wrap it: docs/own-vae.md")


def number_labels(samples: Samples, filter: Filter | None, training: Mapping[str, Any]) -> Samples:
    """Returns the samples with the classes that occur numbered from 0, unless another part knows the numbers they have.

    Arguments:
        samples: The labelled samples.
        filter: The filter of the augmenter.
        training: The arguments of `fit_vae`, or the VAE itself as `vae`.
    """
    vae = training.get("vae")
    is_conditional = "num_classes" in training or getattr(vae, "num_classes", None) is not None
    return samples if is_conditional or filter is not None else without_gaps(samples)


def load_unlabelled(
    data: Any, samples: Samples, bank_size: int | None, training: Mapping[str, Any], seed: int = 0
) -> Tensor:
    """Returns unlabelled samples for a VAE, `(M, *event)`.

    Arguments:
        data: The unlabelled samples; see `vaeaug.augmenter.unlabelled.as_unlabelled`.
        samples: The labelled samples.
        bank_size: The argument of `Augmenter.fit`.
        training: The arguments of `fit_vae`, or the VAE itself as `vae`.
        seed: The seed of the order of a DataLoader that shuffles.

    Raises:
        InputError: If the samples cannot be used, or the VAE or the bank cannot use them.
    """
    if bank_size is not None:
        checks.refuse("unlabelled samples or a streamed bank", "both", "leave bank_size out")
    vae = training.get("vae")
    num_classes = training.get("num_classes") if vae is None else getattr(vae, "num_classes", None)
    x = as_unlabelled(data, samples, conditional=num_classes is not None, seed=seed)
    if samples.table is None:
        ValueRange.of(samples).check_pool(x)
    return x


def encode_bank(vae: Any, samples: Samples, scaling: Scaling) -> Bank:
    """Returns the bank of labelled samples.

    Arguments:
        vae: The VAE that encodes them.
        samples: The samples.
        scaling: The scaling, fitted to the data.

    Raises:
        InputError: If the VAE is made for samples of another shape.
    """
    if isinstance(vae, VAE):
        if vae.layout is not None and (samples.table is None or vae.layout != samples.table.layout):
            remedy = "leave vae out, so that one is trained on these"
            checks.refuse("the table that the VAE was trained on", "one with other columns or categories", remedy)
        checks.check_event_shape("samples", samples.x, vae.event_shape)
    codec = Codec(vae)
    mean, stddev = codec.codes(samples.x, samples.y)
    # A VAE that gives NaN is refused now, and not when it is used.
    first = codec.decode(mean[:PAD_TO], samples.y[:PAD_TO])
    checks.check_event_shape("decode(z)", first, samples.event_shape)
    return Bank(samples, mean, stddev, scaling)
