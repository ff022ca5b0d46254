"""`AugmentedClassifier` inside and around the estimators of others: each works, or is refused in one line."""

# ruff: noqa: N803 (X is what scikit-learn calls it)
import inspect
import re
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, RFECV, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from vaeaug import VAE, AugmentedClassifier, InputError

WINE_X, WINE_Y = load_wine(return_X_y=True)
X, Y = WINE_X[::3], WINE_Y[::3]
X_VAL, Y_VAL = WINE_X[1::3], WINE_Y[1::3]  # 59 samples
TWO_X, TWO_Y = (a[::6] for a in load_breast_cancer(return_X_y=True))
WEIGHT = np.arange(1.0, len(X) + 1)
WORDS = np.array(["ale", "bock", "cider"])
DIGITS = load_digits()
IMAGES, DIGIT = DIGITS.images[:60], DIGITS.target[:60]


def tree():
    return DecisionTreeClassifier(max_depth=3, random_state=0)


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression())


def augmented(estimator=None, **settings):
    return AugmentedClassifier(tree() if estimator is None else estimator, **{"steps": 2, "random_state": 0} | settings)


class Recording(GaussianNB):
    """Stores what reaches `fit`."""

    def fit(self, X, y, sample_weight=None, **params):
        self.x_, self.y_, self.params_ = X, y, params
        return super().fit(X, y, sample_weight)


# Hosts around ours

HOSTS = {
    "bagging": BaggingClassifier(augmented(), 3, random_state=0),
    "bagging of a classifier without weights": BaggingClassifier(augmented(KNeighborsClassifier()), 3, random_state=0),
    "bagging of a pipeline": BaggingClassifier(augmented(logistic()), 3, random_state=0),
    "bagging over columns": BaggingClassifier(augmented(), 3, max_features=0.5, random_state=0),
    "bagging, out of bag": BaggingClassifier(augmented(), 20, oob_score=True, random_state=0),
    "voting": VotingClassifier([("a", augmented()), ("b", augmented(logistic()))]),
    "soft voting": VotingClassifier([("a", augmented()), ("b", augmented(logistic()))], voting="soft"),
    "stacking": StackingClassifier([("a", augmented()), ("b", augmented(logistic()))], LogisticRegression(), cv=2),
    "stacking on ours": StackingClassifier([("a", tree())], augmented(LogisticRegression()), cv=2),
    "calibration": CalibratedClassifierCV(augmented(), cv=2),
    "calibration of decision values": CalibratedClassifierCV(augmented(LinearSVC()), cv=2, ensemble=False),
    "one against the rest": OneVsRestClassifier(augmented(LogisticRegression(max_iter=5000))),
    "one against one": OneVsOneClassifier(augmented()),
    "boosting": AdaBoostClassifier(augmented(), n_estimators=2),
    "search": GridSearchCV(
        augmented(logistic()),
        {"estimator__logisticregression__C": [0.1, 1.0], "training": [None, {"beta": 2.0}]},
        cv=2,
        error_score="raise",
    ),
    "elimination of columns": RFE(augmented(), n_features_to_select=5, step=4),
    "elimination by coefficients": RFE(augmented(LogisticRegression(max_iter=5000)), n_features_to_select=5, step=4),
    "elimination with cross-validation": RFECV(augmented(), step=6, cv=2),
    "selection of columns": make_pipeline(SelectFromModel(augmented()), logistic()),
    "a pipeline that returns frames": make_pipeline(StandardScaler(), augmented()).set_output(transform="pandas"),
}


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_host_trains_ours(host):
    host = clone(host)
    if "returns frames" in repr(host):
        pytest.importorskip("pandas")
    fitted = host.fit(X, Y)
    assert fitted.score(X_VAL, Y_VAL) > 0.6
    assert set(fitted.predict(X)) == {0, 1, 2}


@pytest.mark.parametrize("name", ["bagging of a classifier without weights", "bagging over columns"])
def test_every_bag_is_augmented(name):
    fitted = clone(HOSTS[name]).fit(X, Y)
    for bag, columns in zip(fitted.estimators_, fitted.estimators_features_, strict=True):
        assert bag.n_synthetic_ > 20
        assert bag.event_shape_ == (len(columns),)


def test_a_bag_leaves_its_samples_of_weight_zero_out_of_the_augmentation():
    fitted = clone(HOSTS["bagging"]).fit(X, Y)
    for bag, drawn in zip(fitted.estimators_, fitted.estimators_samples_, strict=True):
        assert bag.n_synthetic_ <= len(drawn)
        assert bag.n_synthetic_ in (len(np.unique(drawn)), len(drawn))


def test_importances_are_those_of_the_fitted_classifier():
    by_tree, by_line = augmented().fit(X, Y), augmented(LogisticRegression(max_iter=5000)).fit(X, Y)
    assert (by_tree.feature_importances_ == by_tree.estimator_.feature_importances_).all()
    assert (by_line.coef_ == by_line.estimator_.coef_).all()
    assert by_line.coef_.shape == (3, 13)
    for classifier, name in ((by_tree, "coef_"), (by_line, "feature_importances_"), (augmented(), "coef_")):
        assert not hasattr(classifier, name)


def test_columns_are_eliminated_by_what_the_pipeline_inside_knows():
    getter = "estimator_.named_steps.logisticregression.coef_"
    selected = RFE(augmented(logistic()), n_features_to_select=5, step=4, importance_getter=getter).fit(X, Y)
    assert selected.estimator_.event_shape_ == (5,)
    assert selected.support_.sum() == 5
    with pytest.raises(ValueError, match="AugmentedClassifier should have `coef_` or `feature_importances_` attribute"):
        RFE(augmented(KNeighborsClassifier())).fit(X, Y)


def test_a_vae_of_all_columns_is_refused_for_some_of_them():
    host = RFE(augmented(vae=VAE((13,), latent_dim=2), steps=None), n_features_to_select=5, step=4)
    with pytest.raises(InputError, match=r"expected samples of shape \(B, 13\), got \(60, 9\)"):
        host.fit(X, Y)


def test_a_threshold_is_tuned_outside():
    tuned = TunedThresholdClassifierCV(augmented(), scoring="balanced_accuracy", cv=3).fit(TWO_X, TWO_Y)
    assert 0 <= tuned.best_threshold_ <= 1
    assert tuned.estimator_.n_synthetic_ == len(TWO_X)
    assert tuned.score(TWO_X, TWO_Y) > 0.9


def test_a_fitted_one_is_calibrated_or_stacked():
    fitted = augmented().fit(X, Y)
    assert CalibratedClassifierCV(FrozenEstimator(fitted)).fit(X_VAL, Y_VAL).score(X, Y) > 0.8
    assert StackingClassifier([("a", fitted)], cv="prefit").fit(X_VAL, Y_VAL).score(X, Y) > 0.8


def test_cross_validation_with_weights_and_predictions():
    result = cross_validate(augmented(), X, Y, cv=3, params={"sample_weight": WEIGHT}, return_estimator=True)
    assert [fold.n_synthetic_ for fold in result["estimator"]] == [40, 40, 40]
    assert not hasattr(clone(result["estimator"][0]), "classes_")
    assert cross_val_predict(augmented(), X, Y, cv=3, method="predict_proba").shape == (60, 3)


def test_columns_are_permuted():
    importances = permutation_importance(augmented().fit(X, Y), X, Y, n_repeats=2, random_state=0)
    assert importances.importances.shape == (13, 2)
    assert importances.importances_mean.max() > 0.05


def test_in_a_pipeline_of_imbalanced_learn():
    pytest.importorskip("imblearn", reason="needs imbalanced-learn")
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline

    pipe = make_pipeline(RandomOverSampler(random_state=0), augmented()).fit(X, Y)
    # 24 of the largest class, three classes, as many synthetic ones.
    assert pipe[-1].n_synthetic_ == 3 * np.bincount(Y).max()
    assert pipe.score(X_VAL, Y_VAL) > 0.75


def test_many_labels_for_a_sample_are_for_one_against_the_rest():
    many = np.eye(3, dtype=int)[Y]
    assert OneVsRestClassifier(augmented()).fit(X, many).predict(X).shape == (60, 3)
    assert not get_tags(augmented(KNeighborsClassifier())).classifier_tags.multi_label
    with pytest.raises(ValueError, match="y should be a 1d array, got an array of shape"):
        augmented(KNeighborsClassifier()).fit(X, many)


# Arguments of fit


@pytest.mark.parametrize(
    ("estimator", "takes"),
    [(tree(), True), (KNeighborsClassifier(), False), (logistic(), False), (MLPClassifier, None)],
)
def test_the_signature_has_weights_where_the_classifier_takes_them(estimator, takes):
    estimator = estimator() if inspect.isclass(estimator) else estimator
    assert has_fit_parameter(augmented(estimator), "sample_weight") is has_fit_parameter(estimator, "sample_weight")
    assert takes in (None, has_fit_parameter(estimator, "sample_weight"))
    assert "sample_weight" in inspect.signature(AugmentedClassifier.fit).parameters
    assert augmented(estimator).fit.__doc__ == AugmentedClassifier.fit.__doc__


@pytest.mark.parametrize(
    ("estimator", "params", "message"),
    [
        (
            KNeighborsClassifier(),
            {"sample_weight": WEIGHT},
            "expected arguments that KNeighborsClassifier.fit has (none but X and y), got sample_weight; leave it out",
        ),
        (
            tree(),
            {"eval_set": []},
            "expected arguments that DecisionTreeClassifier.fit has (sample_weight, check_input), got eval_set",
        ),
        (
            logistic(),
            {"sample_weight": WEIGHT},
            "expected arguments of fit named STEP__NAME, with a step of standardscaler, logisticregression, "
            "got sample_weight; for example logisticregression__sample_weight",
        ),
        (
            logistic(),
            {"tree__sample_weight": WEIGHT},
            "got tree__sample_weight; for example logisticregression__sample",
        ),
        (tree(), {"sample_weight": WEIGHT[:, None]}, "expected sample_weight of shape (60,), got (60, 1); pass one"),
        (
            tree(),
            {"sample_weight": np.where(WEIGHT < 3, np.nan, WEIGHT)},
            "expected finite numbers as sample_weight, got NaN",
        ),
        (tree(), {"sample_weight": ["a"] * 60}, "expected numbers as sample_weight, got list; pass one weight"),
        (
            Recording(),
            {"init_score": np.zeros(180)},
            "expected init_score with one value or row for each of 60 samples, got shape (180,); reshape it",
        ),
        (
            Recording(),
            {"eval_set": [X_VAL, Y_VAL]},
            "expected eval_set as a list of pairs (X, y), got an array of shape",
        ),
        (
            Recording(),
            {"eval_set": [(X_VAL, Y_VAL, WEIGHT)]},
            "expected eval_set as a list of pairs (X, y), got 3 entries",
        ),
        (
            Recording(),
            {"eval_set": [(X_VAL[:, :4], Y_VAL)]},
            "expected samples of shape (N, 13) in eval_set, got (59, 4); pass them in the shape of X",
        ),
        (Recording(), {"eval_set": [(X_VAL, Y_VAL[:9])]}, "for each sample in eval_set, got 59 samples and 9 labels"),
        (
            Recording(),
            {"eval_set": (X_VAL, WORDS[Y_VAL])},
            "expected labels of eval_set among the classes of y (0, 1, 2), got 'ale'; label the validation data as y",
        ),
        (
            Recording(),
            {"X_val": X_VAL, "y_val": Y_VAL + 1},
            "expected labels of y_val among the classes of y (0, 1, 2)",
        ),
        (
            Recording(),
            {"X_val": X_VAL[:, :4], "y_val": Y_VAL},
            "expected samples of shape (N, 13) in X_val, got (59, 4)",
        ),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_before_training(estimator, params, message):
    with pytest.raises(InputError, match=re.escape(message)):
        augmented(estimator, steps=10**9).fit(X, Y, **params)


VALIDATION = {
    "a pair": {"eval_set": (X, Y)},
    "a list of pairs": {"eval_set": [(X, Y), (X_VAL, Y_VAL)], "eval_sample_weight": [WEIGHT, WEIGHT[:59]]},
    "LightGBM": {"eval_X": X, "eval_y": Y, "eval_sample_weight": [WEIGHT]},
    "XGBoost": {"eval_set": [(X, Y)], "sample_weight_eval_set": [WEIGHT], "base_margin_eval_set": [WEIGHT]},
    "scikit-learn": {"X_val": X, "y_val": Y, "sample_weight_val": WEIGHT},
    "per column": {"feature_weights": WEIGHT, "feature_name": list(map(str, range(60)))},
}


@pytest.mark.parametrize("params", VALIDATION.values(), ids=VALIDATION)
@pytest.mark.parametrize("settings", [{}, {"perturb": None}], ids=["augmented", "plain"])
def test_validation_data_is_passed_on_as_it_is_even_if_it_is_as_long_as_x(params, settings):
    fitted = augmented(Recording(), **settings).fit(X, Y, **params).estimator_
    assert len(fitted.x_) == (60 if settings else 120)
    assert fitted.params_.keys() == params.keys()
    for name, value in params.items():
        assert type(fitted.params_[name]) is type(value)
        for passed, given in zip(flat(fitted.params_[name]), flat(value), strict=True):
            np.testing.assert_array_equal(passed, given)


def flat(value):
    """The arrays of nested lists and tuples."""
    return [part for element in value for part in flat(element)] if isinstance(value, list | tuple) else [value]


def test_values_per_sample_follow_their_sample():
    scores = np.stack([WEIGHT, -WEIGHT, 2 * WEIGHT], 1)
    words = [[i] * (1 + i % 2) for i in range(60)]
    fitted = augmented(Recording(), scale=0).fit(X, Y, init_score=scores, costs=tuple(WEIGHT), words=words).estimator_
    parents = fitted.params_["costs"].astype(int) - 1
    assert (parents[:60] == np.arange(60)).all()
    assert (fitted.x_.astype(np.float32) == X[parents].astype(np.float32)).all()
    assert (fitted.params_["init_score"] == scores[parents]).all()
    assert [words[parent] for parent in parents] == fitted.params_["words"]


def test_one_weight_for_all_samples():
    fitted = augmented().fit(X, Y, sample_weight=2.0)
    assert fitted.n_synthetic_ == 60


@pytest.mark.parametrize("name", ["eval_set", "X_val"])
def test_validation_images_are_flattened_as_the_images_of_x(name):
    params = {"eval_set": [(IMAGES, DIGIT)]} if name == "eval_set" else {"X_val": IMAGES, "y_val": DIGIT}
    fitted = augmented(Recording()).fit(IMAGES, DIGIT, **params).estimator_
    passed = fitted.params_[name][0][0] if name == "eval_set" else fitted.params_[name]
    assert (passed == IMAGES.reshape(60, 64)).all()
    other = {"eval_set": [(IMAGES[:, :4], DIGIT)]} if name == "eval_set" else {"X_val": IMAGES[:, :4], "y_val": DIGIT}
    with pytest.raises(InputError, match=rf"expected samples of shape \(N, 8, 8\) in {name}, got \(60, 4, 8\)"):
        augmented(Recording(), steps=10**9).fit(IMAGES, DIGIT, **other)


def test_validation_data_is_routed():
    with config_context(enable_metadata_routing=True):
        asking = Recording().set_fit_request(sample_weight=True)
        fitted = augmented(asking).fit(X, Y, sample_weight=WEIGHT)
        assert fitted.n_synthetic_ == 60
        search = GridSearchCV(augmented(asking), {"add": [1, 2]}, cv=2, error_score="raise")
        assert search.fit(X, Y, sample_weight=WEIGHT).best_estimator_.n_synthetic_ in (60, 120)


# Other libraries

# LightGBM 4.7 calls it eval_X and eval_y.
old_name = pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")


@old_name
@pytest.mark.parametrize(
    ("labels", "names"),
    # LightGBM 4.7 does not number the words of eval_y, also without us.
    [(Y, "eval_set"), (WORDS[Y], "eval_set"), (Y, "eval_X")],
    ids=["numbers", "words", "numbers, new name"],
)
def test_lightgbm_stops_early_on_real_samples(labels, names):
    lightgbm = pytest.importorskip("lightgbm", reason="needs the package lightgbm")
    labels_val = WORDS[Y_VAL] if labels.dtype.kind == "U" else Y_VAL
    held_out = {"eval_set": [(X_VAL, labels_val)]}
    if names == "eval_X":
        held_out = {"eval_X": X_VAL, "eval_y": labels_val}
        if names not in inspect.signature(lightgbm.LGBMClassifier.fit).parameters:
            pytest.skip("needs LightGBM 4.7")
    booster = lightgbm.LGBMClassifier(n_estimators=30, min_child_samples=5, verbose=-1, random_state=0, n_jobs=1)
    stop = lightgbm.early_stopping(3, verbose=False)
    fitted = augmented(booster).fit(X, labels, callbacks=[stop], **held_out)
    losses = fitted.estimator_.evals_result_["valid_0"]["multi_logloss"]
    best = fitted.estimator_.best_iteration_
    # The loss of the real validation samples with their own labels, and of no others.
    assert losses[best - 1] == pytest.approx(log_loss(labels_val, fitted.predict_proba(X_VAL)))
    assert len(fitted.feature_importances_) == 13
    assert fitted.score(X_VAL, labels_val) > 0.85


@old_name
def test_lightgbm_with_frames():
    lightgbm = pytest.importorskip("lightgbm", reason="needs the package lightgbm")
    pandas = pytest.importorskip("pandas")
    columns = [f"c{i}" for i in range(13)]
    frame, frame_val = pandas.DataFrame(X, columns=columns), pandas.DataFrame(X_VAL, columns=columns)
    booster = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)
    fitted = augmented(booster).fit(frame, Y, eval_set=[(frame_val, Y_VAL)], eval_names=["held out"])
    assert list(fitted.estimator_.evals_result_) == ["held out"]
    assert fitted.estimator_.feature_name_ == columns
    with pytest.raises(InputError, match="expected the columns of X in their order in eval_set, got c12, c11"):
        augmented(booster, steps=10**9).fit(frame, Y, eval_set=[(frame_val[columns[::-1]], Y_VAL)])


def test_xgboost_stops_early_on_real_samples():
    xgboost = pytest.importorskip("xgboost", reason="needs the package xgboost or xgboost-cpu")
    booster = xgboost.XGBClassifier(n_estimators=30, early_stopping_rounds=3, random_state=0, n_jobs=1)
    weights = {"sample_weight": WEIGHT, "sample_weight_eval_set": [WEIGHT[:59]]}
    fitted = augmented(booster).fit(X, Y, eval_set=[(X_VAL, Y_VAL)], verbose=False, **weights)
    losses = fitted.estimator_.evals_result()["validation_0"]["mlogloss"]
    expected = log_loss(Y_VAL, fitted.predict_proba(X_VAL), sample_weight=WEIGHT[:59])
    assert losses[fitted.estimator_.best_iteration] == pytest.approx(expected, rel=1e-4)
    assert len(fitted.feature_importances_) == 13


# Settings by which a classifier would judge itself on synthetic copies


@pytest.mark.parametrize(
    ("estimator", "setting"),
    [
        (HistGradientBoostingClassifier(max_iter=3, early_stopping=True), "early_stopping=True"),
        (GradientBoostingClassifier(n_estimators=3, n_iter_no_change=2), "n_iter_no_change=2"),
        (make_pipeline(StandardScaler(), SGDClassifier(early_stopping=True)), "sgdclassifier__early_stopping=True"),
        (GridSearchCV(tree(), {"max_depth": [1, 3]}, cv=2), "cv=2"),
        (CalibratedClassifierCV(tree()), "cv=None"),
        (RandomForestClassifier(20, oob_score=True, random_state=0), "oob_score=True"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_validation_inside_is_named(estimator, setting):
    with pytest.warns(UserWarning, match=f"{re.escape(setting)} makes the classifier judge itself on synthetic copies"):
        augmented(estimator).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        augmented(estimator, perturb=None).fit(X, Y)


def test_early_stopping_on_validation_data_of_its_own():
    if "X_val" not in inspect.signature(HistGradientBoostingClassifier.fit).parameters:
        pytest.skip("needs scikit-learn 1.7")
    booster = HistGradientBoostingClassifier(max_iter=30, early_stopping=True, scoring="loss", random_state=0)
    fitted = augmented(booster).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    losses = -fitted.estimator_.validation_score_
    assert losses[-1] == pytest.approx(log_loss(Y_VAL, fitted.predict_proba(X_VAL)))


def test_large_sets_stop_early_by_themselves():
    from vaeaug.plugins.sklearn_params import warn_of_inner_validation

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_inner_validation(HistGradientBoostingClassifier(), [], 10_000)
        warn_of_inner_validation(HistGradientBoostingClassifier(), ["X_val"], 10_001)
        warn_of_inner_validation(LogisticRegressionCV(cv="prefit"), [], 10_001)
    with pytest.warns(UserWarning, match="early_stopping='auto' makes"):
        warn_of_inner_validation(HistGradientBoostingClassifier(), [], 10_001)
