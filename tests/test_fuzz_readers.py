"""Readers of samples meet broken files and odd objects: they return samples that are finite, or raise one clear error."""

import io
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vaeaug import InputError
from vaeaug.data import ImageFolder, Samples, as_samples, load, read_unlabelled

N = 12
ROWS = np.random.default_rng(0).normal(size=(N, 3)).round(3)
LIKE = as_samples(pd.DataFrame(ROWS, columns=list("abc")), y=np.arange(N) % 2)
PICTURES = Samples(torch.zeros(2, 3, 9, 10), torch.arange(2))
MANY = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def attempt(*reads):
    """Calls functions that read samples; anything but finite samples or an `InputError` of one line fails the test."""
    for read in reads:
        found, message = None, "expected"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a broken file may well be worth a warning
                found = read()
        except InputError as error:
            message = str(error)
        assert message.startswith("expected")
        assert "\n" not in message
        if found is None:
            continue
        x = getattr(found, "x", found)
        assert x.isfinite().all()
        if isinstance(found, Samples):
            assert 0 <= int(found.y.min()) <= int(found.y.max()) < len(found.names)
            assert not found.columns or len(found.columns) == x.shape[1] + 1


@st.composite
def broken(draw, content):
    """Draws a file of which some bytes are changed, left out or added, or whose end is missing."""
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 12))
        data[start : start + length] = draw(st.binary(max_size=12))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def image(suffix):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 10, 3), dtype=np.uint8)).save(file, suffix)
    return file.getvalue()


@MANY
@given(content=broken(npz(x=ROWS, y=np.arange(N) % 2, names=np.array(["cat", "dog"]))))
def test_npz(content, tmp_path):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    attempt(lambda: load(path), lambda: read_unlabelled(path, LIKE))


LINES = [f"{a},{b},{c},{i % 3 > 1},{'xyz'[i % 3]}\n" for i, (a, b, c) in enumerate(ROWS)]


@MANY
@given(content=broken(("a,b,c,flag,kind\n" + "".join(LINES)).encode()))
def test_csv(content, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    attempt(lambda: load(path), lambda: load(path, label_column="kind"), lambda: read_unlabelled(path, LIKE))


@pytest.mark.parametrize("suffix", ["png", "jpeg", "tiff", "bmp", "webp"])
@settings(MANY, max_examples=100)
@given(data=st.data())
def test_images(suffix, data, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "a" / f"0.{suffix}").write_bytes(data.draw(broken(image(suffix))))
    (tmp_path / "b" / f"0.{suffix}").write_bytes(image(suffix))
    attempt(
        lambda: load(tmp_path),
        lambda: load(tmp_path, size=8),
        lambda: ImageFolder(tmp_path)[0][0],
        lambda: read_unlabelled(tmp_path, PICTURES),
    )


DTYPES = ("f2", "f4", ">f8", "i1", ">i4", "u8", "?", "c8", "U3", "S2", "O", "M8[s]", "V4")
SHAPES = ((N, 3), (N,), (), (0, 3), (N, 1), (N, 8, 8), (N, 1, 8, 8), (2, 3, 9, 10))
ARRAYS = st.builds(
    lambda shape, dtype: np.random.default_rng(0).normal(size=shape).astype(dtype),
    st.sampled_from(SHAPES),
    st.sampled_from(DTYPES),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(max_size=3), st.binary(max_size=3),
    st.sampled_from((torch.tensor(1), torch.zeros(3), np.float32(2), pd.NA, object(), Image.new("L", (9, 9)), range(3))),
)  # fmt: skip
ANYTHING = st.recursive(
    ARRAYS | SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@MANY
@given(x=ANYTHING, y=ANYTHING)
def test_objects(x, y):
    attempt(
        lambda: as_samples((x, y)),
        lambda: as_samples(ROWS, y=y),
        lambda: as_samples(x, y=np.arange(N) % 2),
        lambda: as_samples([ROWS, y]),
        lambda: read_unlabelled(x, LIKE),
        lambda: read_unlabelled(x, PICTURES),
    )


class Items(Dataset):
    def __init__(self, items, classes):
        self.items, self.classes = items, classes

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


@MANY
@given(
    items=st.lists(st.tuples(ANYTHING, ANYTHING) | ANYTHING, max_size=3),
    same=st.booleans(),
    classes=ANYTHING,
)
def test_items(items, same, classes):
    data = Items(items[:1] * 3 if same else items, classes)
    batches = DataLoader(data, collate_fn=lambda batch: batch[0])
    attempt(
        lambda: as_samples(data),
        lambda: read_unlabelled(data, LIKE),
        lambda: as_samples(batches),
        lambda: read_unlabelled(batches, PICTURES),
    )
