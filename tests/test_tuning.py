"""Tuning: what a search chooses, on which splits, and what the method that tunes makes of it."""

import time
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from quick_bench import context_of, linear_network, one_hot
from tqdm.auto import tqdm

from vaeaug import Classical, Extrapolate, InputError, Posterior, tune
from vaeaug.bench import runs
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.baselines import ClassicalAugmentation
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import AddSynthetic, Append, Synthetic
from vaeaug.bench.tuning import search
from vaeaug.bench.tuning.candidates import method_of
from vaeaug.bench.tuning.stage import TunedAugmentation
from vaeaug.bench.tuning.trials import BenchTrials
from vaeaug.choice.candidates import NONE, Candidate, default_candidates
from vaeaug.choice.trials import SearchSettings
from vaeaug.data import Samples, subset
from vaeaug.data.lookup import SampleIndex
from vaeaug.models.classifiers import as_classifier

pytestmark = pytest.mark.usefixtures("random_state_untouched")

UNCHANGED = Candidate(Posterior(0.0), add=1)
FAR = Candidate(Posterior(500.0), add=9)
GOOD = Candidate(Extrapolate(0.5), add=1)
REPLACES = Candidate(Extrapolate(0.5), replace=0.5)
APPENDS = Candidate(Extrapolate(0.5), add=3)
QUICK = {"vae": {"steps": 5}, "progress": False, "time_budget": None}


@pytest.fixture
def correct(digits, monkeypatch):
    """Whether a candidate classifies each of the 120 samples correctly: a dictionary to fill, from its name to 0 or 1 each.

    A candidate without an entry is like none. Classifiers are not trained.
    """
    table, index_of = {}, SampleIndex(digits.x)

    def fit_classifier(context, method):
        def predict(x):
            index = index_of(x)
            right = torch.as_tensor(table.get(method.name, table["none"]))[index].bool()
            return torch.where(right, digits.y[index], (digits.y[index] + 1) % 10)

        return runs.Trained(predict, 0)

    monkeypatch.setattr(runs, "fit_classifier", fit_classifier)
    return table


def every_second():
    right = np.zeros(120)
    right[::2] = 1
    return right


def with_chosen(result, candidate):
    return replace(result, choice=replace(result.choice, chosen=candidate))


def validation_of(samples, classifier="logistic", metric="accuracy", folds=4, repeats=2):
    search = SearchSettings(metric, folds, repeats, seed=0)
    settings = Settings(vae=(("steps", 5),))
    return BenchTrials(samples, as_classifier(classifier), settings, search, tqdm(disable=True))


def test_none_is_chosen_where_every_candidate_hurts(digits):
    augmenter, result = tune(digits, "logistic", candidates=[FAR], folds=3, repeats=1, **QUICK)
    assert result.chosen == NONE
    assert result.settings() == {"replace": 0.0}
    assert (result.best, result.reason) == (NONE, "no gain beyond the noise")
    lead = "No augmentation: no candidate has a higher mean; the next is posterior (scale 500.0), add 9: -"
    assert result.sentence.startswith(lead)
    assert result.usage == "no augmentation: train on the data as it is"
    assert augmenter.bank_.samples.x.shape == digits.x.shape
    assert [score.name for score in result.scores] == ["none", FAR.name]
    assert "| **none** " in result.table
    with pytest.raises(FrozenInstanceError):
        result.seed = 1


def test_the_augmenter_is_fitted_to_all_data_with_the_chosen_perturbation(digits, correct):
    correct.update({"none": np.zeros(120), GOOD.name: np.ones(120)})
    augmenter, result = tune(digits, "logistic", candidates=[GOOD], folds=3, repeats=1, **QUICK)
    assert result.chosen == GOOD
    assert augmenter.perturb == GOOD.perturb
    assert len(augmenter.bank_) == 120
    assert result.usage == "AugmentedClassifier(estimator, perturb=Extrapolate(scale=0.5, neighbours=None), add=1)"
    assert f"| **{GOOD.name}** | 100.0      | +100.0 ± 0.0 | 3 " in result.table


def test_a_candidate_that_changes_nothing_is_not_chosen(digits):
    _, result = tune(digits, "knn", candidates=[UNCHANGED], folds=2, repeats=1, **QUICK)
    assert result.scores[1].gain == result.scores[1].error == 0
    assert result.chosen == NONE


def test_a_better_candidate_is_chosen_by_its_standard_error(digits, correct):
    better = every_second()
    better[1:40:2] = 1
    correct.update({"none": every_second(), GOOD.name: better})
    options = {"candidates": [GOOD, FAR], "folds": 3, "repeats": 1, **QUICK}
    _, result = tune(digits, "logistic", **options)
    difference = np.r_[np.ones(20), np.zeros(100)]
    score = result.scores[1]
    assert score.gain == pytest.approx(100 * difference.mean())
    assert score.error == pytest.approx(100 * difference.std(ddof=1) / 120**0.5)
    assert score.mean == pytest.approx(100 * better.mean())
    assert result.chosen == GOOD
    assert (result.best, result.reason) == (GOOD, "best")
    assert result.sentence == (
        f"Use {GOOD.name}: +16.7 points over none in 3 splits (standard error 3.4); it has the best mean, and no cheaper "
        "candidate is within its noise."
    )
    _, result = tune(digits, "logistic", min_standard_errors=6.0, **options)
    assert result.chosen == NONE
    assert result.sentence == (
        f"No augmentation: the best mean is that of {GOOD.name}: +16.7 points over none in 3 splits (standard error 3.4), "
        "which is not enough."
    )


def test_a_sample_counts_once_however_many_repeats_there_are(digits, correct):
    better = every_second()
    better[1:40:2] = 1
    correct.update({"none": every_second(), GOOD.name: better})
    validation = validation_of(digits)
    for number in range(8):
        assert validation.evaluate(NONE, number)
        assert validation.evaluate(GOOD, number)
    gain, error = validation.difference(GOOD, NONE)
    difference = np.r_[np.ones(20), np.zeros(100)]
    assert gain == pytest.approx(difference.mean())
    assert error == pytest.approx(difference.std(ddof=1) / 120**0.5)
    assert validation.n_splits(GOOD) == 8


def test_the_cheaper_of_two_similar_candidates_is_chosen_for_a_network(digits, correct):
    costly = replace(REPLACES, hardest_of=4)
    some = np.r_[np.ones(60), np.zeros(60)]
    more, most = some.copy(), some.copy()
    more[60] = 1
    most[60:90] = 1
    options = {"candidates": [costly, REPLACES], "folds": 3, "repeats": 1, **QUICK}
    correct.update({"none": np.zeros(120), REPLACES.name: some, costly.name: more})
    assert tune(digits, "cnn", **options)[1].chosen == REPLACES
    correct[costly.name] = most
    assert tune(digits, "cnn", **options)[1].chosen == costly


def test_for_an_estimator_the_number_of_samples_is_no_cost(digits, correct):
    many = replace(GOOD, add=9)
    some = np.r_[np.ones(60), np.zeros(60)]
    more = some.copy()
    more[60] = 1
    correct.update({"none": np.zeros(120), GOOD.name: some, many.name: more})
    _, result = tune(digits, "logistic", candidates=[GOOD, many], folds=3, repeats=1, **QUICK)
    assert result.chosen == many


@pytest.mark.parametrize("order", [1, -1])
def test_of_equal_candidates_the_first_is_chosen(digits, correct, order):
    candidates = [Candidate(Extrapolate(scale), add=1) for scale in (0.5, 1.0)][::order]
    correct.update({"none": np.zeros(120), **{candidate.name: np.ones(120) for candidate in candidates}})
    _, result = tune(digits, "logistic", candidates=candidates, folds=3, repeats=1, **QUICK)
    assert result.chosen == candidates[0]


def test_classes_count_equally_where_they_are_imbalanced(digits):
    imbalanced = subset(digits, [12] * 5 + [3] * 5)
    _, result = tune(imbalanced, "knn", candidates=[UNCHANGED], folds=3, repeats=1, **QUICK)
    assert result.choice.metric == "balanced_accuracy"
    assert tune(digits, "knn", candidates=[UNCHANGED], folds=3, repeats=1, **QUICK)[1].choice.metric == "accuracy"


def test_balanced_accuracy(digits, correct):
    imbalanced = subset(digits, [12] * 5 + [3] * 5)
    correct.update({"none": (digits.y < 5).numpy()})
    means = []
    for metric in ("accuracy", "balanced_accuracy"):
        validation = validation_of(imbalanced, metric=metric, folds=3, repeats=1)
        for number in range(3):
            validation.evaluate(NONE, number)
        means.append(validation.difference(NONE, None)[0])
    assert means == pytest.approx([60 / 75, 0.5])
    assert validation.score(NONE).mean == pytest.approx(50)


def test_a_candidate_that_was_not_evaluated_has_no_score(digits):
    score = validation_of(digits).score(GOOD)
    assert score.splits == 0
    assert np.isnan([score.mean, score.gain, score.error]).all()


def test_every_sample_is_held_out_once_per_repeat_and_never_trained_on(digits):
    validation = validation_of(digits)
    for repeat in range(2):
        held_out = torch.cat([validation.index(repeat * 4 + fold).held_out for fold in range(4)])
        assert torch.equal(held_out.sort().values, torch.arange(120))
    for number in range(8):
        split = validation.split(number)
        trained_on = {x.numpy().tobytes() for x in split.run.samples.x}
        assert not trained_on & {x.numpy().tobytes() for x in split.held_out.x}
        assert torch.equal(split.held_out.x, digits.x[validation.index(number).held_out])
    assert not torch.equal(validation.index(0).held_out, validation.index(4).held_out)


@pytest.mark.parametrize("per_class", [2, [12, 12, 12, 12, 12, 12, 12, 12, 3, 2]])
def test_tiny_classes_work(digits, per_class):
    _, result = tune(subset(digits, per_class), "logistic", candidates=[GOOD], folds=3, repeats=1, **QUICK)
    assert result.choice.folds == (2 if per_class == 2 else 3)
    assert result.scores[0].splits == result.choice.folds


def test_the_same_seed_gives_the_same_choice(digits):
    def outcome(seed):
        candidates = [REPLACES, Candidate(Posterior(0.0), replace=0.5)]
        _, result = tune(digits, "cnn", candidates=candidates, folds=2, repeats=2, steps=5, seed=seed, **QUICK)
        return result.chosen, [(s.name, s.mean, s.gain, s.error, s.splits) for s in result.scores]

    assert outcome(1) == outcome(1)
    assert outcome(1) != outcome(2)


def test_the_time_budget_ends_the_search_and_the_result_says_what_was_cut_short(digits):
    candidates = [Candidate(Extrapolate(0.1 * n), replace=0.5) for n in range(1, 9)]
    start = time.monotonic()
    _, result = tune(digits, "cnn", candidates=candidates, steps=10**6, **{**QUICK, "time_budget": 4})
    assert time.monotonic() - start < 60, "a training of a million steps was aborted"
    assert result.chosen == NONE
    assert result.sentence.startswith(
        "No augmentation: the time budget ended before any candidate was evaluated on enough splits."
    )
    assert result.cut_short == tuple(candidates)
    assert (
        "The time budget of 4 s ended before these were evaluated as planned: extrapolate (scale 0.1), replace 0.5; "
        in (result.sentence)
    )
    assert result.scores[1].splits == 0


def test_halving_gives_more_splits_to_the_better_candidates(digits):
    candidates = [FAR, *(Candidate(Extrapolate(0.1 * n), add=1) for n in range(1, 4))]
    _, result = tune(digits, "logistic", candidates=candidates, folds=3, repeats=3, **QUICK)
    splits = {score.name: score.splits for score in result.scores}
    assert splits["none"] == 9
    assert splits[FAR.name] == 3
    assert sorted(splits.values()) == [3, 3, 9, 9, 9]
    assert result.cut_short == ()


def test_a_worse_candidate_does_not_reach_the_last_rung(digits, correct):
    candidates = [Candidate(Extrapolate(0.1 * n), add=1) for n in range(1, 10)]
    correct["none"] = np.zeros(120)
    for n, candidate in enumerate(candidates):
        correct[candidate.name] = np.r_[np.ones(10 * n), np.zeros(120 - 10 * n)]
    _, result = tune(digits, "logistic", candidates=candidates, folds=3, repeats=3, **QUICK)
    assert [score.splits for score in result.scores] == [9, *[3] * 6, *[9] * 3]
    assert result.chosen == candidates[-1]


def test_ties_are_resolved_as_for_the_committed_results(digits, correct):
    candidates = [Candidate(Extrapolate(0.1 * n), add=1) for n in range(1, 5)]
    correct.update({"none": np.zeros(120), **{candidate.name: np.ones(120) for candidate in candidates}})
    _, result = tune(digits, "logistic", candidates=candidates, folds=3, repeats=3, **QUICK)
    assert [score.splits for score in result.scores] == [9, 9, 9, 3, 3], "the first two of equals reach the last rung"
    assert result.chosen == candidates[1], "where the second one of them is chosen"


def test_the_default_candidates(digits, correct):
    correct["none"] = np.zeros(120)
    for classifier in ("cnn", "forest"):
        candidates = default_candidates(network=classifier == "cnn", images=True, imbalanced=False)
        _, result = tune(digits, classifier, folds=2, repeats=1, **QUICK)
        assert [score.name for score in result.scores] == ["none", *(candidate.name for candidate in candidates)]
        assert result.for_network == (classifier == "cnn")


def test_names_and_costs_of_candidates():
    assert GOOD.name == "extrapolate (scale 0.5), add 1"
    assert REPLACES.name == "extrapolate (scale 0.5), replace 0.5"
    assert Candidate(Extrapolate(1.0, neighbours=5), replace=0.8, hardest_of=4).name == (
        "extrapolate (scale 1.0, neighbours 5), replace 0.8, hardest of 4"
    )
    assert NONE.name == "none"
    candidates = (NONE, REPLACES, APPENDS, Candidate(Extrapolate(), replace=0.5, hardest_of=3))
    assert [candidate.cost for candidate in candidates] == [0, 1, 4, 3]


def test_the_method_of_a_candidate():
    classical = Classical(shift=0.1)
    after = (ClassicalAugmentation(classical),)
    perturb = Extrapolate(0.5)
    assert method_of(NONE, for_network=True) == Method("none")
    assert method_of(NONE, for_network=False, classical=classical) == Method("none", after)
    assert method_of(APPENDS, True, classical) == Method("", (Append(Synthetic(perturb, 1.0), 3), *after))
    assert method_of(REPLACES, True, classical) == Method("", (Synthetic(perturb, 0.5), *after))
    hardest = replace(REPLACES, hardest_of=4)
    assert method_of(hardest, True) == Method("", (Synthetic(perturb, 0.5, hardest_of=4),))
    assert method_of(APPENDS, False, classical) == Method("", after, AddSynthetic(perturb, 3))


def test_the_settings_of_a_result(digits):
    _, result = tune(digits, "knn", candidates=[UNCHANGED], folds=2, repeats=1, **QUICK)
    hardest = with_chosen(result, replace(REPLACES, hardest_of=4))
    with pytest.raises(
        InputError, match=r"expected the network in training, got none; pass result.settings\(network\)"
    ):
        hardest.settings()
    assert hardest.settings("net") == {"replace": 0.5, "hardest_of": 4, "network": "net"}
    assert with_chosen(result, APPENDS).settings() == {"add": 3}
    assert with_chosen(result, NONE).settings("net") == {"replace": 0.0}
    assert replace(hardest, for_network=True).usage == (
        "AugmentedLoader(loader, augmenter, replace=0.5, hardest_of=4, network=network)"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_budget": 0}, "expected time_budget to be a number above 0, got 0; for example time_budget=1"),
        ({"folds": 1}, "expected folds to be a whole number from 2 up, got 1; for example folds=2"),
        ({"repeats": 0}, "expected repeats to be a whole number from 1 up, got 0; for example repeats=1"),
        (
            {"min_standard_errors": -1},
            "expected min_standard_errors to be a number from 0 up, got -1; for example min_standard_errors=0",
        ),
        (
            {"metric": "loss"},
            "expected metric to be one of accuracy, balanced_accuracy, got 'loss'; choose one of them",
        ),
        ({"candidates": []}, "expected at least one candidate, got none; leave candidates out for the default ones"),
        (
            {"candidates": [NONE]},
            r"expected candidates other than none, got Candidate\(perturb=None, .*; for example Candidate",
        ),
        ({"candidates": ["synthetic"]}, "expected candidates other than none, got 'synthetic'; for example Candidate"),
        (
            {"candidates": [Candidate(Extrapolate(), add=1, hardest_of=4)]},
            "expected candidates without hardest_of for an estimator, got extrapolate .*, hardest of 4; leave hardest_of out",
        ),
        (
            {"candidates": [REPLACES]},
            "expected candidates without replace for an estimator, got extrapolate .*; leave replace out, pass add",
        ),
        (
            {"candidates": [Candidate(Extrapolate(), add=0.5)], "classifier": "cnn"},
            "expected a whole number of added samples for a network, got extrapolate .*, add 0.5; pass for example add=3",
        ),
        ({"classifier": "tree"}, "expected classifier to be one of cnn, mlp, .*, got 'tree'; choose one of them"),
        ({"budget": 3}, "expected the argument time_budget, got budget=3; budget is now called time_budget"),
        (
            {"errors": 1},
            "expected the argument min_standard_errors, got errors=1; errors is now called min_standard_er",
        ),
    ],
)
def test_bad_settings_are_refused(digits, settings, message):
    with pytest.raises(InputError, match=message):
        tune(digits, **{"classifier": "logistic", **settings})


def test_bad_data_is_refused(digits):
    tabular = Samples(digits.x.flatten(1), digits.y)
    message = "expected a classifier for tabular data, got cnn; choose mlp, forest, svc, logistic"
    with pytest.raises(InputError, match=message):
        tune(tabular)
    with pytest.raises(InputError, match=r"expected at least 2 samples of every class 0\.\.9, got 1 of class 0"):
        tune(digits[torch.arange(11, 120)])


@pytest.mark.parametrize(
    "arguments",
    [
        {"replace": 0.5},
        {"add": 3},
        {"perturb": Extrapolate()},
        {"perturb": Extrapolate(), "replace": 0.5, "add": 3},
    ],
)
def test_a_candidate_has_a_perturbation_and_one_use(arguments):
    message = "expected a perturbation and either add, replace or balance, or none of them, got perturb=.*; for example"
    with pytest.raises(InputError, match=message):
        Candidate(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"add": 0}, "expected add to be a number above 0, got 0"),
        ({"replace": 0}, "expected replace to be a number above 0 to 1, got 0"),
        ({"replace": 2}, "expected replace to be a number above 0 to 1, got 2"),
        ({"add": 1, "hardest_of": 1}, "expected hardest_of to be a whole number from 2 up, got 1"),
        ({"ratio": 0.5}, "expected the argument replace, got ratio=0.5; ratio is now called replace"),
        ({"beside": 3}, "expected the argument add, got beside=3; beside is now called add"),
    ],
)
def test_bad_numbers_of_candidates(arguments, message):
    with pytest.raises(InputError, match=message):
        Candidate(Extrapolate(), **arguments)


@pytest.fixture
def chooses(monkeypatch):
    """Makes every search choose a candidate; returns the function for that, and what was searched for."""
    calls = []

    def choose(candidate):
        def tune(samples, classifier, **settings):
            calls.append((samples, classifier, settings))
            return None, type("Result", (), {"chosen": candidate})

        monkeypatch.setattr(search, "tune", tune)
        return calls

    return choose


TUNED_SETTINGS = Settings(steps=4, vae=(("steps", 5),))


def tuned_method(classical):
    stage = TunedAugmentation(classical)
    return Method("tuned", (stage,), stage)


def tuning_context(digits, classifier="cnn"):
    return context_of(digits, seed=3, settings=TUNED_SETTINGS, classifier=classifier)


@pytest.mark.parametrize("classical", [None, Classical(shift=0.1)])
@pytest.mark.parametrize("classifier", ["cnn", "logistic"])
def test_where_none_is_chosen_the_method_without_a_search_is_trained(digits, chooses, classical, classifier):
    calls = chooses(NONE)
    predictions = [
        runs.fit_classifier(tuning_context(digits, classifier), method).scores(digits.x.flip(3))
        for method in (tuned_method(classical), method_of(NONE, classifier == "cnn", classical))
    ]
    assert torch.equal(*predictions)
    ((samples, searched_classifier, settings),) = calls
    assert samples is digits
    assert searched_classifier.name == classifier
    assert settings["classical"] == classical
    assert settings["steps"] == 4
    assert settings["vae"] == {"steps": 5}
    assert settings["time_budget"] is None, "or results would depend on the machine"


@pytest.mark.parametrize("classical", [None, Classical(shift=0.1)])
@pytest.mark.parametrize("candidate", [APPENDS, REPLACES, replace(APPENDS, hardest_of=2)])
def test_the_method_of_a_network_does_what_the_search_chose(digits, chooses, classical, candidate):
    chooses(candidate)
    x, t = digits.x[:20], one_hot(digits)[:20]
    network, stage = linear_network(digits), TunedAugmentation(classical)
    batch, targets = stage.fit(tuning_context(digits), network)(x, t, 5)
    expected, _ = method_of(candidate, True, classical).fit(tuning_context(digits), network)(x, t, 5)
    assert torch.equal(batch, expected)
    assert len(batch) == len(targets) == (80 if candidate.add else 20)
    assert stage.resample(tuning_context(digits)) is digits


@pytest.mark.parametrize("classical", [None, Classical(shift=0.1)])
def test_the_method_of_an_estimator_does_what_the_search_chose(digits, chooses, classical):
    chooses(GOOD)
    context, stage = tuning_context(digits, "logistic"), TunedAugmentation(classical)
    assert torch.equal(stage.resample(context).x, method_of(GOOD, False).resample(context).x)
    copies, _ = stage.fit(context)(digits.x[:20], one_hot(digits)[:20], 5)
    assert len(copies) == (20 if classical else 0), "only classical augmentation needs copies"


def test_added_samples_are_searched_and_used(digits):
    _, result = tune(digits, "cnn", candidates=[APPENDS], folds=2, repeats=1, steps=5, **QUICK)
    assert result.scores[1].splits == 2
