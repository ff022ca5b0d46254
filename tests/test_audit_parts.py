"""The parts of an audit: exact distances, statistics, columns and rules."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, fisher_exact
from sklearn.metrics import roc_auc_score

from vaeaug.auditing import rules, statistics, tables
from vaeaug.auditing.columns import Columns
from vaeaug.auditing.distances import Euclidean, Gower
from vaeaug.auditing.good import density_and_coverage
from vaeaug.auditing.leak import nearness
from vaeaug.auditing.statistics import RESAMPLES, attack, compared, more_than, nearer_share, wilson

RANDOM = np.random.default_rng(0)


def brute(a, b):
    return np.sqrt(((a[:, None].astype(float) - b[None].astype(float)) ** 2).sum(2))


POOLS = {
    "plain": RANDOM.normal(size=(90, 7)),
    "offset": RANDOM.normal(size=(90, 7)) + 1e4,
    "whole numbers with ties": RANDOM.integers(0, 3, size=(90, 2)),
    "one far value": np.concatenate([RANDOM.normal(size=(89, 4)), np.full((1, 4), 1e6)]),
    "all equal": np.ones((90, 3)),
    "many features": RANDOM.normal(size=(90, 700)),
}


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("pool", POOLS)
def test_distances_are_exact(pool, others, k, monkeypatch):
    monkeypatch.setattr("vaeaug.auditing.distances.BLOCK_BYTES", 4 * 60 * 7)  # blocks of 7 rows and a rest
    values = POOLS[pool].astype(np.float32)
    queries, references = np.arange(30), np.arange(30) if others else np.arange(30, 90)
    found = Euclidean("", torch.from_numpy(values)).nearest(queries, references, k, others=others)
    expected = brute(values[queries], values[references])
    if others:
        np.fill_diagonal(expected, np.inf)
    np.testing.assert_allclose(found.distance, np.sort(expected, axis=1)[:, :k], rtol=1e-12)
    np.testing.assert_allclose(np.take_along_axis(expected, found.index, 1), found.distance, rtol=1e-12)
    smallest = expected.min(1, keepdims=True)
    assert found.ties.tolist() == (expected <= smallest * (1 + 1e-9)).sum(1).tolist()
    assert (found.distance[smallest[:, 0] == 0, 0] == 0).all()


@pytest.mark.parametrize("pool", POOLS)
def test_what_lies_on_the_radius_lies_within(pool):
    values = POOLS[pool].astype(np.float32)
    distance, centres, samples = Euclidean("", torch.from_numpy(values)), np.arange(30), np.arange(30, 90)
    radius = distance.nearest(centres, samples, 5).distance[:, 4]
    expected = (brute(values[:30], values[30:]) <= radius[:, None] * (1 + 1e-9)).sum(1)
    assert distance.count_within(centres, radius, samples).tolist() == expected.tolist()
    assert (expected >= 5).all()


def test_gower_by_hand():
    numbers = np.array([[0.0, 5.0], [10.0, 5.0], [np.nan, 5.0], [2.5, 6.0], [np.nan, 5.0]])
    categories = np.array([[0], [0], [1], [-1], [-1]])
    distance = Gower("", numbers, categories, np.array([10.0, 0.0]))

    def between(a, b):
        return float(distance.nearest(np.array([a]), np.array([b])).distance[0, 0])

    assert between(0, 1) == pytest.approx((1 + 0 + 0) / 3)
    assert between(0, 2) == pytest.approx((1 + 0 + 1) / 3)  # missing against present, and another category
    assert between(2, 4) == pytest.approx((0 + 0 + 1) / 3)  # both missing; a category against a missing one
    assert between(3, 4) == pytest.approx((1 + 1 + 0) / 3)  # a constant column counts as equal or not
    assert between(1, 0) == between(0, 1)
    found = distance.nearest(np.arange(5), np.arange(5), 2, others=True)
    assert (found.distance[:, 0] <= found.distance[:, 1]).all()
    assert all(i not in row for i, row in enumerate(found.index.tolist()))
    assert distance.count_within(np.array([0]), np.array([1 / 3]), np.arange(5)).tolist() == [2]


def test_wilson_is_that_of_scipy():
    for hits, size in ((0, 10), (3, 10), (10, 10), (499, 1000)):
        expected = binomtest(hits, size).proportion_ci(method="wilson")
        assert wilson(hits / size, size)[1:] == pytest.approx((expected.low, expected.high))


def test_ties_count_half():
    assert compared(np.array([1.0, 2.0, 2.0, 0.0]), np.array([2.0, 1.0, 2.0, 0.0])).tolist() == [1, 0, 0.5, 0.5]
    assert compared(np.array([0.1 + 0.2]), np.array([0.3])).tolist() == [0.5]


@pytest.mark.parametrize("digits", [0, 1, 9])
def test_the_attack_is_the_area_under_the_curve(digits):
    members, others = RANDOM.normal(0.5, size=80).round(digits), RANDOM.normal(size=120).round(digits)
    found = attack(members, others, 0, 200)
    labels = np.repeat([1, 0], [80, 120])
    assert found.auc.value == pytest.approx(roc_auc_score(labels, np.concatenate([members, others])))
    assert found.auc.low < found.auc.value < found.auc.high
    assert found == attack(members, others, 0, 200)


def test_the_attack_at_its_ends():
    chance = attack(np.zeros(50), np.zeros(50), 0, 100)
    assert (chance.auc.value, chance.tpr.value) == (0.5, pytest.approx(0.01))
    surely = attack(np.ones(50), np.zeros(50), 0, 100)
    assert surely.auc == pytest.approx((1, 1, 1))
    assert surely.tpr == pytest.approx((1, 1, 1))
    # 30 of 100 members lie above all others, and no more than 1 of 200 others may be wrong.
    some = attack(np.repeat([2.0, 0.0], [30, 70]), np.repeat([1.0, 0.0], [100, 100]), 0, 100)
    assert some.tpr.value == pytest.approx(0.3)


def test_fishers_test_is_that_of_scipy():
    for count, size, reference, of in ((5, 100, 0, 100), (0, 10, 0, 10), (3, 50, 9, 40)):
        expected = fisher_exact([[count, size - count], [reference, of - reference]], alternative="greater").pvalue
        assert more_than(count, size, reference, of) == pytest.approx(expected)


def test_the_variance_of_the_share_is_that_of_all_ways_to_divide():
    """5 samples whose nearest of 6 real ones are 0, 0, 0, 1 and 4: the share over all 20 divisions into halves."""
    from itertools import combinations

    nearest = np.array([0, 0, 0, 1, 4])
    shares = [np.isin(nearest, first).mean() for first in combinations(range(6), 3)]
    first = np.isin(nearest, [0, 1, 2])
    a, b = np.where(first, 1.0, 2.0), np.where(first, 2.0, 1.0)
    index = np.where(first, nearest, 0), np.where(first, 0, nearest - 3)
    share, effective = nearer_share(a, b, index, np.ones(5), np.zeros(6))
    assert share.value == 0.8
    assert 0.25 / effective == pytest.approx(np.var(shares))


@pytest.mark.parametrize(
    ("n", "m", "d", "rounded"), [(40, 40, 3, False), (25, 200, 3, False), (30, 60, 50, False), (40, 40, 2, True)]
)
def test_an_innocent_generator_is_rarely_accused(n, m, d, rounded):
    """5 % of 400 simulations, or fewer where most distances tie; the interval for as many trials as samples is wrong."""
    accused = outside = naive = 0
    for i in range(400):
        values = np.random.default_rng(i).normal(size=(2 * n + m, d)).astype(np.float32)
        distance = Euclidean("", torch.from_numpy(values.round() if rounded else values))
        train, held_out, synthetic = np.arange(n), np.arange(n, 2 * n), np.arange(2 * n, 2 * n + m)
        found = nearness(distance, synthetic, train, held_out, np.zeros(n), i, 100)
        accused += found.share.low > 0.5 or found.membership.auc.low > 0.5
        outside += not found.share.low <= 0.5 <= found.share.high
        independent = wilson(found.share.value, m)
        naive += not independent.low <= 0.5 <= independent.high
    assert accused <= 36  # 99.9 % of all binomial counts of 400 with 5 %
    assert outside <= 36
    if not rounded:
        assert outside >= 6
    if m > n:
        assert naive > 60


def test_density_and_coverage_of_identical_sets():
    """prdc compares with <, so that a set of doubled samples neither lies in itself nor covers itself."""
    values = np.repeat(RANDOM.normal(size=(20, 3)), 6, axis=0).astype(np.float32)
    distance = Euclidean("", torch.from_numpy(np.concatenate([values, values])))
    density, coverage = density_and_coverage(distance, np.arange(120), np.arange(120, 240), 5)
    assert (density, coverage) == (6 / 5, 1)
    assert np.isnan(density_and_coverage(distance, np.arange(1), np.arange(120, 240), 5)).all()
    assert np.isnan(density_and_coverage(distance, np.arange(5), np.arange(0), 5)).all()


def table(**columns):
    """Returns columns of numbers, and of categories where they are words."""
    numbers = {name: np.asarray(v, dtype=float) for name, v in columns.items() if not isinstance(v[0], str | None)}
    words = {name: v for name, v in columns.items() if name not in numbers}
    levels = tuple(tuple("abcdefgh") for _ in words)
    codes = [[-1 if v is None else "abcdefgh".index(v) for v in values] for values in words.values()]
    size = len(next(iter(columns.values())))
    return Columns(
        tuple(numbers),
        np.stack(list(numbers.values()), 1) if numbers else np.empty((size, 0)),
        tuple(words),
        np.array(codes, dtype=np.int64).T if words else np.empty((size, 0), dtype=np.int64),
        levels,
        np.array([np.isnan(v).any() for v in numbers.values()], dtype=bool),
    )


def test_broken_rules():
    words, decided = list("aabbcc") * 20, list("xxyyxx".replace("x", "d").replace("y", "e")) * 20
    real = table(n=[1, 2, 3, 4, 5, 6] * 20, constant=[7] * 120, word=words, decided=decided)
    holdout = table(n=[1, 2, 3, 4, 5, 6] * 5, constant=[7] * 30, word=words[:30], decided=decided[:30])
    synthetic = table(
        n=[0, 2.5, np.nan, 4], constant=[7, 7, 7, 8], word=["a", "b", "g", None], decided=["e", "e", "d", "d"]
    )
    found = {rule.text: (rule.broken, rule.broken_holdout) for rule in rules.broken_rules(real, synthetic, holdout)}
    assert found == {
        "n is never missing": (0.25, 0),
        "n lies in 1 to 6": (0.25, 0),
        "n is a whole number": (0.25, 0),
        "constant is always 7": (0.25, 0),
        "word is one of a, b, c": (0.25, 0),
        "word is never missing": (0.25, 0),
        "word decides decided": (0.25, 0),
        "n decides word": (0.25, 0),
        "n decides decided": (0.25, 0),
    }
    assert rules.broken_rules(real, real, holdout) == []


def test_a_dependency_by_chance_is_no_rule():
    real = table(word=list("aabbccdd"), other=list("efefefef"), rare=["a"] * 7 + ["b"])
    assert rules.broken_rules(real, table(word=["a"], other=["f"], rare=["b"]), None) == []
    words, decided = list("ab") * 60, list("cd") * 60
    broken_by_holdout = table(word=["a", "b"], decided=["d", "d"])
    real, synthetic = table(word=words, decided=decided), table(word=["a"], decided=["d"])
    assert rules.broken_rules(real, synthetic, broken_by_holdout) == []
    assert len(rules.broken_rules(real, synthetic, None)) == 2


def test_columns_and_associations():
    n = np.arange(100.0)
    real = table(n=n, m=-n, constant=[1] * 100, word=["a"] * 50 + ["b"] * 50, same=["c"] * 50 + ["d"] * 50)
    lost = table(n=n, m=n, constant=[1] * 100, word=["a", "b"] * 50, same=["c"] * 50 + [None] * 50)
    found = {c.name: c for c in tables.column_qualities(real, lost, real)}
    differences = {"n": 0, "m": 0.99, "constant": 0, "word": 0, "same": 0.5}
    assert {name: c.difference for name, c in found.items()} == pytest.approx(differences)
    assert {name: c.missing for name, c in found.items()} == {**dict.fromkeys(differences, 0), "same": 0.5}
    assert all(c.difference_holdout == 0 for c in found.values())
    pairs = tables.associations(real, lost, real)
    by_name = {(p.first, p.second): p for p in tables.associations(real, lost, real, worst=99).worst}
    assert (by_name["n", "m"].real, by_name["n", "m"].synthetic) == pytest.approx((-1, 1))
    assert by_name["word", "same"].real == pytest.approx(1, abs=0.02)
    assert by_name["word", "same"].synthetic == 0
    assert by_name["n", "word"].real == pytest.approx(np.sqrt(0.75), abs=0.01)
    assert pairs.difference > 0.3
    assert pairs.difference_holdout == 0
    assert not any("constant" in pair for pair in by_name)
    assert tables.associations(table(n=n), table(n=n), None) is None


def test_a_number_that_is_no_longer_there():
    gone = tables.column_qualities(table(n=[1.0, 2.0]), table(n=[np.nan, np.nan]), None)
    assert (gone[0].difference, gone[0].missing) == (1, 1)
    assert np.isnan(gone[0].difference_holdout)


def test_few_seeds_have_no_interval():
    assert np.isnan(statistics.mean_interval([0.1, 0.2]).low)
    assert statistics.mean_interval([0.1] * 5) == pytest.approx((0.1, 0.1, 0.1))
    assert RESAMPLES >= 100
