"""Stages and resamplers, one by one, without a benchmark around them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from quick_bench import context_of, linear_network, one_hot, quick_compare
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeaug import Extrapolate, InputError
from vaeaug.bench import runs
from vaeaug.bench.compare import unsupported
from vaeaug.bench.methods import Catalogue
from vaeaug.bench.stages import context as context_module
from vaeaug.bench.stages.base import Stage, target_count
from vaeaug.bench.stages.baselines import (
    ROSE,
    SMOTE,
    ClassicalAugmentation,
    ClassWeights,
    HardestOf,
    Mix,
    PolicyAugmentation,
    RandomOversampling,
    TunedThreshold,
)
from vaeaug.bench.stages.controls import IdentityInsteadOfVAE, PCAInsteadOfVAE, PixelNoise, Unchanged
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.synthetic import AddSynthetic, Alternate, Append, BalanceWithSynthetic, Synthetic
from vaeaug.bench.stages.unlabelled import WithUnlabelled
from vaeaug.data import load, subset
from vaeaug.data.classical import Classical
from vaeaug.data.policies import RandomErasing
from vaeaug.runtime.seeds import Stream

pytestmark = pytest.mark.usefixtures("random_state_untouched")

MOVES = ClassicalAugmentation(Classical(shift=0.2, rotate=20))


@pytest.fixture(scope="module")
def imbalanced():
    return subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2])


def losses(stage, context, network, seed=5):
    samples = context.samples
    x, _ = stage.fit(context, network)(samples.x, one_hot(samples), seed)
    with torch.no_grad():
        return torch.nn.functional.cross_entropy(network(x), samples.y, reduction="none")


@pytest.mark.parametrize(
    ("resampler", "size"),
    [
        (RandomOversampling(), 9),
        (SMOTE(), 9),
        (SMOTE(factor=3), 15),
        (ROSE(), 9),
        (ROSE(factor=3), 15),
        (BalanceWithSynthetic(), 9),
    ],
)
def test_resamplers_balance_and_keep_the_real_samples(imbalanced, resampler, size):
    resampled = resampler.resample(context_of(imbalanced))
    assert resampled.counts == [size] * 10
    assert torch.equal(resampled.x[: len(imbalanced)], imbalanced.x)
    assert torch.equal(resampled.y[: len(imbalanced)], imbalanced.y)
    again = resampler.resample(context_of(imbalanced))
    assert torch.equal(resampled.x, again.x)
    assert not torch.equal(resampled.x, resampler.resample(context_of(imbalanced, seed=1)).x)


def test_random_oversampling_repeats_samples(imbalanced):
    resampled = RandomOversampling().resample(context_of(imbalanced))
    distance, index = torch.cdist(resampled.x.flatten(1), imbalanced.x.flatten(1)).min(1)
    assert distance.max() < 1e-6
    assert torch.equal(imbalanced.y[index], resampled.y)


def test_rose_is_a_smoothed_bootstrap(imbalanced):
    added = ROSE().resample(context_of(imbalanced)).x[len(imbalanced) :].flatten(1)
    assert torch.cdist(added, imbalanced.x.flatten(1)).min() > 0.1, "no sample is repeated as it is"
    repeated = ROSE(shrinkage=0.0).resample(context_of(imbalanced)).x[len(imbalanced) :].flatten(1)
    assert torch.cdist(repeated, imbalanced.x.flatten(1)).min(1).values.max() < 1e-6
    context = context_of(subset(load("digits"), 3))
    assert torch.equal(ROSE().resample(context).x, context.samples.x), "balanced classes need none"


@pytest.fixture(scope="module")
def two_classes():
    return subset(load("breast-cancer"), [12, 120])


@pytest.mark.parametrize("name", ["svc", "logistic", "knn"])
def test_a_threshold_is_tuned_inside_the_training_subset(two_classes, name):
    (method,) = Catalogue("breast-cancer", images=False).named(["tuned threshold"])
    assert method.supports(name, images=False, classes=2)
    context = context_of(two_classes, classifier=name)
    trained = runs.fit_classifier(context, method)
    features, labels = two_classes.x.numpy(), two_classes.y.numpy()
    folds = StratifiedKFold(5, shuffle=True, random_state=context.seed_of(Stream.THRESHOLD) % 2**32)
    estimator = context.classifier.estimator(context.seed)
    by_hand = TunedThresholdClassifierCV(estimator, scoring="balanced_accuracy", cv=folds).fit(features, labels)
    assert (trained.predict(two_classes.x).numpy() == by_hand.predict(features)).all()
    again = runs.fit_classifier(context, method)
    assert torch.equal(trained.scores(two_classes.x), again.scores(two_classes.x))


def test_a_tuned_threshold_finds_more_of_the_small_class():
    data = load("breast-cancer")
    train_set = subset(data, [12, 120])
    (tuned,) = Catalogue("breast-cancer", images=False).named(["tuned threshold"])
    found = []
    for method in (Method("none"), tuned):
        trained = runs.fit_classifier(context_of(train_set, classifier="logistic"), method)
        found.append((trained.predict(data.x)[data.y == 0] == 0).float().mean())
    assert found[1] > found[0] + 0.03


def test_equal_scores_leave_the_threshold_of_the_estimator(two_classes):
    constant = DummyClassifier()
    trained = runs.fit_classifier(
        context_of(two_classes, classifier=("constant", constant)), Method("", (TunedThreshold(),))
    )
    assert set(trained.predict(two_classes.x).tolist()) == {1}
    assert trained.gives_probabilities


def test_where_no_threshold_is_tuned(two_classes, digits):
    (method,) = Catalogue("digits").named(["tuned threshold"])
    assert method.unsupported_reason("cnn", classes=2) == "it tunes the threshold of an estimator"
    assert method.unsupported_reason("forest", classes=10) == "it is for two classes, not 10"
    with pytest.raises(InputError, match="expected two classes for a tuned threshold, got 10; leave this method out"):
        TunedThreshold().wrap(context_of(digits, classifier="forest"), LogisticRegression())
    plain = LogisticRegression()
    single = context_of(subset(load("breast-cancer"), [1, 20]), classifier="logistic")
    assert TunedThreshold().wrap(single, plain) is plain, "no fold could train and judge on a single sample"
    three = context_of(subset(load("breast-cancer"), [3, 20]), classifier="logistic")
    assert TunedThreshold().wrap(three, plain)._tuned.cv.n_splits == 3
    with pytest.raises(
        InputError, match="expected a stage that changes the estimator alone, got 'both' with other stages"
    ):
        Method("both", (MOVES, TunedThreshold()))
    with pytest.raises(InputError, match="its folds would share copies of one sample"):
        Method("both", (TunedThreshold(),), RandomOversampling())


def test_a_benchmark_leaves_the_threshold_out_where_there_are_more_classes():
    names = ["none", "tuned threshold"]
    assert [r.method for r in quick_compare("wine", classifiers="knn", methods=names)] == ["none"]
    assert [r.method for r in quick_compare("breast-cancer", classifiers="knn", methods=names)] == names
    methods = Catalogue("wine", images=False).named(names)
    left_out = [("knn", "tuned threshold", "it is for two classes, not 3")]
    assert unsupported(["knn"], methods, images=False, classes=3) == left_out


def test_synthetic_samples_fill_the_smaller_classes(imbalanced):
    resampled = BalanceWithSynthetic().resample(context_of(imbalanced))
    assert len(resampled.x.unique(dim=0)) > len(imbalanced)
    (method,) = Catalogue("digits").named(["synthetic oversampling"])
    assert torch.equal(method.resample(context_of(imbalanced)).x, resampled.x)
    context = context_of(subset(load("digits"), 3))
    assert BalanceWithSynthetic().resample(context) is context.samples
    assert "augmenter" not in context.shared, "balanced classes need no VAE"


def test_every_real_sample_gets_the_same_number_of_synthetic_ones(digits):
    resampled = AddSynthetic(Extrapolate(), 3).resample(context_of(digits))
    assert len(resampled) == 480
    assert torch.equal(resampled.x[:120], digits.x)
    assert torch.equal(resampled.y, digits.y.repeat(4))
    assert len(AddSynthetic(Extrapolate(), 0.5).resample(context_of(digits))) == 180
    assert AddSynthetic(Extrapolate(), 0).resample(context_of(digits)) is digits


def test_the_size_that_classes_are_enlarged_to():
    assert [target_count([5, 5], factor) for factor in (1, 5)] == [5, 25]
    assert target_count([9, 1], 1) == 9
    assert target_count([90, 10], 5) == 250


def test_class_weights_balance_the_classes(imbalanced):
    _, t = ClassWeights().fit(context_of(imbalanced))(imbalanced.x, one_hot(imbalanced), 0)
    assert torch.allclose(t.sum(0), torch.full((10,), len(imbalanced) / 10), rtol=1e-5)


class Recorder(LogisticRegression):
    """An estimator that keeps the labels and weights of its last training."""

    def fit(self, x, y, sample_weight=None):
        Recorder.y, Recorder.weights = y, sample_weight
        return super().fit(x, y, sample_weight)


@pytest.mark.parametrize("estimator", [Recorder(), make_pipeline(StandardScaler(), Recorder())])
@pytest.mark.parametrize(("name", "size"), [("class weights", 1), ("classical + class weights", 11)])
def test_class_weights_balance_the_classes_for_estimators(imbalanced, estimator, name, size):
    (method,) = Catalogue("digits").named([name])
    runs.fit_classifier(context_of(imbalanced, classifier=("recorder", estimator)), method)
    weights = np.bincount(Recorder.y, Recorder.weights)
    assert len(Recorder.y) == size * len(imbalanced)
    assert np.allclose(weights, weights[0], rtol=1e-4)


def test_without_weights_an_estimator_gets_none(imbalanced):
    runs.fit_classifier(context_of(imbalanced, classifier=("recorder", Recorder())), Method("none"))
    assert Recorder.weights is None


def test_mixing_mixes_labels_and_samples(digits):
    t = one_hot(digits)
    for stage in (Mix(alpha=1.0), Mix(cut=True, alpha=1.0)):
        x, mixed = stage.fit(context_of(digits))(digits.x, t, 3)
        assert torch.allclose(mixed.sum(1), torch.ones(len(t)))
        assert (mixed.max(1).values < 1).any()
        assert not torch.equal(x, digits.x)
        again, _ = stage.fit(context_of(digits))(digits.x, t, 3)
        assert torch.equal(x, again)


def test_the_hardest_copy_has_a_higher_loss(augmenter, digits):
    network, context = linear_network(digits), context_of(digits, augmenter)
    assert (losses(HardestOf(MOVES, 8), context, network) >= losses(MOVES, context, network) - 1).float().mean() > 0.8
    assert losses(HardestOf(MOVES, 8), context, network).mean() > losses(MOVES, context, network).mean()
    hardest, any_sample = Synthetic(replace=1.0, hardest_of=8), Synthetic(replace=1.0)
    assert losses(hardest, context, network).mean() > losses(any_sample, context, network).mean()
    with pytest.raises(
        InputError, match="expected a network for the hardest of k copies, got an estimator; leave this"
    ):
        HardestOf(MOVES).fit(context_of(digits, classifier="forest"))


def test_the_output_of_a_stage_is_appended_with_its_targets(augmenter, digits):
    context, t = context_of(digits, augmenter), one_hot(digits) * 2.5  # weighted
    x, targets = Append().fit(context)(digits.x, t, 4)
    assert len(x) == len(targets) == 4 * len(digits)
    assert torch.equal(x[: len(digits)], digits.x)
    assert torch.equal(targets, t.repeat(4, 1))
    added = x[len(digits) :].view(3, *digits.x.shape)
    assert (added != digits.x).flatten(2).any(2).float().mean() > 0.9
    assert not torch.equal(added[0], added[1])
    repeated, _ = Append(Unchanged(), 2).fit(context)(digits.x, t, 4)
    assert torch.equal(repeated, digits.x.repeat(3, 1, 1, 1))
    # Copies for an estimator are added to the real samples anyway.
    x, _ = Append().fit(context_of(digits, augmenter, classifier="forest"))(digits.x, t, 4)
    assert len(x) == len(digits)
    assert Append(HardestOf(MOVES)).networks_only
    assert not Append().networks_only
    assert Append(Mix(cut=True)).images_only
    assert Append(ClassWeights()).weights_samples
    with pytest.raises(InputError, match="expected add to be a whole number from 1 up, got 0"):
        Append(add=0)


@pytest.mark.parametrize(("classifier", "count"), [("cnn", 60), ("forest", 120)])
def test_synthetic_samples_replace_a_fraction_of_a_batch(augmenter, digits, classifier, count):
    context = context_of(digits, augmenter, classifier=classifier)
    x, t = Synthetic(replace=0.5).fit(context)(digits.x, one_hot(digits), 4)
    assert int((x != digits.x).flatten(1).any(1).sum()) == pytest.approx(count, abs=1), "all of the copies of a forest"
    assert torch.equal(t, one_hot(digits))
    unchanged, _ = Synthetic(replace=0).fit(context_of(digits, augmenter))(digits.x, t, 4)
    assert torch.equal(unchanged, digits.x)
    with pytest.raises(InputError, match="expected replace to be a number from 0 to 1, got 2"):
        Synthetic(replace=2)


def test_pixel_noise_changes_as_much_as_the_vae(augmenter, digits):
    context, reference = context_of(digits, augmenter), Synthetic(replace=1.0)
    rms = [
        float((stage.fit(context)(digits.x, one_hot(digits), 1)[0] - digits.x).square().mean().sqrt())
        for stage in (reference, PixelNoise(reference))
    ]
    assert rms[1] == pytest.approx(rms[0], rel=0.15)
    x, _ = PixelNoise(replace(reference, replace=0.5)).fit(context)(digits.x, one_hot(digits), 1)
    assert 0.35 < (x != digits.x).flatten(1).any(1).float().mean() < 0.65
    assert digits.x.min() <= x.min()
    assert x.max() <= digits.x.max()


@pytest.mark.parametrize("control", [PCAInsteadOfVAE, IdentityInsteadOfVAE])
def test_controls_with_another_space_return_the_samples_at_scale_zero(digits, control):
    context = context_of(digits)
    unchanged, _ = control(Extrapolate(0.0), replace=1.0).fit(context)(digits.x, one_hot(digits), 0)
    assert torch.equal(unchanged, digits.x)
    changed, _ = control(Extrapolate(1.0), replace=1.0).fit(context)(digits.x, one_hot(digits), 0)
    assert (changed != digits.x).flatten(1).any(1).all()
    assert "augmenter" not in context.shared, "they need no VAE"


def test_the_identity_control_moves_along_the_difference_of_two_samples(digits):
    few = subset(load("digits"), 2)
    same_class = few.y[:, None] == few.y
    other = few.x[(same_class & ~torch.eye(len(few), dtype=torch.bool)).long().argmax(1)]
    changed, _ = IdentityInsteadOfVAE(Extrapolate(1.0), replace=1.0).fit(context_of(few))(few.x, one_hot(few), 0)
    # With two samples per class, the other sample of its class is the only one to move away from.
    moves = torch.nn.functional.cosine_similarity((changed - few.x).flatten(1), (few.x - other).flatten(1))
    assert (moves > 0.5).all()
    assert moves.mean() > 0.7, "up to clipping"


def test_unchanged_changes_nothing(digits):
    x, t = Unchanged().fit(context_of(digits))(digits.x, one_hot(digits), 0)
    assert x is digits.x
    assert torch.equal(t, one_hot(digits))


def test_a_policy_augments_images(digits):
    policy = RandomErasing()
    stage = PolicyAugmentation(policy)
    x, t = stage.fit(context_of(digits))(digits.x, one_hot(digits), 3)
    assert torch.equal(x, policy.on(digits.x)(digits.x, 3))
    assert torch.equal(t, one_hot(digits))
    assert not Method("policy", (stage,)).supports("mlp", images=False)


def test_two_stages_alternate_over_the_halves_of_a_batch(digits):
    erased = ClassicalAugmentation(Classical(shift=0, cutout=1.0))
    stage = Alternate(erased, ClassWeights())
    context = context_of(subset(load("digits"), [9, 8, 7, 6, 5, 4, 3, 3, 2, 2]))
    samples = context.samples
    x, t = stage.fit(context)(samples.x, one_hot(samples), 3)
    changed, weighted = (x != samples.x).flatten(1).any(1), (t != one_hot(samples)).any(1)
    assert 0.4 < changed.float().mean() < 0.55, "a cutout around a corner changes less"
    assert not (changed & weighted).any()
    assert weighted.any()
    assert torch.equal(samples.x, context.samples.x)
    assert stage.weights_samples
    assert Alternate(Unchanged(), Mix(cut=True)).images_only
    assert Alternate(HardestOf(MOVES), Unchanged()).networks_only
    assert Alternate(Unchanged(), WithUnlabelled(unlabelled_count=7)).unlabelled_count == 7


def test_stages_of_a_method_run_in_order_with_seeds_of_their_own(digits):
    seen = []

    class Spy(Stage):
        def fit(self, context, network=None):
            return lambda x, t, seed: (seen.append(seed) or x + 1, 2 * t)

    x, t = Method("spies", (Spy(), Spy())).fit(context_of(digits))(digits.x, one_hot(digits), 7)
    assert torch.equal(x, digits.x + 2)
    assert torch.equal(t, 4 * one_hot(digits))
    assert len(set(seen)) == 2
    Method("spies", (Spy(), Spy())).fit(context_of(digits))(digits.x, t, 7)
    assert seen[:2] == seen[2:]


def test_the_methods_of_a_seed_share_one_augmenter(digits, monkeypatch):
    fitted = []
    fit_augmenter = context_module.fit_augmenter
    monkeypatch.setattr(context_module, "fit_augmenter", lambda *args: fitted.append(args[1]) or fit_augmenter(*args))
    methods = ["none", "synthetic", "synthetic (covariance)", "pixel noise"]
    results = quick_compare(methods=methods, classifiers=("cnn", "knn"), seeds=[3, 4])
    assert fitted == [3, 4]
    for seed in (3, 4):
        seconds = {result.method: set() for result in results}
        for result in results:
            if result.seed == seed:
                seconds[result.method].add(result.vae_seconds)
        assert seconds.pop("none") == {0}
        (shared,) = set().union(*seconds.values())
        assert shared > 0
