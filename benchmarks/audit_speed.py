"""How long the exact distances of an audit take, and how much memory: 10,000 samples of 784 features against as many.

python benchmarks/audit_speed.py            # prints seconds and the peak memory of the process
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from vaeaug.auditing.distances import Distance, Euclidean, Gower

SIZE, FEATURES, COLUMNS = 10_000, 784, 30


def measured(distance: Distance) -> float:
    """Returns the seconds of the nearest of as many samples for each of SIZE."""
    start = time.perf_counter()
    distance.nearest(np.arange(SIZE), np.arange(SIZE, 2 * SIZE))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.random((2 * SIZE, FEATURES), dtype=np.float32))
    numbers, categories = random.normal(size=(2 * SIZE, COLUMNS // 2)), random.integers(0, 5, (2 * SIZE, COLUMNS // 2))
    cases = (
        (f"Euclidean, {FEATURES} features", Euclidean("", pixels)),
        ("Euclidean, all ties", Euclidean("", torch.ones(2 * SIZE, 8))),
        (f"Gower, {COLUMNS} columns", Gower("", numbers, categories, np.ptp(numbers, 0))),
    )
    for name, distance in cases:
        seconds = measured(distance)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name}: {seconds:.1f} s, peak of the process so far {peak:.2f} GiB")


if __name__ == "__main__":
    main()
