import inspect
import weakref

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, RandomSampler, TensorDataset

from vaeaug import Augmenter, InputError, fit_vae
from vaeaug.data import ImageFolder, Samples, Scaling, as_samples, streaming
from vaeaug.models import training
from vaeaug.models.batches import batches_from_loader
from vaeaug.runtime.distributed import World

BATCH = 16


class CountingDataset(Dataset):
    """Creates its items when they are read, and counts how many are alive."""

    def __init__(self, size):
        self.size, self.n_read, self.alive, self.most_alive = size, 0, weakref.WeakSet(), 0

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        if i >= self.size:
            raise IndexError
        item = torch.full((1, 8, 8), i % 10 / 10) + torch.rand(1, 8, 8) / 10
        self.n_read += 1
        self.alive.add(item)
        self.most_alive = max(self.most_alive, len(self.alive))
        return item, i % 10

    def collate(self, items):
        batch = torch.utils.data.default_collate(items)
        self.alive.add(batch[0])
        return batch


class Tabular(IterableDataset):
    def __iter__(self):
        return iter([(torch.arange(3.0) + i, i % 2) for i in range(50)])


def loader(data, **settings):
    return DataLoader(data, **({"batch_size": BATCH} | settings))


def short_fit(data, **settings):
    return fit_vae(data, **({"steps": 8, "progress": False} | settings))


def weights(vae):
    return torch.cat([value.flatten() for value in vae.state_dict().values()])


def test_a_loader_is_never_held(random_state_untouched):
    data = CountingDataset(10**9)
    short_fit(loader(data, collate_fn=data.collate), scaling=Scaling())
    assert data.n_read == BATCH * (8 + 1), "eight steps and one batch for the shape"
    assert data.most_alive <= 3 * (BATCH + 1)


def test_the_range_of_a_stream_comes_from_its_first_samples(monkeypatch):
    monkeypatch.setattr(streaming, "RANGE_SAMPLES", 60)
    x = torch.rand(200, 1, 8, 8) * 4 - 2
    fitted = short_fit(loader(TensorDataset(x, torch.arange(200) % 10)))
    assert (float(fitted.low), float(fitted.high)) == (float(x[:64].min()), float(x[:64].max()))
    x[150] = 9
    with pytest.raises(InputError, match="expected images in the range of the VAE"):
        short_fit(loader(TensorDataset(x, torch.arange(200) % 10)), steps=20)


def test_the_bank_is_a_sample_of_a_stream():
    data = CountingDataset(3000)
    fitted = Augmenter().fit(
        loader(data, collate_fn=data.collate, shuffle=True), bank_size=200, steps=3, progress=False
    )
    assert len(fitted.bank_) == 200
    assert data.n_read == 3000 + 3 * BATCH + BATCH
    assert data.most_alive <= 3 * (BATCH + 1)
    assert fitted.bank_.samples.counts == pytest.approx([20] * 10, abs=15)
    assert fitted.generate(5, seed=0).x.shape == (5, 1, 8, 8)


def test_a_dataset_streams_where_a_bank_is_asked_for():
    data = CountingDataset(500)
    Augmenter().fit(data, bank_size=100, steps=2, batch_size=20, progress=False)
    assert data.most_alive <= 3 * (64 + 1)


def test_a_reservoir_is_uniform():
    data, counts = CountingDataset(400), torch.zeros(400)
    data.__class__ = type(
        "Numbers", (CountingDataset,), {"__getitem__": lambda self, i: (torch.full((2,), float(i)), i % 2)}
    )
    for seed in range(60):
        _, samples, _ = streaming.reservoir(loader(data), 100, seed)
        assert len(samples.x[:, 0].unique()) == 100
        counts[samples.x[:, 0].long()] += 1
    early, late = counts[:200].sum(), counts[200:].sum()
    # 6,000 draws: each half expects 3,000, with a standard deviation below 40.
    assert abs(early - late) < 400
    assert counts.min() > 0


@pytest.mark.parametrize("shape", [(3,), (1, 8, 8)])
def test_the_range_of_a_reservoir_is_that_of_all(shape):
    x = torch.randn(333, *shape) * 3 + 5
    x[:, 0] = 4 if len(shape) == 1 else x[:, 0]
    _, _, scaling = streaming.reservoir(loader(TensorDataset(x, torch.arange(333) % 2)), 50, 0)
    whole = Scaling.fit(x)
    for name in ("offset", "gain", "low", "high"):
        assert getattr(scaling, name) == pytest.approx(getattr(whole, name), rel=1e-5), name
    unit = torch.rand(40, 1, 8, 8)
    assert streaming.reservoir(loader(TensorDataset(unit, torch.arange(40) % 2)), 50, 0)[2] == Scaling()


def test_the_seed_decides_order_and_transforms():
    class Noisy(CountingDataset):
        def __getitem__(self, i):
            return torch.rand(1, 8, 8), i % 10

    first, again, other = (weights(short_fit(loader(Noisy(200), shuffle=True), seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", ["shuffled", "iterable"])
def test_training_on_a_stream_resumes_exactly(tmp_path, monkeypatch, kind):
    make = {"shuffled": lambda: loader(CountingDataset(100), shuffle=True), "iterable": lambda: loader(Tabular())}[kind]
    whole = short_fit(make(), steps=20)
    monkeypatch.setitem(inspect.unwrap(training.train).__kwdefaults__, "every", 5)
    finite = training._finite
    monkeypatch.setattr(training, "CHECK_EVERY", 1)
    with monkeypatch.context() as patch:
        patch.setattr(training, "_finite", lambda v, step, lr: finite(v, step, lr) if step < 12 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            short_fit(make(), steps=20, checkpoint=tmp_path / "c")
    assert torch.equal(weights(short_fit(make(), steps=20, checkpoint=tmp_path / "c")), weights(whole))


def test_every_process_of_a_distributed_sampler_has_its_own():
    data = TensorDataset(torch.arange(40.0)[:, None], torch.arange(40) % 2)
    values = []
    for rank in range(2):
        sampler = DistributedSampler(data, 2, rank, shuffle=False)
        batch = batches_from_loader(
            loader(data, sampler=sampler, batch_size=4), 0, lambda samples: None, World(rank, 2)
        )
        x, _, start, size = batch(0)
        assert (len(x), start, size) == (4, 4 * rank, 8)
        values += x[:, 0].tolist()
    assert sorted(values) == list(range(8))


def test_what_cannot_stream_is_refused(digits):
    with pytest.raises(
        InputError, match=r"expected a DataLoader or a Dataset with bank_size=, got tuple; leave bank_size"
    ):
        Augmenter().fit((digits.x, digits.y), bank_size=10)
    with pytest.raises(
        InputError, match=r"expected two samples of every class in the bank, got . of class . in a bank of 12"
    ):
        Augmenter().fit(loader(CountingDataset(500)), bank_size=12)
    with pytest.raises(InputError, match="expected bank_size to be a whole number from 2 up, got 1"):
        Augmenter().fit(loader(CountingDataset(50)), bank_size=1)
    for empty in (lambda d: short_fit(d), lambda d: Augmenter().fit(d, bank_size=9)):
        with pytest.raises(InputError, match="expected at least one batch, got an empty DataLoader"):
            empty(loader(CountingDataset(0), sampler=[]))


def test_a_stream_may_draw_with_replacement():
    data = CountingDataset(300)
    batches = loader(data, sampler=RandomSampler(data, replacement=True, num_samples=64))
    assert short_fit(batches, steps=9).event_shape == (1, 8, 8)


def test_names_come_from_the_dataset():
    data = CountingDataset(100)
    data.classes = [f"kind {i}" for i in range(10)]
    fitted = Augmenter().fit(loader(data), bank_size=60, steps=1, progress=False)
    assert fitted.bank_.samples.names[3] == "kind 3"
    assert isinstance(as_samples(loader(data)), Samples)


def test_a_folder_streams_with_the_channels_and_names_it_has(tmp_path):
    for name, grey in (("cat", 40), ("dog", 200)):
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.new("L", (9, 10), grey + i).save(tmp_path / name / f"{i}.png")
    fitted = Augmenter().fit(loader(ImageFolder(tmp_path, size=8)), bank_size=8, steps=1, progress=False)
    assert fitted.bank_.samples.event_shape == (1, 8, 8)
    assert fitted.bank_.samples.names == ("cat", "dog")
