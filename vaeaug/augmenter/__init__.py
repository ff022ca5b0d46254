"""The augmenter: a VAE, a perturbation, a filter and the bank of real samples, behind `fit`, `generate`, `save`, `load`."""

from vaeaug.augmenter.augmenter import Augmenter
from vaeaug.augmenter.generation import Generated

__all__ = ["Augmenter", "Generated"]
