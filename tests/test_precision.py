"""Models in other precisions, and models that give NaN: right samples by every door, or one clear error."""

import math
import pickle

import pytest
import torch
from quick_bench import quick_compare
from sklearn.naive_bayes import GaussianNB
from torch import nn
from torch.distributions import Independent, Normal
from torch.utils.data import DataLoader, TensorDataset

from vaeaug import (
    PCA,
    VAE,
    AugmentedClassifier,
    AugmentedDataset,
    AugmentedLoader,
    Augmenter,
    Confident,
    CrossFitted,
    Diverged,
    Identity,
    InputError,
    Posterior,
    SyntheticDataset,
    VAEAugment,
    fit_vae,
)
from vaeaug.data import subset
from vaeaug.export import shards
from vaeaug.models.adapters import from_functions
from vaeaug.models.training import dtype_of, train
from vaeaug.perturb import Perturbation
from vaeaug.runtime import seeds

FEW_STEPS = {"folds": 2, "steps": 2}
FEW = {"steps": 3, "progress": False}
PRECISIONS = (torch.float64, torch.float16, torch.bfloat16)
precisions = pytest.mark.parametrize("dtype", PRECISIONS, ids=str)


class Plain(nn.Module):
    """A user's own VAE, which knows nothing of precisions; with `broken` it gives NaN for half of the codes."""

    def __init__(self, broken=False):
        super().__init__()
        with seeds.forked(0):
            self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(4, 64)
        self.broken = broken

    def encode(self, x):
        mu, log_sigma = self.encoder(x.flatten(1)).chunk(2, 1)
        return Independent(Normal(mu, log_sigma.exp(), validate_args=False), 1)

    def decode(self, z):
        x = self.decoder(z).sigmoid().view(-1, 1, 8, 8)
        if self.broken:
            x = torch.where((z[:, :1] > 0)[:, :, None, None], math.nan, x)
        return x


class Pair(Plain):
    def encoder_pair(self, x):
        return self.encoder(x.flatten(1)).chunk(2, 1)


FOREIGN = {
    "module": Plain,
    "functions": lambda: from_functions(Pair().encoder_pair, nn.Sequential(Pair().decoder, nn.Unflatten(1, (1, 8, 8)))),
    "flat functions": lambda: from_functions(Pair().encoder_pair, Pair().decoder, event_shape=(1, 8, 8)),
}


@pytest.fixture
def fitted(digits):
    return Augmenter().fit(digits, **FEW)


@precisions
def test_the_vae_in_another_precision(dtype, fitted, digits, tmp_path):
    expected = fitted.generate(300, seed=0)
    fitted.vae_.to(dtype)
    x, y, parent, _ = fitted.generate(300, seed=0)
    assert (x.dtype, dtype_of(fitted.vae_)) == (torch.float32, dtype)
    assert torch.equal(y, expected.y)
    assert torch.equal(parent, expected.parent)
    assert torch.allclose(x, expected.x, atol=0.02)
    images, labels = next(iter(AugmentedLoader([(digits.x[:8], digits.y[:8])], fitted)))
    assert images.dtype == torch.float32
    assert len(images) == len(labels) == 32
    fitted.save(tmp_path / "a")
    loaded = Augmenter.load(tmp_path / "a")
    assert dtype_of(loaded.vae_) == dtype
    assert torch.equal(loaded.generate(300, seed=0).x, x)
    assert shards.write(loaded, tmp_path / "shards", 10, format="npz", progress=False)
    restored = pickle.loads(pickle.dumps(fitted))
    assert torch.equal(restored.generate(300, seed=0).x, x)


@precisions
def test_the_range_of_the_data_survives_another_precision(dtype):
    x = torch.rand(40, 3) * torch.tensor([1.0, 1e5, 1e-6]) + torch.tensor([0.0, 1e6, 3.0])
    augmenter = Augmenter().fit(x, torch.arange(40) % 2, **FEW)
    before = {name: getattr(augmenter.vae_, name).clone() for name in ("offset", "gain", "low", "high")}
    augmenter.vae_.to(dtype)
    generated = augmenter.generate(50, seed=0).x
    assert (generated >= x.amin(0)).all()
    assert (generated <= x.amax(0)).all()
    augmenter.vae_.float()
    for name, value in before.items():
        assert torch.equal(getattr(augmenter.vae_, name), value)


@precisions
@pytest.mark.parametrize("space", [PCA(4), Identity()], ids=["PCA", "Identity"])
def test_spaces_stay_exact(space, dtype, digits):
    augmenter = Augmenter(space).fit(digits)
    expected = augmenter.generate(20, seed=0).x
    augmenter.vae_.to(dtype)
    assert torch.equal(augmenter.generate(20, seed=0).x, expected)


@precisions
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_vae_in_another_precision(kind, dtype, digits):
    augmenter = Augmenter(FOREIGN[kind]().to(dtype)).fit(digits)
    x = augmenter.generate(50, seed=0).x
    assert x.dtype == torch.float32
    assert x.isfinite().all()
    assert torch.allclose(x, Augmenter(FOREIGN[kind]()).fit(digits).generate(50, seed=0).x, atol=0.02)
    assert augmenter.bank_.mean.dtype == augmenter.bank_.stddev.dtype == torch.float32


def test_doubles_are_trained_and_halves_refused(digits):
    double = fit_vae(digits, vae=VAE((1, 8, 8)).double(), **FEW)
    assert dtype_of(double) == torch.float64
    assert double.elbo(digits.x.double()).dtype == torch.float64
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(InputError, match=r"expected float32 weights of VAE to train, got b?float16; convert"):
            fit_vae(digits, vae=VAE((1, 8, 8)).to(dtype), **FEW)


def test_weights_that_cannot_be_trained_are_refused(digits):
    with torch.inference_mode():
        made = VAE((1, 8, 8))
    for vae, message in [
        (made, "weights of VAE to train, got some made in inference mode; create or load it outside"),
        (
            VAE((1, 8, 8)).requires_grad_(False),
            "weights of VAE to train, got none, or frozen ones alone",
        ),
        (Plain(), "a VAE of vaeaug to train, got Plain"),
        (VAE((1, 8, 8)).to("meta"), "a device that computes, got 'meta'"),
    ]:
        with pytest.raises(InputError, match=message):
            fit_vae(digits, vae=vae, **FEW)
    with pytest.raises(InputError, match="a device that computes, got 'meta'"):
        fit_vae(digits, device="meta", **FEW)


def test_a_vae_without_weights_is_refused(fitted):
    fitted.vae_.to("meta")
    with pytest.raises(InputError, match="a VAE with weights, got one on the device 'meta'"):
        fitted.generate(3)


@precisions
def test_teachers_in_another_precision(dtype, fitted, digits):
    with seeds.forked(0):
        judge = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(dtype)
    result = Confident(judge, 0.0)(digits.x, digits.y)
    assert result.confidence.dtype == torch.float32
    loader = AugmentedLoader([(digits.x[:8], digits.y[:8])], fitted, hardest_of=2, network=judge)
    assert next(iter(loader))[0].dtype == torch.float32


# What must not hand NaN on: a function of a broken VAE, or of an augmenter with one, the samples, and a folder.
BROKEN_DOORS = {
    "fit": lambda a, d, f: Augmenter(Plain(broken=True)).fit(d),
    "generate": lambda a, d, f: a.generate(64, seed=0),
    "generate by label": lambda a, d, f: a.generate(64, labels=[1, 2], seed=0),
    "generate near": lambda a, d, f: a.generate(64, near=d.x, seed=0),
    "plain decodes": lambda a, d, f: a.using(residual=False).generate(64, seed=0),
    "filter": lambda a, d, f: a.using(filter=Confident(lambda x: torch.ones(len(x), 10), 0.0)).generate(64, seed=0),
    "chunk": lambda a, d, f: a.chunk(0, 0),
    "loader": lambda a, d, f: list(AugmentedLoader(DataLoader(TensorDataset(d.x, d.y), 16), a)),
    "loader, replace": lambda a, d, f: list(AugmentedLoader([(d.x, d.y)], a, replace=0.5)),
    "dataset": lambda a, d, f: [AugmentedDataset(TensorDataset(d.x, d.y), a, replace=1.0)[i] for i in range(40)],
    "synthetic dataset": lambda a, d, f: SyntheticDataset(a, 99)[3],
    "transform": lambda a, d, f: VAEAugment(a)(d.x, d.y),
    "classifier": lambda a, d, f: AugmentedClassifier(GaussianNB(), vae=a.vae_).fit(d.x.numpy(), d.y.numpy()),
    "shards": lambda a, d, f: shards.write(a, f / "shards", 99, format="npz", progress=False),
}


@pytest.mark.parametrize("door", BROKEN_DOORS)
def test_nan_is_never_handed_on(door, digits, tmp_path):
    augmenter = Augmenter(Plain()).fit(digits)
    augmenter.vae_.broken = True
    message = (
        r"finite numbers from the VAE's decode, got NaN or infinity in \d+ of \d+ samples in float32; look for NaN"
    )
    with pytest.raises(InputError, match=message):
        BROKEN_DOORS[door](augmenter, digits, tmp_path)


def test_nan_is_never_over_sampled(digits):
    sampler = pytest.importorskip("vaeaug.plugins.imblearn").VAEOverSampler(vae=Plain(broken=True))
    few = subset(digits, (*[12] * 9, 5))
    with pytest.raises(InputError, match="finite numbers from the VAE's decode, got NaN"):
        sampler.fit_resample(few.x.numpy(), few.y.numpy())


def test_an_overflow_of_half_precision_names_float32(digits):
    net = Plain()
    with torch.no_grad():
        net.encoder.weight.mul_(1e6)
    with pytest.raises(
        InputError, match=r"in float16; float16 overflows or rounds: convert its weights with .float\(\)"
    ):
        Augmenter(net.half()).fit(digits)
    augmenter = Augmenter().fit(digits, **FEW)
    with torch.no_grad():
        augmenter.vae_.decoder[0].weight.mul_(1e6)
    assert augmenter.generate(64, seed=0).x.isfinite().all()
    with torch.no_grad():
        augmenter.vae_.half().decoder[-3].weight.fill_(60000)
    with pytest.raises(InputError, match=r"in \d+ of \d+ samples in float16; float16 overflows or rounds"):
        augmenter.generate(64, seed=0)


def test_infinity_is_not_clipped_to_the_range(digits):
    vae = from_functions(lambda x: (x.flatten(1), x.flatten(1)), lambda z: z.view(-1, 1, 8, 8) / 0)
    with pytest.raises(InputError, match="finite numbers from the VAE's decode"):
        Augmenter(vae).fit(digits)


@pytest.mark.parametrize(
    ("vae", "message"),
    [
        (
            from_functions(lambda x: (x.flatten(1) * math.nan, x.flatten(1)), lambda z: z),
            "the mean of the VAE's encode",
        ),
        (
            from_functions(lambda x: (x.flatten(1), 1000 + x.flatten(1)), lambda z: z),
            "the standard deviation of the VAE's encode, got NaN or infinity in 120 of 120 samples",
        ),
    ],
)
def test_codes_that_are_not_finite(vae, message, digits):
    with pytest.raises(InputError, match=message):
        Augmenter(vae).fit(digits)


def test_other_outputs_of_decode_are_refused(digits):
    class Odd(Plain):
        def decode(self, z):
            return self.output(super().decode(z))

    vae = Odd()
    for output, got in [
        (lambda x: (x,), "a tensor of 16 samples, got tuple; wrap it with vaeaug.models.adapters"),
        (lambda x: x[:3], r"a tensor of 16 samples, got shape \(3, 1, 8, 8\)"),
        (lambda x: x.sum(), r"a tensor of 16 samples, got shape \(\)"),
    ]:
        vae.output = output
        with pytest.raises(InputError, match=got):
            Augmenter(vae).fit(digits)
    flat = from_functions(lambda x: (x.flatten(1), x.flatten(1)), lambda z: z[:, :9], event_shape=(1, 8, 8))
    with pytest.raises(InputError, match=r"return 16 samples of shape \(1, 8, 8\), got shape \(16, 9\)"):
        Augmenter(flat).fit(digits)
    with pytest.raises(InputError, match="decode to return a tensor, got list"):
        Augmenter(from_functions(lambda x: (x.flatten(1), x.flatten(1)), lambda z: [z])).fit(digits)


class Odd(Perturbation):
    """A perturbation of a user's own that returns anything."""

    scale = 1.0

    def __init__(self, function):
        self.function = function

    def __call__(self, q, y, bank, generator):
        return self.function(q.mean)


def test_codes_of_a_users_perturbation_are_checked(augmenter):
    for function, message in [
        (lambda z: z * math.nan, "finite codes from Odd, got NaN or infinity at scale 1; choose a smaller scale"),
        (lambda z: z[:3], r"codes of shape \(256, 16\) from Odd, got shape \(3, 16\)"),
        (lambda z: None, "got NoneType"),
    ]:
        with pytest.raises(InputError, match=message):
            augmenter.using(perturb=Odd(function)).generate(5, seed=0)
    doubles = augmenter.using(perturb=Odd(lambda z: z.double() + 0.1)).generate(5, seed=0)
    assert doubles.x.dtype == torch.float32
    with pytest.raises(InputError, match="finite codes from Posterior, got NaN or infinity at scale 1e"):
        augmenter.using(perturb=Posterior(1e300)).generate(5, seed=0)


def test_judges_that_give_nan_are_refused(augmenter, digits):
    with seeds.forked(0):
        judge = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    crossed = CrossFitted.fit(
        digits, lambda event_shape, classes: nn.Sequential(nn.Flatten(), nn.Linear(64, classes)), **FEW_STEPS
    )
    with torch.no_grad():
        judge[1].weight.fill_(math.nan)
        for members in crossed.teachers:
            members[0].network[1].weight.fill_(math.nan)
    for filter in (Confident(judge), crossed, Confident(lambda x: torch.full((len(x), 10), math.nan))):
        with pytest.raises(
            InputError, match=r"finite numbers from the classifier \w+, got NaN or infinity in \d+ of \d+"
        ):
            augmenter.using(filter=filter).generate(20, seed=0)
    with pytest.raises(InputError, match="finite numbers from the classifier"):
        crossed.soft(digits.x, digits.y)
    with pytest.raises(InputError, match="finite numbers from the classifier"):
        next(iter(AugmentedLoader([(digits.x, digits.y)], augmenter, teacher=crossed)))


def test_rows_of_probabilities_are_checked(augmenter):
    for function, got in [
        (lambda x: torch.ones(len(x)), r"\(20,\)"),
        (lambda x: torch.ones(3, 10), r"\(3, 10\)"),
    ]:
        with pytest.raises(InputError, match=rf"expected 20 rows of probabilities from function, got {got}"):
            augmenter.using(filter=Confident(function)).generate(20, seed=0)
    with pytest.raises(InputError, match="logits from the classifier, got tuple"):
        augmenter.using(filter=Confident(Tuples())).generate(20, seed=0)


class Tuples(nn.Module):
    def forward(self, x):
        return x, x


def test_types_of_near_that_cannot_hold_the_samples():
    x = torch.rand(40, 2) * 1e6
    augmenter = Augmenter().fit(x, torch.arange(40) % 2, **FEW)
    augmenter = augmenter.using(residual=False)  # decodes vary as the data do, and not around near
    near = torch.full((4, 2), 60000.0)
    assert augmenter.generate(8, near=near.double(), seed=0).x.dtype == torch.float64
    with pytest.raises(InputError, match=r"near of a type that holds \d+ to .*, got float16; pass near.float\(\)"):
        augmenter.generate(64, near=near.half(), seed=0)
    with pytest.raises(InputError, match="got int16"):
        augmenter.generate(64, near=(near / 2).short(), seed=0)


def test_functions_of_normalize_that_give_nan(augmenter, digits):
    loader = AugmentedLoader([(digits.x, digits.y)], augmenter, normalize=(lambda x: x, lambda x: x * math.nan))
    with pytest.raises(InputError, match="finite numbers in the normalized synthetic samples, got NaN"):
        next(iter(loader))


@pytest.mark.parametrize("step", [1, 2, 24, 25, 60])
def test_training_that_diverges_at_any_step_is_noticed(step):
    weight = nn.Linear(1, 1)

    def loss(number):
        value = weight(torch.ones(1, 1)).square().sum()
        # The loss is finite, but its gradient is not.
        return value if number < step - 1 else value + (0 * weight.weight.sum()).sqrt()

    with pytest.raises(Diverged, match=r"expected (finite weights|a finite loss), got"):
        train(weight, loss, steps=step, lr=1e-3, progress=False, precision="fp32")


def test_a_buffer_that_became_nan_is_noticed():
    class Counting(nn.Linear):
        def __init__(self):
            super().__init__(1, 1)
            self.register_buffer("mean", torch.zeros(()))
            self.register_buffer("mask", torch.full((2,), -math.inf))

    module = Counting()

    def loss(number):
        module.mean.fill_(math.nan)
        return module(torch.ones(1, 1)).square().sum()

    with pytest.raises(Diverged, match="expected finite weights, got NaN or infinity at step 2"):
        train(module, loss, steps=2, lr=1e-3, progress=False)
    module.mean.zero_()
    train(module, lambda number: module(torch.ones(1, 1)).square().sum(), steps=2, lr=1e-3, progress=False)


def half(event_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes)).half()


def double(event_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes)).double()


def test_networks_of_a_benchmark_and_teachers(digits):
    for kind, door in {
        "compare": lambda create: quick_compare(classifiers=create, methods=["none"]),
        "teachers": lambda create: CrossFitted.fit(digits, create, **FEW_STEPS),
    }.items():
        with pytest.raises(InputError, match=r"expected float32 weights of \w+ to train, got float16"):
            door(half)
        assert door(double), kind
