"""Frames of polars: read as those of pandas, and given back as frames of polars with the same columns and types."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from vaeaug import AugmentedClassifier, Augmenter, InputError
from vaeaug.data import as_samples
from vaeaug.data.other_frames import OtherFrame, is_other_frame, series_like, to_pandas
from vaeaug.models.spaces import Identity

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars", reason="polars is an extra")
pytest.importorskip("narwhals", reason="narwhals reads frames of polars")

N = 60
RNG = np.random.default_rng(0)
WITH_GAPS = RNG.random(N) < 0.2
TABLE = pl.DataFrame(
    {
        "age": RNG.integers(18, 80, N),
        "fee": [None if gap else value for gap, value in zip(WITH_GAPS, RNG.normal(size=N), strict=True)],
        "rate": pl.Series(np.where(WITH_GAPS, np.nan, RNG.normal(size=N)), dtype=pl.Float32),
        "plan": pl.Series(RNG.choice(["a", "b"], N), dtype=pl.Enum(["c", "a", "b"])),
        "area": pl.Series(RNG.choice(["north", "south"], N), dtype=pl.Categorical),
        "city": [None if gap else "Oslo" for gap in WITH_GAPS],
        "new": RNG.random(N) < 0.5,
        "count": pl.Series([None if gap else i % 5 for i, gap in enumerate(WITH_GAPS)], dtype=pl.Int16),
        "known": [None if gap else i % 2 == 0 for i, gap in enumerate(WITH_GAPS)],
    }
)
LABELS = pl.Series("churn", ["no"] * 45 + ["yes"] * 15)
PARTS = {"mixed": TABLE.columns, "numbers": ["age", "new"], "one column": ["age"], "words": ["plan", "city"]}
every_part = pytest.mark.parametrize("columns", PARTS.values(), ids=PARTS)


def over_sampler(**settings):
    pytest.importorskip("imblearn", reason="needs imbalanced-learn")
    from vaeaug import VAEOverSampler

    return VAEOverSampler(vae=Identity(), random_state=0, **settings)


def test_a_frame_is_read_with_its_types_and_missing_values():
    frame = to_pandas(TABLE)
    types = ["int64", "float64", "float32", "category", "category", "object", "bool", "Int16", "boolean"]
    assert list(map(str, frame.dtypes)) == types
    assert list(frame["plan"].cat.categories) == ["c", "a", "b"]
    for name in ("fee", "rate", "city", "count", "known"):
        assert (frame[name].isna() == WITH_GAPS).all(), name
    assert OtherFrame.of(TABLE).like(frame).equals(TABLE)
    assert OtherFrame.of(TABLE).append(frame).equals(pl.concat([TABLE, TABLE]))


@pytest.mark.parametrize("value", [np.zeros((2, 2)), pd.DataFrame({"a": [1]}), [[1]], "x", None, LABELS])
def test_all_other_values_stay_as_they_are(value):
    assert not is_other_frame(value)
    assert to_pandas(value) is value
    assert OtherFrame.of(value) is None


def test_labels_come_back_as_a_series():
    more = series_like(np.array(["yes", "no"]), LABELS)
    assert more.equals(pl.Series("churn", ["yes", "no"]))
    labels = np.array([1, 2])
    assert series_like(labels, [1]) is labels


@every_part
def test_the_over_sampler_appends_rows_of_the_same_kind(columns):
    sampler, frame = over_sampler(), TABLE.select(columns)
    more, labels = sampler.fit_resample(frame, LABELS)
    assert more.schema == frame.schema
    assert more.head(N).equals(frame)
    assert labels.head(N).equals(LABELS)
    assert labels.dtype == LABELS.dtype
    assert labels.name == "churn"
    assert sorted(labels.value_counts().rows()) == [("no", 45), ("yes", 45)]
    assert list(sampler.feature_names_in_) == list(columns)
    parents = more[sampler.sample_indices_.tolist()]
    for name in set(columns) - {"age"}:
        assert more[name].is_null().equals(parents[name].is_null()), name
        assert set(more[name].drop_nulls().drop_nans() if more[name].dtype.is_float() else more[name]) <= set(
            frame[name]
        )


def test_the_over_sampler_can_be_fitted_alone_and_told_its_categories():
    sampler = over_sampler(categorical_features=["count", "plan", "area", "city"])
    assert list(sampler.fit(TABLE, LABELS).categorical_features_) == [3, 4, 5, 7]


@every_part
def test_an_augmenter_gives_frames_for_frames(columns):
    frame = TABLE.select(columns)
    fitted = Augmenter(Identity()).fit(frame, LABELS)
    x = fitted.generate(9, seed=0).x
    if fitted.bank_.samples.table is None:
        assert tuple(x.shape) == (9, len(columns))
        assert tuple(fitted.generate(3, near=frame.head(2), seed=0).x.shape) == (3, len(columns))
        return
    assert x.schema == frame.schema
    near = fitted.generate(9, near=frame.head(3), labels="yes", seed=0).x
    assert near.schema == frame.schema
    assert near.height == 9
    # The kind is that of `near`.
    assert isinstance(fitted.generate(2, near=to_pandas(frame).head(2), seed=0).x, pd.DataFrame)


def test_a_loaded_augmenter_gives_the_kind_of_near_or_pandas(tmp_path):
    Augmenter(Identity()).fit((TABLE, LABELS)).save(tmp_path / "model")
    loaded = Augmenter.load(tmp_path / "model")
    assert isinstance(loaded.generate(3, seed=0).x, pd.DataFrame)
    assert loaded.generate(3, near=TABLE.head(3), seed=0).x.schema == TABLE.schema


def test_samples_are_those_of_the_same_frame_of_pandas():
    ours, theirs = as_samples((TABLE, LABELS)), as_samples((to_pandas(TABLE), LABELS.to_list()))
    assert ours.x.equal(theirs.x)
    assert ours.names == theirs.names == ("no", "yes")
    assert Augmenter(Identity()).fit(TABLE, LABELS, unlabelled=TABLE).bank_.pseudo_labelled is not None


def test_a_classifier_gets_frames_of_polars():
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["plan", "area"]), ("passthrough", ["age", "fee", "count"])
    )
    boosting = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=2))
    classifier = AugmentedClassifier(boosting, vae=Identity(), add="balance", random_state=0).fit(TABLE, LABELS)
    assert classifier.n_synthetic_ == 30
    assert set(classifier.predict(TABLE)) <= {"no", "yes"}
    numbers = TABLE.select("age", "new")
    forest = AugmentedClassifier(RandomForestClassifier(3), vae=Identity(), add="balance", random_state=0)
    assert list(forest.fit(numbers, LABELS).estimator_.feature_names_in_) == ["age", "new"]
    assert set(forest.predict(numbers)) <= {"no", "yes"}


@pytest.mark.parametrize(
    "door", [lambda x: Augmenter().fit(x, LABELS), lambda x: over_sampler().fit_resample(x, LABELS)]
)
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (TABLE.lazy(), r"got polars.LazyFrame; pass [xX].collect\(\)"),
        (
            TABLE.with_columns(day=pl.Series(pd.date_range("2020", periods=N).to_list())),
            "'day' of [xX], got dates or times",
        ),
        (TABLE.with_columns(parts=pl.Series([[1, 2]] * N)), "'parts' of [xX], got values of type list"),
    ],
    ids=["lazy", "dates", "lists"],
)
def test_what_cannot_be_read_is_refused(door, frame, message):
    with pytest.raises(InputError, match=message):
        door(frame)


def test_missing_labels_are_refused():
    with pytest.raises(InputError, match="a label for every sample, got 1 missing of 60"):
        over_sampler().fit_resample(TABLE, pl.Series([None, *LABELS[1:]]))


def test_without_narwhals_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "narwhals", None)
    with pytest.raises(
        InputError, match=r"expected narwhals, to read X, got none for polars.DataFrame; run: pip install"
    ):
        to_pandas(TABLE)
