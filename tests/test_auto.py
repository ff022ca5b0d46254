"""Which augmentation, if any: the rule, the default candidates, and `augment="auto"` of `AugmentedClassifier`."""

# ruff: noqa: N803, N806
import itertools
import math
from typing import ClassVar

import numpy as np
import pandas
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from tqdm.auto import tqdm

from vaeaug import AugmentedClassifier, Confident, Covariance, Difference, Identity, InputError, Interpolate, tune
from vaeaug.choice import candidates as module
from vaeaug.choice.candidates import NONE, RAND_AUGMENT, SMOTE, Candidate, default_candidates, usual_choice
from vaeaug.choice.search import BEST, CHEAPER, CLEARLY_BETTER, NOT_ENOUGH, OUT_OF_TIME, TOO_FEW, USUAL, Choice, search
from vaeaug.choice.trials import CandidateScore, CrossValidation, SearchSettings
from vaeaug.data import Samples
from vaeaug.models.spaces import SPACE_NAMES, space_named
from vaeaug.perturb.schemes import DEFAULT
from vaeaug.plugins import auto
from vaeaug.plugins.torch import replacement

pytestmark = pytest.mark.usefixtures("random_state_untouched")

CLASSICAL = Candidate(baseline="classical")
REPEATED = Candidate(add=3, baseline=RAND_AUGMENT)
IDENTITY, COMPONENTS, CODES = (Candidate(DEFAULT, add=3, space=space) for space in ("identity", "pca", "vae"))
DEFAULT_NAME = "difference (scale 1.0, pairs_from shrunk)"
IN_ORDER = (NONE, CLASSICAL, REPEATED, IDENTITY, COMPONENTS, CODES)


class Table(CrossValidation):
    """Candidates that classify the samples of a table correctly."""

    for_network = False

    def __init__(self, right, folds=3, **settings):
        self.right = {candidate: torch.as_tensor(row).bool() for candidate, row in right.items()}
        y = torch.arange(len(self.right[NONE])) % 2
        super().__init__(y, SearchSettings("accuracy", folds, 1, seed=0, **settings), tqdm(disable=True))

    def lacks_vae(self, candidate, number):
        return False

    def train_vae(self, candidate, number):
        raise AssertionError("no VAE is needed")

    def train(self, candidate, number, deadline):
        return self.right[candidate][self.index(number).held_out]


def first(count, size=120):
    """Returns a row with this number of ones, spread over both classes."""
    return np.arange(size) < count


def chosen_of(right, **settings):
    choice = search(Table(right, **settings), [candidate for candidate in right if candidate != NONE])
    return choice.chosen, choice.best, choice.reason


def test_candidates_in_the_order_of_cost():
    assert [candidate.tier for candidate in IN_ORDER] == [0, 1, 2, 3, 4, 5]
    assert SMOTE.tier == IDENTITY.tier


@pytest.mark.parametrize(("cheap", "costly"), list(itertools.combinations(IN_ORDER[1:], 2)))
def test_of_two_within_the_noise_the_cheaper_is_chosen(cheap, costly):
    right = {NONE: first(40), cheap: first(80), costly: first(81)}
    assert chosen_of(right) == (cheap, costly, CHEAPER)
    assert chosen_of({**right, costly: first(110)}) == (costly, costly, BEST), "30 samples are more than the noise"
    assert chosen_of({**right, cheap: first(81)})[0] == cheap, "of equals the cheaper"


def test_nothing_is_the_cheapest():
    one_sample = {NONE: first(60), CODES: first(61)}
    assert chosen_of(one_sample) == (NONE, CODES, NOT_ENOUGH)
    assert chosen_of({NONE: first(60), CODES: first(59)}) == (NONE, NONE, NOT_ENOUGH)
    assert chosen_of({NONE: first(60), CODES: first(60)}) == (NONE, NONE, NOT_ENOUGH)
    assert chosen_of({NONE: first(60), CODES: first(64)}) == (CODES, CODES, BEST)
    assert chosen_of({NONE: first(60), CODES: first(64)}, min_standard_errors=3.0) == (NONE, CODES, NOT_ENOUGH)
    assert chosen_of({NONE: first(60), CODES: first(64)}, deadline=0.0) == (NONE, None, OUT_OF_TIME)


def test_the_usual_choice_stands_unless_another_is_clearly_better():
    right = {NONE: first(60), IDENTITY: first(63), CODES: first(61)}
    assert chosen_of(right, usual=CODES) == (CODES, IDENTITY, USUAL), "two samples are less than two standard errors"
    assert chosen_of(right, usual=CODES, clearly=1.0) == (IDENTITY, IDENTITY, CLEARLY_BETTER)
    assert chosen_of(right, usual=NONE) == (NONE, IDENTITY, USUAL)
    assert chosen_of({**right, IDENTITY: first(75)}, usual=NONE) == (IDENTITY, IDENTITY, CLEARLY_BETTER)
    assert chosen_of({NONE: first(70), CODES: first(60)}, usual=CODES) == (NONE, NONE, CLEARLY_BETTER), (
        "which may be nothing"
    )
    assert chosen_of({NONE: first(60), CODES: first(62)}, usual=CODES) == (CODES, CODES, USUAL)
    assert chosen_of(right, usual=CODES, deadline=0.0) == (NONE, None, OUT_OF_TIME)


@pytest.mark.parametrize(
    ("right", "usual", "sentence"),
    [
        (
            {NONE: first(60), CODES: first(61)},
            NONE,
            f"No augmentation; it is the usual choice for such data; the best mean, not clearly better, is that of "
            f"{DEFAULT_NAME}, add 3: +0.8 points over none in 3 splits (standard error 0.8).",
        ),
        (
            {NONE: first(60), CODES: first(59)},
            NONE,
            "No augmentation; it is the usual choice for such data, and has the best mean.",
        ),
        (
            {NONE: first(40), CODES: first(80)},
            CODES,
            f"Use {DEFAULT_NAME}, add 3: +33.3 points over none in 3 splits (standard error 4.3); it is the usual choice for "
            "such data, and has the best mean.",
        ),
        (
            {NONE: first(40), CODES: first(80)},
            NONE,
            f"Use {DEFAULT_NAME}, add 3: +33.3 points over none in 3 splits (standard error 4.3); it is clearly better than "
            "the usual choice for such data.",
        ),
        (
            {NONE: first(80), CODES: first(40)},
            CODES,
            "No augmentation; it is clearly better than the usual choice for such data.",
        ),
    ],
)
def test_the_sentence_of_a_usual_choice(right, usual, sentence):
    assert search(Table(right, usual=usual), [c for c in right if c != NONE]).sentence == sentence


def test_the_usual_choice_of_each_kind_of_data():
    tables, images = ([usual_choice(images=kind, imbalanced=rare) for rare in (True, False)] for kind in (False, True))
    assert [choice and choice.name for choice in tables] == [f"{DEFAULT_NAME}, balance", "none"]
    assert [choice and choice.name for choice in images] == [f"{DEFAULT_NAME}, balance, identity space", None]


@pytest.mark.parametrize(
    ("right", "sentence"),
    [
        (
            {NONE: first(40), IDENTITY: first(80), CODES: first(81)},
            "Use difference (scale 1.0, pairs_from shrunk), add 3, identity space: +33.3 points over none in 3 splits "
            "(standard error 4.3); it is the cheapest within the noise of the best mean, difference (scale 1.0, pairs_from "
            "shrunk), add 3: +34.2 points over none in 3 splits (standard error 4.3).",
        ),
        (
            {NONE: first(40), CLASSICAL: first(80)},
            "Use classical: +33.3 points over none in 3 splits (standard error 4.3); it has the best mean, and no cheaper "
            "candidate is within its noise.",
        ),
        (
            {NONE: first(60), CLASSICAL: first(61)},
            "No augmentation: the best mean is that of classical: +0.8 points over none in 3 splits (standard error 0.8), "
            "which is not enough.",
        ),
        (
            {NONE: first(60), CLASSICAL: first(59)},
            "No augmentation: no candidate has a higher mean; the next is classical: -0.8 points over none in 3 splits "
            "(standard error 0.8).",
        ),
    ],
)
def test_the_choice_says_which_is_best_and_why_another_was_taken(right, sentence):
    choice = search(Table(right), [candidate for candidate in right if candidate != NONE])
    assert choice.sentence == sentence
    assert all(isinstance(score, CandidateScore) for score in choice.scores)
    assert [score.candidate for score in choice.scores] == list(right)


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("imbalanced", [False, True])
def test_the_default_candidates_hold_baselines_and_every_space_the_cheapest_first(network, images, imbalanced):
    found = default_candidates(network=network, images=images, imbalanced=imbalanced)
    assert {candidate.space for candidate in found if candidate.perturb} == set(SPACE_NAMES)
    assert [candidate.tier for candidate in found] == sorted(candidate.tier for candidate in found)
    assert len(set(found)) == len(found) <= 13
    assert (CLASSICAL in found) == images
    assert (Candidate(baseline="class weights") in found) == imbalanced
    assert (SMOTE in found) == (imbalanced and not images)
    assert ({Candidate(baseline=RAND_AUGMENT), REPEATED} <= set(found)) == (network and images)
    assert any(candidate.balance for candidate in found) == imbalanced
    without = default_candidates(
        network=network, images=images, imbalanced=imbalanced, weights=False, classical=False, spaces=("pca",)
    )
    assert not {CLASSICAL, Candidate(baseline="class weights")} & set(without)
    assert {candidate.space for candidate in without if candidate.perturb} - {"identity"} == {"pca"}
    assert module.ADD == replacement.ADD


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": "pca"}, "expected settings that have an effect, got hardest_of=None, space='pca' without a pert"),
        ({"hardest_of": 2}, "expected settings that have an effect, got hardest_of=2, space='vae' without a pert"),
        ({"baseline": "mixup"}, "expected baseline to be one of classical, class weights, MixUp, RandAugment"),
        ({"perturb": DEFAULT, "add": 1, "space": "ica"}, "expected space to be one of vae, pca, identity, got 'ica'"),
        ({"perturb": DEFAULT, "add": 1, "balance": True}, "expected a perturbation and either add, replace or balance"),
        ({"balance": True}, "expected a perturbation and either add, replace or balance"),
    ],
)
def test_candidates_that_make_no_sense(arguments, message):
    with pytest.raises(InputError, match=message):
        Candidate(**arguments)


@pytest.mark.parametrize("classifier", ["mlp", "knn", "logistic"])
def test_tune_compares_the_spaces_and_fits_the_chosen_one(classifier):
    X, y = load_wine(return_X_y=True)
    keep = np.r_[0:12, 60:72, 130:135]
    data = Samples(torch.as_tensor(X[keep]).float(), torch.as_tensor(y[keep]))
    settings = {"vae": {"steps": 2, "latent_dim": 3}, "folds": 2, "repeats": 1, "steps": 3, "time_budget": None}
    augmenter, result = tune(data, classifier, **settings, progress=False)
    assert {score.candidate.space for score in result.scores if score.candidate.perturb} == set(SPACE_NAMES)
    assert all(score.splits == 2 and math.isfinite(score.mean) for score in result.scores)
    weights = Candidate(baseline="class weights") in [score.candidate for score in result.scores]
    assert weights == (classifier != "knn")
    space = result.chosen.space if result.chosen.perturb else "identity"
    assert type(augmenter.vae) is type(space_named(space))
    _, only = tune(data, classifier, **settings, spaces=["pca"], progress=False)
    assert {s.candidate.space for s in only.scores if s.candidate.perturb and s.candidate != SMOTE} == {"pca"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spaces": "pca"}, "expected a list of spaces, got 'pca'; for example spaces="),
        ({"spaces": ["ica"]}, "expected space to be one of vae, pca, identity, got 'ica'"),
        ({"spaces": ["pca"], "candidates": [IDENTITY]}, "expected candidates or spaces, got both"),
        ({"candidates": [REPEATED]}, "expected a candidate that logistic can use, got RandAugment"),
        (
            {"candidates": [Candidate(DEFAULT, add=1, baseline="classical")]},
            "an estimator gets copies once, not batches",
        ),
    ],
)
def test_settings_of_tune_that_make_no_sense(digits, arguments, message):
    with pytest.raises(InputError, match=message):
        tune(digits, "logistic", **arguments)


# augment="auto"


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    keep = np.r_[0:12, 60:72, 130:142]
    return X[keep], y[keep]


@pytest.fixture(scope="module")
def rare():
    X, y = load_wine(return_X_y=True)
    keep = np.r_[0:20, 60:72, 130:134]
    return X[keep], y[keep]


TREE = DecisionTreeClassifier(random_state=0)


def auto_classifier(estimator=TREE, **arguments):
    return AugmentedClassifier(estimator, **{"augment": "auto", "steps": 3, "random_state": 0, **arguments})


@pytest.fixture
def choose(monkeypatch):
    """Makes the search choose a candidate."""

    def set_choice(candidate):
        choice = Choice(candidate, candidate, BEST, (), (), "accuracy", 5, 1, 0)
        monkeypatch.setattr(auto, "_choose", lambda *args: choice)

    return set_choice


def test_it_says_what_it_chose_and_the_seed_decides(rare):
    first_fit, second = (auto_classifier().fit(*rare) for _ in range(2))
    choice = first_fit.choice_
    assert choice.reason in (CLEARLY_BETTER, USUAL)
    assert choice.chosen in [score.candidate for score in choice.scores]
    assert choice.metric == "balanced_accuracy"
    expected = (NONE, *default_candidates(network=False, images=False, imbalanced=True))
    assert tuple(score.candidate for score in choice.scores) == expected
    assert {score.splits for score in choice.scores} == {5}
    strip = lambda c: (c.chosen, [(s.candidate, s.mean, s.gain, s.error) for s in c.scores])  # noqa: E731
    assert strip(choice) == strip(second.choice_)
    assert np.array_equal(first_fit.predict_proba(rare[0]), second.predict_proba(rare[0]))
    assert strip(auto_classifier(random_state=1).fit(*rare).choice_) != strip(choice)


def test_nothing_chosen_is_the_estimator_itself(wine, choose):
    choose(NONE)
    classifier = auto_classifier().fit(*wine)
    assert classifier.n_synthetic_ == 0
    assert np.array_equal(classifier.predict_proba(wine[0]), clone(TREE).fit(*wine).predict_proba(wine[0]))


@pytest.mark.parametrize("space", SPACE_NAMES)
@pytest.mark.parametrize("use", [{"add": 2}, {"balance": True}])
def test_the_chosen_candidate_is_what_the_parameters_would_have_made(rare, choose, space, use):
    choose(Candidate(Difference(0.8), space=space, **use))
    chosen = auto_classifier(latent_dim=3).fit(*rare)
    seed = auto.last_seed(int(np.random.RandomState(0).randint(2**31 - 1)))
    training = {"latent_dim": 3, "steps": 3} if space == "vae" else {}
    add = use.get("add", "balance")
    plain = AugmentedClassifier(
        TREE, perturb=Difference(0.8), add=add, vae=space_named(space, 3), random_state=seed, **training
    ).fit(*rare)
    assert chosen.n_synthetic_ == plain.n_synthetic_ == (2 * len(rare[1]) if "add" in use else 20 + 20 + 20 - 36)
    assert np.array_equal(chosen.estimator_.tree_.threshold, plain.estimator_.tree_.threshold)


@pytest.mark.parametrize(
    "estimator", [TREE, make_pipeline(StandardScaler(), LogisticRegression())], ids=["tree", "pipe"]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights(rare, choose, estimator, weighted):
    choose(Candidate(baseline="class weights"))
    X, y = rare
    name = "logisticregression__sample_weight" if hasattr(estimator, "steps") else "sample_weight"
    own = {name: np.linspace(1, 2, len(y))} if weighted else {}
    classifier = auto_classifier(estimator).fit(X, y, **own)
    balanced = compute_sample_weight("balanced", y) * own.get(name, 1)
    expected = clone(estimator).fit(X, y, **{name: balanced})
    assert np.array_equal(classifier.predict_proba(X), expected.predict_proba(X))


def test_classical_copies_of_images(choose):
    choose(CLASSICAL)
    X, y = load_digits(return_X_y=True)
    images = X[:40].reshape(-1, 8, 8)
    classifier = auto_classifier().fit(images, y[:40])
    assert classifier.n_synthetic_ == 10 * 40
    assert classifier.predict(images).tolist() == y[:40].tolist()


class Spy(DecisionTreeClassifier):
    """Keeps what it was fitted to, and what it predicted."""

    log: ClassVar[list] = []

    def fit(self, X, y, sample_weight=None):
        self.log.append(("fit", {row.tobytes() for row in np.asarray(X, np.float64)}))
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        self.log.append(("predict", {row.tobytes() for row in np.asarray(X, np.float64)}))
        return super().predict(X)


def test_no_candidate_is_trained_on_what_it_is_judged_on(rare):
    Spy.log = []
    auto_classifier(Spy(random_state=0)).fit(*rare)
    fits, predictions = Spy.log[:-1:2], Spy.log[1::2]
    assert Spy.log[-1][0] == "fit"
    assert (
        len(fits) == len(predictions) == 5 * (1 + len(default_candidates(network=False, images=False, imbalanced=True)))
    )
    for (fitted, trained), (predicted, judged) in zip(fits, predictions, strict=True):
        assert (fitted, predicted) == ("fit", "predict")
        assert judged
        assert not judged & trained


@pytest.mark.filterwarnings("ignore:cv=2 makes the classifier judge itself")
@pytest.mark.parametrize(
    "estimator", [KNeighborsClassifier(1), GridSearchCV(TREE, {"max_depth": [1, 2]}, cv=2)], ids=str
)
def test_class_weights_are_no_candidate_where_the_estimator_takes_none(rare, estimator):
    classifier = auto_classifier(estimator).fit(*rare)
    assert Candidate(baseline="class weights") not in [score.candidate for score in classifier.choice_.scores]


def test_data_frames_words_weights_and_single_samples(rare):
    X, y = rare
    frame = pandas.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    words = np.array(["a", "b", "c"], dtype=object)[y]
    words[0] = "alone"
    weight = np.ones(len(y))
    weight[1:4] = 0
    classifier = auto_classifier().fit(frame, words, sample_weight=weight)
    assert classifier.classes_.tolist() == ["a", "alone", "b", "c"]
    assert classifier.feature_names_in_.tolist() == list(frame.columns)
    assert set(classifier.predict(frame)) <= set(words)


def test_too_few_samples_for_a_search():
    classifier = auto_classifier(KNeighborsClassifier(1)).fit(np.eye(3), [0, 1, 2])
    assert (classifier.choice_.chosen, classifier.choice_.reason) == (NONE, TOO_FEW)
    assert classifier.choice_.sentence.startswith("No augmentation: ")
    assert classifier.predict(np.eye(3)).tolist() == [0, 1, 2]


def test_clone_and_grid_search(wine):
    classifier = auto_classifier()
    assert clone(classifier).get_params(deep=False).keys() == classifier.get_params(deep=False).keys()
    assert clone(classifier).augment == "auto"
    grid = GridSearchCV(classifier, {"augment": [None, "auto"], "estimator__max_depth": [2]}, cv=2).fit(*wine)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"augment": "best"}, r"expected augment to be one of None, auto, classical, got 'best'"),
        ({"perturb": Interpolate()}, 'expected no perturb with augment="auto", got a value; leave it out'),
        ({"scale": 0.5, "add": 3}, 'expected no scale, add with augment="auto", got a value; leave it out'),
        ({"vae": Identity()}, 'expected no vae with augment="auto", got a value; leave it out'),
        ({"filter": Confident(TREE)}, 'expected no filter with augment="auto", got a value; leave it out'),
    ],
)
def test_parameters_that_the_search_decides_are_refused(wine, arguments, message):
    with pytest.raises(InputError, match=message):
        auto_classifier(**arguments).fit(*wine)


@pytest.mark.parametrize("vae", [None, Identity()])
def test_balance_fills_the_smaller_classes(rare, vae):
    training = {"steps": 3} if vae is None else {}
    classifier = AugmentedClassifier(TREE, perturb=Covariance(), add="balance", vae=vae, random_state=0, **training)
    assert classifier.fit(*rare).n_synthetic_ == 8 + 16
    with pytest.raises(InputError, match="expected add to be a number from 0 up, got 'fill'"):
        AugmentedClassifier(TREE, add="fill").fit(*rare)
