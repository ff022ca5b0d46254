"""All that the page knows, as facts (JSON) and arrays."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeaug._version import __version__
from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.explorer import columns, packing, selection, teachers
from vaeaug.explorer.layers import decoder_layers
from vaeaug.models.spaces import Identity
from vaeaug.perturb.bank import Bank
from vaeaug.perturb.schemes import DEFAULT, PERTURBATIONS, PRIOR_WEIGHT, Covariance, Perturbation
from vaeaug.runtime import checks

MOST_DIMENSIONS = 256  # of codes whose covariance is on the page: its size grows with their square
SMALLEST = 1e-12  # of standard deviations and steps, so that their logarithms and quotients are finite


def collect(
    augmenter: Augmenter, size: int, *, synthetic_only: bool, seed: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns the facts and the arrays of the page.

    Arguments:
        augmenter: A fitted augmenter.
        size: The largest number of samples.
        synthetic_only: Whether synthetic samples take the place of the real ones.
        seed: The seed of the choice of samples, and of the teachers.

    Raises:
        InputError: If the page cannot run the decoder.
    """
    arrays: dict[str, np.ndarray] = {}
    whole = augmenter.bank_
    is_image = len(whole.samples.event_shape) == 3
    layers = decoder_layers(augmenter.vae_, whole.scaling, arrays, half=is_image)
    whole = whole.to(torch.device("cpu"))
    if synthetic_only:
        bank, index = selection.synthetic_samples(augmenter, size, seed), torch.zeros(0, dtype=torch.long)
    else:
        bank, index = selection.real_samples(whole, size, seed)
    u = selection.as_shown(bank, bank.samples.x)
    _store_samples(bank, u, augmenter.vae_, arrays)
    share = _store_axes(bank, arrays)
    judgement = teachers.fit(bank.samples, u, arrays, seed)
    arrays["y"], arrays["index"] = _int32(bank.samples.y), _int32(index)
    arrays["judge"] = judgement.judge.byte().numpy()
    arrays["unit"] = _neighbour_distances(u.flatten(1), bank.samples.y)
    facts = {
        "version": __version__,
        "event_shape": list(bank.samples.event_shape),
        "names": list(bank.samples.names),
        "files": [PurePath(file).name for file in bank.samples.files],
        "synthetic_only": synthetic_only,
        "latent": bank.mean.shape[1],
        "conditional": getattr(augmenter.vae_, "num_classes", None) or 0,
        "decoder": layers,
        "teachers": judgement.layers,
        "teacher_accuracy": judgement.accuracy,
        "residual": augmenter.residual,
        "share_of_map": share,
        "of_samples": len(whole),
        "axis": columns.axis(bank.samples),
        "columns": columns.describe(bank.samples, arrays) if len(bank.samples.event_shape) == 1 else [],
        "is_mixed": bank.samples.table is not None,
        **_perturbations(augmenter.perturb, bank, augmenter.vae_, arrays),
    }
    return facts, arrays


def _store_samples(bank: Bank, u: Tensor, vae: Any, arrays: dict[str, np.ndarray]) -> None:
    """Stores samples and codes; the codes of `Identity` are the samples themselves."""
    if u.ndim == 4:
        levels = (u * 255).round().byte().numpy()
        arrays["samples"] = packing.predicted(levels.reshape(-1, *levels.shape[2:])).reshape(levels.shape)
    else:
        arrays["samples"] = u.flatten(1).numpy()
    scaling = bank.scaling
    if bank.samples.x.ndim == 2:
        x, offset, gain = bank.samples.x, torch.tensor(scaling.offset), torch.tensor(scaling.gain)
        # Of the samples of the page alone, so that a page without real ones tells no extreme value of theirs.
        arrays["offset"], arrays["gain"] = offset.numpy(), gain.numpy()
        arrays["low"], arrays["high"] = (((end - offset) / gain).numpy() for end in (x.amin(0), x.amax(0)))
    if isinstance(vae, Identity):
        return
    largest = float(bank.mean.abs().max())
    arrays["mean"] = (bank.mean.half() if u.ndim == 4 and largest < 6e4 else bank.mean).numpy()
    # Two digits of a standard deviation are enough, and a quarter of the bytes.
    log = bank.stddev.clamp(min=SMALLEST).log()
    low, step = float(log.min()), max(float(log.max() - log.min()) / 255, SMALLEST)
    arrays["log_stddev"] = ((log - low) / step).round().byte().numpy()
    arrays["stddev_range"] = np.array([low, step], dtype=np.float32)


def _store_axes(bank: Bank, arrays: dict[str, np.ndarray]) -> float:
    """Stores the first two principal axes of the codes, and returns their share of the variance."""
    from sklearn.decomposition import PCA

    z = bank.mean.double().numpy()
    count = min(2, *z.shape)
    with np.errstate(invalid="ignore", divide="ignore"):  # codes that are all the same have no variance
        pca = PCA(count, random_state=0).fit(z)
    axes = np.zeros((2, z.shape[1]), dtype=np.float32)
    axes[:count] = pca.components_
    arrays["axes"], arrays["centre"] = axes, pca.mean_.astype(np.float32)
    return float(np.nan_to_num(pca.explained_variance_ratio_).sum())


def _neighbour_distances(u: Tensor, y: Tensor) -> np.ndarray:
    """Returns for each class the median distance of a sample to the nearest other one of its class, `(K,)`.

    That of all classes together stands in for a class of one sample, or of copies.
    """
    medians, all_distances = torch.zeros(int(y.max()) + 1), []
    for label in y.unique().tolist():
        members = u[y == label]
        if len(members) < 2:
            continue
        distance = torch.cdist(members, members, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = distance.fill_diagonal_(float("inf")).amin(1)
        medians[label] = nearest.median()
        all_distances.append(nearest)
    together = torch.cat(all_distances) if all_distances else torch.ones(1)
    positive = together[together > 0]
    fallback = float(positive.median()) if len(positive) else 1.0
    return torch.where(medians > 0, medians, fallback).numpy()


def _perturbations(perturb: Perturbation, bank: Bank, vae: Any, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns the schemes that the page offers, and the settings of the augmenter's own."""
    kinds = {name.lower(): kind for name, kind in PERTURBATIONS.items()}
    if bank.mean.shape[1] > MOST_DIMENSIONS:
        del kinds["covariance"]
    else:
        arrays["factor"] = bank.within_class().float().numpy()
        if isinstance(perturb, Covariance) and not perturb.pooled:
            arrays["class_factors"] = bank.within_class(torch.arange(len(bank.samples.names))).float().numpy()
    if isinstance(vae, Identity):
        del kinds["posterior"]
    own = perturb if type(perturb) in kinds.values() else DEFAULT
    schemes: dict[str, dict[str, Any]] = {}
    for name, kind in kinds.items():
        settings = own if isinstance(own, kind) else DEFAULT if isinstance(DEFAULT, kind) else kind()
        if not is_dataclass(settings):
            checks.refuse("a perturbation that is a dataclass", name, "see vaeaug.perturb")
        largest = None if kind.max_scale == float("inf") else kind.max_scale
        schemes[name] = {"class": kind.__name__, "largest": largest, "python": repr(settings), **asdict(settings)}
    return {"schemes": schemes, "scheme": type(own).__name__.lower(), "prior_weight": PRIOR_WEIGHT}


def _int32(values: Tensor) -> np.ndarray:
    return values.numpy().astype(np.int32)
