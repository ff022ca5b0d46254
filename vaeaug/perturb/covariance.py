"""The covariance of the codes within their classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

MIN_VARIANCE = 1e-12  # in place of the variance of codes that do not vary at all
JITTER = 1e-9  # keeps the covariance positive definite, as a fraction of the mean variance


def pooled_and_class_factors(codes: Tensor, y: Tensor, class_sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the lower Cholesky factors of the covariance pooled over the classes, `(L, L)`, and of each class, `(K, L, L)`.

    The pooled covariance is shrunk towards a multiple of the identity (Ledoit and Wolf, "A well-conditioned estimator for
    large-dimensional covariance matrices", 2004, https://doi.org/10.1016/S0047-259X(03)00096-4). That of a class is shrunk
    towards the pooled one, which counts like L samples: small classes borrow from the others.

    Arguments:
        codes: The codes, `(N, L)`.
        y: Their labels, `(N,)`.
        class_sizes: The number of samples of each class, `(K,)`.
    """
    z, num_classes, latent_dim = codes.cpu().double(), len(class_sizes), codes.shape[1]
    totals = torch.zeros(num_classes, latent_dim, dtype=z.dtype).index_add(0, y, z)
    centred = z - (totals / class_sizes.clamp(min=1)[:, None])[y]
    # Every class mean costs a degree of freedom.
    degrees_of_freedom = max(1, len(centred) - int((class_sizes > 0).sum()))
    pooled_factor = torch.linalg.cholesky(_shrunk_covariance(centred, degrees_of_freedom))
    pooled = pooled_factor @ pooled_factor.T
    class_factors = []
    for label in range(num_classes):
        members = centred[y == label]
        scatter, freedom = members.T @ members, max(len(members) - 1, 0)
        class_factors.append(torch.linalg.cholesky((scatter + latent_dim * pooled) / (freedom + latent_dim)))
    return pooled_factor.to(codes), torch.stack(class_factors).to(codes)


def _shrunk_covariance(centred: Tensor, degrees_of_freedom: int) -> Tensor:
    # Imported here, because importing scikit-learn takes a second.
    from sklearn.covariance import ledoit_wolf_shrinkage, shrunk_covariance

    shrinkage = ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True)
    covariance = shrunk_covariance((centred.T @ centred / degrees_of_freedom).numpy(), shrinkage)
    jitter = JITTER * max(covariance.diagonal().mean(), MIN_VARIANCE)
    return torch.from_numpy(covariance + jitter * np.eye(len(covariance)))
