"""Data augmentation for classifiers, out of a variational autoencoder."""

from typing import Any

from vaeaug._checks import InputError
from vaeaug.augmenter import Augmenter, Generated
from vaeaug.data import load
from vaeaug.evaluate import compare
from vaeaug.fidelity import Confident
from vaeaug.fitting import fit_vae
from vaeaug.perturb import Covariance, Difference, Extrapolate, Interpolate, Posterior, Prior
from vaeaug.sklearn_plugin import AugmentedClassifier
from vaeaug.teachers import CrossFitted
from vaeaug.torch_plugin import AugmentedDataset, AugmentedLoader, SyntheticDataset, VAEAugment
from vaeaug.training import Diverged
from vaeaug.vae import VAE

__version__ = "0.1.0"
__all__ = [
    "VAE",
    "AugmentedClassifier",
    "AugmentedDataset",
    "AugmentedLoader",
    "Augmenter",
    "Confident",
    "Covariance",
    "CrossFitted",
    "Difference",
    "Diverged",
    "Extrapolate",
    "Generated",
    "InputError",
    "Interpolate",
    "Posterior",
    "Prior",
    "SyntheticDataset",
    "VAEAugment",
    "compare",
    "fit_vae",
    "load",
]


def __getattr__(name: str) -> Any:
    # Needs the extra `imblearn`, which importing vaeaug must not.
    if name == "VAEOverSampler":
        from vaeaug.imblearn_plugin import VAEOverSampler

        return VAEOverSampler
    raise AttributeError(f"module 'vaeaug' has no attribute {name!r}")
