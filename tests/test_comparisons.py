import math
from dataclasses import replace

import numpy as np
import pytest
from fake_results import results_by_size, results_of
from scipy import stats

from vaeaug import InputError
from vaeaug.bench.analysis.comparisons import (
    compare_to_best_baseline,
    comparisons,
    comparisons_by_baseline,
    primary_comparisons,
)
from vaeaug.bench.analysis.learning_curves import equivalent_sample_sizes, learning_curves
from vaeaug.bench.analysis.outcomes import Outcome, outcome_of
from vaeaug.bench.analysis.statistics import holm, interval, isotonic, signed_rank, size_at_level, t_test
from vaeaug.bench.analysis.summaries import best_baselines, summaries

DECIDED = (Outcome.HELPS, Outcome.HURTS)


def test_interval_is_the_t_interval():
    values = [70.0, 72.0, 75.0, 71.0, 72.0]
    mean, low, high = interval(values)
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((72.0, *expected))
    assert interval([3.0] * 5) == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("count", range(1, 8))
def test_there_is_no_interval_and_no_outcome_under_five_seeds(count):
    values = [50 + 3 * seed for seed in range(count)]
    gains = [2 + 0.1 * seed for seed in range(count)]
    results = results_of({"classical + MixUp": values}, none=values, vae=np.add(values, gains))
    few = count < 5
    assert [math.isnan(end) for end in interval(gains)] == [False, few, few]
    assert math.isnan(t_test(gains)) == few
    assert all(math.isnan(s.low) == math.isnan(s.high) == few for s in summaries(results))
    every = [*comparisons(results), *compare_to_best_baseline(results), *primary_comparisons(results)]
    vae = [c for c in every if c.method == "vae"]
    assert len(vae) == 3
    for c in vae:
        assert c.outcome is (None if few else Outcome.HELPS)
        assert [math.isnan(number) for number in (c.low, c.high, c.p, c.p_uncorrected)] == [few] * 4
        assert c.mean == pytest.approx(np.mean(gains))


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.6])[0] == 1.0
    assert holm([]) == []


def test_pairing_removes_the_spread_between_seeds():
    baseline = [50, 60, 70, 80, 90]
    c = comparisons(results_of(none=baseline, vae=[b + 1 + 0.1 * i for i, b in enumerate(baseline)]))[0]
    assert c.mean == pytest.approx(1.2)
    assert c.outcome is Outcome.HELPS
    assert c.low > 0.9
    assert c.seeds == 5


def test_outcomes():
    baseline = [50.0, 60.0, 70.0, 80.0, 90.0]
    worse = [b - 2 - 0.1 * (i % 2) for i, b in enumerate(baseline)]
    noise = [51.0, 58.0, 71.0, 79.5, 90.0]
    shifted = [b + 1 for b in baseline]
    close = [b + d for b, d in zip(baseline, (0.1, 0.2, 0.3, 0.2, 0.1), strict=True)]
    results = results_of(none=baseline, worse=worse, noise=noise, same=baseline, shifted=shifted, close=close)
    assert {c.method: c.outcome for c in comparisons(results)} == {
        "worse": Outcome.HURTS,
        "noise": Outcome.UNCLEAR,
        "same": Outcome.NO_DIFFERENCE,
        "shifted": Outcome.UNCLEAR,
        "close": Outcome.NO_DIFFERENCE,
    }


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (0.4, 1.4, 0.01, Outcome.HELPS),
        (-1.4, -0.4, 0.01, Outcome.HURTS),
        (0.4, 1.4, 0.2, Outcome.UNCLEAR),
        (-0.6, 0.4, 0.9, Outcome.UNCLEAR),
        (-0.5, 0.5, 0.9, Outcome.NO_DIFFERENCE),
        (0.1, 0.5, 0.01, Outcome.NO_DIFFERENCE),
        (-0.5, -0.1, 0.01, Outcome.NO_DIFFERENCE),
        (0.1, 0.51, 0.01, Outcome.HELPS),
        (1.0, 1.0, math.nan, Outcome.UNCLEAR),
        (0.0, 0.0, math.nan, Outcome.NO_DIFFERENCE),
        (math.nan, math.nan, math.nan, None),
    ],
)
def test_the_outcome_follows_from_the_interval_and_p(low, high, p, expected):
    assert outcome_of((low + high) / 2, low, high, p) is expected


def test_equal_differences_are_not_certain():
    # Differences that are equal, as on small test sets: by the sign test, five of five up is p = 1/16, which can never be
    # significant, so it is not shown. Six are 1/32.
    baseline = [50.0, 60.0, 70.0, 80.0, 90.0, 95.0]
    for count, p in ((5, math.nan), (6, 1 / 32)):
        (c,) = comparisons(results_of(none=baseline[:count], vae=[b + 1 for b in baseline[:count]]))
        assert c.p == pytest.approx(p, nan_ok=True)
        assert c.outcome is (Outcome.UNCLEAR if count == 5 else Outcome.HELPS)
    assert t_test([0.0] * 5) == 1.0


def test_two_names_of_one_method_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        methods = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "a", "classical", "b")}
        wrong += any(c.outcome in DECIDED for c in comparisons(results_of(methods)))
    assert wrong <= 12


def test_two_names_of_one_method_on_small_test_sets_are_seldom_told_apart():
    # Test sets of 100 samples: accuracies come in whole points, with many ties.
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        probability = rng.uniform(0.7, 0.8, 10)
        methods = {name: rng.binomial(100, probability).astype(float) for name in ("none", "vae")}
        wrong += comparisons(results_of(methods))[0].outcome in DECIDED
    assert wrong <= 12


def test_choosing_the_best_baseline_afterwards_keeps_the_level():
    # The best of equal baselines is above the method by luck: the plain test would say `hurts` far too often.
    rng = np.random.default_rng(3)
    primary = exploratory = naive = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        methods = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "classical", "MixUp", "vae")}
        compared = compare_to_best_baseline(results_of(methods))
        assert [c.method for c in compared if c.primary] == ["vae"]
        primary += any(c.outcome in DECIDED for c in compared if c.primary)
        exploratory += any(c.outcome in DECIDED for c in compared if not c.primary)
        naive += next(c for c in compared if c.method == "vae").p_uncorrected < 0.05
    # The primary comparison is tested at 5 %, and so are all others together.
    assert primary <= 12
    assert exploratory <= 12 < naive


@pytest.mark.parametrize(("spread", "at_least"), [(0.5, 0.999), (1.5, 0.8), (2.5, 0.3)])
def test_a_true_gain_of_one_point_is_found_with_the_power_that_its_spread_allows(spread, at_least):
    rng = np.random.default_rng(1)
    tables, n = 200, 20
    helps = 0
    for _ in range(tables):
        seeds = rng.normal(75, 2, n)
        gain = 1 + rng.normal(0, spread, n)
        helps += comparisons(results_of(none=seeds, vae=seeds + gain))[0].outcome is Outcome.HELPS
    # The noncentral t distribution gives the power of a paired test exactly.
    power = float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, math.sqrt(n) / spread))
    assert power > at_least
    assert abs(helps / tables - power) <= 3 * math.sqrt(power * (1 - power) / tables) + 1e-3


def test_an_interval_covers_the_truth_in_95_of_100():
    rng = np.random.default_rng(4)
    covered = sum(low <= 1 <= high for _, low, high in (interval(rng.normal(1, 2, 10)) for _ in range(2000)))
    assert abs(covered / 2000 - 0.95) < 0.015


def test_seeds_that_only_one_method_has_are_left_out():
    c = comparisons(results_of(none=[50, 60, 70], vae=[51, 61.5]))[0]
    assert c.seeds == 2
    assert c.mean == pytest.approx(1.25)


@pytest.mark.parametrize("change", [{"subset": "other"}, {"steps": 99}])
def test_results_of_different_subsets_or_steps_are_not_paired(change):
    results = results_of(none=[1, 2], vae=[2, 3])
    changed = [replace(r, **change) if r.method == "vae" else r for r in results]
    with pytest.raises(InputError, match="expected paired results of one training subset and number of steps"):
        comparisons(changed)


def test_missing_baseline():
    message = r"expected results of the method 'none', got methods \['vae'\]; run that method as well"
    with pytest.raises(InputError, match=message):
        comparisons(results_of(vae=[1, 2]))
    assert comparisons([]) == []


def test_summaries_count_the_cost():
    s = summaries([replace(result, vae_seconds=3.0) for result in results_of(vae=[50, 60])])[0]
    assert s.mean == pytest.approx(55)
    assert s.seconds == pytest.approx(4.0)


@pytest.mark.parametrize("seeds", [3, 5])
def test_identical_methods(seeds):
    same = results_of(none=[50, 60, 70, 80, 90][:seeds], vae=[50, 60, 70, 80, 90][:seeds])
    c = comparisons(same)[0]
    assert (c.identical, c.ties) == (True, seeds)
    # Equal accuracies with other confusion matrices are not identical.
    other = [replace(r, confusion="other") if r.method == "vae" else r for r in same]
    assert not comparisons(other)[0].identical
    for compared in (c, comparisons(other)[0]):
        assert compared.outcome is (None if seeds < 5 else Outcome.NO_DIFFERENCE)


def test_wins_ties_and_losses():
    c = comparisons(results_of(none=[50, 60, 70, 80], vae=[51, 60, 69, 81.5]))[0]
    assert (c.wins, c.ties, c.losses) == (2, 1, 1)


def test_signed_rank_is_exact():
    rng = np.random.default_rng(5)
    for n in (6, 10, 20):
        d = rng.normal(0.4, 1, n)
        assert signed_rank(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)
    assert signed_rank([1.0] * 10) == pytest.approx(2 / 2**10)
    # By hand: |d| = 1, 1, 2, 3, 4, 5 have the ranks 1.5, 1.5, 3, 4, 5, 6; of 64 signs three have a sum of at most 1.5.
    assert signed_rank([-1.0, 1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(6 / 64)
    assert signed_rank([0.1 + 0.2, -0.3, 2.0, 3.0, 4.0, 5.0, 0.0]) == pytest.approx(6 / 64), "up to rounding they tie"


@pytest.mark.parametrize("d", [[], [1.0], [1.0, 2.0, 3.0], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0, 0], [0.0] * 10])
def test_a_rank_test_that_cannot_reach_significance_is_left_out(d):
    # Five differences of one sign are p = 2 / 32, whatever they are.
    assert math.isnan(signed_rank(d))
    assert not math.isnan(signed_rank([*d, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]))


def test_a_table_is_corrected_by_itself():
    baseline = [50.0, 60.0, 70.0, 80.0, 90.0]
    results = results_of(none=baseline, vae=[51.0, 60.8, 71.3, 81.1, 90.6], noise=[51.0, 58.0, 71.0, 79.5, 90.0])
    alone = comparisons(results)
    assert comparisons([*results, *(replace(r, regime="10") for r in results)])[:2] == alone
    assert alone[0].p == pytest.approx(2 * alone[0].p_uncorrected)
    both = comparisons([*results, *(replace(r, classifier="forest") for r in results)])
    assert both[0].p == pytest.approx(4 * both[0].p_uncorrected)


def test_imbalanced_regimes_are_judged_by_balanced_accuracy():
    results = [
        replace(r, regime="9/3", balanced_accuracy=r.accuracy / 2)
        for r in results_of(none=[50, 60, 70], vae=[52, 63, 74])
    ]
    assert summaries(results)[0].mean == pytest.approx(30)
    assert comparisons(results)[0].mean == pytest.approx(1.5)
    assert comparisons(results, metric="accuracy")[0].mean == pytest.approx(3)


def test_the_kind_of_a_method_is_that_of_its_results():
    results = results_of({"none": [50, 60], "pythae VAE": [70, 80], "synthetic (PCA)": [90, 91], "tuned": [10, 12]})
    kinds = {"none": "baseline", "pythae VAE": "generator", "synthetic (PCA)": "control", "tuned": "ours"}
    assert {s.method: s.kind for s in summaries(results)} == kinds
    assert {c.method: c.kind for c in comparisons(results)} == {m: k for m, k in kinds.items() if m != "none"}


def test_the_best_baseline_was_run_on_all_seeds():
    results = results_of(
        {"synthetic (PCA)": [90, 90, 90, 90, 90], "pythae VAE": [95, 95, 95, 95, 95]},
        none=[50, 60, 70, 80, 90],
        classical=[52, 62, 72, 82, 92.5],
        MixUp=[53, 63],
        SMOTE=[51, 61, 71, 81, 91],
        vae=[53, 63.5, 74, 83, 94.5],
    )
    assert best_baselines(results) == {("digits", "5", "cnn"): ("classical", 3)}
    by_method = {c.method: c for c in compare_to_best_baseline(results)}
    assert by_method["vae"].against == "classical"
    assert by_method["vae"].mean == pytest.approx(1.5)
    assert by_method["none"].p >= by_method["none"].p_uncorrected * 3 - 1e-12, "a choice among three is paid for"
    assert list(comparisons_by_baseline(results)) == ["none", "classical", "the best baseline"]
    two = results_of(none=[1, 2], classical=[2, 4], vae=[3, 3])
    assert list(comparisons_by_baseline(two)) == ["none", "classical"]


def test_learning_curves_are_in_the_order_of_size():
    once = results_of(once=[1, 2])
    by_class = [replace(r, regime="9/3") for r in results_of(a=[1])]
    shuffled = results_by_size(none=[50, 60, 70], vae=[55, 65, 72])[::-1]
    curves = {curve.method: curve for curve in learning_curves([*shuffled, *once, *by_class])}
    assert set(curves) == {"none", "vae"}
    assert curves["none"].sizes == (10, 20, 40)
    assert [round(point.mean) for point in curves["vae"].points] == [55, 65, 72]


def test_the_equivalent_size_inverts_the_curve_of_none():
    by_size = {e.n: e for e in equivalent_sample_sizes(results_by_size(none=[50, 60, 70], vae=[55, 65, 72]))}
    assert by_size[10].equivalent == pytest.approx(10 * 2**0.5)
    assert by_size[20].equivalent == pytest.approx(20 * 2**0.5)
    assert by_size[10].low <= by_size[10].equivalent <= by_size[10].high
    few = [r for r in results_by_size(none=[50, 60, 70], vae=[55, 65, 72]) if r.seed < 4]
    assert all(math.isnan(e.low) and math.isnan(e.high) for e in equivalent_sample_sizes(few)), (
        "four seeds: no interval"
    )
    assert by_size[40].equivalent == math.inf


def test_no_equivalent_size_without_a_curve_of_the_same_seeds():
    assert equivalent_sample_sizes(results_of(none=[50, 60], vae=[60, 70])) == []
    results = results_by_size(none=[50, 60, 70], vae=[55, 65, 72])
    assert equivalent_sample_sizes([r for r in results if (r.method, r.seed) != ("vae", 0)]) == []


def test_a_method_like_none_is_equivalent_to_its_own_size():
    equivalents = equivalent_sample_sizes(results_by_size(none=[50, 60, 70], twin=[50, 60, 70]))
    assert [e.equivalent for e in equivalents] == pytest.approx([10, 20, 40])
    assert [(e.low, e.high) for e in equivalents] == [pytest.approx((n, n)) for n in (10, 20, 40)]


def test_a_curve_that_falls_is_made_level():
    assert isotonic([50, 62, 58, 70]) == pytest.approx([50, 60, 60, 70])
    assert size_at_level((10, 20, 40, 80), (50, 60, 60, 70), 60) == pytest.approx(20)
    assert size_at_level((10, 20, 40, 80), (50, 60, 60, 70), 65) == pytest.approx(40 * 2**0.5)


def test_isotonic_levels_follow_the_max_min_formula():
    for levels in np.random.default_rng(7).normal(60, 5, (50, 5)):
        expected = [
            max(min(levels[j : k + 1].mean() for k in range(i, len(levels))) for j in range(i + 1))
            for i in range(len(levels))
        ]
        assert isotonic(levels) == pytest.approx(expected)


def test_the_bootstrap_covers_the_truth():
    # None gains 10 points per doubling; the method is equivalent to 2 ** 0.5 times its samples.
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(40):
        noise = {n: rng.normal(0, 1, 10) for n in (10, 20, 40)}
        none = [
            replace(r, regime=str(n))
            for n, error in noise.items()
            for r in results_of(none=50 + 10 * math.log2(n / 10) + error)
        ]
        vae = [replace(r, regime="10") for r in results_of(vae=55 + rng.normal(0, 1, 10))]
        (equivalent,) = equivalent_sample_sizes([*none, *vae])
        covered += equivalent.low <= 10 * 2**0.5 <= equivalent.high
    assert covered >= 33


def test_recipe_for_few_images_uses_principal_components():
    # Frozen on development seeds: up to 20 images per class components take the VAE's place under RandAugment and MixUp.
    vae, components = "RandAugment + synthetic + MixUp", "RandAugment + synthetic (PCA) + MixUp"
    levels = [50.0, 51.0, 52.0, 53.0, 54.0]
    for size, recipe in ((10, components), (20, components), (21, vae), (50, vae)):
        results = [
            replace(result, data="fashion-mnist", regime=str(size), kind=kind)
            for method, kind in (("RandAugment + MixUp", "baseline"), (vae, "ours"), (components, "control"))
            for result in results_of({method: levels})
        ]
        assert [(c.method, c.against) for c in primary_comparisons(results)] == [(recipe, "RandAugment + MixUp")]
