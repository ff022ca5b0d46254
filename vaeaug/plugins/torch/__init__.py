"""At home in torch: datasets, a loader and a transform with synthetic samples in them. No sampling logic of its own.

Everything here asks `Augmenter.generate` or `Augmenter.chunk`; `Replacement` is what the loader, the transform and
`AugmentedDataset` share.
"""

from vaeaug.plugins.torch.datasets import AugmentedDataset, SyntheticDataset
from vaeaug.plugins.torch.loader import AugmentedLoader
from vaeaug.plugins.torch.replacement import replace_some
from vaeaug.plugins.torch.transform import VAEAugment

__all__ = ["AugmentedDataset", "AugmentedLoader", "SyntheticDataset", "VAEAugment", "replace_some"]
