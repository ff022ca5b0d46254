r"""Perturbations: schemes that draw a code z' near the code z of a real sample.

q is q(z|x) of the sample, z its mean, eps ~ N(0, I), u ~ U(0, 1). `scale` says how far to go: at 0, z' = z.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Independent

from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks

PAIRS_FROM = ("own_class", "any_class", "shrunk")
BORROWED = 20  # samples that the other classes count for with donors="shrunk"; no other number was tried


class Perturbation(ABC):
    """Abstract: draws codes near q. Concrete ones are frozen dataclasses with a `scale`."""

    scale: float

    @abstractmethod
    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        """Returns z', `(B, L)`.

        Arguments:
            q: The distributions q(z|x) of the parents, over `(B, L)`.
            y: Their labels, `(B,)`, on the CPU.
            bank: The real samples and their codes.
            generator: Of everything random, on the CPU.
        """

    def __post_init__(self) -> None:
        checks.check_number("scale", self.scale, 0)


@dataclass(frozen=True)
class Posterior(Perturbation):
    """Draws from the encoder's own distribution, widened: z' = z + scale sigma eps.

    Reference: Kingma and Welling, "Auto-encoding variational Bayes", 2014, https://arxiv.org/abs/1312.6114

    Arguments:
        scale: 1 is the encoder's own spread.
    """

    scale: float = 1.0

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + self.scale * q.stddev * _noise(q, generator)


@dataclass(frozen=True)
class Covariance(Perturbation):
    """Draws noise shaped like the spread of the codes within their classes: z' = z + scale S^(1/2) eps.

    S is the within-class covariance of the codes, shrunk. Reference: Yang, Liu and Xu, "Free lunch for few-shot
    learning: distribution calibration", 2021, https://arxiv.org/abs/2101.06395 (covariance borrowed between classes).

    Arguments:
        scale: 1 is the spread of the classes' own codes.
        pooled: One covariance for all classes, or each class its own (shrunk towards the pooled one).
    """

    scale: float = 0.5
    pooled: bool = True

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        factor = bank.within_class(None if self.pooled else y)
        return q.mean + self.scale * (factor @ _noise(q, generator)[..., None])[..., 0]


@dataclass(frozen=True)
class Interpolate(Perturbation):
    """Moves towards another code of the same class: z' = z + lam (z_p - z), lam = scale u.

    Reference: DeVries and Taylor, "Dataset augmentation in feature space", 2017, https://arxiv.org/abs/1702.05538; in
    pixel space this is SMOTE (Chawla et al., 2002).

    Arguments:
        scale: The furthest lam, in 0..1: 1 reaches the other code.
        neighbours: The partner is one of so many nearest codes of the class; by default any.
        uniform: Draws u from U(0, 1); False takes u = 1.
    """

    scale: float = 1.0
    neighbours: int | None = None
    uniform: bool = True

    def __post_init__(self) -> None:
        checks.check_number("scale", self.scale, 0, 1)
        _check_neighbours(self.neighbours)

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + _step(self, q, generator) * (_partner(self.neighbours, q, y, bank, generator) - q.mean)


@dataclass(frozen=True)
class Extrapolate(Perturbation):
    """Moves away from another code of the same class: z' = z + lam (z - z_p), lam = scale u.

    Reference: DeVries and Taylor, "Dataset augmentation in feature space", 2017, https://arxiv.org/abs/1702.05538

    Arguments:
        scale: The furthest lam: 1 goes as far beyond z as the other code lies before it.
        neighbours: The partner is one of so many nearest codes of the class; by default any.
        uniform: Draws u from U(0, 1); False takes u = 1.
    """

    scale: float = 1.0
    neighbours: int | None = None
    uniform: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_neighbours(self.neighbours)

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + _step(self, q, generator) * (q.mean - _partner(self.neighbours, q, y, bank, generator))


@checks.renamed(donors="pairs_from")
@dataclass(frozen=True)
class Difference(Perturbation):
    """Applies the difference of two other codes of one class: z' = z + lam (z_a - z_b), lam = scale u.

    Reference: Cheung and Yeung, "MODALS: modality-agnostic automated data augmentation in the latent space", 2021,
    https://openreview.net/forum?id=XjYgR6gbCEc; across classes, Hariharan and Girshick, "Low-shot visual recognition by
    shrinking and hallucinating features", 2017, https://arxiv.org/abs/1606.02819; the share of the class's own, Efron and
    Morris, "Stein's estimation rule and its competitors: an empirical Bayes approach", 1973.

    Arguments:
        scale: The furthest lam: 1 applies the whole difference.
        pairs_from: The class of a and b. `own_class`: the sample's own. `any_class`: one class, drawn with its frequency.
            `shrunk`: the sample's own class with probability n / (n + 20), where n is the size of that class, else any
            class: the smaller a class, the more it borrows from the others how samples vary.
        uniform: Draws u from U(0, 1); False takes u = 1.
    """

    scale: float = 1.0
    pairs_from: str = "own_class"
    uniform: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_choice("donors", self.pairs_from, PAIRS_FROM)

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        if self.pairs_from != "own_class":
            others = bank.samples.y[torch.randint(len(bank), y.shape, generator=generator)]
            y = others if self.pairs_from == "any_class" else torch.where(_borrows(y, bank, generator), others, y)
        a, b = (bank.mean[index.to(bank.mean.device)] for index in bank.random_pairs(y, generator))
        return q.mean + _step(self, q, generator) * (a - b)


@dataclass(frozen=True)
class Prior(Perturbation):
    """Moves towards a draw from the prior, keeping the variance: z' = sqrt(1 - scale^2) z + scale eps.

    At 1 nothing is left of the parent's code; only a conditional VAE keeps the label then.

    Reference: Neal, "Regression and classification using Gaussian process priors", 1998 (the autoregressive proposal).

    Arguments:
        scale: In 0..1: 1 is a draw from the prior.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        checks.check_number("scale", self.scale, 0, 1)

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return (1 - self.scale**2) ** 0.5 * q.mean + self.scale * _noise(q, generator)


DEFAULT = Difference(pairs_from="shrunk")  # chosen on development seeds: benchmarks/recipe, q12 and, to oversample, q19


def for_estimators(images: bool) -> Perturbation:
    """Returns what children of all classes are drawn with for an estimator, of images or of rows.

    On Fashion-MNIST a random forest gains from children that go beyond the samples of their class; on wine such rows make it
    mix classes up, so that children of rows stay between the samples. Chosen on development seeds: benchmarks/recipe, q17.
    """
    return Extrapolate() if images else Interpolate()


PERTURBATIONS: dict[str, type[Perturbation]] = {
    scheme.__name__: scheme for scheme in (Posterior, Covariance, Interpolate, Extrapolate, Difference, Prior)
}


def _noise(q: Independent, generator: torch.Generator) -> Tensor:
    return torch.randn(q.mean.shape, generator=generator).to(q.mean)


def _step(scheme: Interpolate | Extrapolate | Difference, q: Independent, generator: torch.Generator) -> Tensor:
    u = torch.rand(len(q.mean), 1, generator=generator).to(q.mean)
    return scheme.scale * (u if scheme.uniform else torch.ones_like(u))


def _borrows(y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
    """Returns which samples of these classes borrow from others, booleans `(B,)`."""
    own = bank.sizes[y]
    return torch.rand(y.shape, generator=generator) * (own + BORROWED) >= own


def _partner(neighbours: int | None, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
    index = (
        bank.random_same_class(q.mean, y, generator)
        if neighbours is None
        else bank.random_neighbour(q.mean, y, neighbours, generator)
    )
    return bank.mean[index.to(bank.mean.device)]


def _check_neighbours(neighbours: int | None) -> None:
    if neighbours is not None:
        checks.check_number("neighbours", neighbours, 1, whole=True)
