"""torch's modes, fixed while the library computes: a result does not depend on the modes in which a function is called.

Torch has modes that change what the same line of code computes: inference mode, autocast, the default dtype and the default
device. A tensor made in inference mode, for example, cannot be trained on later. So every public function that computes runs
in `plain` modes: tensors that can be used anywhere, full precision, float32, and the CPU unless a device is named.

The default dtype belongs to the whole process: while a function of the library runs, it is float32 for other threads, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])
CPU = torch.device("cpu")
AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")


@contextmanager
def plain() -> Iterator[None]:
    """Leaves inference mode and autocast, and makes float32 and the CPU the default, inside the block.

    A context must not be left open at a `yield` to the user: see `plain_steps`.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        for device_type in AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device_type):
                stack.enter_context(torch.autocast(device_type, enabled=False))
        # Only where it is another one: inside this context, every call of torch is slower.
        if torch.get_default_device() != CPU:
            stack.enter_context(CPU)
        stack.enter_context(_float32)
        yield


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
    """Makes float32 the default dtype. Torch has no context for this, so calls that overlap, also in threads, are counted:
    the first one keeps the user's dtype, and the last one restores it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = threading.local()  # of each thread: whether each open call was counted
        self._count = 0
        self._users = torch.float32

    def __enter__(self) -> None:
        open_calls = self._calls.__dict__.setdefault("counted", [])
        with self._lock:
            counted = self._count > 0 or torch.get_default_dtype() != torch.float32
            open_calls.append(counted)
            if counted:
                if not self._count:
                    self._users = torch.get_default_dtype()
                    torch.set_default_dtype(torch.float32)
                self._count += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._calls.counted.pop():
                self._count -= 1
                if not self._count:
                    torch.set_default_dtype(self._users)


_float32 = _Float32()
