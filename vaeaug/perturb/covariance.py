"""The covariance of the codes within their classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MIN_VARIANCE = 1e-12  # in place of the variance of codes that do not vary at all
JITTER = 1e-9  # keeps the covariance positive definite, as a fraction of the mean variance


def pooled_factor(codes: Tensor, y: Tensor, class_sizes: Tensor) -> Tensor:
    """Returns the lower Cholesky factor of the covariance pooled over the classes, `(L, L)`.

    It is shrunk towards a multiple of the identity (Ledoit and Wolf, "A well-conditioned estimator for large-dimensional
    covariance matrices", 2004, https://doi.org/10.1016/S0047-259X(03)00096-4).

    Arguments:
        codes: The codes, `(N, L)`.
        y: Their labels, `(N,)`.
        class_sizes: The number of samples of each class, `(K,)`.
    """
    return torch.linalg.cholesky(_pooled_covariance(_centred(codes, y, class_sizes), class_sizes)).to(codes)


def class_factors(codes: Tensor, y: Tensor, class_sizes: Tensor) -> Tensor:
    """Returns the lower Cholesky factors of the covariance of each class, `(K, L, L)`.

    That of a class is shrunk towards the pooled one, which counts like L samples: small classes borrow from the others.

    Arguments:
        codes, y, class_sizes: See `pooled_factor`.
    """
    centred, latent_dim = _centred(codes, y, class_sizes), codes.shape[1]
    factor = torch.linalg.cholesky(_pooled_covariance(centred, class_sizes))
    pooled = factor @ factor.T
    factors = []
    for label in range(len(class_sizes)):
        members = centred[y == label]
        scatter, freedom = members.T @ members, max(len(members) - 1, 0)
        factors.append(torch.linalg.cholesky((scatter + latent_dim * pooled) / (freedom + latent_dim)))
    return torch.stack(factors).to(codes)


def _centred(codes: Tensor, y: Tensor, class_sizes: Tensor) -> Tensor:
    """Returns the codes minus the means of their classes, in float64."""
    z = codes.cpu().double()
    totals = torch.zeros(len(class_sizes), codes.shape[1], dtype=z.dtype).index_add(0, y, z)
    return z - (totals / class_sizes.clamp(min=1)[:, None])[y]


def _pooled_covariance(centred: Tensor, class_sizes: Tensor) -> Tensor:
    # Every class mean costs a degree of freedom.
    return _shrunk_covariance(centred, max(1, len(centred) - int((class_sizes > 0).sum())))


def _shrunk_covariance(centred: Tensor, degrees_of_freedom: int) -> Tensor:
    # Imported here, because importing scikit-learn takes a second.
    from sklearn.covariance import ledoit_wolf_shrinkage, shrunk_covariance

    shrinkage = ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True)
    covariance = shrunk_covariance((centred.T @ centred / degrees_of_freedom).numpy(), shrinkage)
    jitter = JITTER * max(covariance.diagonal().mean(), MIN_VARIANCE)
    return torch.from_numpy(covariance + jitter * np.eye(len(covariance)))
