"""Identity and PCA as latent spaces: the scheme without a VAE."""

import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from vaeaug import (
    PCA,
    AugmentedClassifier,
    AugmentedLoader,
    Augmenter,
    Covariance,
    Difference,
    Extrapolate,
    Identity,
    InputError,
    Interpolate,
    Posterior,
    Prior,
)
from vaeaug.data import load, subset

pytestmark = pytest.mark.usefixtures("random_state_untouched")

SPACES = (Identity(), PCA(8))


@pytest.fixture(scope="module", params=["digits", "wine"])
def data(request):
    return subset(load(request.param), 10, seed=0)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    "perturb",
    [Posterior(), Covariance(), Interpolate(), Extrapolate(), Difference(), Prior(0.5)],
    ids=lambda p: type(p).__name__,
)
def test_every_perturbation_works(data, space, perturb):
    augmenter = Augmenter(space, perturb=perturb).fit(data)
    x, y, parent, _ = augmenter.generate(50, seed=0)
    assert torch.isfinite(x).all()
    assert torch.equal(y, data.y[parent])
    changed = (x != data.x[parent]).flatten(1).any(1).float().mean()
    assert changed == 0 if (isinstance(perturb, Posterior) and isinstance(space, Identity)) else changed > 0.8
    assert not hasattr(space, "offset"), "the argument of the constructor stays as it was"


def test_identity_gives_the_difference_of_the_samples():
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.45
    y = torch.arange(40) % 2
    still, moved = (Augmenter(Identity(), perturb=Difference(scale)).fit(x, y) for scale in (0.0, 1.0))
    assert torch.equal(still.generate(40, near=x, labels=y, seed=1).x, x)
    out = moved.generate(40, near=x, labels=y, seed=1).x
    change = (out - x).flatten(1)
    inside = ((out > x.min()) & (out < x.max())).flatten(1).all(1)
    first, second = torch.nonzero((y[:, None] == y[None]) & ~torch.eye(40, dtype=torch.bool), as_tuple=True)
    pairs = (x[first] - x[second]).flatten(1)
    cosine = torch.nn.functional.normalize(change[inside], dim=1) @ torch.nn.functional.normalize(pairs, dim=1).T
    assert inside.any()
    assert cosine.max(1).values.min() > 0.9999, "x' = x + u (a - b), with a and b of the sample's class"


def test_pca_decodes_what_it_encodes_up_to_what_it_drops():
    x = load("digits").x
    full, few = PCA(64).fit(x), PCA(4).fit(x)
    assert torch.allclose(full.decode(full.encode(x).mean), x, atol=1e-4)
    error = [(space.decode(space.encode(x).mean) - x).square().mean() for space in (few, PCA(16).fit(x))]
    assert error[0] > error[1] > 1e-4
    assert (few.encode(x).stddev > 0).all()


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
def test_a_saved_augmenter_gives_the_same_samples(data, space, tmp_path):
    augmenter = Augmenter(space).fit(data)
    augmenter.save(tmp_path / "model")
    loaded = Augmenter.load(tmp_path / "model")
    assert type(loaded.vae_) is type(space)
    assert torch.equal(loaded.generate(30, seed=3).x, augmenter.generate(30, seed=3).x)
    assert f"`vaeaug.{type(space).__name__}`" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
def test_the_plugins_take_them(space):
    data = subset(load("wine"), 10, seed=0)
    augmenter = Augmenter(space).fit(data)
    ((x, y),) = AugmentedLoader([(data.x, data.y)], augmenter)
    assert len(x) == len(y) == 4 * len(data)
    forest = AugmentedClassifier(RandomForestClassifier(10, random_state=0), vae=space, random_state=0)
    assert forest.fit(data.x.numpy(), data.y.numpy()).n_synthetic_ == len(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PCA(0), "expected n_components to be a whole number from 1 up, got 0"),
        (lambda: Identity().decode(torch.zeros(2, 3)), "expected a fitted Identity, got one before fit; call fit"),
        (
            lambda: Augmenter(Identity()).fit("wine", steps=3),
            "expected no training arguments with a VAE of your own, got steps",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
