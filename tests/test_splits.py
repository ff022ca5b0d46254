"""Splits and subsets are stratified, exact and nested, and the same for the same seed in every version."""

import pytest
import torch

from vaeaug import InputError
from vaeaug.data import load, split, subset
from vaeaug.data.lookup import SampleIndex


def test_split_is_stratified_and_disjoint():
    samples = load("digits")
    train, test = split(samples, 0.5, seed=3)
    assert len(train) + len(test) == len(samples)
    assert all(abs(a - b) <= 1 for a, b in zip(train.counts, test.counts, strict=True))
    assert torch.equal(split(samples, 0.5, seed=3)[1].x, test.x)
    assert not torch.equal(split(samples, 0.5, seed=4)[1].x, test.x)


def test_subset_counts_are_exact_and_nested():
    samples = load("digits")
    assert subset(samples, 5, seed=1).counts == [5] * 10
    assert subset(samples, list(range(1, 11)), seed=1).counts == list(range(1, 11))
    small, large = (subset(samples, n, seed=1).x.flatten(1) for n in (5, 9))
    assert (torch.cdist(small, large).min(1).values == 0).all()


def test_a_subset_larger_than_the_data_is_refused():
    samples = load("wine")
    with pytest.raises(InputError, match="expected at least 500 samples of class 0 \\(class_0\\), got 59"):
        subset(samples, 500)
    with pytest.raises(InputError, match="expected one count or 3 counts, got 2 counts"):
        subset(samples, [3, 4])
    with pytest.raises(InputError, match="expected per_class to be a whole number from 1 up, got 0"):
        subset(samples, 0)


def test_a_seed_draws_the_samples_that_committed_results_used():
    samples = load("wine")
    find = SampleIndex(samples.x, exact=True)
    assert find(subset(samples, 3, seed=1).x).tolist() == [5, 24, 25, 122, 110, 103, 167, 170, 157]
    assert find(split(samples, 0.03, seed=1)[1].x).tolist() == [5, 24, 110, 122, 167]
