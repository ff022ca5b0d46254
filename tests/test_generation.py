"""What caches and blocks must not change: the bits of a sample, however it is requested and whatever was requested before."""

import pickle

import pytest
import torch
from same_samples import same
from sklearn.ensemble import RandomForestClassifier

from vaeaug import VAE, Augmenter, Confident, InputError, Interpolate
from vaeaug.augmenter import augmenter as augmenter_module
from vaeaug.augmenter import residuals as residuals_module
from vaeaug.data import Samples
from vaeaug.models.codec import CHUNK, Codec
from vaeaug.models.fitting import default_steps
from vaeaug.models.networks import Conv
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")


def make_vae(shape=(1, 28, 28), **kwargs):
    with seeds.forked(0):
        return VAE(shape, **kwargs).eval().to(memory_format=torch.channels_last)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("classes", [None, 3])
def test_codes_and_samples_do_not_depend_on_the_batch(classes):
    codec, x, y = Codec(make_vae(num_classes=classes)), noise(150, 1, 28, 28), torch.arange(150) % 3
    z = 3 * noise(150, 16) - 1.5
    q, decoded = codec.encode(x, y), codec.decode(z, y)
    for size in (1, 2, 3, 7, 16, 31, 33, 64, 100):
        few = codec.encode(x[:size], y[:size])
        assert torch.equal(few.mean, q.mean[:size])
        assert torch.equal(few.stddev, q.stddev[:size])
        assert torch.equal(codec.decode(z[:size], y[:size]), decoded[:size])
        assert torch.equal(codec.decode(z[-size:], y[-size:]), decoded[-size:])


@pytest.fixture
def fitted():
    data = Samples(noise(40, 1, 28, 28), torch.arange(40) % 2)
    return Augmenter().fit(data, steps=2, progress=False)


@pytest.mark.parametrize("filtered", [False, True], ids=["all", "filtered"])
def test_chunks_do_not_depend_on_those_drawn_together(fitted, monkeypatch, filtered):
    if filtered:
        samples = fitted.bank_.samples
        forest = RandomForestClassifier(5, random_state=0).fit(samples.x.flatten(1).numpy(), samples.y.numpy())
        fitted = fitted.using(filter=Confident(forest, 0.5))
    n = 3 * CHUNK + 44
    whole = fitted.generate(n, seed=1)
    for count in (1, 2):
        monkeypatch.setattr(augmenter_module, "CHUNKS_TOGETHER", count)
        assert same(whole, fitted.generate(n, seed=1))
    alone = fitted.chunk(3, seed=1)
    assert same(whole.rows(slice(3 * CHUNK, None)), alone.rows(slice(44)))


def test_earlier_calls_change_nothing(fitted):
    fresh = pickle.loads(pickle.dumps(fitted))
    fitted.generate(7, labels=1, seed=9)
    fitted.generate(300, seed=8)
    assert torch.equal(fitted.generate(60, seed=0).x, fresh.generate(60, seed=0).x)


@pytest.fixture
def decoded(monkeypatch):
    """The sizes of the batches that a VAE decodes."""
    sizes = []
    decode = VAE.decode
    monkeypatch.setattr(VAE, "decode", lambda self, z, y=None: sizes.append(len(z)) or decode(self, z, y))
    return sizes


def test_residuals_are_computed_once_and_again_after_training(fitted, monkeypatch, decoded):
    fitted.generate(64, seed=0)
    fitted.using(residual=True).generate(64, seed=1)
    assert sum(decoded) == 48 + 64 + 64  # 40 residuals, padded to 48, then one decoding for each synthetic sample
    with torch.no_grad():
        fitted.vae_.head.bias += 1
    decoded.clear()
    fitted.generate(64, seed=0)
    assert sum(decoded) == 48 + 64
    monkeypatch.setattr(residuals_module, "MAX_CACHE_BYTES", 0)
    decoded.clear()
    fitted.generate(64, seed=0)
    assert sum(decoded) == 64 + 64


def test_cached_residuals_are_those_that_are_computed(fitted, monkeypatch):
    cached = fitted.generate(300, seed=0).x
    assert torch.equal(fitted.generate(300, seed=0).x, cached)
    monkeypatch.setattr(residuals_module, "MAX_CACHE_BYTES", 0)
    assert torch.equal(fitted.generate(300, seed=0).x, cached)


def test_using_shares_the_residuals_of_pseudo_labelled_samples(decoded):
    data = Samples(noise(40, 1, 28, 28), torch.arange(40) % 2)
    fitted = Augmenter().fit(data, unlabelled=noise(30, 1, 28, 28, seed=1), teacher="knn", steps=2, progress=False)
    assert len(fitted.bank_.pseudo_labelled) > 0
    fitted.generate(300, seed=0)
    decoded.clear()
    fitted.using(perturb=Interpolate()).generate(300, seed=0)
    assert sum(decoded) == 304, "300 synthetic samples, padded to a multiple of 16, and no residuals"


def test_cached_residuals_are_not_pickled(fitted):
    before = len(pickle.dumps(fitted))
    fitted.generate(64, seed=0)
    # The residuals are 125,440 bytes; the bank's index of classes is cached at first use and is pickled.
    assert len(pickle.dumps(fitted)) < before + 10_000


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14), (3, 32, 17), (1, 64, 64), (4, 57, 57)])
def test_grids_lose_nothing(shape):
    with seeds.forked(0):
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
    encoded = []
    encode = VAE.encode
    monkeypatch.setattr(VAE, "encode", lambda self, x, y=None: encoded.append(len(x)) or encode(self, x, y))
    from_bank = fitted.generate(40, x, y, seed=0)
    assert encoded == []
    monkeypatch.setattr(type(bank), "find", lambda self, x: None)
    as_new_samples = fitted.generate(40, x, y, seed=0)
    assert encoded == [32]
    assert same(from_bank, as_new_samples)


def test_samples_of_the_bank_are_encoded_again_after_training(fitted, monkeypatch):
    x, y = fitted.bank_.samples.x[3:30], fitted.bank_.samples.y[3:30]
    with torch.no_grad():
        fitted.vae_.head.bias += 1
    encoded = []
    encode = VAE.encode
    monkeypatch.setattr(VAE, "encode", lambda self, x, y=None: encoded.append(len(x)) or encode(self, x, y))
    fitted.generate(40, x, y, seed=0)
    assert encoded == [32]


def test_only_samples_of_the_bank_are_found(fitted):
    x = fitted.bank_.samples.x
    order = torch.tensor([5, 0, 39, 5])
    assert torch.equal(fitted.bank_.find(x[order]), order)
    assert fitted.bank_.find(x[order].flip(3)) is None
    assert fitted.bank_.find(torch.cat([x[:3], x[:1] * 0.999])) is None
