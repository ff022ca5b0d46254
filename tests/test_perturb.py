import pickle
from dataclasses import replace

import pytest
import torch
from torch.distributions import Independent, Normal

from vaeaug import Covariance, Difference, Extrapolate, InputError, Interpolate, Posterior, Prior
from vaeaug.data import Samples, Scaling
from vaeaug.perturb import PERTURBATIONS, neighbours
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")

COUNTS = (40, 25, 2)


def make_bank(counts=COUNTS, latent_dim=3):
    y = torch.cat([torch.full((n,), label) for label, n in enumerate(counts)])
    y = y[torch.randperm(len(y), generator=seeds.generator(1))]
    # Classes lie far apart, each with a spread of its own.
    spread = torch.tensor([1.0, 0.1, 0.5])[y % 3][:, None]
    z = 100.0 * y[:, None] + spread * torch.randn(len(y), latent_dim, generator=seeds.generator(2))
    x = torch.rand(len(y), 1, 8, 8, generator=seeds.generator(3))
    return Bank(Samples(x, y), z, 0.3 * torch.ones_like(z), Scaling())


@pytest.fixture
def bank():
    return make_bank()


def draw(perturb, bank, seed=0):
    return perturb(bank.q(torch.arange(len(bank))), bank.samples.y, bank, seeds.generator(seed))


EVERY = [
    *(scheme() for scheme in PERTURBATIONS.values()),
    Covariance(pooled=False),
    Interpolate(neighbours=3),
    Extrapolate(neighbours=3),
    Difference(pairs_from="shrunk"),
    Difference(pairs_from="any_class"),
]


@pytest.mark.parametrize("perturb", EVERY, ids=repr)
class TestContract:
    def test_scale_zero_is_the_code_itself(self, perturb, bank):
        still = type(perturb)(**{**vars(perturb), "scale": 0})
        assert torch.equal(draw(still, bank), bank.mean)

    def test_it_moves_and_keeps_its_shape(self, perturb, bank):
        z = draw(perturb, bank)
        assert z.shape == bank.mean.shape
        assert torch.isfinite(z).all()
        assert (z != bank.mean).any(1).float().mean() > 0.9

    def test_same_generator_same_codes(self, perturb, bank):
        assert torch.equal(draw(perturb, bank, 5), draw(perturb, bank, 5))
        assert not torch.equal(draw(perturb, bank, 5), draw(perturb, bank, 6))

    def test_value_semantics(self, perturb, bank):
        assert pickle.loads(pickle.dumps(perturb)) == perturb
        assert type(perturb).__name__ in repr(perturb)

    def test_negative_scale_is_refused(self, perturb, bank):
        with pytest.raises(InputError, match="expected scale to be a number from 0"):
            type(perturb)(**{**vars(perturb), "scale": -0.1})


def test_posterior_has_the_encoders_spread(bank):
    q = Independent(Normal(torch.zeros(4000, 3), torch.tensor([0.1, 1.0, 2.0]).expand(4000, 3)), 1)
    z = Posterior(2.0)(q, torch.zeros(4000, dtype=torch.long), bank, seeds.generator(0))
    assert torch.allclose(z.std(0), torch.tensor([0.2, 2.0, 4.0]), rtol=0.05)


def test_covariance_is_the_within_class_one():
    bank = make_bank((3000, 3000, 3000))
    factor = bank.within_class()
    centred = torch.cat([bank.mean[bank.samples.y == c] - bank.mean[bank.samples.y == c].mean(0) for c in range(3)])
    assert torch.allclose(factor @ factor.T, centred.T @ centred / 9000, atol=0.02)
    each = bank.within_class(torch.tensor([0, 1]))
    assert torch.allclose((each @ each.mT).diagonal(dim1=1, dim2=2).mean(1), torch.tensor([1.0, 0.01]), rtol=0.1)


def test_covariance_of_two_samples_a_class_is_not_too_narrow():
    bank = make_bank((2,) * 400, latent_dim=3)
    spread = torch.tensor([1.0, 0.1, 0.5])
    variance = (bank.within_class() @ bank.within_class().T).diagonal().mean()
    assert variance == pytest.approx(float(spread.square().mean()), rel=0.25)


def test_a_tiny_class_borrows_its_covariance(bank):
    variance = [(f @ f.T).trace() for f in bank.within_class(torch.tensor([0, 1, 2]))]
    pooled = bank.within_class() @ bank.within_class().T
    assert variance[1] < variance[2], "a class of two samples is drawn towards the pooled covariance"
    assert abs(variance[2] - pooled.trace()) < abs(variance[1] - pooled.trace())


def test_covariance_of_codes_that_do_not_vary_is_still_a_covariance(bank):
    flat = Bank(bank.samples, torch.zeros_like(bank.mean), bank.stddev, bank.scaling)
    assert torch.isfinite(flat.within_class()).all()


def on_segment(z, start, ends):
    """Returns, for one code, which of the ends it lies on the way to."""
    detour = (z - start).norm() + (ends - z).norm(dim=1) - (ends - start).norm(dim=1)
    return detour.abs() < 1e-3


def test_interpolation_lies_between_the_code_and_another_of_its_class(bank):
    z = draw(Interpolate(1.0), bank)
    for i, label in enumerate(bank.samples.y.tolist()):
        others = bank.mean[(bank.samples.y == label) & (torch.arange(len(bank)) != i)]
        assert on_segment(z[i], bank.mean[i], others).any()


def test_interpolation_goes_all_the_way_at_most():
    bank = make_bank((2,) * 2000)
    y = bank.samples.y
    pairs = torch.stack([bank.class_index.kth_of_class(y, torch.full_like(y, rank)) for rank in (0, 1)])
    other = torch.where(pairs[0] == torch.arange(len(y)), pairs[1], pairs[0])
    way = bank.mean[other] - bank.mean
    fraction = (draw(Interpolate(1.0), bank) - bank.mean).norm(dim=1) / way.norm(dim=1)
    quantiles = fraction.quantile(torch.tensor([0.0, 0.5, 1.0]))
    assert torch.allclose(quantiles, torch.tensor([0.0, 0.5, 1.0]), atol=0.03), "u is uniform"


def test_extrapolation_mirrors_interpolation(bank):
    inwards, outwards = draw(Interpolate(1.0), bank), draw(Extrapolate(1.0), bank)
    assert torch.allclose(outwards - bank.mean, bank.mean - inwards, atol=1e-4)


@pytest.mark.parametrize(
    "perturb", [Interpolate(1.0), Extrapolate(1.0), Interpolate(1.0, neighbours=3), Difference(1.0)], ids=repr
)
def test_partners_are_of_the_same_class(perturb, bank):
    assert ((draw(perturb, bank) - bank.mean).abs() < 20).all(), "classes are 100 apart"


def test_the_smaller_a_class_the_more_it_borrows(bank):
    counts = [2, 20, 200]
    y = torch.arange(3).repeat_interleave(torch.tensor(counts))
    # Class c has codes that differ from each other along axis c alone: a difference tells whose it is.
    generator = seeds.generator(7)
    mean = torch.zeros(len(y), 3)
    mean[torch.arange(len(y)), y] = 1 + torch.rand(len(y), generator=generator)
    samples = Samples(torch.rand(len(y), 3, generator=generator), y, ("few", "some", "many"))
    imbalanced = Bank(samples, mean, torch.ones(len(y), 3), bank.scaling)
    for label, count in enumerate(counts):
        wanted = torch.full((4000,), label)
        at = torch.nonzero(y == label)[:1, 0].expand(4000)
        moved = (
            Difference(pairs_from="shrunk")(imbalanced.q(at), wanted, imbalanced, seeds.generator(label))
            - imbalanced.q(at).mean
        )
        own = (moved[:, label] != 0).float().mean().item()
        expected = count / (count + 20) + 20 / (count + 20) * count / len(y)
        assert abs(own - expected) < 0.03, (label, own, expected)


def test_neighbours_are_the_nearest_and_not_the_code_itself(bank):
    z = draw(Interpolate(1.0, neighbours=2), bank)
    for i, label in enumerate(bank.samples.y.tolist()):
        others = bank.mean[(bank.samples.y == label) & (torch.arange(len(bank)) != i)]
        closest = (others - bank.mean[i]).norm(dim=1).topk(min(2, len(others)), largest=False).indices
        assert on_segment(z[i], bank.mean[i], others[closest]).any()
        assert (z[i] - bank.mean[i]).norm() > 0


def test_cached_neighbours_are_those_that_a_search_finds(bank, monkeypatch):
    scheme, fresh = Extrapolate(neighbours=3), replace(bank)
    first = draw(scheme, fresh)
    searched: list[int] = []
    search = neighbours.nearest
    monkeypatch.setattr(neighbours, "nearest", lambda *a: searched.append(len(a[0])) or search(*a))
    assert torch.equal(draw(scheme, fresh), first)
    assert not searched, "the bank's own codes are searched once"
    y = bank.samples.y
    index, distance = fresh.class_neighbours(bank.mean + 0.25, y, 3)
    assert sum(searched) == len(bank), "codes of others always"
    for i, label in enumerate(y.tolist()):
        members = torch.nonzero(y == label)[:, 0]
        expected = (bank.mean[members] - (bank.mean[i] + 0.25)).norm(dim=1).sort()
        width = min(3, len(members))
        assert torch.equal(index[i, :width], members[expected.indices[:width]])
        assert float(distance[i]) == pytest.approx(float(expected.values[0]), rel=1e-5)


def test_pairs_from_any_class_cross_classes():
    bank = make_bank((300, 300, 300))
    rows = bank.samples.y == 1
    own, crossed = (
        draw(Difference(1.0, pairs_from=source), bank)[rows] - bank.mean[rows] for source in ("own_class", "any_class")
    )
    assert crossed.std() > 3 * own.std()


def test_prior_at_one_forgets_the_parent(bank):
    z = draw(Prior(1.0), bank)
    assert z.abs().max() < 6
    half = draw(Prior(0.6), make_bank((3000, 1, 1)))[:1000]
    assert half.std() == pytest.approx(1.0, abs=0.4)


def test_classify_asks_the_nearest_codes(bank):
    y, share = bank.classify(bank.mean + 0.01, neighbours=2)
    assert torch.equal(y, bank.samples.y)
    assert (share[bank.samples.y != 2] == 1).all()


def test_search_in_blocks_is_the_same(bank, monkeypatch):
    whole = bank.classify(bank.mean + 30, 7), draw(Extrapolate(neighbours=4), replace(bank))
    monkeypatch.setattr(neighbours, "SEARCH_BLOCK", 5)
    blocks = bank.classify(bank.mean + 30, 7), draw(Extrapolate(neighbours=4), replace(bank))
    assert torch.equal(whole[0][0], blocks[0][0])
    assert torch.equal(whole[0][1], blocks[0][1])
    assert torch.equal(whole[1], blocks[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interpolate(1.5), "expected scale to be a number from 0 to 1, got 1.5"),
        (lambda: Prior(1.5), "expected scale to be a number from 0 to 1, got 1.5"),
        (lambda: Extrapolate(neighbours=0), "expected neighbours to be a whole number from 1 up, got 0"),
        (lambda: Difference(pairs_from="rich"), "expected pairs_from to be one of own_class, any_class, shrunk"),
        (lambda: Difference(donors="any"), "expected the argument pairs_from, got donors='any'; donors is now called"),
        (lambda: Posterior("1"), "expected scale to be a number from 0 up, got '1'"),
        (lambda: Posterior(float("nan")), "expected scale to be a number from 0 up, got nan"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
