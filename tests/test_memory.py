"""The memory of generation grows with the number of samples, and not with their number times that of the classes."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vaeaug import Augmenter

N, CLASSES, FEATURES = 20_000, 100, 3


class Largest(TorchDispatchMode):
    """Records the largest number of entries of any tensor that is made inside."""

    def __init__(self):
        super().__init__()
        self.entries, self.operation = 0, None

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            # A view that only repeats takes no memory.
            if isinstance(tensor, torch.Tensor) and 0 not in tensor.stride() and tensor.numel() > self.entries:
                self.entries, self.operation = tensor.numel(), str(function)
        return result


@pytest.fixture(scope="module")
def many_classes():
    x = torch.rand(4 * CLASSES, FEATURES, generator=torch.Generator().manual_seed(0))
    return Augmenter().fit(x, torch.arange(4 * CLASSES) % CLASSES, steps=2, progress=False)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"labels": torch.arange(N) % CLASSES},
        {"labels": list(range(CLASSES))},
        {"near": torch.full((N, FEATURES), 0.5), "labels": torch.arange(N) % CLASSES},
        {"near": torch.full((N, FEATURES), 0.5)},
    ],
    ids=["all", "a label each", "labels in turn", "near", "near without labels"],
)
def test_generate(many_classes, settings):
    with Largest() as largest:
        generated = many_classes.generate(N, seed=0, **settings)
    assert generated.x.shape == (N, FEATURES)
    # Codes have 16 entries per sample; a table of samples by classes would have 100.
    assert largest.entries <= 30 * N, largest.operation


def test_a_label_each_takes_its_samples_in_turn(many_classes):
    labels = torch.tensor([3, 3, 7, 3, 99, 7])
    generated = many_classes.generate(24, labels=labels, seed=0)
    assert torch.equal(generated.y, labels.repeat(4))
    # Four samples of each class: four occurrences in a row use each of them once.
    of_3 = generated.parent[generated.y == 3]
    assert all(len(set(of_3[i : i + 4].tolist())) == 4 for i in range(len(of_3) - 3))


def test_votes_are_those_of_a_count(many_classes):
    bank = many_classes.bank_
    z = bank.mean[:50] + 0.1
    label, fraction = bank.classify(z)
    distance = torch.cdist(z, bank.mean, compute_mode="donot_use_mm_for_euclid_dist")
    for i, nearest in enumerate(distance.topk(5, largest=False).indices):
        counts = torch.bincount(bank.samples.y[nearest], minlength=CLASSES)
        first = bank.samples.y[nearest[0]]
        assert label[i] == (first if counts[first] == counts.max() else counts.argmax())
        assert fraction[i] == counts.max() / 5
