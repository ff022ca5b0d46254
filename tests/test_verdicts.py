import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from vaeaug import InputError
from vaeaug.bench.analysis.comparisons import best_rivals, by_rival, contrasts, kind, lopsided, summaries, to_best
from vaeaug.bench.analysis.learning_curves import learning_curves, worths
from vaeaug.bench.analysis.statistics import holm, interval, invert, rising, signed_rank, t_test
from vaeaug.bench.report.wording import focus, rivals_named, sentence, table, tally, worth
from vaeaug.bench.results import Result

ROW = Result("digits", "5", "cnn", "none", 0, 0.5, 0.5, 0.5, 0.0, 10, 1.0, 0.0, 50, "abc", "def", "1 1/1 1")


def rows(**arms):
    """Rows of each arm from its accuracies in percent; no two of them found the same, but where the accuracies are alike."""
    return [
        replace(ROW, arm=arm.replace("_", " + "), seed=seed, accuracy=value / 100, confusion=f"{value} 1/1 1")
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


def test_interval_is_the_t_interval():
    values = [70.0, 72.0, 75.0, 71.0]
    mean, low, high = interval(values)
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (mean, low, high) == pytest.approx((72.0, *expected))
    assert interval([3.0])[0] == 3.0
    assert all(math.isnan(end) for end in interval([3.0])[1:])


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, float("nan"), 0.6])[0] == 1.0
    assert holm([]) == []


def test_pairing_removes_the_spread_between_seeds():
    base = [50, 60, 70, 80, 90]
    found = contrasts(rows(none=base, vae=[b + 1 + 0.1 * i for i, b in enumerate(base)]))[0]
    assert found.mean == pytest.approx(1.2)
    assert found.verdict == "helps"
    assert found.low > 0.9
    assert found.seeds == 5


def test_verdicts():
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    worse, noise = [b - 2 - 0.1 * (i % 2) for i, b in enumerate(base)], [51.0, 58.0, 71.0, 79.5, 90.0]
    by_arm = {
        c.arm: c for c in contrasts(rows(none=base, worse=worse, noise=noise, same=base, shifted=[b + 1 for b in base]))
    }
    assert {name: c.verdict for name, c in by_arm.items()} == {
        "worse": "hurts",
        "noise": "no effect",
        "same": "identical",
        "shifted": "no effect",
    }
    assert [c.verdict for c in contrasts(rows(none=[50], vae=[60]))] == ["one seed"]


def test_ties_are_not_certain():
    # Differences that are alike to the last digit, as on small test sets: five of five up is p = 1/16 by the sign test.
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    tied = contrasts(rows(none=base, vae=[b + 1 for b in base]))[0]
    assert tied.p == pytest.approx(1 / 16)
    rounded = contrasts(rows(none=[80, 70, 60], vae=[90, 80, 70]))[0]
    assert rounded.p == pytest.approx(1 / 4)


def test_two_names_for_one_arm_are_seldom_told_apart():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        arms = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "vae", "classical", "classical_vae")}
        wrong += any(c.verdict != "no effect" for c in contrasts(rows(**arms)))
    assert wrong <= 12


def test_two_names_for_one_arm_on_small_test_sets_are_seldom_told_apart():
    # Test sets of 100 samples: accuracies come in whole points, with many ties.
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        sure = rng.uniform(0.7, 0.8, 10)
        arms = {name: rng.binomial(100, sure).astype(float) for name in ("none", "vae")}
        wrong += contrasts(rows(**arms))[0].verdict in ("helps", "hurts")
    assert wrong <= 12


def test_choosing_the_best_rival_afterwards_finds_nothing_that_is_not_there():
    # The best of equal rivals is above the arm by luck: the plain test would say `hurts` far too often.
    rng = np.random.default_rng(3)
    wrong = naive = 0
    for _ in range(200):
        seeds = rng.normal(75, 2, 10)
        arms = {name: seeds + rng.normal(0, 0.7, 10) for name in ("none", "classical", "mixup", "vae")}
        told = to_best(rows(**arms))
        wrong += any(c.verdict != "no effect" for c in told)
        naive += next(c for c in told if c.arm == "vae").raw < 0.05
    assert wrong <= 12 < naive


@pytest.mark.parametrize(("spread", "at_least"), [(0.5, 0.999), (1.5, 0.8), (2.5, 0.3)])
def test_a_true_gain_of_one_point_is_found_with_the_power_that_its_spread_allows(spread, at_least):
    rng = np.random.default_rng(1)
    tables, n = 200, 20
    found = 0
    for _ in range(tables):
        seeds = rng.normal(75, 2, n)
        d = 1 + rng.normal(0, spread, n)
        found += contrasts(rows(none=seeds, vae=seeds + d))[0].verdict == "helps"
    # The noncentral t distribution gives the power of a paired test exactly.
    power = float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, math.sqrt(n) / spread))
    assert power > at_least
    assert abs(found / tables - power) <= 3 * math.sqrt(power * (1 - power) / tables) + 1e-3


def test_an_interval_holds_the_truth_in_95_of_100():
    rng = np.random.default_rng(4)
    held = sum(low <= 1 <= high for _, low, high in (interval(rng.normal(1, 2, 10)) for _ in range(2000)))
    assert abs(held / 2000 - 0.95) < 0.015


def test_seeds_that_only_one_arm_has_are_left_out():
    found = contrasts(rows(none=[50, 60, 70], vae=[51, 61.5]))[0]
    assert found.seeds == 2
    assert found.mean == pytest.approx(1.25)


def test_rows_of_different_subsets_are_not_paired():
    other = [replace(row, subset="other") if row.arm == "vae" else row for row in rows(none=[1, 2], vae=[2, 3])]
    with pytest.raises(InputError, match="expected paired rows of one training subset and number of steps"):
        contrasts(other)
    longer = [replace(row, steps=99) if row.arm == "vae" else row for row in rows(none=[1, 2], vae=[2, 3])]
    with pytest.raises(InputError, match="expected paired rows of one training subset and number of steps"):
        contrasts(longer)


def test_missing_rival():
    with pytest.raises(InputError, match=r"expected rows of the arm 'none', got arms \['vae'\]; run that arm, too"):
        contrasts(rows(vae=[1, 2]))
    assert contrasts([]) == []


def test_summaries_count_the_cost():
    cells = summaries([replace(row, vae_seconds=3.0) for row in rows(vae=[50, 60])])
    assert cells[0].mean == pytest.approx(55)
    assert cells[0].seconds == pytest.approx(4.0)


def test_sentences_say_what_was_found():
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    good = contrasts(rows(none=base, vae=[b + 2 + 0.1 * i for i, b in enumerate(base)]))[0]
    won = "5 seeds, 5 won, 0 lost"
    assert sentence(good) == f"cnn: vae helps: +2.2 points over none (95 % interval +2.0 to +2.4, {won})."
    assert "hurts: -2.2" in sentence(replace(good, verdict="hurts", mean=-2.2))
    assert "shows no effect: +2.2" in sentence(replace(good, verdict="no effect"))
    assert "not enough after correction for the number of comparisons" in sentence(replace(good, verdict="no effect"))
    assert "over none, the best rival (" in sentence(replace(good, best=True))
    assert "+2.2 points of balanced accuracy over" in sentence(replace(good, metric="balanced_accuracy"))
    assert "3 won, 1 tied, 1 lost" in sentence(replace(good, wins=3, ties=1, losses=1))
    assert "says nothing yet" in sentence(contrasts(rows(none=[50], vae=[60]))[0])


def test_identical_arms_are_called_so():
    same = contrasts(rows(none=[50, 60, 70], vae=[50, 60, 70]))[0]
    told = "cnn: vae is identical to none on all 3 seeds: every sample was judged alike."
    assert (same.verdict, sentence(same), same.ties) == ("identical", told, 3)
    # As accurate, but not alike: other samples were found.
    other = [replace(r, confusion="other") if r.arm == "vae" else r for r in rows(none=[50, 60, 70], vae=[50, 60, 70])]
    assert contrasts(other)[0].verdict == "no effect"
    assert "| 0 " in table(rows(none=[50, 60, 70], vae=[50, 60, 70]))


def test_wins_ties_and_losses():
    c = contrasts(rows(none=[50, 60, 70, 80], vae=[51, 60, 69, 81.5]))[0]
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
    assert signed_rank([0.1 + 0.2, -0.3, 2.0, 0.0]) == pytest.approx(6 / 8), "ties but for rounding are ties"
    assert math.isnan(signed_rank([1.0]))
    assert math.isnan(t_test([1.0]))


def test_a_table_is_corrected_by_itself():
    base = [50.0, 60.0, 70.0, 80.0, 90.0]
    first = rows(none=base, vae=[51.0, 60.8, 71.3, 81.1, 90.6], noise=[51.0, 58.0, 71.0, 79.5, 90.0])
    alone = contrasts(first)
    assert contrasts([*first, *(replace(r, regime="10") for r in first)])[:2] == alone
    assert alone[0].p == pytest.approx(2 * alone[0].raw)
    both = contrasts([*first, *(replace(r, classifier="forest") for r in first)])
    assert both[0].p == pytest.approx(4 * both[0].raw)


def test_lopsided_regimes_are_judged_by_balanced_accuracy():
    assert [lopsided(regime) for regime in ("5", "5/5", "5/4", "9/4 permuted")] == [False, False, True, True]
    found = [
        replace(r, regime="9/3", balanced_accuracy=r.accuracy / 2) for r in rows(none=[50, 60, 70], vae=[52, 63, 74])
    ]
    assert summaries(found)[0].mean == pytest.approx(30)
    assert contrasts(found)[0].mean == pytest.approx(1.5)
    assert contrasts(found, metric="accuracy")[0].mean == pytest.approx(3)
    header = table(found).splitlines()[0]
    assert "balanced accuracy %" in header
    assert "macro-F1 | MCC" in header
    assert "macro-F1" not in table(rows(none=[1, 2]))


def test_kinds_of_arms():
    kinds = {
        "rival": ("none", "classical + mixup", "classical, worst of 4", "classical, distilled", "smote"),
        "control": ("pca", "classical + pca", "pixel noise"),
        "vae": ("vae", "classical + vae, worst of 4", "classical + vae, distilled", "vae extrapolate", "tuned"),
        "peer": ("rhvae", "pythae"),
    }
    assert {kind(arm) for arm in sum(kinds.values(), ())} == set(kinds)
    assert all(kind(arm) == name for name, arms in kinds.items() for arm in arms)


def test_the_best_rival_is_named_and_must_be_whole():
    found = rows(
        none=[50, 60, 70],
        classical=[52, 62, 72],
        mixup=[53, 63],
        smote=[51, 61, 71],
        vae=[53, 63.5, 74],
        pca=[90, 90, 90],
    )
    assert best_rivals(found) == {("digits", "5", "cnn"): ("classical", 3)}
    told = {c.arm: c for c in to_best(found)}
    assert told["vae"].against == "classical"
    assert told["vae"].mean == pytest.approx(1.5)
    assert told["none"].p >= told["none"].raw * 3 - 1e-12, "a choice among three is paid for"
    assert list(by_rival(found)) == ["none", "classical", "the best rival"]
    assert list(by_rival(rows(none=[1, 2], classical=[2, 4], vae=[3, 3]))) == ["none", "classical"]
    assert rivals_named(found) == "The best of the cheap rivals, by its mean: cnn classical."
    assert rivals_named(rows(none=[1, 2], classical=[2, 4])) == ""
    assert "to the best rival" in table(found)


def sized(**arms):
    """Rows of each arm at 10, 20 and 40 per class, each seed at one tenth of a point from the next."""
    return [
        replace(row, regime=str(n))
        for arm, levels in arms.items()
        for n, level in zip((10, 20, 40), levels, strict=True)
        for row in rows(**{arm: [level - 0.1, level, level + 0.1]})
    ]


def test_learning_curves_are_in_the_order_of_size():
    found = sized(none=[50, 60, 70], vae=[55, 65, 72])[::-1]
    curves = {
        c.arm: c
        for c in learning_curves([*found, *rows(once=[1, 2]), *(replace(r, regime="9/3") for r in rows(a=[1]))])
    }
    assert set(curves) == {"none", "vae"}
    assert curves["none"].sizes == (10, 20, 40)
    assert [round(p.mean) for p in curves["vae"].points] == [55, 65, 72]


def test_worth_inverts_the_curve_of_none():
    found = {w.n: w for w in worths(sized(none=[50, 60, 70], vae=[55, 65, 72]))}
    assert found[10].equal == pytest.approx(10 * 2**0.5)
    assert found[20].equal == pytest.approx(20 * 2**0.5)
    assert found[10].low <= found[10].equal <= found[10].high
    assert found[40].equal == math.inf
    assert worth(found[10]) == "14 (14 to 14)"
    assert worth(found[40]) == "more than 40, the largest measured"


def test_worth_says_what_cannot_be_said():
    below = worths(sized(none=[50, 60, 70], vae=[45, 65, 72]))[0]
    assert worth(below) == "fewer than 10, the smallest measured"
    assert worths(rows(none=[50, 60], vae=[60, 70])) == []
    one = [r for r in sized(none=[50, 60, 70], vae=[55, 65, 72]) if r.seed == 0]
    assert worth(worths(one)[0]) == "14 (one seed: no interval)"
    assert worth(replace(below, equal=12.3, low=-math.inf, high=math.inf)) == "12 (fewer than 10 to more than 40)"
    missing = [r for r in sized(none=[50, 60, 70], vae=[55, 65, 72]) if (r.arm, r.seed) != ("vae", 0)]
    assert worths(missing) == [], "an arm that lacks seeds is not compared with a curve of others"


def test_worth_of_an_arm_like_none_is_what_it_has():
    found = worths(sized(none=[50, 60, 70], twin=[50, 60, 70]))
    assert [w.equal for w in found] == pytest.approx([10, 20, 40])
    assert [(w.low, w.high) for w in found] == [pytest.approx((n, n)) for n in (10, 20, 40)]


def test_a_curve_that_falls_is_made_level():
    assert rising([50, 62, 58, 70]) == pytest.approx([50, 60, 60, 70])
    assert invert((10, 20, 40, 80), (50, 60, 60, 70), 60) == pytest.approx(20)
    assert invert((10, 20, 40, 80), (50, 60, 60, 70), 65) == pytest.approx(40 * 2**0.5)


def test_the_bootstrap_covers_the_truth():
    # None gains 10 points per doubling; the arm is worth 2 ** 0.5 times its samples.
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(40):
        noise = {n: rng.normal(0, 1, 10) for n in (10, 20, 40)}
        none = [replace(r, regime=str(n)) for n, e in noise.items() for r in rows(none=50 + 10 * math.log2(n / 10) + e)]
        vae = [replace(r, regime="10") for r in rows(vae=55 + rng.normal(0, 1, 10))]
        (told,) = worths([*none, *vae])
        held += told.low <= 10 * 2**0.5 <= told.high
    assert held >= 33


def test_tally_counts_cases():
    good = contrasts(rows(none=[50, 60, 70, 80, 90], vae=[52, 62.1, 72.2, 82.3, 92.4]))[0]
    bad, level = replace(good, verdict="hurts", mean=-2.0), replace(good, verdict="no effect", mean=0.1)
    assert tally([good, bad, level]) == [
        (
            "no effect",
            "vae against none, 3 cases: helps in 1, hurts in 1, no effect in 1 (-2.0 to +2.2 points).",
        )
    ]
    assert tally([good]) == [("helps", "vae against none, 1 case: helps in 1 (+2.2 points).")]
    assert tally([bad, level])[0][0] == "hurts"
    unsaid = [replace(good, verdict=verdict) for verdict in ("one seed", "identical")]
    assert "2 cases: identical in 1, not to be said in 1, of one seed (" in tally(unsaid)[0][1]
    assert tally([level, replace(level, best=True)])[1] == (
        "no effect", "vae against the best rival, 1 case: no effect in 1 (+0.1 points)."
    )  # fmt: skip


def test_focus():
    found = rows(none=[1], vae=[1], classical_vae=[1], smote=[1])
    assert focus(found) == ("classical + vae", "vae")
    assert focus(found, ("smote", "not run")) == ("smote",)
    assert focus(rows(none=[1], **{"vae difference": [1]})) == ("vae difference",)


def test_table_has_every_arm_the_bad_ones_too():
    text = table(rows(none=[70, 71, 72], classical=[71, 72, 73.5], vae=[60, 61, 62.5])).splitlines()
    assert len({len(line) for line in text}) == 1
    assert len(text) == 5
    assert "hurts" in text[-1]
    assert text[-1].count("-9.8") == 1


def test_table_without_a_rival_leaves_its_columns_empty():
    line = table(rows(classical=[71, 72, 73.5], vae=[81, 82, 83.6])).splitlines()[-1].split("|")
    assert [cell.strip() for cell in line[4:6]] == ["", ""]
    assert line[6].strip().startswith("+10.0")


def test_table_of_several_cells_says_which():
    both = [*rows(none=[1, 2], vae=[2, 3]), *(replace(r, regime="10") for r in rows(none=[3, 4], vae=[4, 6]))]
    lines = table(both).splitlines()
    assert lines[0].startswith("| per class | classifier | arm ")
    assert len(lines) == 6
