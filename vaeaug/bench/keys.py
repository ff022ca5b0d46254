"""Stable keys: what results on disk are recognised by.

A result belongs to one setup: a method, the settings, a test split and a classifier. Its key is made of explicit names, each
class its `key` and each field its own name, not of how Python prints a class. So classes, display names and modules can be
renamed without running anything again. A field that is renamed keeps its key with `field(metadata={"key": "old name"})`; one
that is added later is left out where it has the value of earlier results, with `field(metadata={"earlier": value})`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from typing import Any

from vaeaug.models.classifiers import Classifier

# Settings that no longer exist, with the only value that committed results had.
REMOVED = {name: {"uniform": True} for name in ("Interpolate", "Extrapolate", "Difference")}

PNG_SOFTWARE = "vaeaug"  # in the head of a grid of images


def stable_key(value: Any) -> Any:
    """Returns a value as JSON can hold it: dataclasses by their `key` (else their class name) and their fields."""
    if is_dataclass(value) and not isinstance(value, type):
        name = getattr(value, "key", type(value).__name__)
        content = {
            f.metadata.get("key", f.name): stable_key(getattr(value, f.name))
            for f in fields(value)
            if f.compare and ("earlier" not in f.metadata or f.metadata["earlier"] != getattr(value, f.name))
        }
        return {"key": name, **REMOVED.get(name, {}), **content}
    if isinstance(value, Mapping):
        return {str(name): stable_key(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [stable_key(part) for part in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return int(number) if number.is_integer() else number  # 1 and 1.0 are the same setting
    return Classifier("", value).source_fingerprint  # an estimator or a function of the user's own


def digest(*parts: bytes) -> str:
    """Returns a short hash of bytes."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def setup_digest(method: Any, settings: Any, test_digest: str, classifier: Classifier) -> str:
    """Returns the hash of one setup: results of another setup are not taken for this one's.

    Arguments:
        method: The method; its display name and its kind do not count.
        settings: What the methods share.
        test_digest: The hash of the test split.
        classifier: The classifier; its name is a column of its own, so only the source of a user's own counts.
    """
    content = {"method": stable_key(method), "settings": stable_key(settings), "test": test_digest}
    return digest(json.dumps(content, sort_keys=True).encode(), classifier.source_fingerprint.encode())
