"""The benchmark of imbalanced tables: its scores, its methods, and a page that says what the rows say."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pytest.importorskip("imblearn", reason="needs imbalanced-learn")

BENCHMARKS = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def _path():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def module(name):
    return importlib.import_module(name)


def frame(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "large": rng.normal(5000, 1000, n),
            "small": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "word": pd.Series(
                [None if value < 0.1 else "a" if value < 0.6 else "b" for value in rng.random(n)], dtype=object
            ),
        }
    )


LABELS = np.array([0] * 45 + [1] * 15)


def test_the_calibration_error_is_zero_where_probabilities_are_right():
    imbalanced = module("imbalanced")
    y, p = np.array([0, 0, 0, 1, 1]), np.array([0.25, 0.25, 0.25, 0.25, 0.999])
    assert imbalanced.calibration_error(y, p, np.ones(5)) == pytest.approx(0.001 / 5)
    assert imbalanced.calibration_error(y, np.full(5, 0.95), np.ones(5)) == pytest.approx(0.55)
    # With weights that make ones as rare as p says.
    assert imbalanced.calibration_error(np.array([0, 1]), np.full(2, 0.1), np.array([9, 1])) == pytest.approx(0)


def test_probabilities_of_a_balanced_population_are_corrected():
    with_share = module("imbalanced").with_share
    assert with_share(np.array([0.5]), 0.1) == pytest.approx(0.1)
    assert with_share(np.array([0.2, 0.7]), 0.5) == pytest.approx([0.2, 0.7])
    p = np.array([0.8])
    assert with_share(p, 0.1) / (1 - with_share(p, 0.1)) == pytest.approx(4 * 0.1 / 0.9)


def test_smote_gives_rows_on_the_scale_of_the_table():
    x = frame()
    more, labels = module("imbalanced_methods").smote(x, LABELS, 0)
    assert len(more) == 90
    assert labels.sum() == 45
    seen = x["small"].notna()
    assert np.allclose(more["large"][:60], x["large"])
    assert np.allclose(more["small"][:60][seen], x["small"][seen])
    assert more["large"][60:].between(x["large"].min(), x["large"].max()).all()
    assert set(more["word"]) <= {"a", "b", "missing"}


@pytest.mark.parametrize("words", [[], ["word"], ["word", "other"]], ids=["SMOTE", "SMOTENC", "SMOTEN"])
def test_smote_takes_every_kind_of_table(words):
    x = frame().assign(other="x")[[*(["large"] if len(words) < 2 else []), *words]]
    assert len(module("imbalanced_methods").smote(x, LABELS, 0)[0]) == 90


def test_every_method_fits_and_folds_have_fills_of_their_own():
    methods = module("imbalanced_methods")
    fills = methods.Fills(0)
    x = frame()
    for method in methods.METHODS:
        if method not in ("ours", "ours + tuned threshold"):
            assert set(methods.fit(method, "logistic", x, LABELS, fills).predict(x)) <= {0, 1}
    calls = []
    methods.SPACES["ours"], before = (
        (lambda: calls.append(1) or methods.SPACES["ours, Identity"]()),
        methods.SPACES["ours"],
    )
    try:
        for classifier in ("logistic", "forest"):
            methods.fit("ours + tuned threshold", classifier, x, LABELS, fills)
    finally:
        methods.SPACES["ours"] = before
    assert len(calls) == 6, "five folds and all rows, shared by two classifiers"


def test_training_and_judging_rows_are_apart():
    tables = module("imbalanced_tables")
    assert not set(tables.DEVELOPMENT) & set(tables.JUDGED)
    assert len(tables.DEVELOPMENT) >= 12
    assert len(tables.JUDGED) == 8
    x = pd.DataFrame({"row": range(1000)})
    y = (np.arange(1000) % 5 == 0).astype(int)
    for regime in tables.REGIMES:
        if tables.fits(y, regime):
            train, y_train, test, y_test = tables.halves(x, y, 0, regime)
            assert not set(train["row"]) & set(test["row"])
            assert (y[train["row"]] == y_train).all()
            assert (y[test["row"]] == y_test).all()
    assert tables.fits(y, "100:10")
    assert not tables.fits(y, "1000:20")


def test_runs_that_lack_a_method_are_left_out(tmp_path):
    imbalanced, page, methods = module("imbalanced"), module("imbalanced_page"), module("imbalanced_methods")
    row = imbalanced.Row("spam", "100:10", 0, "forest", "none", *[0.5] * 9)
    rows = [replace(row, seed=s, method=m) for s in (0, 1) for m in methods.METHODS]
    for row in rows[:-1]:
        imbalanced.append(row, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("spam,100:10,1,for")
    back = imbalanced.read(tmp_path / "rows.csv")
    assert back == rows[:-1]
    assert page.Results(back, ("spam",), "100:10").runs == [("spam", 0)]


def test_intervals_and_counts():
    page = module("imbalanced_page")
    same = {"a": np.full(3, 2.0), "b": np.full(3, 2.0), "c": np.full(3, 2.0)}
    assert page.interval(same) == (2.0, 2.0, 2.0)
    differences = {"a": np.array([1.0, 3.0]), "b": np.array([0.2, 0.4]), "c": np.array([-2.0, 0.0])}
    mean, low, high = page.interval(differences)
    assert low < mean < high
    assert mean == pytest.approx(1.3 / 3)
    assert page.win_tie_loss(differences) == "1/1/1"


def test_rules_between_columns():
    joint = module("imbalanced_joint")
    x, _ = joint.cities(0, (50, 10))
    assert not joint.city_broken(x).any()
    broken = joint.city_broken(x.assign(country=np.roll(x["country"], 1)))
    assert (broken == (x["country"] != np.roll(x["country"], 1))).all()
    cells = ["No internet service", "Yes", "No"]
    wide = pd.DataFrame({"internet_service": ["No", "DSL", "No"], **dict.fromkeys(joint.NO_INTERNET, cells)})
    assert list(joint.churn_broken(wide)) == [False, False, True]


def test_the_page_says_what_the_rows_say():
    pytest.importorskip("matplotlib")
    page, rows = module("imbalanced_page"), module("imbalanced").read()
    text = page.PAGE.read_text()
    assert page.updated(text, rows) == text
