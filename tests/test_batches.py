"""What belongs to a sample follows it, the right field is augmented, and what cannot be told is refused, by every door."""

from __future__ import annotations

import dataclasses
import re
from collections import UserDict, deque, namedtuple
from types import MappingProxyType

import numpy as np
import pytest
import torch
from own_parts import Items
from PIL import Image
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors

from vaeaug import Augmenter, InputError, Posterior
from vaeaug.data import as_samples, load
from vaeaug.plugins.torch import AugmentedDataset, AugmentedLoader, VAEAugment

DIGITS = load("digits")
X, Y = DIGITS.x[:64], DIGITS.y[:64]
B = 3


@pytest.fixture(scope="module")
def augmenter():
    # Each of its synthetic samples differs from its parent.
    return Augmenter(perturb=Posterior(3.0)).fit(DIGITS, steps=5, progress=False)


@dataclasses.dataclass(frozen=True)
class Pair:
    image: torch.Tensor
    label: torch.Tensor
    name: tuple = ()
    size: int = dataclasses.field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "size", len(self.image))


@dataclasses.dataclass
class Unset:
    label: torch.Tensor
    image: torch.Tensor
    extra: object = dataclasses.field(init=False)


def loader(batch):
    """A loader of the one batch, that no collation of torch's made."""
    return DataLoader(Items([batch]), batch_size=None, collate_fn=lambda batch: batch)


# Functions from an augmenter and a batch to the batch with one synthetic sample of each real one.
GROWN = {
    "list": lambda a, batch, **s: next(iter(AugmentedLoader([batch], a, add=1, **s))),
    "loader": lambda a, batch, **s: next(iter(AugmentedLoader(loader(batch), a, add=1, **s))),
    "transform": lambda a, batch, **s: VAEAugment(a, add=1, **s)(batch),
    "collate": lambda a, batch, **s: next(
        iter(DataLoader(Items([0]), collate_fn=lambda _: VAEAugment(a, add=1, **s)(batch), generator=torch.Generator()))
    ),
}
doors = pytest.mark.parametrize("door", GROWN)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a is b or a == b


def boxes(*counts):
    return [torch.arange(4.0 * n).view(n, 4) + i for i, n in enumerate(counts)]


IMAGES = [Image.new("L", (4, 4), i) for i in range(B)]
OBJECTS = [object() for _ in range(B)]

# One field of a batch of three samples.
PER_SAMPLE = {
    "boxes of several lengths": boxes(3, 1, 0),
    "as many boxes as samples": boxes(B, B, B),
    "captions of as many tokens as samples": [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    "captions of several lengths": [[1], [4, 5, 6], []],
    "tokens of several lengths": [torch.arange(2), torch.arange(3), torch.arange(4)],
    "names": ["a", "b", "c"],
    "tuple of names": ("a", "b", "c"),
    "names, one missing": ["a", None, "c"],
    "sizes": [(8, 8), (9, 9), (7, 7)],
    "tensor": torch.arange(B),
    "rows": torch.arange(6.0).view(B, 2),
    "array": np.arange(B),
    "array of texts": np.array(["a", "b", "c"]),
    "masked array": np.ma.masked_equal([1, 2, 3], 2),
    "annotations": [{"boxes": b, "area": 3} for b in boxes(1, 2, 3)],
    "images": IMAGES,
    "objects": OBJECTS,
}


def repeated(field):
    if isinstance(field, torch.Tensor):
        return torch.cat([field, field])
    if isinstance(field, np.ndarray):
        return field[[*range(len(field))] * 2]
    return field * 2


@doors
@pytest.mark.parametrize("kind", PER_SAMPLE)
def test_what_has_one_entry_per_sample_follows_it(augmenter, door, kind):
    field = PER_SAMPLE[kind]
    x, y, out, nested = GROWN[door](augmenter, (X[:B], Y[:B], field, {"inside": [{"deep": field}, "a"]}))
    assert torch.equal(x[:B], X[:B])
    assert len(x) == 2 * B
    assert torch.equal(y, Y[:B].repeat(2))
    assert same(out, repeated(field))
    assert same(nested, {"inside": [{"deep": repeated(field)}, "a"]})
    if isinstance(field, list):
        assert all(new is old for new, old in zip(out, field * 2, strict=True))
    assert isinstance(out, np.ma.MaskedArray) == isinstance(field, np.ma.MaskedArray)


CONSTANT = {
    "class weights": torch.rand(10, generator=torch.Generator()),
    "size": (8, 8),
    "longer size": [1, 8, 8, 2],
    "text": "abc",
    "bytes": b"abc",
    "number": 3,
    "tensor of a number": torch.tensor(3.0),
    "nothing": None,
    "settings": {"name": "abc", "size": (8, 8), "steps": 3},
    "named tuple": namedtuple("Meta", "split source part")("train", "a", 1),
    "of several kinds": ("train", 3, None),
    "anchors": torch.zeros(9, 4),
    "ragged": [[1, 2], [3]],
    "object": object(),
    "empty": [],
}


@doors
@pytest.mark.parametrize("kind", CONSTANT)
def test_what_has_no_entry_per_sample_stays(augmenter, door, kind):
    field = CONSTANT[kind]
    batch = (X[:B], Y[:B], field, {"inside": field})
    assert GROWN[door](augmenter, batch)[2] is field
    assert GROWN[door](augmenter, batch)[3] is batch[3]


def test_a_list_of_other_fields_of_all_samples_is_no_field_itself(augmenter):
    fields = [torch.zeros(B, 4), torch.zeros(B, 7), torch.zeros(B, 2, dtype=torch.long)]
    for container in (fields, tuple(fields)):
        out = GROWN["list"](augmenter, (X[:B], Y[:B], container))[2]
        assert type(out) is type(container)
        assert [len(field) for field in out] == [2 * B] * 3


UNCLEAR = {
    "as many class weights as samples": (10, torch.ones(10)),
    "the same as an array": (10, np.ones(10)),
    "the same as a list": (10, [1.0] * 10),
    "class names": (10, list(DIGITS.names)),
    "as many numbers as samples": (2, (8, 8)),
    "as many vectors as samples": (B, [torch.arange(B)] * B),
    "numbered": (B, dict.fromkeys(range(B), "a")),
    "packed": (B, pack_sequence([torch.zeros(3)] * B)),
    "no list": (B, deque("abc")),
    "no order": (B, {"a", "b", "c"}),
}


@doors
@pytest.mark.parametrize("kind", UNCLEAR)
def test_what_cannot_be_told_is_refused(augmenter, door, kind):
    size, field = UNCLEAR[kind]
    message = (
        "expected fields of which it can be told whether they have one entry per sample, got field ['meta']['odd'], "
    )
    batch = {"image": X[:size], "label": Y[:size], "meta": {"odd": field}}
    with pytest.raises(InputError, match=re.escape(message) + f".*, in a batch of {size} samples; "):
        GROWN[door](augmenter, batch)
    # In replaced samples nothing grows.
    assert next(iter(AugmentedLoader([batch], augmenter, replace=0.5)))["meta"] is batch["meta"]


def test_a_nested_tensor_is_refused(augmenter):
    with pytest.warns(UserWarning, match="nested"):
        field = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3), torch.zeros(1)])
    with pytest.raises(InputError, match=r"fields of the batch that can be repeated, got .*Tensor; pass a tensor, an"):
        GROWN["list"](augmenter, (X[:B], Y[:B], field))


@pytest.mark.parametrize("kind", [kind for kind in UNCLEAR if kind not in ("numbered", "packed", "no order")])
def test_other_batches_of_the_loader_tell_it(augmenter, kind):
    size, field = UNCLEAR[kind]
    batches = [(X[:n], Y[:n], field) for n in (16, size)]
    assert [batch[2] is field for batch in AugmentedLoader(batches, augmenter)] == [True, True]
    transform = VAEAugment(augmenter)
    assert [transform(batch)[2] is field for batch in batches] == [True, True]


def test_per_sample_fields_of_a_small_last_batch_are_told_by_the_others(augmenter):
    def batch(n):
        return X[:n], Y[:n], torch.arange(1.0 * n), list(range(n)), boxes(*[2] * n)

    for sizes in ((16, 10), (16, 2), (16, 1), (16, 2, 10, 1)):
        for n, (_, _, weights, numbers, found) in zip(
            sizes, AugmentedLoader(map(batch, sizes), augmenter), strict=True
        ):
            assert torch.equal(weights, torch.arange(1.0 * n).repeat(4))
            assert numbers == list(range(n)) * 4
            assert len(found) == 4 * n


def test_a_field_that_had_as_many_entries_as_samples_by_chance_is_refused_at_the_next_batch(augmenter):
    anchors = torch.zeros(9, 4)
    loader = iter(AugmentedLoader([(X[:9], Y[:9], anchors), (X[:5], Y[:5], anchors)], augmenter))
    next(loader)
    with pytest.raises(
        InputError, match="in a batch of 5 samples; an earlier batch had as many entries as samples; leave"
    ):
        next(loader)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_torch_collated_is_known_exactly(augmenter, size, wrapped):
    def item(i):
        return {
            "image": X[i],
            "label": int(Y[i]),
            "weight": 0.5 * i,
            "size": (8 + i, 9 + i, 10 + i),
            "name": f"image {i}",
            "tags": ["a", "b", "c"],
            "boxes": torch.zeros(2, 4) + i,
            "meta": {"id": i, "scales": [torch.arange(3) + i, torch.arange(3) - i]},
            "class weights": torch.ones(10),
        }

    items = [item(i) for i in range(size)]
    batches = DataLoader(items, size, generator=torch.Generator())
    if wrapped:
        batches = AugmentedLoader(batches, augmenter, replace=0.0)
    out = next(iter(AugmentedLoader(batches, augmenter, add=1)))
    expected = default_collate(items * 2)
    assert not torch.equal(out["image"], expected["image"])
    names = out["name"] + [tag for tags in out["tags"] for tag in tags]
    assert names == expected["name"] + [tag for tags in expected["tags"] for tag in tags]
    for key in out.keys() - {"image"}:
        assert same(out[key], expected[key]), key


# Forms of a batch.

FORMS = {
    "dict": lambda x, y: {"image": x, "label": y},
    "frozen": lambda x, y: MappingProxyType({"label": y, "image": x}),
    "user dict": lambda x, y: UserDict(image=x, label=y),
    "dataclass": lambda x, y: Pair(x, y, tuple("abc")),
    "dataclass with an unset field": lambda x, y: Unset(y, x),
    "named tuple": lambda x, y: namedtuple("Named", "index image label")(torch.arange(len(x)), x, y),
    "named tuple without names of labels": lambda x, y: namedtuple("Named", "a b")(x, y),
    "nested": lambda x, y: ({"image": x, "n": 3}, {"target": {"labels": y}}),
    "annotations": lambda x, y: [x, {"labels": y}],
}


def leaves(batch):
    """The samples and the labels of a batch of one of these forms."""
    if dataclasses.is_dataclass(batch):
        return batch.image, batch.label
    if hasattr(batch, "_fields"):
        return batch[-2], batch[-1]
    if isinstance(batch, tuple):
        return batch[0]["image"], batch[1]["target"]["labels"]
    return (batch[0], batch[1]["labels"]) if isinstance(batch, list) else (batch["image"], batch["label"])


@doors
@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_batch_grows(augmenter, door, form):
    batch = FORMS[form](X[:B], Y[:B])
    out = GROWN[door](augmenter, batch)
    assert type(out) is type(batch)
    x, y = leaves(out)
    assert torch.equal(x[:B], X[:B])
    assert len(x) == 2 * B
    assert torch.equal(y, Y[:B].repeat(2))
    assert leaves(batch)[0] is not x
    if form == "dataclass":
        assert (out.name, out.size) == (tuple("abcabc"), 2 * B)
    (replaced,) = AugmentedLoader([batch], augmenter, replace=1.0)
    assert type(replaced) is type(batch)
    assert (leaves(replaced)[0] != X[:B]).flatten(1).any(1).all()
    assert leaves(replaced)[1] is leaves(batch)[1]


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_item_is_read_and_augmented(augmenter, form):
    items = [FORMS[form](x, int(y)) if form != "named tuple" else None for x, y in zip(X, Y, strict=True)]
    if form == "named tuple":
        named = namedtuple("Named", "index image label")
        items = [named(i, x, int(y)) for i, (x, y) in enumerate(zip(X, Y, strict=True))]
    samples = as_samples(Items(items))
    assert torch.equal(samples.x, X)
    assert torch.equal(samples.y, Y)
    item = AugmentedDataset(Items(items), augmenter, 1.0)[3]
    assert type(item) is type(items[3])
    assert leaves(item)[1] == int(Y[3])
    assert not torch.equal(leaves(item)[0], X[3])


# Which field the samples are.

MASK = (X > 0.5).float()


def outs(augmenter, batch, **settings):
    """The batch by every door that replaces samples, and an item of it by the dataset."""
    yield next(iter(AugmentedLoader([batch], augmenter, replace=1.0, **settings)))
    yield VAEAugment(augmenter, replace=1.0, **settings)(batch)
    items = [{key: value[i] for key, value in batch.items()} for i in range(B)]
    yield default_collate([*AugmentedDataset(items, augmenter, 1.0, **settings)])


@pytest.mark.parametrize("name", ["image", "images", "pixel_values", "x", "Image"])
def test_of_several_fields_of_the_shape_the_named_one_is_augmented(augmenter, name):
    batch = {"mask": MASK[:B], name: X[:B], "label": Y[:B]}
    for out in outs(augmenter, batch):
        assert (out[name] != X[:B]).flatten(1).any(1).all()
        assert torch.equal(out["mask"], MASK[:B])
    for data in (Items([batch]), Items([{key: value[i] for key, value in batch.items()} for i in range(B)])):
        samples = as_samples(DataLoader(data, None) if len(data) == 1 else data)
        assert torch.equal(samples.x, X[:B])


@pytest.mark.parametrize("names", [("first", "second"), ("image", "x"), ("mask", "depth")])
def test_several_fields_of_the_shape_are_not_guessed(augmenter, names):
    batch = {names[0]: X[:B], names[1]: MASK[:B], "label": Y[:B]}
    message = (
        f"expected one field of samples of shape .*, got \\['{names[0]}'\\] and \\['{names[1]}'\\] of .*; choose one"
    )
    for attempt in (
        lambda: next(iter(AugmentedLoader([batch], augmenter))),
        lambda: next(iter(AugmentedLoader([batch], augmenter, replace=0.5))),
        lambda: VAEAugment(augmenter)(batch),
        lambda: AugmentedDataset([{key: value[0] for key, value in batch.items()}], augmenter, 1.0)[0],
    ):
        with pytest.raises(InputError, match=message + f" with images_getter, for example images_getter='{names[0]}'"):
            attempt()
    with pytest.raises(InputError, match=r"one field of samples, got .*; call the field"):
        as_samples(DataLoader(Items([batch]), None))
    for getter in (names[0], lambda batch: batch[names[0]]):
        for out in outs(augmenter, batch, images_getter=getter):
            assert not torch.equal(out[names[0]], X[:B])
            assert torch.equal(out[names[1]], MASK[:B])


def test_several_fields_of_a_tuple_are_not_guessed(augmenter):
    batch = (X[:B], Y[:B], MASK[:B])
    with pytest.raises(
        InputError, match=r"got \[0\] and \[2\] of .*; choose one with images_getter, .*images_getter=0"
    ):
        GROWN["list"](augmenter, batch)
    with pytest.raises(InputError, match="choose one with images_getter, a function of the batch"):
        GROWN["list"](augmenter, ([X[:B], MASK[:B]], Y[:B]))
    x, _, mask = GROWN["list"](augmenter, batch, images_getter=0)
    assert torch.equal(x[:B], X[:B])
    assert torch.equal(mask, MASK[:B].repeat(2, 1, 1, 1))
    views, _ = GROWN["list"](augmenter, ([X[:B], MASK[:B]], Y[:B]), images_getter=lambda batch: batch[0][1])
    assert torch.equal(views[0], X[:B].repeat(2, 1, 1, 1))
    assert not torch.equal(views[1], MASK[:B].repeat(2, 1, 1, 1))


def test_one_tensor_under_two_names_is_replaced_under_the_right_one(augmenter):
    batch = {"image": X[:B], "original": X[:B], "label": Y[:B]}
    for out in outs(augmenter, batch):
        assert not torch.equal(out["image"], X[:B])
        assert torch.equal(out["original"], X[:B])


def test_labels_of_the_shape_of_the_samples_are_no_samples(augmenter):
    rows = as_samples(torch.rand(40, 10, generator=torch.Generator()), y=torch.arange(40) % 10)
    tabular = Augmenter(perturb=Posterior(3.0)).fit(rows, steps=1, progress=False)
    with pytest.raises(InputError, match="soft labels of shape"):
        GROWN["list"](tabular, (rows.x, torch.rand(40, 10)))
    x, y = GROWN["list"](tabular, (rows.x, rows.y))
    assert (len(x), len(y)) == (80, 80)


def test_images_of_torchvision_stay_such(augmenter):
    x, _, mask = GROWN["list"](augmenter, (tv_tensors.Image(X[:B]), Y[:B], tv_tensors.Mask(MASK[:B, 0])))
    assert (type(x), type(mask)) == (tv_tensors.Image, tv_tensors.Mask)


# Which field the labels are.

LABELS = {
    "label": {"coarse_label": 0, "fine_label": 1, "targets": 2, "label": None},
    "labels": {"label_names": 0, "target": 1, "y": 2, "labels": None},
    "target": {"coarse_label": 0, "target": None, "label_smoothing": 1},
    "Y": {"noisy_labels": 0, "Y": None},
    "fine_label": {"fine_label": None, "kind": 1},
}


@pytest.mark.parametrize("name", LABELS)
def test_the_field_called_exactly_so_holds_the_labels(augmenter, name):
    others = {key: (Y[:B] + n) % 10 for key, n in LABELS[name].items() if n is not None}
    batch = {**others, "image": X[:B], name: Y[:B].flip(0)}
    out = GROWN["list"](augmenter, batch, labels_getter=name)
    for found in (
        GROWN["list"](augmenter, batch),
        GROWN["transform"](augmenter, batch),
        GROWN["list"](augmenter, namedtuple("Named", batch)(**batch))._asdict(),
    ):
        assert same(dict(found), out)
    for data in (DataLoader(Items([batch]), None), Items([{k: v[i] for k, v in batch.items()} for i in range(B)])):
        assert torch.equal(as_samples(data, [*"abcdefghij"]).y, Y[:B].flip(0))


@pytest.mark.parametrize(
    "names", [("label", "labels"), ("target", "y"), ("coarse_label", "fine_label"), ("Label", "label")]
)
def test_two_fields_that_could_be_the_labels_are_not_guessed(augmenter, names):
    batch = {"image": X[:B], names[0]: Y[:B], names[1]: Y[:B]}
    items = [{key: value[i] for key, value in batch.items()} for i in range(B)]
    message = f"expected one field of labels, got '{names[0]}' and '{names[1]}'; rename one of them, or"
    for attempt in (
        lambda: GROWN["list"](augmenter, batch),
        lambda: GROWN["collate"](augmenter, batch),
        lambda: AugmentedDataset(items, augmenter, 1.0)[0],
        lambda: as_samples(Items(items)),
        lambda: Augmenter().fit(DataLoader(Items(items), 2), bank_size=2),
    ):
        with pytest.raises(InputError, match=message):
            attempt()
    assert len(GROWN["list"](augmenter, batch, labels_getter=names[1])["image"]) == 2 * B
