"""A torchvision transform for batches, with MixUp's call shape."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.utils.data import get_worker_info
from torchvision.transforms import v2

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.plugins.torch.replacement import ADD, Replacement, check_add_or_replace
from vaeaug.runtime import checks, seeds


class VAEAugment(v2.Transform):
    """Replaces a share of the samples of a batch by children of these same samples, or adds children to it.

    It is called as `v2.MixUp` is, `VAEAugment(augmenter)(images, labels)`, or with a batch of any form. In a `v2.Compose` it
    stands before MixUp and CutMix, because it needs whole labels.

    Call number n of an instance draws from (seed, n), so a run repeats itself and the global random state is neither read nor
    changed. In a `collate_fn` that workers run, the seed that the loader gave the worker counts as well: else two workers
    would draw alike.

    Arguments:
        augmenter: A fitted augmenter.
        replace: The share, in 0..1 (see `replace_some`); by default 0.5 where there is no `add`.
        seed: Of everything random.
        add: So many children of each sample join the batch instead; 3 is what `AugmentedLoader` does by default.
        normalize, worst_of, classifier, labels_getter, images_getter: As in `AugmentedLoader`. The getters are given the
            inputs as they came: the tuple `(images, labels)`, or the one batch.

    Raises:
        InputError: If a setting cannot be used or would have no effect; at a call, if the batch has no labels, soft labels,
            or no samples of the shape and range seen at fit.
        NotFittedError: If the augmenter was not fitted.

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
        # Held by an object that is no module: else the classifier would move, train and save along with the transform.
        check_add_or_replace(replace, add)
        add = ADD if replace is None and add is None else add
        self._replacement = Replacement(
            augmenter, normalize, hardest_of, network, labels_getter, images_getter, add=add
        )
        if replace is not None:
            checks.check_number("replace", replace, 0, 1)
        checks.check_number("seed", seed, 0, whole=True)
        self.replace, self.add, self.seed = replace, add, seed
        self._calls = 0

    def forward(self, *inputs: Any) -> Any:
        """Returns the inputs in the form in which they came, with children in it."""
        batch = inputs if len(inputs) > 1 else inputs[0]
        worker = get_worker_info()
        place = (0, self._calls) if worker is None else (1, worker.seed, self._calls)
        self._calls += 1
        return self._replacement(batch, 1.0 if self.replace is None else self.replace, seeds.derive(self.seed, *place))
