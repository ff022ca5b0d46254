import math
from dataclasses import replace

import pytest
from fake_results import results_by_size, results_of

from vaeaug.bench.analysis.comparisons import comparisons
from vaeaug.bench.analysis.learning_curves import equivalent_sample_sizes
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.report.answers import metrics_table
from vaeaug.bench.report.wording import (
    OUTCOME_VERBS,
    OUTCOMES,
    count_outcomes,
    describe_best_baselines,
    describe_equivalent,
    highlighted_methods,
    sentence,
    signed,
    table,
)

FIVE = [70.0, 71.0, 72.0, 73.0, 74.0]
HIGHER = [71.0, 72.0, 73.5, 74.0, 75.5]


@pytest.fixture
def good():
    baseline = [50.0, 60.0, 70.0, 80.0, 90.0]
    return comparisons(results_of(none=baseline, vae=[b + 2 + 0.1 * i for i, b in enumerate(baseline)]))[0]


def test_sentences(good):
    assert (
        sentence(good) == "cnn: vae helps: +2.2 points over none (95 % interval +2.0 to +2.4, 5 seeds, 5 won, 0 lost)."
    )
    assert "hurts: -2.2" in sentence(replace(good, outcome=Outcome.HURTS, mean=-2.2))
    assert "makes no difference: +2.2" in sentence(replace(good, outcome=Outcome.NO_DIFFERENCE))
    assert "is unclear: +2.2" in sentence(replace(good, outcome=Outcome.UNCLEAR))
    not_significant = "not significant after correction for the number of comparisons"
    assert not_significant in sentence(replace(good, outcome=Outcome.UNCLEAR))
    assert not_significant not in sentence(replace(good, outcome=Outcome.UNCLEAR, low=-0.1))
    assert "over none, the best baseline (" in sentence(replace(good, is_best_baseline=True))
    assert "+2.2 points of balanced accuracy over" in sentence(replace(good, metric="balanced_accuracy"))
    assert "3 won, 1 tied, 1 lost" in sentence(replace(good, wins=3, ties=1, losses=1))
    assert not_significant not in sentence(replace(good, outcome=Outcome.UNCLEAR, primary=True)), "it is not corrected"
    for count, seeds in ((1, "one seed"), (4, "4 seeds")):
        few = sentence(comparisons(results_of(none=[50] * count, vae=[60] * count))[0])
        assert few == f"cnn: vae: +10.0 points over none on {seeds}, too few to draw a conclusion."


def test_what_rounds_to_zero_has_a_plus(good):
    assert [signed(points) for points in (-0.04, 0.04, -0.06, 1.25)] == ["+0.0", "+0.0", "-0.1", "+1.2"]
    assert "-0.0" not in sentence(replace(good, mean=-0.01, low=-0.04, high=0.04))


def test_every_outcome_has_its_words():
    assert set(OUTCOMES) == set(OUTCOME_VERBS) == set(Outcome)
    assert len(Outcome) == 4


def test_identical_methods_in_words():
    same = results_of(none=[50, 60, 70], vae=[50, 60, 70])
    expected = "cnn: vae is identical to none on all 3 seeds: same metrics, same confusion matrix."
    assert sentence(comparisons(same)[0]) == expected
    assert "| 0 " in table(same)


def test_equivalent_sizes_in_words():
    by_size = {e.n: e for e in equivalent_sample_sizes(results_by_size(none=[50, 60, 70], vae=[55, 65, 72]))}
    assert describe_equivalent(by_size[10]) == "14 (14 to 14)"
    assert describe_equivalent(by_size[40]) == "more than 40, the largest size measured"
    below = equivalent_sample_sizes(results_by_size(none=[50, 60, 70], vae=[45, 65, 72]))[0]
    assert describe_equivalent(below) == "fewer than 10, the smallest size measured"
    unsure = replace(below, equivalent=12.3, low=-math.inf, high=math.inf)
    assert describe_equivalent(unsure) == "12 (fewer than 10 to more than 40)"
    for seeds in (1, 4):
        few = [r for r in results_by_size(none=[50, 60, 70], vae=[55, 65, 72]) if r.seed < seeds]
        assert describe_equivalent(equivalent_sample_sizes(few)[0]) == "14 (too few seeds for an interval)"


def test_outcomes_are_counted_by_case(good):
    bad, level = replace(good, outcome=Outcome.HURTS, mean=-2.0), replace(good, outcome=Outcome.UNCLEAR, mean=0.1)
    assert count_outcomes([good, bad, level]) == [
        (Outcome.UNCLEAR, "vae against none, 3 cases: helps in 1, hurts in 1, unclear in 1 (-2.0 to +2.2 points).")
    ]
    assert count_outcomes([good]) == [(Outcome.HELPS, "vae against none, 1 case: helps in 1 (+2.2 points).")]
    assert count_outcomes([bad, level])[0][0] is Outcome.HURTS
    undecided = [replace(good, outcome=None), replace(good, identical=True)]
    assert "2 cases: identical in 1, too few seeds in 1 (" in count_outcomes(undecided)[0][1]
    same = replace(level, outcome=Outcome.NO_DIFFERENCE, is_best_baseline=True)
    assert count_outcomes([level, same])[1] == (
        Outcome.UNCLEAR,
        "vae against the best baseline, 1 case: no difference in 1 (+0.1 points).",
    )


def test_the_best_baseline_of_three_or_more_is_named():
    results = results_of(none=[50, 60], classical=[52, 62], MixUp=[51, 61], vae=[90, 91])
    forest = [replace(r, classifier="forest", accuracy=r.accuracy - 0.1 * (r.method != "MixUp")) for r in results]
    assert describe_best_baselines([*results, *forest]) == (
        "The best baseline by its mean: classical for cnn; MixUp for forest."
    )
    assert describe_best_baselines(results_of(none=[1, 2], classical=[2, 4])) == ""
    assert "vs. best baseline" in table(results)


def test_highlighted_methods_are_named_usual_or_our_own():
    results = results_of({"none": [1], "synthetic (extrapolate)": [1], "classical + synthetic": [1], "SMOTE": [1]})
    assert highlighted_methods(results) == ("classical + synthetic", "synthetic (extrapolate)")
    assert highlighted_methods(results, ("SMOTE", "not run")) == ("SMOTE",)
    # Names say nothing: a published VAE is not ours, and a method of ours needs no VAE in its name.
    others = results_of({"none": [1], "pythae VAE": [1], "tuned": [1]})
    assert highlighted_methods(others) == ("tuned",)


def test_a_table_has_every_method_losses_included():
    lines = table(results_of(none=FIVE, classical=HIGHER, vae=[v - 11 for v in HIGHER])).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 5
    header = [title.strip() for title in lines[0].strip("|").split("|")]
    versus = ["vs. none", "outcome", "vs. classical", "outcome"]
    assert header == ["classifier", "method", "accuracy %", *versus, "seconds"]
    assert "hurts" in lines[-1]
    assert lines[-1].count("-9.8") == 1


def test_a_table_of_some_methods_is_corrected_for_all():
    results = results_of(none=FIVE, classical=HIGHER, vae=[v - 11 for v in HIGHER])
    lines = table(results, methods=("vae",)).splitlines()
    assert len(lines) == 3
    assert lines[-1].split() == table(results).splitlines()[-1].split()


def test_a_table_without_a_baseline_leaves_its_columns_empty():
    line = table(results_of(classical=[71, 72, 73.5], vae=[81, 82, 83.6])).splitlines()[-1].split("|")
    assert [field.strip() for field in line[4:6]] == ["", ""]
    assert line[6].strip().startswith("+10.0")


def test_a_table_of_an_imbalanced_regime_has_more_metrics():
    results = results_of(none=[50, 60, 70], vae=[52, 63, 74])
    header = table([replace(r, regime="9/3") for r in results]).splitlines()[0]
    assert "balanced accuracy %" in header
    header = metrics_table(results).splitlines()[0]
    assert "| balanced accuracy % | macro-F1 % | MCC  | VAE s | classifier s |" in header


def test_a_table_of_several_regimes_names_them():
    both = [
        *results_of(none=[1, 2], vae=[2, 3]),
        *(replace(r, regime="10") for r in results_of(none=[3, 4], vae=[4, 6])),
    ]
    lines = table(both).splitlines()
    assert lines[0].startswith("| per class | classifier | method ")
    assert len(lines) == 6


def test_markdown_columns_are_aligned():
    assert markdown_table([("a", "long"), ("longer", "b")]).splitlines() == [
        "| a      | long |",
        "|--------|------|",
        "| longer | b    |",
    ]
