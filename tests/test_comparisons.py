import math
from dataclasses import replace

import numpy as np
import pytest
from fake_results import results_by_size, results_of
from scipy import stats

from vaeaug import InputError
from vaeaug.bench.analysis.comparisons import (
    best_baselines,
    compare_to_best_baseline,
    comparisons,
    comparisons_by_baseline,
    summaries,
)
from vaeaug.bench.analysis.learning_curves import equivalent_sample_sizes, learning_curves
from vaeaug.bench.analysis.statistics import holm, interval, isotonic, signed_rank, size_at_level, t_test


def test_interval_is_the_t_interval():
    values = [70.0, 72.0, 75.0, 71.0]
    mean, low, high = interval(values)
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((72.0, *expected))
    assert interval([3.0])[0] == 3.0
    assert all(math.isnan(end) for end in interval([3.0])[1:])
    assert interval([3.0, 3.0]) == (3.0, 3.0, 3.0)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.6])[0] == 1.0
    assert holm([]) == []


def test_pairing_removes_the_spread_between_seeds():
    baseline = [50, 60, 70, 80, 90]
    c = comparisons(results_of(none=baseline, vae=[b + 1 + 0.1 * i for i, b in enumerate(baseline)]))[0]
    assert c.mean == pytest.approx(1.2)
    assert c.outcome == "helps"
    assert c.low > 0.9
    assert c.seeds == 5


def test_outcomes():
    baseline = [50.0, 60.0, 70.0, 80.0, 90.0]
    worse = [b - 2 - 0.1 * (i % 2) for i, b in enumerate(baseline)]
    noise = [51.0, 58.0, 71.0, 79.5, 90.0]
    shifted = [b + 1 for b in baseline]
    results = results_of(none=baseline, worse=worse, noise=noise, same=baseline, shifted=shifted)
    assert {c.method: c.outcome for c in comparisons(results)} == {
        "worse": "hurts",
        "noise": "no effect",
        "same": "identical",
        "shifted": "no effect",
    }
    assert [c.outcome for c in comparisons(results_of(none=[50], vae=[60]))] == ["one seed"]


def test_equal_differences_are_not_certain():
    # Differences that are equal, as on small test sets: five of five up is p = 1/16 by the sign test.
    baseline = [50.0, 60.0, 70.0, 80.0, 90.0]
    assert comparisons(results_of(none=baseline, vae=[b + 1 for b in baseline]))[0].p == pytest.approx(1 / 16)
    assert comparisons(results_of(none=[80, 70, 60], vae=[90, 80, 70]))[0].p == pytest.approx(1 / 4)


def test_two_names_of_one_method_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        methods = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "a", "classical", "b")}
        wrong += any(c.outcome != "no effect" for c in comparisons(results_of(methods)))
    assert wrong <= 12


def test_two_names_of_one_method_on_small_test_sets_are_seldom_told_apart():
    # Test sets of 100 samples: accuracies come in whole points, with many ties.
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        probability = rng.uniform(0.7, 0.8, 10)
        methods = {name: rng.binomial(100, probability).astype(float) for name in ("none", "vae")}
        wrong += comparisons(results_of(methods))[0].outcome in ("helps", "hurts")
    assert wrong <= 12


def test_choosing_the_best_baseline_afterwards_keeps_the_level():
    # The best of equal baselines is above the method by luck: the plain test would say `hurts` far too often.
    rng = np.random.default_rng(3)
    wrong = naive = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        methods = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "classical", "MixUp", "vae")}
        compared = compare_to_best_baseline(results_of(methods))
        wrong += any(c.outcome != "no effect" for c in compared)
        naive += next(c for c in compared if c.method == "vae").p_uncorrected < 0.05
    assert wrong <= 12 < naive


@pytest.mark.parametrize(("spread", "at_least"), [(0.5, 0.999), (1.5, 0.8), (2.5, 0.3)])
def test_a_true_gain_of_one_point_is_found_with_the_power_that_its_spread_allows(spread, at_least):
    rng = np.random.default_rng(1)
    tables, n = 200, 20
    helps = 0
    for _ in range(tables):
        seeds = rng.normal(75, 2, n)
        gain = 1 + rng.normal(0, spread, n)
        helps += comparisons(results_of(none=seeds, vae=seeds + gain))[0].outcome == "helps"
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


def test_identical_methods():
    same = results_of(none=[50, 60, 70], vae=[50, 60, 70])
    c = comparisons(same)[0]
    assert (c.outcome, c.ties) == ("identical", 3)
    # Equal accuracies with other confusion matrices are not identical.
    other = [replace(r, confusion="other") if r.method == "vae" else r for r in same]
    assert comparisons(other)[0].outcome == "no effect"


def test_wins_ties_and_losses():
    c = comparisons(results_of(none=[50, 60, 70, 80], vae=[51, 60, 69, 81.5]))[0]
    assert (c.wins, c.ties, c.losses) == (2, 1, 1)


def test_signed_rank_is_exact():
    rng = np.random.default_rng(5)
    for n in (2, 5, 10, 20):
        d = rng.normal(0.4, 1, n)
        assert signed_rank(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)
    assert signed_rank([1.0] * 10) == pytest.approx(2 / 2**10)
    assert signed_rank([0.0, 0.0, 0.0]) == 1.0
    # By hand: |d| = 1, 1, 2 have the ranks 1.5, 1.5, 3; sums of at most 1.5 have three of eight signs (0, 1.5, 1.5).
    assert signed_rank([-1.0, 1.0, 2.0]) == pytest.approx(6 / 8)
    assert signed_rank([0.1 + 0.2, -0.3, 2.0, 0.0]) == pytest.approx(6 / 8), "ties up to rounding are ties"
    assert math.isnan(signed_rank([1.0]))
    assert math.isnan(t_test([1.0]))


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
        {"synthetic (PCA)": [90, 90, 90], "pythae VAE": [95, 95, 95]},
        none=[50, 60, 70],
        classical=[52, 62, 72],
        MixUp=[53, 63],
        SMOTE=[51, 61, 71],
        vae=[53, 63.5, 74],
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
