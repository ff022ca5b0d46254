"""What a `.csv` means: which column is the label, which are features, and which numbers are numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from vaeaug import Augmenter, InputError
from vaeaug.data import as_samples, load, read_unlabelled
from vaeaug.data.loading import read_maybe_labelled

N = 20
A = np.random.default_rng(0).normal(size=N).round(3)


def write(path, columns, header=True):
    """Writes columns to a file; a list of pairs may hold one name twice."""
    pairs = columns.items() if isinstance(columns, dict) else columns
    lines = [",".join(map(str, row)) for row in zip(*(values for _, values in pairs), strict=True)]
    path = path / "table.csv"
    path.write_text("\n".join([*([",".join(name for name, _ in pairs)] if header else []), *lines]), encoding="utf-8")
    return path


def labels(*different):
    return [different[i % len(different)] for i in range(N)]


@pytest.mark.parametrize("name", ["label", "Class", "TARGET", "y", "targets"])
def test_a_column_called_as_labels_are_is_not_passed_over(name, tmp_path):
    path = write(tmp_path, {name: labels(0, 1), "a": A, "sex": labels(0, 1, 1)})
    message = (
        rf"one column of .* that could be the label, got '{name}' and the last column, 'sex'; .*label_column='{name}'"
    )
    with pytest.raises(InputError, match=message):
        load(path)
    samples = load(path, label_column=name)
    assert samples.columns == ("a", "sex", name)
    assert samples.label_position == 0
    assert load(path, label_column="sex").columns == (name, "a", "sex")


def test_a_name_that_fits_the_last_column_is_taken(tmp_path):
    assert load(write(tmp_path, {"x": A, "y": A, "kind": labels(0, 1)})).columns == ("x", "y", "kind")
    assert load(write(tmp_path, {"a": A, "y": labels(0, 1)})).columns == ("a", "y")
    assert load(write(tmp_path, {"a": A, "y": A, "class": labels(0, 1)})).columns == ("a", "y", "class")


def test_a_class_that_may_stand_first_or_last_is_not_guessed(tmp_path):
    columns = {"0": labels(1, 2, 3), "a": A, "b": labels(0, 1)}
    for header in (None, "0,1,2"):
        path = write(tmp_path, columns, header=False)
        if header:
            path.write_text("\n".join([header, path.read_text()]))
        with pytest.raises(
            InputError, match=r"one column of .* that could be the label, got the first and the last one"
        ):
            load(path)
        assert load(path, label_column="0").names == ("1", "2", "3")
        assert load(path, label_column="2").names == ("0", "1")
    columns["b"] = A
    with pytest.raises(InputError, match=r"expected (labels in .* that repeat|names of columns in the first line of)"):
        load(write(tmp_path, columns, header=False))
    with pytest.raises(
        InputError, match=r"the label in the last column of .*, got measurements in the last column, 'b'"
    ):
        load(write(tmp_path, {"a": A, "b": labels(0.5, 1.5)}))


@pytest.mark.parametrize("name", ["label", "a"])
def test_two_columns_of_one_name_are_refused(name, tmp_path):
    path = write(tmp_path, [(name, labels(0, 1)), ("b", A), (name, labels(0, 1)), ("kind", labels(0, 1))])
    for column in (None, "kind"):
        with pytest.raises(InputError, match=f"a name of its own for every column of .*, got two columns '{name}'"):
            load(path, label_column=column)


def test_a_copy_of_the_label_is_named(tmp_path):
    path = write(tmp_path, {"a": A, "code": labels(3, 7), "kind": labels("x", "y")})
    with pytest.warns(UserWarning, match=r"column 'code' of '.*' has one value for each class; if it is a copy"):
        load(path)


COUNTING = {
    "Id": range(1, N + 1),
    "id": labels(7, 8, 9),
    "index": A,
    "Unnamed: 0": range(N),
    "row_id": [f"r{i}" for i in range(N)],
    "no name says it": range(100, 100 + N),
    "shuffled": np.random.default_rng(0).permutation(N),
}


@pytest.mark.parametrize("name", COUNTING)
def test_numbers_of_rows_are_left_out_unless_asked_for(name, tmp_path):
    path = write(tmp_path, {name: COUNTING[name], "a": A, "kind": sorted(labels("u", "v"))})
    with pytest.warns(
        UserWarning, match=f"'{name}' of '.*' is left out: it numbers the rows.*keep_row_numbers=True"
    ) as seen:
        samples = load(path)
    assert len(seen) == 1
    assert samples.columns == ("a", "kind")
    assert np.array_equal(samples.x[:, 0], A.astype(np.float32))
    if name != "row_id":
        assert load(path, keep_row_numbers=True).columns == (name, "a", "kind")


@pytest.mark.parametrize(
    "values", [labels(1, 2, 3), range(0, 2 * N, 2), A, [*range(N - 1), N + 5], np.arange(N) + 0.5], ids=str
)
def test_other_columns_stay(values, tmp_path):
    assert load(write(tmp_path, {"n": values, "a": A, "kind": labels(0, 1)})).columns == ("n", "a", "kind")


def test_a_column_of_numbers_of_rows_alone_is_kept_with_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"'a' of '.*' seems to number the rows, .* kept as the only feature"):
        assert load(write(tmp_path, {"a": range(N), "kind": labels(0, 1)})).columns == ("a", "kind")


@pytest.mark.parametrize(
    "word",
    [
        "2021_05",
        "1_0",
        "²",
        "١٢",
        "１２",
        "x",
        "inf",
        "-Infinity",
        "1e999",
        "0x10",
        "1,5",
        "1 2",
        "$3",
    ],
)
def test_what_other_programs_do_not_read_as_a_number_is_none(word, tmp_path):
    values = list(A)
    values[3] = f'"{word}"' if "," in word else word
    with pytest.raises(
        InputError,
        match=rf"finite numbers in every column of .*, got {word!r} in line 5, column 'a'".replace("$", r"\$"),
    ):
        load(write(tmp_path, {"a": values, "kind": labels(0, 1)}))


def test_columns_keep_their_types(tmp_path):
    columns = {
        "whole": labels(1, -2, 30),
        "flag": labels(True, False, False),
        "upper": labels("TRUE", "FALSE", "TRUE"),
        "two decimals": labels("1.25", "3", "-0.5"),
        "exponent": labels("1e3", "12e-3", "1"),
        "kind": labels("True", "False"),
        "whole floats": labels("45.0", "3.0", "4.0"),
    }
    samples = load(write(tmp_path, columns), label_column="kind")
    assert samples.columns == ("whole", "flag", "upper", "two decimals", "exponent", "whole floats", "kind")
    assert (samples.integer_columns, samples.boolean_columns) == ((0, 1, 2, 5), (1, 2))
    assert samples.decimals == (0, 0, 0, 2, 3, 1)
    assert samples.label_position == 5
    assert samples.names == ("False", "True")
    assert samples.x[:2, 1].tolist() == [1, 0]
    with pytest.raises(InputError, match=r"finite numbers in every column of .*, got 'True' in line 2, column 'a'"):
        load(write(tmp_path, {"a": labels(True, 3, 4), "kind": labels(0, 1)}))


def test_a_frame_and_its_file_are_the_same_samples(tmp_path):
    frame = pd.DataFrame({"a": A.astype(np.float32), "n": np.arange(N) % 7, "flag": A > 0})
    y = pd.Series(labels("v", "u"), name="kind")
    frame.assign(kind=y).to_csv(tmp_path / "table.csv", index=False)
    one, other = as_samples(frame, y=y), load(tmp_path / "table.csv")
    assert torch.equal(one.x, other.x)
    assert torch.equal(one.y, other.y)
    for name in ("names", "columns", "integer_columns", "boolean_columns"):
        assert getattr(one, name) == getattr(other, name), name


# Samples like others: near= and unlabelled=.

FRAME = pd.DataFrame({"a": A, "b": A[::-1] ** 2, "c": np.arange(N) % 3})
KIND = pd.Series(labels("u", "v"), name="kind")
LIKE = {
    "same": FRAME,
    "with its label": FRAME.assign(kind=KIND),
    "in another order": FRAME.assign(kind=KIND)[["kind", "c", "a", "b"]],
    "with others beside": FRAME.assign(Id=range(N), note="text", kind=KIND)[["note", "c", "b", "kind", "a", "Id"]],
}


@pytest.mark.parametrize("kind", LIKE)
def test_columns_are_found_by_their_names(kind, tmp_path):
    like, frame = as_samples(FRAME, y=KIND), LIKE[kind]
    frame.to_csv(tmp_path / "table.csv", index=False)
    samples, labelled = read_maybe_labelled(tmp_path / "table.csv", (3,), columns=like.columns)
    assert torch.equal(samples.x, like.x)
    assert labelled == ("kind" in frame.columns)
    if labelled:
        assert [samples.names[label] for label in samples.y] == KIND.tolist()
    assert torch.equal(read_unlabelled(tmp_path / "table.csv", like), like.x)
    assert torch.equal(read_unlabelled(frame, like), like.x)
    fitted = Augmenter().fit(like, steps=1, progress=False)
    x = fitted.generate(N, near=FRAME.to_numpy(), seed=0).x
    assert torch.equal(torch.as_tensor(fitted.generate(N, near=frame, seed=0).x), torch.as_tensor(x))


def test_lacking_columns_are_named(tmp_path):
    like = as_samples(FRAME, y=KIND)
    frame = FRAME.rename(columns={"b": "B"})
    frame.to_csv(tmp_path / "table.csv", index=False)
    for form in (frame, tmp_path / "table.csv"):
        with pytest.raises(InputError, match=r"the columns .*, got none called b; name the columns as in that data"):
            read_unlabelled(form, like)


def test_files_without_names_are_read_by_position(tmp_path):
    like = as_samples(FRAME, y=KIND)
    for header, index in ((False, False), (["0", "1", "2"], False)):
        FRAME.to_csv(tmp_path / "table.csv", header=header, index=index)
        samples, labelled = read_maybe_labelled(tmp_path / "table.csv", (3,), columns=like.columns)
        assert torch.equal(samples.x, like.x), "the first line is a sample, too"
        assert not labelled
    FRAME.assign(kind=KIND).to_csv(tmp_path / "table.csv", header=["w", "x", "y", "z"], index=False)
    samples, labelled = read_maybe_labelled(tmp_path / "table.csv", (3,))
    assert (samples.names, labelled) == (("u", "v"), True)
    with pytest.raises(InputError, match=r"2 features in .*, with or without a label, got 4 columns; drop the other"):
        read_maybe_labelled(tmp_path / "table.csv", (2,))


def test_test_data_have_the_columns_and_classes_of_the_training_data():
    from vaeaug.bench.inputs import train_and_test_data

    x, y = FRAME, KIND
    train, test = train_and_test_data((x, y), None, (x[["c", "a", "b"]][::2], y[::2]))
    assert torch.equal(test.x, train.x[::2])
    assert test.columns == train.columns
    assert test.y.tolist() == [0] * (N // 2)
    _, test = train_and_test_data((x, y), None, (x[1::2], y[1::2]))
    assert test.y.tolist() == [1] * (N // 2), "the only class there is not class 0"
    with pytest.raises(InputError, match="the columns of the training data in test, got none called b; name the col"):
        train_and_test_data((x, y), None, (x.rename(columns={"b": "B"}), y))


def test_the_command_line_keeps_numbers_of_rows_if_asked_to(tmp_path):
    from vaeaug.cli import app

    path = write(tmp_path, {"Id": range(N), "a": A, "kind": labels("u", "v")})
    model = str(tmp_path / "model")
    words = ["fit", str(path), "--steps", "1", "-o", model]
    with pytest.warns(UserWarning, match=r"'Id' of .* is left out: .* or --keep-row-numbers"):
        app(words, standalone_mode=False)
    assert Augmenter.load(model).bank_.samples.columns == ("a", "kind")
    app([*words[:-1], f"{model}-2", "--keep-row-numbers"], standalone_mode=False)
    assert Augmenter.load(f"{model}-2").bank_.samples.columns == ("Id", "a", "kind")


# Broken files.


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"a,b\n",
        b"\xff\xfea\x00,\x00b\x00\n",
        "größe,y\n1,0\n".encode("latin-1"),
        b"a,y\n1,0\n2\n",
        b"a;y\n1;0\n",
        b"\x00\x00,\x00\n1,0\n",
        b'a,y\n"1,0\n',
        b"a,y\n" + b"1" * 200_000 + b",0\n",
        b"PK\x03\x04",
    ],
    ids=range(11),
)
def test_a_broken_file_is_refused_in_one_line(content, tmp_path):
    (tmp_path / "table.csv").write_bytes(content)
    like = as_samples(FRAME, y=KIND)
    for read in (load, lambda path: read_unlabelled(path, like)):
        with pytest.raises(InputError, match=r"^expected .*, got .*; "):
            read(tmp_path / "table.csv")


def test_a_large_table_is_read_in_time(tmp_path):
    import time

    x = np.random.default_rng(0).normal(size=(20_000, 20))
    path = write(tmp_path, {**{f"f{i}": x[:, i] for i in range(20)}, "kind": np.arange(20_000) % 3})
    start = time.perf_counter()
    assert torch.equal(load(path).x, torch.as_tensor(x).float())
    assert time.perf_counter() - start < 10
