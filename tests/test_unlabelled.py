from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vaeaug import Augmenter, CrossFitted, Difference, InputError, Posterior
from vaeaug.augmenter.unlabelled import as_unlabelled, match_pseudo_labels
from vaeaug.data import load, subset
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.models.codec import Codec
from vaeaug.perturb.pseudo_labelled import PseudoLabelled

pytestmark = pytest.mark.usefixtures("random_state_untouched")

QUICK = {"steps": 60, "progress": False, "teacher": "logistic"}


@pytest.fixture(scope="module")
def unlabelled():
    return load("digits")[torch.arange(1000)]


@pytest.fixture(scope="module")
def few():
    return subset(load("digits"), 6, seed=1)


@pytest.fixture(scope="module")
def fitted(few, unlabelled):
    return Augmenter().fit(few, unlabelled=unlabelled.x, **QUICK)


def test_pseudo_labelled_samples_are_near_and_mostly_of_the_class(fitted, few, unlabelled):
    pseudo_labelled = fitted.bank_.pseudo_labelled
    true = unlabelled.y[SampleIndex(unlabelled.x)(pseudo_labelled.x)]
    assert (true == few.y[pseudo_labelled.parent_index]).float().mean() > 0.85
    assert len(pseudo_labelled) > len(few)
    assert len(SampleIndex(pseudo_labelled.x)(pseudo_labelled.x).unique()) == len(pseudo_labelled), (
        "a sample has one parent"
    )
    mean, _ = Codec(fitted.vae_).codes(unlabelled.x, None)
    distance = torch.cdist(fitted.bank_.mean, mean).sort(1).values[:, 24]
    to_parent = (fitted.bank_.mean[pseudo_labelled.parent_index] - pseudo_labelled.mean).norm(dim=1)
    assert (to_parent <= distance[pseudo_labelled.parent_index] + 1e-4).all()


class Judge(CrossFitted):
    def __init__(self, p):
        self.p = p

    def probabilities(self, x, parents=None):
        assert parents is not None
        assert len(parents) == len(x)
        return self.p.expand(len(x), -1)


def test_only_samples_that_the_teacher_assigns_to_the_class_are_pseudo_labelled(fitted, few, unlabelled):
    plain = fitted.subset(torch.arange(len(few)))
    teacher = Judge(torch.eye(10)[3] * 0.5 + 0.05)
    three = match_pseudo_labels(plain.bank_, Codec(plain.vae_), unlabelled.x, teacher)
    assert (few.y[three.parent_index] == 3).all()
    assert torch.allclose(three.confidence, torch.tensor(0.55))
    assert plain.bank_.pseudo_labelled is None


def test_samples_start_from_pseudo_labelled_ones_and_their_parent_is_the_labelled(fitted, few):
    still = fitted.using(perturb=Posterior(0.0))
    made = still.generate(600, seed=0)
    pseudo_labelled = fitted.bank_.pseudo_labelled
    own = (made.x == few.x[made.parent]).flatten(1).all(1)
    at = SampleIndex(pseudo_labelled.x)(made.x[~own])
    assert (at >= 0).all()
    assert torch.equal(pseudo_labelled.parent_index[at], made.parent[~own])
    assert torch.equal(made.y, few.y[made.parent])
    assert torch.bincount(made.parent, minlength=60).tolist() == [10] * 60
    assert torch.equal(made.confidence[~own], pseudo_labelled.confidence[at])
    expected = 1 / (1 + torch.bincount(pseudo_labelled.parent_index, minlength=60)).float()
    assert abs(own.float().mean() - expected.mean()) < 0.08, "the parent itself as often as each pseudo-labelled sample"


def test_samples_near_the_labelled_share_their_pseudo_labelled_ones(fitted, few):
    still = fitted.using(perturb=Posterior(0.0))
    rows = torch.tensor([7, 50, 7])
    made = still.generate(300, near=few.x[rows], labels=few.y[rows], seed=0)
    assert torch.equal(made.parent, torch.arange(300) % 3)
    pseudo_labelled = fitted.bank_.pseudo_labelled
    at = SampleIndex(pseudo_labelled.x)(made.x)
    assert torch.equal(pseudo_labelled.parent_index[at[at >= 0]], rows[made.parent[at >= 0]])
    assert (at >= 0).any()
    again = still.generate(40, near=few.x[rows], labels=few.y[rows], seed=0)
    assert torch.equal(again.x, made.x[:40])


def test_perturbations_draw_partners_from_pseudo_labelled_samples_too(fitted):
    partners = fitted.bank_.with_pseudo_labelled
    assert len(partners) == len(fitted.bank_) + len(fitted.bank_.pseudo_labelled)
    assert partners.with_pseudo_labelled is partners
    assert fitted.using(perturb=Difference()).generate(20, seed=0).x.isfinite().all()


def test_chunks_are_slices_of_the_whole(fitted):
    whole = fitted.generate(600, seed=4)
    assert torch.equal(fitted.chunk(1, 4).x, whole.x[256:512])


def test_pseudo_labelled_samples_are_saved(fitted, tmp_path):
    fitted.save(tmp_path / "m")
    again = Augmenter.load(tmp_path / "m")
    assert torch.equal(again.generate(50, seed=2).x, fitted.generate(50, seed=2).x)
    assert len(again.bank_.pseudo_labelled) == len(fitted.bank_.pseudo_labelled)


def test_an_empty_set_of_pseudo_labelled_samples_changes_nothing(few, fitted):
    plain = fitted.subset(torch.arange(len(few)))
    none = PseudoLabelled(*(getattr(fitted.bank_.pseudo_labelled, f.name)[:0] for f in fields(PseudoLabelled)))
    without = fitted.subset(torch.arange(len(few)))
    without.bank_ = replace(without.bank_, pseudo_labelled=none)
    assert torch.equal(without.generate(50, seed=0).x, plain.generate(50, seed=0).x)


class Unread:
    """A label that none may look at."""

    def __getattribute__(self, name):
        raise AssertionError("a label of an unlabelled sample was read")


class Items(Dataset):
    def __init__(self, x, tuples):
        self.x, self.tuples = x, tuples

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return (self.x[i], Unread()) if self.tuples else self.x[i]


def test_labels_of_unlabelled_samples_are_never_read(few, unlabelled):
    expected = unlabelled.x[:30]
    loader = [(expected[:20], Unread()), (expected[20:], Unread())]
    forms = {
        "a tensor": expected,
        "an array": expected.numpy(),
        "a pair": (expected, Unread()),
        "a dataset of tuples": Items(expected, True),
        "a dataset": Items(expected, False),
        "a loader": DataLoader(Items(expected, False), 7, generator=torch.Generator()),
        "samples": Samples(expected, Unread(), ("a", "b")),
    }
    assert len(loader) == 2
    for name, form in forms.items():
        assert torch.equal(as_unlabelled(form, few, conditional=False), expected), name
    Augmenter().fit(few, unlabelled=Items(expected, True), **{**QUICK, "steps": 3})


def test_labels_of_unlabelled_samples_change_nothing(few, unlabelled):
    one, two = (
        Augmenter().fit(few, unlabelled=(unlabelled.x[:200], y), **{**QUICK, "steps": 5})
        for y in (unlabelled.y, -unlabelled.y)
    )
    assert torch.equal(one.generate(20, seed=0).x, two.generate(20, seed=0).x)


def test_a_folder_of_images_without_classes(few, tmp_path):
    for i in range(3):
        Image.fromarray(np.full((8, 8), 50 * i, np.uint8)).save(tmp_path / f"{i}.png")
    found = as_unlabelled(tmp_path, few, conditional=False)
    assert found.shape == (3, 1, 8, 8)
    assert found[:, 0, 0, 0].tolist() == pytest.approx([0, 50 / 255, 100 / 255])


def test_what_cannot_be_used_is_refused(few, unlabelled):
    with pytest.raises(
        InputError,
        match="expected an unconditional VAE, got a conditional one and samples without labels; leave num_cl",
    ):
        Augmenter().fit(few, unlabelled=unlabelled.x, num_classes=10)
    with pytest.raises(InputError, match=r"expected unlabelled of shape \(B, 1, 8, 8\), got \(4, 1, 9, 9\)"):
        Augmenter().fit(few, unlabelled=torch.zeros(4, 1, 9, 9))
    with pytest.raises(InputError, match="expected finite numbers in x, got NaN or infinity in 1 of 2 samples"):
        Augmenter().fit(few, unlabelled=torch.stack([few.x[0], few.x[0] / 0]))
    with pytest.raises(InputError, match="expected at least one unlabelled sample, got none; leave unlabelled out"):
        Augmenter().fit(few, unlabelled=Items(unlabelled.x[:0], True))
