"""Whole numbers, truth values, columns and their order come back as they went in, by every door."""

import csv
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from vaeaug import AugmentedDataset, AugmentedLoader, Augmenter, InputError, Posterior, SyntheticDataset
from vaeaug.cli import app
from vaeaug.data import as_samples, load
from vaeaug.export import formats, shards
from vaeaug.export.values import as_dtype
from vaeaug.plugins.sklearn import AugmentedClassifier

N = 60
RANDOM = np.random.default_rng(0)
Y = np.arange(N) % 2
FRAME = pd.DataFrame(
    {
        "age": RANDOM.integers(20, 80, N),
        "flag": RANDOM.random(N) > 0.5,
        "bmi": RANDOM.normal(25, 3, N).round(1),
        "exact": RANDOM.random(N),
        "beds": RANDOM.integers(0, 9, N).astype(float),
    }
)
WHOLE = ["age", "flag", "beds"]
ROWS = torch.tensor(FRAME.to_numpy(dtype=np.float32))
QUICK = {"steps": 2, "progress": False}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A file whose label stands in the middle, and a model fitted to it by the command line."""
    folder = tmp_path_factory.mktemp("table")
    path = folder / "heart.csv"
    FRAME.assign(kind=np.where(Y, "ill", "well"))[["age", "flag", "kind", "bmi", "exact", "beds"]].to_csv(
        path, index=False
    )
    app(["fit", str(path), "--label", "kind", "--steps", "2", "-o", str(folder / "model")], standalone_mode=False)
    return folder


def lines_of(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def check_as_in_the_file(path, size):
    header, *lines = lines_of(path)
    assert header == ["age", "flag", "kind", "bmi", "exact", "beds"]
    assert len(lines) == size
    patterns = (r"\d\d", r"True|False", r"ill|well", r"\d\d\.\d", r"\d\.\d{1,12}|\d\.\d+e-\d+", r"\d\.0")
    for column, pattern in zip(zip(*lines, strict=True), patterns, strict=True):
        assert pd.Series(column).str.fullmatch(pattern).all(), (pattern, column[:5])
    again = pd.read_csv(path)
    assert [again[name].dtype.kind for name in ("age", "flag", "bmi")] == ["i", "b", "f"]


@pytest.mark.parametrize("near", [False, True])
def test_a_csv_from_the_command_line_looks_like_the_one_that_was_fitted(near, table, tmp_path):
    words = ["--near", str(table / "heart.csv"), "--label", "kind"] if near else []
    app(
        ["generate", str(table / "model"), "-n", "300", *words, "-o", str(tmp_path / "more.csv")], standalone_mode=False
    )
    check_as_in_the_file(tmp_path / "more.csv", 300)
    samples = load(tmp_path / "more.csv", label_column="kind")
    like = load(table / "heart.csv", label_column="kind")
    for name in ("columns", "names", "integer_columns", "boolean_columns", "label_position"):
        assert getattr(samples, name) == getattr(like, name), name
    parents = lines_of(tmp_path / "more.parents.csv")[1:]
    assert all(row.isdecimal() and parent.isdecimal() for row, parent, *_ in parents)
    labels = like.y[[int(parent) for _, parent, *_ in parents]]
    assert torch.equal(labels, samples.y)


def test_rows_can_be_appended_to_the_file(table, tmp_path):
    app(["generate", str(table / "model"), "-n", "9", "-o", str(tmp_path / "more.csv")], standalone_mode=False)
    header, *lines = (tmp_path / "more.csv").read_text().splitlines()
    (tmp_path / "both.csv").write_text((table / "heart.csv").read_text() + "\n".join(lines))
    both = load(tmp_path / "both.csv", label_column="kind")
    assert (len(both), both.integer_columns) == (N + 9, (0, 1, 4))
    assert header == (table / "heart.csv").read_text().splitlines()[0]


def test_shards_and_a_saved_model_keep_the_types(table, tmp_path):
    augmenter = Augmenter.load(table / "model")
    augmenter.save(tmp_path / "again")
    again = Augmenter.load(tmp_path / "again")
    for one in (augmenter, again):
        (path, *_) = shards.write(one, tmp_path / f"shards-{id(one)}", 40, shard_size=40, format="csv", progress=False)
        check_as_in_the_file(path, 40)
    for name in ("columns", "integer_columns", "boolean_columns", "decimals", "label_position", "dtype"):
        assert getattr(again.bank_.samples, name) == getattr(augmenter.bank_.samples, name), name
    manifest = json.loads((path.parent / "manifest.json").read_text())
    assert manifest["metadata"]["label_position"] == 2


def test_models_saved_before_the_types_were_kept_still_load(table, tmp_path):
    Augmenter.load(table / "model").save(tmp_path / "old")
    config = json.loads((tmp_path / "old" / "config.json").read_text())
    for name in ("integer_columns", "boolean_columns", "decimals", "label_position", "dtype"):
        del config["data"][name]
    (tmp_path / "old" / "config.json").write_text(json.dumps(config))
    assert Augmenter.load(tmp_path / "old").generate(2, seed=0).x.shape == (2, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer_columns", [5]),
        ("integer_columns", [-1]),
        ("boolean_columns", [2]),
        ("decimals", [0, 0]),
        ("decimals", [0, 0, 0, 0, 99]),
        ("label_position", 5),
        ("label_position", -2),
        ("dtype", "object"),
        ("dtype", 3),
    ],
)
def test_types_that_do_not_fit_are_refused(name, value, table, tmp_path):
    Augmenter.load(table / "model").save(tmp_path / "odd")
    config = json.loads((tmp_path / "odd" / "config.json").read_text())
    config["data"][name] = value
    (tmp_path / "odd" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"^expected .*, got .*; "):
        Augmenter.load(tmp_path / "odd")


def loader(**settings):
    return DataLoader(TensorDataset(ROWS.double(), torch.tensor(Y)), 16, **settings)


FITS = {
    "frame": lambda a: a.fit(FRAME, Y, **QUICK),
    "nullable frame": lambda a: a.fit(FRAME.convert_dtypes(), Y, **QUICK),
    "frame of objects": lambda a: a.fit(FRAME.astype(object), Y, **QUICK),
    "array of floats": lambda a: a.fit(FRAME.to_numpy(dtype=float), Y, **QUICK),
    "pair": lambda a: a.fit((FRAME, Y), **QUICK),
    "Dataset": lambda a: a.fit(TensorDataset(ROWS.double(), torch.tensor(Y)), **QUICK),
    "loader": lambda a: a.fit(loader(), **QUICK),
    "stream": lambda a: a.fit(loader(), bank_size=40, **QUICK),
    "unlabelled": lambda a: a.fit(FRAME[:50], Y[:50], unlabelled=FRAME[50:], **QUICK),
}


def check_whole(x):
    x = torch.as_tensor(x)
    columns = [FRAME.columns.get_loc(name) for name in WHOLE]
    assert torch.equal(x[:, columns], x[:, columns].round())
    assert set(x[:, 1].tolist()) <= {0, 1}
    others = x[:, [2, 3]]
    assert not torch.equal(others, others.round())


@pytest.mark.parametrize("door", FITS)
def test_generated_columns_are_whole_where_the_data_are(door, tmp_path):
    fitted = FITS[door](Augmenter())
    check_whole(fitted.generate(50, seed=0).x)
    check_whole(fitted.generate(50, near=FRAME, seed=0).x)
    check_whole(torch.stack([x for x, _ in (SyntheticDataset(fitted, 50)[i] for i in range(50))]))
    x, _ = next(iter(AugmentedLoader(loader(), fitted)))
    check_whole(x)
    scale = ROWS.double().std(0)
    normalised = DataLoader(TensorDataset((ROWS.double() - 1) / scale, torch.tensor(Y)), 16)
    x, _ = next(iter(AugmentedLoader(normalised, fitted, normalize=(torch.ones(5), scale))))
    check_whole((x * scale + 1).float().mul(1e3).round().div(1e3))
    dataset = AugmentedDataset(TensorDataset(ROWS, torch.tensor(Y)), fitted, replace=1.0)
    check_whole(torch.stack([dataset[i][0] for i in range(20)]))
    fitted.save(tmp_path / "m")
    assert torch.equal(Augmenter.load(tmp_path / "m").generate(50, seed=0).x, fitted.generate(50, seed=0).x)
    formats.save(fitted.generate(20, seed=0), tmp_path / "o.csv", formats.Metadata.of(fitted.bank_))
    _, *lines = lines_of(tmp_path / "o.csv")
    assert all(line[0].isdecimal() and line[4].isdecimal() for line in lines)
    if "frame" in door:
        assert {line[1] for line in lines} == {"True", "False"}


def test_scale_zero_is_the_sample_itself_even_between_whole_numbers():
    fitted = Augmenter(perturb=Posterior(0)).fit(FRAME, Y, **QUICK)
    near = ROWS[:4].clone()
    near[:, 0] += 0.5
    assert torch.equal(fitted.generate(4, near, [0] * 4, seed=0).x, near)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "int8", "uint16", "bool", "float64"])
@pytest.mark.parametrize("images", [False, True])
def test_an_npz_keeps_whole_numbers_and_their_dtype(dtype, images, tmp_path):
    shape = (N, 8, 8) if images else (N, 5)
    x = RANDOM.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    x.flat[0] = 1 if dtype == "bool" else 100
    np.savez(tmp_path / "real.npz", x=x if dtype != "float64" else x + 0.25, y=Y)
    model, more = str(tmp_path / "m"), tmp_path / "more.npz"
    app(["fit", str(tmp_path / "real.npz"), "--steps", "2", "-o", model], standalone_mode=False)
    app(["generate", model, "-n", "20", "-o", str(more)], standalone_mode=False)
    made = np.load(more)["x"]
    expected = {"uint16": "int64", "float64": "float32"}.get(dtype, dtype)
    assert made.dtype == expected
    low, high = (float(v) for v in (made.min(), made.max()))
    assert 0 <= low <= high <= 101
    assert high > 1 or dtype == "bool", "in the range of the data"
    real, again = load(tmp_path / "real.npz"), load(more)
    assert again.x.max() <= real.x.max() + 1e-6, "the two files can be concatenated"
    if images:
        assert Augmenter.load(model).bank_.samples.dtype == ("" if dtype == "float64" else expected)


def test_a_csv_of_whole_numbers_as_npz_is_whole(tmp_path):
    FRAME[["age", "flag"]].assign(kind=Y).to_csv(tmp_path / "t.csv", index=False)
    model = str(tmp_path / "m")
    app(["fit", str(tmp_path / "t.csv"), "--steps", "2", "-o", model], standalone_mode=False)
    app(["generate", model, "-n", "20", "-o", str(tmp_path / "o.npz")], standalone_mode=False)
    assert np.load(tmp_path / "o.npz")["x"].dtype == np.int64


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64"])
def test_the_largest_number_of_a_dtype_does_not_overflow(dtype):
    limits = np.iinfo(dtype)
    x = torch.tensor([[float(limits.min), float(limits.max)]])
    low, high = as_dtype(x, dtype)[0].tolist()
    assert low == limits.min
    assert limits.max - high <= 2**12


def test_numbers_are_written_with_the_decimals_of_the_input(tmp_path):
    columns = {
        "two": [f"{v:.2f}" for v in RANDOM.normal(size=N)],
        "tiny": [f"{v:.3e}" for v in RANDOM.normal(size=N) * 1e-20],
        "many": [f"{v:.12f}" for v in RANDOM.normal(size=N)],
        "large": [str(1_700_000_000 + 1000 * int(v)) for v in RANDOM.integers(0, 10**5, N)],
        "around zero": [f"{v:.1f}" for v in RANDOM.normal(size=N) / 10],
        "kind": Y.tolist(),
    }
    pd.DataFrame(columns).to_csv(tmp_path / "t.csv", index=False)
    fitted = Augmenter().fit(str(tmp_path / "t.csv"), **QUICK)
    formats.save(fitted.generate(300, seed=0), tmp_path / "o.csv", formats.Metadata.of(fitted.bank_))
    made = pd.read_csv(tmp_path / "o.csv", dtype=str)
    assert made["two"].str.fullmatch(r"-?\d\.\d\d").all()
    assert made["many"].str.fullmatch(r"-?\d\.\d{1,12}").all()
    assert made["large"].str.fullmatch(r"17\d{8}|18\d{8}").all()
    assert not made.isin(["-0.0", "-0.00"]).any().any()
    assert (made["around zero"] == "0.0").any()
    tiny = made["tiny"].astype(float)
    assert 0 < tiny.abs().max() < 1e-18
    x = torch.tensor(made[["two", "tiny", "many"]].to_numpy(float)).float()
    assert torch.allclose(x[:, 1:], fitted.generate(300, seed=0).x[:, 1:3], rtol=1e-6, atol=1e-8)


# Frames in, frames out: the estimators.


@pytest.mark.parametrize("order", [1, -1])
def test_the_over_sampler_gives_back_types_and_order(order):
    pytest.importorskip("imblearn")
    from vaeaug.plugins.imblearn import VAEOverSampler

    frame = FRAME.astype({"age": "Int64", "beds": np.int8})[FRAME.columns[::order]]
    y = pd.Series(np.where(np.arange(N) < 15, "rare", "usual"), name="kind")
    x, labels = VAEOverSampler(steps=2, random_state=0).fit_resample(frame, y)
    assert (len(x), labels.name) == (90, "kind")
    assert x.dtypes.to_dict() == frame.dtypes.to_dict()
    assert list(x.columns) == list(frame.columns)
    pd.testing.assert_frame_equal(x[:N], frame)


def test_the_classifier_gives_its_estimator_types_and_order():
    from sklearn.linear_model import LogisticRegression

    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):  # noqa: N803
            seen.append(X)
            return super().fit(X.astype(float), y)

    frame = FRAME.astype({"age": "Int64", "beds": np.int8})
    AugmentedClassifier(Spy(max_iter=10_000), steps=2, random_state=0).fit(frame, Y)
    assert seen[0].dtypes.to_dict() == frame.dtypes.to_dict()
    assert (list(seen[0].columns), len(seen[0])) == (list(frame.columns), 2 * N)


# Columns that number the samples.


def with_numbers(name, values):
    frame = FRAME.copy()
    frame.insert(0, name, values)
    return frame


NUMBERING = {"Id": RANDOM.permutation(N) * 3, "index": range(N), "Unnamed: 0": range(N), "n": range(1, N + 1)}


def over_sample(frame):
    pytest.importorskip("imblearn")
    from vaeaug.plugins.imblearn import VAEOverSampler

    return VAEOverSampler(steps=2, random_state=0).fit_resample(frame, np.arange(N) < 15)


def classify(frame):
    from sklearn.ensemble import RandomForestClassifier

    return AugmentedClassifier(RandomForestClassifier(2), steps=2, random_state=0).fit(frame, Y)


FRAME_DOORS = {
    "as_samples": lambda frame: as_samples(frame, y=Y),
    "fit": lambda frame: Augmenter().fit(frame, Y, **QUICK),
    "pair": lambda frame: Augmenter().fit((frame, Y), **QUICK),
    "over-sampler": over_sample,
    "classifier": classify,
}


@pytest.mark.parametrize("name", NUMBERING)
@pytest.mark.parametrize("door", FRAME_DOORS)
def test_a_column_of_a_frame_that_numbers_the_samples_is_named_and_kept(name, door):
    frame = with_numbers(name, NUMBERING[name])
    with pytest.warns(UserWarning, match=f"column '{name}' of x seems to number the samples, .*; it is kept") as seen:
        result = FRAME_DOORS[door](frame)
    assert len(seen) == 1
    if door == "as_samples":
        assert result.columns[:-1] == tuple(frame.columns)
    if door == "fit":
        assert result.generate(2, seed=0).x.shape == (2, 6)


@pytest.mark.parametrize("door", ["array", "npz", "Dataset"])
def test_a_column_of_an_array_that_counts_is_named(door, tmp_path):
    x = with_numbers("n", range(N)).to_numpy(dtype=np.float64)
    np.savez(tmp_path / "t.npz", x=x, y=Y)
    doors = {"array": (x, Y), "npz": tmp_path / "t.npz", "Dataset": TensorDataset(torch.tensor(x), torch.tensor(Y))}
    with pytest.warns(UserWarning, match=r"column 0 \(from 0\) of x seems to number the samples"):
        assert as_samples(doors[door]).event_shape == (6,)


def test_batches_of_several_types_are_whole_where_all_are():
    batches = [
        (torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1])),
        (torch.tensor([[1.5, 2.0]] * 2), torch.tensor([0, 1])),
    ]
    stream = DataLoader(batches * 2, batch_size=None)
    assert Augmenter().fit(stream, bank_size=8, **QUICK).bank_.samples.integer_columns == (1,)
    assert replace(as_samples(stream), x=torch.zeros(8, 2)).integer_columns == (1,)
