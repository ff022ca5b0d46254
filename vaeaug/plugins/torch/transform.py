"""A torchvision transform for batches, with MixUp's call shape."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.utils.data import get_worker_info
from torchvision.transforms import v2

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.plugins.torch.replacement import Replacement, check_add_or_replace
from vaeaug.runtime import checks, seeds


@checks.renamed(ratio="replace", beside="add", worst_of="hardest_of", classifier="network")
class VAEAugment(v2.Transform):
    """Adds synthetic samples to a batch, or replaces some of its samples by synthetic ones.

    It is called like `v2.MixUp`: `VAEAugment(augmenter)(images, labels)`, or with a batch of any form. In a `v2.Compose` it
    must come before MixUp and CutMix, because it needs class labels, not soft ones.

    Call n of an instance is seeded by (seed, n), so a run is reproducible, and the global random state is neither read nor
    changed. In a `collate_fn` that workers run, the loader's seed of the worker counts as well; otherwise all workers would
    draw the same noise.

    Arguments:
        augmenter: A fitted augmenter.
        replace: The fraction of the samples to replace, in 0..1; by default synthetic samples are added.
        seed: The seed of everything random.
        add: The number of synthetic samples per sample to add; by default 3 unless `replace` is given.
        normalize, hardest_of, network, labels_getter, images_getter: See `AugmentedLoader`. The getters receive the inputs as
            they were passed: the tuple `(images, labels)`, or the one batch.

    Raises:
        InputError: If a setting is invalid or would have no effect; at a call, if the batch has no labels, soft labels, or no
            samples of the shape and range seen at fit.
        NotFittedError: If the augmenter is not fitted.

    Example:
        >>> augmenter = Augmenter().fit("digits", steps=20, progress=False)
        >>> x, y = augmenter.bank_.samples.x[:64], augmenter.bank_.samples.y[:64]
        >>> images, labels = v2.Compose([VAEAugment(augmenter), v2.MixUp(num_classes=10)])(x, y)
        >>> images.shape, labels.shape
        (torch.Size([256, 1, 8, 8]), torch.Size([256, 10]))
    """

    def __init__(
        self,
        augmenter: Augmenter,
        *,
        replace: float | None = None,
        seed: int = 0,
        add: int | None = None,
        normalize: Any = None,
        hardest_of: int | None = None,
        network: nn.Module | None = None,
        labels_getter: Any = "default",
        images_getter: Any = None,
    ) -> None:
        super().__init__()
        add = check_add_or_replace(replace, add)
        # Held by an object that is no module: otherwise the network would move, train and be saved with the transform.
        self._replacement = Replacement(
            augmenter, normalize, hardest_of, network, labels_getter, images_getter, add=add
        )
        if replace is not None:
            checks.check_number("replace", replace, 0, 1)
        checks.check_number("seed", seed, 0, whole=True)
        self.replace, self.add, self.seed = replace, add, seed
        self._calls = 0

    def forward(self, *inputs: Any) -> Any:
        """Returns the inputs, with synthetic samples, in the form in which they were passed."""
        batch = inputs if len(inputs) > 1 else inputs[0]
        worker = get_worker_info()
        stream = (0, self._calls) if worker is None else (1, worker.seed, self._calls)
        self._calls += 1
        return self._replacement(batch, 1.0 if self.replace is None else self.replace, seeds.derive(self.seed, *stream))
