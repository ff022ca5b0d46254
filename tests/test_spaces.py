"""Identity and PCA as latent spaces: the scheme without a VAE."""

import csv
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import TensorDataset
from torchvision.transforms import v2

from vaeaug import (
    PCA,
    AugmentedClassifier,
    AugmentedDataset,
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
    SyntheticDataset,
    VAEAugment,
    VAEOverSampler,
)
from vaeaug.bench.methods import RAND_AUGMENT_COMPONENTS, Catalogue
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.context import fit_augmenter
from vaeaug.bench.stages.method import Method
from vaeaug.cli import app
from vaeaug.data import load, subset
from vaeaug.export import shards
from vaeaug.models.spaces import SPACE_NAMES, space_named
from vaeaug.perturb.schemes import Perturbation

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


@dataclass(frozen=True)
class FixedPair(Perturbation):
    """Adds u (a - b) for two samples of the bank."""

    scale: float = 0.6

    def __call__(self, q, y, bank, generator):
        return q.mean + self.scale * (bank.mean[3] - bank.mean[7])


def test_identity_is_exactly_the_sample_and_the_difference_in_range(data):
    augmenter = Augmenter(Identity(), perturb=FixedPair()).fit(data)
    out = augmenter.generate(len(data), near=data.x, labels=data.y, seed=0).x
    axes = 0 if data.x.ndim == 2 else (0, 1, 2, 3)
    expected = (data.x + 0.6 * (data.x[3] - data.x[7])).clamp(data.x.amin(axes), data.x.amax(axes))
    unbounded = data.x + 0.6 * (data.x[3] - data.x[7])
    assert not torch.equal(expected, unbounded), "some values leave the range"
    spread = data.x.std(axes)
    assert ((out - expected).abs() <= 1e-5 * spread).all()


# Every door that makes synthetic samples: it takes a space and a perturbation, and returns real and synthetic samples.


def through_generate(space, perturb, data, folder):
    return Augmenter(space, perturb=perturb).fit(data).generate(40, seed=1)[:2]


def through_a_loader(space, perturb, data, folder):
    ((x, y),) = AugmentedLoader([(data.x, data.y)], Augmenter(space, perturb=perturb).fit(data))
    return x[len(data) :], y[len(data) :]


def through_a_dataset(space, perturb, data, folder):
    dataset = AugmentedDataset(TensorDataset(data.x, data.y), Augmenter(space, perturb=perturb).fit(data), replace=1.0)
    x, y = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
    return torch.stack(x), torch.as_tensor(y)


def through_a_synthetic_dataset(space, perturb, data, folder):
    dataset = SyntheticDataset(Augmenter(space, perturb=perturb).fit(data), 20)
    x, y = zip(*(dataset[i] for i in range(20)), strict=True)
    return torch.stack(x), torch.as_tensor(y)


def through_a_transform(space, perturb, data, folder):
    return v2.Compose([VAEAugment(Augmenter(space, perturb=perturb).fit(data), replace=1.0)])(data.x, data.y)


def through_the_over_sampler(space, perturb, data, folder):
    pytest.importorskip("imblearn")
    few = torch.cat([torch.nonzero(data.y == 0)[:4, 0], torch.nonzero(data.y > 0)[:, 0]])
    x, y = VAEOverSampler(vae=space, perturb=perturb, random_state=0).fit_resample(
        data.x[few].numpy(), data.y[few].numpy()
    )
    return torch.as_tensor(x[len(few) :]), torch.as_tensor(y[len(few) :])


class Recorder(DecisionTreeClassifier):
    """Keeps what it was fitted to."""

    def fit(self, X, y, **params):  # noqa: N803
        self.seen_ = X, y
        return super().fit(X, y, **params)


def through_the_classifier(space, perturb, data, folder):
    classifier = AugmentedClassifier(Recorder(), vae=space, perturb=perturb, random_state=0)
    x, y = classifier.fit(data.x.numpy(), data.y.numpy()).estimator_.seen_
    return torch.as_tensor(x[len(data) :]).view(-1, *data.x.shape[1:]), torch.as_tensor(y[len(data) :])


def through_a_saved_folder(space, perturb, data, folder):
    Augmenter(space, perturb=perturb).fit(data).save(folder / "model")
    return Augmenter.load(folder / "model").generate(40, seed=1)[:2]


def through_shards(space, perturb, data, folder):
    augmenter = Augmenter(space, perturb=perturb).fit(data)
    paths = shards.write(augmenter, folder / "shards", 20, shard_size=10, format="npz", progress=False)
    parts = [np.load(path, allow_pickle=False) for path in paths]
    return torch.as_tensor(np.concatenate([part["x"] for part in parts])), torch.as_tensor(
        np.concatenate([part["y"] for part in parts])
    )


def through_an_unlabelled_pool(space, perturb, data, folder):
    augmenter = Augmenter(space, perturb=perturb).fit(data, unlabelled=data.x)
    return augmenter.generate(40, seed=1)[:2]


def through_a_method(space, perturb, data, folder):
    name = type(space).__name__.lower()
    augmenter = fit_augmenter(data, 0, Settings(vae=(("steps", 3),)), name).using(perturb=perturb)
    assert type(augmenter.vae_) is type(space)
    return augmenter.generate(40, seed=1)[:2]


DOORS = [door for name, door in sorted(globals().items()) if name.startswith("through_")]


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__.removeprefix("through_"))
def test_every_door_takes_a_space(door, space, data, tmp_path):
    names = {}
    for label, row in zip(data.y.tolist(), data.x.flatten(1).tolist(), strict=True):
        names.setdefault(tuple(row), set()).add(label)
    x, y = door(space, Difference(0.0), data, tmp_path / "still")
    assert len(x) == len(y) > 0
    for row, label in zip(x.flatten(1).tolist(), y.tolist(), strict=True):
        assert label in names[tuple(row)], "scale 0 is a real sample, with its label"
    moved, _ = door(space, Difference(1.0), data, tmp_path / "moved")
    assert torch.isfinite(moved).all()
    assert sum(tuple(row) not in names for row in moved.flatten(1).tolist()) > len(moved) // 2


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
def test_the_model_card_on_the_hub_names_the_space(space, tmp_path):
    hub = pytest.importorskip("vaeaug.plugins.hub", reason="needs the extra hub")
    hub.HubAugmenter(space).fit(subset(load("wine"), 5)).save_pretrained(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"`vaeaug.{type(space).__name__}`" in card
    assert "(no VAE)" in card
    assert "variational-autoencoder" not in card
    hub.HubAugmenter().fit(subset(load("wine"), 5), steps=2, progress=False).save_pretrained(tmp_path / "vae")
    card = (tmp_path / "vae" / "README.md").read_text()
    assert "samples close to real ones: a VAE," in card
    assert "- variational-autoencoder\n" in card


def test_spaces_by_name():
    assert [type(space_named(name)).__name__ for name in SPACE_NAMES] == ["NoneType", "PCA", "Identity"]
    assert space_named("pca", 5).n_components == 5
    with pytest.raises(InputError, match="expected space to be one of vae, pca, identity, got 'ica'"):
        space_named("ica")


@pytest.fixture
def run():
    runner = pytest.importorskip("typer.testing").CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


@pytest.fixture
def photos(tmp_path):
    digits = subset(load("digits"), 3)
    for i, (x, y) in enumerate(zip(digits.x, digits.y.tolist(), strict=True)):
        folder = tmp_path / "photos" / str(y)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[0] * 255).byte().numpy()).save(folder / f"{i}.png")
    return tmp_path / "photos"


@pytest.fixture
def table(tmp_path):
    wine = subset(load("wine"), 6)
    with (tmp_path / "wine.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow([*"abcdefghijklm", "label"])
        for x, y in zip(wine.x.tolist(), wine.y.tolist(), strict=True):
            writer.writerow([*x, f"kind {y}"])
    return tmp_path / "wine.csv"


@pytest.mark.parametrize("source", ["photos", "table"])
@pytest.mark.parametrize(
    ("words", "kind", "dimension"), [(("pca", "--latent", 2), "PCA", 2), (("identity",), "Identity", None)]
)
def test_the_command_line_fits_and_generates(run, request, source, words, kind, dimension, tmp_path):
    data = request.getfixturevalue(source)
    output = tmp_path / ("out" if source == "photos" else "out.csv")
    result = run("fit", data, "--space", *words, "-o", tmp_path / "model")
    assert result.exit_code == 0, result.output
    augmenter = Augmenter.load(tmp_path / "model")
    assert type(augmenter.vae_).__name__ == kind
    assert augmenter.bank_.mean.shape[1] == (dimension or augmenter.bank_.samples.x[0].numel())
    assert json.loads((tmp_path / "model" / "config.json").read_text())["augmenter"]["space"] == kind
    result = run("generate", tmp_path / "model", "-n", 9, "-o", output)
    assert result.exit_code == 0, result.output
    if source == "photos":
        assert len(list(output.rglob("*.png"))) == 9
    else:
        rows = list(csv.DictReader(output.read_text().splitlines()))
        assert len(rows) == 9
        assert {row["label"] for row in rows} <= {f"kind {y}" for y in range(3)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "digits", "--space", "ica", "-o", "m"), "expected space to be one of vae, pca, identity, got 'ica'"),
        (
            ("fit", "digits", "--space", "identity", "--latent", 4, "-o", "m"),
            "with --space identity, got --latent; leave",
        ),
        (
            ("fit", "digits", "--space", "pca", "--steps", 4, "--batch", 3, "-o", "m"),
            "pca, got --steps, --batch; leave",
        ),
        (
            ("fit", "digits", "--space", "pca", "--checkpoint", "c", "-o", "m"),
            "with --space pca, got --checkpoint; leave",
        ),
        (("fit", "digits", "--space", "pca", "--device", "cuda", "-o", "m"), "with --space pca, got --device; leave"),
        (
            ("fit", "digits", "--space", "identity", "--perturb", "posterior", "-o", "m"),
            "got --perturb posterior; choose",
        ),
        (("bench", "digits", "--space", "identity", "--vae-steps", 4), "with --space identity, got --vae-steps; leave"),
        (("bench", "digits", "--space", "identity", "--latent", 4), "with --space identity, got --latent; leave"),
        (("bench", "digits", "--space", "identity", "--perturb", "posterior"), "got --perturb posterior; choose"),
    ],
)
def test_options_without_effect_are_refused_on_the_command_line(run, monkeypatch, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_posterior_noise_of_a_saved_identity_is_refused(run, tmp_path):
    Augmenter(Identity()).fit("wine").save(tmp_path / "model")
    result = run("generate", tmp_path / "model", "-n", 3, "--perturb", "posterior", "-o", tmp_path / "o.npz")
    assert "a perturbation that changes something with --space identity" in str(result.exception)
    assert not (tmp_path / "o.npz").exists()


@pytest.mark.parametrize("space", ["pca", "identity"])
def test_our_methods_of_a_catalogue_are_in_its_space_and_baselines_are_not(space):
    catalogue = Catalogue("wine", images=False, space=space)
    for method in (*catalogue.all, *catalogue.with_unlabelled(5)):
        ours = method.kind == "ours" and method.name != RAND_AUGMENT_COMPONENTS  # which has a space of its own
        assert method.space == (space if ours else "vae")
        assert method.name.endswith(f", {space} space") == ours
    by_name = catalogue.named(["none", "classical + synthetic", f"synthetic oversampling, {space} space"])
    assert [method.name for method in by_name] == [
        "none",
        f"classical + synthetic, {space} space",
        f"synthetic oversampling, {space} space",
    ]


def test_bench_compares_our_methods_in_a_space(run, tmp_path):
    words = ("bench", "wine", "--per-class", 5, "--seeds", 1, "--jobs", 1, "--classifier", "logistic")
    methods = [
        word for name in ("none", "synthetic oversampling", "synthetic (interpolate)") for word in ("--method", name)
    ]
    result = run(*words, *methods, "--space", "pca", "--latent", 3, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "out" / "rows.csv").read_text().splitlines()))
    assert {row["method"] for row in rows} == {
        "none",
        "synthetic oversampling, pca space",
        "synthetic (interpolate), pca space",
    }


def test_a_method_has_the_augmenter_of_its_space(digits):
    from quick_bench import context_of, one_hot

    (stages,) = {method.stages for method in Catalogue("digits").named(["synthetic"])}
    context = context_of(digits)
    for space in ("identity", "pca"):
        Method("a", stages, space=space).fit(context)(digits.x[:5], one_hot(digits)[:5], 0)
        assert ("augmenter", space) in context.shared
    assert "augmenter" not in context.shared, "no VAE was trained"


def test_tune_compares_only_the_spaces_of_the_option(run, table, tmp_path):
    words = (
        "tune",
        table,
        "-o",
        tmp_path / "model",
        "--folds",
        2,
        "--repeats",
        1,
        "--classifier",
        "knn",
        "--latent",
        3,
    )
    result = run(*words, "--space", "pca", "--space", "identity")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "model.tuning.json").read_text())
    assert {s["candidate"]["space"] for s in report["scores"] if s["candidate"]["perturb"]} == {"pca", "identity"}
    assert report["sentence"] in result.output
    assert Augmenter.load(tmp_path / "model").vae_.event_shape == (13,)
    for words, message in (
        (("--space", "ica"), "expected space to be one of vae, pca, identity, got 'ica'"),
        (("--space", "identity", "--latent", 3), "with --space identity, got --latent; leave"),
        (("--space", "pca", "--vae-steps", 3), "with --space pca, got --vae-steps; leave"),
    ):
        assert message in str(run("tune", table, "-o", tmp_path / "other", *words).exception)
    assert not (tmp_path / "other").exists()
