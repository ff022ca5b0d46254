"""Equality of synthetic samples, whose confidence is NaN where nothing judged them."""

import torch


def same(a, b):
    """Returns whether the tensors of two `Generated` are equal; NaN equals NaN."""
    pairs = list(zip(a, b, strict=True))
    return all(a.shape == b.shape and torch.equal(torch.nan_to_num(a, -1), torch.nan_to_num(b, -1)) for a, b in pairs)
