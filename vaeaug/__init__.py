"""Data augmentation for classifiers, out of a variational autoencoder."""

from vaeaug._checks import InputError
from vaeaug.augmenter import Augmenter, Generated
from vaeaug.fidelity import Confident
from vaeaug.perturb import Covariance, Difference, Extrapolate, Interpolate, Posterior, Prior
from vaeaug.training import Diverged, fit_vae
from vaeaug.vae import VAE

__version__ = "0.1.0"
__all__ = [
    "VAE",
    "Augmenter",
    "Confident",
    "Covariance",
    "Difference",
    "Diverged",
    "Extrapolate",
    "Generated",
    "InputError",
    "Interpolate",
    "Posterior",
    "Prior",
    "fit_vae",
]
