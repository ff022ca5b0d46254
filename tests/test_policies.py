import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from vaeaug import InputError
from vaeaug.data.policies import (
    BINS,
    OPERATIONS,
    SIGNED,
    Elastic,
    RandAugment,
    RandomErasing,
    TrivialAugmentWide,
    _apply,
    _magnitudes,
)

pytestmark = pytest.mark.usefixtures("random_state_untouched")

POLICIES = (RandAugment(), TrivialAugmentWide(), RandomErasing(), Elastic())
THEIR_NAMES = {
    "shear x": "ShearX",
    "shear y": "ShearY",
    "translate x": "TranslateX",
    "translate y": "TranslateY",
    "autocontrast": "AutoContrast",
}


def images(channels=1, size=28, n=64):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_policy_changes_images_and_keeps_their_form(policy, channels):
    x = images(channels)
    augment = policy.on(x)
    out = augment(x, 0)
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert torch.isfinite(out).all()
    assert x.min() - 1e-5 <= out.min()
    assert out.max() <= x.max() + 1e-5
    assert (out != x).flatten(1).any(1).float().mean() > 0.3
    assert torch.equal(out, augment(x, 0))
    assert not torch.equal(out, augment(x, 1))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
def test_every_image_has_draws_of_its_own(policy):
    same = images(n=1).expand(256, -1, -1, -1).contiguous()
    assert len(policy.on(same)(same, 3).unique(dim=0)) > (12 if isinstance(policy, RandAugment) else 40)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
def test_the_range_of_the_data_counts(policy):
    x = images()
    moved = policy.on(255 * x - 100)(255 * x - 100, 5)
    assert torch.allclose(moved, 255 * policy.on(x)(x, 5) - 100, atol=1.5)


@pytest.mark.parametrize(
    ("theirs", "limits"),
    [
        (v2.RandAugment, (0.3, 150 / 331 * 28, 150 / 331 * 20, 30, 0.9, 4)),
        (v2.TrivialAugmentWide, (0.99, 32, 32, 135, 0.99, 6)),
    ],
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_torchvisions(theirs, limits, name):
    x = images(3)[:4, :, :20]
    magnitudes = _magnitudes(*limits)
    space = theirs._AUGMENTATION_SPACE
    their_name = THEIR_NAMES.get(name, name.capitalize())
    theirs_at, signed = space[their_name]
    assert signed == (name in SIGNED)
    for number in (0, 9, BINS - 1):
        for sign in (1, -1) if signed else (1,):
            n = torch.full((4,), OPERATIONS.index(name))
            ours = _apply(x, n, torch.full_like(n, number), torch.full_like(n, sign), magnitudes)
            values = theirs_at(BINS, 20, 28)
            value = 0.0 if values is None else float(values[number]) * sign
            expected = theirs()._apply_image_or_video_transform(
                x, their_name, value, InterpolationMode.NEAREST, {torch.Tensor: None}
            )
            assert torch.allclose(ours, expected, atol=1e-6), (number, sign)
    assert set(map(str.lower, space)) == {THEIR_NAMES.get(n, n).lower() for n in OPERATIONS}


def test_nothing_happens_at_the_end_of_the_scale():
    x = images()
    assert torch.equal(RandomErasing(p=0.0).on(x)(x, 0), x)
    assert torch.allclose(Elastic(alpha=0.0).on(x)(x, 0), x, atol=1e-4)


def test_erased_rectangles_have_the_area_that_was_asked_for():
    x = images(n=200) + 1
    out = RandomErasing(p=1.0, scale=(0.1, 0.2)).on(x)(x, 0)
    area = (out != x).float().mean((1, 2, 3))
    assert area.min() > 0.07
    assert area.max() < 0.23


def test_an_elastic_field_is_smooth():
    ramp = torch.linspace(0, 1, 28).expand(8, 1, 28, 28).contiguous()
    out = Elastic(alpha=20, sigma=4).on(ramp)(ramp, 0)[..., 6:-6, 6:-6]
    assert (out - ramp[..., 6:-6, 6:-6]).abs().max() > 0.005
    assert out.diff(dim=2).abs().max() < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandAugment(magnitude=31), "expected magnitude to be a whole number from 0 to 30, got 31"),
        (lambda: RandAugment(num_ops=0), "expected num_ops to be a whole number from 1 up, got 0"),
        (lambda: RandomErasing(p=2), "expected p to be a number from 0 to 1, got 2"),
        (lambda: Elastic(sigma=0), "expected sigma to be a number above 0, got 0"),
        (lambda: RandAugment().on(torch.zeros(5, 3)), r"expected images \(N, C, H, W\), got shape \(5, 3\)"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
