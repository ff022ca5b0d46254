"""The baselines with unlabelled samples: whose labels they give, and what they append to a batch."""

from dataclasses import replace

import pytest
import torch
from quick_bench import context_of, one_hot
from torch import nn

from vaeaug import Classical, InputError
from vaeaug.bench.compare import compare
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.method import Method
from vaeaug.bench.stages.pools import FixMatch, PseudoLabels, SpreadLabels
from vaeaug.bench.stages.unlabelled import draw_unlabelled
from vaeaug.data import Samples, load, subset
from vaeaug.data.lookup import SampleIndex
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")

COUNT = 200
SETTINGS = Settings(steps=80)
STAGES = [
    PseudoLabels(COUNT, augmentation=Classical(shift=0.125)),
    SpreadLabels(COUNT),
    FixMatch(COUNT, weak=Classical(shift=0.125)),
]
every_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.key)
labelling = pytest.mark.parametrize("stage", STAGES[:2], ids=lambda stage: stage.key)


class Unread:
    """Labels that nobody may read."""

    def __getattribute__(self, name):
        raise AssertionError("a label of an unlabelled sample was read")


@pytest.fixture(scope="module")
def data():
    return load("digits")


@pytest.fixture(scope="module")
def few(data):
    return subset(data, 10, seed=1)


@pytest.fixture(scope="module")
def context(data, few):
    return context_of(few, settings=SETTINGS, train_data=Samples(data.x, Unread(), data.names))


class Certain(nn.Module):
    """Says with one probability that an image has the class that its brightest column has."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        labels = x.mean((1, 2)).argmax(1)
        rest = torch.full((len(x), 10), (1 - self.p) / 9)
        return rest.scatter(1, labels[:, None], self.p).log()


@every_stage
def test_three_samples_of_the_pool_join_for_each_labelled_one(stage, context, few):
    transform = stage.fit(context, Certain(0.91))
    x, t = few.x[:16], one_hot(few)[:16]
    added, targets = transform(x, t, 0)
    assert added.shape == (64, *few.event_shape)
    assert targets.shape == (64, 10)
    assert torch.equal(added[:16], x)
    assert torch.equal(targets[:16], t)
    assert (targets[16:] > 0).sum(1).max() == 1, "one label or none for each"
    again, other = transform(x, t, 0), transform(x, t, 1)
    assert torch.equal(again[0], added)
    assert not torch.equal(other[0], added)
    few_added, _ = replace(stage, add=1).fit(context, Certain(0.91))(x, t, 0)
    assert len(few_added) == 32


@labelling
def test_what_joins_is_from_the_pool_and_mostly_has_its_own_label(stage, context, data):
    pool = stage.labelled_pool(context)
    drawn = draw_unlabelled(context, COUNT)
    index = SampleIndex(drawn)(pool.x)
    assert (index >= 0).all()
    assert len(index.unique()) == len(index)
    true_labels = data.y[SampleIndex(data.x)(pool.x)]
    assert (pool.t.argmax(1) == true_labels).float().mean() > 0.85, "by chance it would be 0.1"


@labelling
def test_the_most_confident_half_is_kept(stage, context):
    drawn = draw_unlabelled(context, COUNT)
    confidence, labels = stage.probabilities(context, drawn).max(1)
    pool = stage.labelled_pool(context)
    index = SampleIndex(drawn)(pool.x)
    assert len(index) == COUNT // 2
    assert torch.equal(pool.t.argmax(1), labels[index])
    left_out = torch.ones(COUNT, dtype=torch.bool)
    left_out[index] = False
    assert confidence[index].min() >= confidence[left_out].max()
    assert len(replace(stage, kept=1).labelled_pool(context).x) == COUNT


def test_methods_of_a_seed_share_the_labels_but_not_those_of_another_network(context, data, few):
    stage = PseudoLabels(COUNT, augmentation=Classical(shift=0.125))
    assert stage.labelled_pool(context) is replace(stage).labelled_pool(context)
    other = context_of(few, settings=Settings(steps=5), classifier="mlp", train_data=data)
    other = replace(other, shared=context.shared)
    assert stage.labelled_pool(other) is not stage.labelled_pool(context)


def test_an_estimator_gets_the_whole_confident_part_once(data, few):
    context = context_of(few, classifier="forest", train_data=data)
    stage = SpreadLabels(COUNT)
    pool = stage.labelled_pool(context)
    x, t = stage.fit(context)(few.x, one_hot(few), 0)
    assert torch.equal(x, torch.cat([few.x, pool.x]))
    assert torch.equal(t, torch.cat([one_hot(few), pool.t]))


def test_labels_are_spread_where_a_class_has_no_sample(data, few):
    without_nine = few[few.y != 9]
    context = context_of(without_nine, train_data=data)
    p = SpreadLabels(COUNT).probabilities(context, draw_unlabelled(context, COUNT))
    assert p.shape == (COUNT, 10)
    assert (p[:, 9] == 0).all()
    assert torch.isfinite(p).all()


@pytest.mark.parametrize(
    ("p", "smoothing", "threshold", "used"),
    [
        (0.91, 0.1, 0.95, True),  # as certain as smoothing allows
        (0.91, 0.0, 0.95, False),
        (0.96, 0.0, 0.95, True),
        (0.80, 0.1, 0.95, False),
        (0.80, 0.1, 0.85, True),
        (0.5, 0.0, 0.0, True),
    ],
)
def test_fixmatch_learns_where_the_network_is_confident(p, smoothing, threshold, used, data, few):
    context = context_of(few, settings=Settings(smoothing=smoothing), train_data=data)
    x, t = few.x, one_hot(few)
    fixmatch = FixMatch(COUNT, threshold=threshold, weight=2.0, add=4)
    _, targets = fixmatch.fit(context, Certain(p))(x, t, 0)
    weights = targets[len(x) :].sum(1)
    assert torch.allclose(weights, torch.full_like(weights, 0.5 if used else 0.0)), "2 for the pool as a whole"


def test_fixmatch_labels_weakly_and_learns_strongly_augmented_images(data, few):
    context = context_of(few, train_data=data)
    unmoved = FixMatch(COUNT, weak=Classical(shift=0), threshold=0)
    network = Certain(0.9)
    x, targets = unmoved.fit(context, network)(few.x, one_hot(few), 0)
    index = SampleIndex(draw_unlabelled(context, COUNT))
    assert (index(x[len(few) :]) < 0).float().mean() > 0.5, "most are changed"
    columns = lambda images: set(network(images).argmax(1).tolist())  # noqa: E731
    assert set(targets[len(few) :].argmax(1).tolist()) == columns(draw_unlabelled(context, COUNT))


def test_fixmatch_leaves_the_network_in_training_as_it_was(context, few):
    with seeds.forked(0):
        network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(64, 10)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    FixMatch(COUNT).fit(context, network)(few.x, one_hot(few), 0)
    assert network[0].training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network[2].weight.grad is None


def test_a_pool_helps_a_network_and_a_forest(data):
    methods = [Method("none"), Method("spread", (SpreadLabels(600),), kind="baseline")]
    shared = {"per_class": 3, "seeds": 2, "settings": Settings(steps=50), "progress": False}
    results = compare(data, methods=methods, classifiers=["cnn", "forest"], **shared)
    accuracy = {}
    for result in results:
        accuracy.setdefault((result.classifier, result.method), []).append(result.accuracy)
    for classifier in ("cnn", "forest"):
        assert sum(accuracy[classifier, "spread"]) > sum(accuracy[classifier, "none"]), classifier


@pytest.mark.parametrize("kind", [PseudoLabels, SpreadLabels, FixMatch])
def test_numbers_out_of_range_are_refused(kind):
    for wrong in ({"unlabelled_count": 0}, {"unlabelled_count": 5, "add": 0}):
        with pytest.raises(InputError, match="to be a whole number from 1 up"):
            kind(**wrong)
    name = "threshold" if kind is FixMatch else "kept"
    with pytest.raises(InputError, match=f"expected {name} to be a number .* to 1"):
        kind(5, **{name: 1.5})


@every_stage
def test_a_run_without_its_training_data_is_refused(stage, few):
    with pytest.raises(InputError, match="expected a run that knows its training data, got one without"):
        stage.fit(context_of(few), Certain(0.9))


def test_which_classifiers_and_data_they_support():
    pseudo, spread, fixmatch = (Method("m", (stage,)) for stage in STAGES)
    assert [method.supports("forest") for method in (pseudo, spread, fixmatch)] == [False, True, False]
    assert [method.supports("mlp", images=False) for method in (pseudo, spread, fixmatch)] == [True, True, False]
    with pytest.raises(InputError, match="expected a network that labels the pool, got an estimator"):
        STAGES[2].fit(context_of(subset(load("digits"), 3), classifier="forest"))
