"""Wrappers around a user's model, which add nothing to `encode` and `decode`: `torch.compile`, DataParallel and DDP.

Only `forward` of such a wrapper is compiled or distributed, and a VAE is asked by its methods. So the model inside is used,
as if it had been passed itself: in the same way, and saved under the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

COMPILED = "_orig_mod"  # the attribute of what torch.compile returns


def unwrapped(model: Any) -> Any:
    """Returns the model inside of any wrappers, or the model itself."""
    while inner := _inner_name(model):
        model = getattr(model, inner)
    return model


def state_dict(module: nn.Module) -> dict[str, Tensor]:
    """Returns the state of a module under the names that it has without wrappers of the module's parts."""
    prefixes = [f"{name}.{inner}." if name else f"{inner}." for name, inner in _wrappers_in(module)]
    # From the innermost wrapper outwards, because the names of inner ones contain those of outer ones.
    return {_without(prefixes[::-1], name): tensor for name, tensor in module.state_dict().items()}


def _without(prefixes: Sequence[str], name: str) -> str:
    """Returns the name of a tensor without the last part of each prefix that it begins with."""
    for prefix in prefixes:
        if name.startswith(prefix):
            kept = prefix[:-1].rpartition(".")[0]
            name = f"{kept}." * bool(kept) + name.removeprefix(prefix)
    return name


def _wrappers_in(module: nn.Module) -> list[tuple[str, str]]:
    return [(name, inner) for name, part in module.named_modules() if (inner := _inner_name(part))]


def _inner_name(model: Any) -> str:
    if isinstance(model, DataParallel | DistributedDataParallel):
        return "module"
    return COMPILED if isinstance(model, nn.Module) and COMPILED in model._modules else ""
