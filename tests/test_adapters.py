"""Augmenters work with any VAE: functions, and models of pythae and diffusers, really trained for a few steps."""

import copy
import pickle
import runpy
import sys

import pytest
import torch
from torch import nn

from vaeaug import Augmenter, Extrapolate, InputError, Posterior
from vaeaug.models.adapters import from_diffusers, from_functions, from_pythae
from vaeaug.models.training import device_of
from vaeaug.runtime import seeds


class Linear(nn.Module):
    """A user's own network, with dropout, so that its mode shows."""

    def __init__(self, classes=0):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 8))
        self.tail = nn.Linear(4 + classes, 64)
        self.labels = []

    def encode(self, x, y=None):
        self.labels.append(y)
        return self.head(x).chunk(2, dim=1)

    def decode(self, z, y=None):
        one_hot = () if y is None else (nn.functional.one_hot(y, 10).float(),)
        return self.tail(torch.cat([z, *one_hot], 1)).sigmoid().view(-1, 1, 8, 8)


def train(module, x, loss, steps=30):
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(steps):
            optimizer.zero_grad()
            loss(x[torch.randint(len(x), (16,))]).backward()
            optimizer.step()
    return module


@pytest.fixture(scope="module")
def pythae_model(digits):
    models = pytest.importorskip("pythae.models", reason="needs the extra pythae")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = models.BetaVAE(models.BetaVAEConfig(input_dim=(1, 8, 8), latent_dim=4, beta=0.1))
    return train(model, digits.x, lambda x: model({"data": x}).loss)


@pytest.fixture(scope="module")
def autoencoder(digits):
    diffusers = pytest.importorskip("diffusers", reason="needs the extra diffusers")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = diffusers.AutoencoderKL(
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            latent_channels=2,
            scaling_factor=0.5,
            shift_factor=0.25,
        )

    def loss(x):
        return (model.decode(model.encode(x).latent_dist.sample()).sample - x).square().mean()

    return train(model, 2 * digits.x - 1, loss)


ADAPTERS = {
    "linear": lambda net: from_functions(net.encode, net.decode),
    "pythae_model": from_pythae,
    "autoencoder": lambda net: from_diffusers(net, (1, 8, 8)),
}


@pytest.fixture
def linear():
    return Linear()


@pytest.fixture(params=ADAPTERS)
def adapted(request):
    """(the user's own module, in training mode, and the adapted VAE)"""
    net = request.getfixturevalue(request.param).train()
    return net, ADAPTERS[request.param](net)


def test_every_adapter_augments(adapted, digits):
    _, vae = adapted
    augmenter = Augmenter(vae, perturb=Extrapolate(0.5)).fit(digits)
    x, y, parent, _ = augmenter.generate(50, seed=3)
    assert x.shape == (50, 1, 8, 8)
    assert x.min() >= 0
    assert x.max() <= 1
    assert torch.equal(y, digits.y[parent])
    assert not torch.equal(x, digits.x[parent])
    assert torch.equal(x, augmenter.generate(50, seed=3).x)
    unperturbed = augmenter.using(perturb=Posterior(0.0)).generate(20, near=digits.x[:20], labels=digits.y[:20])
    assert torch.equal(unperturbed.x, digits.x[:20])


def test_the_users_module_is_left_unchanged(adapted, digits):
    net, vae = adapted
    assert all(m.training for m in net.modules())
    next(net.children()).eval()
    modes, weights = [m.training for m in net.modules()], copy.deepcopy(net.state_dict())
    state = torch.get_rng_state()
    augmenter = Augmenter(vae).fit(digits)
    assert torch.equal(augmenter.generate(10, seed=0).x, augmenter.generate(10, seed=0).x)  # no dropout at work
    assert [m.training for m in net.modules()] == modes
    assert all(p.requires_grad and p.grad_fn is None for p in net.parameters())
    assert all(torch.equal(weights[name], value) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_device_is_found(adapted):
    net, vae = adapted
    assert device_of(vae) == next(net.parameters()).device
    assert device_of(copy.deepcopy(vae).to("meta")).type == "meta"
    assert device_of(from_functions(lambda x: x, lambda z: z, module=nn.Linear(1, 1, device="meta"))).type == "meta"
    assert next(net.parameters()).device.type == "cpu"


def test_adapted_vaes_pickle(adapted, digits):
    _, vae = adapted
    vae.eval()
    restored = pickle.loads(pickle.dumps(vae))
    assert torch.equal(restored.encode(digits.x[:3]).mean, vae.encode(digits.x[:3]).mean)


def test_only_conditional_functions_get_labels(digits):
    net = Linear(classes=10)
    vae = from_functions(net.encode, net.decode, num_classes=10)
    Augmenter(vae).fit(digits).generate(5, seed=0)
    assert torch.equal(torch.cat(net.labels), digits.y)
    unconditional = from_functions(lambda x: net.encode(x), lambda z: z)
    assert unconditional.encode(digits.x, digits.y).mean.shape == (120, 4)


def test_pythae_agrees_with_itself(pythae_model, digits):
    vae = from_pythae(pythae_model.eval())
    q = vae.encode(digits.x[:5])
    output = pythae_model.encoder(digits.x[:5])
    assert torch.equal(q.mean, output.embedding)
    assert torch.allclose(q.variance.log(), output.log_covariance, atol=1e-5)
    assert torch.equal(vae.decode(q.mean), pythae_model.decoder(output.embedding).reconstruction)


def test_diffusers_agrees_with_itself(autoencoder, digits):
    vae = from_diffusers(autoencoder.eval(), (1, 8, 8))
    x = digits.x[:5]
    q, raw = vae.encode(x), autoencoder.encode(2 * x - 1).latent_dist
    assert q.mean.shape == (5, 2 * 4 * 4)
    # What a diffusion pipeline computes: (z - shift) * factor on the way in, z / factor + shift on the way out.
    assert torch.allclose(q.mean.view(5, 2, 4, 4), (raw.mean - 0.25) * 0.5, atol=1e-6)
    assert torch.allclose(q.stddev.view(5, 2, 4, 4), raw.std * 0.5, rtol=1e-4)
    assert torch.allclose(vae.decode(q.mean), (autoencoder.decode(raw.mean).sample + 1) / 2, atol=1e-5)
    wide = from_diffusers(autoencoder, (1, 8, 8), value_range=(-1, 3))
    assert torch.allclose(wide.encode(4 * x - 1).mean, q.mean, atol=1e-5)
    assert torch.allclose(wide.decode(q.mean), 4 * vae.decode(q.mean) - 1, atol=1e-5)


def test_diffusers_scales_channel_by_channel(autoencoder, digits):
    own = copy.deepcopy(autoencoder).eval()
    own.register_to_config(latents_mean=[1.0, -1.0], latents_std=[2.0, 4.0])
    q, raw = from_diffusers(own, (1, 8, 8)).encode(digits.x[:5]), own.encode(2 * digits.x[:5] - 1).latent_dist
    std = torch.tensor([2.0, 4.0]).view(2, 1, 1)
    expected = (raw.mean - torch.tensor([1.0, -1.0]).view(2, 1, 1)) * 0.5 / std
    assert torch.allclose(q.mean, expected.flatten(1), atol=1e-6)
    assert torch.allclose(q.stddev, (raw.std * 0.5 / std).flatten(1), rtol=1e-4)


def test_diffusers_in_half_precision(autoencoder, digits):
    vae = from_diffusers(copy.deepcopy(autoencoder).bfloat16(), (1, 8, 8))
    assert Augmenter(vae).fit(digits).generate(5, seed=0).x.dtype == torch.float32


def test_other_libraries_are_not_imported(monkeypatch):
    for name in ("pythae", "diffusers"):
        monkeypatch.setitem(sys.modules, name, None)  # an import of it now fails
    monkeypatch.delitem(sys.modules, "vaeaug.models.adapters")
    runpy.run_module("vaeaug.models.adapters")


def test_functions_are_checked():
    x = torch.rand(3, 1, 8, 8)

    def refused(encode, match):
        with pytest.raises(InputError, match=match):
            from_functions(encode, lambda z: z).encode(x)

    refused(lambda x: x, r"encode to return \(mu, logvar\), each \(3, L\), got Tensor; flatten")
    refused(lambda x: (x, x), r"got shapes \(3, 1, 8, 8\) and \(3, 1, 8, 8\)")
    refused(lambda x: (x.flatten(1), x[:, 0, 0]), r"got shapes \(3, 64\) and \(3, 8\)")
    refused(lambda x: (x.flatten(), 1), "got tuple")
    with pytest.raises(InputError, match="a function decode, got None"):
        from_functions(lambda x: x, None)
    with pytest.raises(InputError, match=r"samples of shape \(B, 1, 28, 28\), got \(3, 1, 8, 8\)"):
        from_functions(lambda x: x, lambda z: z, event_shape=(1, 28, 28)).encode(x)


def test_pythae_models_are_checked():
    models = pytest.importorskip("pythae.models", reason="needs the extra pythae")
    with pytest.raises(InputError, match="a model of pythae, got Linear; for other models use from_functions"):
        from_pythae(nn.Linear(1, 1))
    flow = models.VAE_LinNF(models.VAE_LinNF_Config(input_dim=(1, 8, 8), latent_dim=4))
    with pytest.raises(InputError, match="decoder takes the encoder's Gaussian code, got VAE_LinNF"):
        from_pythae(flow)
    plain = from_pythae(models.AE(models.AEConfig(input_dim=(1, 8, 8), latent_dim=4)))
    with pytest.raises(InputError, match="a Gaussian encoder, got AE"):
        plain.encode(torch.rand(3, 1, 8, 8))


def test_autoencoders_are_checked(autoencoder):
    with pytest.raises(InputError, match="an AutoencoderKL of diffusers, got Linear"):
        from_diffusers(nn.Linear(1, 1), (1, 8, 8))
    with pytest.raises(InputError, match=r"images of 1 channels, got event_shape \(3, 8, 8\)"):
        from_diffusers(autoencoder, (3, 8, 8))
    with pytest.raises(InputError, match="images whose sides are multiples of 2, got 9x8"):
        from_diffusers(autoencoder, (1, 9, 8))
    with pytest.raises(InputError, match=r"a value_range \(low, high\), got \(1, 0\)"):
        from_diffusers(autoencoder, (1, 8, 8), value_range=(1, 0))


def test_autoencoders_without_a_posterior_are_refused():
    """AutoencoderTiny, VQModel and those of videos look like an AutoencoderKL, and are none."""
    diffusers = pytest.importorskip("diffusers", reason="needs the extra diffusers")
    tiny = diffusers.AutoencoderTiny(
        in_channels=1,
        out_channels=1,
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    quantised = diffusers.VQModel(
        in_channels=1, out_channels=1, block_out_channels=(8,), norm_num_groups=4, num_vq_embeddings=8
    )
    of_videos = diffusers.AutoencoderKLTemporalDecoder(
        in_channels=1, out_channels=1, down_block_types=("DownEncoderBlock2D",), block_out_channels=(32,)
    )
    for model in (tiny, quantised, of_videos):
        name = type(model).__name__
        with pytest.raises(
            InputError, match=f"expected an AutoencoderKL of diffusers, got {name}; for others use from_"
        ):
            from_diffusers(model, (1, 8, 8))
    for model in (tiny, quantised):
        with pytest.raises(InputError, match=r"encode to return an Independent\(Normal\) .* wrap it with"):
            Augmenter(model).fit("digits")


def test_a_posterior_of_no_width(digits):
    """What the message about AutoencoderTiny says works: codes without a posterior, and a fixed logvar."""
    with seeds.forked(0):
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8))
    encode, decode = lambda x: (net(x), torch.full((len(x), 8), -60.0)), lambda z: z @ net[1].weight
    augmenter = Augmenter(from_functions(encode, decode, module=net, event_shape=(1, 8, 8))).fit(digits)
    assert augmenter.generate(9, seed=0).x.isfinite().all()
    assert torch.allclose(augmenter.using(perturb=Posterior()).generate(12, near=digits.x[:12]).x, digits.x[:12])


def test_an_autoencoder_that_overflows_in_half_precision(autoencoder, digits):
    own = copy.deepcopy(autoencoder)
    with torch.no_grad():
        own.decoder.mid_block.resnets[0].conv1.weight.mul_(1e6)
    assert Augmenter(from_diffusers(own, (1, 8, 8))).fit(digits).generate(8, seed=0).x.isfinite().all()
    message = (
        r"finite numbers from the VAE's decode, got NaN or infinity in \d+ of 16 samples in float16; .*\.float\(\)"
    )
    with pytest.raises(InputError, match=message):
        Augmenter(from_diffusers(own.half(), (1, 8, 8))).fit(digits)


def test_wide_ranges_in_half_precision(autoencoder, digits):
    own = from_diffusers(copy.deepcopy(autoencoder).half(), (1, 8, 8), value_range=(0, 65535))
    assert own.encode(digits.x * 65535).mean.isfinite().all()
    with pytest.raises(InputError, match=r"a value_range \(low, high\), got \(0, inf\)"):
        from_diffusers(autoencoder, (1, 8, 8), value_range=(0, float("inf")))
    with pytest.raises(InputError, match=r"an event_shape \(C, H, W\), got \(8, 8\)"):
        from_diffusers(autoencoder, (8, 8))


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_wrapped_models_of_other_libraries(wrap, autoencoder, pythae_model, digits):
    for model, adapt in ((autoencoder, lambda m: from_diffusers(m, (1, 8, 8))), (pythae_model, from_pythae)):
        model.eval()
        assert torch.equal(adapt(wrap(model)).encode(digits.x[:5]).mean, adapt(model).encode(digits.x[:5]).mean)
