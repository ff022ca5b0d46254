import pytest
import torch
from PIL import Image
from same_samples import same
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC
from torch import nn
from torch.distributions import Independent, Normal
from torch.utils.data import TensorDataset

from vaeaug import VAE, Augmenter, Confident, Covariance, Difference, InputError, Interpolate, Posterior, Prior, fit_vae
from vaeaug.data import Samples, load, subset
from vaeaug.models.codec import CHUNK
from vaeaug.perturb import PERTURBATIONS
from vaeaug.runtime import seeds

pytestmark = pytest.mark.usefixtures("random_state_untouched")

SCHEMES = [scheme() for scheme in PERTURBATIONS.values()]


@pytest.mark.parametrize("perturb", SCHEMES, ids=repr)
class TestEveryScheme:
    def test_prefix_does_not_depend_on_n(self, augmenter, digits, perturb):
        made = augmenter.using(perturb=perturb)
        for near in (None, digits.x[:50]):
            labels = None if near is None else digits.y[:50]
            many, few = (made.generate(n, near, labels, seed=3) for n in (600, 31))
            assert same([column[:31] for column in many], few)

    def test_chunks_are_slices_of_the_whole(self, augmenter, perturb):
        made = augmenter.using(perturb=perturb)
        whole = made.generate(2 * CHUNK, seed=3)
        second = made.chunk(1, seed=3)
        assert same([column[CHUNK:] for column in whole], second)

    def test_scale_zero_is_the_sample_itself(self, augmenter, digits, perturb):
        still = augmenter.using(perturb=type(perturb)(scale=0))
        assert torch.equal(still.generate(50, digits.x[:50], digits.y[:50]).x, digits.x[:50])
        made = still.generate(300, seed=1)
        assert torch.equal(made.x, digits.x[made.parent])

    def test_plain_decode_at_scale_zero_is_the_reconstruction(self, augmenter, digits, perturb):
        plain = augmenter.using(perturb=type(perturb)(scale=0), residual=False)
        made = plain.generate(20, digits.x[:20], digits.y[:20]).x
        with torch.no_grad():
            assert torch.allclose(made, augmenter.vae_.reconstruct(digits.x[:20]), atol=1e-5)

    def test_within_the_range_and_labelled_like_the_parent(self, augmenter, digits, perturb):
        made = augmenter.using(perturb=perturb).generate(300, seed=2)
        assert made.x.min() >= 0
        assert made.x.max() <= 1
        assert torch.equal(made.y, digits.y[made.parent])
        assert made.confidence.isnan().all(), "nothing judged them"
        assert (made.x != digits.x[made.parent]).flatten(1).any(1).float().mean() > 0.9


def test_unpacks_as_images_and_labels(augmenter):
    images, labels, *_ = augmenter.generate(4, seed=0)
    assert images.shape == (4, 1, 8, 8)
    assert labels.shape == (4,)


def test_seed(augmenter):
    assert same(augmenter.generate(9, seed=1), augmenter.generate(9, seed=1))
    assert not torch.equal(augmenter.generate(9, seed=1).x, augmenter.generate(9, seed=2).x)
    assert not torch.equal(augmenter.generate(9).x, augmenter.generate(9).x)


def test_every_real_sample_is_a_parent_equally_often(augmenter, digits):
    parents = augmenter.generate(3 * len(digits), seed=4).parent
    assert (torch.bincount(parents) == 3).all()
    near_parents = augmenter.generate(35, digits.x[:10], digits.y[:10]).parent
    assert torch.equal(near_parents, torch.arange(35) % 10)


def test_labels_name_the_classes_to_generate(augmenter, digits):
    made = augmenter.generate(300, labels=[3, 3, 8], seed=0)
    assert made.y[:6].tolist() == [3, 3, 8, 3, 3, 8]
    assert torch.equal(digits.y[made.parent], made.y)
    each = torch.bincount(made.parent[made.y == 3])
    assert each[each > 0].max() - each[each > 0].min() <= 1
    assert (augmenter.generate(5, labels=7, seed=0).y == 7).all()


def test_labels_left_out_are_inferred(augmenter, digits):
    made = augmenter.using(perturb=Posterior()).generate(120, digits.x)
    right = (made.y == digits.y).float()
    assert right.mean() > 0.7
    assert ((made.confidence > 0) & (made.confidence <= 1)).all()
    assert made.confidence[right == 1].mean() > made.confidence[right == 0].mean()


def test_dtype_and_device_follow_near(augmenter, digits):
    grey = (digits.x[:5] * 255).round().byte()
    made = augmenter.generate(5, grey, digits.y[:5], seed=0)
    assert made.x.dtype == torch.uint8
    exact = augmenter.generate(5, grey.float() / 255, digits.y[:5], seed=0)
    assert torch.equal(made.x.float(), (exact.x * 255).round())
    assert augmenter.generate(5, digits.x[:5].double(), digits.y[:5]).x.dtype == torch.float64
    assert torch.equal(grey, (digits.x[:5] * 255).round().byte())
    assert same(augmenter.generate(5, digits.x[:5].numpy(), digits.y[:5].numpy(), seed=0)[1:], exact[1:])


def test_the_callers_autocast_changes_nothing(augmenter, digits):
    calm = augmenter.generate(50, digits.x[:50], digits.y[:50], seed=0)
    with torch.autocast("cpu", torch.bfloat16):
        rushed = augmenter.generate(50, digits.x[:50], digits.y[:50], seed=0)
    assert same(calm, rushed)


def test_the_bank_is_a_copy(digits):
    x = digits.x.clone()
    made = Augmenter().fit((x, digits.y), steps=2, progress=False)
    before = made.generate(20, seed=0)
    x.zero_()
    assert same(before, made.generate(20, seed=0))


def test_bytes_near_floats_of_0_to_255(digits):
    grey = (digits.x * 255).round()
    made = Augmenter().fit((grey, digits.y), steps=20, progress=False)
    as_bytes, as_floats = (made.generate(9, x[:9], digits.y[:9], seed=0).x for x in (grey.byte(), grey))
    assert torch.equal(as_bytes.float(), as_floats.round())
    assert as_bytes.float().max() > 100


def test_rows_with_constant_columns():
    rows = subset(load("wine"), 15, seed=0)
    x = torch.cat([rows.x, torch.full((len(rows), 1), 7.0)], 1)
    made = Augmenter(perturb=Covariance(1.0)).fit((x, rows.y), steps=50, progress=False).generate(100, seed=0)
    assert (made.x[:, -1] == 7).all()
    assert (made.x >= x.min(0).values).all()
    assert (made.x <= x.max(0).values).all()


def test_conditional_vae(digits):
    conditional = Augmenter(perturb=Prior(), residual=False).fit(
        digits, steps=400, architecture="mlp", num_classes=10, progress=False
    )
    unconditional = Augmenter(perturb=Prior(), residual=False).fit(
        digits, steps=400, architecture="mlp", progress=False
    )
    judge = RandomForestClassifier(100, random_state=0).fit(
        load("digits").x.flatten(1).numpy(), load("digits").y.numpy()
    )
    scores = [
        judge.score(made.x.flatten(1).numpy(), made.y.numpy())
        for made in (a.generate(300, seed=0) for a in (conditional, unconditional))
    ]
    assert scores[0] > scores[1] + 0.3, (
        f"a draw from the prior keeps its label only if the decoder is conditioned on it: {scores}"
    )


class Plain(nn.Module):
    """A user's own VAE: two methods, no base class of ours."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 4), nn.Linear(2, 64)
        self.dropout = nn.Dropout(0.5)

    def encode(self, x):
        mu, log_sigma = self.encoder(self.dropout(x.flatten(1))).chunk(2, 1)
        return Independent(Normal(mu, log_sigma.exp()), 1)

    def decode(self, z):
        return self.dropout(self.decoder(z)).sigmoid().view(-1, 1, 8, 8)


def test_own_vae_is_left_as_it_was(digits):
    with seeds.forked(0):
        vae = Plain()
    vae.decoder.eval()
    before = {name: t.clone() for name, t in vae.state_dict().items()}
    made = Augmenter(vae, perturb=Posterior()).fit(digits)
    assert made.vae_ is vae
    made.generate(20, seed=0)
    assert [m.training for m in (vae, vae.encoder, vae.decoder, vae.dropout)] == [True, True, False, True]
    assert all(p.requires_grad for p in vae.parameters())
    assert all(torch.equal(before[name], t) for name, t in vae.state_dict().items())
    # In eval mode dropout does nothing: the same seed must give the same samples.
    assert same(made.generate(20, seed=0), made.generate(20, seed=0))


class Fixed:
    """A judge that gives each label of `right` probability 0.9 and the others 0.05."""

    def __init__(self, right):
        self.right = right

    def __call__(self, x):
        p = torch.full((len(x), 10), 0.05)
        p[:, self.right] = 0.9
        return p


def test_a_rejected_sample_is_replaced_by_its_parent(augmenter, digits):
    judged = augmenter.using(filter=Confident(Fixed([3]), 0.3))
    with pytest.warns(
        UserWarning, match=r"accepts less than 10% of the synthetic samples of class 8; .*lower its threshold"
    ):
        made = judged.generate(40, labels=[3, 8], seed=0)
    three = made.y == 3
    assert torch.equal(made.x[~three], digits.x[made.parent[~three]])
    assert (made.x[three] != digits.x[made.parent[three]]).flatten(1).any(1).all()
    assert (made.confidence[three] == torch.tensor(0.9)).all()
    assert made.confidence[~three].isnan().all(), "nothing judged the parents"
    assert judged.acceptance_ == {"3": 1.0, "8": 0.0}
    assert augmenter.acceptance_ == {}


def test_a_rejected_sample_is_drawn_again(augmenter, digits):
    class Picky(Fixed):
        calls = 0

        def __call__(self, x):
            Picky.calls += 1
            return torch.full((len(x), 10), float(Picky.calls > 2))

    made = augmenter.using(filter=Confident(Picky([]), 0.3)).generate(30, seed=0)
    assert Picky.calls == 3
    assert (made.x != digits.x[made.parent]).flatten(1).any(1).all()


def test_chunks_of_filtered_samples_are_slices_of_the_whole(augmenter, digits):
    forest = RandomForestClassifier(20, random_state=0).fit(digits.x.flatten(1).numpy(), digits.y.numpy())
    made = augmenter.using(filter=Confident(forest, 0.5))
    whole = made.generate(2 * CHUNK, seed=3)
    assert (whole.x == augmenter.generate(2 * CHUNK, seed=3).x).flatten(1).all(1).float().mean() < 1, (
        "some are rejected"
    )
    assert same([column[CHUNK:] for column in whole], made.chunk(1, seed=3))


def test_filters_take_every_kind_of_classifier(augmenter, digits):
    forest = RandomForestClassifier(20, random_state=0).fit(digits.x.flatten(1).numpy(), digits.y.numpy())
    with seeds.forked(0):
        network = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 10))
    for classifier in (forest, network):
        made = augmenter.using(filter=Confident(classifier, 0.05)).generate(60, seed=0)
        judged = made.confidence[~made.confidence.isnan()]  # parents that replace rejected samples are not
        assert len(judged) > len(made.x) / 2
        assert ((judged >= 0.05) & (judged <= 1)).all()
        assert same(made, augmenter.using(filter=Confident(classifier, 0.05)).generate(60, seed=0))
    assert network.training


def test_bad_filters(augmenter):
    with pytest.raises(InputError, match=r"got SVC; pass for example SVC\(probability=True\)"):
        Confident(SVC())
    with pytest.raises(InputError, match="got int; pass one of these"):
        Confident(3)
    with pytest.raises(InputError, match="expected threshold to be a number from 0 to 1, got 2"):
        Confident(Fixed([0]), 2)
    with pytest.raises(InputError, match="expected a classifier of at least 10 classes, got 3"):
        augmenter.using(filter=Confident(lambda x: torch.ones(len(x), 3))).generate(100, seed=0)


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (0, "expected n to be a whole number from 1 up, got 0; for example n=1"),
        (-3, "expected n to be a whole number from 1 up, got -3"),
        (2.5, "expected n to be a whole number from 1 up, got 2.5"),
        (True, "expected n to be a whole number from 1 up, got True"),
    ],
)
def test_bad_n(augmenter, n, message):
    with pytest.raises(InputError, match=message):
        augmenter.generate(n)


def test_bad_near(augmenter, digits):
    x, y = digits.x[:4], digits.y[:4]
    for near, labels, message in [
        (x.expand(4, 3, 8, 8), y, r"expected near of shape \(B, 1, 8, 8\), got \(4, 3, 8, 8\); resize or convert"),
        (x[0], y, r"expected near of shape \(B, 1, 8, 8\), got \(1, 8, 8\); a single sample .*: pass near\[None\]"),
        (x[:, 0], y, r"got \(4, 8, 8\); give grey images their channel: pass near\[:, None\]"),
        (x[0, 0], y, r"got \(8, 8\); a single grey image .*: pass near\[None, None\]"),
        (x.permute(0, 2, 3, 1), y, r"got \(4, 8, 8, 1\); put the channels first: x\.transpose\(0, 3, 1, 2\) in numpy"),
        ([], y, "expected at least one sample in near, got none"),
        (
            TensorDataset(x, y),
            y,
            "near as a tensor, an array or a list of samples, got TensorDataset; pass samples and",
        ),
        ("photo.png", y, "expected near as a tensor, an array or a list of samples, got str; pass one of these"),
        ((x, y), y, r"samples of one shape in near, got \(4,\) and \(4, 1, 8, 8\); resize them, or pass samples and"),
        (x[:0], y[:0], "expected at least one sample in near, got none"),
        (x * 255, y, r"expected samples in the range of the data, 0 to 1, got values from 0 to 255; scale them"),
        ((x - 0.5) / 0.5, y, "got values from -1 to 1; scale them"),
        (x / 0, y, "expected finite numbers in near"),
        (x, y[:3], "expected one label for each of 4 samples, got 3 labels"),
        (x, y + 90, r"expected labels in 0..9, got labels from \d+"),
        (x, y.float(), "expected whole-number labels, got float32 labels"),
        (
            x,
            torch.ones(4, 10),
            r"expected labels of shape \(B,\), got soft labels of shape \(4, 10\); augment before mixing",
        ),
    ]:
        with pytest.raises(InputError, match=message):
            augmenter.generate(4, near, labels)


def test_near_in_every_form(augmenter, digits):
    x = (digits.x[:5] * 255).round()
    exact = augmenter.generate(5, x / 255, digits.y[:5], seed=0)
    pictures = [Image.fromarray(one.byte().numpy()) for one in x[:, 0]]
    for near in (list(x / 255), [one.numpy() for one in x / 255], pictures, [p.convert("RGB") for p in pictures]):
        assert same(augmenter.generate(5, near, digits.y[:5], seed=0), exact)
    one = augmenter.generate(5, pictures[0], int(digits.y[0]), seed=0)
    assert same(one, augmenter.generate(5, x[:1] / 255, digits.y[:1], seed=0))


def test_pictures_near_floats_of_another_range(digits):
    made = Augmenter(perturb=Posterior(0)).fit(digits.x * 100 - 20, digits.y, steps=2, progress=False)
    white = made.generate(2, [Image.new("L", (8, 8), 255), Image.new("L", (8, 8), 0)], seed=0).x
    assert white.amax((1, 2, 3)).tolist() == white.amin((1, 2, 3)).tolist() == [80, -20]


def test_near_scaled_unlike_the_data_is_refused(digits):
    grey = (digits.x * 255).round()
    for x, shape in ((grey, digits.x.shape), (grey.flatten(1), (-1, 64))):
        made = Augmenter().fit(x, digits.y, steps=2, progress=False)
        unit = (x / 255).reshape(shape)
        for near in (unit, unit[:1], unit.double()):
            with pytest.raises(
                InputError, match=r"0 to 255, got values from 0 to .*vary less .*; scale them .*near \* 255"
            ):
                made.generate(3, near)
        # Constant ones and dark ones are what they seem.
        for near in (x, x[:1], torch.zeros_like(unit), torch.full_like(unit, 0.5), unit.round(), unit.round().byte()):
            made.generate(3, near)
    dim = torch.cat([grey, digits.x[:2]])
    made = Augmenter().fit(dim, torch.cat([digits.y, digits.y[:2]]), steps=2, progress=False)
    made.generate(3, digits.x[:2])


def test_x_and_y_as_in_scikit_learn(digits):
    apart = Augmenter().fit(digits.x, digits.y, steps=2, progress=False)
    pair = Augmenter().fit((digits.x, digits.y), steps=2, progress=False)
    assert same(apart.generate(9, seed=0), pair.generate(9, seed=0))
    assert fit_vae(digits.x.numpy(), digits.y.numpy(), steps=2, progress=False).event_shape == (1, 8, 8)


def test_class_names(digits):
    two = digits.y < 2
    named = Augmenter().fit(Samples(digits.x[two], digits.y[two], ("cat", "dog")), steps=2, progress=False)
    x, y = named.bank_.samples.x[:4], ["cat", "dog", "dog", "cat"]
    assert same(named.generate(9, labels="dog", seed=0), named.generate(9, labels=1, seed=0))
    assert named.generate(4, labels=["cat", "dog"]).y.tolist() == [0, 1, 0, 1]
    assert same(named.generate(4, x, y, seed=0), named.generate(4, x, [0, 1, 1, 0], seed=0))
    assert named.generate(4, x, "dog").y.tolist() == [1] * 4
    for labels, message in [
        ("cta", "expected classes among cat, dog, got 'cta'; did you mean cat\\?"),
        (["cat", "cow"], "expected classes among cat, dog, got 'cow'"),
        (2, r"expected labels in 0\.\.1 \(cat, dog\), got labels from 2 to 2; pass the names or the numbers of these"),
    ]:
        for near in (None, x):
            with pytest.raises(InputError, match=message):
                named.generate(2, near, labels)
    few = Samples(digits.x[:3], torch.tensor([0, 0, 1]), ("cat", "dog"))
    with pytest.raises(InputError, match=r"at least 2 samples of every class 0\.\.1, got 1 of class 1 \(dog\); add"):
        Augmenter().fit(few)


def test_bad_labels(augmenter):
    with pytest.raises(InputError, match=r"expected labels in 0..9, got labels from 10 to 10"):
        augmenter.generate(4, labels=10)
    with pytest.raises(InputError, match="expected at least one label, got none"):
        augmenter.generate(4, labels=[])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.rand(4, 1, 8, 8, generator=torch.Generator()), [0, 0, 0, 0], "expected at least two classes, got 1"),
        (
            torch.rand(3, 1, 8, 8, generator=torch.Generator()),
            [0, 0, 1],
            r"at least 2 samples of every class 0..1, got 1 of class 1",
        ),
    ],
)
def test_bad_sets(x, y, message):
    with pytest.raises(InputError, match=message):
        Augmenter().fit((x, torch.tensor(y)))


def test_bad_settings(digits):
    for settings, message in [
        ({"perturb": 3}, r"expected a perturbation .*, got 3; for example vaeaug.Extrapolate\(0.5\)"),
        ({"filter": 0.3}, r"expected a filter or None, got 0.3; for example vaeaug.Confident\(classifier, 0.3\)"),
        ({"vae": object()}, "expected a VAE with encode and decode, got object"),
    ]:
        with pytest.raises(InputError, match=message):
            Augmenter(**settings).fit(digits)
    with seeds.forked(0):
        vae, other = Plain(), VAE((1, 9, 9))
    with pytest.raises(InputError, match="no training arguments with a VAE of your own, got steps"):
        Augmenter(vae).fit(digits, steps=3)
    with pytest.raises(InputError, match=r"expected samples of shape \(B, 1, 9, 9\)"):
        Augmenter(other).fit(digits)
    decode = vae.decode
    vae.decode = lambda z: decode(z)[:, 0]
    with pytest.raises(InputError, match=r"expected decode\(z\) of shape \(B, 1, 8, 8\), got \(16, 8, 8\)"):
        Augmenter(vae).fit(digits)
    vae.encode = lambda x: (x, x)
    with pytest.raises(
        InputError, match=r"expected encode to return an Independent\(Normal\) over \(B, L\), got tuple"
    ):
        Augmenter(vae).fit(digits)


def test_before_fit():
    with pytest.raises(NotFittedError, match=r"call augmenter.fit\(data\) first"):
        Augmenter().generate(3)
    with pytest.raises(NotFittedError, match=r"call augmenter.fit\(data\) first"):
        _ = Augmenter().acceptance_


def test_using_shares_what_was_fitted(augmenter):
    other = augmenter.using(perturb=Interpolate(0.5))
    assert other.vae_ is augmenter.vae_
    assert other.bank_ is augmenter.bank_
    assert isinstance(augmenter.perturb, Difference)
    with pytest.raises(InputError, match="expected perturb, filter or residual, got vae"):
        augmenter.using(vae=None)


def test_repr_is_readable():
    assert repr(Augmenter()) == (
        "Augmenter(perturb=Difference(scale=1.0, pairs_from='shrunk'), filter=None, residual=True)"
    )


def test_using_keeps_the_class_and_what_was_set_on_it(augmenter):
    class Mine(Augmenter):
        pass

    mine = Mine()
    mine.note = "kept"
    assert type(mine.using(residual=False)) is Mine
    assert mine.using(residual=False).note == "kept"
    assert type(mine.fit(augmenter.bank_.samples, steps=2, progress=False).subset(torch.arange(60))) is Mine


def test_old_names_are_refused_with_the_new_ones(augmenter, digits):
    for call, message in [
        (lambda: Augmenter(keep=None), "expected the argument filter, got keep=None; keep is now called filter"),
        (lambda: augmenter.using(keep=None), "keep is now called filter"),
        (lambda: Augmenter.load("folder", keep=None), "keep is now called filter"),
        (
            lambda: Augmenter().fit(digits, bank=9),
            "expected the argument bank_size, got bank=9; bank is now called bank_s",
        ),
    ]:
        with pytest.raises(InputError, match=message):
            call()


def test_the_filters_warning_names_the_callers_line(augmenter):
    judged = augmenter.using(filter=Confident(Fixed([]), 0.3))
    with pytest.warns(UserWarning, match="accepts less than 10%") as warned:
        judged.generate(300, seed=0)
    assert warned[0].filename == __file__


def test_generated_is_sliced_and_concatenated(augmenter):
    whole = augmenter.generate(10, seed=0)
    parts = [whole.rows(slice(0, 4)), whole.rows(slice(4, None))]
    assert len(parts[0].x) == len(parts[0].confidence) == 4
    assert same(type(whole).concatenate(parts), whole)
