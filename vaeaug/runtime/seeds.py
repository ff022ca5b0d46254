"""Turns seeds into generators. All random numbers of the library come from these; the global state is never touched."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vaeaug.runtime import checks

# Held by the thread of ours that seeds the global generators. Others of ours wait; a thread of the user's does not.
_LOCK = threading.RLock()


def _new_lock() -> None:
    global _LOCK
    _LOCK = threading.RLock()


# A forked process has only the thread that forked it: a lock that another thread held would never be released.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


class Stream(IntEnum):
    """The random streams of one benchmark run, each derived from the seed of the run: `derive(seed, Stream.ORDER)`.

    Committed results depend on these numbers, so a number never changes its meaning.
    """

    VAE = 1
    WEIGHTS = 2
    ORDER = 3
    AUGMENTATION = 4
    NOISE_REFERENCE = 5
    RANDOM_OVERSAMPLING = 6
    SUBSET = 7
    NOISE_PROBE = 8
    PERMUTED_COUNTS = 9
    GENERATOR = 10
    ADDED = 11
    TUNING = 12
    UNLABELLED = 13
    BALANCING = 14
    THRESHOLD = 17
    # The numbers of PERMUTED_COUNTS and GENERATOR again: committed results of distilled methods were drawn from them.
    TEACHERS = 9
    TEACHER_SAMPLES = 10


def derive(seed: int, *path: int) -> int:
    """Returns a 63-bit seed for `path` under `seed`; neighbouring paths give unrelated seeds.

    Arguments:
        seed: The user's seed, 0 or more.
        path: Numbers that identify what is drawn, for example a stream and an epoch.

    Raises:
        InputError: If `seed` is not a whole number from 0.
    """
    checks.check_number("seed", seed, 0, whole=True)
    state = np.random.SeedSequence(int(seed), spawn_key=tuple(int(p) for p in path)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def generator(seed: int, *path: int) -> torch.Generator:
    """Creates the CPU generator for `path` under `seed`; see `derive`.

    Noise is always drawn on the CPU and then moved, so that a seed gives the same samples on every device.
    """
    return torch.Generator().manual_seed(derive(seed, *path))


@contextmanager
def forked(seed: int, *path: int) -> Iterator[None]:
    """Seeds torch's global CPU generator inside the block and restores it afterwards.

    For code that takes no generator and runs long, such as other libraries' training. Blocks of several threads run one after
    another; a thread that is not in such a block shares the generator meanwhile. See `drawing_from` for short code.
    """
    with _LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, *path))
        yield


@contextmanager
def all_forked(seed: int, *path: int) -> Iterator[None]:
    """Seeds the global generators of torch, numpy and Python inside the block and restores them afterwards; see `forked`."""
    with forked(seed, *path):
        python, legacy = random.getstate(), np.random.get_state()
        start = derive(seed, *path)
        random.seed(start)
        np.random.seed(start % 2**32)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)


@contextmanager
def drawing_from(seed: int, *path: int) -> Iterator[None]:
    """Lets torch draw inside the block, in this thread and on the CPU, from a generator of its own instead of the global one.

    For code that takes no generator, such as the initialisation of torch's layers. The numbers are those of `forked`, but
    other threads neither change them nor notice anything. Every operation of torch takes a few microseconds longer.
    """
    with _Drawing(generator(seed, *path)):
        yield


class _Drawing(TorchDispatchMode):
    """Passes a generator to every operation that draws random numbers on the CPU. Modes of torch belong to one thread."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator, self.process = generator, os.getpid()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or not self._is_for(args, kwargs):
            return func(*args, **kwargs)
        with_generator = _with_generator(func)
        if with_generator is not None:
            return with_generator(*args, **{**kwargs, "generator": self.generator})
        with _LOCK, torch.random.fork_rng(devices=[]):
            torch.default_generator.set_state(self.generator.get_state())
            try:
                return func(*args, **kwargs)
            finally:
                self.generator.set_state(torch.default_generator.get_state())

    def _is_for(self, args: Any, kwargs: Any) -> bool:
        """Returns whether an operation draws on the CPU, without a generator of its own, and in this process."""
        devices = {arg.device.type for arg in args if isinstance(arg, torch.Tensor)}
        if kwargs.get("device") is not None:
            devices.add(torch.device(kwargs["device"]).type)
        return devices <= {"cpu"} and kwargs.get("generator") is None and os.getpid() == self.process


@lru_cache(maxsize=256)
def _with_generator(func: Any) -> Any:
    """Returns the overload of an operation that also takes a generator; None if there is none."""

    def others(overload: Any) -> list[str]:
        return [argument.name for argument in overload._schema.arguments if argument.name != "generator"]

    for name in (func._overloadname, *func.overloadpacket.overloads()):
        overload = getattr(func.overloadpacket, name)
        takes_one = any(a.name == "generator" and a.kwarg_only for a in overload._schema.arguments)
        if takes_one and others(overload) == others(func):
            return overload
    return None
