import math
from pathlib import Path

import pytest
import torch
from torch.distributions import Normal

from vaeaug import VAE, InputError
from vaeaug.data import Scaling
from vaeaug.models.networks import MLP, Architecture, Conv
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")


def make(shape=(1, 8, 8), **kwargs):
    with seeds.forked(0):
        return VAE(shape, **kwargs).eval()


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 14), (1, 28, 28), (3, 32, 17), (1, 64, 64), (5,)])
@pytest.mark.parametrize("classes", [None, 4])
def test_shapes(shape, classes):
    vae = make(shape, latent_dim=3, num_classes=classes)
    x, y = noise(2, *shape), torch.tensor([0, 3])
    q = vae.encode(x, y)
    assert q.mean.shape == q.stddev.shape == (2, 3)
    assert q.log_prob(q.mean).shape == (2,)
    assert vae.decode(q.mean, y).shape == x.shape
    assert vae.elbo(x, y).shape == (2,)


def test_article_network():
    vae = make((1, 28, 28), latent_dim=2, likelihood="bernoulli", architecture=MLP((512,)))
    sizes = [p.shape for p in vae.parameters() if p.ndim == 2]
    assert sizes == [(512, 784), (512, 2), (784, 512), (4, 512)]


def test_only_a_conditional_vae_depends_on_labels():
    x, y = noise(2, 1, 8, 8), torch.tensor([0, 1])
    plain, conditional = make(), make(num_classes=2)
    assert torch.equal(plain.encode(x, y).mean, plain.encode(x).mean)
    assert not torch.equal(conditional.encode(x, y).mean, conditional.encode(x).mean)
    assert torch.equal(conditional.encode(x, torch.tensor([-1, -1])).mean, conditional.encode(x).mean)
    z = torch.zeros(2, 16)
    assert not torch.equal(conditional.decode(z, y)[0], conditional.decode(z, y)[1])


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_elbo_is_its_definition(likelihood):
    vae = make(likelihood=likelihood)
    vae.log_sigma.fill_(-1.0)
    x = noise(3, 1, 8, 8).round()
    eps = torch.randn(3, 16, generator=seeds.generator(7))
    q = vae.encode(x)
    z = q.mean + q.stddev * eps
    mean = vae.decode(z)
    if likelihood == "gaussian":
        log_likelihood = Normal(mean, math.exp(-1)).log_prob(x).flatten(1).sum(1)
    else:
        log_likelihood = torch.where(x == 1, mean, 1 - mean).log().flatten(1).sum(1)
    mu, sigma = q.mean, q.stddev
    kl = (0.5 * (mu**2 + sigma**2 - 1) - sigma.log()).sum(1)
    assert torch.allclose(vae.elbo(x, seed=7), log_likelihood - kl, rtol=1e-4)


def test_elbo_is_a_lower_bound():
    # With a decoder that ignores z the evidence is known: the bound must not exceed it.
    vae = make()
    vae.log_sigma.fill_(-1.0)
    for parameter in vae.decoder.parameters():
        parameter.data.zero_()
    x = noise(3, 1, 8, 8)
    evidence = Normal(0.5, math.exp(-1)).log_prob(x).flatten(1).sum(1)
    assert (vae.elbo(x) <= evidence + 1e-3).all()


def test_decode_returns_the_range_of_the_data():
    vae = make(scaling=Scaling((-3.0,), (10.0,), (-3.0,), (7.0,)))
    decoded = vae.decode(torch.randn(50, 16, generator=seeds.generator(0)) * 50)
    assert decoded.min() >= -3
    assert decoded.max() <= 7
    assert decoded.min() < -0.5
    shifted = make(scaling=Scaling((5.0,), (2.0,), (5.0,), (7.0,)))
    x = noise(2, 1, 8, 8)
    assert torch.allclose(shifted.encode(5 + 2 * x).mean, make().encode(x).mean, atol=1e-5)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"latent_dim": 3, "num_classes": 4, "architecture": Conv(8)},
        {"latent_dim": 2, "likelihood": "bernoulli", "architecture": MLP((20, 10))},
        {"scaling": Scaling((1.0,), (2.0,), (1.0,), (3.0,))},
    ],
)
def test_round_trip(tmp_path, kwargs):
    vae = make(**kwargs)
    vae.save(tmp_path / "vae.safetensors")
    loaded = VAE.load(tmp_path / "vae.safetensors")
    x = noise(2, 1, 8, 8)
    assert torch.equal(loaded.elbo(x), vae.elbo(x))
    assert loaded.architecture == vae.architecture
    assert not loaded.training


def test_tabular_round_trip(tmp_path):
    x = noise(9, 4) * 9
    vae = make((4,), scaling=Scaling.fit(x))
    vae.save(tmp_path / "v")
    assert torch.equal(VAE.load(tmp_path / "v").reconstruct(x), vae.reconstruct(x))


class OwnArchitecture(Architecture):
    def build(self, event_shape, decoder_inputs):
        return MLP((7,)).build(event_shape, decoder_inputs)


def test_an_architecture_of_your_own_is_passed_to_load(tmp_path):
    vae = make(architecture=OwnArchitecture())
    vae.save(tmp_path / "v")
    with pytest.raises(InputError, match=r"pass VAE.load\(path, architecture=...\) for your own"):
        VAE.load(tmp_path / "v")
    x = noise(2, 1, 8, 8)
    assert torch.equal(VAE.load(tmp_path / "v", architecture=OwnArchitecture()).elbo(x), vae.elbo(x))
    with pytest.raises(InputError, match=r"expected weights that fit MLP\(hidden=\(8,\)\)"):
        VAE.load(tmp_path / "v", architecture=MLP((8,)))


def test_a_file_of_format_1_is_read():
    vae = VAE.load(Path(__file__).parent / "data/format-1/vae.safetensors")
    assert (vae.event_shape, vae.latent_dim, vae.num_classes, vae.architecture) == ((5,), 2, 3, MLP((4,)))
    assert not vae.training
    x, y = torch.linspace(-1, 1, 15).view(3, 5), torch.arange(3)
    # What the version that wrote the file computed.
    assert torch.allclose(vae.elbo(x, y), torch.tensor([-6.4640, -4.9841, -7.6738]), atol=1e-3)
    assert torch.allclose(vae.decode(torch.zeros(3, 2), y)[:, 0], torch.tensor([-0.4969, -0.4305, -0.4160]), atol=1e-3)


def test_bad_files(tmp_path):
    with pytest.raises(InputError, match="expected a file of format vaeaug-vae"):
        VAE.load(tmp_path / "missing")
    make().save(tmp_path / "v")
    whole = (tmp_path / "v").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="it may be truncated"):
        VAE.load(tmp_path / "cut")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(InputError, match=r"got format None .* pass a file that vaeaug wrote"):
        VAE.load(tmp_path / "foreign")
    save_file({"a": torch.zeros(1)}, tmp_path / "newer", {"format": "vaeaug-vae", "version": "99", "config": "{}"})
    with pytest.raises(InputError, match="install a newer vaeaug"):
        VAE.load(tmp_path / "newer")


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    vae = make()
    vae.save(tmp_path / "v")
    before = (tmp_path / "v").read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(
        InputError, match=r"expected enough disk space to write .*No space left on device.*free some space"
    ):
        vae.save(tmp_path / "v")
    monkeypatch.undo()
    assert (tmp_path / "v").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["v"]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"latent_dim": 0}, "expected latent_dim to be a whole number from 1 up, got 0"),
        ({"latent_dim": 2.5}, "expected latent_dim to be a whole number from 1 up, got 2.5"),
        ({"likelihood": "poisson"}, "expected likelihood to be one of gaussian, bernoulli, mixed, got 'poisson'"),
        ({"architecture": "resnet"}, "expected architecture to be one of conv, conv1d, mlp, got 'resnet'"),
        (
            {"event_shape": (5,), "architecture": "conv"},
            r"expected an event shape \(C, H, W\) for a Conv, got \(5,\)",
        ),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(InputError, match=message):
        make(kwargs.pop("event_shape", (1, 8, 8)), **kwargs)
