"""The seed decides, in threads as well, and no global generator moves."""

import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from vaeaug import Augmenter, CrossFitted, fit_vae
from vaeaug.data import load, read_unlabelled, subset
from vaeaug.runtime import seeds

FEW = subset(load("digits"), 4)
PAIRS = TensorDataset(FEW.x, FEW.y)


def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


@pytest.fixture(autouse=True)
def _no_global_generator_moves():
    before = states()
    yield
    assert states() == before


class Noisy(Dataset):
    """Random transforms that draw from all global generators."""

    def __len__(self):
        return 90

    def __getitem__(self, i):
        noise = torch.rand(()) + np.random.rand() + random.random()
        return (FEW.x[i % 40] + noise).float() / 4, int(FEW.y[i % 40])


class Competing:
    """A thread that draws from torch's global generator all the time."""

    def __enter__(self):
        self.stop, self.state, self.interval = threading.Event(), torch.get_rng_state(), sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        self.thread = threading.Thread(target=self._draw)
        self.thread.start()

    def _draw(self):
        while not self.stop.is_set():
            torch.rand(10)

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join()
        sys.setswitchinterval(self.interval)
        torch.set_rng_state(self.state)


def total(module):
    return float(sum(value.double().abs().sum() for value in module.state_dict().values()))


SHORT = {"steps": 2, "progress": False}
FITS = {
    "arrays": lambda: total(Augmenter().fit(FEW.x, FEW.y, seed=1, **SHORT).vae_),
    "dataset": lambda: total(Augmenter().fit(Noisy(), seed=1, **SHORT).vae_),
    "dataset, fit_vae": lambda: total(fit_vae(Noisy(), seed=1, **SHORT)),
    "loader": lambda: total(Augmenter().fit(DataLoader(PAIRS, 8, shuffle=True), seed=1, **SHORT).vae_),
    "loader, fit_vae": lambda: total(fit_vae(DataLoader(PAIRS, 8, shuffle=True), seed=1, **SHORT)),
    "bank of a loader": lambda: float(
        Augmenter()
        .fit(DataLoader(PAIRS, 8, shuffle=True), seed=1, bank_size=39, **SHORT)
        .generate(2, seed=0)
        .x.double()
        .sum()
    ),
    "random transforms": lambda: total(fit_vae(DataLoader(Noisy(), 8, shuffle=True), seed=1, **SHORT)),
    "unlabelled": lambda: float(read_unlabelled(Noisy(), FEW, seed=1).double().sum()),
    "teachers": lambda: float(CrossFitted.fit(FEW, "cnn", folds=2, seed=1, steps=2).soft(FEW.x, FEW.y, FEW.x).std()),
}


@pytest.mark.parametrize("kind", FITS)
def test_the_seed_decides_in_any_state_of_the_global_generators(kind):
    saved = random.getstate(), np.random.get_state(), torch.get_rng_state()
    found = []
    for state in (1, 2):
        random.seed(state)
        np.random.seed(state)
        torch.manual_seed(state)
        changed = states()
        found.append(FITS[kind]())
        assert states() == changed
    random.setstate(saved[0])
    np.random.set_state(saved[1])
    torch.set_rng_state(saved[2])
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", FITS)
def test_the_seed_decides_in_threads(kind):
    alone = FITS[kind]()
    before = states()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: FITS[kind](), range(8))) == {alone}
    assert states() == before


@pytest.mark.parametrize("kind", ["arrays", "teachers"])
def test_threads_of_the_user_change_nothing(kind):
    alone = FITS[kind]()
    with Competing():
        assert {FITS[kind]() for _ in range(8)} == {alone}


DRAWS = {
    "rand": lambda: torch.rand(5),
    "randn": lambda: torch.randn(2, 3),
    "randint": lambda: torch.randint(9, (4,)),
    "randint from": lambda: torch.randint(2, 9, (4,)),
    "randperm": lambda: torch.randperm(9),
    "like": lambda: torch.rand_like(torch.zeros(4)),
    "normal": lambda: torch.normal(torch.zeros(3), 1.0),
    "in place": lambda: torch.empty(4).uniform_(2, 3),
    "bernoulli": lambda: torch.bernoulli(torch.full((9,), 0.5)),
    "multinomial": lambda: torch.multinomial(torch.ones(9), 4),
    "dropout": lambda: nn.functional.dropout(torch.ones(9)),
    "rrelu": lambda: nn.functional.rrelu(-torch.ones(9), training=True),
    "poisson": lambda: torch.poisson(torch.full((9,), 3.0)),
    "layers": lambda: torch.cat([p.flatten() for p in nn.TransformerEncoderLayer(4, 2, 8).parameters()]),
    "convolution": lambda: nn.Conv2d(2, 3, 3).weight,
    "orthogonal": lambda: nn.init.orthogonal_(torch.empty(4, 4)),
    "truncated": lambda: nn.init.trunc_normal_(torch.empty(9)),
}


# Operations that take no generator use the global one for a moment.
WITHOUT_GENERATOR = ("dropout", "rrelu")


@pytest.mark.parametrize("kind", DRAWS)
def test_a_generator_of_its_own_gives_the_numbers_of_the_global_one(kind):
    draw = DRAWS[kind]
    with seeds.forked(5, 2):
        expected = [draw() for _ in range(3)]
    with seeds.drawing_from(5, 2):
        assert all(torch.equal(draw(), value) for value in expected)
    if kind not in WITHOUT_GENERATOR:
        with Competing(), seeds.drawing_from(5, 2):
            assert all(torch.equal(draw(), value) for value in expected)


def test_a_generator_of_the_user_is_used():
    with seeds.drawing_from(5):
        drawn = torch.rand(3, generator=torch.Generator().manual_seed(7))
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(7)))


def test_blocks_may_be_nested_and_end_with_an_error():
    with seeds.drawing_from(1):
        first = torch.rand(3)
        with pytest.raises(ZeroDivisionError), seeds.drawing_from(2):
            1 / 0  # noqa: B018
        with seeds.all_forked(3), seeds.forked(4):
            random.random()
        second = torch.rand(3)
    with seeds.drawing_from(1):
        assert torch.equal(torch.rand(6), torch.cat([first, second]))
