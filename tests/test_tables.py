"""A csv gives every row, or says which line and column it cannot read."""

import numpy as np
import pytest

from vaeaug import InputError
from vaeaug.data import load


@pytest.fixture
def read(tmp_path):
    def read(text, **settings):
        (tmp_path / "rows.csv").write_text(text)
        return load(tmp_path / "rows.csv", **settings)

    return read


@pytest.mark.parametrize("label", ["cat,dog,cat,dog", "0,1,0,1"])
def test_without_a_header_no_row_is_lost(read, label):
    words = label.split(",")
    samples = read("".join(f"{i}.5,{i},{word}\n" for i, word in enumerate(words)))
    assert samples.x.tolist() == [[i + 0.5, i] for i in range(4)]
    assert [samples.names[y] for y in samples.y] == words
    first = read("".join(f"{word},{i + 5}\n" for i, word in enumerate(words)), label="0")
    assert first.x.tolist() == [[5], [6], [7], [8]]
    assert first.names == samples.names


@pytest.mark.parametrize("header", ["0,1,2", "1,2,3", "1999,2000,kind", "a, b, y"])
def test_a_header_is_no_row(read, header):
    assert read(f"{header}\n5,6,1\n7,8,2\n").x.tolist() == [[5, 6], [7, 8]]


def test_cells_are_stripped_of_spaces(read):
    assert read("a, y\n1, cat\n2,cat \n").names == ("cat",)


def test_the_ending_may_be_in_capitals(tmp_path):
    (tmp_path / "ROWS.CSV").write_text("a,y\n1,0\n")
    assert len(load(tmp_path / "ROWS.CSV")) == 1
    np.savez(tmp_path / "x.npz", x=np.ones((2, 3)), y=np.array([0, 1]))
    assert len(load((tmp_path / "x.npz").rename(tmp_path / "X.NPZ"))) == 2


FINITE = r"expected finite numbers in every column of .*rows\.csv but the label, got "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1.5,2,9\n3,4,1\n5,6,0\n",
            r"names of columns in the first line of .*, got numbers alone: 1\.5, 2, 9; write a",
        ),
        (
            "a,b,y\n1,2,0\n\n3,nan,1\n",
            FINITE + "'nan' in line 4, column 'b'; encode words as numbers, and drop or fill in",
        ),
        ("a,b,y\n1,2,0\n,3,1\n", FINITE + "'' in line 3, column 'a'"),
        ("a,b,y\n1,2,0\n1,-inf,1\n", FINITE + "'-inf' in line 3, column 'b'"),
        ("nan,2,0\n1,2,1\n1,2,0\n", FINITE + "'nan' in line 1, column '0'"),
        (",2,0\n1,2,1\n1,2,0\n", FINITE + "'' in line 1, column '0'"),
        ("a,b,y\n1,2,0\n1,0\n", r"expected 3 cells in every line of .*, got 2 in line 3; mend or drop the line"),
        (
            "a,b,y\n1,2,0\n1,3,\n",
            r"expected a label in every row of .*, got none in line 3; fill it in or drop the row",
        ),
        (
            "a;b;y\n1;2;0\n",
            r"expected two columns or more in .*, got one, 'a;b;y'; separate them with commas, not with semi",
        ),
        (",a,y\n0,5,0\n1,6,1\n", r"a name for every column in .*, got none for column 1; .*to_csv\(index=False\)"),
        (",0,1\n0,5,0\n1,6,1\n", r"a name for every column in .*, got none for column 1; .*to_csv\(index=False\)"),
        (
            "kind,a\n" + "".join(f"{i % 2},{i / 7}\n" for i in range(9)),
            r"labels in .* that come again and again, got 9 different ones in 9 rows of column 'a'; name .*--label kind",
        ),
    ],
)
def test_bad_tables(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)
