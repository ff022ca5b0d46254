"""Samples in another scaling than at fit, and samples that are not dense real numbers, are refused by every door."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from own_parts import Items
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from torch.utils.data import DataLoader, TensorDataset

from vaeaug import AugmentedDataset, AugmentedLoader, Augmenter, CrossFitted, InputError, SyntheticDataset, fit_vae
from vaeaug.cli import app
from vaeaug.data import Samples, load, subset
from vaeaug.perturb.value_range import ValueRange
from vaeaug.plugins.sklearn import AugmentedClassifier

QUICK = {"steps": 2, "progress": False}
TABLES = {
    name: torch.tensor(read().data).float()
    for name, read in {"iris": load_iris, "wine": load_wine, "breast-cancer": load_breast_cancer}.items()
}
Y = {
    name: torch.tensor(read().target)
    for name, read in {"iris": load_iris, "wine": load_wine, "breast-cancer": load_breast_cancer}.items()
}
FORMS = {
    "raw": lambda x: x,
    "standardised": lambda x: (x - x.mean(0)) / x.std(0),
    "in 0..1": lambda x: (x - x.amin(0)) / (x.amax(0) - x.amin(0)),
}


def range_of(x):
    return ValueRange.of(Samples(x, torch.zeros(len(x), dtype=torch.long)))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("at_fit", FORMS)
@pytest.mark.parametrize("later", FORMS)
def test_rows_in_another_scaling_are_refused(name, at_fit, later):
    x = TABLES[name]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    checked = range_of(FORMS[at_fit](x)).checked
    for rows in FORMS[later](x)[order].split(32):
        if at_fit == later:
            assert checked(rows)[1]
        else:
            with pytest.raises(InputError, match=r"samples in the range of the data, .*got values from .*; scale them"):
                checked(rows)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", FORMS)
def test_rows_in_the_same_scaling_are_not(name, form):
    """Not even those of one class, few rows, the same row again and again, and a fit to few rows."""
    x, y = FORMS[form](TABLES[name]), Y[name]
    few = torch.cat([torch.nonzero(y == label)[:8, 0] for label in y.unique()])
    for at_fit in (x, x[few]):
        checked = range_of(at_fit).checked
        for label in y.unique():
            for size in (1, 3, 8, 40):
                for rows in x[y == label].split(size):
                    checked(rows)
        for row in x[:20]:
            checked(row.expand(16, -1))
            checked(row + 1e-3 * x.std(0) * torch.randn(16, x.shape[1], generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name", ["wine", "breast-cancer"])
def test_a_single_row_is_refused_where_large_values_became_small_ones(name):
    checked = range_of(TABLES[name]).checked
    for row in FORMS["standardised"](TABLES[name])[:20]:
        with pytest.raises(InputError, match="samples in the range of the data"):
            checked(row[None])


ODD = {
    "unix time": lambda n: 1.7e9 + 60.0 * np.arange(n),
    "ID": lambda n: 1e6 + 7.0 * np.random.default_rng(0).permutation(n),
    "no data": lambda n: np.where(np.arange(n) % 9, np.random.default_rng(0).random(n), -9999.0),
    "almost constant": lambda n: np.where(np.arange(n) % 40, 0.0, 5.0),
}


@pytest.mark.filterwarnings("ignore:column .* (float32 rounds|lies far|seems to number)")
@pytest.mark.parametrize("odd", ODD)
def test_one_odd_column_neither_silences_the_others_nor_breaks_the_check(odd):
    x = np.column_stack([TABLES["wine"].numpy(), ODD[odd](178)])
    plain = Augmenter().fit(TABLES["wine"], Y["wine"], steps=200, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = Augmenter().fit(x, Y["wine"], steps=200, progress=False)

    def moved(augmenter):
        made, bank = augmenter.generate(500, seed=0), augmenter.bank_.samples.x
        return float(((made.x - bank[made.parent]).std(0) / bank.std(0))[:13].mean())

    assert moved(fitted) > 0.7 * moved(plain)
    fitted.generate(2, near=x, seed=0)
    fitted.generate(2, near=x[:3], seed=0)
    standardised = (x - x.mean(0)) / x.std(0)
    for near in (standardised, np.column_stack([standardised[:, :13], x[:, 13]])):
        with pytest.raises(InputError, match=r"samples in the range of the data, .* in column"):
            fitted.generate(2, near=near)


def test_a_far_value_names_its_column():
    frame = pd.DataFrame(TABLES["wine"].numpy(), columns=[f"f{i}" for i in range(13)])
    fitted = Augmenter().fit(frame, Y["wine"], **QUICK)
    frame.loc[3, "f4"] = -9999.0
    with pytest.raises(InputError, match=r"range of the data, 70 to 162 in column 'f4', got values from -9999 to"):
        fitted.generate(2, near=frame)


# By every door. The data at fit are raw; what comes later is standardised.

WINE = subset(load("wine"), 20)
STANDARD = FORMS["standardised"](WINE.x)
DIGITS = subset(load("digits"), 4)
NORMAL = (DIGITS.x - 0.45) / 0.225


def batches(x, y, form):
    if form == "dict":
        return DataLoader([{"x": a, "label": b} for a, b in zip(x, y, strict=True)], 16)
    return DataLoader(TensorDataset(x, y), 16)


def over_sample(vae, x, y):
    pytest.importorskip("imblearn")
    from vaeaug.plugins.imblearn import VAEOverSampler

    return VAEOverSampler(vae=vae, sampling_strategy={0: int((y == 0).sum()) + 2}).fit_resample(x, y)


def classify(vae, x, y):
    from sklearn.tree import DecisionTreeClassifier

    return AugmentedClassifier(DecisionTreeClassifier(), vae=vae, random_state=0).fit(x, y)


def transform(fitted, x, y):
    from vaeaug import VAEAugment

    return VAEAugment(fitted)(x, y)


DOORS = {
    "near tensor": lambda f, x, y: f.generate(3, near=x),
    "near array": lambda f, x, y: f.generate(3, near=x.double().numpy()),
    "near list": lambda f, x, y: f.generate(3, near=list(x)),
    "chunks": lambda f, x, y: f.chunks(0, near=x)(0),
    "loader": lambda f, x, y: next(iter(AugmentedLoader(batches(x, y, "pair"), f))),
    "loader replace": lambda f, x, y: next(iter(AugmentedLoader(batches(x, y, "pair"), f, replace=0.9))),
    "loader of dicts": lambda f, x, y: next(iter(AugmentedLoader(batches(x, y, "dict"), f))),
    "loader of arrays": lambda f, x, y: next(iter(AugmentedLoader([(x.numpy(), y.numpy())], f))),
    "transform": transform,
    "dataset": lambda f, x, y: AugmentedDataset(TensorDataset(x, y), f, replace=1.0)[0],
    "unlabelled": lambda f, x, y: Augmenter().fit(f.bank_.samples, unlabelled=x, **QUICK),
    "own VAE": lambda f, x, y: Augmenter(f.vae_).fit(x, y),
    "over-sampler": lambda f, x, y: over_sample(f.vae_, x.numpy(), y.numpy()),
    "classifier": lambda f, x, y: classify(f.vae_, x.numpy(), y.numpy()),
}


@pytest.fixture(scope="module")
def table():
    return Augmenter().fit(WINE, **QUICK)


@pytest.fixture(scope="module")
def images():
    """Images in 0..255 as floats."""
    return Augmenter().fit(DIGITS.x * 255, DIGITS.y, **QUICK)


@pytest.mark.parametrize("door", DOORS)
def test_standardised_rows_beside_raw_ones_are_refused_by_every_door(door, table):
    DOORS[door](table, WINE.x, WINE.y)
    with pytest.raises(InputError, match=r"in the range of the (data|VAE), .* in column .*; scale them like"):
        DOORS[door](table, STANDARD, WINE.y)


@pytest.mark.parametrize("door", DOORS)
def test_normalised_images_beside_0_to_255_are_refused_by_every_door(door, images):
    DOORS[door](images, DIGITS.x * 255, DIGITS.y)
    for x in (NORMAL, DIGITS.x):
        with pytest.raises(
            InputError, match=r"in the range of the (data|VAE), 0 to 255, got values from .*; scale them"
        ):
            DOORS[door](images, x, DIGITS.y)


@pytest.mark.parametrize("low", [-1.0, -2.0])
def test_images_in_0_to_1_beside_signed_ones_are_refused(low):
    fitted = Augmenter().fit(low + (1 - low) * DIGITS.x, DIGITS.y, **QUICK)
    fitted.generate(2, near=low + (1 - low) * DIGITS.x)
    for near in (DIGITS.x, DIGITS.x[:3]):
        with pytest.raises(InputError, match="got values from 0 to 1, none of them as low as at fit; scale them"):
            fitted.generate(2, near=near)


@pytest.mark.parametrize("later", ["csv", "npz"])
def test_the_command_line_refuses_another_scaling(later, table, tmp_path):
    table.save(tmp_path / "m")
    path = tmp_path / f"near.{later}"
    if later == "csv":
        pd.DataFrame(STANDARD.numpy()).to_csv(path, index=False)
    else:
        np.savez(path, x=STANDARD.numpy())
    with pytest.raises(InputError, match=r"samples in the range of the data, .* in column"):
        app(["generate", str(tmp_path / "m"), "-n", "3", "--near", str(path), "-o", str(tmp_path / "o.csv")],
            standalone_mode=False)  # fmt: skip


# Bicubic resizing overshoots.


def overshoot(by=0.03):
    x = DIGITS.x.clone()
    x[0, 0, 0, 0], x[1, 0, 0, 0] = -by, 1 + by
    return x


OVERSHOOT_DOORS = {name: DOORS[name] for name in DOORS if name not in ("own VAE", "over-sampler", "classifier")}


@pytest.mark.parametrize("door", OVERSHOOT_DOORS)
def test_overshoot_of_a_few_percent_is_taken(door):
    fitted = Augmenter().fit(DIGITS, **QUICK)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        made = OVERSHOOT_DOORS[door](fitted, overshoot(), DIGITS.y)
    assert len(seen) == (door != "unlabelled")
    if hasattr(made, "parent"):
        assert 0 <= made.x.min() <= made.x.max() <= 1
    with pytest.raises(InputError, match=r"in the range of the data, 0 to 1, got values from -2 to [13]; scale them"):
        OVERSHOOT_DOORS[door](fitted, overshoot(2.0), DIGITS.y)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)])
def test_overshoot_is_clipped_with_one_warning(low, high):
    fitted = Augmenter().fit(low + (high - low) * DIGITS.x, DIGITS.y, **QUICK)
    near = low + (high - low) * overshoot()
    loader = AugmentedLoader(batches(near, DIGITS.y, "pair"), fitted)
    with pytest.warns(UserWarning, match=f"exceed {low:g} to {high:g}, as after bicubic .*, and are clipped") as seen:
        epochs = [list(loader) for _ in range(3)]
    for i, (x, y) in [pair for epoch in epochs for pair in enumerate(epoch)]:
        real = len(y) // 4
        assert torch.equal(x[:real], near[16 * i : 16 * i + real]), "the real samples stay"
        assert low <= x[real:].min() <= x[real:].max() <= high
    assert len(seen) == 1


# Masked, complex and sparse values.


ROWS = WINE.x.double().numpy()
LABELS = WINE.y.numpy()
SAMPLES = {
    "masked": np.ma.masked_greater(ROWS, 1000.0),
    "complex": ROWS + 0j,
    "complex tensor": torch.as_tensor(ROWS + 0j),
    "sparse": sp.csr_array(ROWS),
    "sparse tensor": torch.as_tensor(ROWS).to_sparse(),
}
WORDS = r"masked|[Cc]omplex|dense|[Ss]parse|csr_array"


def pairs(x):
    return Items([(x[[i]] if hasattr(x, "toarray") else x[i], int(label)) for i, label in enumerate(LABELS)])


def as_lists(batch):
    return tuple(list(part) for part in zip(*batch, strict=True))


VALUE_DOORS = {
    "fit": lambda f, x: Augmenter().fit(x, LABELS, **QUICK),
    "fit pair": lambda f, x: Augmenter().fit((x, LABELS), **QUICK),
    "fit list": lambda f, x: Augmenter().fit(list(pairs_x(x)), LABELS, **QUICK),
    "fit Dataset": lambda f, x: Augmenter().fit(pairs(x), **QUICK),
    "fit loader": lambda f, x: Augmenter().fit(DataLoader(pairs(x), 16, collate_fn=as_lists), **QUICK),
    "fit stream": lambda f, x: Augmenter().fit(DataLoader(pairs(x), 16, collate_fn=as_lists), bank_size=60, **QUICK),
    "fit_vae": lambda f, x: fit_vae(x, LABELS, **QUICK),
    "near": lambda f, x: f.generate(3, near=x),
    "near list": lambda f, x: f.generate(3, near=list(pairs_x(x))),
    "unlabelled": lambda f, x: Augmenter().fit(WINE, unlabelled=x, **QUICK),
    "unlabelled list": lambda f, x: Augmenter().fit(WINE, unlabelled=list(pairs_x(x)), **QUICK),
    "loader": lambda f, x: next(iter(AugmentedLoader([(x, WINE.y)], f))),
    "loader replace": lambda f, x: next(iter(AugmentedLoader([(x, WINE.y)], f, replace=1.0))),
    "dataset": lambda f, x: [AugmentedDataset(pairs(x), f, replace=1.0)[i] for i in range(len(LABELS))],
    "teacher": lambda f, x: CrossFitted.fit((x, LABELS), "forest"),
    "over-sampler": lambda f, x: over_sample(None, x, LABELS),
    "classifier": lambda f, x: classify(None, x, LABELS),
}


def pairs_x(x):
    return (one for one, _ in pairs(x).items)


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("door", VALUE_DOORS)
def test_masked_complex_and_sparse_samples_are_refused(door, kind, table):
    in_scikit_learn = door in ("over-sampler", "classifier")
    if in_scikit_learn and kind == "sparse":
        VALUE_DOORS[door](table, SAMPLES[kind])  # as a table; see test_sparse_tables.py
        return
    # scikit-learn itself refuses what is complex, in its own words.
    by_scikit_learn = in_scikit_learn and kind == "complex"
    with pytest.raises((ValueError, TypeError) if by_scikit_learn else InputError, match=WORDS):
        VALUE_DOORS[door](table, SAMPLES[kind])


@pytest.mark.parametrize("kind", ["masked", "sparse tensor", "complex"])
def test_masked_complex_and_sparse_labels_are_refused(kind, table):
    labels = {
        "masked": np.ma.masked_equal(LABELS, 2),
        "sparse tensor": WINE.y.to_sparse(),
        "complex": LABELS + 0j,
    }[kind]
    for use in (
        lambda: Augmenter().fit(ROWS, labels, **QUICK),
        lambda: table.generate(3, near=ROWS, labels=labels),
        lambda: table.generate(3, labels=labels),
        lambda: next(iter(AugmentedLoader([(WINE.x, labels)], table))),
        lambda: SyntheticDataset(table, 3, labels=labels),
    ):
        with pytest.raises(InputError, match=r"masked|missing|dense|sparse|complex"):
            use()
    if kind == "masked":
        for fit in (classify, over_sample):
            with pytest.raises(InputError, match="a label for every sample, got 20 missing of 60"):
                fit(None, ROWS, labels)
