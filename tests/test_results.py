"""Results on disk, and the metrics in them."""

import math
from dataclasses import fields, replace

import pytest
import torch
from fake_results import RESULT, results_of
from sklearn.metrics import log_loss, roc_auc_score

from vaeaug import InputError
from vaeaug.bench.results import Result, append, as_csv, read
from vaeaug.bench.runs import Trained, calibration_error, judge
from vaeaug.data import Samples

NEWER = ("auc", "log_loss", "calibration_error")  # columns that files of older versions lack


def without(columns, text):
    header, *lines = (line.split(",") for line in text.splitlines())
    index = [i for i, name in enumerate(header) if name not in columns]
    return "".join(",".join(line[i] for i in index) + "\n" for line in (header, *lines))


def as_text(results):
    return [str(result) for result in results]  # NaN differs from itself


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "rows.csv"
    results = [*results_of(none=[50.0, 1 / 3]), replace(RESULT, auc=0.75, log_loss=1e-17, calibration_error=0.0)]
    for result in results:
        append(path, result)
    assert as_text(read(path)) == as_text(results)
    assert path.read_text() == as_csv(results)
    assert read(path)[2] == results[2]


def test_a_name_with_commas_quotes_and_line_ends(tmp_path):
    path = tmp_path / "rows.csv"
    result = replace(RESULT, method='mine, "hardest" of 4', auc=0.5, log_loss=1.0, calibration_error=0.0)
    append(path, result)
    append(path, result)
    assert read(path) == [result, result]


@pytest.mark.parametrize("length", [1, 20])
def test_an_incomplete_last_line_is_overwritten(tmp_path, length):
    path = tmp_path / "rows.csv"
    first, second, third = results_of(none=[50, 51, 52])
    path.write_text(as_csv([first]) + as_csv([second], header=False)[:length])
    assert as_text(read(path)) == as_text([first])
    append(path, third)
    assert as_text(read(path)) == as_text([first, third])


def test_an_incomplete_header_is_overwritten(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(as_csv([])[:7])
    assert read(path) == []
    append(path, RESULT)
    assert as_text(read(path)) == as_text([RESULT])


@pytest.mark.parametrize("columns", [NEWER, NEWER[1:], NEWER[2:]])
def test_a_file_of_an_older_version_gets_the_newer_columns(tmp_path, columns):
    path = tmp_path / "rows.csv"
    old = results_of(none=[50, 51])
    path.write_text(without(columns, as_csv(old)))
    assert as_text(read(path)) == as_text(old)
    new = replace(RESULT, seed=9, auc=0.75, log_loss=0.5, calibration_error=0.25)
    append(path, new)
    assert as_text(read(path)) == as_text([*old, new])
    assert path.read_text() == as_csv([*old, new])


@pytest.mark.parametrize("columns", [("setup",), ("data", "auc")])
def test_a_file_without_a_required_column_is_refused(tmp_path, columns):
    path = tmp_path / "rows.csv"
    path.write_text(without(columns, as_csv([RESULT])))
    with pytest.raises(InputError, match=r"expected results of this version in '.*rows.csv', got columns \["):
        read(path)


def test_an_unknown_column_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(as_csv([RESULT]).replace("mcc", "kappa"))
    with pytest.raises(InputError, match=r"expected results of this version .*kappa.*; choose another folder"):
        read(path)


def test_an_empty_file_has_no_results(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("")
    assert read(path) == []


def test_every_column_is_documented():
    for field in fields(Result):
        assert f"{field.name}" in Result.__doc__.split("Arguments:")[1].replace(",", " ").replace(":", " ").split()


def trained(p, predictions=None, **kwargs):
    p = torch.tensor(p)
    labels = p.argmax(1) if predictions is None else torch.tensor(predictions)
    return Trained(lambda x: labels, 0, lambda x: p, **kwargs)


def test_metrics():
    p = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6], [0.1, 0.7, 0.2], [0.6, 0.1, 0.3]]
    y = torch.tensor([0, 0, 1, 2, 2, 2])
    metrics = judge(trained(p), Samples(torch.zeros(6, 1), y))
    assert metrics["confusion"] == "1 1 0/0 1 0/1 1 1"
    assert metrics["accuracy"] == pytest.approx(3 / 6)
    assert metrics["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)
    assert metrics["macro_f1"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 2) / 3)
    assert metrics["log_loss"] == pytest.approx(log_loss(y, p))
    assert metrics["auc"] == pytest.approx(roc_auc_score(y, p, multi_class="ovr", average="macro"))


def test_a_class_that_the_test_split_lacks_does_not_count():
    p = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1], [0.2, 0.2, 0.6]]
    y = torch.tensor([0, 0, 1, 1])
    metrics = judge(trained(p), Samples(torch.zeros(4, 1), y, ("a", "b", "c")))
    assert metrics["confusion"] == "1 1 0/0 1 1/0 0 0"
    assert metrics["balanced_accuracy"] == pytest.approx(0.5)
    auc = [roc_auc_score(y == k, torch.tensor(p)[:, k]) for k in (0, 1)]
    assert metrics["auc"] == pytest.approx(sum(auc) / 2)


def test_with_one_class_there_is_no_auc():
    metrics = judge(trained([[0.7, 0.3], [0.4, 0.6]]), Samples(torch.zeros(2, 1), torch.tensor([0, 0]), ("a", "b")))
    assert math.isnan(metrics["auc"])
    assert metrics["accuracy"] == 0.5


def test_scores_that_are_no_probabilities_have_an_auc_only():
    test = Samples(torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]))
    metrics = judge(trained([[3.0, -2], [1, 5], [-1, 0], [-9, 2]], gives_probabilities=False), test)
    assert metrics["auc"] == pytest.approx((3 / 4 + 1) / 2)
    assert not {"log_loss", "calibration_error"} & set(metrics)
    assert not set(NEWER) & set(judge(Trained(lambda x: test.y, 0), test))


def test_a_probability_of_zero_has_a_finite_loss():
    metrics = judge(trained([[1.0, 0.0], [0.0, 1.0]]), Samples(torch.zeros(2, 1), torch.tensor([1, 1]), ("a", "b")))
    assert metrics["log_loss"] == pytest.approx(-math.log(1e-7) / 2)


def test_calibration_error():
    y = torch.tensor([0, 0, 1, 1])
    assert calibration_error(torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]]), y) == 0
    assert calibration_error(torch.tensor([[0.0, 1], [0, 1], [1, 0], [1, 0]]), y) == pytest.approx(1)
    assert calibration_error(torch.tensor([[0.5, 0.5]] * 4), y) == pytest.approx(0), "half of them are right"
    # Two bins: confidence 0.9 with one of two right, and 0.6 with two of two right.
    p = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6], [0.4, 0.6]])
    assert calibration_error(p, y) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
