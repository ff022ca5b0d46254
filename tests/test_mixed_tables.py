"""Tables with categories, words and missing values: what is read, what a VAE learns of it, and what comes back."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from torch.distributions import Categorical, Normal

from vaeaug import AugmentedClassifier, AugmentedLoader, Augmenter, Difference, InputError, SyntheticDataset, fit_vae
from vaeaug.augmenter.streams import Stream
from vaeaug.data import as_samples
from vaeaug.data.tables import Table
from vaeaug.data.tables.kinds import kinds_of
from vaeaug.models.spaces import PCA, Identity
from vaeaug.models.vae import VAE
from vaeaug.runtime import seeds

pd = pytest.importorskip("pandas")
from pandas.testing import assert_frame_equal  # noqa: E402

N = 60
RNG = np.random.default_rng(0)
LABELS = np.array(["stays"] * 48 + ["leaves"] * 12)


def column(values, **settings):
    return pd.Series(values, **settings)


def frame(n=N):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": np.exp(rng.normal(8, 2, n)),
            "zeros": np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n)),
            "score": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "large": 3 * rng.permutation(n) + 2**60,
            "count": pd.array(np.where(rng.random(n) < 0.2, None, rng.integers(0, 5, n)), dtype="Int64"),
            "small": rng.integers(0, 9, n).astype("uint8"),
            "city": rng.choice(["Rome", "Oslo", "Łódź, PL"], n),
            "note": column([None if value < 0.3 else "x" for value in rng.random(n)], dtype=object),
            "plan": pd.Categorical(rng.choice(["a", "b"], n), categories=["c", "b", "a"], ordered=True),
            "code": column(rng.integers(1, 4, n)).astype("category"),
            "active": rng.random(n) < 0.3,
            "known": pd.array(np.where(rng.random(n) < 0.2, None, rng.random(n) < 0.5), dtype="boolean"),
            "word": pd.array(rng.choice(["p", "q"], n), dtype="string"),
        },
        index=np.arange(n)[::-1],
    )


TABLE = frame()
PARENTS = TABLE.reset_index(drop=True)


def augmenter(data=TABLE, y=LABELS, vae=None, **settings):
    training = {"steps": 5, "progress": False} if vae is None else {}
    return Augmenter(vae, **settings).fit(data, y, **training)


SPACES = [None, Identity(), PCA(4)]
FITTED = {type(vae).__name__: augmenter(vae=vae) for vae in SPACES}
every_space = pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)


# Reading


def test_a_table_comes_back_as_it_was():
    table = Table.fit(TABLE)
    x = table.encode(TABLE)
    assert x.shape == (N, table.layout.width) == (N, len(table.feature_names))
    back = table.decode(x)
    assert (back.dtypes == TABLE.dtypes).all()
    assert back["note"].isna().equals(PARENTS["note"].isna())
    assert_frame_equal(back.drop(columns="note"), PARENTS.drop(columns="note"))
    # With the parents at hand even the mark of a missing object is the same one.
    assert_frame_equal(table.decode(x, TABLE), PARENTS)


def test_a_number_that_was_not_seen_stays_if_its_cell_does_not_change():
    table = Table.fit(TABLE)
    near = TABLE.assign(age=TABLE["age"] + 1000, income=0.5)
    assert_frame_equal(table.decode(table.encode(near), near), near.reset_index(drop=True))


def test_columns_are_found_by_name():
    table = Table.fit(TABLE)
    shuffled = TABLE[TABLE.columns[::-1]].assign(more=1)
    assert torch.equal(table.encode(shuffled), table.encode(TABLE))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        ([1.5, None], "number"),
        (column([1, None], dtype=object), "number"),
        (pd.array([1, None], dtype="Int64"), "number"),
        (["a", "b"], "category"),
        (column(["a", None], dtype=object), "category"),
        (column(["a", 1], dtype=object), "category"),
        ([True, False], "category"),
        (column([True, None], dtype=object), "category"),
        (pd.array([True, None], dtype="boolean"), "category"),
        (pd.Categorical([1, 2]), "category"),
        (pd.cut([1, 9], 2), "category"),
        ([None, None], "category"),
    ],
)
def test_kinds_follow_the_types(values, kind):
    assert kinds_of(pd.DataFrame({"x": values})) == (kind,)


@pytest.mark.parametrize("named", [[0, 2], ["a", "c"], [True, False, True], np.array([0, -1]), {"a", "c"}])
def test_categories_are_named_as_in_imbalanced_learn(named):
    numbers = pd.DataFrame({"a": [1, 2], "b": [1, 2], "c": [1.5, 2.5]})
    assert kinds_of(numbers, named) == ("category", "number", "category")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["b"], r"expected numbers in column 'a' of X, got words or categories; name it in categorical_features"),
        (["a", "d"], r"expected columns of X in categorical_features \(a, b\), got 'd'"),
        ([0, 2], r"expected columns of X in categorical_features \(a, b\), got 2"),
        ([True], "expected a mask of 2 columns as categorical_features, got one of 1"),
    ],
)
def test_wrong_names_of_categories_are_refused(named, message):
    with pytest.raises(InputError, match=message):
        kinds_of(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), named)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pd.to_datetime(["2020-01-01"] * N),
            "expected numbers or categories in column 'new' of x, got dates or times; turn",
        ),
        (pd.to_timedelta([1] * N), "column 'new' of x, got dates or times"),
        (pd.period_range("2020", periods=N, freq="D"), "column 'new' of x, got dates or times"),
        (column([pd.Timestamp("2020").date()] * N, dtype=object).values, "column 'new' of x, got dates or times"),
        ([[1]] * N, "expected numbers, words or truth values in column 'new' of x, got values of type list"),
        ([1j] * N, "column 'new' of x, got dtype complex128"),
        ([math.inf] * N, "expected finite numbers in column 'new' of x, got infinity in 60 of 60 rows"),
    ],
)
def test_columns_that_are_neither_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        augmenter(TABLE.assign(new=values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"city": "Bonn"},
            r"expected categories seen at fit in column 'city' of near \(Oslo, Rome, Łódź, PL\), got 'Bonn'",
        ),
        ({"plan": "c"}, "column 'plan' of near"),
        ({"age": np.nan}, "expected no missing values in column 'age' of near, got 2 missing of 2, and none at fit"),
        ({"city": None}, "expected no missing values in column 'city' of near"),
    ],
)
def test_what_was_not_there_at_fit_is_refused_by_column(change, message):
    with pytest.raises(InputError, match=message):
        FITTED["Identity"].generate(2, near=TABLE.iloc[:2].assign(**change))
    with pytest.raises(InputError, match="expected the columns seen at fit in near, got none called city, word"):
        FITTED["Identity"].generate(2, near=TABLE.drop(columns=["city", "word"]))


@pytest.mark.parametrize("far", [-9999, 1e12])
def test_few_far_values_do_not_flatten_the_others(far):
    values = np.arange(100.0)
    values[:3] = far
    x = Table.fit(pd.DataFrame({"x": values, "word": ["a", "b"] * 50})).encode(
        pd.DataFrame({"x": values, "word": ["a", "b"] * 50})
    )
    assert x[3:, 0].std() > 0.5
    assert x[:, 0].abs().max() < 4


def test_a_frame_of_numbers_is_read_as_before():
    numbers = TABLE[["age", "income", "active"]]
    assert as_samples((numbers, LABELS)).table is None
    assert as_samples((numbers, LABELS), categorical_features=[]).table is not None


def test_columns_that_count_the_rows_are_named_in_a_warning():
    with pytest.warns(UserWarning, match="column 'row' of x seems to number the samples, which may tell the label"):
        as_samples((TABLE.assign(row=range(N)), LABELS))


def test_a_vae_of_other_columns_is_refused():
    with pytest.raises(InputError, match="expected the table that the VAE was trained on, got one with other columns"):
        Augmenter(FITTED["NoneType"].vae_).fit(TABLE.assign(city=TABLE["plan"].astype(str) + TABLE["city"]), LABELS)


def test_words_that_are_all_different_are_named_in_a_warning():
    with pytest.warns(UserWarning, match="column 'name' has 60 different values in 60 rows, as names and IDs have"):
        Table.fit(TABLE.assign(name=[f"n{i}" for i in range(N)]))


# The likelihood


def mixed_vae():
    table = Table.fit(TABLE[["age", "score", "city", "note"]])
    vae = VAE((table.layout.width,), likelihood="mixed", layout=table.layout).eval()
    return vae, table.encode(TABLE[["age", "score", "city", "note"]])


def test_the_likelihood_is_that_of_the_distributions():
    vae, x = mixed_vae()
    vae.log_sigma.copy_(torch.tensor([-0.5, 0.3]))
    logits = torch.randn(N, x.shape[1])
    got = vae._log_prob(x, logits, torch.mean)
    missing = x[:, 2]
    expected = Normal(logits[:, 0], math.exp(-0.5)).log_prob(x[:, 0])
    expected += (1 - missing) * Normal(logits[:, 1], math.exp(0.3)).log_prob(x[:, 1])
    expected += torch.distributions.Bernoulli(logits=logits[:, 2]).log_prob(missing)
    for part in (slice(3, 6), slice(6, 8)):
        expected += Categorical(logits=logits[:, part]).log_prob(x[:, part].argmax(1))
    assert torch.allclose(got, expected, atol=1e-4)


def test_the_mean_has_probabilities_of_the_levels():
    vae, _ = mixed_vae()
    mean = vae.decode(torch.randn(5, 16))
    assert torch.allclose(mean[:, 3:6].sum(1), torch.ones(5), atol=1e-5)
    assert torch.allclose(mean[:, 6:8].sum(1), torch.ones(5), atol=1e-5)
    assert ((mean[:, 2:] >= 0) & (mean[:, 2:] <= 1)).all()


def test_nothing_is_learned_from_the_value_of_a_missing_number():
    vae, x = mixed_vae()
    logits = torch.randn(N, x.shape[1], requires_grad=True)
    vae._log_prob(x, logits, torch.mean).sum().backward()
    assert (logits.grad[x[:, 2] == 1, 1] == 0).all()
    assert (logits.grad[x[:, 2] == 0, 1] != 0).all()


def test_a_trained_vae_knows_the_categories_and_the_spread():
    n = 200
    rng = np.random.default_rng(0)
    city = rng.choice(["Rome", "Oslo"], n)
    data = pd.DataFrame({"city": city, "country": np.where(city == "Rome", "it", "no"), "noise": rng.normal(size=n)})
    samples = as_samples((data, np.arange(n) % 2))
    vae = fit_vae(samples, steps=150, progress=False)
    p = vae.reconstruct(samples.x)
    assert (p[:, :2].argmax(1) == samples.x[:, :2].argmax(1)).float().mean() > 0.95
    assert vae.log_sigma.shape == (1,)


@pytest.mark.parametrize("settings", [{"likelihood": "mixed"}, {"layout": Table.fit(TABLE).layout}])
def test_a_layout_and_the_mixed_likelihood_belong_together(settings):
    with pytest.raises(InputError, match='expected likelihood="mixed" and a layout, got one of them'):
        VAE((Table.fit(TABLE).layout.width,), **settings)


# The scheme


@every_space
def test_synthetic_rows_are_valid(fitted):
    generated, labels, parent, _ = fitted.generate(300, labels="leaves", seed=0)
    assert (generated.dtypes == TABLE.dtypes).all()
    assert list(generated.columns) == list(TABLE.columns)
    assert (LABELS[parent] == "leaves").all()
    assert (labels == 0).all()
    own = PARENTS.iloc[parent].reset_index(drop=True)
    assert (generated.isna() == own.isna()).all(axis=None)
    for name in TABLE.columns:
        assert set(generated[name].dropna()) <= set(TABLE[name].dropna()), name
    assert ((generated != own) & own.notna()).any(axis=None)


@every_space
def test_scale_0_gives_the_parents(fitted):
    still = fitted.using(perturb=Difference(0, pairs_from="shrunk"))
    generated = still.generate(80, seed=1)
    expected = PARENTS.iloc[generated.parent].reset_index(drop=True)
    # Without the rows at hand, a missing object is NaN, whatever marked it.
    assert_frame_equal(generated.x, expected.assign(note=expected["note"].fillna(np.nan)))
    near = TABLE.iloc[:7].assign(age=1, income=1e9, plan=TABLE["plan"].iloc[:7].cat.remove_unused_categories())
    assert_frame_equal(
        still.generate(7, near=near).x, near.reset_index(drop=True).assign(plan=PARENTS["plan"].iloc[:7])
    )
    # Numbers that the column could not hold at fit keep their type.
    halves = near.assign(age=0.5, count=1.5)
    assert_frame_equal(
        still.generate(7, near=halves).x[["age", "count"]], halves[["age", "count"]].reset_index(drop=True)
    )


@every_space
def test_a_row_depends_on_its_seed_and_number_alone(fitted):
    many, few = fitted.generate(600, seed=5).x, fitted.generate(10, seed=5).x
    assert_frame_equal(many.iloc[:10], few)
    assert not fitted.generate(10, seed=6).x.equals(few)


def test_without_a_vae_numbers_move_by_the_difference_of_a_pair():
    n = 4000
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"number": rng.normal(size=n), "word": rng.choice(["a", "b"], n)})
    fitted = augmenter(data, np.arange(n) % 2, vae=Identity(), perturb=Difference())
    bank = fitted.bank_
    q = bank.q(fitted.generate_tensors(256, seed=3).parent)
    y = bank.samples.y[fitted.generate_tensors(256, seed=3).parent]
    _, pairs = fitted.perturb.draw(q, y, bank, seeds.generator(3, Stream.CODES, 0, 0))
    x, parent = bank.samples.x, fitted.generate_tensors(256, seed=3).parent
    expected = (x[parent] + pairs.step * (x[pairs.a] - x[pairs.b]))[:, 0].clamp(x[:, 0].min(), x[:, 0].max())
    # 4,000 values lie so close that snapping to one of them hardly matters, but for the largest and the smallest.
    assert (fitted.generate_tensors(256, seed=3).x[:, 0] - expected).abs().quantile(0.95) < 0.02


def test_categories_are_drawn_with_the_clipped_sum():
    """Parents all have `a`; a pair that goes from `a` to `b` gives `b` with probability u, so half of the time."""
    data = pd.DataFrame({"word": ["a"] * 30 + ["b"] * 30})
    fitted = augmenter(data, np.arange(60) % 2, vae=Identity(), perturb=Difference())
    generated = fitted.generate(20_000, near=data.iloc[:30], labels=np.arange(30) % 2, seed=0)
    # a is b and b is a in a quarter of the pairs; the mean of u is a half.
    assert abs((generated.x["word"] == "b").mean() - 0.25 * 0.5) < 0.015


def test_the_residuals_of_a_pair_are_applied_with_its_step():
    """On images, too, where they are asked for: x' = x + decode(z') - decode(z) + lam (r_a - r_b)."""
    fitted = Augmenter(perturb=Difference(residuals=True, noise=0.5)).fit("digits", steps=3, progress=False)
    generated = fitted.generate(256, seed=2)
    bank, vae = fitted.bank_, fitted.vae_
    z = bank.mean[generated.parent]
    moved, pairs = fitted.perturb.draw(
        bank.q(generated.parent), generated.y, bank, seeds.generator(2, Stream.CODES, 0, 0)
    )
    with torch.no_grad():
        residual = bank.samples.x - vae.decode(bank.mean)
        change = vae.decode(moved) - vae.decode(z)
    expected = bank.samples.x[generated.parent] + change
    expected += pairs.step[..., None, None] * (residual[pairs.a] - residual[pairs.b])
    assert torch.allclose(generated.x, expected.clamp(0, 1), atol=1e-4)


def test_tables_get_noise_and_residuals_by_default_and_images_do_not():
    def same(fitted, **settings):
        x, asked = (a.generate_tensors(64, seed=0).x for a in (fitted, fitted.using(perturb=Difference(**settings))))
        return torch.equal(x, asked)

    table = FITTED["NoneType"]
    assert same(table, pairs_from="shrunk", noise=1, residuals=True)
    assert not same(table, pairs_from="shrunk", noise=0, residuals=True)
    assert not same(table, pairs_from="shrunk", noise=1, residuals=False)
    images = Augmenter().fit("digits", steps=3, progress=False)
    assert same(images, pairs_from="shrunk", noise=0, residuals=False)
    assert not same(images, pairs_from="shrunk", noise=1, residuals=False)


# Edges


def odd_tables():
    base = frame(40)[["age", "city"]].reset_index(drop=True)
    rare = base.assign(city=["Rome"] * 39 + ["Bonn"])
    yield "a category with one row", rare
    yield "columns of one value", base.assign(one=1, word="x", none=None, nan=np.nan)
    yield "copies", base.assign(age2=base["age"], city2=base["city"])
    yield "categories alone", base[["city"]]
    yield "numbers with gaps alone", base[["age"]].mask(base[["age"]] % 3 == 0)
    yield "one column of one category", pd.DataFrame({"word": ["x"] * 40})


@pytest.mark.parametrize("vae", SPACES, ids=FITTED)
@pytest.mark.parametrize(
    ("name", "data"), list(odd_tables()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_odd_tables_work_with_two_rows_in_the_smaller_class(name, data, vae):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = augmenter(data, np.array([0] * 38 + [1] * 2), vae=vae)
        generated = fitted.generate(50, labels=1, seed=0).x
    assert (generated.dtypes == data.dtypes).all()
    if name == "copies":
        assert len(generated) == 50


@pytest.mark.parametrize("vae", SPACES, ids=FITTED)
def test_300_categories(vae):
    data = pd.DataFrame({"shop": [f"s{i % 300}" for i in range(900)], "x": RNG.normal(size=900)})
    generated = augmenter(data, np.arange(900) % 3, vae=vae).generate(100, seed=0).x
    assert set(generated["shop"]) <= set(data["shop"])


# The doors


@every_space
def test_near_takes_frames_and_encoded_rows(fitted):
    x = fitted.bank_.samples.table.encode(TABLE)
    rows = fitted.generate(9, near=TABLE, labels=LABELS, seed=1)
    encoded = fitted.generate(9, near=x, labels=LABELS, seed=1)
    assert isinstance(encoded.x, torch.Tensor)
    assert torch.equal(fitted.bank_.samples.table.encode(rows.x), encoded.x)
    assert torch.equal(rows.y, encoded.y)


@every_space
def test_saved_and_loaded_augmenters_give_the_same_rows(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = Augmenter.load(tmp_path / "model")
    assert_frame_equal(loaded.generate(50, seed=3).x, fitted.generate(50, seed=3).x)
    assert_frame_equal(loaded.generate(50, near=TABLE, seed=3).x, fitted.generate(50, near=TABLE, seed=3).x)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors", ".md"}


def test_a_table_of_other_columns_is_refused_when_it_is_loaded(tmp_path):
    FITTED["NoneType"].save(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    config.write_text(config.read_text().replace('"Oslo",', ""))
    with pytest.raises(InputError, match=r"expected columns that fit config\.json"):
        Augmenter.load(tmp_path / "model")


def test_categories_that_json_cannot_hold_are_named_when_saving(tmp_path):
    fitted = augmenter(TABLE.assign(part=pd.cut(TABLE["age"], 3)), vae=Identity())
    assert fitted.generate(5, seed=0).x["part"].dtype == pd.cut(TABLE["age"], 3).dtype
    with pytest.raises(
        InputError, match=r"words, numbers or truth values in column 'part', got Interval .*astype\(str\)"
    ):
        fitted.save(tmp_path / "model")


def test_batches_of_encoded_rows_are_augmented():
    fitted = FITTED["Identity"]
    samples = fitted.bank_.samples
    dataset = torch.utils.data.TensorDataset(samples.x, samples.y)
    loader = AugmentedLoader(torch.utils.data.DataLoader(dataset, batch_size=20), fitted)
    x, y = next(iter(loader))
    assert x.shape == (80, samples.table.layout.width)
    assert len(y) == 80
    levels = samples.table.layout.categories[0][0]
    assert set(x[:, levels].unique().tolist()) == {0.0, 1.0}
    assert SyntheticDataset(fitted, 10, seed=0)[3][0].shape == samples.event_shape


def test_unlabelled_frames():
    fitted = Augmenter().fit(TABLE, LABELS, unlabelled=TABLE, steps=5, progress=False)
    assert (fitted.generate(40, seed=0).x.dtypes == TABLE.dtypes).all()


def test_a_classifier_gets_categories_and_missing_values():
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    words = make_column_selector(dtype_include=["object", "string", "category", "bool", "boolean"])
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), words), remainder="passthrough")
    boosting = HistGradientBoostingClassifier(max_iter=5)
    for estimator, data in (
        (make_pipeline(encode, boosting), TABLE.drop(columns=["count", "known", "large"])),
        (boosting, TABLE[["age", "score"]]),
        (boosting, TABLE[["age", "score"]].to_numpy()),
    ):
        classifier = AugmentedClassifier(estimator, steps=2, random_state=0).fit(data, LABELS)
        assert classifier.n_synthetic_ == N
        assert classifier.predict_proba(data).shape == (N, 2)
        assert set(classifier.predict(data)) <= set(LABELS)


def test_weights_belong_to_the_parent_of_a_synthetic_row():
    seen = {}

    class Recorder(ClassifierMixin, BaseEstimator):
        def fit(self, X, y, sample_weight=None):  # noqa: N803
            seen.update(X=X, y=y, weight=sample_weight)
            self.classes_ = np.unique(y)
            return self

    weight = np.arange(N) % 3
    AugmentedClassifier(Recorder(), steps=2, random_state=0).fit(TABLE, LABELS, sample_weight=weight)
    assert len(seen["X"]) == len(seen["weight"]) == N + (weight > 0).sum()
    assert (seen["X"].dtypes == TABLE.dtypes).all()
    assert set(seen["weight"][N:]) == {1, 2}
