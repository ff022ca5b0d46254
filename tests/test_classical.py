"""Classical augmentation of images and tabular data."""

import numpy as np
import pytest
import torch

from vaeaug import Classical, InputError

pytestmark = pytest.mark.usefixtures("random_state_untouched")


def images(n=400, side=12):
    """Dark images with a small bright shape in the middle."""
    x = torch.zeros(n, 1, side, side)
    x[:, :, side // 2 - 1 : side // 2 + 2, side // 2 - 1] = 1
    return x


def augmented(classical, x, seed=0):
    return classical.on(x)(x, seed)


def test_without_motion_nothing_changes():
    x = images()
    assert torch.allclose(augmented(Classical(shift=0), x), x, atol=1e-5)


@pytest.mark.parametrize("x", [images(60), torch.rand(60, 3, generator=torch.Generator().manual_seed(0))])
def test_a_seed_fixes_the_augmentation(x):
    classical = Classical(flip=True, shift=0.2, rotate=20, zoom=0.2, cutout=0.3)
    before = x.clone()
    assert torch.equal(augmented(classical, x, 3), augmented(classical, x, 3))
    assert not torch.equal(augmented(classical, x, 3), augmented(classical, x, 4))
    assert torch.equal(x, before)


def test_shifts_are_whole_pixels():
    x = images()
    out = augmented(Classical(shift=2 / 12), x)
    assert torch.allclose(out, out.round(), atol=1e-4), "a shift alone must not blur"
    assert torch.allclose(out.sum((1, 2, 3)), x.sum((1, 2, 3)), atol=1e-3)
    centre = (out * torch.arange(12.0)).sum((1, 2, 3)) / 3 - 5
    assert set(centre.round().int().tolist()) == {-2, -1, 0, 1, 2}


def test_cutout_sets_a_rectangle_to_the_minimum():
    x = torch.ones(500, 2, 12, 10)
    x[0, 0, 0, 0] = 0
    holes = (augmented(Classical(shift=0, cutout=0.5), x) < 0.5).long()[1:]
    assert torch.equal(holes[:, 0], holes[:, 1])
    height, width = holes[:, 0].amax(2).sum(1), holes[:, 0].amax(1).sum(1)
    assert torch.equal(holes[:, 0].sum((1, 2)), height * width), "one rectangle, filled"
    assert (int(height.min()), int(height.max())) == (3, 6), "a centre on the edge leaves half of it"
    assert (int(width.min()), int(width.max())) == (3, 5)
    frequency = holes[:, 0].float().mean(0)
    assert frequency[6, 5] > frequency[0, 0] > 0
    bright = x + 5
    bright[0, 0, 0, 0] = 2
    assert augmented(Classical(shift=0, cutout=0.5), bright).min() == 2, "the minimum of the training samples, not zero"


def test_the_minimum_is_that_of_the_training_samples():
    x = images()
    augment = Classical(shift=0, cutout=1.0).on(x - 3)
    assert augment(x[:50] + 5, 0).min() == -3


def test_half_of_the_images_are_flipped():
    x = images()
    x[:, :, 0, 0] = 1
    out = augmented(Classical(shift=0, flip=True), x)
    flipped = torch.isclose(out, x.flip(3), atol=1e-4).flatten(1).all(1)
    unchanged = torch.isclose(out, x, atol=1e-4).flatten(1).all(1)
    assert (flipped ^ unchanged).all()
    assert 140 < flipped.sum() < 260


def test_rotation_and_zoom_are_bounded():
    x = torch.zeros(300, 1, 21, 21)
    x[:, :, 5:16, 5:16] = 1
    area = augmented(Classical(shift=0, zoom=0.2), x).sum((1, 2, 3)) / 121
    assert 0.6 < area.min() < 0.75
    assert 1.3 < area.max() < 1.5
    rotated = augmented(Classical(shift=0, rotate=30), x)
    assert torch.allclose(rotated.sum((1, 2, 3)), x.sum((1, 2, 3)), rtol=0.03)
    assert (rotated != x).flatten(1).any(1).float().mean() > 0.95


def test_jitter_is_a_fraction_of_the_standard_deviation_of_each_feature():
    x = torch.tensor(np.random.default_rng(0).normal(0, [1, 10], (5000, 2)), dtype=torch.float32)
    stddev = (augmented(Classical(jitter=0.1), x) - x).std(0)
    assert torch.allclose(stddev, torch.tensor([0.1, 1.0]), rtol=0.1)


@pytest.mark.parametrize(
    ("name", "value"), [("shift", 1.5), ("rotate", -1), ("zoom", 1.0), ("cutout", 2), ("jitter", -1)]
)
def test_bad_settings(name, value):
    with pytest.raises(InputError, match=f"expected {name} to be a number from 0.*, got {value}"):
        Classical(**{name: value})
