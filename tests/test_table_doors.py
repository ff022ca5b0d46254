"""Tables with categories and missing values at the doors: over-sampler, automatic augmentation, files, command line."""

import csv

import numpy as np
import pytest
import torch
from command_line import command
from sklearn.ensemble import HistGradientBoostingClassifier

from vaeaug import AugmentedClassifier, Augmenter, InputError
from vaeaug.data import load
from vaeaug.export import formats, shards
from vaeaug.models.spaces import PCA, Identity

pd = pytest.importorskip("pandas")
from pandas.testing import assert_frame_equal, assert_series_equal  # noqa: E402

N = 40
RNG = np.random.default_rng(0)
LABELS = np.array(["no"] * 30 + ["yes"] * 10)
TABLE = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, N),
        "fee": np.where(RNG.random(N) < 0.2, np.nan, RNG.normal(size=N)),
        "plan": pd.Categorical(RNG.choice(["a", "b"], N), categories=["c", "b", "a"]),
        "city": RNG.choice(["Rome", "Oslo"], N),
        "zip": RNG.choice([101, 202], N),
        "new": RNG.random(N) < 0.5,
    },
    index=pd.Index(np.arange(N) + 100, name="key"),
)


def over_sampler(**settings):
    pytest.importorskip("imblearn", reason="needs imbalanced-learn")
    from vaeaug import VAEOverSampler

    return VAEOverSampler(**{"steps": 2, "random_state": 0} | settings)


# The over-sampler


@pytest.mark.parametrize("vae", [None, Identity(), PCA(3)], ids=["vae", "identity", "pca"])
def test_frames_come_back_longer_and_of_the_same_kind(vae):
    sampler = over_sampler(vae=vae, **({} if vae is None else {"steps": None}))
    y = pd.Series(LABELS, index=TABLE.index, name="churn")
    more, labels = sampler.fit_resample(TABLE, y)
    assert_frame_equal(more.iloc[:N], TABLE.reset_index(drop=True))
    assert (more.dtypes == TABLE.dtypes).all()
    assert more.index.equals(pd.RangeIndex(60))
    assert labels.index.equals(more.index)
    assert_series_equal(labels.iloc[:N], y.reset_index(drop=True))
    assert dict(labels.value_counts()) == {"no": 30, "yes": 30}
    parents = more.iloc[sampler.sample_indices_]
    assert (more.isna().to_numpy() == parents.isna().to_numpy()).all()
    assert (labels.to_numpy() == labels.iloc[sampler.sample_indices_].to_numpy()).all()
    for name in TABLE:
        assert set(more[name].dropna()) == set(TABLE[name].dropna()), name
    assert list(sampler.categorical_features_) == [2, 3, 5]
    assert list(sampler.continuous_features_) == [0, 1, 4]
    assert list(sampler.feature_names_in_) == list(TABLE)
    assert sampler.n_features_in_ == 6


@pytest.mark.parametrize(
    "named",
    [["plan", "city", "zip"], [2, 3, 4], [False, False, True, True, True, False]],
    ids=["names", "indices", "mask"],
)
def test_categories_can_be_named(named):
    sampler = over_sampler(categorical_features=named)
    more, _ = sampler.fit_resample(TABLE, LABELS)
    assert list(sampler.categorical_features_) == [2, 3, 4]
    assert more["zip"].dtype == TABLE["zip"].dtype
    assert more["new"].dtype == bool
    levels = sampler.augmenter_.bank_.samples.table.columns[4].levels
    assert levels == (101, 202)


def test_a_frame_of_numbers_becomes_a_table_where_categories_are_named():
    numbers = TABLE[["age", "zip"]]
    assert over_sampler().fit(numbers, LABELS)
    for named, is_table in (("auto", False), ([], True), (["zip"], True)):
        sampler = over_sampler(categorical_features=named)
        more, _ = sampler.fit_resample(numbers, LABELS)
        assert (sampler.augmenter_.bank_.samples.table is not None) == is_table
        assert (more.dtypes == numbers.dtypes).all()


@pytest.mark.parametrize(
    "x",
    [
        TABLE[["age", "fee"]].to_numpy(),
        TABLE[["age", "fee"]].to_numpy(dtype=np.float32),
        TABLE[["age", "city", "fee"]].to_numpy(dtype=object),
        TABLE[["city"]].to_numpy(dtype=object),
        TABLE[["city"]].to_numpy(dtype=str),
    ],
    ids=["gaps", "float32", "objects", "words", "text"],
)
def test_arrays_come_back_as_arrays_of_their_type(x):
    more, labels = over_sampler().fit_resample(x, LABELS)
    assert isinstance(more, np.ndarray)
    assert more.dtype == x.dtype
    assert more.shape == (60, x.shape[1])
    assert ((more[:N] == x) | pd.isna(x)).all()
    assert set(labels) == {"no", "yes"}


def test_lists_of_numbers_and_words():
    rows = TABLE[["age", "city"]].to_numpy(dtype=object).tolist()
    more, _ = over_sampler().fit_resample(rows, LABELS.tolist())
    assert more[:N] == rows
    assert all(isinstance(age, int) and city in ("Rome", "Oslo") for age, city in more)


@pytest.mark.parametrize(
    ("strategy", "counts"),
    [
        ("auto", (30, 30)),
        ("minority", (30, 30)),
        ("not majority", (30, 30)),
        ("not minority", (30, 10)),
        ("all", (30, 30)),
        (0.5, (30, 15)),
        ({"yes": 15, "no": 33}, (33, 15)),
        (lambda y: {"yes": 12}, (30, 12)),
    ],
    ids=["auto", "minority", "not majority", "not minority", "all", "float", "dict", "function"],
)
def test_every_strategy_fills_up_to_its_counts(strategy, counts):
    sampler = over_sampler(sampling_strategy=strategy, vae=Identity(), steps=None)
    more, labels = sampler.fit_resample(TABLE, LABELS)
    assert len(more) == sum(counts)
    assert dict(zip(*np.unique(labels, return_counts=True), strict=True)) == dict(
        zip(("no", "yes"), counts, strict=True)
    )


def test_a_pipeline_with_the_encoder_behind_the_sampler():
    pytest.importorskip("imblearn", reason="needs imbalanced-learn")
    from imblearn.pipeline import make_pipeline
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.model_selection import cross_val_score
    from sklearn.preprocessing import OneHotEncoder

    words = OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude="number")
    encode = make_column_transformer(words, remainder="passthrough")
    pipeline = make_pipeline(over_sampler(), encode, HistGradientBoostingClassifier(max_iter=3))
    assert cross_val_score(pipeline, TABLE, LABELS, cv=2, error_score="raise").shape == (2,)


# AugmentedClassifier


def test_augmentation_can_be_chosen_for_a_table():
    numbers = TABLE[["age", "fee"]]
    classifier = AugmentedClassifier(
        HistGradientBoostingClassifier(max_iter=2), augment="auto", steps=2, random_state=0
    )
    assert set(classifier.fit(numbers, LABELS).predict(numbers)) <= {"no", "yes"}
    assert classifier.n_features_in_ == 2


def test_named_categories_of_numbers_stay_numbers_for_the_classifier():
    numbers = TABLE[["age", "zip"]]
    classifier = AugmentedClassifier(
        HistGradientBoostingClassifier(max_iter=2), categorical_features=["zip"], steps=2, random_state=0
    )
    assert classifier.fit(numbers, LABELS).n_synthetic_ == N


# Files and the command line


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def rows():
    yield ["age", "churn", "fee", "plan", "ok", "big"]
    for i in range(N):
        age = "" if i % 7 == 3 else 20 + i
        plan = ["a", "b, c", "", "=d"][i % 4]
        yield [age, ["no", "yes"][i % 4 == 0], f"{i * 0.75:.2f}", plan, i % 3 == 0, 2**60 + i * i]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write(folder / "table.csv", rows())
    fit = ["fit", folder / "table.csv", "--label", "churn", "--space", "identity", "-o", folder / "model"]
    assert command(*fit) == 0
    return folder


def test_a_file_with_words_and_empty_cells_is_read(model):
    samples = load(model / "table.csv", label_column="churn")
    frame = samples.table.decode(samples.x)
    assert list(map(str, frame.dtypes)) == ["Int64", "float64", "object", "bool", "int64"]
    assert frame["age"].isna().sum() == 6
    assert frame["plan"].isna().sum() == 10
    assert frame["big"].iloc[3] == 2**60 + 9
    assert samples.label_position == 1
    assert samples.names == ("no", "yes")
    assert samples.columns[-1] == "churn"


def test_generated_files_look_like_the_one_that_was_read(model):
    assert command("generate", model / "model", "-n", 50, "--labels", "yes", "-o", model / "more.csv") == 0
    table, (header, *generated) = list(rows()), read(model / "more.csv")
    assert sorted(header) == sorted(table[0])
    for name in header:
        seen = {str(row[table[0].index(name)]) for row in table[1:]}
        found = {row[header.index(name)].removeprefix("'") for row in generated}
        assert found <= seen, name
    assert {row[header.index("churn")] for row in generated} == {"yes"}
    # What was written can be read and started from: at scale 0 it is the same.
    again = ["--near", model / "more.csv", "--perturb", "difference", "--scale", "0", "-o", model / "again.csv"]
    assert command("generate", model / "model", "-n", 50, *again) == 0
    assert read(model / "again.csv") == read(model / "more.csv")


def test_near_has_columns_by_name_and_may_have_no_label(model):
    near = write(
        model / "near.csv", [["big", "plan", "ok", "fee", "age", "x"], [2**60, "a", "True", "1.10", "33", "?"]]
    )
    settings = ["-n", 1, "--near", near, "--perturb", "difference", "--scale", "0", "-o", model / "one.csv"]
    assert command("generate", model / "model", *settings) == 0
    header, row = read(model / "one.csv")
    values = dict(zip(header, row, strict=True))
    assert values["plan"] == "a"
    # A number that was not seen is read back from its rank, up to rounding.
    assert values["fee"] == "1.10"


def test_shards_are_tables_in_csv_alone(model):
    augmenter = Augmenter.load(model / "model")
    paths = shards.write(augmenter, model / "shards", 300, shard_size=256, format="csv", progress=False)
    assert [len(read(path)) for path in paths] == [257, 45]
    for write_to in (
        lambda: shards.write(augmenter, model / "tar", 10, progress=False),
        lambda: formats.save(augmenter.generate(3), model / "x.npz", formats.Metadata.of(augmenter.bank_)),
    ):
        with pytest.raises(InputError, match=r"expected a \.csv, for a table with words or missing values, got"):
            write_to()
    formats.save(augmenter.generate(3), model / "x.csv", formats.Metadata.of(augmenter.bank_))
    assert len(read(model / "x.csv")) == 4


@pytest.mark.parametrize("slip", ["x1", "inf", "1,5", "1_000"])
def test_a_slip_among_numbers_does_not_make_words_of_them(slip, tmp_path):
    table = list(rows())
    table[5][0] = slip
    with pytest.raises(InputError, match=f"got '{slip}' in line 6, column 'age'; correct it, or leave the cell empty"):
        load(write(tmp_path / "table.csv", table), label_column="churn")


def test_codes_of_words_and_numbers_are_words(tmp_path):
    table = [["code", "label"], *([["A1", "22", "B", "7b"][i % 4], i % 2] for i in range(20))]
    samples = load(write(tmp_path / "table.csv", table))
    assert samples.table.columns[0].levels == ("22", "7b", "A1", "B")
    assert torch.equal(samples.x.sum(1), torch.ones(20))
