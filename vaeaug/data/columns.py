"""Columns of Hugging Face's `datasets`, which are read when they are used."""

from __future__ import annotations

import sys
from typing import Any


def listed(value: Any) -> Any:
    """Returns a column of a dataset, such as `dataset["image"]`, as what it holds: a list, an array or a tensor.

    Anything else stays as it is. The package is not imported: a value can only be a column if somebody has imported it.
    """
    kind = getattr(sys.modules.get("datasets.arrow_dataset"), "Column", None)
    return value[:] if kind is not None and isinstance(value, kind) else value
