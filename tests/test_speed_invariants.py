"""What the fast paths must not change: the bits of a sample, whoever asks for it and whatever was asked for before."""

import pickle

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

import vaeaug.augmenter.augmenter as augmenter_room
import vaeaug.models.codec as room
from vaeaug import VAE, Augmenter, Confident, InputError
from vaeaug.data import Samples
from vaeaug.models.codec import Codec
from vaeaug.models.fitting import default_steps
from vaeaug.models.networks import Conv
from vaeaug.runtime import seeds as rng

pytestmark = pytest.mark.usefixtures("random_state_untouched")


def make(shape=(1, 28, 28), **kwargs):
    with rng.forked(0):
        return VAE(shape, **kwargs).eval().to(memory_format=torch.channels_last)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("classes", [None, 3])
def test_codes_and_samples_do_not_depend_on_the_batch(classes):
    codec, x, y = Codec(make(num_classes=classes)), noise(150, 1, 28, 28), torch.arange(150) % 3
    z = 3 * noise(150, 16) - 1.5
    q, made = codec.encode(x, y), codec.decode(z, y)
    for size in (1, 2, 3, 7, 16, 31, 33, 64, 100):
        few = codec.encode(x[:size], y[:size])
        assert torch.equal(few.mean, q.mean[:size])
        assert torch.equal(few.stddev, q.stddev[:size])
        assert torch.equal(codec.decode(z[:size], y[:size]), made[:size])
        assert torch.equal(codec.decode(z[-size:], y[-size:]), made[-size:])


@pytest.fixture
def fitted():
    data = Samples(noise(40, 1, 28, 28), torch.arange(40) % 2)
    return Augmenter().fit(data, steps=2, progress=False)


@pytest.mark.parametrize("keep", [False, True], ids=["all", "filtered"])
def test_chunks_do_not_depend_on_those_drawn_together(fitted, monkeypatch, keep):
    if keep:
        samples = fitted.bank_.samples
        forest = RandomForestClassifier(5, random_state=0).fit(samples.x.flatten(1).numpy(), samples.y.numpy())
        fitted = fitted.using(filter=Confident(forest, 0.5))
    n = 3 * room.CHUNK + 44
    whole = fitted.generate(n, seed=1)
    for together in (1, 2):
        monkeypatch.setattr(augmenter_room, "TOGETHER", together)
        assert all(torch.equal(a, b) for a, b in zip(whole, fitted.generate(n, seed=1), strict=True))
    alone = fitted.chunk(3, seed=1)
    assert all(torch.equal(a[3 * room.CHUNK :], b[:44]) for a, b in zip(whole, alone, strict=True))


def test_what_was_asked_before_changes_nothing(fitted):
    fresh = pickle.loads(pickle.dumps(fitted))
    fitted.generate(7, labels=1, seed=9)
    fitted.generate(300, seed=8)
    assert torch.equal(fitted.generate(60, seed=0).x, fresh.generate(60, seed=0).x)


def test_rests_are_decoded_once_and_again_after_training(fitted, monkeypatch):
    decoded = []
    decode = VAE.decode
    monkeypatch.setattr(VAE, "decode", lambda self, z, y=None: decoded.append(len(z)) or decode(self, z, y))
    fitted.generate(64, seed=0)
    fitted.using(residual=True).generate(64, seed=1)
    assert sum(decoded) == 48 + 64 + 64  # 40 rests, filled up to 48, then one decode a child
    with torch.no_grad():
        fitted.vae_.head.bias += 1
    decoded.clear()
    fitted.generate(64, seed=0)
    assert sum(decoded) == 48 + 64
    monkeypatch.setattr(room, "KEPT", 0)
    decoded.clear()
    fitted.generate(64, seed=0)
    assert sum(decoded) == 64 + 64


def test_kept_rests_do_not_travel(fitted):
    before = len(pickle.dumps(fitted))
    fitted.generate(64, seed=0)
    assert (
        len(pickle.dumps(fitted)) < before + 10_000
    )  # the rests are 125,440 bytes; the bank sorts itself at first use


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14), (3, 32, 17), (1, 64, 64), (4, 57, 57)])
def test_grids_lose_nothing(shape):
    with rng.forked(0):
        encoder, features, decoder = Conv(4).build(shape, 5)
    assert encoder(noise(2, *shape)).shape == (2, features)
    assert decoder(noise(2, 5)).shape == (2, *shape)


def test_more_samples_get_more_steps():
    assert [default_steps(n) for n in (4, 200, 800, 5000, 10**6)] == [400, 400, 800, 2000, 2000]


def test_samples_out_of_range_are_seen(fitted):
    x, y = noise(4, 1, 28, 28), torch.tensor([0, 1, 0, 1])
    slightly = x.clone()
    slightly[0, 0, 0, 0] = 1.0005
    made = fitted.generate(4, slightly, y, seed=0).x
    assert made.max() <= 1.0005
    for value, message in ((2.0, "expected samples in the range"), (float("nan"), "expected finite numbers in near")):
        x[0, 0, 0, 0] = value
        with pytest.raises(InputError, match=message):
            fitted.generate(4, x, y)


def test_samples_of_the_bank_are_not_encoded_again_and_give_the_same(fitted, monkeypatch):
    bank = fitted.bank_
    x, y = bank.samples.x[3:30], bank.samples.y[3:30]
    asked = []
    encode = VAE.encode
    monkeypatch.setattr(VAE, "encode", lambda self, x, y=None: asked.append(len(x)) or encode(self, x, y))
    known = fitted.generate(40, x, y, seed=0)
    assert asked == []
    monkeypatch.setattr(type(bank), "find", lambda self, x: None)
    looked = fitted.generate(40, x, y, seed=0)
    assert asked == [32]
    assert all(torch.equal(a, b) for a, b in zip(known, looked, strict=True))


def test_only_the_banks_own_samples_are_found(fitted):
    x = fitted.bank_.samples.x
    order = torch.tensor([5, 0, 39, 5])
    assert torch.equal(fitted.bank_.find(x[order]), order)
    assert fitted.bank_.find(x[order].flip(3)) is None
    assert fitted.bank_.find(torch.cat([x[:3], x[:1] * 0.999])) is None
    with torch.no_grad():
        fitted.vae_.head.bias += 1
    assert fitted._rests.find(x[order]) is None
