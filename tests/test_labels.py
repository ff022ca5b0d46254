"""Labels of any kind: one order of the classes for every reader, missing labels refused, and no guess."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vaeaug import Augmenter, InputError, fit_vae
from vaeaug.data import ImageFolder, Samples, as_samples, load

WORDS = {
    "numbers": (["10", "2", "-1"], ["-1", "2", "10"]),
    "decimals": (["0.0", "10.0", "2.0"], ["0.0", "2.0", "10.0"]),
    "words": (["eel", "Cat", "dog"], ["Cat", "dog", "eel"]),
    "numbers and words": (["b10", "3", "20"], ["3", "20", "b10"]),
    "not quite numbers": (["²", "1_0", "١"], ["1_0", "²", "١"]),
}
N = 12


class Pairs(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def from_array(x, y, path):
    return as_samples(x, y=np.array(y))


def from_list(x, y, path):
    return as_samples((list(x), list(y)))


def from_series(x, y, path):
    return as_samples(pd.DataFrame(x.flatten(1).numpy()), y=pd.Series(y, name="kind"))


def from_category(x, y, path):
    return as_samples(x, y=pd.Series(y).astype("category"))


def from_dataset(x, y, path):
    return as_samples(Pairs(x, y))


def from_loader(x, y, path):
    return as_samples(DataLoader(Pairs(x, y), batch_size=5))


def from_mappings(x, y, path):
    return as_samples(DataLoader([{"image": a, "label": b} for a, b in zip(x, y, strict=True)], batch_size=5))


def from_npz(x, y, path):
    np.savez(path / "data.npz", x=x, y=np.array(y))
    return load(path / "data.npz")


def from_csv(x, y, path):
    lines = [",".join(map(str, row.tolist())) + f",{label}" for row, label in zip(x.flatten(1), y, strict=True)]
    header = ",".join(f"pixel{i}" for i in range(x[0].numel())) + ",kind"
    (path / "data.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    return load(path / "data.csv")


def from_folder(x, y, path):
    for i, label in enumerate(y):
        (path / "images" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[i, 0] * 255).byte().numpy()).save(path / "images" / label / f"{i:02d}.png")
    samples, dataset = load(path / "images"), ImageFolder(path / "images")
    assert (list(dataset.classes), dataset.labels) == (list(samples.names), samples.y.tolist())
    order = np.argsort([int(file[-6:-4]) for file in samples.files])
    return samples[torch.as_tensor(order)]


READERS = (
    from_array,
    from_list,
    from_series,
    from_category,
    from_dataset,
    from_loader,
    from_mappings,
    from_npz,
    from_csv,
)


@pytest.fixture
def x():
    return torch.rand(N, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("reader", [*READERS, from_folder])
@pytest.mark.parametrize("kind", WORDS)
def test_classes_have_one_order_for_every_reader(kind, reader, x, tmp_path):
    different, order = WORDS[kind]
    y = [different[i % 3] for i in range(N)]
    samples = reader(x, y, tmp_path)
    assert list(samples.names) == order
    assert [samples.names[label] for label in samples.y] == y


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("word", ["", "NA", "nan", "NULL", "<NA>", "None"])
def test_missing_labels_are_no_class(word, reader, x, tmp_path):
    y = ["a", "b"] * (N // 2)
    y[3] = word
    with pytest.raises(InputError, match=r"expected a label (for every sample|in every line)"):
        reader(x, y, tmp_path)


def test_missing_labels_of_other_types_are_no_class(x):
    for missing in (None, np.nan, pd.NA, pd.NaT):
        for y in (["a", missing] * 6, pd.Series(["a", missing] * 6, dtype=object)):
            with pytest.raises(InputError, match="expected a label for every sample, got 6 missing of 12; drop"):
                as_samples(x, y=y)
    nullable = pd.array([0, 1, None] * 4, dtype="Int64")
    masked = np.ma.masked_equal(np.arange(N) % 3, 2)
    for y in (nullable, pd.Series(nullable), masked, np.where(np.arange(N) % 3 == 2, np.nan, 1.0)):
        with pytest.raises(InputError, match="expected a label for every sample, got 4 missing of 12"):
            as_samples(x, y=y)
    assert as_samples((x, ["NA", "b"] * 6), names=("NA", "b")).y.tolist() == [0, 1] * 6, "a class that was named"


Y = np.arange(N) % 3
LABELS = {
    "ints": (Y, "012"),
    "big-endian": (Y.astype(">i2"), "012"),
    "reversed": (np.flip(Y[::-1].copy()), "012"),
    "unsigned": (Y.astype(np.uint64), "012"),
    "floats": (Y.astype(float), "012"),
    "tensor of floats": (torch.as_tensor(Y).half(), "012"),
    "objects": (Y.astype(object), "012"),
    "list of tensors": ([torch.tensor(int(label)) for label in Y], "012"),
    "column": (Y[:, None], "012"),
    "frame of one column": (pd.DataFrame({"kind": Y}), "012"),
    "nullable": (pd.array(Y, dtype="Int64"), "012"),
    "one-hot": (np.eye(3)[Y], "012"),
    "one-hot tensor": (torch.nn.functional.one_hot(torch.as_tensor(Y)), "012"),
    "one-hot frame": (pd.get_dummies(pd.Series(np.array(list("cab"))[Y])), "abc"),
    "words": (np.array(list("cab"))[Y], "abc"),
    "bytes": (np.array([b"c", b"a", b"b"])[Y], "abc"),
    "categories": (pd.Categorical(np.array(list("cab"))[Y], categories=list("zcab")), "abc"),
    "strings of pandas": (pd.Series(np.array(list("cab"))[Y], dtype="string"), "abc"),
    "booleans": (Y > 0, ("False", "True")),
    "booleans of pandas": (pd.array(Y > 0, dtype="boolean"), ("False", "True")),
    "-1 and 1": (np.where(Y > 0, 1, -1), ("-1", "1")),
    "with gaps": (Y * 3, "036"),
    "from 1": (Y + 1, "123"),
    "codes": (Y + 2_000_000_000, ("2000000000", "2000000001", "2000000002")),
}
RENUMBERED = ("-1 and 1", "with gaps", "from 1", "codes")


@pytest.mark.parametrize("kind", LABELS)
def test_fit_takes_the_labels_that_scikit_learn_takes(kind):
    labels, names = LABELS[kind]
    rows = np.random.default_rng(0).normal(size=(N, 4))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        samples = Augmenter().fit(rows, labels, steps=1, progress=False).bank_.samples
    assert list(samples.names) == list(names)
    assert samples.y.unique().tolist() == list(range(len(names)))
    texts = [str(w.message) for w in caught]
    assert len(texts) == (kind in RENUMBERED)
    assert all("are numbered 0 to" in text and "names[y]" in text for text in texts)


BAD = {
    "measurements": (Y + 0.5, "whole-number labels, got float64 labels; map them"),
    "infinity": (np.where(Y == 1, np.inf, Y), "whole-number labels, got float64 labels"),
    "soft": (np.full((N, 3), 0.5), r"labels of shape \(B,\), got soft labels of shape \(12, 3\); pass y.argmax"),
    "several per row": (np.ones((N, 3), int), r"one 1 per row, got shape \(12, 3\) with several"),
    "ragged": ([[1], [0, 1]] * 6, "one label for each sample, got labels of several lengths"),
    "nested": ([[np.zeros((4, 2), "datetime64[s]"), [{}]], range(3)] * 6, "one label for each sample"),
    "mixed": (["a", 1] * 6, "labels of one kind: numbers, words or booleans, got int and str"),
    "dates": (np.array(["2021-01-01"] * N, "datetime64[D]"), "whole-number labels, got datetime64"),
    "complex": (Y + 1j, "whole-number labels, got complex128 labels"),
    "latin-1": (np.array(["ä".encode("latin-1")] * N), "labels as UTF-8 text"),
    "sparse": (torch.eye(N).to_sparse(), r"labels as a dense tensor, got sparse_coo; pass y.to_dense\(\)"),
    "marks of no label": (
        Y - 1,
        r"labels in 0 or more, got labels from -1 to 1; pass samples without a label as unlab",
    ),
    "too large": ([2**70] * N, "class numbers below 100000, got a label of"),
    "one number in two ways": (["1", "1.0"] * 6, "different numbers as labels, got '1' and '1.0'; write every class"),
    "cube": (np.zeros((N, 2, 2), int), r"labels of shape \(B,\), got shape \(12, 2, 2\)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_label_is_refused(kind, x):
    labels, message = BAD[kind]
    with pytest.raises(InputError, match=message):
        as_samples(x, y=labels)


def test_ids_are_refused_before_names_are_made():
    rows = np.zeros((3000, 2))
    ids = np.arange(3000) + 2_000_000_000
    for labels in (ids, ids.astype(str), list(map(int, ids))):
        with pytest.raises(InputError, match="labels that repeat, got 3000 different ones in 3000 samples"):
            as_samples(rows, y=labels)
    with pytest.raises(InputError, match="class numbers below 100000, got a label of 2000000000"):
        Samples(torch.zeros(1, 2), torch.tensor([2_000_000_000]))
    loader = DataLoader(Pairs(torch.zeros(4, 2), ids), batch_size=2)
    with pytest.raises(InputError, match="class numbers below 100000, got a label of 200000000"):
        fit_vae(loader, steps=1, progress=False)


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (3, ("0", "1", "2")),
        (None, ("0", "1", "2")),
        ("abc", ("0", "1", "2")),
        (len, ("0", "1", "2")),
        (range(3), ("0", "1", "2")),
        (["c", "a", "b"], ("c", "a", "b")),
        (np.array(["c", "a", "b"]), ("c", "a", "b")),
        ({"c": 0, "b": 2, "a": 1}, ("c", "a", "b")),
        ({1: "a", 0: "c", 2: "b"}, ("c", "a", "b")),
    ],
)
def test_names_come_from_a_sequence_of_names_alone(classes, names, x):
    data = Pairs(x, torch.as_tensor(Y))
    data.classes = classes
    for form in (data, DataLoader(data, batch_size=5)):
        assert as_samples(form).names == names
        assert Augmenter().fit(form, steps=1, progress=False).bank_.samples.names == names
    fitted = Augmenter().fit(DataLoader(data, batch_size=6), bank_size=N, steps=1, progress=False)
    assert fitted.bank_.samples.names == names


def test_two_classes_of_one_name_are_refused(x):
    with pytest.raises(InputError, match="different class names, got 'a' twice"):
        as_samples((x, Y), names=("a", "b", "a"))


def test_words_need_names_where_only_a_part_is_seen(x):
    data = Pairs(x, ["cat", "dog"] * 6)
    with pytest.raises(InputError, match=r"whole-number labels in a loader, got words; .* dataset\.classes = "):
        fit_vae(DataLoader(data, batch_size=4), steps=1, progress=False)
    data.classes = ["dog", "cat"]
    fitted = Augmenter().fit(DataLoader(data, batch_size=4), bank_size=N, steps=1, progress=False)
    assert fitted.bank_.samples.y.tolist() == [1, 0] * 6
