r"""Perturbations: schemes that draw a code z' near the code z of a real sample.

q is q(z|x) of the sample, z its mean, eps ~ N(0, I), u ~ U(0, 1). `scale` sets the strength: at 0, z' = z.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent

from vaeaug.perturb.bank import Bank
from vaeaug.runtime import checks

PAIRS_FROM = ("own_class", "any_class", "shrunk")
PRIOR_WEIGHT = 20  # weight of the other classes with pairs_from="shrunk", in samples; no other number was tried


class Pairs(NamedTuple):
    """Pairs of samples whose residuals are applied with the difference of their codes: x' gets lam (r_a - r_b) as well.

    Arguments:
        a, b: The indices of both samples in the bank, each `(B,)`.
        step: lam, `(B, 1)`.
    """

    a: Tensor
    b: Tensor
    step: Tensor

    def rows(self, index: Tensor | slice) -> Pairs:
        """Returns the pairs at `index`."""
        on_device = index if isinstance(index, slice) else index.to(self.step.device)
        return Pairs(self.a[index], self.b[index], self.step[on_device])


class Perturbation(ABC):
    """Abstract: draws codes near q. Concrete ones are frozen dataclasses with a `scale` in 0..`max_scale`."""

    scale: float
    max_scale: ClassVar[float] = float("inf")

    @abstractmethod
    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        """Returns z', `(B, L)`.

        Arguments:
            q: The distributions q(z|x) of the samples to start from, over `(B, L)`.
            y: Their labels, `(B,)`, on the CPU.
            bank: The real samples and their codes.
            generator: The source of all randomness, on the CPU.
        """

    def draw(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> tuple[Tensor, Pairs | None]:
        """Returns z', `(B, L)`, and the pairs whose residuals belong to it, if any.

        Arguments:
            q, y, bank, generator: As in calling the perturbation.
        """
        return self(q, y, bank, generator), None

    def __post_init__(self) -> None:
        checks.check_number("scale", self.scale, 0, self.max_scale)


@dataclass(frozen=True)
class Posterior(Perturbation):
    """Draws from the encoder's distribution, widened: z' = z + scale sigma eps.

    Reference: Kingma and Welling, "Auto-encoding variational Bayes", 2014, https://arxiv.org/abs/1312.6114

    Arguments:
        scale: The strength, 0 or more; 1 is the encoder's own standard deviation.
    """

    scale: float = 1.0

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + self.scale * q.stddev * _noise(q, generator)


@dataclass(frozen=True)
class Covariance(Perturbation):
    """Adds noise with the covariance of the codes within their classes: z' = z + scale S^(1/2) eps.

    S is the within-class covariance, shrunk. Reference: Yang, Liu and Xu, "Free lunch for few-shot learning: distribution
    calibration", 2021, https://arxiv.org/abs/2101.06395 (covariance borrowed between classes).

    Arguments:
        scale: The strength, 0 or more; 1 spreads like the codes of the classes themselves.
        pooled: Whether all classes share one covariance. False gives each its own, shrunk towards the shared one.
    """

    scale: float = 0.5
    pooled: bool = True

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        factor = bank.within_class(None if self.pooled else y)
        return q.mean + self.scale * (factor @ _noise(q, generator)[..., None])[..., 0]


@dataclass(frozen=True)
class Interpolate(Perturbation):
    """Moves towards another code of the same class, the partner: z' = z + lam (z_p - z), lam = scale u.

    Reference: DeVries and Taylor, "Dataset augmentation in feature space", 2017, https://arxiv.org/abs/1702.05538; in
    pixel space this is SMOTE (Chawla et al., 2002, https://arxiv.org/abs/1106.1813).

    Arguments:
        scale: The largest lam, in 0..1; 1 reaches the partner.
        neighbours: The number of nearest codes of the class that the partner is drawn from; by default all of the class.
    """

    scale: float = 1.0
    neighbours: int | None = None
    max_scale: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_neighbours(self.neighbours)

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + _step(self.scale, q, generator) * (_partner(self.neighbours, q, y, bank, generator) - q.mean)


@dataclass(frozen=True)
class Extrapolate(Perturbation):
    """Moves away from another code of the same class, the partner: z' = z + lam (z - z_p), lam = scale u.

    Reference: DeVries and Taylor, "Dataset augmentation in feature space", 2017, https://arxiv.org/abs/1702.05538

    Arguments:
        scale: The largest lam, 0 or more; 1 moves as far from z as the partner is on the other side.
        neighbours: The number of nearest codes of the class that the partner is drawn from; by default all of the class.
    """

    scale: float = 1.0
    neighbours: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_neighbours(self.neighbours)

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return q.mean + _step(self.scale, q, generator) * (q.mean - _partner(self.neighbours, q, y, bank, generator))


@checks.renamed(donors="pairs_from")
@dataclass(frozen=True)
class Difference(Perturbation):
    """Applies the difference of two other codes of one class: z' = z + lam (z_a - z_b), lam = scale u.

    With `noise`, scale noise sigma eps is added to z'; with `residuals`, lam (r_a - r_b) to the sample, where
    r = x - decode(z) is what the VAE does not reconstruct.

    Reference: Cheung and Yeung, "MODALS: modality-agnostic automated data augmentation in the latent space", 2021,
    https://openreview.net/forum?id=XjYgR6gbCEc; across classes, Hariharan and Girshick, "Low-shot visual recognition by
    shrinking and hallucinating features", 2017, https://arxiv.org/abs/1606.02819; the probability of the sample's own class,
    Efron and Morris, "Stein's estimation rule and its competitors: an empirical Bayes approach", 1973,
    https://doi.org/10.1080/01621459.1973.10481350.

    Arguments:
        scale: The largest lam, 0 or more; 1 applies the whole difference.
        pairs_from: The class of a and b. `own_class`: the class of the sample. `any_class`: a class drawn with its frequency.
            `shrunk`: the class of the sample with probability n / (n + 20), where n is its number of samples, else any class:
            the smaller a class, the more it borrows from the others how samples vary.
        noise: The standard deviation of posterior noise, in units of the encoder's own; by default 1 for tables with
            categories or missing values, else 0.
        residuals: Whether the difference of the pair's residuals is applied, too; by default for such tables. Without
            residual decoding it has no effect.
    """

    scale: float = 1.0
    pairs_from: str = "own_class"
    noise: float | None = field(default=None, metadata={"earlier": None})
    residuals: bool | None = field(default=None, metadata={"earlier": None})

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_choice("pairs_from", self.pairs_from, PAIRS_FROM)
        if self.noise is not None:
            checks.check_number("noise", self.noise, 0)

    def __repr__(self) -> str:
        # As before there were `noise` and `residuals`, so that shards and results of then are still found.
        shown = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) is not None]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return self.draw(q, y, bank, generator)[0]

    def draw(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> tuple[Tensor, Pairs | None]:
        if self.pairs_from != "own_class":
            any_class = bank.samples.y[torch.randint(len(bank), y.shape, generator=generator)]
            y = any_class if self.pairs_from == "any_class" else _shrunk_class(y, any_class, bank, generator)
        a, b = bank.class_index.random_pairs(y, generator)
        step = _step(self.scale, q, generator)
        z = q.mean + step * (bank.mean[a.to(bank.mean.device)] - bank.mean[b.to(bank.mean.device)])
        # Tables with categories were measured to need both: benchmarks/imbalanced.
        is_table = bank.samples.table is not None
        noise = float(is_table) if self.noise is None else self.noise
        if noise:
            z = z + self.scale * noise * q.stddev * _noise(q, generator)
        has_residuals = is_table if self.residuals is None else self.residuals
        return z, Pairs(a, b, step) if has_residuals else None


@dataclass(frozen=True)
class Prior(Perturbation):
    """Moves towards a draw from the prior, keeping the variance: z' = sqrt(1 - scale^2) z + scale eps.

    Reference: Neal, "Regression and classification using Gaussian process priors", 1998 (the autoregressive proposal).

    Arguments:
        scale: The strength, in 0..1; 1 is a draw from the prior, which forgets the sample: only a conditional VAE then keeps
            its label.
    """

    scale: float = 1.0
    max_scale: ClassVar[float] = 1.0

    def __call__(self, q: Independent, y: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
        return (1 - self.scale**2) ** 0.5 * q.mean + self.scale * _noise(q, generator)


# Chosen on development seeds: benchmarks/recipe/q12_joined.py and, for oversampling, benchmarks/recipe/q19_oversampling.py.
DEFAULT = Difference(pairs_from="shrunk")


def for_estimators(images: bool) -> Perturbation:
    """Returns the default perturbation of synthetic samples for scikit-learn estimators.

    On Fashion-MNIST a random forest gains from samples beyond those of their class. On wine such samples make it confuse
    classes, so those of tabular data stay between the real ones. Chosen on development seeds:
    benchmarks/recipe/q17_estimators.py.

    Arguments:
        images: Whether the data are images or signals rather than tabular.
    """
    return Extrapolate() if images else Interpolate()


PERTURBATIONS: dict[str, type[Perturbation]] = {
    scheme.__name__: scheme for scheme in (Posterior, Covariance, Interpolate, Extrapolate, Difference, Prior)
}


def _noise(q: Independent, generator: torch.Generator) -> Tensor:
    return torch.randn(q.mean.shape, generator=generator).to(q.mean)


def _step(scale: float, q: Independent, generator: torch.Generator) -> Tensor:
    """Returns lam = scale u, `(B, 1)`."""
    return scale * torch.rand(len(q.mean), 1, generator=generator).to(q.mean)


def _shrunk_class(y: Tensor, any_class: Tensor, bank: Bank, generator: torch.Generator) -> Tensor:
    """Returns the labels y, each with probability n / (n + PRIOR_WEIGHT), else those of `any_class`."""
    size = bank.class_index.sizes[y]
    borrows = torch.rand(y.shape, generator=generator) * (size + PRIOR_WEIGHT) >= size
    return torch.where(borrows, any_class, y)


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
