"""Samples are found by content, up to rounding or exactly; of equal ones the first."""

import pytest
import torch

from vaeaug.data.lookup import SampleIndex

X = torch.rand(200, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("exact", [False, True])
def test_samples_are_found_in_any_order(exact):
    find = SampleIndex(X, exact=exact)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    assert len(find) == 200
    assert torch.equal(find(X[order]), order)
    assert find(X[:0]).shape == (0,)


@pytest.mark.parametrize("exact", [False, True])
def test_of_equal_samples_the_first_is_found(exact):
    x = X[torch.tensor([4, 7, 4, 7, 7, 9])]
    assert SampleIndex(x, exact=exact)(x).tolist() == [0, 1, 0, 1, 1, 5]


@pytest.mark.parametrize("exact", [False, True])
def test_other_samples_are_not_found(exact):
    find = SampleIndex(X[:100], exact=exact)
    x = torch.cat([X[50:60], X[100:110], X[:1] + 0.1, torch.full((1, 3, 8, 8), 1e9)])
    assert find(x).tolist() == [*range(50, 60)] + [-1] * 12


def test_only_an_exact_search_tells_samples_apart_that_differ_by_rounding():
    rounded = (X * 255).round() / 255 * (1 + 1e-6)
    find, find_exact = SampleIndex((X * 255).round() / 255), SampleIndex((X * 255).round() / 255, exact=True)
    assert torch.equal(find(rounded), torch.arange(200))
    assert (find_exact(rounded) == -1).all()


def test_samples_that_share_a_hash_are_compared():
    # The bits have the same sum in any order of the values.
    x = torch.tensor([[1.0, 2.0, 3.0], [7.0, 8.0, 9.0]])
    assert SampleIndex(x, exact=True)(torch.tensor([[3.0, 2.0, 1.0], [7.0, 8.0, 9.0]])).tolist() == [-1, 1]


@pytest.mark.parametrize("exact", [False, True])
def test_samples_with_the_same_values_in_other_places_are_told_apart(exact):
    x = torch.stack(
        [X[0].flatten()[torch.randperm(192, generator=torch.Generator().manual_seed(i))] for i in range(50)]
    )
    assert torch.equal(SampleIndex(x, exact=exact)(x), torch.arange(50))
