from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from vaeaug import Augmenter, CrossFitted, Difference, InputError, Posterior
from vaeaug.augmenter.unlabelled import adopt, as_unlabelled
from vaeaug.bench.compare import compare
from vaeaug.bench.methods import ANY_CLASS, JOINED_MIXED, RECIPE, STANDARD, with_unlabelled
from vaeaug.bench.runs import Run, Settings
from vaeaug.bench.stages.unlabelled import Adopting
from vaeaug.data import load, subset
from vaeaug.data.lookup import SampleIndex
from vaeaug.data.samples import Samples
from vaeaug.models.codec import Codec
from vaeaug.perturb.pseudo_labelled import PseudoLabelled

pytestmark = pytest.mark.usefixtures("random_state_untouched")

QUICK = {"steps": 60, "progress": False, "teacher": "logistic"}


@pytest.fixture(scope="module")
def pool():
    return load("digits")[torch.arange(1000)]


@pytest.fixture(scope="module")
def few():
    return subset(load("digits"), 6, seed=1)


@pytest.fixture(scope="module")
def adopted(few, pool):
    return Augmenter().fit(few, unlabelled=pool.x, **QUICK)


def test_donors_are_near_and_mostly_of_the_class(adopted, few, pool):
    donors = adopted.bank_.donors
    true = pool.y[SampleIndex(pool.x)(donors.x)]
    assert (true == few.y[donors.owner]).float().mean() > 0.85
    assert len(donors) > len(few)
    assert len(SampleIndex(donors.x)(donors.x).unique()) == len(donors), "a sample is a donor of one"
    mean, _ = Codec(adopted.vae_).codes(pool.x, None)
    distance = torch.cdist(adopted.bank_.mean, mean).sort(1).values[:, 24]
    own = (adopted.bank_.mean[donors.owner] - donors.mean).norm(dim=1)
    assert (own <= distance[donors.owner] + 1e-4).all()


class Judge(CrossFitted):
    def __init__(self, p):
        self.p = p

    def probabilities(self, x, parents=None):
        assert parents is not None
        assert len(parents) == len(x)
        return self.p.expand(len(x), -1)


def test_only_those_that_the_teacher_takes_for_the_class_are_adopted(adopted, few, pool):
    plain = adopted.subset(torch.arange(len(few)))
    three = adopt(plain, pool.x, Judge(torch.eye(10)[3] * 0.5 + 0.05), 0)
    assert (few.y[three.owner] == 3).all()
    assert torch.allclose(three.confidence, torch.tensor(0.55))
    assert plain.bank_.donors is None


def test_children_start_from_donors_and_are_children_of_the_labelled(adopted, few):
    still = adopted.using(perturb=Posterior(0.0))
    made = still.generate(600, seed=0)
    donors = adopted.bank_.donors
    own = (made.x == few.x[made.parent]).flatten(1).all(1)
    at = SampleIndex(donors.x)(made.x[~own])
    assert (at >= 0).all()
    assert torch.equal(donors.owner[at], made.parent[~own])
    assert torch.equal(made.y, few.y[made.parent])
    assert torch.bincount(made.parent, minlength=60).tolist() == [10] * 60
    assert torch.equal(made.confidence[~own], donors.confidence[at])
    expected = 1 / (1 + torch.bincount(donors.owner, minlength=60)).float()
    assert abs(own.float().mean() - expected.mean()) < 0.08, "itself as often as each donor"


def test_samples_near_the_labelled_have_their_donors(adopted, few):
    still = adopted.using(perturb=Posterior(0.0))
    rows = torch.tensor([7, 50, 7])
    made = still.generate(300, near=few.x[rows], labels=few.y[rows], seed=0)
    assert torch.equal(made.parent, torch.arange(300) % 3)
    donors = adopted.bank_.donors
    at = SampleIndex(donors.x)(made.x)
    assert torch.equal(donors.owner[at[at >= 0]], rows[made.parent[at >= 0]])
    assert (at >= 0).any()
    again = still.generate(40, near=few.x[rows], labels=few.y[rows], seed=0)
    assert torch.equal(again.x, made.x[:40])


def test_perturbations_draw_from_donors_too(adopted):
    partners = adopted.bank.with_pseudo_labelled
    assert len(partners) == len(adopted.bank_) + len(adopted.bank_.donors)
    assert partners.partners is partners
    assert adopted.using(perturb=Difference()).generate(20, seed=0).x.isfinite().all()


def test_every_way_of_asking_gives_the_same(adopted):
    whole = adopted.generate(600, seed=4)
    assert torch.equal(adopted.chunk(1, 4).x, whole.x[256:512])


def test_they_are_saved(adopted, tmp_path):
    adopted.save(tmp_path / "m")
    again = Augmenter.load(tmp_path / "m")
    assert torch.equal(again.generate(50, seed=2).x, adopted.generate(50, seed=2).x)
    assert len(again.bank_.donors) == len(adopted.bank_.donors)


def test_without_donors_nothing_changes(few, adopted):
    plain = adopted.subset(torch.arange(len(few)))
    nobody = PseudoLabelled(*(getattr(adopted.bank_.donors, f.name)[:0] for f in fields(PseudoLabelled)))
    lonely = adopted.subset(torch.arange(len(few)))
    lonely.bank_ = replace(lonely.bank_, donors=nobody)
    assert torch.equal(lonely.generate(50, seed=0).x, plain.generate(50, seed=0).x)


class Unread:
    """A label that nobody may look at."""

    def __getattribute__(self, name):
        raise AssertionError("a label of an unlabelled sample was read")


class Items(Dataset):
    def __init__(self, x, tuples):
        self.x, self.tuples = x, tuples

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return (self.x[i], Unread()) if self.tuples else self.x[i]


def test_labels_of_the_pool_are_never_read(few, pool):
    expected = pool.x[:30]
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


def test_shuffled_labels_of_the_pool_change_nothing(few, pool):
    one, two = (Augmenter().fit(few, unlabelled=(pool.x[:200], y), **{**QUICK, "steps": 5}) for y in (pool.y, -pool.y))
    assert torch.equal(one.generate(20, seed=0).x, two.generate(20, seed=0).x)


def test_a_folder_of_pictures_without_classes(few, tmp_path):
    for i in range(3):
        Image.fromarray(np.full((8, 8), 50 * i, np.uint8)).save(tmp_path / f"{i}.png")
    found = as_unlabelled(tmp_path, few, conditional=False)
    assert found.shape == (3, 1, 8, 8)
    assert found[:, 0, 0, 0].tolist() == pytest.approx([0, 50 / 255, 100 / 255])


def test_what_cannot_be_used_is_refused(few, pool):
    with pytest.raises(
        InputError, match="expected a VAE that is not told labels, got a conditional one and samples wi"
    ):
        Augmenter().fit(few, unlabelled=pool.x, num_classes=10)
    with pytest.raises(InputError, match=r"expected unlabelled of shape \(B, 1, 8, 8\), got \(4, 1, 9, 9\)"):
        Augmenter().fit(few, unlabelled=torch.zeros(4, 1, 9, 9))
    with pytest.raises(InputError, match="expected finite numbers in x, got NaN or infinity in 1 of 2 samples"):
        Augmenter().fit(few, unlabelled=torch.stack([few.x[0], few.x[0] / 0]))
    with pytest.raises(InputError, match="expected at least one unlabelled sample, got none; leave unlabelled out"):
        Augmenter().fit(few, unlabelled=Items(pool.x[:0], True))


def test_the_arm_sees_samples_beside_the_subset_and_no_labels(few, pool):
    everything = load("digits")
    run = Run(few, 3, Settings(steps=5, vae=(("steps", 5),)))
    run.pool = Samples(everything.x, Unread(), everything.names)
    found = Adopting(count=500).drawn(run)
    assert (SampleIndex(few.x)(found) < 0).all(), "none of the training subset is among them"
    assert len(SampleIndex(found)(found).unique()) == 500
    assert torch.equal(Adopting(count=100).drawn(run), found[:100])
    run.network = torch.nn.Identity()
    x, t = few.x, torch.nn.functional.one_hot(few.y, 10).float()
    changed, _ = Adopting(count=50, teacher="logistic", replace=1.0).fit(run)(x, t, 0)
    assert changed.shape == x.shape
    one, other = (replace(Adopting(count=50, teacher="logistic"), replace=ratio) for ratio in (0.2, 0.8))
    assert one.fitted(run) is other.fitted(run), "arms share the VAE"
    run.pool = None
    with pytest.raises(
        InputError, match=r"expected a run that knows its pool, got one that does not; use vaeaug\.compare"
    ):
        Adopting(count=5).drawn(run)


def test_the_benchmark_adds_arms():
    settings = Settings(steps=3, vae=(("steps", 3),))
    shared = {"per_class": 4, "seeds": 1, "settings": settings, "progress": False, "classifier": "logistic"}
    rows = list(compare("digits", unlabelled=60, **shared))
    assert [row.arm for row in rows] == [
        *STANDARD,
        "vae, unlabelled",
        "classical + vae, unlabelled",
    ]
    assert len({row.subset for row in rows}) == 1
    pooled = [arm.name for arm in with_unlabelled(60, "digits") if arm.suits("cnn")]
    assert pooled == [
        "vae, unlabelled",
        "classical + vae, unlabelled",
        f"{JOINED_MIXED}, unlabelled",
        f"{RECIPE}, unlabelled",
        f"{ANY_CLASS}, unlabelled",
    ]
    recipe = list(compare("digits", methods=with_unlabelled(60, "digits")[-1:], **(shared | {"classifier": "cnn"})))
    assert [row.arm for row in recipe] == pooled[-1:], "networks have the recipe's, too"
    assert [row.arm for row in compare("digits", **shared)] == list(STANDARD), "by default there are none"
    with pytest.raises(
        InputError, match=r"expected 900 samples beside the training subset, got 85. in the part to train"
    ):
        compare("digits", unlabelled=900, **shared)
    with pytest.raises(InputError, match="expected unlabelled to be a whole number from 0 up, got -1"):
        compare("digits", unlabelled=-1, **shared)
