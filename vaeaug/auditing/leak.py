"""Does synthetic data leak the training set? Nearness, and attacks on membership, beside a control and a ceiling.

All tests compare the training set with as many held-out samples of the same population: synthetic samples that know the
training set alone are nearer to it. Where they are as near to both, these tests find nothing, which is no promise.
References: Yale et al., "Generation and evaluation of privacy preserving synthetic health data", 2020 (nearness against a
holdout); Chen et al., "GAN-Leaks", 2020, https://arxiv.org/abs/1909.03935 (the distance to the nearest synthetic sample as an
attack); Carlini et al., "Membership inference attacks from first principles", 2022, https://arxiv.org/abs/2112.03570 (the
true-positive rate at few false positives).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vaeaug.auditing.distances import Distance
from vaeaug.auditing.inputs import ORDER, Inputs
from vaeaug.auditing.spaces import as_fitted
from vaeaug.auditing.statistics import Attack, Estimate, attack, compared, nearer_share
from vaeaug.models.training import evaluating
from vaeaug.models.vae import VAE
from vaeaug.runtime import checks, seeds

FEWEST = 10  # real samples of each of two halves
SURELY = 5.0  # standard errors from where on sets are refused
CLEARLY = 0.1  # and how far from one half, at least
SUSPICIOUS = 3.0  # from where on a note says so
NOISE_DRAWS = 4  # of the likelihood


@dataclass(frozen=True)
class Nearness:
    """Which of two sets samples are nearer to, and what that tells of membership.

    Arguments:
        share: The share of the samples that are nearer to the first set than to the second; ties count half.
        effective: The effective number of samples of its interval; see `nearer_share`.
        membership: The attack by the distance to the nearest sample.
    """

    share: Estimate
    effective: float
    membership: Attack


@dataclass(frozen=True, eq=False)
class Leak:
    """The answer of the leak tests.

    Arguments:
        part: The number of training samples and of held-out samples that are compared, as many of each class.
        measured: The synthetic samples against the training part and the held-out part.
        control: The synthetic samples against two halves of the held-out part: 0.5 but for chance.
        ceiling: Copies of the training part instead of the synthetic samples.
        likelihood: The attack by the likelihood under the VAE; None without one.
        likelihood_control: The same attack on two halves of the held-out part.
        standard_errors: How far real and held-out samples are from being of one population; see `check_exchangeable`.
    """

    part: int
    measured: Nearness
    control: Nearness
    ceiling: Nearness
    likelihood: Attack | None
    likelihood_control: Attack | None
    standard_errors: float

    @property
    def differs(self) -> bool:
        """Whether real and held-out samples differ more than two parts of one population do."""
        return abs(self.standard_errors) > SUSPICIOUS

    @property
    def found(self) -> bool:
        """Whether the training set is told from the held-out samples: if nothing leaks, in 5 % of cases at most."""
        return self.measured.share.low > 0.5 or self.measured.membership.auc.low > 0.5


def equal_parts(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Returns which real and which held-out samples are compared: as many of each class, each `(n,)`, class by class.

    Raises:
        InputError: If there are too few.
    """
    assert inputs.holdout is not None
    real, holdout = inputs.real.samples.y.numpy(), inputs.holdout.samples.y.numpy()
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for label in range(len(inputs.names)):
        own, other = np.flatnonzero(real == label), np.flatnonzero(holdout == label)
        size = min(len(own), len(other))
        parts[0].append(own[:size])
        parts[1].append(other[:size])
    train, held_out = np.concatenate(parts[0]), np.concatenate(parts[1])
    if len(train) < 2 * FEWEST:
        got = f"{len(train)} (of {len(real)} and {len(holdout)}, as many of each class)"
        checks.refuse(f"{2 * FEWEST} training and held-out samples or more to compare", got, "hold out more samples")
    return train, held_out


def measure_leak(inputs: Inputs, distance: Distance, seed: int, resamples: int) -> Leak:
    """Returns the answer of the leak tests.

    Arguments:
        inputs: The sets, with held-out samples.
        distance: The distance.
        seed: The seed of the bootstrap.
        resamples: The number of its resamples.

    Raises:
        InputError: If there are too few samples, or sets seem to be swapped or of different populations.
    """
    assert inputs.holdout is not None
    own, other = equal_parts(inputs)
    labels = inputs.real.samples.y.numpy()[own]
    train, held_out = inputs.positions(inputs.real)[own], inputs.positions(inputs.holdout)[other]
    synthetic = inputs.positions(inputs.synthetic)
    standard_errors = check_exchangeable(distance, train, held_out, synthetic)
    measured = nearness(distance, synthetic, train, held_out, labels, seed, resamples)
    _check_not_swapped(measured)
    halves = _halves(len(labels))
    one_stratum = np.zeros(len(halves[0]), dtype=np.int64)
    control = nearness(distance, synthetic, held_out[halves[0]], held_out[halves[1]], one_stratum, seed, resamples)
    copies = np.resize(np.random.default_rng(seed).permutation(train), len(synthetic))
    ceiling = nearness(distance, copies, train, held_out, labels, seed, resamples)
    likelihoods = _likelihoods(inputs, own, other)
    likelihood = likelihood_control = None
    if likelihoods is not None:
        members, others = likelihoods
        likelihood = attack(members, others, seed, resamples)
        likelihood_control = attack(others[halves[0]], others[halves[1]], seed, resamples)
    return Leak(len(train), measured, control, ceiling, likelihood, likelihood_control, standard_errors)


def nearness(
    distance: Distance,
    samples: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    seed: int,
    resamples: int,
) -> Nearness:
    """Returns which of two sets samples are nearer to.

    Arguments:
        distance: The distance.
        samples: The positions of the samples in the pool, `(M,)`.
        first, second: The positions of the two sets, each `(n,)`.
        labels: The classes of either, `(n,)`.
        seed, resamples: Of the bootstrap.
    """
    to_first, to_second = distance.nearest(samples, first), distance.nearest(samples, second)
    a, b = to_first.distance[:, 0], to_second.distance[:, 0]
    tied = compared(a, b) == 0.5
    ties = np.where(tied, to_first.ties + to_second.ties, 1)
    index = to_first.index[:, 0], to_second.index[:, 0]
    share, effective = nearer_share(a, b, index, ties, np.concatenate([labels, labels]))
    members, others = (-distance.nearest(part, samples).distance[:, 0] for part in (first, second))
    return Nearness(share, effective, attack(members, others, seed, resamples))


def check_exchangeable(distance: Distance, train: np.ndarray, held_out: np.ndarray, synthetic: np.ndarray) -> float:
    """Checks that training and held-out samples are of one population: if not, the leak tests mean something else.

    Returns:
        How many standard errors the share of `mixing` is away from one half.

    Raises:
        InputError: If the same samples are in both, or if they differ while one of them is like the synthetic samples, so
            that two arguments seem to be swapped. Sets that differ otherwise, such as those of different patients, pass.
    """
    share, errors = mixing(distance, train, held_out)
    if abs(errors) <= SURELY or abs(share - 0.5) <= CLEARLY:
        return errors
    expected = "real and held-out samples of one population, none of them in both"
    if share < 0.5:
        got = f"sets where the nearest other sample is of the other set for {1 - share:.0%} (50 % expected)"
        checks.refuse(expected, got, f"hold out samples at random; the order is {ORDER}: are two of them swapped?")
    for name, part in (("real", train), ("held-out", held_out)):
        size = min(len(part), len(synthetic))
        if size < 2 * FEWEST:
            continue  # too few to tell
        other_share, other_errors = mixing(distance, part[:size], synthetic[:size])
        if abs(other_errors) < SUSPICIOUS or abs(other_share - 0.5) < CLEARLY:
            got = f"sets that differ, while the synthetic and the {name} samples do not"
            checks.refuse(expected, got, f"the order is {ORDER}: are two of them swapped? If not, hold out at random")
    return errors


def mixing(distance: Distance, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Returns the share of samples whose nearest other one is of their own set, and its distance from one half in standard
    errors.

    By Schilling's test ("Multivariate two-sample tests based on nearest neighbors", 1986): if two sets of equal size are of
    one population, the share is one half.
    """
    wins = []
    for own, other in ((first, second), (second, first)):
        to_own = distance.nearest(own, own, others=True).distance[:, 0]
        wins.append(compared(to_own, distance.nearest(own, other).distance[:, 0]))
    share = float(np.concatenate(wins).mean())
    # Two samples that are each other's nearest agree, so that the variance is at most twice that of independent trials.
    return share, (share - 0.5) / (0.5 / (2 * len(first))) ** 0.5


def _check_not_swapped(measured: Nearness) -> None:
    """Refuses synthetic samples that know the holdout: the generator was fitted to what is called held out."""
    share = measured.share
    errors = (0.5 - share.value) / (0.25 / max(measured.effective, 1)) ** 0.5
    if errors > SURELY and share.value < 0.5 - CLEARLY:
        got = f"samples that are nearer to the holdout ({1 - share.value:.0%})"
        remedy = f"pass what the generator was fitted to as real; the order is {ORDER}"
        checks.refuse("synthetic samples that are as near to the holdout as to the real samples, or less", got, remedy)


def _halves(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns two halves of samples in the order of classes, `(size // 2,)` each, with as many of each class but for one."""
    return np.arange(0, size - 1, 2), np.arange(1, size, 2)


def _likelihoods(inputs: Inputs, own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns a bound on the log-likelihood of training and of held-out samples under the VAE; None without a VAE."""
    if inputs.augmenter is None or not isinstance(inputs.augmenter.vae_, VAE) or inputs.holdout is None:
        return None
    vae = inputs.augmenter.vae_
    device = next(vae.parameters()).device
    parts = [
        (as_fitted(inputs, part)[index], part.samples.y[index])
        for part, index in ((inputs.real, torch.from_numpy(own)), (inputs.holdout, torch.from_numpy(other)))
    ]
    scores: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    with evaluating(vae):
        # The noise of the likelihood is that of a batch, so a batch has as many of either.
        for start in range(0, len(own), 128):
            x = torch.cat([x[start : start + 128] for x, _ in parts]).to(device)
            y = torch.cat([y[start : start + 128] for _, y in parts]).to(device)
            draws = [vae.elbo(x, y, seed=seeds.derive(0, start, draw)) for draw in range(NOISE_DRAWS)]
            values = torch.stack(draws).mean(0).cpu().double().numpy()
            for kept, part in zip(scores, np.split(values, 2), strict=True):
                kept.append(part)
    members, others = map(np.concatenate, scores)
    return members, others
