"""The torch plugin inside the real hosts: DataLoaders of every kind, workers, torchvision's transforms."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import random
import re
from collections import Counter, UserDict, namedtuple
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.utils import data as torch_data
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)
from torchvision import tv_tensors
from torchvision.transforms import v2

from vaeaug import Augmenter, CrossFitted, InputError, Posterior
from vaeaug.data import as_samples
from vaeaug.models.classifiers import small_cnn
from vaeaug.models.codec import CHUNK
from vaeaug.plugins.torch import AugmentedDataset, AugmentedLoader, SyntheticDataset, VAEAugment, datasets, replace_some

# Python 3.12 warns about every fork in a process with threads, and torch has threads.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*use of fork\(\).*:DeprecationWarning")

DIGITS = as_samples("digits")
X, Y = DIGITS.x[:150], DIGITS.y[:150]
REAL = TensorDataset(X, Y, torch.arange(len(X)))


class DataLoader(torch_data.DataLoader):
    """Seeds its workers and its order from its own generator: otherwise the host changes the global random state."""

    def __init__(self, *args, **settings) -> None:
        super().__init__(*args, **{"generator": torch.Generator(), **settings})


class OwnVAE(nn.Module):
    """A user's VAE: two methods, batch norm and dropout, and a count of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 8))
        self.decoder = nn.Sequential(nn.Linear(4, 64), nn.Sigmoid())
        self.calls: Counter[str] = Counter()

    def encode(self, x: Tensor) -> Independent:
        self.calls.update(encode_calls=1, encoded=len(x))
        mean, spread = self.encoder(x).chunk(2, 1)
        return Independent(Normal(mean, spread.exp()), 1)

    def decode(self, z: Tensor) -> Tensor:
        self.calls.update(decode_calls=1, decoded=len(z))
        return self.decoder(z).view(-1, 1, 8, 8)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(list(REAL))


class Images(Dataset):
    """Items as mappings, as many hubs have them."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> dict[str, object]:
        return {"label": int(Y[i]), "id": f"image-{i}", "image": X[i]}


Batch = namedtuple("Batch", "id images labels")


def as_batch(items) -> Batch:
    x, y, i = default_collate(items)
    return Batch(i, x, y)


def as_user_dict(items) -> UserDict:
    x, y, i = default_collate(items)
    return UserDict(id=i, labels=y, pixel_values=x)


@pytest.fixture(scope="module")
def augmenter() -> Augmenter:
    # Each of its synthetic samples differs from its parent, even in uint8.
    return Augmenter(perturb=Posterior(3.0)).fit(DIGITS, steps=60, progress=False)


@pytest.fixture(scope="module")
def still(augmenter) -> Augmenter:
    """Its synthetic samples equal their parents exactly: whatever differs from the original is a mistake of the plugin."""
    return augmenter.using(perturb=Posterior(0.0))


@pytest.fixture
def with_own_vae() -> Augmenter:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Augmenter(OwnVAE()).fit(DIGITS)


def cnn(classes: int = 10) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return small_cnn((1, 8, 8), classes)


@pytest.fixture(autouse=True)
def _global_state_untouched():
    """Every test asserts that the plugin changes no global random state; tests draw their own numbers in `fork_rng`."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    before = states()
    yield
    assert states() == before


@pytest.fixture
def draws():
    """For tests that draw from torch's global generator themselves."""
    with torch.random.fork_rng():
        yield


def states() -> tuple[object, ...]:
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


def plain(batches=REAL, size: int = 50) -> DataLoader:
    return DataLoader(batches, size)


def changed(a: Tensor, b: Tensor) -> Tensor:
    return (a != b).flatten(1).any(1)


def same(a: object, b: object) -> bool:
    """Whether two batches hold the same bytes in the same form."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, dict | UserDict):
        return type(a) is type(b) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and all(same(*pair) for pair in zip(a, b, strict=True))
    return a == b


def loaded(*args, batches=((X, Y),), **settings):
    return next(iter(AugmentedLoader(batches, *args, **{"replace": 0.5, **settings})))


def added(augmenter, batch, **settings):
    """The batch with one synthetic sample of each real one."""
    return next(iter(AugmentedLoader([batch], augmenter, add=1, **settings)))


# Adding synthetic samples


def test_by_default_three_synthetic_samples_of_each_real_one_are_added(augmenter):
    x, y, i = next(iter(AugmentedLoader(plain(), augmenter)))
    assert x.shape == (200, 1, 8, 8)
    assert torch.equal(x[:50], X[:50])
    assert torch.equal(y, Y[:50].repeat(4))
    assert torch.equal(i, torch.arange(50).repeat(4))
    samples = x[50:].view(3, 50, 1, 8, 8)
    assert all(changed(copies, X[:50]).all() for copies in samples)
    assert changed(samples[0], samples[1]).all()
    assert torch.equal(next(iter(AugmentedLoader(plain(), augmenter, add=3)))[0], x)
    assert not torch.equal(next(iter(AugmentedLoader(plain(), augmenter, seed=1)))[0], x)
    assert len(AugmentedLoader(plain(), augmenter)) == 3


def test_synthetic_samples_are_added_at_the_end_of_any_form_of_batch(still):
    for collate, getter in ((None, "default"), (as_batch, lambda batch: batch.labels), (as_user_dict, "default")):
        loader = DataLoader(REAL, 50, collate_fn=collate)
        longer = AugmentedLoader(loader, still, add=2, labels_getter=getter)
        for old, new in zip(loader, longer, strict=True):
            assert type(new) is type(old)
            pairs = [(old[k], new[k]) for k in old] if isinstance(old, UserDict) else zip(old, new, strict=True)
            assert all(torch.equal(b, torch.cat([a] * 3)) for a, b in pairs)
    named = DataLoader(Images(), 50)
    batch = next(iter(AugmentedLoader(named, still, add=2)))
    assert batch["id"] == next(iter(named))["id"] * 3
    empty = (X[:0], Y[:0])
    assert added(still, empty) is empty


def test_fields_with_one_entry_per_sample_are_repeated_and_the_others_stay(still):
    meta, boxes = (
        namedtuple("Meta", "split source")("train", "a"),
        [{"box": torch.zeros(2, 4)}, {"box": torch.ones(2, 4)}],
    )
    batch = [X[:2], Y[:2], ["a", "b"], "both", np.arange(2), torch.tensor(7), meta, boxes, [X[:2], X[2:4]]]
    x, y, names, word, index, number, new_meta, new_boxes, views = added(still, batch, images_getter=0)
    assert torch.equal(x, X[:2].repeat(2, 1, 1, 1))
    assert (y.tolist(), names, word, index.tolist()) == (Y[:2].tolist() * 2, ["a", "b"] * 2, "both", [0, 1, 0, 1])
    assert (number, new_meta) == (7, meta)
    assert [id(box) for box in new_boxes] == [id(box) for box in boxes * 2]
    assert [len(view) for view in views] == [4, 4]


def test_a_list_that_holds_the_images_is_a_container_whatever_its_length(still):
    # As many fields as samples, at every level: only the images tell which lists have one entry per sample.
    named_labels = [X[:2], [str(label) for label in Y[:2].tolist()]]
    images, labels = added(still, named_labels)
    assert (len(images), labels) == (4, named_labels[1] * 2)
    nested = (("a name", X[:2]), {"labels": Y[:2]})
    (name, images), labels = added(still, nested)
    assert (name, len(images), labels["labels"].tolist()) == ("a name", 4, Y[:2].tolist() * 2)


def test_added_samples_have_the_type_of_the_images(still):
    assert isinstance(added(still, (tv_tensors.Image(X), Y))[0], tv_tensors.Image)
    arrays = added(still, (X.numpy(), Y.numpy()))
    assert [type(field) for field in arrays] == [np.ndarray] * 2
    assert np.array_equal(arrays[0], np.concatenate([X.numpy()] * 2))


def test_images_that_cannot_be_replaced_are_refused(still):
    for settings in ({"add": 1}, {"replace": 0.5}):
        with pytest.raises(InputError, match="expected images and labels that are a field of the batch"):
            next(iter(AugmentedLoader([(X, Y)], still, images_getter=lambda batch: batch[0] * 1, **settings)))


def test_added_samples_are_the_hardest_of_k_and_have_the_teachers_labels(augmenter):
    network = cnn().eval()
    once = loaded(augmenter, add=2, replace=None)[0]
    hardest = loaded(augmenter, add=2, replace=None, hardest_of=4, network=network)[0]
    with torch.no_grad():
        a, b = (nn.functional.cross_entropy(network(x), Y.repeat(3), reduction="none") for x in (once, hardest))
    assert torch.equal(hardest[:150], X)
    assert (b >= a - 1e-5).all()
    assert (b > a + 1e-5).any()
    teachers = CrossFitted.fit(DIGITS, "logistic", folds=2)
    x, t = loaded(augmenter, add=2, replace=None, teacher=teachers)
    assert torch.equal(t[:150], nn.functional.one_hot(Y, 10).float())
    assert torch.allclose(t[150:], teachers.soft(x[150:], Y.repeat(2), X.repeat(2, 1, 1, 1)), atol=1e-6)


def test_all_synthetic_samples_of_a_parent_share_one_encoding(with_own_vae):
    with_own_vae.vae_.calls.clear()
    list(AugmentedLoader([(X[:75] * 0.5, Y[:75])], with_own_vae, hardest_of=4, network=cnn()))
    assert with_own_vae.vae_.calls["encoded"] == 75


def test_added_samples_have_the_range_and_dtype_of_the_batch(augmenter):
    whole = (X * 255).round().to(torch.uint8)
    x, _ = loaded(augmenter, add=2, replace=None, batches=[(whole, Y)])
    assert x.dtype == torch.uint8
    assert torch.equal(x[:150], whole)
    assert changed(x[150:300], whole).all()
    raw = loaded(augmenter, add=2, replace=None)[0]
    normal = loaded(augmenter, add=2, replace=None, batches=[((X - 0.3) / 0.5, Y)], normalize=(0.3, 0.5))[0]
    assert torch.allclose(normal * 0.5 + 0.3, raw, atol=1e-4)


def test_added_samples_depend_only_on_seed_and_epoch(augmenter):
    before = states()
    loader = AugmentedLoader([(X, Y)], augmenter, seed=2)
    (first,), (second,) = list(loader), list(loader)
    assert states() == before
    assert not torch.equal(first[0], second[0])
    loader.set_epoch(0)
    assert same(next(iter(loader)), first)
    assert same(next(iter(pickle.loads(pickle.dumps(AugmentedLoader([(X, Y)], augmenter, seed=2))))), first)
    workers = AugmentedLoader(DataLoader(REAL, 50, num_workers=2), augmenter)
    assert all(same(a, b) for a, b in zip(workers, AugmentedLoader(plain(), augmenter), strict=True))


@pytest.mark.usefixtures("draws")
def test_synthetic_samples_are_added_before_mixup(augmenter):
    images, labels = v2.Compose([VAEAugment(augmenter, add=2), v2.MixUp(num_classes=10)])(X, Y)
    assert (images.shape, labels.shape) == ((450, 1, 8, 8), (450, 10))
    assert VAEAugment(augmenter, replace=0.5)(X, Y)[0].shape == X.shape


# SyntheticDataset


def test_items_are_those_of_generate(augmenter):
    dataset = SyntheticDataset(augmenter, CHUNK + 44, seed=5)
    expected = augmenter.generate(CHUNK + 44, seed=5)
    xs, ys = zip(*dataset, strict=True)
    assert len(dataset) == len(xs) == CHUNK + 44
    assert torch.allclose(torch.stack(xs), expected.x, atol=1e-5)
    assert torch.equal(torch.tensor(ys), expected.y)
    assert torch.equal(dataset[-1][0], xs[-1])
    assert [y for _, y in SyntheticDataset(augmenter, 6, labels=[3, 8])] == [3, 8] * 3
    with pytest.raises(IndexError, match="expected an index below 300, got 300"):
        dataset[300]


@pytest.mark.parametrize("workers", [0, 2])
def test_items_are_the_same_in_every_worker_order_and_batch(augmenter, workers):
    dataset = SyntheticDataset(augmenter, CHUNK + 44, seed=5)
    order = torch.randperm(len(dataset), generator=torch.Generator()).tolist()
    samples = torch.cat([x for x, _ in DataLoader(dataset, 7 + workers, sampler=order, num_workers=workers)])
    assert torch.equal(samples, torch.stack([dataset[i][0] for i in order]))


def test_a_chunk_is_decoded_once_and_not_pickled(with_own_vae, monkeypatch):
    with_own_vae.chunk(0, 0)  # the bank is indexed at first use
    dataset = SyntheticDataset(with_own_vae, 2 * CHUNK, seed=1)
    size = len(pickle.dumps(dataset))
    with_own_vae.vae_.calls.clear()
    for i in torch.randperm(len(dataset), generator=torch.Generator()):
        dataset[i][0].zero_()  # changes of an item do not reach the cache
    assert with_own_vae.vae_.calls == {
        "decode_calls": 4,
        "decoded": 4 * CHUNK,
    }  # two chunks: the codes before and after
    assert not torch.equal(dataset[0][0], torch.zeros(1, 8, 8))
    assert abs(len(pickle.dumps(dataset)) - size) < 100
    monkeypatch.setattr(datasets, "MAX_CACHE_BYTES", 3 * 256 * CHUNK)
    dataset = SyntheticDataset(with_own_vae, 8 * CHUNK)
    with_own_vae.vae_.calls.clear()
    for chunk in (0, 1, 2, 0, 1, 3, 0, 1, 2):
        dataset[chunk * CHUNK]
    assert (
        with_own_vae.vae_.calls["decode_calls"] == 2 * 5
    )  # chunk 2, unused for longest, was dropped and decoded again


def test_transforms_match_it_to_real_data(augmenter):
    synthetic = SyntheticDataset(augmenter, 10, transform=v2.Normalize([0.5], [0.5]), target_transform=torch.tensor)
    x, y = next(iter(DataLoader(ConcatDataset([TensorDataset(X[:10], Y[:10]), synthetic]), 20)))
    assert torch.allclose(x[10:], 2 * torch.stack([x for x, _ in SyntheticDataset(augmenter, 10)]) - 1)
    assert y.shape == (20,)


# AugmentedDataset


def test_an_item_is_replaced_by_a_synthetic_sample_of_its_own(augmenter, still):
    assert same([*AugmentedDataset(REAL, still, replace=1.0)], [*REAL])
    dataset = AugmentedDataset(REAL, augmenter, replace=0.4)
    items = [*dataset]
    assert len(items) == len(dataset) == len(REAL)
    assert 0.3 < changed(torch.stack([item[0] for item in items]), X).float().mean() < 0.5
    assert all(item[1:] == real[1:] for item, real in zip(items, REAL, strict=True))
    assert changed(torch.stack([item[0] for item in AugmentedDataset(REAL, augmenter, 1.0)]), X).all()


def test_each_epoch_has_its_own_noise_and_repeats_it(augmenter):
    a, b = AugmentedDataset(REAL, augmenter, seed=3), AugmentedDataset(REAL, augmenter, seed=3)
    first = [*a]
    a.set_epoch(1)
    assert not same([*a], first)
    a.set_epoch(0)
    # Backwards: the noise of an item does not depend on earlier items.
    assert same([b[i - 1] for i in range(len(b), 0, -1)][::-1], first)
    assert same([a[-1]], [first[-1]])
    assert not same([*AugmentedDataset(REAL, augmenter, seed=4)], first)


def test_items_may_be_mappings_and_normalized(augmenter):
    dataset = AugmentedDataset(Images(), augmenter, 1.0)
    item = dataset[4]
    assert item.keys() == {"label", "id", "image"}
    assert (item["label"], item["id"]) == (int(Y[4]), "image-4")
    normal = TensorDataset(2 * X - 1, Y)
    sample = AugmentedDataset(normal, augmenter, 1.0, normalize=(0.5, 0.5))[4][0]
    assert torch.allclose(sample, 2 * item["image"] - 1, atol=1e-5)
    assert not torch.equal(item["image"], X[4])
    images = X[4].numpy()
    array, _ = AugmentedDataset([(images, 0)], augmenter, 1.0)[0]
    assert isinstance(array, np.ndarray)


def test_replace_0_gives_the_same_item_objects(augmenter):
    items = [(x, 0) for x in X]
    assert all(a is b for a, b in zip(AugmentedDataset(items, augmenter, 0.0), items, strict=True))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_persistent_workers_follow_the_epoch(augmenter, start):
    real = [(x, int(y)) for x, y in zip(X, Y, strict=True)]
    first, second, shared = (AugmentedDataset(real, augmenter) for _ in range(3))
    copied, synthetic = copy.deepcopy(shared), SyntheticDataset(augmenter, 30)  # a copy shares an epoch of its own
    concatenated = ConcatDataset([shared, copied, synthetic])
    loader = DataLoader(concatenated, 50, num_workers=2, persistent_workers=True, multiprocessing_context=start)
    for epoch in (0, 1, 0):
        for dataset in (first, second, shared, copied):
            dataset.set_epoch(epoch)
        assert same([*loader], [*plain(ConcatDataset([first, second, synthetic]))])


# AugmentedLoader

LOADERS = {
    "shuffled": lambda: DataLoader(REAL, 40, shuffle=True, generator=torch.Generator().manual_seed(0)),
    "drop_last": lambda: DataLoader(REAL, 40, drop_last=True),
    "weighted": lambda: DataLoader(
        REAL, 40, sampler=WeightedRandomSampler(Y + 1.0, 90, generator=torch.Generator().manual_seed(0))
    ),
    "distributed": lambda: DataLoader(REAL, 40, sampler=DistributedSampler(REAL, num_replicas=2, rank=1)),
    "batch sampler": lambda: DataLoader(
        REAL, batch_sampler=BatchSampler(RandomSampler(REAL, generator=torch.Generator().manual_seed(0)), 40, False)
    ),
    "iterable": lambda: DataLoader(Stream(), 40),
    "named tuples": lambda: DataLoader(REAL, 40, collate_fn=as_batch),
    "tuples": lambda: DataLoader(REAL, 40, collate_fn=lambda items: tuple(default_collate(items))),
    "dicts": lambda: DataLoader(Images(), 40),
    "user dicts": lambda: DataLoader(REAL, 40, collate_fn=as_user_dict),
    "nested": lambda: DataLoader([((i, x), {"Label": y}) for x, y, i in REAL], 40),
    "uint8": lambda: DataLoader(TensorDataset((X * 255).round().byte(), Y), 40),
    "half": lambda: DataLoader(TensorDataset(X.half(), Y.int()), 40),
    "a list": lambda: [(X[:40], Y[:40]), (X[40:81], Y[40:81])],
    "empty batch": lambda: [(X[:0], Y[:0])],
}
LABELS = {"named tuples": lambda batch: batch.labels}


@pytest.mark.parametrize("kind", LOADERS)
def test_any_loader_keeps_everything_but_the_images(augmenter, still, kind):
    original, getter = [*LOADERS[kind]()], LABELS.get(kind, "default")
    assert same([*AugmentedLoader(LOADERS[kind](), still, replace=1.0, labels_getter=getter)], original)
    augmented = [*AugmentedLoader(LOADERS[kind](), augmenter, replace=1.0, labels_getter=getter)]
    for new, old in zip(augmented, original, strict=True):
        flat_new, flat_old = (torch.utils._pytree.tree_leaves(getattr(b, "data", b)) for b in (new, old))
        images = [i for i, leaf in enumerate(flat_old) if isinstance(leaf, Tensor) and leaf.ndim == 4]
        assert len(images) == 1
        assert flat_new[images[0]].dtype == flat_old[images[0]].dtype
        assert changed(flat_new.pop(images[0]), flat_old.pop(images[0])).all()
        assert type(new) is type(old)
        assert same(flat_new, flat_old)


def test_what_is_not_replaced_is_the_same_object(augmenter):
    original = [*plain()]
    for new, old in zip(AugmentedLoader(original, augmenter, replace=0.5), original, strict=True):
        assert new[0] is not old[0]
        assert new[1] is old[1]
        assert new[2] is old[2]
    assert all(torch.equal(a, b[0]) for a, b in zip(X.split(50), original, strict=True))  # the input is unchanged
    assert all(a is b for a, b in zip(AugmentedLoader(original, augmenter, replace=0.0), original, strict=True))
    assert next(iter(AugmentedLoader([X], augmenter, replace=0.0))) is X  # batches then need not even have labels


@pytest.mark.usefixtures("draws")
def test_replace_0_is_the_original_loader(augmenter):
    loader = torch_data.DataLoader(REAL, 40, shuffle=True)
    torch.manual_seed(1)
    original, state = [*loader], states()
    torch.manual_seed(1)
    assert same([*AugmentedLoader(loader, augmenter, replace=0.0)], original)
    assert states() == state


def test_attributes_are_those_of_the_loader(augmenter):
    loader = DataLoader(REAL, 40, shuffle=True)
    wrapped = AugmentedLoader(loader, augmenter, replace=0.5)
    assert (len(wrapped), wrapped.batch_size, wrapped.drop_last) == (4, 40, False)
    assert wrapped.dataset is REAL
    assert wrapped.sampler is loader.sampler
    with pytest.raises(AttributeError, match="nonsense"):
        _ = wrapped.nonsense
    with pytest.raises(AttributeError, match="sampler"):
        _ = AugmentedLoader.__new__(AugmentedLoader).sampler  # half unpickled
    with pytest.raises(TypeError, match="has no len"):
        len(AugmentedLoader(DataLoader(Stream(), 40), augmenter, replace=0.5))
    again = [copy.copy(wrapped), copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))]
    assert all(len(w) == 4 and w.replace == 0.5 for w in again)


@pytest.mark.parametrize(("fraction", "size", "counts"), [(0.5, 64, {32}), (0.29, 100, {29}), (0.5, 33, {16, 17})])
def test_the_replaced_fraction_is_exact(fraction, size, counts):
    x, y = torch.zeros(size, 1), torch.zeros(size)
    replaced = [replace_some(None, x, y, fraction, seed, lambda x, y, seed: x + 1) for seed in range(200)]
    assert {int(r.sum()) for r in replaced} == counts
    # Every index is replaced equally often.
    often = torch.stack(replaced).mean(0)
    assert abs(often - fraction).max() < 0.15


def test_single_samples_are_replaced_as_often_as_asked():
    x, y = torch.zeros(1, 1), torch.zeros(1)
    replaced = [replace_some(None, x, y, 0.3, seed, lambda x, y, seed: x + 1) for seed in range(1000)]
    assert 250 < torch.cat(replaced).sum() < 350


def test_only_the_replaced_are_encoded(with_own_vae):
    with_own_vae.vae_.calls.clear()
    list(AugmentedLoader(plain(), with_own_vae, replace=0.2))
    assert with_own_vae.vae_.calls == {"encode_calls": 3, "encoded": 30, "decode_calls": 6, "decoded": 60}
    with_own_vae.vae_.calls.clear()
    list(AugmentedLoader(plain(), with_own_vae, replace=0.0))
    assert not with_own_vae.vae_.calls


def test_each_epoch_and_batch_has_its_own_noise(augmenter):
    twice = [(X[:50], Y[:50])] * 2
    loader = AugmentedLoader(twice, augmenter, replace=0.5, seed=2)
    first, second = [*loader], [*loader]
    draws = [*first, *second]
    assert not any(same(a, b) for i, a in enumerate(draws) for b in draws[:i])
    loader.set_epoch(0)
    assert same([*loader], first)
    assert same([*loader], second)
    assert same([*AugmentedLoader(twice, augmenter, replace=0.5, seed=2)], first)
    assert not same([*AugmentedLoader(twice, augmenter, replace=0.5, seed=3)], first)


def test_set_epoch_reaches_every_dataset_in_the_loader(augmenter):
    parts = [AugmentedDataset(REAL, augmenter) for _ in range(3)]
    outer = AugmentedDataset(parts[2], augmenter)
    wrapped = Subset(ConcatDataset([Subset(parts[0], [1, 2]), parts[1], StackDataset(a=outer, b=REAL)]), [0])
    AugmentedLoader(DataLoader(wrapped, 1), augmenter).set_epoch(4)
    assert [dataset.epoch for dataset in (*parts, outer)] == [4] * 4


def test_set_epoch_is_passed_on(augmenter):
    sampler = DistributedSampler(REAL, num_replicas=2, rank=0)
    dataset = AugmentedDataset(REAL, augmenter)
    AugmentedLoader(DataLoader(dataset, 40, sampler=sampler), augmenter, replace=0.5).set_epoch(3)
    assert (sampler.epoch, dataset.epoch) == (3, 3)
    loader = DataLoader(REAL, batch_sampler=BatchSampler(sampler, 40, False))
    inner = AugmentedLoader(loader, augmenter, replace=0.5)
    AugmentedLoader(inner, augmenter, replace=0.5).set_epoch(5)
    assert (sampler.epoch, inner.epoch) == (5, 5)
    list(AugmentedLoader(loader, augmenter, replace=0.5))
    assert sampler.epoch == 5


@pytest.mark.parametrize("shape", [(0.5, 0.25), ([0.5], torch.tensor([0.25]))])
def test_normalized_loaders(augmenter, shape):
    raw = [*AugmentedLoader(plain(), augmenter, replace=0.5)]
    normal = plain(TensorDataset((X - 0.5) / 0.25, Y))
    for normalize in (shape, (lambda x: x * 0.25 + 0.5, lambda x: (x - 0.5) / 0.25)):
        for new, old, real in zip(
            AugmentedLoader(normal, augmenter, replace=0.5, normalize=normalize), raw, X.split(50), strict=True
        ):
            assert torch.allclose(new[0], (old[0] - 0.5) / 0.25, atol=1e-4)
            unchanged = ~changed(old[0], real)
            assert torch.equal(new[0][unchanged], ((real - 0.5) / 0.25)[unchanged])


@pytest.mark.usefixtures("draws")
def test_normalization_by_channel():
    x = torch.rand(60, 3, 8, 8) * torch.tensor([1.0, 0.5, 0.25]).view(3, 1, 1)
    y = torch.arange(60) % 2
    augmenter = Augmenter(perturb=Posterior(0.0)).fit((x, y), steps=2, progress=False)
    mean, std = [0.5, 0.25, 0.1], [0.3, 0.2, 0.1]
    normal = v2.Normalize(mean, std)(x)
    ((images, _),) = AugmentedLoader([(normal, y)], augmenter, replace=1.0, normalize=(mean, std))
    assert torch.allclose(images, normal, atol=1e-5)
    assert not torch.equal(images, normal)  # denormalized and normalized again


def test_a_schedule_sees_progress(augmenter):
    seen = []

    def replace(progress: float) -> float:
        seen.append(progress)
        return 0.5 if progress >= 0.5 else 0.0

    batches = [*plain()]
    loader = AugmentedLoader(batches, augmenter, replace=replace, epochs=2)
    assert all(a is b for a, b in zip(loader, batches, strict=True))
    assert all(changed(a[0], b[0]).sum() == 25 for a, b in zip(loader, batches, strict=True))
    assert seen == pytest.approx([i / 6 for i in range(6)])
    assert [*loader]
    assert seen[6:] == [1.0] * 3  # after the last epoch it stays at 1
    seen.clear()
    stream = AugmentedLoader(DataLoader(Stream(), 50), augmenter, replace=replace, epochs=2)
    assert len([*stream, *stream]) == 6
    assert seen == [0.0] * 3 + [0.5] * 3
    with pytest.raises(InputError, match=re.escape("expected replace(0) to be a number from 0 to 1, got 1.5")):
        next(iter(AugmentedLoader(batches, augmenter, replace=lambda progress: 1.5, epochs=2)))
    with pytest.raises(InputError, match=re.escape("expected labels in the batch, got Tensor(150, 1, 8, 8)")):
        next(iter(AugmentedLoader([X], augmenter, replace=replace, epochs=2)))


def test_the_hardest_of_k_has_the_highest_loss(augmenter):
    network = cnn()
    network[1].eval()
    network.zero_grad()
    nn.functional.cross_entropy(network(X), Y).backward()
    modes, weights = [m.training for m in network.modules()], copy.deepcopy(network.state_dict())
    grads, state = [p.grad.clone() for p in network.parameters()], states()
    once = loaded(augmenter)[0]
    hardest = loaded(augmenter, hardest_of=4, network=network)[0]
    assert [m.training for m in network.modules()] == modes
    assert same(dict(network.state_dict()), dict(weights))
    assert same([p.grad for p in network.parameters()], grads)
    assert states() == state
    assert torch.equal(changed(hardest, X), changed(once, X))
    # The single sample in `once` is the first of the four candidates.
    judge = copy.deepcopy(network).eval()
    with torch.no_grad():
        a, b = (nn.functional.cross_entropy(judge(x), Y, reduction="none") for x in (once, hardest))
    assert (b >= a - 1e-5).all()
    assert 0.5 < (b > a + 1e-5)[changed(once, X)].float().mean() < 1


def test_a_network_alone_means_the_hardest_of_four(augmenter):
    network = cnn()
    assert same(loaded(augmenter, network=network)[0], loaded(augmenter, hardest_of=4, network=network)[0])


def test_the_k_candidates_share_one_encoding(with_own_vae):
    with_own_vae.vae_.calls.clear()
    list(AugmentedLoader(plain(), with_own_vae, replace=0.5, hardest_of=3, network=cnn()))
    assert (with_own_vae.vae_.calls["encode_calls"], with_own_vae.vae_.calls["encoded"]) == (3, 75)


@pytest.mark.parametrize("persistent", [False, True])
def test_loaders_with_workers(augmenter, persistent):
    alone = AugmentedLoader(plain(), augmenter, replace=0.5)
    workers = AugmentedLoader(
        DataLoader(REAL, 50, num_workers=2, persistent_workers=persistent), augmenter, replace=0.5
    )
    for _ in range(2):
        assert same([*workers], [*alone])


# VAEAugment


def test_a_transform_with_the_call_shape_of_mixup(augmenter, still):
    assert same(VAEAugment(still, replace=1.0)(X, Y), (X, Y))
    images, labels = VAEAugment(augmenter, replace=0.5)(X, Y)
    assert changed(images, X).sum() == 75
    assert labels is Y
    batch = {"id": torch.arange(len(X)), "label": Y, "image": X}
    out = VAEAugment(augmenter, replace=0.5)(batch)
    assert torch.equal(out["image"], images)
    assert out["label"] is Y
    assert batch["image"] is X
    for key in ("Labels", "fine_label", "targets", "y"):
        assert torch.equal(VAEAugment(augmenter, replace=0.5)({"x": X, key: Y})["x"], images)
    getters = {"labels_getter": lambda batch: batch["c"], "images_getter": lambda batch: batch["b"]}
    assert torch.equal(VAEAugment(augmenter, replace=0.5, **getters)({"a": X, "b": X.clone(), "c": Y})["b"], images)
    assert isinstance(VAEAugment(augmenter, replace=0.5)(tv_tensors.Image(X), Y)[0], tv_tensors.Image)
    assert VAEAugment(augmenter, replace=0.0)(X, Y)[0] is X


@pytest.mark.usefixtures("draws")
@pytest.mark.parametrize("mix", [v2.MixUp, v2.CutMix])
def test_it_composes_with_mixup(augmenter, still, mix):
    torch.manual_seed(3)
    alone = mix(num_classes=10)(X, Y)
    torch.manual_seed(3)
    assert same(v2.Compose([VAEAugment(still, replace=1.0), mix(num_classes=10)])(X, Y), alone)
    torch.manual_seed(3)
    images, labels = v2.Compose([VAEAugment(augmenter, replace=1.0), mix(num_classes=10)])(X, Y)
    assert torch.equal(labels, alone[1])
    assert not torch.equal(images, alone[0])
    with pytest.raises(
        InputError, match=re.escape("expected labels of shape (B,), got soft labels of shape (150, 10)")
    ):
        v2.Compose([mix(num_classes=10), VAEAugment(augmenter, replace=0.5)])(X, Y)


def test_each_call_has_its_own_noise(augmenter):
    transform, twin = VAEAugment(augmenter, replace=0.5, seed=4), VAEAugment(augmenter, replace=0.5, seed=4)
    first, second = transform(X, Y), transform(X, Y)
    assert not same(first, second)
    assert same(twin(X, Y), first)
    assert same(pickle.loads(pickle.dumps(twin))(X, Y), second)
    assert not same(VAEAugment(augmenter, replace=0.5, seed=5)(X, Y), first)


def test_it_holds_no_weights(augmenter):
    transform = VAEAugment(augmenter, replace=0.5, hardest_of=2, network=cnn())
    assert not list(transform.parameters())
    assert not transform.state_dict()
    assert repr(transform) == "VAEAugment(replace=0.5, seed=0)"


def collate(transform, items):
    return transform(default_collate(items))


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_and_epochs_draw_different_noise_in_a_collate_fn(augmenter, persistent):
    alike = TensorDataset(X[:50].repeat(4, 1, 1, 1), Y[:50].repeat(4))
    augment = partial(collate, VAEAugment(augmenter, replace=0.5))
    loader = DataLoader(alike, 50, num_workers=2, persistent_workers=persistent, collate_fn=augment)
    draws = [x for _ in range(2) for x, _ in loader]
    assert not any(torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])


# All of them


@pytest.mark.usefixtures("draws")
def test_the_global_random_state_is_not_read(augmenter):
    def samples() -> list[object]:
        loader, dataset = AugmentedLoader([(X, Y)], augmenter), AugmentedDataset(REAL, augmenter, 1.0)
        return [VAEAugment(augmenter)(X, Y), SyntheticDataset(augmenter, 10)[3], dataset[3], *loader]

    before = samples()
    torch.manual_seed(99)
    assert same(samples(), before)


def test_a_users_vae_is_unchanged(with_own_vae):
    vae = with_own_vae.vae_.train()
    vae.encoder[2].eval()
    vae.encoder[3].weight.requires_grad_(False)
    modes = [(m.training, [p.requires_grad for p in m.parameters()]) for m in vae.modules()]
    weights = copy.deepcopy(dict(vae.state_dict()))
    where = [p.data_ptr() for p in vae.parameters()]
    _ = (
        SyntheticDataset(with_own_vae, 10)[3],
        AugmentedDataset(REAL, with_own_vae, 1.0)[3],
        VAEAugment(with_own_vae)(X, Y),
    )
    list(AugmentedLoader(DataLoader(REAL, 50, num_workers=1), with_own_vae, replace=0.5))
    assert [(m.training, [p.requires_grad for p in m.parameters()]) for m in vae.modules()] == modes
    assert same(dict(vae.state_dict()), weights)
    assert [p.data_ptr() for p in vae.parameters()] == where
    assert all(p.grad is None for p in vae.parameters())


ACCELERATOR = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None


@pytest.mark.skipif(ACCELERATOR is None, reason="this machine has no accelerator: the CPU is the only device")
def test_a_model_on_another_device_than_the_data():
    augmenter = Augmenter(OwnVAE().to(ACCELERATOR)).fit(DIGITS)
    network = cnn().to(ACCELERATOR)
    for device in ("cpu", ACCELERATOR):
        x, y = X.to(device), Y.to(device)
        for settings in ({}, {"hardest_of": 2, "network": network}):
            ((images, labels),) = AugmentedLoader([(x, y)], augmenter, replace=0.5, **settings)
            assert images.device == x.device
            assert labels is y
            assert changed(images, x).sum() == 75
            ((images, labels),) = AugmentedLoader([(x, y)], augmenter, **settings)
            assert images.device == labels.device == x.device
            assert torch.equal(images[:150], x)
            assert changed(images[150:], x.repeat(3, 1, 1, 1)).all()
    x, _ = SyntheticDataset(augmenter, 10)[0]
    assert x.device.type == "cpu"


class Refusals(Dataset):
    """The error messages of calls in a worker."""

    def __init__(self, *calls) -> None:
        self.calls = calls

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, i: int) -> str:
        with pytest.raises(InputError) as error:
            self.calls[i]()
        return str(error.value)


def test_a_model_that_workers_cannot_use_is_refused(augmenter):
    elsewhere = copy.deepcopy(augmenter)
    elsewhere.vae_.to("meta")
    synthetic, augmented = SyntheticDataset(elsewhere, 10), AugmentedDataset(REAL, elsewhere, 1.0)
    calls = Refusals(lambda: synthetic[0], lambda: augmented[0], lambda: VAEAugment(elsewhere)(X, Y))
    expected = (
        "expected a VAE on the CPU in the workers of a DataLoader, got one on meta; use AugmentedLoader, which generates "
        "outside the workers, or num_workers=0"
    )
    assert list(DataLoader(calls, None, num_workers=1, multiprocessing_context="fork")) == [expected] * 3


NETWORK = cnn()
RANGE = "normalize to be (mean, std) or a pair of functions"
REFUSED = {
    "replace above 1": (
        lambda a: AugmentedLoader([], a, replace=1.5),
        "expected replace to be a number from 0 to 1, got 1.5",
    ),
    "replace below 0": (lambda a: VAEAugment(a, replace=-0.1), "expected replace to be a number from 0 to 1, got -0.1"),
    "replace as text": (
        lambda a: AugmentedDataset(REAL, a, "half"),
        "expected replace to be a number from 0 to 1, got 'half'",
    ),
    "seed": (lambda a: SyntheticDataset(a, 10, seed=-1), "expected seed to be a whole number from 0 up, got -1"),
    "length": (lambda a: SyntheticDataset(a, 0), "expected length to be a whole number from 1 up, got 0"),
    "classes": (lambda a: SyntheticDataset(a, 5, labels=[10]), "expected labels in 0..9, got labels from 10 to 10"),
    "epoch": (lambda a: AugmentedDataset(REAL, a).set_epoch(-1), "expected epoch to be a whole number from 0 up"),
    "loader epoch": (lambda a: AugmentedLoader([], a).set_epoch(0.5), "expected epoch to be a whole number from 0 up"),
    "no augmenter": (lambda a: VAEAugment(a.vae_), "expected a fitted Augmenter, got VAE; pass vaeaug.Augmenter(vae)"),
    "a dataset": (
        lambda a: AugmentedLoader(REAL, a),
        "expected a DataLoader or another iterable of batches, got Tensor",
    ),
    "a stream": (lambda a: AugmentedDataset(Stream(), a), "expected a map-style dataset, got Stream; wrap its loader"),
    "epochs for nothing": (lambda a: loaded(a, epochs=3), "expected epochs only with a function as replace"),
    "no epochs": (
        lambda a: loaded(a, replace=lambda progress: 0.5),
        "expected epochs with a function as replace, got none",
    ),
    "epochs": (lambda a: loaded(a, replace=abs, epochs=0), "expected epochs to be a whole number from 1 up, got 0"),
    "hardest_of alone": (
        lambda a: loaded(a, hardest_of=3),
        "expected a network with hardest_of, got none; pass the network in training",
    ),
    "replace and add": (
        lambda a: loaded(a, replace=0.5, add=3),
        "expected either replace or add, got replace=0.5 and add=3; leave replace out to add synthetic samples, or add to",
    ),
    "replace and add in a transform": (
        lambda a: VAEAugment(a, replace=0.5, add=3),
        "expected either replace or add, got replace=0.5 and",
    ),
    "add 0": (
        lambda a: loaded(a, replace=None, add=0),
        "expected add to be a whole number from 1 up, got 0",
    ),
    "hardest of 1": (
        lambda a: loaded(a, hardest_of=1, network=NETWORK),
        "expected hardest_of to be a whole number from 2 up",
    ),
    "no network": (
        lambda a: loaded(a, hardest_of=2, network=len),
        "expected network to be an nn.Module, got builtin",
    ),
    "features": (
        lambda a: loaded(a, hardest_of=2, network=NETWORK[:2]),
        "expected logits of shape (B, K), K above 9, from the network, got (75, 16, 8, 8); pass a network",
    ),
    "few logits": (lambda a: loaded(a, hardest_of=2, network=cnn(3)), "got (75, 3); pass a network"),
    "labels_getter": (
        lambda a: loaded(a, labels_getter=None),
        "expected labels_getter to be 'default', a function of the batch, or the name or index of a field, got None",
    ),
    "images_getter": (
        lambda a: loaded(a, images_getter=0.5),
        "expected images_getter to be None, a function of the batch, or the name or index of a field, got 0.5",
    ),
    "no such field": (
        lambda a: loaded(a, images_getter="x"),
        "expected images_getter to name a field of the batch, got 'x' and (Tensor(150, 1, 8, 8), Tensor(150,))",
    ),
    "no such index": (
        lambda a: loaded(a, labels_getter=2),
        "expected labels_getter to name a field of the batch, got 2 and (Tensor(150, 1, 8, 8), Tensor(150,))",
    ),
    "a copy": (
        lambda a: loaded(a, images_getter=lambda batch: batch[0] * 1),
        "expected images and labels that are a field of the batch, got (Tensor(150, 1, 8, 8), Tensor(150,)); let the",
    ),
    "normalize": (lambda a: loaded(a, normalize=v2.Normalize([0.5], [0.5])), f"expected {RANGE}"),
    "half a pair": (lambda a: loaded(a, normalize=(abs, 0.5)), f"expected {RANGE}"),
    "channels": (
        lambda a: loaded(a, normalize=([0.5] * 3, 0.5)),
        "expected mean in normalize to be a number or 1 numbers",
    ),
    "std of 0": (lambda a: loaded(a, normalize=(0.5, 0)), "expected standard deviations above 0 in normalize, got 0"),
    "mean as text": (lambda a: loaded(a, normalize=("a", 1)), "expected mean in normalize to be a number"),
    "reshaping": (
        lambda a: loaded(a, normalize=(torch.flatten, abs)),
        "expected the functions of normalize to preserve the shape (75, 1, 8, 8), got (4800,)",
    ),
    "bytes": (
        lambda a: loaded(a, batches=[(X.byte(), Y)], normalize=(0.5, 0.5)),
        "expected normalized images as floats, got uint8; leave normalize out",
    ),
    "range": (lambda a: loaded(a, batches=[(2 * X - 1, Y)]), "expected samples in the range of the data, 0 to 1"),
    "image size": (
        lambda a: loaded(a, batches=[(torch.zeros(9, 1, 16, 16), Y[:9])]),
        "expected samples of shape (B, 1, 8, 8) in the batch, got (Tensor(9, 1, 16, 16), Tensor(9,)); convert",
    ),
    "items": (
        lambda a: AugmentedDataset([("image", 3)], a, 1.0)[0],
        "expected a sample of shape (1, 8, 8) in the item, got (str, int); convert",
    ),
    "unlabelled": (lambda a: loaded(a, batches=[X]), "expected labels in the batch, got Tensor(150, 1, 8, 8); let the"),
    "alone": (lambda a: loaded(a, batches=[(X,)]), "expected labels in the batch, got (Tensor(150, 1, 8, 8))"),
    "no key": (lambda a: VAEAugment(a)({"x": X}), "expected labels in the batch, got {'x': Tensor(150, 1, 8, 8)}"),
    "no label": (
        lambda a: AugmentedDataset([(X[0], None)], a, 1.0)[0],
        "expected labels in the batch, got (Tensor(1, 8",
    ),
    "too few": (lambda a: loaded(a, batches=[(X, Y[:9])]), "expected one label for each of 150 samples, got 9 labels"),
    "soft": (
        lambda a: loaded(a, batches=[(X, torch.full((150, 10), 0.1))]),
        "got soft labels of shape (150, 10); augment before",
    ),
    "soft item": (
        lambda a: AugmentedDataset([(X[0], torch.full((10,), 0.1))], a, 1.0)[0],
        "got soft labels of shape (1, 10)",
    ),
    "strings": (lambda a: loaded(a, batches=[(X, ("cat",) * 150)]), "7, 8, 9, got 'cat'; pass class names or"),
    "string": (lambda a: AugmentedDataset([(X[0], "cat")], a, 1.0)[0], "7, 8, 9, got 'cat'; pass class names or"),
    "unseen class": (lambda a: VAEAugment(a)(X, Y + 1), "expected labels in 0..9, got labels from 1 to 10"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_has_its_own_error(augmenter, case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=re.escape(message)):
        make(augmenter)


@pytest.mark.parametrize(
    ("make", "old", "new"),
    [
        *(
            (make, old, new)
            for make in (lambda a, **old: AugmentedLoader([], a, **old), VAEAugment)
            for old, new in (
                ("ratio", "replace"),
                ("beside", "add"),
                ("worst_of", "hardest_of"),
                ("classifier", "network"),
            )
        ),
        (lambda a, **old: AugmentedDataset(REAL, a, **old), "ratio", "replace"),
    ],
)
def test_old_names_of_arguments_are_refused(augmenter, make, old, new):
    message = f"expected the argument {new}, got {old}=2; {old} is now called {new}"
    with pytest.raises(InputError, match=re.escape(message)):
        make(augmenter, **{old: 2})


def test_signatures_show_the_arguments():
    for host in (AugmentedLoader, VAEAugment, AugmentedDataset):
        assert {"augmenter", "replace", "normalize"} <= inspect.signature(host).parameters.keys()


def test_only_the_transform_needs_torchvision():
    # Further modules of vaeaug may import torchvision; the plugin's own may not.
    imports = {
        path.name: {
            (getattr(node, "module", None) or node.names[0].name).split(".")[0]
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        for path in Path(datasets.__file__).parent.glob("*.py")
    }
    assert {name for name, modules in imports.items() if "torchvision" in modules} == {"transform.py"}


@pytest.mark.parametrize(
    "make",
    [
        lambda a: SyntheticDataset(a, 10),
        lambda a: AugmentedDataset(REAL, a),
        lambda a: AugmentedLoader([], a),
        VAEAugment,
    ],
)
def test_an_augmenter_before_fit_is_refused(make):
    with pytest.raises(NotFittedError, match="expected a fitted augmenter, got one before fit; call"):
        make(Augmenter())


@pytest.mark.usefixtures("draws")
def test_the_page_runs():
    """The code of the page runs unchanged, except for the numbers of steps and epochs."""
    page = (Path(__file__).parents[1] / "docs" / "torch.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 9
    names: dict[str, object] = {}
    for block in blocks:
        quick = block.replace("progress=False", "steps=2, progress=False").replace("epochs = 100", "epochs = 2")
        exec(quick, names)
    assert all(0 <= names[name] <= 1 for name in ("before", "after", "after_mixup", "after_hardest", "after_schedule"))
