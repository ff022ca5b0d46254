"""The data of the page: arrays and facts as one compressed block of text.

The block is base64 of zlib of a safetensors file, all of which a browser reads without a library. Nothing that a user named
stands in the page outside of it, so that no name can end an element or act.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
from safetensors.numpy import save


def pack(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """Returns the block.

    Arguments:
        facts: What JSON can hold, without NaN.
        arrays: Arrays of uint8, int32, float16 or float32, by name.
    """
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return base64.b64encode(zlib.compress(save(contiguous, {"facts": text}), 9)).decode()


def predicted(images: np.ndarray) -> np.ndarray:
    """Returns the differences between pixels and what their neighbours predict, which compress better, in uint8.

    The prediction is that of PNG: Paeth, "Image file compression made easy", in Graphics gems II, 1991.

    Arguments:
        images: Images `(N, H, W)`, uint8.
    """
    padded = np.pad(images, ((0, 0), (1, 0), (1, 0))).astype(np.int16)
    left, above, corner = padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, :-1, :-1]
    from_left, from_above = abs(above - corner), abs(left - corner)
    from_corner = abs(left + above - 2 * corner)
    prediction = np.where(
        (from_left <= from_above) & (from_left <= from_corner),
        left,
        np.where(from_above <= from_corner, above, corner),
    )
    return (images - prediction).astype(np.uint8)
