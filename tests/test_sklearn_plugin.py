# ruff: noqa: N803 (X is what scikit-learn calls it)
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.distributions import Independent, Normal

from vaeaug import Confident, Covariance, Extrapolate, InputError, Interpolate, Posterior
from vaeaug.plugins.sklearn import AugmentedClassifier

X, Y = (a[::3] for a in load_wine(return_X_y=True))
DIGITS = load_digits()
IMAGES, DIGIT = DIGITS.images[:60], DIGITS.target[:60]


def augmented(estimator=None, **settings):
    # KNeighborsClassifier stores its training set in _fit_X and _y.
    estimator = KNeighborsClassifier(1) if estimator is None else estimator
    return AugmentedClassifier(estimator, **{"steps": 2, "random_state": 0} | settings)


class Recording(GaussianNB):
    """Stores the arguments of fit."""

    def fit(self, X, y, sample_weight=None, cost=None):
        self.weight_, self.cost_, self.x_ = sample_weight, cost, X
        return super().fit(X, y, sample_weight=sample_weight)


class RecordingVAE:
    """A user's VAE, the identity, which stores the samples that it encodes."""

    seen: list = []  # noqa: RUF012 (a clone is a deep copy, the class is shared)

    def encode(self, x):
        self.seen.append(x.numpy())
        return Independent(Normal(x, torch.ones_like(x)), 1)

    def decode(self, z):
        return z


def expected_to_fail(estimator):
    if estimator.perturb is None:
        return {}
    reason = (
        "a sample of weight 2 has as many synthetic samples as any other, a sample that occurs twice has twice as many"
    )
    return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in ("dense", "sparse")}


@parametrize_with_checks(
    [
        AugmentedClassifier(LogisticRegression(), steps=1, random_state=0),
        AugmentedClassifier(LogisticRegression(), perturb=None),
    ],
    expected_failed_checks=expected_to_fail,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("settings", [{"perturb": None}, {"add": 0}])
def test_without_augmentation_the_result_is_the_estimators_own(settings):
    plain = RandomForestClassifier(5, random_state=0)
    classifier = augmented(plain, **settings).fit(X, Y)
    assert (classifier.predict_proba(X) == clone(plain).fit(X, Y).predict_proba(X)).all()
    assert classifier.n_synthetic_ == 0


def test_none_accepts_whatever_the_estimator_accepts():
    words = [["a"], ["b"]] * 4
    from sklearn.preprocessing import OneHotEncoder

    classifier = augmented(make_pipeline(OneHotEncoder(), LogisticRegression()), perturb=None)
    assert (classifier.fit(words, ["a", "b"] * 4).predict(words) == ["a", "b"] * 4).all()


@pytest.mark.parametrize("add", [1, 3, 9])
def test_the_larger_set_is_the_real_one_and_its_synthetic_samples(add):
    fitted = augmented(add=add, scale=0).fit(X, Y).estimator_
    assert (fitted._fit_X[: len(X)] == X).all()
    assert (np.bincount(fitted._y) == (1 + add) * np.bincount(Y)).all()
    # At scale 0 a synthetic sample equals its parent, so all samples must occur equally often, with their labels.
    samples, counts = np.unique(np.c_[fitted._fit_X.astype(np.float32), fitted._y], axis=0, return_counts=True)
    assert len(samples) == len(X)
    assert set(counts) == {1 + add}


def test_synthetic_samples_are_new_and_within_the_range_seen():
    fitted = augmented(add=3).fit(X, Y).estimator_
    synthetic = fitted._fit_X[len(X) :]
    assert not (synthetic[:, None] == X[None]).all(2).any()
    assert (synthetic >= X.min(0)).all()
    assert (synthetic <= X.max(0)).all()


def test_filter_and_plain_decode_are_passed_on():
    plain = augmented(scale=0, residual=False).fit(X, Y).estimator_._fit_X[len(X) :]
    assert not (plain[:, None].astype(np.float32) == X[None].astype(np.float32)).all(2).any()
    with pytest.warns(UserWarning, match="the filter accepts less than 10% of the synthetic samples"):
        fitted = augmented(filter=Confident(lambda x: torch.zeros(len(x), 3), 1.0)).fit(X, Y).estimator_
    # Each synthetic sample was rejected and replaced by its parent.
    assert set(map(tuple, fitted._fit_X.astype(np.float32))) == set(map(tuple, X.astype(np.float32)))


@pytest.mark.parametrize(
    ("x", "y", "scheme", "other"),
    [(X, Y, Interpolate(), Extrapolate()), (IMAGES, DIGIT, Extrapolate(), Interpolate())],
    ids=["tabular", "images"],
)
def test_the_shape_of_a_sample_decides_the_perturbation(x, y, scheme, other):
    usual, named, different = (
        augmented(**s).fit(x, y).estimator_._fit_X for s in ({}, {"perturb": scheme}, {"perturb": other})
    )
    np.testing.assert_array_equal(usual, named)
    assert not np.array_equal(usual, different)
    halved = augmented(scale=0.5).fit(x, y).estimator_._fit_X
    np.testing.assert_array_equal(halved, augmented(perturb=type(scheme)(0.5)).fit(x, y).estimator_._fit_X)


@pytest.mark.usefixtures("random_state_untouched")
def test_the_seed_decides_and_torchs_global_state_is_untouched():
    a, b, c = (augmented(random_state=s).fit(X, Y).estimator_._fit_X for s in (0, 0, 1))
    assert (a == b).all()
    assert (a != c).any()
    generator = np.random.RandomState(0)
    d, e = (augmented(random_state=generator).fit(X, Y).estimator_._fit_X for _ in range(2))
    assert (a == d).all()
    assert (d != e).any()


def test_a_search_chooses_the_scheme():
    grid = [{"perturb": [None]}, {"perturb": [Extrapolate(), Posterior()], "scale": [0.5, 1.0], "add": [1, 3]}]
    search = GridSearchCV(augmented(), grid, cv=3).fit(X, Y)
    assert len(search.cv_results_["params"]) == 9
    assert search.cv_results_["mean_test_score"][0] == cross_val_score(KNeighborsClassifier(1), X, Y, cv=3).mean()
    assert search.predict(X).shape == Y.shape


def test_a_halving_random_search_chooses_the_scheme():
    space = {"perturb": [None, Extrapolate(), Covariance()], "scale": [0.5, 1.0], "estimator__n_neighbors": [1, 3]}
    search = HalvingRandomSearchCV(augmented(), space, n_candidates=6, cv=2, random_state=0, error_score="raise")
    assert search.fit(X, Y).best_params_.keys() == space.keys()
    by_steps = HalvingRandomSearchCV(
        augmented(), {"scale": [0.5, 1.0]}, n_candidates=2, resource="steps", max_resources=4
    )
    assert by_steps.fit(X, Y).best_params_["scale"] in (0.5, 1.0)


def test_only_the_samples_of_fit_reach_the_vae():
    weight = np.ones(len(X))
    weight[::4] = 0
    for train, test in KFold(3).split(X):
        RecordingVAE.seen.clear()
        classifier = augmented(vae=RecordingVAE(), steps=None).fit(X[train], Y[train], sample_weight=None)
        encoded = len(RecordingVAE.seen)
        classifier.score(X[test], Y[test])
        assert len(RecordingVAE.seen) == encoded
        assert (np.concatenate(RecordingVAE.seen) == X[train].astype(np.float32)).all()
    RecordingVAE.seen.clear()
    augmented(Recording(), vae=RecordingVAE(), steps=None).fit(X, Y, sample_weight=weight)
    assert (np.concatenate(RecordingVAE.seen) == X[weight > 0].astype(np.float32)).all()


def test_a_synthetic_sample_has_the_metadata_of_its_parent():
    weight, cost = np.arange(1.0, len(X) + 1), np.arange(len(X))
    weight[::4] = 0
    classifier = augmented(Recording(), scale=0, add=3)
    fitted = classifier.fit(X, Y, sample_weight=list(weight), cost=cost).estimator_
    assert (fitted.cost_[: len(X)] == cost).all()
    assert (fitted.x_.astype(np.float32) == X[fitted.cost_].astype(np.float32)).all()
    assert (fitted.weight_ == weight[fitted.cost_]).all()


def test_metadata_is_routed():
    weight = np.ones(len(X))
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        asking = make_pipeline(scaler, Recording().set_fit_request(sample_weight=True))
        fitted = augmented(asking).fit(X, Y, sample_weight=weight).estimator_
        assert fitted[-1].weight_.shape == (2 * len(X),)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            augmented(Recording()).fit(X, Y, sample_weight=weight)


def test_it_can_be_boosted():
    boosted = AdaBoostClassifier(augmented(DecisionTreeClassifier(max_depth=2)), n_estimators=2, random_state=0)
    assert boosted.fit(X, Y).score(X, Y) > 0.6


def test_frames_keep_names_types_and_whole_numbers():
    pandas = pytest.importorskip("pandas")
    from sklearn.compose import ColumnTransformer

    frame = pandas.DataFrame(
        {"a": X[:, 0], "count": X[:, 12].astype(int), "flag": X[:, 1] > 2}, index=range(7, 7 + len(X))
    )
    inner = make_pipeline(ColumnTransformer([("n", StandardScaler(), ["count", "a"])]), KNeighborsClassifier(1))
    y = pandas.Series(np.array(["x", "y", "z"])[Y], index=frame.index)
    classifier = augmented(inner).fit(frame, y)
    assert list(classifier.feature_names_in_) == ["a", "count", "flag"]
    assert list(classifier.classes_) == ["x", "y", "z"]
    assert classifier.score(frame, y) == 1

    class StoringFrame(KNeighborsClassifier):
        def fit(self, X, y):
            self.frame_ = X
            return super().fit(X, y)

    larger = augmented(StoringFrame()).fit(frame, y).estimator_.frame_
    assert len(larger) == 2 * len(X)
    assert larger.iloc[: len(X)].equals(frame.reset_index(drop=True))
    assert (larger.dtypes == frame.dtypes).all()
    synthetic = larger.iloc[len(X) :]
    assert synthetic["a"].mod(1).any()
    assert synthetic["flag"].nunique() == 2


def test_images_reach_the_estimator_flattened_or_unchanged():
    classifier = augmented().fit(IMAGES, DIGIT)
    assert classifier.n_features_in_ == 64
    assert classifier.event_shape_ == (8, 8)
    assert (classifier.estimator_._fit_X[:60] == IMAGES.reshape(60, 64)).all()
    assert classifier.score(IMAGES, DIGIT) == 1
    flattening = make_pipeline(_Flat(), KNeighborsClassifier(1))
    unchanged = augmented(flattening, flatten=False).fit(IMAGES, DIGIT)
    assert unchanged.estimator_[0].shape_ == (120, 8, 8)
    assert (unchanged.estimator_[1]._fit_X == classifier.estimator_._fit_X).all()
    # The same pixels as tabular data are encoded by another, fully connected VAE.
    tabular = augmented().fit(IMAGES.reshape(60, 64), DIGIT).estimator_._fit_X
    assert (tabular != classifier.estimator_._fit_X).any()


class _Flat(StandardScaler):
    def fit(self, X, y=None):
        self.shape_ = X.shape
        return self

    def transform(self, X):
        return X.reshape(len(X), -1)


def test_another_shape_than_at_fit_is_refused():
    classifier = augmented().fit(IMAGES, DIGIT)
    with pytest.raises(
        InputError, match=r"samples of shape \(N, 8, 8\), got \(60, 64\); pass them in the shape seen at fit"
    ):
        classifier.predict(IMAGES.reshape(60, 64))


def test_the_classifier_has_only_the_methods_of_its_estimator():
    assert not hasattr(augmented(LinearSVC()), "predict_proba")
    assert hasattr(augmented(LinearSVC()), "decision_function")
    assert not hasattr(augmented(), "decision_function")
    fitted = augmented().fit(X, Y)
    assert (
        (fitted.predict_log_proba(X) == fitted.estimator_.predict_log_proba(X)).all()
        if hasattr(fitted, "predict_log_proba")
        else not hasattr(KNeighborsClassifier, "predict_log_proba")
    )


def test_a_class_of_one_sample_is_duplicated():
    y = np.where(np.arange(len(X)) == 5, 7, Y)
    fitted = augmented().fit(X, y).estimator_
    members = fitted._fit_X[fitted._y == 3]
    assert (members.astype(np.float32) == X[[5, 5]].astype(np.float32)).all()


def test_pickle_and_clone():
    classifier = augmented(filter=None, training={"beta": 2.0}).fit(X, Y)
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.predict(X) == classifier.predict(X)).all()
    assert clone(classifier).get_params()["training"] == {"beta": 2.0}
    # The fitted estimator can be deployed without the VAE and without this library.
    assert b"vaeaug" not in pickle.dumps(classifier.estimator_)


@pytest.mark.parametrize(
    ("old", "new"),
    [("keep", "filter"), ("latent", "latent_dim"), ("ratio", "add = ratio / (1 - ratio)")],
)
def test_old_names_of_parameters_are_refused(old, new):
    message = f"expected the argument {new}, got {old}=0.75; {old} is now called {new}"
    with pytest.raises(InputError, match=re.escape(message)):
        augmented(**{old: 0.75})
    assert old not in augmented().get_params()


def test_quiet_unless_asked(capsys):
    augmented().fit(X, Y)
    assert capsys.readouterr() == ("", "")
    augmented(verbose=1).fit(X, Y)
    assert "fitting the VAE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimator": LinearRegression()}, "expected a classifier as estimator, got LinearRegression"),
        ({"add": -0.1}, "expected add to be a number from 0 up, got -0.1"),
        ({"perturb": "Posterior"}, "expected a perturbation or \"auto\", got 'Posterior'"),
        ({"scale": -1}, "expected scale to be a number from 0 to 1, got -1"),
        ({"filter": 0.3}, "expected a filter or None, got 0.3"),
        ({"steps": 0}, "expected steps to be a whole number from 1 up, got 0"),
        ({"latent_dim": 0}, "expected latent_dim to be a whole number from 1 up, got 0"),
        ({"vae": RecordingVAE()}, "expected no training arguments with a VAE of your own, got steps; leave them out"),
        ({"training": 3}, "expected training as a dict of arguments of fit_vae, got 3; for example {'beta': 2.0}"),
        (
            {"training": {"checkpoint": "a"}},
            "expected training without checkpoint, seed or vae, got checkpoint; every fit",
        ),
    ],
)
def test_invalid_settings(settings, message):
    with pytest.raises(InputError, match=message):
        augmented(**settings).fit(X, Y)


@pytest.mark.parametrize(
    ("x", "y", "settings", "message"),
    [
        (X, np.zeros(len(X)), {}, "at least two classes"),
        (X, Y, {"sample_weight": np.zeros(len(X))}, "expected a non-zero sample_weight, got zero for every sample"),
        (
            X,
            Y,
            {"sample_weight": np.ones(3)},
            r"expected sample_weight of shape \(60,\), got \(3,\); pass one weight for each",
        ),
        (X, np.linspace(0, 1, len(X)), {}, "Unknown label type: continuous"),
        (np.where(X > 1000, np.nan, X), Y, {}, "Input X contains NaN"),
    ],
)
def test_invalid_data(x, y, settings, message):
    with pytest.raises(ValueError, match=message):
        augmented(Recording()).fit(x, y, **settings)
