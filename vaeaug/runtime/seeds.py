"""Turns seeds into generators. All random numbers of the library come from these; the global state is never touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch

from vaeaug.runtime import checks


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

    For code that takes no generator, such as the initialisation of torch's layers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(seed, *path))
        yield
