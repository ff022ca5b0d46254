"""Samples and labels in every form, for scikit-learn and imbalanced-learn: they work, or one clear error says why."""

import re
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from sklearn.neighbors import KNeighborsClassifier

from vaeaug import AugmentedClassifier, InputError, VAEOverSampler

pandas = pytest.importorskip("pandas")
pytest.importorskip("imblearn", reason="needs imbalanced-learn")

INDEX = np.r_[0:20, 60:74, 130:148]  # 20, 14 and 18 of the three classes
X, Y = (a[INDEX] for a in load_wine(return_X_y=True))
WORDS = np.array(["ale", "bock", "cider"])[Y]
DIGITS = load_digits()
IMAGES, DIGIT = (a[:60][DIGITS.target[:60] < 3] for a in (DIGITS.images, DIGITS.target))
COLUMNS = [f"c{i}" for i in range(13)]


def longer_by_classifier(x, y, **settings):
    classifier = AugmentedClassifier(
        KNeighborsClassifier(1), add=1, **{"steps": 2, "scale": 0, "random_state": 0} | settings
    )
    fitted = classifier.fit(x, y)
    assert set(fitted.predict(x)) <= set(fitted.classes_)
    return np.asarray(fitted.estimator_._fit_X), fitted.classes_[fitted.estimator_._y]


def longer_by_sampler(x, y, **settings):
    return VAEOverSampler(**{"steps": 2, "scale": 0, "random_state": 0} | settings).fit_resample(x, y)


DOORS = {"classifier": longer_by_classifier, "over-sampler": longer_by_sampler}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


SAMPLES = {
    "big-endian": X.astype(">f8"),
    "big-endian, single precision": X.astype(">f4"),
    "rows backwards": X[::-1].copy()[::-1],
    "columns backwards": X[:, ::-1].copy()[:, ::-1],
    "column by column": np.asfortranarray(X),
    "every other column of more": np.repeat(X, 2, axis=1)[:, ::2],
    "read-only": read_only(X),
    "objects": X.astype(object),
    "lists": X.tolist(),
    "tuples": tuple(map(tuple, X)),
    "a list of arrays": list(X),
    "a list of tensors with gradients": [torch.tensor(row, requires_grad=True) for row in X],
    "a tensor": torch.tensor(X),
    "a tensor with gradients": torch.tensor(X, requires_grad=True),
    "nothing masked": np.ma.masked_array(X),
    "long doubles": X.astype(np.longdouble),
    "a frame": pandas.DataFrame(X, columns=COLUMNS),
    "a frame of objects": pandas.DataFrame(X, columns=COLUMNS).astype(object),
    "a nullable frame": pandas.DataFrame(X, columns=COLUMNS).astype("Float64"),
}


@every_door
@pytest.mark.parametrize("form", SAMPLES)
def test_samples_of_every_form_are_the_same_samples(door, form):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, y = door(SAMPLES[form], Y)
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
    np.testing.assert_allclose(x[: len(X)], X, rtol=1e-6)
    assert (y[: len(Y)] == Y).all()
    # At scale 0 each synthetic sample is a real one of its class.
    for row, label in zip(x[len(X) :], y[len(Y) :], strict=True):
        assert np.isclose(X[label == Y], row, rtol=1e-5).all(1).any()
    assert len(x) > len(X)


@every_door
@pytest.mark.parametrize("form", ["big-endian", "backwards", "read-only", "objects", "lists", "a tensor"])
def test_images_of_every_form(door, form):
    images = {
        "big-endian": IMAGES.astype(">f4"),
        "backwards": IMAGES[:, :, ::-1].copy()[:, :, ::-1],
        "read-only": read_only(IMAGES),
        "objects": IMAGES.astype(object),
        "lists": IMAGES.tolist(),
        "a tensor": torch.tensor(IMAGES, requires_grad=True),
    }[form]
    x, y = (np.asarray(part) for part in door(images, DIGIT, scale=None))
    expected, labels = door(IMAGES, DIGIT, scale=None)
    np.testing.assert_array_equal(x, expected)
    assert (y == labels).all()


LABELS = {
    "big-endian": (Y.astype(">i4"), Y),
    "backwards": (Y[::-1].copy()[::-1], Y),
    "read-only": (read_only(Y), Y),
    "a list": (Y.tolist(), Y),
    "numpy's numbers in a list": (list(Y), Y),
    "floats": (Y.astype(float), Y.astype(float)),
    "objects that are numbers": (Y.astype(object), Y),
    "words": (WORDS, WORDS),
    "words as objects": (WORDS.astype(object), WORDS),
    "words in a list": (WORDS.tolist(), WORDS),
    "truth values": (Y > 0, Y > 0),
    "truth values as objects": ((Y > 0).astype(object), Y > 0),
    "a tensor": (torch.tensor(Y), Y),
    "a series": (pandas.Series(Y, index=range(7, 7 + len(Y))), Y),
    "a series of objects": (pandas.Series(Y.astype(object)), Y),
    "nullable numbers": (pandas.Series(Y, dtype="Int64"), Y),
    "nullable truth values": (pandas.Series(Y > 0, dtype="boolean"), Y > 0),
    "nullable words": (pandas.Series(WORDS, dtype="string"), WORDS),
    "categories": (pandas.Series(pandas.Categorical(WORDS)), WORDS),
    "categories that are numbers": (pandas.Series(pandas.Categorical(Y)), Y),
    "one column": (pandas.DataFrame({"label": Y}), Y),
    "years": (Y + 2019, Y + 2019),
    "numbers below zero": (Y - 1, Y - 1),
}


@every_door
@pytest.mark.parametrize("form", LABELS)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_of_every_form(door, form):
    labels, expected = LABELS[form]
    x, y = door(X, labels)
    if isinstance(labels, pandas.Series) and door is longer_by_sampler:
        assert y.dtype == labels.infer_objects().dtype
    y = np.asarray(y).reshape(-1)
    assert y.tolist()[: len(Y)] == expected.tolist(), "of the same kind, too"
    assert {type(label) for label in y.tolist()} == {type(expected.tolist()[0])}
    for row, label in zip(x[len(X) :], y[len(Y) :], strict=True):
        assert np.isclose(X[label == expected], row, rtol=1e-5).all(1).any()


def frame_with(column):
    return pandas.DataFrame({"a": X[:, 0], "b": column})


class Polars:
    """Stands for a frame of another library than pandas."""

    columns = ("a", "b")
    shape = (len(X), 2)


Polars.__module__ = "polars.dataframe"
MISSING = "expected a label for every sample, got 20 missing of 52; drop these samples first"
SEVERAL_KINDS = "expected labels of one kind: numbers, words or booleans, got int and str; write them in one way"
SEVERAL_SHAPES = "expected samples of one shape in X, got samples of several shapes; pass samples with the same number"

REFUSED = {
    "ragged samples": ([[1.0, 2.0], [3.0]] * 26, Y, SEVERAL_SHAPES),
    "ragged objects": (
        np.array([[1, 2], [3]] * 26, dtype=object),
        Y,
        "expected samples of one shape in X, got an array of",
    ),
    "ragged labels": (X, [[0], [1, 2]] * 26, "expected one label for each sample, got labels of several lengths"),
    "lists as labels": (X, np.array([[0], [1, 2]] * 26, dtype=object), "expected labels of one kind"),
    "mixed labels": (X, ["a", 1] * 26, SEVERAL_KINDS),
    "mixed labels as objects": (X, np.array(["a", 1] * 26, dtype=object), SEVERAL_KINDS),
    "None among the labels": (X, [None if k == 0 else "a" for k in Y], MISSING),
    "NaN among words": (X, np.array([np.nan if k == 0 else str(k) for k in Y], dtype=object), MISSING),
    "NaN turned into a word": (X, np.array([str(np.nan) if k == 0 else "a" for k in Y]), MISSING),
    "NA among nullable labels": (X, pandas.Series(Y, dtype="Int64").where(Y > 0), MISSING),
    "masked labels": (X, np.ma.masked_equal(Y, 0), MISSING),
    "NaN among numbers": (X, np.where(Y == 0, np.nan, Y), "Input y contains NaN"),
    "no labels": (X, None, "y"),
    "one class": (X, np.zeros(len(X), dtype=int), "class"),
    "a row": (X[:, 0], Y, "Expected 2D array, got 1D array instead"),
    "a list of numbers": (X[:, 0].tolist(), Y, "Expected 2D array, got 1D array instead"),
    "no samples": (X[:0], Y[:0], "Found array with 0 sample(s)"),
    "no columns": (X[:, :0], Y, "Found array with 0 feature(s)"),
    "other lengths": (X, Y[:-1], "Found input variables with inconsistent numbers of samples: [52, 51]"),
    "dates": (X.astype("datetime64[s]"), Y, "expected numbers in X, got dtype datetime64[s]; convert them to numbers"),
    "records": (np.zeros(52, [("a", float)]), Y, "expected numbers in X, got dtype [('a', '<f8')]"),
    "masked samples": (
        np.ma.masked_greater(X, 1000),
        Y,
        "expected values that are all there in X, got 18 masked values",
    ),
    "a masked row in a list": ([*X[:-1], np.ma.masked_less(X[-1], 1)], Y, "expected values that are all there in X"),
    "complex numbers": (X + 1j, Y, "Complex data not supported"),
    "complex tensors": (torch.tensor(X + 1j), Y, "expected real numbers in X, got dtype complex128"),
    "numbers beyond float32": (
        X * 1e300,
        Y,
        "expected numbers up to 3.4e+38 in X, got one of size 1.7e+303; rescale X",
    ),
    "infinity": (np.where(X > 1000, np.inf, X), Y, "Input X contains infinity"),
    "dates in a frame": (
        frame_with(pandas.date_range("2020", periods=52)),
        Y,
        "expected numbers or categories in column 'b' of X, got dates or times; turn it into a number",
    ),
    "infinity beside words": (
        frame_with(WORDS).assign(a=np.inf),
        Y,
        "expected finite numbers in column 'a' of X, got infinity in 52 of 52 rows",
    ),
    "two columns of one name": (
        pandas.DataFrame(X[:, :2], columns=["a", "a"]),
        Y,
        "expected a name of its own for every column of X, got two columns 'a'; rename or drop one",
    ),
    "a frame of another library": (
        Polars(),
        Y,
        "expected X as an array or a pandas data frame, got polars.Polars; pass X.to_pandas() or X.to_numpy()",
    ),
}


@every_door
@pytest.mark.parametrize("situation", REFUSED)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_what_cannot_be_used_is_refused_before_training(door, situation):
    x, y, message = REFUSED[situation]
    with pytest.raises((ValueError, TypeError), match=re.escape(message)) as error:
        door(x, y, steps=10**9)
    if message.startswith("expected"):
        assert isinstance(error.value, InputError)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ma.masked_greater(X, 1000), "expected values that are all there in X, got 18 masked values"),
        ([[1.0, 2.0], [3.0]], SEVERAL_SHAPES),
    ],
)
def test_predictions_refuse_what_training_refuses(x, message):
    fitted = AugmentedClassifier(KNeighborsClassifier(1), steps=1, random_state=0).fit(X, Y)
    with pytest.raises(InputError, match=message):
        fitted.predict(x)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int8, np.uint8])
def test_the_limits_of_whole_numbers_do_not_wrap_around(dtype):
    limits = np.iinfo(dtype)
    x = np.where(np.median(X, axis=0) < X, limits.max, limits.min).astype(dtype)
    resampled, y = longer_by_sampler(x, Y)
    for row, label in zip(resampled[len(X) :], y[len(X) :], strict=True):
        assert (x[label == Y] == row).all(1).any()
    moved, _ = longer_by_sampler(x, Y, scale=3.0)
    assert moved.dtype == dtype


@every_door
def test_objects_that_are_whole_numbers_stay_whole(door):
    x, _ = door(X.astype(int).astype(object), Y, scale=1.0)
    assert (x == np.rint(np.asarray(x, dtype=float))).all()
    frame = pandas.DataFrame({"count": X[:, 12].astype(int), "a": X[:, 0]}).astype(object)
    longer, _ = door(frame, Y, scale=1.0)
    counts, others = np.asarray(longer, dtype=float).T
    assert (counts == np.rint(counts)).all()
    assert (others != np.rint(others)).any()
