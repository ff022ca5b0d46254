"""Signals, `(N, C, T)`: told from images by a rule or by the user, at every door alike."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from torch.utils.data import DataLoader, TensorDataset
from typer.testing import CliRunner

from vaeaug import AugmentedClassifier, AugmentedLoader, Augmenter, Classical, SyntheticDataset, fit_vae
from vaeaug.bench.compare import compare
from vaeaug.bench.settings import Settings
from vaeaug.bench.tuning.search import tune
from vaeaug.cli import app
from vaeaug.data import Samples, as_samples, load
from vaeaug.data.sample_kinds import are_signals
from vaeaug.data.scaling import Scaling
from vaeaug.data.signal_moves import SignalMoves
from vaeaug.models.networks import Conv1d
from vaeaug.models.spaces import PCA, Identity, LinearSpace
from vaeaug.models.vae import VAE
from vaeaug.runtime.errors import InputError

QUICK = {"steps": 4, "progress": False}
UNITS = np.array([1.0, 1000.0, 0.001])[:, None]  # of three channels


def waves(n=24, channels=3, length=40, seed=0):
    """Returns sine waves of two frequencies whose channels have different units, and their labels."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = np.linspace(0, 6, length)
    x = np.sin(t * (1 + y[:, None, None]) + rng.uniform(0, 1, (n, 1, 1))) + 0.1 * rng.normal(size=(n, channels, length))
    return x * UNITS[:channels], y


X, Y = waves()


class TestKinds:
    @pytest.mark.parametrize(
        ("shape", "kind", "uint8", "expected"),
        [
            ((5, 1, 8), "auto", False, True),
            ((5, 7, 1000), "auto", False, True),
            ((5, 3, 40), "auto", True, True),
            ((5, 8, 8), "auto", False, False),
            ((5, 28, 28), "auto", False, False),
            ((5, 20, 79), "auto", False, False),
            ((5, 12, 1000), "auto", True, False),
            ((5, 12, 1000), "signals", False, True),
            ((5, 12, 1000), "images", False, False),
            ((5, 28, 28), "signals", False, True),
            ((5, 3, 40), "images", False, False),
            ((5, 40), "auto", False, False),
            ((5, 40), "signals", False, True),
            ((5, 3, 32, 32), "auto", False, False),
            ((5, 3, 32, 32), "images", False, False),
        ],
    )
    def test_the_rule(self, shape, kind, uint8, expected):
        assert are_signals(shape, kind, uint8=uint8) is expected

    @pytest.mark.parametrize(
        ("shape", "kind", "message"),
        [
            ((5, 12, 1000), "auto", r"got shape \(5, 12, 1000\); pass kind='signals' \(--kind signals\)"),
            ((5, 8, 32), "auto", "whose kind the shape tells in x"),
            ((5, 1000, 12), "auto", r"signals have the time last, x\.transpose\(0, 2, 1\)"),
            ((5, 3, 32, 32), "signals", r"expected signals \(N, C, T\) or \(N, T\) in x, got shape \(5, 3, 32, 32\)"),
            ((5, 40), "images", r"expected images \(N, H, W\) or \(N, C, H, W\) in x, got shape \(5, 40\)"),
            ((5, 3, 40), "audio", "expected kind to be one of auto, images, signals, got 'audio'"),
        ],
    )
    def test_what_is_refused(self, shape, kind, message):
        with pytest.raises(InputError, match=message):
            are_signals(shape, kind)

    @pytest.mark.parametrize(("shape", "kind"), [((4, 100, 3), "auto"), ((4, 3, 5), "signals")])
    def test_signals_that_are_too_short_and_those_with_the_time_first_are_refused(self, shape, kind):
        with pytest.raises(InputError, match="time last"):
            as_samples((np.random.default_rng(0).random(shape), [0, 1, 0, 1]), kind=kind)


def fitted(source, tmp_path=None):
    """Returns the samples that every door reads from the same signals."""
    x, y = X, Y
    tensors = TensorDataset(torch.tensor(x), torch.tensor(y))
    if source == "arrays":
        return Augmenter(Identity()).fit(x, y)
    if source == "pair":
        return Augmenter(Identity()).fit((torch.tensor(x), y))
    if source == "dataset":
        return Augmenter(Identity()).fit(tensors)
    if source == "loader":
        return Augmenter(Identity()).fit(DataLoader(tensors, batch_size=5))
    if source == "bank_size":
        return Augmenter(Identity()).fit(DataLoader(tensors, batch_size=5), bank_size=len(y))
    if source == "npz":
        np.savez(tmp_path / "x.npz", x=x, y=y)
        return Augmenter(Identity()).fit(tmp_path / "x.npz")
    return Augmenter(Identity()).fit(as_samples((x, y)))


@pytest.mark.parametrize("source", ["arrays", "pair", "dataset", "loader", "bank_size", "npz", "samples"])
def test_every_door_reads_signals_and_scales_their_channels_apart(source, tmp_path):
    augmenter = fitted(source, tmp_path)
    assert augmenter.bank_.samples.event_shape == (3, 40)
    scaling = augmenter.bank_.scaling
    np.testing.assert_allclose(scaling.offset, X.mean((0, 2)), rtol=1e-3, atol=1e-5 * UNITS[:, 0].max())
    np.testing.assert_allclose(scaling.gain, X.std((0, 2)), rtol=1e-4)
    np.testing.assert_allclose(scaling.low, X.min((0, 2)), rtol=1e-5)
    synthetic = augmenter.generate(50, seed=0).x
    assert synthetic.shape == (50, 3, 40)
    high = torch.tensor(X.max((0, 2)), dtype=torch.float32)
    assert (synthetic.amax((0, 2)) <= high * (1 + 1e-6)).all()
    assert (synthetic.amax((0, 2)) > 0.5 * high).all()


@pytest.mark.parametrize("source", ["arrays", "dataset", "loader", "bank_size", "npz", "vae"])
def test_kind_reaches_every_door_where_the_shape_cannot_tell(source, tmp_path):
    x, y = np.random.default_rng(0).normal(size=(12, 9, 64)).astype(np.float32), np.arange(12) % 2
    data = TensorDataset(torch.tensor(x), torch.tensor(y))
    np.savez(tmp_path / "x.npz", x=x, y=y)
    sources = {"dataset": data, "loader": DataLoader(data, 4), "bank_size": DataLoader(data, 4)}
    sources |= {"arrays": (x, y), "npz": tmp_path / "x.npz", "vae": (x, y)}
    options = {"bank_size": 12} if source == "bank_size" else {}
    if source == "vae":  # a VAE of signals says it
        vae = VAE((9, 64), scaling=Scaling.fit(torch.tensor(x)))
        assert Augmenter(vae).fit(sources[source]).bank_.samples.event_shape == (9, 64)
        return
    with pytest.raises(InputError, match="whose kind the shape tells"):
        Augmenter().fit(sources[source], **options, **QUICK)
    augmenter = Augmenter().fit(sources[source], kind="signals", **options, **QUICK)
    assert augmenter.bank_.samples.event_shape == augmenter.vae_.event_shape == (9, 64)
    assert fit_vae(sources[source], kind="signals", **QUICK).event_shape == (9, 64)
    images = as_samples(sources[source], kind="images") if source != "bank_size" else None
    assert images is None or images.event_shape == (1, 9, 64)


@pytest.mark.parametrize("dtype", ["int16", "uint8"])
def test_signals_of_whole_numbers_keep_their_range_and_are_whole(dtype):
    x = np.random.default_rng(0).integers(0, 200, (12, 2, 30)).astype(dtype)
    augmenter = Augmenter(Identity()).fit(x, np.arange(12) % 2)
    assert augmenter.bank_.samples.x.max() > 100
    synthetic = augmenter.generate(20, seed=0).x
    assert torch.equal(synthetic, synthetic.round())
    assert synthetic.max() > 100


class TestVAE:
    @pytest.mark.parametrize("length", [8, 9, 100, 257])
    @pytest.mark.parametrize("channels", [1, 4])
    def test_shapes(self, channels, length):
        vae = VAE((channels, length), latent_dim=3)
        assert vae.architecture == Conv1d()
        x = torch.randn(5, channels, length)
        assert vae.decode(vae.encode(x).mean).shape == x.shape
        assert vae.elbo(x).shape == (5,)

    def test_it_learns_the_signals(self):
        vae = fit_vae(X, Y, steps=150, progress=False)
        x = torch.tensor(X, dtype=torch.float32)
        spread = torch.tensor(X.std((0, 2)), dtype=torch.float32)[:, None]
        error = ((vae.reconstruct(x) - x) / spread).square().mean()
        assert error < 0.5  # 1 is that of the mean

    def test_a_conv1d_is_for_signals_alone(self):
        with pytest.raises(InputError, match=r"expected an event shape \(C, T\) for a Conv1d, got \(5,\)"):
            VAE((5,), architecture="conv1d")

    def test_a_bernoulli_likelihood_is_not_for_signals(self):
        with pytest.raises(InputError, match="images for a Bernoulli likelihood, got signals"):
            fit_vae(X, Y, likelihood="bernoulli", **QUICK)

    @pytest.mark.parametrize("make", [lambda: None, Identity, lambda: PCA(4)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_save_and_load(self, make, channels, tmp_path):
        x, y = waves(channels=channels)
        augmenter = Augmenter(make()).fit(x, y, **(QUICK if make() is None else {}))
        augmenter.save(tmp_path / "a")
        loaded = Augmenter.load(tmp_path / "a")
        assert torch.equal(loaded.generate(9, seed=1).x, augmenter.generate(9, seed=1).x)
        path = tmp_path / "vae.safetensors"
        augmenter.vae_.save(path)
        kind = VAE if make() is None else LinearSpace
        z = augmenter.bank_.mean[:3]
        assert torch.allclose(kind.load(path).decode(z), augmenter.vae_.decode(z), rtol=1e-4, atol=1e-6)


class TestNear:
    def test_scale_0_gives_the_signal_itself(self):
        augmenter = Augmenter(Identity()).fit(X, Y)
        still = augmenter.using(perturb=type(augmenter.perturb)(0.0))
        assert torch.equal(still.generate(3, near=X[:3], seed=0).x, torch.tensor(X[:3], dtype=torch.float32))

    def test_signals_of_one_channel_may_lack_their_axis(self):
        x, y = waves(channels=1)
        augmenter = Augmenter(Identity()).fit(x, y)
        with_axis, without = (augmenter.generate(4, near=near, seed=0).x for near in (x[:4], x[:4, 0]))
        assert torch.equal(with_axis, without)
        rows = Augmenter(Identity()).fit(x[:, 0], y, kind="signals")
        assert torch.equal(rows.generate(4, near=x[:4, 0], seed=0).x, without)

    @pytest.mark.parametrize(
        ("near", "message"),
        [
            (X.transpose(0, 2, 1)[:2], "signals have the time last"),
            (X[0], r"a single sample is a batch of one: pass near\[None\]"),
            (X[:2] * 100, r"in the range of the data, -\S+ to \S+ in channel 0 \(from 0\)"),
        ],
    )
    def test_what_is_refused(self, near, message):
        with pytest.raises(InputError, match=message):
            Augmenter(Identity()).fit(X, Y).generate(2, near=near)

    def test_unlabelled_signals(self):
        pool, _ = waves(n=30, seed=1)
        augmenter = Augmenter(Identity()).fit(X, Y, unlabelled=pool)
        assert augmenter.bank_.pseudo_labelled.x.shape[1:] == (3, 40)


class TestPlugins:
    def test_the_loader_adds_signals(self):
        augmenter = Augmenter(Identity()).fit(X, Y)
        data = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(Y))
        x, y = next(iter(AugmentedLoader(DataLoader(data, batch_size=6), augmenter, add=2)))
        assert x.shape == (18, 3, 40)
        assert torch.equal(y, torch.tensor(Y[:6]).repeat(3))
        assert SyntheticDataset(augmenter, 5)[0][0].shape == (3, 40)

    @pytest.mark.parametrize("kind", ["auto", "signals"])
    def test_the_over_sampler_takes_the_shape_of_aeon(self, kind):
        sampling = pytest.importorskip("vaeaug.plugins.imblearn", reason="needs imbalanced-learn", exc_type=ImportError)
        x, y = waves(channels=1)
        x, y = np.concatenate([x[y == 0], x[y == 1][:4]]), np.array([0] * 12 + [1] * 4)
        x = x[:, 0] if kind == "signals" else x
        more, labels = sampling.VAEOverSampler(kind=kind, steps=4, random_state=0).fit_resample(x, y)
        assert more.shape == (24, *x.shape[1:])
        assert (labels == 1).sum() == 12
        assert np.array_equal(more[:16], x)

    @pytest.mark.parametrize("door", ["classifier", "sampler"])
    def test_a_shape_that_fits_both_kinds_is_refused(self, door):
        x, y = np.random.default_rng(0).normal(size=(12, 9, 64)), np.array([0] * 8 + [1] * 4)
        if door == "sampler":
            sampling = pytest.importorskip(
                "vaeaug.plugins.imblearn", reason="needs imbalanced-learn", exc_type=ImportError
            )
            make = lambda kind: sampling.VAEOverSampler(kind=kind, steps=4).fit_resample(x, y)  # noqa: E731
        else:
            forest = RandomForestClassifier(5)
            make = lambda kind: AugmentedClassifier(forest, kind=kind, steps=4).fit(x, y)  # noqa: E731
        with pytest.raises(InputError, match="whose kind the shape tells in X"):
            make("auto")
        make("signals")
        make("images")

    def test_classical_augmentation_of_a_classifier_is_ten_warped_copies(self):
        seen = []

        class Recorder(RandomForestClassifier):
            def fit(self, X, y):  # noqa: N803
                seen.append(X)
                return super().fit(X, y)

        classifier = AugmentedClassifier(Recorder(5), augment="classical", random_state=0).fit(X, Y)
        assert classifier.n_synthetic_ == 10 * len(X)
        copies = seen[0][len(X) :].reshape(10, *X.shape)
        assert not np.isclose(copies, X, rtol=1e-3).all((2, 3)).any()
        assert np.abs(np.corrcoef(copies[0, 0, 0], X[0, 0]))[0, 1] > 0.8
        with pytest.raises(InputError, match='images or signals with augment="classical", got tabular data'):
            AugmentedClassifier(Recorder(5), augment="classical").fit(X[:, 0], Y)
        with pytest.raises(InputError, match='no add with augment="classical"'):
            AugmentedClassifier(Recorder(5), augment="classical", add=2).fit(X, Y)

    def test_classical_augmentation_of_images_by_name(self):
        x, y = load_digits(n_class=2, return_X_y=True)
        x = x.reshape(-1, 8, 8)[:20] / 16
        classifier = AugmentedClassifier(RandomForestClassifier(5), augment="classical", random_state=0).fit(x, y[:20])
        assert classifier.n_synthetic_ == 200

    def test_auto_compares_the_warps(self):
        classifier = AugmentedClassifier(
            RandomForestClassifier(5, random_state=0), augment="auto", steps=4, random_state=0
        ).fit(X, Y)
        assert "classical" in [score.name for score in classifier.choice_.scores]
        assert classifier.choice_.chosen.name != "none" or classifier.n_synthetic_ == 0


class TestMoves:
    MOVES = ("jitter", "scaling", "magnitude_warp", "time_warp", "window_warp")

    @pytest.mark.parametrize("move", MOVES)
    def test_a_move_is_seeded_and_differs_from_signal_to_signal(self, move):
        settings = dict.fromkeys(self.MOVES, 0.0) | {move: 0.3}
        x = torch.sin(torch.linspace(0, 9, 60)).expand(7, 2, 60)
        augment = SignalMoves(**settings).on(x)
        first, again, other = augment(x, 0), augment(x, 0), augment(x, 1)
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert first.shape == x.shape
        assert not torch.isclose(first[0], first[1]).all()
        assert not torch.isclose(first, x).all()

    def test_no_move_changes_nothing(self):
        x = torch.randn(5, 2, 30)
        assert torch.equal(SignalMoves(time_warp=0).on(x)(x, 0), x)

    @pytest.mark.parametrize("move", ["time_warp", "window_warp"])
    def test_warps_keep_the_ends_the_order_and_the_range(self, move):
        x = torch.linspace(0, 1, 50).expand(20, 1, 50)
        warped = SignalMoves(**{"time_warp": 0.0, move: 0.5}).on(x)(x, 0)
        torch.testing.assert_close(warped[:, 0, [0, -1]], torch.tensor([[0.0, 1.0]]).expand(20, 2), atol=1e-4, rtol=0)
        assert (warped.diff(dim=2) >= -1e-6).all()

    def test_a_window_is_played_at_half_or_double_speed(self):
        x = torch.arange(1001.0).expand(40, 1, 1001)
        slopes = SignalMoves(time_warp=0, window_warp=0.4).on(x)(x, 0).diff(dim=2)[:, 0]
        for slope in slopes:
            low, high = slope.quantile(0.05), slope.quantile(0.95)
            assert float(high / low) == pytest.approx(2, rel=0.02)

    def test_the_global_generator_is_left_alone(self):
        x = torch.randn(5, 2, 30)
        before = torch.random.get_rng_state()
        SignalMoves(jitter=0.1, scaling=0.1, magnitude_warp=0.1).on(x)(x, 0)
        assert torch.equal(before, torch.random.get_rng_state())

    def test_classical_of_signals_is_the_default_moves(self):
        x = torch.randn(5, 2, 30)
        assert torch.equal(Classical().on(x)(x, 3), SignalMoves().on(x)(x, 3))

    @pytest.mark.parametrize(("settings", "message"), [({"window_warp": 1}, "window_warp"), ({"knots": 1}, "knots")])
    def test_bad_settings_are_refused(self, settings, message):
        with pytest.raises(InputError, match=message):
            SignalMoves(**settings)


class TestBench:
    @pytest.mark.parametrize("classifier", ["cnn", "mlp", "knn"])
    def test_methods_run_on_signals(self, classifier):
        x, y = waves(n=40)
        methods = ["none", "classical", "MixUp", "synthetic", "pixel noise", "synthetic (identity)"]
        settings = Settings(steps=3, vae=(("steps", 3),))
        results = list(
            compare(
                x, y, per_class=6, classifiers=classifier, methods=methods, seeds=1, settings=settings, progress=False
            )
        )
        assert {r.method for r in results} >= {"none", "classical", "synthetic"}
        assert {r.data_kind for r in results} == {"signals"}

    def test_a_classifier_of_images_is_refused(self):
        with pytest.raises(InputError, match="expected a classifier for signals, got resnet18"):
            next(compare(X, Y, per_class=4, classifiers="resnet18", seeds=1, progress=False))

    def test_tune_compares_the_warps(self):
        _, result = tune(
            as_samples((X, Y)), "knn", folds=2, repeats=1, spaces=["identity"], classical=None, progress=False
        )
        assert "classical" in [score.name for score in result.choice.scores]

    def test_pictures_of_signals_are_lines(self):
        pytest.importorskip("matplotlib", reason="needs the extra report")
        from vaeaug.bench.report import figures, gallery

        x, y = waves(channels=2)
        grids = gallery.gallery(Augmenter(Identity()).fit(x, y), columns=4)
        assert [line.shape[2:] for _, line in grids[0].lines] == [(40,)] * 4
        assert all(0 <= float(line.min()) <= float(line.max()) <= 1 for _, line in grids[0].lines)
        svg = figures.grid(grids[1]).svg
        assert "<image" not in svg
        assert svg.count("<path") >= 3 * 4 * 2


class TestCommandLine:
    def run(self, *arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def test_fit_and_generate(self, tmp_path):
        np.savez(tmp_path / "x.npz", x=X, y=Y)
        fit = self.run("fit", tmp_path / "x.npz", "-o", tmp_path / "model", "--steps", 3)
        assert fit.exit_code == 0, fit.output
        np.savez(tmp_path / "near.npz", x=X[:2])
        for near in ((), ("--near", tmp_path / "near.npz")):
            made = self.run(
                "generate", tmp_path / "model", "-n", 7, "-o", tmp_path / f"more{len(near)}.npz", "--seed", 1, *near
            )
            assert made.exit_code == 0, made.output
            assert np.load(tmp_path / f"more{len(near)}.npz")["x"].shape == (7, 3, 40)
        for output in ("folder", "x.csv"):
            refused = self.run("generate", tmp_path / "model", "-n", 7, "-o", tmp_path / output)
            assert refused.exit_code != 0
            assert "write signals to an .npz" in str(refused.exception)

    def test_kind(self, tmp_path):
        x = np.random.default_rng(0).normal(size=(12, 9, 64))
        np.savez(tmp_path / "x.npz", x=x, y=Y[:12])
        refused = self.run("fit", tmp_path / "x.npz", "-o", tmp_path / "model", "--steps", 3)
        assert refused.exit_code != 0
        assert "--kind signals" in str(refused.exception)
        made = self.run("fit", tmp_path / "x.npz", "-o", tmp_path / "model", "--steps", 3, "--kind", "signals")
        assert made.exit_code == 0, made.output
        assert Augmenter.load(tmp_path / "model").bank_.samples.event_shape == (9, 64)

    def test_rows_of_a_csv_are_signals_if_it_is_said(self, tmp_path):
        x, y = waves(channels=1, length=12)
        rows = [",".join([*(f"t{i}" for i in range(12)), "label"])]
        rows += [
            ",".join([*(f"{value:.4f}" for value in row), "ab"[label]]) for row, label in zip(x[:, 0], y, strict=True)
        ]
        (tmp_path / "x.csv").write_text("\n".join(rows))
        samples = load(tmp_path / "x.csv", kind="signals")
        assert isinstance(samples, Samples)
        assert samples.event_shape == (1, 12)
        assert samples.names == ("a", "b")
        assert load(tmp_path / "x.csv").event_shape == (12,)
        fit = self.run("fit", tmp_path / "x.csv", "-o", tmp_path / "m", "--kind", "signals", "--space", "identity")
        assert fit.exit_code == 0, fit.output
        near = self.run("generate", tmp_path / "m", "-n", 3, "--near", tmp_path / "x.csv", "-o", tmp_path / "y.npz")
        assert near.exit_code == 0, near.output
