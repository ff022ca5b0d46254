"""Which method is a control of which, by what they are made of; the primary comparison; and what results of both say."""

import json
from dataclasses import replace

import pytest
from fake_results import RESULT, results_of
from quick_bench import quick_compare

from vaeaug.bench.analysis import primary
from vaeaug.bench.analysis.comparisons import (
    comparisons,
    comparisons_by_baseline,
    equal_time_comparisons,
    primary_comparisons,
)
from vaeaug.bench.analysis.controls import attributions, is_control
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.analysis.primary import Plan, plan_of
from vaeaug.bench.methods import DEFAULT_METHOD, DEFAULT_MIXED, RAND_AUGMENT_COMPONENTS, Catalogue
from vaeaug.bench.relations import completed, missing_controls, relations_of
from vaeaug.bench.report import answers, wording
from vaeaug.bench.results import EQUAL_TIME, append, as_csv, read
from vaeaug.bench.stages.baselines import ClassicalAugmentation, ClassWeights, Mix, RandomOversampling
from vaeaug.bench.stages.controls import (
    BalanceWithIdentity,
    IdentityInsteadOfVAE,
    PCAInsteadOfVAE,
    PixelNoise,
    Unchanged,
)
from vaeaug.bench.stages.distillation import Distilled
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import Alternate, Append, BalanceWithSynthetic, Synthetic
from vaeaug.bench.stages.unlabelled import WithUnlabelled
from vaeaug.perturb import DEFAULT, Extrapolate, Interpolate

TAIL = (ClassicalAugmentation(), Mix())
OURS = Method("mine", (Append(Synthetic(DEFAULT, replace=1.0)), *TAIL))
FIVE = [70.0, 71.0, 72.0, 73.0, 74.0]


def result_of(method, classifier="cnn", **fields):
    steps = 10 if classifier == "cnn" else 0
    relations = relations_of(method, steps > 0)
    return replace(
        RESULT, method=method.name, kind=method.kind, classifier=classifier, steps=steps, **relations, **fields
    )


def methods_of(names_and_gains, methods):
    """Returns five seeds of each method, with about these gains over `FIVE`."""
    results = []
    for name, gain in names_and_gains.items():
        rows = results_of({name: [v + gain * (1 + 0.1 * (i % 2)) for i, v in enumerate(FIVE)]})
        fields = {"kind": methods[name].kind, "data_kind": "images", **relations_of(methods[name], True)}
        results += [replace(row, **fields) for row in rows]
    return results


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (Method("a", (Append(IdentityInsteadOfVAE(DEFAULT, replace=1.0)), *TAIL), kind="control"), True),
        (Method("a", (Append(PCAInsteadOfVAE(DEFAULT, replace=1.0)), *TAIL), kind="control"), True),
        (Method("a", (Append(IdentityInsteadOfVAE(DEFAULT, replace=1.0)), *TAIL), kind="ours"), True),
        (Method("a", (Append(Unchanged()), *TAIL), kind="control"), True),
        (Method("another number of copies", (Append(Unchanged(), add=1), *TAIL), kind="control"), False),
        (Method("another scheme", (Append(IdentityInsteadOfVAE(Extrapolate(), 1.0)), *TAIL), kind="control"), False),
        (Method("other stages", (Append(Unchanged()), Mix()), kind="control"), False),
        (Method("no copies", TAIL, kind="baseline"), False),
        (
            Method("uses the VAE", (Append(Synthetic(DEFAULT, replace=1.0, residual=False)), *TAIL), kind="control"),
            False,
        ),
        (Method("weights", (Append(Unchanged()), *TAIL, ClassWeights()), kind="control"), False),
        (Method("oversamples", (Append(Unchanged()), *TAIL), RandomOversampling(), "control"), False),
    ],
)
def test_a_control_is_the_same_without_the_vae_whatever_its_name(control, expected):
    assert is_control(result_of(control), result_of(OURS)) is expected
    assert not is_control(result_of(OURS), result_of(OURS))


@pytest.mark.parametrize(
    ("ours", "control", "for_network", "for_estimator"),
    [
        # A network: half of a batch replaced by itself is the batch. An estimator: ten copies, all of them synthetic or real.
        (Synthetic(Interpolate()), PCAInsteadOfVAE(Interpolate()), True, True),
        (Synthetic(Interpolate()), PCAInsteadOfVAE(Interpolate(), replace=1.0), False, True),
        (Synthetic(Interpolate()), Unchanged(), True, True),
        (Append(Synthetic(DEFAULT, 1.0)), Unchanged(), False, True),
        (Append(Synthetic(DEFAULT, 1.0)), Append(Unchanged()), True, True),
        (
            Append(Alternate(Synthetic(DEFAULT, 1.0), IdentityInsteadOfVAE(DEFAULT, 1.0))),
            Append(Unchanged()),
            True,
            True,
        ),
        (
            Append(Alternate(Synthetic(DEFAULT, 1.0), IdentityInsteadOfVAE(DEFAULT, 1.0))),
            Append(IdentityInsteadOfVAE(DEFAULT, 1.0)),
            True,
            True,
        ),
        (Append(Synthetic(DEFAULT, 1.0, hardest_of=4)), Append(Unchanged()), False, False),
        (
            Append(Synthetic(DEFAULT, 1.0, hardest_of=4)),
            Append(IdentityInsteadOfVAE(DEFAULT, 1.0, hardest_of=4)),
            True,
            True,
        ),
        (WithUnlabelled(DEFAULT, unlabelled_count=9), IdentityInsteadOfVAE(DEFAULT), False, False),
        (Distilled(), Distilled(control_transform=ClassicalAugmentation()), True, True),
        (Synthetic(Interpolate()), PixelNoise(Synthetic(Interpolate())), False, False),
    ],
)
def test_the_controls_of_networks_and_of_estimators(ours, control, for_network, for_estimator):
    for classifier, expected in (("cnn", for_network), ("forest", for_estimator)):
        own, other = (result_of(Method(str(stage), (stage,)), classifier) for stage in (ours, control))
        assert is_control(replace(other, kind="control"), own) is expected, classifier


def test_the_controls_of_oversampling():
    ours = result_of(Method("ours", (), BalanceWithSynthetic()), "forest")
    for resampler, expected in ((RandomOversampling(), True), (BalanceWithIdentity(), True), (None, False)):
        other = result_of(Method("other", (), resampler, kind="baseline"), "forest")
        assert is_control(other, ours) is expected


def test_no_copies_are_no_control_of_copies():
    ours = result_of(Method("ours", (Synthetic(Interpolate()),)), "forest")
    assert not is_control(result_of(Method("none", kind="baseline"), "forest"), ours)
    assert is_control(result_of(Method("duplicates", (Unchanged(),), kind="control"), "forest"), ours)


@pytest.mark.parametrize(
    ("catalogue", "classifier"),
    [
        (Catalogue("digits"), "cnn"),
        (Catalogue("digits"), "forest"),
        (Catalogue("fashion-mnist"), "cnn"),
        (Catalogue("photos"), "forest"),
        (Catalogue("wine", images=False), "forest"),
        (Catalogue("wine", images=False), "mlp"),
        (Catalogue("photos", imbalanced=True), "cnn"),
        (Catalogue("photos", imbalanced=True), "forest"),
        (Catalogue("wine", images=False, imbalanced=True), "logistic"),
    ],
)
def test_by_default_the_recipe_meets_its_baseline_and_its_controls(catalogue, classifier):
    network = classifier in ("cnn", "mlp")
    regime = "9/4" if catalogue.imbalanced else "5"
    kind = "images" if catalogue.images else "tabular"
    methods = {m.name: m for m in catalogue.standard if m.supports(classifier, catalogue.images)}
    results = [
        replace(
            row, data=catalogue.data, regime=regime, classifier=classifier, steps=10 * network, data_kind=kind,
            kind=method.kind, **relations_of(method, network),
        )
        for name, method in methods.items()
        for row in results_of({name: FIVE})
    ]  # fmt: skip
    plan = plan_of(results[0])
    (c,) = primary_comparisons(results)
    assert (c.method, c.against) == (plan.recipes[0], next(name for name in plan.baselines if name in methods))
    assert not c.is_best_baseline
    by_method = {a.method: a for a in attributions(results)}
    with_vae = {name for name, method in methods.items() if method.kind == "ours" and name != RAND_AUGMENT_COMPONENTS}
    assert with_vae == set(by_method), "every method of ours with a VAE meets a control"
    assert all(a.has_other_space for a in by_method.values())
    repeated = {r.method for r in results if not r.scheme and not r.space}
    of_recipe = by_method[next(name for name in plan.recipes if name in by_method)]
    assert repeated & set(of_recipe.controls)
    assert c.method in (of_recipe.method, *of_recipe.controls)


def test_every_name_in_the_plans_is_in_the_catalogue():
    plans = [value for value in vars(primary).values() if isinstance(value, Plan)]
    assert len(plans) > 6
    names = {m.name: m.kind for images in (True, False) for m in Catalogue("digits", images=images).all}
    for plan in plans:
        assert [names[name] for name in plan.recipes] == ["ours"] * len(plan.recipes)
        assert [names[name] for name in plan.baselines] == ["baseline"] * len(plan.baselines)


def test_the_primary_comparison_is_named_before_the_results():
    names = ("none", "classical + MixUp", DEFAULT_METHOD, DEFAULT_MIXED)
    methods = {m.name: m for m in Catalogue("digits").named(names)}
    gains = dict(zip(names, (0, 1, 5, 2), strict=True))
    results = methods_of(gains, methods)
    (c,) = primary_comparisons(results)
    assert (c.method, c.against, c.primary, c.is_best_baseline) == (DEFAULT_MIXED, "classical + MixUp", True, False)
    assert c.p == c.p_uncorrected, "it is tested alone"
    assert primary_comparisons(results[::-1]) != [], "the order of the results does not matter"
    assert primary_comparisons(results[::-1])[0].method == c.method
    every = [c for group in comparisons_by_baseline(results).values() for c in group]
    assert {(c.method, c.against) for c in every if c.primary} == {(DEFAULT_MIXED, "classical + MixUp")}
    others = [c for c in comparisons(results, "classical + MixUp") if not c.primary]
    assert all(c.p > c.p_uncorrected for c in others if c.p_uncorrected < 0.5)
    assert next(c for c in others if c.method == DEFAULT_METHOD).p == pytest.approx(
        2 * next(c for c in others if c.method == DEFAULT_METHOD).p_uncorrected
    ), "two others are corrected for, not three"


def test_the_same_pair_has_the_same_outcome_in_every_column():
    gains = {"none": 0, "classical": 1, "classical + MixUp": 3, DEFAULT_MIXED: 2, DEFAULT_METHOD: 4}
    results = methods_of(gains, {m.name: m for m in Catalogue("digits").named(list(gains))})
    by_baseline = comparisons_by_baseline(results)
    planned, best = (
        next(c for c in by_baseline[name] if c.primary) for name in ("classical + MixUp", "the best baseline")
    )
    assert best == replace(planned, is_best_baseline=True)
    assert best.p == best.p_uncorrected, "a baseline that was named in advance was not chosen"


def test_there_is_one_primary_comparison_in_a_table_that_of_a_network():
    results = results_of({"classical + MixUp": FIVE, DEFAULT_MIXED: FIVE, "classical": FIVE, DEFAULT_METHOD: FIVE})
    forest = [replace(r, classifier="forest", steps=0, data_kind="images") for r in results if "MixUp" not in r.method]
    for order in ([*forest, *results], [*results, *forest]):
        assert [c.classifier for c in primary_comparisons(order)] == ["cnn"]
    (c,) = primary_comparisons(forest)
    assert (c.classifier, c.method, c.against) == ("forest", DEFAULT_METHOD, "classical")
    sizes = [*results, *(replace(r, regime="10") for r in results)]
    assert [c.regime for c in primary_comparisons(sizes)] == ["5", "10"]


def test_without_a_planned_baseline_the_best_by_its_mean_is_taken_and_said():
    results = results_of(
        none=FIVE, MixUp=[v + 1 for v in FIVE], mine=[v + 3 + 0.1 * (i % 3) for i, v in enumerate(FIVE)]
    )
    (c,) = primary_comparisons(results)
    assert (c.method, c.against, c.is_best_baseline, c.outcome) == ("mine", "MixUp", True, Outcome.HELPS)
    assert "the highest mean, which favours the baseline" in answers.primary_lines(results)[0]
    assert primary_comparisons(results_of(none=FIVE)) == []
    several = results_of(none=FIVE, mine=FIVE, other=FIVE)
    for without in (results_of(none=FIVE), results_of(mine=FIVE), several):
        assert primary_comparisons(without) == [], "of several methods of one's own, none was named in advance"
        assert "Primary comparison: none. It needs a baseline" in answers.primary_lines(without)[0]
        assert answers.heading(without) == "No primary comparison"


def test_a_stronger_baseline_than_the_planned_one_is_named():
    gains = {"classical + MixUp": 0, "classical": 3, DEFAULT_MIXED: 1}
    results = methods_of(gains, {m.name: m for m in Catalogue("digits").named(list(gains))})
    (line,) = answers.primary_lines(results)
    assert f"{DEFAULT_MIXED} against classical + MixUp: +1.0 points" in line
    assert "The best baseline by its mean is another, classical: -2.1 points" in line


def test_what_the_vae_adds_is_against_the_best_control():
    catalogue = Catalogue("digits")
    gains = {"classical + MixUp": 0, DEFAULT_MIXED: 3, "classical (repeated) + MixUp": 1}
    identity = "classical + synthetic (identity) + MixUp"
    methods = {m.name: m for m in catalogue.named([*gains, identity])}
    results = methods_of({**gains, identity: 2}, methods)
    (a,) = attributions(results)
    assert (a.method, a.comparison.against) == (DEFAULT_MIXED, identity)
    assert a.comparison.mean == pytest.approx(1.04)
    assert set(a.controls) == {identity, "classical (repeated) + MixUp"}
    (line,) = answers.control_lines(results)
    assert line.startswith("What the VAE adds over the best control: +1.0 (+1.0 to +1.1), helps. ")
    assert f"{DEFAULT_MIXED} against {identity}, the best of 2" in line
    without = methods_of(gains, methods)
    assert (
        "No control in another space ran, so a gain may be the scheme's: add --method"
        in answers.control_lines(without)[0]
    )
    (line,) = answers.control_lines([r for r in without if "repeated" not in r.method])
    assert f"unknown, because no control ran for {DEFAULT_MIXED}, cnn; " in line
    assert f'add --method "{identity}" --method "classical (repeated) + MixUp"' in line


def test_a_method_of_ones_own_without_controls():
    results = [replace(r, **relations_of(OURS, True)) for r in results_of(mine=FIVE)]
    assert "add a method of the same stages with `IdentityInsteadOfVAE`" in answers.control_lines(results)[0]
    assert missing_controls(results, results[0]) == ()


def test_a_method_without_a_vae_gets_nothing_from_it():
    pixels = Method("pixels", (Append(IdentityInsteadOfVAE(DEFAULT, replace=1.0)), *TAIL))
    results = [replace(r, kind="ours", **relations_of(pixels, True)) for r in results_of(pixels=FIVE)]
    assert attributions(results) == []


@pytest.mark.parametrize("space", ["pca", "identity"])
def test_a_recipe_in_another_space_is_the_recipe_and_needs_no_vae(space):
    catalogue = Catalogue("digits", space=space)
    methods = {m.name: m for m in catalogue.standard}
    results = methods_of(dict.fromkeys(methods, 0), methods)
    (c,) = primary_comparisons(results)
    assert (c.method, c.against) == (f"{DEFAULT_MIXED}, {space} space", "classical + MixUp")
    assert attributions(results) == []
    assert any("(identity)" in name for name in methods) == (space == "pca")
    in_vae = methods_of({DEFAULT_MIXED: 1}, {DEFAULT_MIXED: Catalogue("digits").named([DEFAULT_MIXED])[0]})
    both = [*results, *in_vae]
    assert primary_comparisons(both)[0].method == DEFAULT_MIXED
    assert c.method in next(a for a in attributions(both)).controls, "whatever its kind and its name"


def test_results_of_older_versions_are_completed_by_the_catalogue(tmp_path):
    new = quick_compare(methods=["none", DEFAULT_METHOD, "classical + synthetic (identity)"])
    old = [replace(r, data_kind="", frame="", scheme="", space="") for r in new]
    assert completed(old) == new
    (tmp_path / "rows.csv").write_text("\n".join(line.rsplit(",", 4)[0] for line in as_csv(old).splitlines()) + "\n")
    assert [r.key for r in read(tmp_path / "rows.csv")] == [r.key for r in new]
    resumed = quick_compare(methods=[r.method for r in new], results=tmp_path / "rows.csv")
    assert resumed == new, "a result that is taken over gets what it lacks from its method"
    unknown = replace(old[0], method="mine", data="photos", classifier="forest")
    assert completed([unknown])[0].frame == ""


def test_old_results_say_the_same_as_completed_ones():
    results = results_of({"classical + MixUp": FIVE, DEFAULT_MIXED: [v + 1 for v in FIVE]})
    assert primary_comparisons(results)[0].against == "classical + MixUp"
    assert answers.control_lines(results) == answers.control_lines(completed(results))
    assert wording.table(results) == wording.table(completed(results))


def test_a_baseline_of_equal_time_is_compared_with_the_recipe():
    results = results_of(
        {"classical + MixUp": FIVE, DEFAULT_MIXED: [v + 2 + 0.1 * (i % 2) for i, v in enumerate(FIVE)]}
    )
    longer = [
        replace(
            r,
            method="classical + MixUp, longer",
            kind=EQUAL_TIME,
            steps=99,
            accuracy=r.accuracy + 0.01,
            train_seconds=9,
        )
        for r in results[:5]
    ]
    (c,) = equal_time_comparisons([*results, *longer])
    assert (c.method, c.against) == (DEFAULT_MIXED, "classical + MixUp, longer")
    assert c.mean == pytest.approx(1.04)
    assert primary_comparisons([*results, *longer])[0].against == "classical + MixUp"
    (line,) = answers.equal_time_lines([*results, *longer])
    assert line.startswith(f"At equal time, cnn: {DEFAULT_MIXED} against classical + MixUp, longer: +1.0 points (")
    assert line.endswith("(1 s against 9 s).")
    assert answers.equal_time_lines(results) == []


def test_the_comparisons_as_json():
    results = results_of(
        {"classical + MixUp": FIVE, DEFAULT_MIXED: [v + 2 + 0.1 * (i % 2) for i, v in enumerate(FIVE)]}
    )
    content = json.loads(json.dumps(answers.as_json(results), allow_nan=False))
    assert list(content) == list(answers.COMPARISON_GROUPS)
    assert next(iter(content)) == "primary"
    (c,) = content["primary"]
    assert (c["outcome"], c["primary"], c["method"]) == ("helps", True, DEFAULT_MIXED)
    assert not any(c["primary"] for c in content["exploratory"])
    few = answers.as_json([r for r in results if r.seed < 3])["primary"][0]
    assert (few["outcome"], few["low"], few["p"]) == (None, None, None)


def test_the_heading_is_the_answer():
    results = results_of(
        {"classical + MixUp": FIVE, DEFAULT_MIXED: [v + 2 + 0.1 * (i % 2) for i, v in enumerate(FIVE)]}
    )
    assert answers.heading(results) == "Helps: +2.0 points (+2.0 to +2.1) on digits, 5 per class, cnn"
    few = [r for r in results if r.seed < 3]
    assert answers.heading(few) == "Too few seeds (3): +2.0 points on digits, 5 per class, cnn"
    hurts = [replace(r, regime="10", accuracy=r.accuracy - 0.05 * (r.method == DEFAULT_MIXED)) for r in results]
    assert answers.heading([*results, *hurts]) == "Helps in 1 of 2 settings, hurts in 1 (-3.0 to +2.0 points)"


def test_metrics_that_results_lack_have_no_column(tmp_path):
    old = results_of(none=[50, 60])
    assert "AUC" not in answers.metrics_table(old)
    new = [replace(r, auc=0.9, log_loss=0.5, calibration_error=0.031) for r in old]
    lines = answers.metrics_table([*old, *(replace(r, method="vae") for r in new)]).splitlines()
    assert "| AUC % | log-loss | calibration error % |" in lines[0]
    assert "| 90.0  | 0.50     | 3.1" in lines[3]
    assert "|       |          |" in lines[2]
    for result in new:
        append(tmp_path / "rows.csv", result)
    assert read(tmp_path / "rows.csv") == new
