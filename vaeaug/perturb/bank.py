"""The bank: the real samples that an augmenter starts from, with their labels, codes and range."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor
from torch.distributions import Independent, Normal

from vaeaug.data.samples import Samples, Scaling
from vaeaug.perturb.neighbours import SAME, SPAN, Search, key, nearest
from vaeaug.perturb.pseudo_labelled import PseudoLabelled
from vaeaug.runtime import checks

NARROW = 20  # values in 0..1 that span less than one in so many of the data's range were scaled, most likely


@dataclass(frozen=True, eq=False)
class Bank:
    """Real samples and where the encoder puts them.

    Arguments:
        samples: The samples, on the CPU.
        mean, stddev: Of q(z|x) for each of them, `(N, L)`, on the device of the VAE.
        scaling: Fitted to the samples; its `low` and `high` bound what is generated.
        donors: Unlabelled samples that stand in for some of these; see `vaeaug.perturb.pseudo_labelled`.
    """

    samples: Samples
    mean: Tensor
    stddev: Tensor
    scaling: Scaling
    donors: PseudoLabelled | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def to(self, device: torch.device) -> Bank:
        """Returns the bank with its codes on another device."""
        if device == self.mean.device:
            return self
        donors = None if self.donors is None else self.donors.to(device)
        return replace(self, mean=self.mean.to(device), stddev=self.stddev.to(device), donors=donors)

    def subset(self, index: Tensor) -> Bank:
        """Returns the bank of the samples at `index` alone, without donors."""
        at = index.to(self.mean.device)
        return replace(self, samples=self.samples[index], mean=self.mean[at], stddev=self.stddev[at], donors=None)

    @cached_property
    def with_pseudo_labelled(self) -> Bank:
        """The bank that perturbations draw from: donors are samples in it, with the label of those that they stand in for."""
        if self.donors is None:
            return self
        own, d = self.samples, self.donors
        samples = Samples(torch.cat([own.x, d.x]), torch.cat([own.y, own.y[d.owner]]), own.names)
        return Bank(samples, torch.cat([self.mean, d.mean]), torch.cat([self.stddev, d.stddev]), self.scaling)

    @cached_property
    def _keys(self) -> tuple[Tensor, Tensor]:
        keys, order = torch.cat([key(part) for part in self.samples.x.split(SPAN)]).sort()
        return keys, order

    def find(self, x: Tensor) -> Tensor | None:
        """Returns the places of samples that are the bank's own to the last bit, `(B,)`; nothing unless all are."""
        keys, order = self._keys
        wanted = key(x)
        at = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        places = order[at]
        return places if torch.equal(keys[at], wanted) and torch.equal(self.samples.x[places], x) else None

    def codes(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and standard deviation of q(z|x) of the samples at `index`, each `(B, L)`."""
        index = index.to(self.mean.device)
        return self.mean[index], self.stddev[index]

    def q(self, index: Tensor) -> Independent:
        """Returns q(z|x) of the samples at `index`."""
        return Independent(Normal(*self.codes(index), validate_args=False), 1)

    @cached_property
    def _by_class(self) -> tuple[Tensor, Tensor, Tensor]:
        """Places sorted by label, and where each class starts and how many it has."""
        counts = torch.bincount(self.samples.y, minlength=len(self.samples.names))
        order = self.samples.y.argsort(stable=True)
        return order, counts.cumsum(0) - counts, counts

    @property
    def sizes(self) -> Tensor:
        """The number of samples of each class, `(K,)`."""
        return self._by_class[2]

    def kth_of_class(self, y: Tensor, rank: Tensor) -> Tensor:
        """Returns the place of the rank-th sample of each class in `y`, counting round and round."""
        order, start, count = self._by_class
        return order[start[y] + rank % count[y]]

    def random_pairs(self, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the places of two random samples of each class in `y`, different ones where the class has two."""
        order, start, count = self._by_class
        rank, shift = torch.randint(2**62, (2, *y.shape), generator=generator)
        start, size = start[y], count[y]
        rank = rank % size
        other = (rank + 1 + shift % (size - 1).clamp(min=1)) % size
        return order[start + rank], order[start + other]

    def random_same_class(self, z: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Returns the place of a random sample of the same class, for each code in `z`; not the code itself."""
        first, second = self.random_pairs(y, generator)
        itself = (self.mean[first.to(z.device)] - z).abs().amax(1) <= SAME
        return torch.where(itself.cpu(), second, first)

    def random_neighbour(self, z: Tensor, y: Tensor, neighbours: int, generator: torch.Generator) -> Tensor:
        """Returns a random one of the nearest codes of the same class, for each code in `z`; not the code itself."""
        which = torch.randint(2**62, y.shape, generator=generator)
        near, distance = self._search(z, y, neighbours + 1)
        size = self._by_class[2][y].clamp(max=neighbours + 1)
        # Where a code meets itself, at distance zero, it is the first of its neighbours.
        itself = ((distance <= SAME) & (size > 1)).long()
        return near.gather(1, (itself + which % (size - itself).clamp(max=neighbours))[:, None])[:, 0]

    @cached_property
    def _search(self) -> Search:
        return Search(self.mean, self.samples.y, self._by_class)

    def nearest_of_class(self, z: Tensor, y: Tensor) -> Tensor:
        """Returns the place of the nearest code of the same class, for each code in `z`; a sample of the bank is its own."""
        found = torch.empty_like(y)
        order, start, count = self._by_class
        for label in y.unique().tolist():
            rows = y == label
            places = order[start[label] : start[label] + count[label]]
            found[rows] = nearest(z[rows.to(z.device)], self.mean, places, 1)[0][:, 0]
        return found

    def classify(self, z: Tensor, neighbours: int = 5) -> tuple[Tensor, Tensor]:
        """Returns the majority label of the nearest codes and its share of them, each `(B,)`."""
        near, _ = nearest(z, self.mean, torch.arange(len(self)), min(neighbours, len(self)))
        votes = torch.nn.functional.one_hot(self.samples.y[near], len(self.samples.names)).sum(1)
        # Ties go to the nearest code's own label.
        most, first = votes.max(1).values, self.samples.y[near[:, 0]]
        tied = votes.gather(1, first[:, None])[:, 0] == most
        y = torch.where(tied, first, votes.argmax(1))
        return y, most / near.shape[1]

    def within_class(self, y: Tensor | None = None) -> Tensor:
        """Returns the lower Cholesky factor of the covariance of the codes within their classes.

        The sample covariance is shrunk towards a multiple of the identity (Ledoit and Wolf, "A well-conditioned estimator
        for large-dimensional covariance matrices", 2004).

        Arguments:
            y: Labels `(B,)`; given, each class has its own covariance and the result is `(B, L, L)`. By default one,
                pooled over the classes, `(L, L)`.
        """
        pooled, per_class = self._factors
        return pooled if y is None else per_class[y.to(pooled.device)]

    @cached_property
    def _factors(self) -> tuple[Tensor, Tensor]:
        y, z = self.samples.y, self.mean.cpu().double()
        totals = torch.zeros(len(self.samples.names), z.shape[1], dtype=z.dtype).index_add(0, y, z)
        centred = z - (totals / self._by_class[2].clamp(min=1)[:, None])[y]
        # Every class mean costs a degree of freedom.
        present = int((self._by_class[2] > 0).sum())
        pooled = _factor(centred, max(1, len(centred) - present), _shrunk(centred))
        # A class of a few samples borrows: its own covariance is shrunk towards the pooled one, like a prior of L samples.
        borrowed = pooled @ pooled.T
        size = z.shape[1]
        mixed = []
        for label in range(len(self.samples.names)):
            own = centred[y == label]
            free = max(len(own) - 1, 0)
            mixed.append(torch.linalg.cholesky((own.T @ own + size * borrowed) / (free + size)))
        return pooled.to(self.mean), torch.stack(mixed).to(self.mean)

    @cached_property
    def _range(self) -> tuple[Tensor, Tensor]:
        low, high = (torch.tensor(v, device=self.mean.device) for v in (self.scaling.low, self.scaling.high))
        return low, high

    def in_range(self, x: Tensor) -> bool:
        """Returns whether all samples lie in the range seen in the bank, and so are finite."""
        if len(self.scaling.low) == 1:
            least, most = (t.item() for t in x.aminmax())
            return self.scaling.low[0] <= least and most <= self.scaling.high[0]
        low, high = (t.to(x.device) for t in self._range)
        return bool(((x >= low) & (x <= high)).all())

    def check_range(self, x: Tensor) -> None:
        """Refuses samples that lie where the bank's never do: another scaling, most likely."""
        low, high = (t.to(x.device) for t in self._range)
        span = high - low
        # Images of a known range must keep to it; what was only seen in the data may be exceeded.
        slack = 1e-3 * span if self.scaling.is_unit else (10 if x.ndim == 2 else 1) * span
        out = ((x < low - slack) | (x > high + slack)) & (span > 0)
        if out.any():
            expected = f"samples in the range of the data, {low.min():g} to {high.max():g}"
            checks.refuse(
                expected,
                f"values from {x.min():g} to {x.max():g}",
                "scale them like the data seen at fit, or tell a plugin normalize=(mean, std)",
            )
        self.check_spread(x)

    def check_spread(self, x: Tensor) -> None:
        """Refuses samples scaled to 0..1 where the bank's are not.

        Dark and constant ones pass: whole numbers, and what varies no less than some sample of the bank.
        """
        low, high = min(self.scaling.low), max(self.scaling.high)
        if high - low < NARROW or x.min() < 0 or x.max() > 1 or torch.equal(x, x.round()):
            return
        spread = float(_spread(x).max())
        if 0 < spread < (high - low) / NARROW and spread < 0.9 * self._least_spread:
            checks.refuse(
                f"samples in the range of the data, {low:g} to {high:g}",
                f"values from {x.min():g} to {x.max():g}, which vary less than in any sample seen at fit",
                "scale them like the data seen at fit (near * 255, say), or tell a plugin normalize=(mean, std)",
            )

    @cached_property
    def _least_spread(self) -> float:
        """The smallest spread of the values in one sample; constant samples do not count."""
        spread = _spread(self.samples.x)
        return float(spread[spread > 0].min()) if (spread > 0).any() else 0.0

    def clip_to_range_(self, x: Tensor, parents: Tensor | None) -> Tensor:
        """Bounds samples, in place, by the range of the data, widened to that of their parents where these leave it."""
        if parents is None and len(self.scaling.low) == 1:
            return x.clamp_(self.scaling.low[0], self.scaling.high[0])
        low, high = (t.to(x.device) for t in self._range)
        if parents is None:
            return x.clamp_(low, high)
        return x.clamp_(torch.minimum(low, parents), torch.maximum(high, parents))


def _spread(x: Tensor) -> Tensor:
    """Returns the spread of the values in each sample, `(B,)`."""
    return x.flatten(1).amax(1) - x.flatten(1).amin(1)


def _shrunk(centred: Tensor) -> float:
    return float(ledoit_wolf_shrinkage(centred.numpy(), assume_centered=True))


def _factor(centred: Tensor, free: int, shrinkage: float) -> Tensor:
    covariance = centred.T @ centred / free
    level = covariance.diagonal().mean().clamp(min=1e-12)
    identity = torch.eye(len(covariance), dtype=covariance.dtype)
    return torch.linalg.cholesky((1 - shrinkage) * covariance + (shrinkage * level + 1e-9 * level) * identity)
