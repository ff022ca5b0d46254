"""Perturbations of latent codes, and the bank of real samples that they start from. No networks."""

from vaeaug.perturb.schemes import (
    DEFAULT,
    PERTURBATIONS,
    Covariance,
    Difference,
    Extrapolate,
    Interpolate,
    Perturbation,
    Posterior,
    Prior,
    for_estimators,
)

__all__ = [
    "DEFAULT",
    "PERTURBATIONS",
    "Covariance",
    "Difference",
    "Extrapolate",
    "Interpolate",
    "Perturbation",
    "Posterior",
    "Prior",
    "for_estimators",
]
