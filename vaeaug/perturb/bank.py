"""The bank: the real samples that an augmenter starts from, with their labels and codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.data.samples import Samples, Scaling
from vaeaug.perturb.class_index import ClassIndex
from vaeaug.perturb.covariance import class_factors, pooled_factor
from vaeaug.perturb.neighbours import SAME_CODE, BitwiseIndex, ClassNeighbours, nearest
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.perturb.value_range import ValueRange


@dataclass(frozen=True, eq=False)
class Bank:
    """Real samples and their codes.

    Arguments:
        samples: The samples, on the CPU.
        mean, stddev: The mean and the standard deviation of q(z|x) of each sample, `(N, L)`, on the device of the VAE.
        scaling: Fitted to the samples; its `low` and `high` bound synthetic samples.
        pseudo_labelled: Unlabelled samples that synthetic samples also start from, each assigned to one of the bank's
            samples; see `vaeaug.perturb.pseudo_labelled`.
    """

    samples: Samples
    mean: Tensor
    stddev: Tensor
    scaling: Scaling
    pseudo_labelled: PseudoLabelled | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def to(self, device: torch.device) -> Bank:
        """Returns the bank with its codes on another device."""
        if device == self.mean.device:
            return self
        pseudo_labelled = None if self.pseudo_labelled is None else self.pseudo_labelled.to(device)
        return replace(self, mean=self.mean.to(device), stddev=self.stddev.to(device), pseudo_labelled=pseudo_labelled)

    def subset(self, index: Tensor) -> Bank:
        """Returns the bank of the samples at `index`, without pseudo-labelled ones."""
        mean, stddev = self.codes(index)
        return replace(self, samples=self.samples[index], mean=mean, stddev=stddev, pseudo_labelled=None)

    @cached_property
    def with_pseudo_labelled(self) -> Bank:
        """The bank that perturbations draw partners from: the pseudo-labelled samples follow the others."""
        if self.pseudo_labelled is None:
            return self
        samples, extra = self.samples, self.pseudo_labelled
        y = torch.cat([samples.y, samples.y[extra.parent_index]])
        return Bank(
            replace(samples, x=torch.cat([samples.x, extra.x]), y=y, files=()),
            torch.cat([self.mean, extra.mean]),
            torch.cat([self.stddev, extra.stddev]),
            self.scaling,
        )

    def codes(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean and the standard deviation of q(z|x) of the samples at `index`, each `(B, L)`."""
        index = index.to(self.mean.device)
        return self.mean[index], self.stddev[index]

    def q(self, index: Tensor) -> Independent:
        """Returns q(z|x) of the samples at `index`."""
        return Independent(Normal(*self.codes(index), validate_args=False), 1)

    def find(self, x: Tensor) -> Tensor | None:
        """Returns the indices of samples that are bitwise in the bank, `(B,)`; None unless all are."""
        return self._bitwise_index.find_all(x)

    @cached_property
    def class_index(self) -> ClassIndex:
        """The samples by class."""
        return ClassIndex(self.samples.y, len(self.samples.names))

    @cached_property
    def value_range(self) -> ValueRange:
        """The range of the samples' values."""
        return ValueRange(self.samples.x, self.scaling, self.mean.device, self.samples.columns[:-1])

    @cached_property
    def class_neighbours(self) -> ClassNeighbours:
        """The nearest codes of the same class."""
        return ClassNeighbours(self.mean, self.samples.y, self.class_index)

    def random_same_class(self, z: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Returns the index of a random sample of the same class for each code in `z`, `(B,)`; not the code's own sample.

        Arguments:
            z: Codes, `(B, L)`.
            y: Their labels, `(B,)`.
            generator: The source of randomness.
        """
        index, other_index = self.class_index.random_pairs(y, generator)
        is_own = (self.mean[index.to(z.device)] - z).abs().amax(1) <= SAME_CODE
        return torch.where(is_own.cpu(), other_index, index)

    def random_neighbour(self, z: Tensor, y: Tensor, neighbours: int, generator: torch.Generator) -> Tensor:
        """Returns the index of one of the nearest codes of the same class for each code in `z`, `(B,)`; not of itself.

        Arguments:
            z: Codes, `(B, L)`.
            y: Their labels, `(B,)`.
            neighbours: The number of nearest codes to draw from.
            generator: The source of randomness.
        """
        rank = torch.randint(2**62, y.shape, generator=generator)
        index, distance = self.class_neighbours(z, y, neighbours + 1)
        size = self.class_index.sizes[y].clamp(max=neighbours + 1)
        # A code in the bank, at distance 0, is the first of its own neighbours.
        skipped = ((distance <= SAME_CODE) & (size > 1)).long()
        column = skipped + rank % (size - skipped).clamp(max=neighbours)
        return index.gather(1, column[:, None])[:, 0]

    def nearest_of_class(self, z: Tensor, y: Tensor) -> Tensor:
        """Returns the index of the nearest code of the same class for each code in `z`, `(B,)`; for one in the bank its own.

        Arguments:
            z: Codes, `(B, L)`.
            y: Their labels, `(B,)`.
        """
        index = torch.empty_like(y)
        for label in y.unique().tolist():
            of_class = y == label
            candidates = self.class_index.members(label)
            index[of_class] = nearest(z[of_class.to(z.device)], self.mean, candidates, 1)[0][:, 0]
        return index

    def classify(self, z: Tensor, neighbours: int = 5) -> tuple[Tensor, Tensor]:
        """Returns the majority label of the nearest codes, `(B,)`, and the fraction of them that has it, `(B,)`.

        Of labels that are equally frequent, that of the nearest code counts, else the smallest.

        Arguments:
            z: Codes, `(B, L)`.
            neighbours: The number of nearest codes.
        """
        index, _ = nearest(z, self.mean, torch.arange(len(self)), min(neighbours, len(self)))
        labels = self.samples.y[index]
        # For each neighbour, how many have its label: a table of codes by classes would be as large as the classes are many.
        votes = (labels[:, :, None] == labels[:, None, :]).sum(2)
        majority = votes.amax(1)
        smallest = labels.where(votes == majority[:, None], len(self.samples.names)).amin(1)
        return torch.where(votes[:, 0] == majority, labels[:, 0], smallest), majority / index.shape[1]

    def within_class(self, y: Tensor | None = None) -> Tensor:
        """Returns the lower Cholesky factor of the covariance of the codes within their classes.

        Arguments:
            y: Labels, `(B,)`, for the covariance of each label's class, `(B, L, L)`; by default the covariance pooled over
                the classes, `(L, L)`. See `vaeaug.perturb.covariance`.
        """
        return self._pooled_factor if y is None else self._class_factors[y.to(self.mean.device)]

    @cached_property
    def _pooled_factor(self) -> Tensor:
        return pooled_factor(self.mean, self.samples.y, self.class_index.sizes)

    @cached_property
    def _class_factors(self) -> Tensor:
        # Apart from the pooled one: of codes with 1,000 dimensions they take seconds and 4 MB for each class.
        return class_factors(self.mean, self.samples.y, self.class_index.sizes)

    @cached_property
    def _bitwise_index(self) -> BitwiseIndex:
        return BitwiseIndex(self.samples.x)
