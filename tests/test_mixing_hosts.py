"""timm and kornia around ours, and soft labels: refused at every door, with the order; one-hot labels are labels."""

import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from vaeaug import (
    AugmentedCollator,
    AugmentedDataset,
    AugmentedLoader,
    Augmenter,
    InputError,
    Posterior,
    SyntheticDataset,
    VAEAugment,
)
from vaeaug.data.loading import as_samples
from vaeaug.data.streaming import peek

B, K = 24, 10
ORDER = re.escape("augment before mixing (MixUp, CutMix): docs/hosts.md#soft-labels")


@pytest.fixture
def augmenter(augmenter):
    return augmenter.using(perturb=Posterior(1.0))


def one_hot(y):
    return torch.nn.functional.one_hot(y, K)


def items(x, y):
    return [{"pixel_values": a, "labels": b} for a, b in zip(x, y, strict=True)]


# Each door takes the augmenter, samples and labels, and returns the labels that come out.
DOORS = {
    "AugmentedLoader": lambda a, x, y: next(iter(AugmentedLoader([(x, y)], a)))[1],
    "AugmentedLoader, replace": lambda a, x, y: next(iter(AugmentedLoader([(x, y)], a, replace=0.5)))[1],
    "VAEAugment": lambda a, x, y: VAEAugment(a)(x, y)[1],
    "VAEAugment, dict": lambda a, x, y: VAEAugment(a)({"image": x, "label": y})["label"],
    "AugmentedCollator": lambda a, x, y: AugmentedCollator(a, default_collate)(items(x, y))["labels"],
    "AugmentedDataset": lambda a, x, y: torch.stack([t for _, t in AugmentedDataset(TensorDataset(x, y), a, 1.0)]),
    "generate": lambda a, x, y: a.generate(len(x), x, y).y,
}
FIT_DOORS = {
    "arrays": lambda x, y: as_samples((x.numpy(), y.numpy())),
    "tensors": lambda x, y: as_samples((x, y)),
    "Dataset": lambda x, y: as_samples(TensorDataset(x, y)),
    "DataLoader": lambda x, y: as_samples(DataLoader(TensorDataset(x, y), 5)),
    "DataLoader, in parts": lambda x, y: peek(DataLoader(TensorDataset(x, y), 5), 0),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool], ids=str)
@pytest.mark.parametrize("door", DOORS)
def test_one_hot_labels_are_labels(augmenter, digits, door, dtype):
    x, y = digits.x[:B], digits.y[:B]
    labels = DOORS[door](augmenter, x, one_hot(y).to(dtype))
    times = len(labels) // B
    assert times == (4 if door in ("AugmentedLoader", "VAEAugment", "VAEAugment, dict", "AugmentedCollator") else 1)
    expected = y if door == "generate" else one_hot(y).to(dtype)
    assert torch.equal(labels, expected.repeat(times, *[1] * (expected.ndim - 1)))


@pytest.mark.parametrize("door", FIT_DOORS)
def test_one_hot_labels_are_labels_at_fit(digits, door):
    assert torch.equal(FIT_DOORS[door](digits.x, one_hot(digits.y).float()).y, digits.y)


def blended(y):
    return 0.7 * one_hot(y) + 0.3 * one_hot(y.flip(0))


SOFT = {
    "mixed": blended,
    "smoothed": lambda y: 0.9 * one_hot(y) + 0.01,
    "doubles": lambda y: blended(y).double(),
    "one of them mixed": lambda y: torch.cat([one_hot(y[:-1]).float(), torch.full((1, K), 1 / K)]),
}


@pytest.mark.parametrize("soft", SOFT)
@pytest.mark.parametrize("door", DOORS)
def test_soft_labels_are_refused_with_the_order(augmenter, digits, door, soft):
    y = SOFT[soft](digits.y[:B])
    with pytest.raises(InputError, match=rf"expected labels of shape \(B,\), got soft labels of shape .*{ORDER}"):
        DOORS[door](augmenter, digits.x[:B], y)


@pytest.mark.parametrize("soft", ["mixed", "smoothed"])
@pytest.mark.parametrize("door", FIT_DOORS)
def test_soft_labels_are_refused_at_fit(digits, door, soft):
    with pytest.raises(InputError, match=f"soft labels of shape .*{ORDER}"):
        FIT_DOORS[door](digits.x, SOFT[soft](digits.y))


def test_rows_of_ones_and_zeros_that_are_no_classes_are_refused(augmenter, digits):
    x, y = digits.x[:B], one_hot(digits.y[:B])
    for labels in (torch.ones_like(y), torch.zeros_like(y), y[:, :9], torch.cat([y, y], 1), y[:, :, None]):
        with pytest.raises(InputError, match=r"expected labels of shape \(B,\)"):
            VAEAugment(augmenter)(x, labels)
    with pytest.raises(InputError, match=r"expected labels of shape \(B,\)"):
        SyntheticDataset(augmenter, 3, labels=np.full((2, K), 0.1))


class TestTimm:
    @pytest.fixture
    def loader(self, digits):
        """settings -> a loader of timm over the digits as PIL images"""
        timm_data = pytest.importorskip("timm.data", reason="needs the package timm")
        pil = pytest.importorskip("PIL.Image")

        class Images(Dataset):
            transform = None

            def __len__(self):
                return len(digits)

            def __getitem__(self, i):
                image = pil.fromarray((255 * digits.x[i, 0]).round().byte().numpy())
                return self.transform(image), int(digits.y[i])

        usual = {"is_training": True, "no_aug": True, "mean": (0.3,), "std": (0.4,), "num_workers": 0}
        usual |= {"persistent_workers": False, "device": torch.device("cpu")}
        return lambda size=20, **more: timm_data.create_loader(Images(), (1, 8, 8), size, **{**usual, **more})

    @pytest.mark.parametrize("prefetch", [False, True])
    @pytest.mark.parametrize("fitted_to", ["images", "loader"])
    def test_both_kinds_of_loader(self, loader, augmenter, prefetch, fitted_to):
        loaded = loader(use_prefetcher=prefetch)
        normalize = ((0.3,), (0.4,)) if fitted_to == "images" else None
        if fitted_to == "loader":
            augmenter = Augmenter(perturb=Posterior(1.0)).fit(loaded, steps=3, progress=False)
        augmented = AugmentedLoader(loaded, augmenter, normalize=normalize)
        assert len(augmented) == len(loaded) == 6
        for images, labels in augmented:
            assert images.shape == (80, 1, 8, 8)
            assert torch.equal(labels, labels[:20].repeat(4))
            # Real images come first; synthetic ones lie in the range of normalized images, and differ.
            assert -0.751 <= images.min() < images.max() <= 1.751
            assert (images[20:40] != images[:20]).flatten(1).any(1).all()

    @pytest.mark.parametrize("size", [15, 20])
    @pytest.mark.parametrize("add", [1, 3])
    def test_mixup_comes_after_ours_on_even_batches(self, loader, augmenter, size, add):
        from timm.data import Mixup

        loaded = AugmentedLoader(loader(size), augmenter, add=add, normalize=((0.3,), (0.4,)))
        mixup = Mixup(mixup_alpha=0.2, num_classes=K)
        images, labels = mixup(*next(iter(loaded)))
        assert images.shape == ((1 + add) * size, 1, 8, 8)
        assert torch.allclose(labels.sum(1), torch.ones(len(labels)), atol=1e-5)

    def test_mixup_before_ours_is_refused(self, loader, augmenter):
        from timm.data import FastCollateMixup

        mixing = loader(collate_fn=FastCollateMixup(mixup_alpha=0.2, num_classes=K))
        for refused in (
            lambda: next(iter(AugmentedLoader(mixing, augmenter, normalize=((0.3,), (0.4,))))),
            lambda: Augmenter().fit(mixing),
        ):
            with pytest.raises(InputError, match=f"soft labels of shape .*{ORDER}"):
                refused()

    def test_an_unlabelled_pool(self, loader, digits):
        raw = loader(use_prefetcher=True)
        fitted = Augmenter().fit(raw, unlabelled=raw, steps=2, progress=False, teacher="logistic")
        assert fitted.bank_.samples.x.shape == digits.x.shape


# Of CutMix about the weights that its next version will use.
@pytest.mark.filterwarnings("ignore:RandomCutMixV2:DeprecationWarning")
class TestKornia:
    @pytest.fixture
    def kornia(self):
        return pytest.importorskip("kornia.augmentation", reason="needs the package kornia")

    def test_before_and_after(self, kornia, augmenter, digits):
        x, y = digits.x[:B], digits.y[:B]
        move = kornia.AugmentationSequential(
            kornia.RandomAffine(degrees=10.0, p=1.0), kornia.RandomErasing(p=0.5), data_keys=["input"]
        )
        ours = VAEAugment(augmenter, add=1)
        with torch.random.fork_rng():
            images, labels = ours(move(x), y)
            assert images.shape == (2 * B, 1, 8, 8)
            assert torch.equal(labels, y.repeat(2))
            images, labels = ours(x, y)
            assert torch.equal(images[:B], x)
            assert move(images).shape == images.shape
            assert 0 <= move(images).min() <= move(images).max() <= 1.001

    def test_normalized(self, kornia, augmenter, digits):
        x, y = digits.x[:B], digits.y[:B]
        normalized = kornia.AugmentationSequential(kornia.Normalize(0.3, 0.4), data_keys=["input"])(x)
        with pytest.raises(InputError, match="expected samples in the range of the data, 0 to 1"):
            VAEAugment(augmenter)(normalized, y)
        images, _ = VAEAugment(augmenter, normalize=(0.3, 0.4))(normalized, y)
        assert torch.equal(images[:B], normalized)
        assert -0.751 <= images.min() < images.max() <= 1.751

    @pytest.mark.parametrize("name", ["RandomMixUpV2", "RandomCutMixV2"])
    def test_mixing_comes_last(self, kornia, augmenter, digits, name):
        x, y = digits.x[:B], digits.y[:B]
        mix = getattr(kornia, name)(p=1.0, data_keys=["input", "class"])
        with torch.random.fork_rng():
            images, _ = mix(*VAEAugment(augmenter)(x, y))
            assert images.shape == (4 * B, 1, 8, 8)
            with pytest.raises(InputError, match=f"soft labels of shape .*{ORDER}"):
                VAEAugment(augmenter)(*mix(x, y))
