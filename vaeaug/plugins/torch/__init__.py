"""Datasets, a loader and a transform with synthetic samples, for torch and torchvision.

Everything here asks `Augmenter.generate` or `Augmenter.chunk` for samples; `Replacement` is what the loader, the transform
and `AugmentedDataset` share. `VAEAugment` is imported when it is first used, because it needs torchvision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vaeaug.plugins.torch.datasets import AugmentedDataset, SyntheticDataset
from vaeaug.plugins.torch.loader import AugmentedLoader
from vaeaug.plugins.torch.selection import replace_some

if TYPE_CHECKING:
    from vaeaug.plugins.torch.transform import VAEAugment

__all__ = ["AugmentedDataset", "AugmentedLoader", "SyntheticDataset", "VAEAugment", "replace_some"]


def __getattr__(name: str) -> Any:
    if name == "VAEAugment":
        from vaeaug.plugins.torch.transform import VAEAugment

        return VAEAugment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
