import ast
import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks as sklearn_checks

from vaeaug import Difference, Extrapolate, InputError, Posterior

pytest.importorskip("imblearn", reason="needs imbalanced-learn")

from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.utils.estimator_checks import parametrize_with_checks as imblearn_checks

from vaeaug.plugins import imblearn
from vaeaug.plugins.imblearn import VAEOverSampler

X, Y = load_wine(return_X_y=True)
# 40 of class 0, 20 of class 1, 12 of class 2, in random order.
INDEX = np.random.RandomState(0).permutation(np.r_[0:40, 59:79, 130:142])
X, Y = X[INDEX], Y[INDEX]
DIGITS = load_digits()
FEW = np.r_[np.flatnonzero(DIGITS.target == 3)[:20], np.flatnonzero(DIGITS.target == 8)[:9]]
IMAGES, DIGIT = DIGITS.images[FEW], DIGITS.target[FEW]


def sampler(**settings):
    return VAEOverSampler(**{"steps": 2, "random_state": 0} | settings)


def single(a):
    return np.asarray(a, dtype=np.float32)


def listed(decorator):
    """imbalanced-learn hands pytest a generator, which pytest is about to refuse."""
    names, values = decorator.args
    return pytest.mark.parametrize(names, list(values), **decorator.kwargs)


@listed(imblearn_checks([VAEOverSampler(steps=1, random_state=0)]))
def test_imbalanced_learns_own_checks(estimator, check):
    check(estimator)


@sklearn_checks([VAEOverSampler(steps=1, random_state=0)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "strategy",
    ["auto", "minority", "not minority", "not majority", "all", {2: 30, 1: 20}, lambda y: {0: 45, 2: 13}],
)
def test_every_sampling_strategy_gives_the_counts_of_imbalanced_learn(strategy):
    ours, theirs = sampler(sampling_strategy=strategy), RandomOverSampler(sampling_strategy=strategy)
    counts, expected = (Counter(s.fit_resample(X, Y)[1]) for s in (ours, theirs))
    assert counts == expected
    assert ours.sampling_strategy_ == theirs.sampling_strategy_


def test_a_float_is_the_ratio_of_two_classes():
    two = Y != 1
    assert Counter(sampler(sampling_strategy=0.5).fit_resample(X[two], Y[two])[1]) == {0: 40, 2: 20}
    with pytest.raises(ValueError, match="can be a float only when the type of target is binary"):
        sampler(sampling_strategy=0.5).fit_resample(X, Y)


def test_originals_come_first_and_every_sample_names_its_parent():
    ours = sampler()
    x, y = ours.fit_resample(X, Y)
    parents = ours.sample_indices_
    assert (x[: len(X)] == X).all()
    assert (parents[: len(X)] == np.arange(len(X))).all()
    assert (y == Y[parents]).all()
    assert len(x) == len(y) == len(parents) == 120
    assert (single(x) != single(X[parents])).any(1)[len(X) :].all()
    # At scale 0 a synthetic sample equals its parent.
    still, _ = sampler(scale=0).fit_resample(X, Y)
    assert (single(still) == single(X[parents])).all()
    # Parents are used cyclically: each of the 20 of class 1 once, each of the 12 of class 2 two or three times.
    times = np.bincount(parents[len(X) :], minlength=len(X))
    assert set(times[Y == 0]) == {0}
    assert set(times[Y == 1]) == {1}
    assert set(times[Y == 2]) == {2, 3}


def test_parents_keep_synthetic_samples_in_the_fold_of_their_parent():
    ours = sampler()
    x, y = ours.fit_resample(X, Y)
    groups = np.arange(len(X))[ours.sample_indices_]
    for train, test in GroupKFold(3).split(x, y, groups):
        assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize(
    ("x", "event"),
    [
        (IMAGES, (1, 8, 8)),
        (IMAGES[:, None], (1, 8, 8)),
        (np.stack([IMAGES, IMAGES / 2, 16 - IMAGES], 1), (3, 8, 8)),
        (np.stack([IMAGES, IMAGES / 2, 16 - IMAGES], -1), (3, 8, 8)),
        (np.stack([IMAGES, IMAGES / 2, 16 - IMAGES], -1).astype(np.uint8), (3, 8, 8)),
        (np.pad(IMAGES, ((0, 0), (0, 0), (2, 1)))[..., None], (1, 8, 11)),
        (IMAGES.astype(np.int16), (1, 8, 8)),
        (IMAGES[:, :5, :7], (35,)),
        (IMAGES.reshape(-1, 2, 2, 2, 8), (64,)),
        (IMAGES.reshape(-1, 64) > 7, (64,)),
        (IMAGES.reshape(-1, 64).astype(np.float32), (64,)),
    ],
)
def test_samples_of_any_shape_and_type(x, event):
    ours = sampler(scale=0)
    still, y = ours.fit_resample(x, DIGIT)
    # Equality with the parents means that no axes were confused.
    assert (single(still) == single(x[ours.sample_indices_])).all()
    assert still.dtype == x.dtype
    assert Counter(y) == {3: 20, 8: 20}
    assert ours.augmenter_.bank_.samples.event_shape == event
    # A VAE trained for two steps changes a whole number only at a large scale.
    moved, _ = sampler(scale=1e4).fit_resample(x, DIGIT)
    assert moved.dtype == x.dtype
    assert (moved[len(x) :] != still[len(x) :]).any()
    assert moved.min() >= x.min()
    assert moved.max() <= x.max()


def test_the_largest_whole_number_survives():
    x = X.astype(np.int32)
    x[:, 3] = np.iinfo(np.int32).max
    resampled, _ = sampler(scale=0).fit_resample(x, Y)
    assert (resampled[:, 3] == x[0, 3]).all()


def test_frames_in_frames_out():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "count": X[:, 12].astype(int), "flag": X[:, 1] > 2})
    y = pandas.Series(np.array(["ale", "bock", "cider"])[Y], name="drink")
    x, labels = sampler().fit_resample(frame, y)
    assert x.iloc[: len(X)].equals(frame)
    assert (x.dtypes == frame.dtypes).all()
    assert labels.name == "drink"
    assert set(Counter(labels).values()) == {40}
    # Whole numbers are rounded, not truncated: after a tiny change they equal those of the parent.
    ours = sampler(scale=1e-4)
    similar, _ = ours.fit_resample(frame, y)
    parents = frame.iloc[ours.sample_indices_].reset_index(drop=True)
    assert similar[["count", "flag"]].equals(parents[["count", "flag"]])
    assert (similar["a"] != parents["a"]).any()


def test_small_classes_use_the_variation_of_the_others():
    default, named, own_class = (
        sampler(**s).fit_resample(X, Y)[0]
        for s in ({}, {"perturb": Difference(pairs_from="shrunk")}, {"perturb": Difference()})
    )
    np.testing.assert_array_equal(default, named)
    assert not np.array_equal(default, own_class)


@pytest.mark.usefixtures("random_state_untouched")
def test_the_seed_decides_and_torchs_global_state_is_untouched():
    a, b, c = (sampler(random_state=s).fit_resample(X, Y)[0] for s in (0, 0, 1))
    assert (a == b).all()
    assert (a != c).any()


def test_in_a_pipeline_under_cross_validation_and_search():
    pipe = make_pipeline(StandardScaler(), sampler(), LogisticRegression())
    assert cross_val_score(pipe, X, Y, cv=3, error_score="raise").mean() > 0.8
    grid = {"vaeoversampler__perturb": [Extrapolate(), Posterior()], "vaeoversampler__scale": [0.5, 1.0]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_params_.keys() == grid.keys()
    flat = FunctionTransformer(lambda x: x.reshape(len(x), -1))
    images = Pipeline([("grow", sampler()), ("flat", flat), ("clf", KNeighborsClassifier(1))])
    assert cross_val_score(images, IMAGES, DIGIT, cv=3, error_score="raise").mean() > 0.8


def test_balanced_data_is_unchanged():
    ours = sampler(steps=10**9)
    x, y = ours.fit_resample(X[Y == 0].repeat(2, 0), np.array([0, 1] * 40))
    assert len(x) == len(y) == 80
    assert ours.augmenter_ is None


def test_a_class_of_one_sample_cannot_grow_but_is_allowed():
    y = np.where(Y == 2, 0, Y).astype(object)
    y[y == 0], y[y == 1] = "many", "some"
    y[7] = "one"
    with pytest.raises(
        InputError, match="at least 2 samples of every class that is to grow, got 1 of class one; leave it out"
    ):
        sampler().fit_resample(X, y)
    counts = Counter(sampler(sampling_strategy={"some": 30, "one": 1}).fit_resample(X, y)[1])
    assert counts["some"] == 30
    assert counts["one"] == 1
    # The other class may have a single sample.
    few = np.where(np.arange(len(X)) == 7, 1, 0)
    assert Counter(sampler(sampling_strategy={0: 80}).fit_resample(X, few)[1]) == {0: 80, 1: 1}


def test_one_feature_and_constant_features():
    x, _ = sampler().fit_resample(X[:, :1], Y)
    assert x.shape == (120, 1)
    x, _ = sampler().fit_resample(np.c_[X, np.full(len(X), 3.7)], Y)
    assert (x[:, -1] == 3.7).all()


def test_whole_float_labels_keep_their_type():
    _, y = sampler().fit_resample(X, Y.astype(float))
    assert y.dtype == float


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        (np.where(X > 1000, np.inf, X), {}, "Input X contains infinity"),
        (X, {"perturb": None}, "expected a perturbation .*got None"),
        (X, {"scale": -1}, "expected scale to be a number from 0 up, got -1"),
        (X, {"sampling_strategy": "majority"}, "The 'sampling_strategy' parameter of VAEOverSampler must be"),
        (X, {"random_state": "0"}, "The 'random_state' parameter of VAEOverSampler must be"),
        (X, {"training": {"seed": 1}}, "expected training without checkpoint, seed or vae, got seed; every fit trains"),
    ],
)
def test_invalid_input(x, settings, message):
    with pytest.raises(ValueError, match=message):
        sampler(**settings).fit_resample(x, Y)


@pytest.mark.parametrize(("old", "new"), [("keep", "filter"), ("latent", "latent_dim")])
def test_old_names_of_parameters_are_refused(old, new):
    with pytest.raises(InputError, match=f"expected the argument {new}, got {old}=4; {old} is now called {new}"):
        sampler(**{old: 4})
    assert old not in sampler().get_params()


def test_quiet_unless_asked(capsys):
    sampler().fit_resample(X, Y)
    assert capsys.readouterr() == ("", "")
    sampler(verbose=True).fit_resample(X, Y)
    assert "fitting the VAE" in capsys.readouterr().err


def test_without_imbalanced_learn_the_error_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "imblearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("again", imblearn.__file__)
    with pytest.raises(ImportError, match=r"needs imbalanced-learn; run: pip install 'vaeaug\[imblearn\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_the_library_does_not_import_imbalanced_learn():
    folder = Path(imblearn.__file__).parents[1]
    for file in folder.rglob("*.py"):
        if file == Path(imblearn.__file__):
            continue
        for node in ast.parse(file.read_text()).body:
            names = [getattr(node, "module", "") or ""] + [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not any("imblearn" in name for name in names), file
