"""The script that measures how often `augment="auto"` hurts: its splits, its rows on disk, and its table."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def regret(monkeypatch, tmp_path):
    if not BENCHMARKS.exists():
        pytest.skip("benchmarks/ is not there")
    pytest.importorskip("imblearn", reason="the judged tables are those of imbalanced.py")
    monkeypatch.syspath_prepend(BENCHMARKS)
    import regret

    monkeypatch.setattr(regret, "ROWS", tmp_path / "regret" / "rows.csv")
    yield regret
    sys.modules.pop("regret", None)


def run_of(regret, tests, chosen, seed=0, case=0, estimator="forest"):
    row = regret.Row(regret.CASES[case].name, estimator, seed, len(tests), "", 0, 0.0, 1.5, 0.5, 0, "best", 10.0 + seed)
    return [
        replace(row, candidate=name, test=test, chosen=int(name == chosen), tier=tier)
        for tier, (name, test) in enumerate(tests.items())
    ]


def key_of(rows):
    return rows[0].case, rows[0].estimator, rows[0].seed


def test_training_and_test_samples_are_apart_and_classes_have_their_sizes(regret):
    y = np.repeat(["few", "most", "some"], [12, 400, 60])
    train, test = regret.split(y, (100, 10), 3)
    assert not set(train) & set(test)
    assert len(train) + len(test) == len(y)
    assert Counter(y[train].tolist()) == {"most": 100, "some": 10, "few": 6}, (
        "at most half of a class, the largest first"
    )
    assert not np.array_equal(train, regret.split(y, (100, 10), 4)[0])


def test_the_outcome_is_that_of_the_rows(regret):
    runs = [
        run_of(regret, {"none": 80.0, "a": 82.0, "b": 84.0}, "a", seed=0),
        run_of(regret, {"none": 80.0, "a": 79.0, "b": 86.0}, "a", seed=1),
        run_of(regret, {"none": 80.0, "a": 99.0, "b": 81.0}, "none", seed=2),
    ]
    (outcome,) = regret.outcomes({key_of(rows): rows for rows in runs})
    assert (outcome.none, outcome.auto) == (80.0, pytest.approx(241 / 3))
    assert (outcome.best, outcome.best_mean) == ("a", pytest.approx(260 / 3))
    assert outcome.regret == pytest.approx(19 / 3)
    assert (outcome.worse, outcome.seeds) == (1, 3)
    assert outcome.chosen == {"a": 2, "none": 1}
    text = regret.document({key_of(rows): rows for rows in runs})
    assert "the choice gains +0.33 points over none in the mean, and its mean regret is 6.33 points" in text
    assert "In 1 of 3 runs it is more than 0.5 points worse than none." in text
    assert "over the seeds: none. The median `fit` took 11 s." in text
    hurt = run_of(regret, {"none": 80.0, "a": 70.0}, "a", case=1)
    assert f"over the seeds: {regret.CASES[1].name}, forest (-10.0)." in regret.document({key_of(hurt): hurt})


def test_rows_on_disk_come_back_and_an_incomplete_run_counts_as_missing(regret):
    runs = {key_of(rows): rows for rows in (run_of(regret, {"none": 1.0, "a": 2.5}, "a", seed=s) for s in range(3))}
    regret.write(runs)
    assert regret.read() == runs
    text = regret.ROWS.read_text()
    for cut in (10, 60, 100):
        regret.ROWS.write_text(text[:-cut])
        assert regret.read() == {key: rows for key, rows in runs.items() if key[2] < 2}


def test_a_run_judges_every_candidate_and_the_choice_as_it_was_fitted(regret, tmp_path):
    case = regret.Case("iris", (6,))
    data = regret.load("iris", tmp_path)
    rows = regret.run(case, "logistic", 0, data)
    assert rows == [
        replace(row, seconds=old.seconds) for row, old in zip(regret.run(case, "logistic", 0, data), rows, strict=True)
    ]
    assert rows[0].candidate == "none"
    assert sum(row.chosen for row in rows) == 1
    assert len(rows) == rows[0].rows
    assert all(33 < row.test <= 100 for row in rows)


def test_sets_that_are_not_here_are_left_out(regret, tmp_path):
    assert regret.load("glass", tmp_path) is None
    x, y = regret.load("digits", tmp_path)
    assert x.shape == (1797, 8, 8)
    (tmp_path / "glass.arff").write_text(
        "@relation glass\n@attribute a numeric\n@attribute constant numeric\n@attribute class {x,y}\n@data\n1,0,x\n2,0,y\n"
    )
    x, y = regret.load("glass", tmp_path)
    assert x.tolist() == [[1.0], [2.0]]
    assert y.tolist() == ["x", "y"]
