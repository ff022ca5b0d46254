"""VAEs in wrappers and with tied weights: used, trained, saved and loaded like any other."""

import pytest
import torch
from own_parts import Tied
from torch import nn

from vaeaug import VAE, Augmenter, InputError, fit_vae
from vaeaug.models.adapters import from_functions
from vaeaug.models.training import train
from vaeaug.models.wrappers import state_dict, unwrapped
from vaeaug.runtime import seeds

FEW = {"steps": 3, "progress": False}
# torch.compile compiles only when `forward` is called, and a VAE has none: nothing is compiled in these tests.
WRAPPERS = {
    "compiled": torch.compile,
    "parallel": nn.DataParallel,
    "both": lambda module: torch.compile(nn.DataParallel(module)),
}
wrappers = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=list(WRAPPERS))


@pytest.fixture
def vae(digits):
    return fit_vae(digits, **FEW)


@wrappers
def test_a_wrapped_vae_is_used_as_if_it_were_not(wrap, vae, digits, tmp_path):
    expected = Augmenter(vae).fit(digits).generate(50, seed=0).x
    augmenter = Augmenter(wrap(vae)).fit(digits)
    assert augmenter.vae_ is vae
    assert torch.equal(augmenter.generate(50, seed=0).x, expected)
    augmenter.vae_ = wrap(vae)  # after fit, too
    assert torch.equal(augmenter.generate(50, seed=0).x, expected)
    augmenter.vae_ = wrap(vae)
    augmenter.save(tmp_path / "a")
    assert torch.equal(Augmenter.load(tmp_path / "a").generate(50, seed=0).x, expected)
    assert torch.equal(Augmenter.load(tmp_path / "a", vae=wrap(vae)).generate(50, seed=0).x, expected)


@wrappers
def test_a_wrapped_vae_is_trained(wrap, digits):
    with seeds.forked(0):
        vae = VAE((1, 8, 8))
    before = vae.head.weight.clone()
    assert fit_vae(digits, vae=wrap(vae), **FEW) is vae
    assert not torch.equal(vae.head.weight, before)


@wrappers
def test_wrapped_parts_are_saved_under_their_own_names(wrap, vae, digits, tmp_path):
    expected, names = vae.encode(digits.x).mean, vae.state_dict().keys()
    vae.encoder, vae.decoder[0] = wrap(vae.encoder), wrap(vae.decoder[0])
    assert vae.state_dict().keys() != names
    assert state_dict(vae).keys() == names
    vae.save(tmp_path / "vae")
    assert torch.equal(VAE.load(tmp_path / "vae").encode(digits.x).mean, expected)


def test_names_without_wrappers():
    layer = nn.Linear(2, 2)
    nested = nn.ModuleDict({"module": WRAPPERS["both"](nn.Sequential(nn.DataParallel(layer)))})
    assert list(state_dict(nested)) == ["module.0.weight", "module.0.bias"]
    assert list(state_dict(WRAPPERS["both"](layer))) == ["weight", "bias"]
    assert list(state_dict(layer)) == ["weight", "bias"]
    assert unwrapped(WRAPPERS["both"](layer)) is layer
    assert unwrapped(layer) is layer
    assert unwrapped(None) is None
    # An attribute of a user's own that is called like that of a wrapper is none.
    assert unwrapped(own := nn.ModuleDict({"module": layer})) is own


@wrappers
def test_functions_of_wrapped_networks(wrap, digits):
    encoder, decoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), nn.Sequential(nn.Linear(4, 64), nn.Sigmoid())
    parallel = nn.DataParallel(decoder)
    vae = from_functions(
        lambda x: encoder(x).chunk(2, 1), parallel, module=nn.ModuleList([encoder, decoder]), event_shape=(1, 8, 8)
    )
    assert Augmenter(vae).fit(digits).generate(9, seed=0).x.shape == (9, 1, 8, 8)
    with pytest.raises(InputError, match="expected a VAE with encode and decode, got Sequential; wrap it"):
        Augmenter(wrap(encoder)).fit(digits)


def test_tied_weights(digits, tmp_path):
    vae = fit_vae(digits, architecture=Tied(), **FEW)
    assert vae.encoder[2].weight is vae.decoder[1].weight
    vae.save(tmp_path / "vae")
    loaded = VAE.load(tmp_path / "vae", architecture=Tied())
    assert loaded.encoder[2].weight is loaded.decoder[1].weight
    for name, value in vae.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    augmenter = Augmenter().fit(digits, architecture=Tied(), **FEW)
    augmenter.save(tmp_path / "a")
    with pytest.raises(InputError, match=r"pass VAE.load\(path, architecture=...\) for your own"):
        Augmenter.load(tmp_path / "a")
    own = VAE.load(tmp_path / "a" / "vae.safetensors", architecture=Tied())
    restored = Augmenter.load(tmp_path / "a", vae=own)
    assert torch.equal(restored.generate(20, seed=0).x, augmenter.generate(20, seed=0).x)


def test_tied_weights_resume(tmp_path):
    def trained(stop_at=None):
        with seeds.forked(0):
            encoder, _, decoder = Tied(8).build((4,), 8)
        both = nn.ModuleList([encoder, decoder])

        def loss(step):
            if step == stop_at:
                raise KeyboardInterrupt
            return both[1](both[0](torch.full((2, 4), float(step)))).square().mean()

        settings = {"checkpoint": tmp_path / "checkpoint", "every": 2} if stop_at or resumed else {}
        train(both, loss, steps=6, lr=1e-2, progress=False, precision="fp32", **settings)
        return both

    resumed = False
    whole = trained()
    with pytest.raises(KeyboardInterrupt):
        trained(stop_at=5)
    resumed = True
    again = trained()
    assert again[0][2].weight is again[1][1].weight
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), whole.state_dict().values(), strict=True))
