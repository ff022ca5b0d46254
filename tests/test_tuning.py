import json
import time
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from test_cli import vaeaug

from vaeaug import Augmenter, Extrapolate, InputError, Posterior
from vaeaug.bench.runs import Run, Settings, fit_estimator, fit_network
from vaeaug.bench.stages.method import Arm
from vaeaug.bench.tuning.candidates import NONE, Candidate, Children
from vaeaug.bench.tuning.search import tune
from vaeaug.bench.tuning.stage import Searched
from vaeaug.bench.tuning.trials import Trials
from vaeaug.cli.tune import _way
from vaeaug.data import subset
from vaeaug.data.classical import Classical
from vaeaug.data.samples import Samples
from vaeaug.models.classifiers import as_classifier

pytestmark = pytest.mark.usefixtures("random_state_untouched")

STILL, FAR = Candidate(Posterior(0.0), 0.5), Candidate(Posterior(500.0), 0.9)
GOOD = Candidate(Extrapolate(0.5), 0.5)
JOINS = Candidate(Extrapolate(0.5), add=3)
QUICK = {"vae": {"steps": 5}, "progress": False, "budget": None}


def rigged(trials, right):
    """Fills trials with given results: candidate -> for each sample, in which repeats it was classified rightly."""
    for candidate, table in right.items():
        for number in range(trials.size):
            places = trials.split(number).places
            trials.right[candidate, number] = torch.as_tensor(table)[places, number // trials.folds].bool()
    return trials


@pytest.fixture
def trials(digits):
    return Trials(digits, "logistic", (GOOD, FAR), None, Settings(), "accuracy", (4, 2))


def test_none_is_chosen_where_every_candidate_hurts(digits):
    augmenter, tuned = tune(digits, "logistic", candidates=[FAR], folds=3, repeats=1, **QUICK)
    assert tuned.chosen == NONE
    assert tuned.ratio == 0
    assert tuned.settings() == {"replace": 0.0}
    assert "No augmentation: the best candidate, posterior (scale 500.0), ratio 0.9, was -" in tuned.sentence
    assert augmenter.bank_.samples.x.shape == digits.x.shape
    assert [t.name for t in tuned.trials] == ["none", FAR.name]
    assert "| **none** " in tuned.table
    with pytest.raises(FrozenInstanceError):
        tuned.seed = 1


def test_a_candidate_that_changes_nothing_is_not_chosen(digits):
    _, tuned = tune(digits, "knn", candidates=[STILL], folds=2, repeats=1, **QUICK)
    assert tuned.trials[1].gain == tuned.trials[1].error == 0
    assert tuned.chosen == NONE


def test_a_better_candidate_is_chosen_by_its_standard_error(digits, trials):
    half = np.zeros((120, 2))
    half[::2] = 1
    better = half.copy()
    better[1:40:2] = 1
    rigged(trials, {NONE: half, GOOD: better, FAR: half})
    gain, error = trials.difference(GOOD, NONE)
    d = np.r_[np.ones(20), np.zeros(100)]
    assert gain == pytest.approx(d.mean())
    assert error == pytest.approx(d.std(ddof=1) / 120**0.5)
    room = __import__("vaeaug.bench.tuning.search", fromlist=["_choice"])
    chosen, sentence = room._choice(trials, [GOOD, FAR], 1.0)
    assert chosen == GOOD
    assert sentence == f"Use {GOOD.name}: +16.7 points over none in 8 splits (standard error 3.4)."
    assert room._choice(trials, [GOOD, FAR], 6.0)[0] == NONE


def test_the_simpler_of_two_that_are_alike_is_chosen(digits, trials):
    costly = Candidate(Extrapolate(0.5), 0.5, hardest_of=4)
    none, some = np.zeros((120, 2)), np.zeros((120, 2))
    some[:60] = 1
    more = some.copy()
    more[60] = 1
    most = some.copy()
    most[60:90] = 1
    room = __import__("vaeaug.bench.tuning.search", fromlist=["_choice"])
    assert room._choice(rigged(trials, {NONE: none, GOOD: some, costly: more}), [costly, GOOD], 1.0)[0] == GOOD
    assert room._choice(rigged(trials, {NONE: none, GOOD: some, costly: most}), [costly, GOOD], 1.0)[0] == costly


def test_classes_count_alike_where_they_are_lopsided(digits):
    lopsided = subset(digits, [12] * 5 + [3] * 5)
    _, tuned = tune(lopsided, "knn", candidates=[STILL], folds=3, repeats=1, **QUICK)
    assert tuned.metric == "balanced_accuracy"
    trials = Trials(lopsided, "knn", (GOOD,), None, Settings(), "balanced_accuracy", (3, 1))
    right = (lopsided.y < 5).numpy()[:, None]
    mean, _ = rigged(trials, {NONE: right, GOOD: right}).difference(GOOD, None)
    assert mean == pytest.approx(0.5)


def test_splits_hold_every_sample_out_once_a_repeat_and_none_is_in_its_own_training(digits, trials):
    for repeat in range(2):
        held_out = torch.cat([trials.split(repeat * 4 + fold).places for fold in range(4)])
        assert torch.equal(held_out.sort().values, torch.arange(120))
    for number in range(8):
        split = trials.split(number)
        known = {x.numpy().tobytes() for x in split.run.samples.x}
        assert not known & {x.numpy().tobytes() for x in split.test.x}
    assert not torch.equal(trials.split(0).places, trials.split(4).places)


@pytest.mark.parametrize("per_class", [2, [12, 12, 12, 12, 12, 12, 12, 12, 3, 2]])
def test_tiny_classes_work(digits, per_class):
    _, tuned = tune(subset(digits, per_class), "logistic", candidates=[GOOD], folds=3, repeats=1, **QUICK)
    assert tuned.folds == (2 if per_class == 2 else 3)
    assert tuned.trials[0].splits == tuned.folds


def test_the_same_seed_gives_the_same_choice(digits):
    def told(seed):
        _, tuned = tune(digits, "cnn", candidates=[GOOD, STILL], folds=2, repeats=2, steps=5, seed=seed, **QUICK)
        return tuned.chosen, [(t.name, t.mean, t.gain, t.error, t.splits) for t in tuned.trials]

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_the_budget_ends_the_search_and_the_report_says_what_was_not_reached(digits):
    many = [Candidate(Extrapolate(0.1 * n), 0.5) for n in range(1, 9)]
    start = time.monotonic()
    _, tuned = tune(digits, "cnn", candidates=many, steps=10**6, **{**QUICK, "budget": 4})
    assert time.monotonic() - start < 60, "a training of a million steps was ended"
    assert tuned.chosen == NONE
    assert tuned.sentence.startswith("No augmentation: the budget ended before any candidate had been judged often")
    assert tuned.not_reached == tuple(c.name for c in many)
    assert "The budget of 4 s ended the search before extrapolate (scale 0.1), ratio 0.5; " in tuned.sentence
    assert tuned.trials[1].splits == 0


def test_halving_gives_the_splits_to_the_better(digits):
    many = [FAR, *(Candidate(Extrapolate(0.1 * n), 0.5) for n in range(1, 4))]
    _, tuned = tune(digits, "logistic", candidates=many, folds=3, repeats=3, **QUICK)
    splits = {t.name: t.splits for t in tuned.trials}
    assert splits["none"] == 9
    assert splits[FAR.name] == 3
    assert sorted(splits.values()) == [3, 3, 9, 9, 9]
    assert tuned.not_reached == ()


def test_candidates_say_what_they_are():
    assert GOOD.name == "extrapolate (scale 0.5), ratio 0.5"
    assert Candidate(Extrapolate(1.0, neighbours=5), 0.8, 4).name == (
        "extrapolate (scale 1.0, neighbours 5), ratio 0.8, worst of 4"
    )
    assert JOINS.name == "extrapolate (scale 0.5), 3 beside"
    assert NONE.name == "none"
    assert [c.cost for c in (NONE, GOOD, JOINS, Candidate(Extrapolate(), 0.5, 3))] == [0, 1, 4, 3]


def test_children_have_their_share(digits):
    run = Run(digits, 0, Settings(vae=(("steps", 5),)))
    grown = Children(Extrapolate(), 0.75).grow(run)
    assert len(grown) == 480
    assert torch.equal(grown.x[:120], digits.x)
    assert torch.equal(grown.y, digits.y.repeat(4))
    assert Children(Extrapolate(), 0.0).grow(run) is digits


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0}, "expected budget to be a number above 0, got 0; for example budget=1"),
        ({"folds": 1}, "expected folds to be a whole number from 2 up, got 1; for example folds=2"),
        ({"repeats": 0}, "expected repeats to be a whole number from 1 up, got 0; for example repeats=1"),
        ({"errors": -1}, "expected errors to be a number from 0 up, got -1; for example errors=0"),
        (
            {"metric": "loss"},
            "expected metric to be one of accuracy, balanced_accuracy, got 'loss'; choose one of them",
        ),
        ({"candidates": []}, "expected at least one candidate, got none; leave candidates out for the default ones"),
        (
            {"candidates": [NONE]},
            r"expected candidates other than none, got Candidate\(perturb=None, .*; pass Candidate",
        ),
        (
            {"candidates": [Candidate(Extrapolate(), 0.5, 4)]},
            "expected candidates without worst_of for an estimator, got extrapolate .*, worst of 4; leave worst_of out",
        ),
        ({"classifier": "tree"}, "expected classifier to be one of cnn, mlp, .*, got 'tree'; choose one of them"),
    ],
)
def test_what_cannot_be_used_is_refused(digits, settings, message):
    with pytest.raises(InputError, match=message):
        tune(digits, **{"classifier": "logistic", **settings})


def test_refusals_that_depend_on_data_and_candidates(digits):
    with pytest.raises(InputError, match="expected a classifier for rows, got cnn; choose mlp, forest, svc, logistic"):
        tune(Samples(digits.x.flatten(1), digits.y))
    with pytest.raises(InputError, match=r"expected at least 2 samples of every class 0\.\.9, got 1 of class 0"):
        tune(digits[torch.arange(11, 120)])
    with pytest.raises(
        InputError,
        match="expected a perturbation and either a ratio above 0 or beside, or none of them, got perturb=None, ra",
    ):
        Candidate(None, 0.5)
    _, tuned = tune(digits, "knn", candidates=[STILL], folds=2, repeats=1, **QUICK)
    worst = tuned.__class__(**{**vars(tuned), "chosen": Candidate(Extrapolate(), 0.5, 4)})
    with pytest.raises(InputError, match=r"expected the network in training, got none; pass tuned.settings\(network\)"):
        worst.settings()
    assert worst.settings("net") == {"replace": 0.5, "hardest_of": 4, "network": "net"}
    joined = tuned.__class__(**{**vars(tuned), "chosen": JOINS})
    assert (joined.settings(), joined.replace, joined.add) == ({"add": 3}, 0, 3)
    for wrong in ({"perturb": Extrapolate()}, {"perturb": Extrapolate(), "replace": 0.5, "add": 3}, {"add": 3}):
        with pytest.raises(InputError, match="expected a perturbation and either a ratio above 0 or beside"):
            Candidate(**wrong)
    with pytest.raises(InputError, match=r"expected candidates without beside for an estimator, got .* 3 beside"):
        tune(digits, "logistic", candidates=[JOINS])


def chooses(candidate):
    def tune(cls, data, classifier="cnn", **settings):
        chooses.asked = (data, classifier, settings)
        return None, type("Found", (), {"chosen": candidate})

    return classmethod(tune)


@pytest.mark.parametrize("classical", [None, Classical(shift=0.1)])
@pytest.mark.parametrize(("classifier", "fit"), [("cnn", fit_network), ("logistic", fit_estimator)])
def test_where_none_is_chosen_the_arm_is_the_one_without_a_search(digits, monkeypatch, classical, classifier, fit):
    monkeypatch.setattr(Augmenter, "tune", chooses(NONE))
    run, other = (Run(digits, 3, Settings(steps=4, vae=(("steps", 5),))) for _ in range(2))
    stage = Searched(classical)
    found = fit(run, as_classifier(classifier), Arm("tuned", (stage,), stage)).predict(digits.x.flip(3))
    assert torch.equal(
        found, fit(other, as_classifier(classifier), NONE.arm(True, classical)).predict(digits.x.flip(3))
    )
    assert (chooses.asked[0], chooses.asked[1].name) == (digits, classifier)
    assert chooses.asked[2]["classical"] == classical
    assert chooses.asked[2]["steps"] == 4
    assert chooses.asked[2]["vae"] == {"steps": 5}


@pytest.mark.parametrize("classical", [None, Classical(shift=0.1)])
def test_children_that_join_are_searched_and_used(digits, monkeypatch, classical):
    _, tuned = tune(digits, "cnn", candidates=[JOINS], folds=2, repeats=1, steps=5, **QUICK)
    assert tuned.trials[1].splits == 2
    monkeypatch.setattr(Augmenter, "tune", chooses(JOINS))
    run = Run(digits, 3, Settings(steps=4, vae=(("steps", 5),)))
    run.network = torch.nn.Identity()
    x, t = digits.x[:20], torch.nn.functional.one_hot(digits.y[:20], 10).float()
    found, targets = Searched(classical).fit(run)(x, t, 5)
    assert len(found) == len(targets) == 80
    assert torch.equal(found, JOINS.arm(True, classical).fit(run)(x, t, 5)[0])


@pytest.mark.parametrize("classical", [None, Classical(shift=0.1)])
def test_the_arm_does_what_the_search_says(digits, monkeypatch, classical):
    monkeypatch.setattr(Augmenter, "tune", chooses(GOOD))
    run = Run(digits, 3, Settings(steps=4, vae=(("steps", 5),)))
    run.network = torch.nn.Identity()
    x, t = digits.x[:20], torch.nn.functional.one_hot(digits.y[:20], 10).float()
    found, expected = Searched(classical).fit(run), GOOD.arm(True, classical).fit(run)
    assert torch.equal(found(x, t, 5)[0], expected(x, t, 5)[0])
    assert Searched(classical).grow(run) is digits
    run.network = None
    assert torch.equal(Searched(classical).grow(run).x, GOOD.arm(False).grow(run).x)
    assert len(Searched(classical).fit(run)(x, t, 5)[0]) == (20 if classical else 0)


def test_the_command_line_says_how_children_are_used():
    assert (_way(JOINS), _way(GOOD), _way(NONE)) == ("add=3", "replace=0.5", "replace=0")


def test_on_the_command_line(capsys, tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).normal(size=(40, 4)), y=np.arange(40) % 2)
    model = tmp_path / "model"
    words = ("tune", tmp_path / "rows.npz", "-o", model, "--folds", 2, "--repeats", 1, "--vae-steps", 5)
    code, out, err = vaeaug(capsys, *words, "--classifier", "logistic")
    assert code == 0, err
    report = json.loads((tmp_path / "model.tuning.json").read_text())
    assert report["sentence"] in out
    assert f"use it with replace={report['chosen']['replace']:g}" in out
    assert len(report["trials"]) == 9
    assert len(Augmenter.load(model).bank_) == 40
    assert vaeaug(capsys, *words[:3], tmp_path, "--folds", 2)[2].startswith("Error: expected a new or empty folder")
