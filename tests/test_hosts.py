"""The torch plugin inside the training loops and after the transforms of other libraries."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from vaeaug import Posterior
from vaeaug.plugins.torch import AugmentedDataset, AugmentedLoader, SyntheticDataset

# Warnings of Lightning about torch's trees and about loaders without workers.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning", "ignore:.*does not have many workers")


@pytest.fixture
def dataset(digits):
    return TensorDataset(digits.x, digits.y)


@pytest.fixture
def augmenter(augmenter):
    # Each of its synthetic samples differs from its parent, so that counts are exact.
    return augmenter.using(perturb=Posterior(1.0))


def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def differing(batches, others):
    """Returns the number of samples that differ between two lists of batches, whose labels must be equal."""
    count = 0
    for (x, y), (u, v) in zip(batches, others, strict=True):
        assert torch.equal(y, v)
        count += int((x != u).flatten(1).any(1).sum())
    return count


class TestLightning:
    @pytest.fixture
    def seen(self, tmp_path, monkeypatch):
        """loader, epochs -> the batches that reached the training step, epoch by epoch"""
        pl = pytest.importorskip("lightning", reason="needs the package lightning")
        monkeypatch.chdir(tmp_path)

        class Classifier(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.network, self.seen = network(), []

            def training_step(self, batch, _):
                self.seen.append(batch)
                return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), 0.1)

        def run(loader, epochs=1, **settings):
            quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
            trainer = pl.Trainer(accelerator="cpu", max_epochs=epochs, enable_model_summary=False, **quiet, **settings)
            model = Classifier()
            before = model.network[1].weight.clone()
            trainer.fit(model, loader)
            length = settings.get("overfit_batches", len(loader))
            assert trainer.global_step == epochs * length
            assert not torch.equal(before, model.network[1].weight)
            assert list(tmp_path.iterdir()) == []
            return [model.seen[length * e : length * (e + 1)] for e in range(epochs)]

        return run

    def test_trainer_sees_synthetic_samples(self, seen, dataset, augmenter):
        loader = DataLoader(dataset, 32)
        first, second = seen(AugmentedLoader(loader, augmenter, replace=0.5), epochs=2)
        assert differing(first, loader) == 60
        assert differing(second, loader) == 60
        assert differing(first, second) > 60

    def test_replace_0_is_the_loader(self, seen, dataset, augmenter):
        loader = DataLoader(dataset, 32)
        assert differing(*seen(AugmentedLoader(loader, augmenter, replace=0)), loader) == 0

    def test_schedule_follows_the_trainer(self, seen, dataset, augmenter):
        loader = DataLoader(dataset, 40)
        first, second = seen(
            AugmentedLoader(loader, augmenter, replace=lambda progress: float(progress >= 0.5), epochs=2), epochs=2
        )
        assert differing(first, loader) == 0
        assert differing(second, loader) == 120

    def test_overfitting_needs_a_loader_that_does_not_shuffle(self, seen, dataset, augmenter, digits):
        """As docs/lightning.md says; Lightning could turn the shuffling off only in a DataLoader."""
        first, second = seen(AugmentedLoader(DataLoader(dataset, 32), augmenter), epochs=2, overfit_batches=1)
        for (x, y), *others in (first, second):
            assert others == []
            assert torch.equal(x[:32], digits.x[:32])
            assert torch.equal(y, digits.y[:32].repeat(4))
        assert not torch.equal(first[0][0], second[0][0])
        shuffled = AugmentedLoader(DataLoader(dataset, 32, shuffle=True), augmenter)
        with (
            pytest.warns(UserWarning, match="overfit but enabled train dataloader shuffling"),
            pytest.raises(ValueError, match=r"AugmentedLoader.*needs to subclass"),
        ):
            seen(shuffled, overfit_batches=1)

    def test_only_synthetic_samples(self, seen, augmenter):
        (epoch,) = seen(DataLoader(SyntheticDataset(augmenter, 64), 32))
        assert [len(y) for _, y in epoch] == [32, 32]


class TestSkorch:
    @pytest.fixture
    def net(self):
        """settings -> a quiet NeuralNetClassifier"""
        skorch = pytest.importorskip("skorch", reason="needs the package skorch")
        common = {
            "criterion": nn.CrossEntropyLoss,
            "max_epochs": 2,
            "batch_size": 32,
            "verbose": 0,
            "train_split": None,
        }
        return lambda **settings: skorch.NeuralNetClassifier(network, **common, **settings)

    def test_iterator(self, net, digits, augmenter):
        loaders = []

        def augmented(dataset, **settings):
            loaders.append(AugmentedLoader(DataLoader(dataset, **settings), augmenter, replace=0.5))
            return loaders[-1]

        x, y = digits.x.numpy(), digits.y.numpy()
        classifier = net(iterator_train=augmented).fit(x, y)
        assert classifier.predict(x).shape == y.shape
        assert loaders[0].batch_size == 32
        assert loaders[0].epoch == 2
        assert all(math.isfinite(loss) for loss in classifier.history[:, "train_loss"])

    def test_synthetic_samples_change_the_weights_and_replace_0_does_not(self, net, digits, augmenter):
        def weights(**settings):
            with torch.random.fork_rng():
                torch.manual_seed(0)
                return net(**settings).fit(digits.x.numpy(), digits.y.numpy()).module_[1].weight

        def augmented(replace):
            return {
                "iterator_train": lambda data, **kw: AugmentedLoader(DataLoader(data, **kw), augmenter, replace=replace)
            }

        assert torch.equal(weights(), weights(**augmented(0)))
        assert not torch.equal(weights(), weights(**augmented(0.5)))

    def test_dataset(self, net, dataset, augmenter):
        real = list(dataset)
        augmented = AugmentedDataset(dataset, augmenter, 0.5)
        assert 30 < sum(not torch.equal(a[0], b[0]) for a, b in zip(augmented, real, strict=True)) < 90
        assert net().fit(augmented, y=None).predict(dataset.tensors[0]).shape == (120,)


class TestAlbumentations:
    @pytest.fixture
    def transformed(self, digits, monkeypatch):
        """steps -> digits as a user's dataset, with albumentations in it"""
        monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
        albumentations = pytest.importorskip("albumentations", reason="needs the package albumentations")

        class Images(Dataset):
            def __init__(self, *steps):
                self.transform = albumentations.Compose([*steps, albumentations.ToTensorV2()], seed=0)

            def __len__(self):
                return len(digits)

            def __getitem__(self, i):
                image = np.ascontiguousarray(digits.x[i].numpy().transpose(1, 2, 0))
                return self.transform(image=image)["image"], int(digits.y[i])

        return lambda *steps: Images(*(getattr(albumentations, name)(**settings) for name, settings in steps))

    def test_before_the_loader(self, transformed, digits, augmenter):
        shifted = list(DataLoader(transformed(("HorizontalFlip", {"p": 1.0})), 32))
        assert torch.equal(shifted[0][0], digits.x[:32].flip(3))
        still = AugmentedLoader(shifted, augmenter.using(perturb=Posterior(0.0)), replace=1.0)
        assert differing(still, shifted) == 0
        loader = AugmentedLoader(DataLoader(transformed(("HorizontalFlip", {"p": 1.0})), 32), augmenter, replace=0.5)
        assert differing(loader, shifted) == 60

    def test_normalized(self, transformed, digits, augmenter):
        usual = {"mean": (0.3,), "std": (0.4,), "max_pixel_value": 1.0}
        loader = DataLoader(transformed(("Affine", {"rotate": (-10, 10), "p": 1.0}), ("Normalize", usual)), 32)
        images, _ = next(iter(AugmentedLoader(loader, augmenter, replace=1.0, normalize=((0.3,), (0.4,)))))
        assert images.min() < 0
        assert ((images * 0.4 + 0.3 > -1e-4) & (images * 0.4 + 0.3 < 1 + 1e-4)).all()


@pytest.mark.parametrize(
    ("page", "packages"),
    [
        ("transformers", ["datasets", "transformers", "accelerate"]),
        ("timm", ["timm"]),
        ("torchvision", ["torchvision"]),
        ("kornia", ["kornia"]),
        ("lightning", ["lightning"]),
        ("skorch", ["skorch"]),
        ("albumentations", ["albumentations"]),
        ("own-vae", ["pythae", "diffusers"]),
        ("hub", ["huggingface_hub"]),
    ],
)
def test_pages_run(page, packages, tmp_path, monkeypatch):
    """The code of a page runs unchanged, except for the numbers of steps, epochs and seeds."""
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    for package in packages:
        pytest.importorskip(package, reason=f"needs the package {package}")
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[1] / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    names = {}
    with torch.random.fork_rng():
        for block in blocks:
            few = re.sub(
                r"\brange\(\d+\)",
                "range(2)",
                re.sub(r"\b(steps|epochs|max_epochs|num_train_epochs)=\d+", r"\1=2", block),
            )
            exec(few, names)
