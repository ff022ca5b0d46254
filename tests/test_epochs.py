"""Each epoch of an AugmentedDataset has other samples, by every door, and the seed decides them all."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.utils import data as torch_data
from torch.utils.data import ConcatDataset, DistributedSampler, RandomSampler, StackDataset, Subset, TensorDataset

from vaeaug import AugmentedDataset, AugmentedLoader, Augmenter, Posterior, SyntheticDataset
from vaeaug.data import load, subset
from vaeaug.plugins.torch import datasets

pytestmark = [
    pytest.mark.filterwarnings(r"ignore:.*use of fork\(\).*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers"),
]

FEW = subset(load("digits"), 4)
N, EPOCHS = len(FEW), 4
REAL = TensorDataset(FEW.x, torch.arange(N) % 10, torch.arange(N))


@pytest.fixture(scope="module")
def augmenter():
    return Augmenter(perturb=Posterior(3.0)).fit(FEW, steps=5, progress=False)


class DataLoader(torch_data.DataLoader):
    """Has a generator of its own, so that the test leaves torch's alone."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **{"generator": torch.Generator(), **settings})


def by_index(batches):
    """Samples of an epoch, by the index of the item."""
    x, _, i = (torch.cat(part) for part in zip(*batches, strict=True))
    assert sorted(i.tolist()) == list(range(N))
    return x[i.argsort()]


def loaded(**settings):
    return lambda dataset: iter_of(DataLoader(dataset, 7, **settings))


def iter_of(loader):
    return lambda: by_index(loader)


def distributed(dataset):
    loaders = []
    for rank in range(2):
        sampler = DistributedSampler(REAL, 2, rank)
        loaders.append(DataLoader(dataset, 7, sampler=sampler))

    def epoch():
        for loader in loaders:
            loader.sampler.set_epoch(loader.sampler.epoch + 1)
        return by_index([batch for loader in loaders for batch in loader])

    return epoch


# Functions from a dataset to a function that reads one epoch of it.
DOORS = {
    "items": lambda dataset: lambda: by_index([[part[None] for part in dataset[i]] for i in range(N)]),
    "iteration": lambda dataset: lambda: by_index([[part[None] for part in item] for item in dataset]),
    "loader": loaded(),
    "shuffled": loaded(shuffle=True),
    "workers": loaded(shuffle=True, num_workers=2),
    "persistent workers": loaded(shuffle=True, num_workers=2, persistent_workers=True),
    "spawned workers": loaded(num_workers=1, persistent_workers=True, multiprocessing_context="spawn"),
    "a new loader each epoch": lambda dataset: lambda: by_index(DataLoader(dataset, 9, num_workers=1)),
    "subset": lambda dataset: iter_of(DataLoader(Subset(dataset, range(N)), 7)),
    "parts": lambda dataset: iter_of(DataLoader(ConcatDataset([Subset(dataset, range(k, N, 2)) for k in (0, 1)]), 7)),
    "AugmentedLoader": lambda dataset: iter_of(AugmentedLoader(DataLoader(dataset, 7), dataset.augmenter, replace=0.0)),
    "distributed sampler": distributed,
}


@pytest.fixture(scope="module")
def expected(augmenter):
    """The epochs of a seed, as items in their order."""
    dataset = AugmentedDataset(REAL, augmenter, seed=3)
    return [torch.stack([dataset[i][0] for i in range(N)]) for _ in range(EPOCHS)]


@pytest.mark.parametrize("door", DOORS)
def test_each_epoch_has_other_samples_which_the_seed_decides(augmenter, expected, door):
    epoch = DOORS[door](AugmentedDataset(REAL, augmenter, seed=3))
    found = [epoch() for _ in range(EPOCHS)]
    assert not any(torch.equal(a, b) for i, a in enumerate(found) for b in found[:i])
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_no_real_sample_is_hidden_for_ever(augmenter):
    dataset = AugmentedDataset(REAL, augmenter, seed=3)
    epochs = torch.stack([torch.stack([x for x, *_ in dataset]) for _ in range(20)])
    is_real = (epochs == FEW.x).flatten(2).all(2)
    assert is_real.any(0).all()
    assert not is_real.all(0).any()
    synthetic = [[*map(pickle.dumps, epochs[~is_real[:, i], i])] for i in range(N)]
    assert all(len(set(draws)) == len(draws) for draws in synthetic)


def test_another_seed_has_other_epochs(augmenter, expected):
    other = AugmentedDataset(REAL, augmenter, seed=4)
    assert not any(torch.equal(torch.stack([x for x, *_ in other]), epoch) for epoch in expected for _ in (0, 1))


def test_set_epoch_goes_to_any_epoch(augmenter, expected):
    dataset = AugmentedDataset(REAL, augmenter, seed=3)
    epoch = DOORS["iteration"](dataset)
    for start in (2, 0):
        dataset.set_epoch(start)
        assert dataset.epoch == start
        assert torch.equal(epoch(), expected[start])
        assert dataset.epoch == start + 1
        assert torch.equal(epoch(), expected[start + 1])
    # An epoch that was broken off.
    dataset[0], dataset[0], dataset[5]
    dataset.set_epoch(1)
    assert torch.equal(epoch(), expected[1])


def test_copies_go_their_own_way(augmenter, expected):
    dataset = AugmentedDataset(REAL, augmenter, seed=3)
    epoch = DOORS["iteration"](dataset)
    epoch()
    for duplicate in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert torch.equal(DOORS["iteration"](duplicate)(), expected[1])
    assert torch.equal(epoch(), expected[1])


def test_an_item_that_is_drawn_twice_in_an_epoch_has_two_samples(augmenter):
    sampler = RandomSampler(REAL, replacement=True, num_samples=200, generator=torch.Generator())
    dataset = AugmentedDataset(REAL, augmenter, replace=1.0)
    x = torch.cat([x for x, *_ in DataLoader(dataset, 50, sampler=sampler)])
    assert len({pickle.dumps(sample) for sample in x}) == 200


@pytest.fixture
def as_rank(monkeypatch):
    """rank -> this process has that rank in a distributed training, or None: in none"""

    def set_rank(rank):
        monkeypatch.setattr(datasets.distributed, "is_initialized", lambda: rank is not None)
        monkeypatch.setattr(datasets.distributed, "get_rank", lambda: rank)

    return set_rank


def test_processes_without_a_common_epoch_have_different_samples(augmenter, as_rank):
    def first_read(rank, epoch=None):
        as_rank(rank)
        dataset = AugmentedDataset(REAL, augmenter, replace=1.0)
        if epoch is not None:
            dataset.set_epoch(epoch)
        spawned = pickle.dumps(dataset)
        sample = dataset[3][0]
        as_rank(None)  # as in a worker that was spawned
        assert torch.equal(pickle.loads(spawned)[3][0], sample)
        return sample

    assert torch.equal(first_read(0), first_read(None))
    assert not torch.equal(first_read(0), first_read(1))
    assert torch.equal(first_read(0, epoch=2), first_read(1, epoch=2))


def test_more_items_than_counters_have_other_samples_too(augmenter, monkeypatch):
    monkeypatch.setattr(datasets, "MAX_COUNTERS", 7)
    epoch = DOORS["shuffled"](AugmentedDataset(REAL, augmenter, replace=1.0))
    first, second = epoch(), epoch()
    assert not (first == second).flatten(1).all(1).any()


def test_skorch_sees_other_samples_each_epoch(augmenter):
    skorch = pytest.importorskip("skorch", reason="needs the package skorch")
    pairs = TensorDataset(FEW.x, FEW.y)
    seen = []

    class Recording(nn.Sequential):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    with torch.random.fork_rng():
        net = skorch.NeuralNetClassifier(
            Recording(nn.Flatten(), nn.Linear(64, 10)),
            max_epochs=3,
            batch_size=N,
            verbose=0,
            train_split=None,
            criterion=nn.CrossEntropyLoss,
        )
        net.fit(AugmentedDataset(pairs, augmenter, seed=3), y=None)
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


@pytest.mark.parametrize("workers", [0, 2])
def test_lightning_sees_other_samples_each_epoch(augmenter, workers, tmp_path, monkeypatch):
    lightning = pytest.importorskip("lightning", reason="needs the package lightning")
    monkeypatch.chdir(tmp_path)
    seen = []

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

        def training_step(self, batch, _):
            seen.append(batch[0])
            return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(accelerator="cpu", max_epochs=3, enable_model_summary=False, **quiet)
    dataset = AugmentedDataset(REAL, augmenter, seed=3)
    loader = DataLoader(dataset, N, num_workers=workers, persistent_workers=workers > 0)
    trainer.fit(Model(), loader)
    assert len(seen) == 3
    assert not any(torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


# Attributes of the wrapped dataset.


class Named(TensorDataset):
    classes, class_to_idx, epoch = list("abcdefghij"), {"a": 0}, "of the wrapped dataset"

    @property
    def targets(self):
        return self.tensors[1]


def test_attributes_are_those_of_the_wrapped_dataset(augmenter):
    dataset = AugmentedDataset(AugmentedDataset(Named(FEW.x, FEW.y), augmenter), augmenter)
    for found in (dataset, copy.deepcopy(dataset), copy.copy(dataset), pickle.loads(pickle.dumps(dataset))):
        assert found.classes == list("abcdefghij")
        assert found.class_to_idx == {"a": 0}
        assert torch.equal(found.targets, FEW.y)
        assert found.epoch == 0
    with pytest.raises(AttributeError, match="nonsense"):
        _ = dataset.nonsense
    with pytest.raises(AttributeError, match="targets"):
        _ = AugmentedDataset.__new__(AugmentedDataset).targets  # half unpickled
    names = Augmenter().fit(dataset, steps=1, progress=False).bank_.samples.names
    assert names == tuple("abcdefghij")


def test_a_synthetic_dataset_names_its_classes(augmenter):
    assert SyntheticDataset(augmenter, 10).classes == list(augmenter.bank_.samples.names)


def test_wrappers_of_datasets_are_read_and_augmented(augmenter):
    pairs = TensorDataset(FEW.x, FEW.y)
    for wrapped in (
        Subset(pairs, range(N)),
        ConcatDataset([Subset(pairs, range(N // 2)), Subset(pairs, range(N // 2, N))]),
        StackDataset(image=FEW.x, label=FEW.y),
        StackDataset(FEW.x, FEW.y),
    ):
        augmented = AugmentedDataset(wrapped, augmenter, 1.0)
        item = augmented[3]
        x, y = item.values() if isinstance(item, dict) else item
        assert not torch.equal(x, FEW.x[3])
        assert y == FEW.y[3]
        assert torch.equal(Augmenter().fit(wrapped, steps=1, progress=False).bank_.samples.x, FEW.x)


def test_class_names_are_found_inside_wrappers():
    data, numbers = Named(FEW.x, FEW.y), tuple(map(str, range(10)))
    few_classes = Subset(data, [i for i in range(N) if FEW.y[i] < 2])
    for wrapped, names in (
        (Subset(data, range(N)), tuple("abcdefghij")),
        (Subset(Subset(data, range(N)), range(N)), tuple("abcdefghij")),
        (ConcatDataset([data, Subset(data, range(5))]), tuple("abcdefghij")),
        (ConcatDataset([data, TensorDataset(FEW.x, FEW.y)]), numbers),  # they may number other classes
        (few_classes, ("0", "1")),
    ):
        fits = ({"data": wrapped}, {"data": DataLoader(wrapped, 8)}, {"data": wrapped, "bank_size": len(wrapped)})
        for settings in fits:
            fitted = Augmenter().fit(**settings, steps=1, progress=False)
            assert fitted.bank_.samples.names == names
