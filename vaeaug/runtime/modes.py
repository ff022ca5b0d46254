"""torch's modes, fixed while the library computes: a result does not depend on the modes in which a function is called.

Torch has modes that change what the same line of code computes: inference mode, autocast, the default dtype and the default
device. A tensor made in inference mode, for example, cannot be trained on later. So every public function that computes runs
in `plain` modes: tensors that can be used anywhere, full precision, float32, and the CPU unless a device is named.

The default dtype belongs to the whole process: while a function of the library runs, it is float32 for other threads, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import wraps
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])
CPU = torch.device("cpu")
AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


class plain:  # noqa: N801 (it reads like a function)
    """Leaves inference mode and autocast, and makes float32 and the CPU the default, inside a `with` block.

    A block must not be left open at a `yield` to the user: see `plain_steps`.
    """

    def __enter__(self) -> None:
        # In most calls there is nothing to leave, which takes 10 us to see.
        self._stack = None if _are_plain() else ExitStack()
        if self._stack is None:
            return
        if torch.is_inference_mode_enabled():
            self._stack.enter_context(torch.inference_mode(False))
        for device_type in filter(torch.is_autocast_enabled, AUTOCAST_DEVICES):
            self._stack.enter_context(torch.autocast(device_type, enabled=False))
        # Only where it is another one: inside this context, every call of torch is slower.
        if torch.get_default_device() != CPU:
            self._stack.enter_context(CPU)
        self._stack.enter_context(_float32)

    def __exit__(self, *error: Any) -> None:
        if self._stack is not None:
            self._stack.__exit__(*error)


def _are_plain() -> bool:
    return (
        not torch.is_inference_mode_enabled()
        and torch.get_default_dtype() == torch.float32
        and not _float32.is_set
        and not any(map(torch.is_autocast_enabled, AUTOCAST_DEVICES))
        and torch.get_default_device() == CPU
    )


def in_plain_modes(function: F) -> F:
    """Returns a function that runs in `plain` modes."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with plain():
            return function(*args, **kwargs)

    return run  # type: ignore[return-value]


def plain_steps(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Returns a generator function each of whose steps runs in `plain` modes; between them the user's own are in force."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Iterator[Any]:
        steps = function(*args, **kwargs)
        try:
            while True:
                with plain():
                    try:
                        value = next(steps)
                    except StopIteration:
                        return
                yield value
        finally:
            steps.close()  # type: ignore[attr-defined]

    return run


class _Float32:
    """Makes float32 the default dtype. Torch has no context for this, so the open calls, of all threads, are counted: the
    first one keeps the user's dtype, and the last one restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_calls = 0
        self._users = torch.float32

    @property
    def is_set(self) -> bool:
        """Whether a call is open, so that the default dtype is not the user's."""
        return self._open_calls > 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._open_calls:
                self._users = torch.get_default_dtype()
                torch.set_default_dtype(torch.float32)
            self._open_calls += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._open_calls -= 1
            if not self._open_calls:
                torch.set_default_dtype(self._users)


_float32 = _Float32()
