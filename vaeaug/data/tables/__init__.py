"""Tables with numbers, categories and missing values, as tensors that a VAE can be trained on, and back."""

from vaeaug.data.tables.kinds import is_mixed
from vaeaug.data.tables.layout import Block, Layout
from vaeaug.data.tables.table import Table

__all__ = ["Block", "Layout", "Table", "is_mixed"]
