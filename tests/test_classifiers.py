import subprocess
import sys

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from vaeaug import InputError
from vaeaug.models.classifiers import ESTIMATORS, as_classifier, hardest, hardest_index, small_cnn
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")


@pytest.fixture
def network():
    with seeds.forked(0):
        return small_cnn((1, 8, 8), 10)


def test_the_hardest_candidate_has_the_highest_loss():
    network = nn.Identity()
    x = torch.tensor([[[3.0, 0.0], [0.0, 0.0]], [[0.0, 3.0], [0.0, 9.0]]])
    soft_labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).expand(2, 2, 2)
    assert hardest_index(x, soft_labels, network).tolist() == [1, 0]
    assert hardest_index(x, torch.tensor([0, 1]), network).tolist() == [1, 0]
    assert torch.equal(hardest(x, torch.tensor([0, 1]), network), torch.tensor([[0.0, 3.0], [0.0, 0.0]]))


def test_soft_labels_of_each_candidate_count(digits, network):
    x, y = digits.x[:24].expand(3, 24, 1, 8, 8), digits.y[:24]
    one_hot = nn.functional.one_hot(y, 10).float()
    sure, unsure = 0.9 * one_hot + 0.01, torch.full((24, 10), 0.1)
    index = hardest_index(x, torch.stack([sure, unsure, unsure]), network)
    logits = network.eval()(digits.x[:24])
    losses = torch.stack([nn.functional.cross_entropy(logits, t, reduction="none") for t in (sure, unsure)])
    assert torch.equal(index, losses.argmax(0)), "of equal candidates the first"


def test_the_network_keeps_its_mode(digits, network):
    network.train()
    before = network[1].running_mean.clone()
    hardest(torch.stack([digits.x[:20], digits.x[20:40]]), digits.y[:20], network)
    assert network.training
    assert torch.equal(network[1].running_mean, before)


def test_hardest_needs_logits_of_every_class(digits, network):
    x = digits.x[None, -20:]
    with pytest.raises(
        InputError, match=r"logits of shape \(B, K\), K above 9, from the network, got \(20, 16, 4, 4\)"
    ):
        hardest(x, digits.y[-20:], network[:4])
    with pytest.raises(InputError, match=r"K above 19, from the network, got \(20, 10\); pass a network that returns"):
        hardest(x, torch.full((1, 20, 20), 0.05), network)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_is_new_and_takes_the_seed(name):
    classifier = as_classifier(name)
    one, two = classifier.estimator(3), classifier.estimator(3)
    assert one is not two
    assert repr(one) == repr(two)
    states = {value for key, value in one.get_params().items() if key.endswith("random_state")}
    assert states <= {3, None}
    assert not classifier.is_network


def test_the_seed_sets_every_random_state_of_a_classifier_of_your_own():
    tree = as_classifier(("t", make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=7))))
    assert tree.estimator(3)[1].random_state == 3
    assert tree.spec[1].random_state == 7
    assert tree.accepts_sample_weight
    assert not as_classifier(("k", make_pipeline(KNeighborsClassifier(3)))).accepts_sample_weight


def test_resnet_takes_small_images_of_any_number_of_channels():
    with seeds.forked(0):
        network = as_classifier("resnet18").network((3, 9, 8), 4)
    assert network.eval()(torch.zeros(2, 3, 9, 8)).shape == (2, 4)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(11.2e6, rel=0.01)


def test_classifiers_load_no_library_before_they_are_created():
    script = "import sys, vaeaug.models.classifiers\nprint(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sklearn", "torchvision"} & set(modules)
