"""Does augmentation help on features of a frozen network? Few samples per class, and a tuned logistic regression.

    python benchmarks/embeddings.py                  # what is missing of ten seeds, then the tables in docs/embeddings.md
    python benchmarks/embeddings.py --set reuters --seeds 2 --pages no
    python benchmarks/embeddings.py --weka FOLDER    # where the .arff files of Debian's package weka are

Four sets are images: Fashion-MNIST and those of `judged_sets.py`, as the 1280 features before the last layer of
EfficientNet-Lite0 with the weights of ImageNet (the extra `backbone`, and `pretrained_weights.py`), which nothing trains.
One is text: the news of Reuters-21578 in Debian's package weka, as TF-IDF and 256 components of a truncated SVD, both
fitted to the texts of its training part without their labels. A set whose files are missing is left out, with the reason.

Every method gets its own regularisation: C of `C_GRID` by 3-fold cross-validation inside the training subset, where only the
training part of a fold is augmented. So a method that only regularises gains nothing over a tuned none. The shrunk covariance
and the VAE, which take seconds to fit, use the C of the difference of samples, which adds as many samples.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import judged_sets
import numpy as np
import rows as tables
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeaug import AugmentedClassifier, Augmenter, Classical
from vaeaug.bench.analysis.statistics import interval
from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.stages import pretrained
from vaeaug.data import Samples, load
from vaeaug.data.loading import CACHE
from vaeaug.models.spaces import Identity
from vaeaug.perturb.schemes import DEFAULT, Covariance
from vaeaug.runtime import files

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks" / "results" / "embeddings.csv"
PAGE = ROOT / "docs" / "embeddings.md"
BEGIN, END = "<!-- rows: python benchmarks/embeddings.py -->", "<!-- rows end -->"
WEKA = Path("/usr/share/doc/weka/examples")
SEEDS = range(10)
PER_CLASS = (5, 20)
C_GRID = (0.001, 0.01, 0.1, 1.0)
ADD = 3  # synthetic samples per real one
LARGEST_TRAIN, LARGEST_TEST = 1500, 1000  # images per part that features are computed of
CLASSES = 10  # of the letters, so that the sets are of similar size
AUTO_SEEDS = 1  # `augment="auto"` trains five VAEs and about forty classifiers, so it has fewer seeds
SLOW = ("shrunk covariance", "VAE")


@dataclass(frozen=True)
class Row:
    """One method of one run: accuracy in points, the chosen C, the seconds, and for auto what it chose."""

    data: str
    per_class: int
    method: str
    seed: int
    accuracy: float
    c: float
    seconds: float
    chosen: str = ""


def features_of(data: Samples, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features of images before the last layer of the frozen network, `(N, 1280)`, and their labels."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(files.load_tensors(pretrained.WEIGHTS, pretrained.KIND)[0])
    network._fc = torch.nn.Identity()
    network.eval()
    limit = LARGEST_TRAIN if part == "train" else LARGEST_TEST
    index = np.random.default_rng(0).permutation(len(data))[:limit]
    blocks = []
    with torch.inference_mode():
        for block in torch.from_numpy(index).split(64):
            x = data.x[block].expand(-1, 3, -1, -1)
            x = torch.nn.functional.interpolate(x, (64, 64), mode="bilinear", antialias=True)
            blocks.append(network(2 * x - 1))
    return torch.cat(blocks).numpy(), data.y[index].numpy()


def images(name: str) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Returns training and test features of a set of images. They are computed once and kept in the cache."""
    stored = CACHE / "embeddings" / f"{name}.npz"
    if stored.exists():
        with np.load(stored) as arrays:
            return (arrays["x"], arrays["y"]), (arrays["test_x"], arrays["test_y"])
    if name == "fashion-mnist":
        train, test = load(name), load(name, train=False)
    else:
        train, test = (judged_sets.SETS[name].load(train=is_train) for is_train in (True, False))
    parts = []
    for part, data in {"train": train, "test": test}.items():
        parts.append(features_of(data[data.y < CLASSES], part))
    stored.parent.mkdir(parents=True, exist_ok=True)
    (x, y), (test_x, test_y) = parts
    np.savez_compressed(stored, x=x, y=y, test_x=test_x, test_y=test_y)
    return tuple(parts)


def reuters(weka: Path) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Returns the training and test texts as 256 components: of corn, of other grain, and of neither."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts, labels = {}, {}
    for part in ("train", "test"):
        by_topic = {}
        for topic in ("Grain", "Corn"):
            path = weka / f"Reuters{topic}-{part}.arff"
            if not path.exists():
                raise judged_sets.MissingFilesError(f"{path} is missing: apt install weka, or --weka FOLDER")
            by_topic[topic] = _texts(path)
        texts[part] = [text for text, _ in by_topic["Grain"]]
        corn = dict(by_topic["Corn"])
        labels[part] = np.array([2 if corn.get(text) else grain for text, grain in by_topic["Grain"]])
    words = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
    components = TruncatedSVD(256, random_state=0)
    x = components.fit_transform(words.fit_transform(texts["train"]))
    test_x = components.transform(words.transform(texts["test"]))
    return (x.astype(np.float32), labels["train"]), (test_x.astype(np.float32), labels["test"])


def _texts(path: Path) -> list[tuple[str, int]]:
    """Returns the texts of an .arff and whether each is of its topic. scipy's reader takes no texts."""
    labelled = []
    for line in path.read_text(encoding="latin-1").splitlines():
        text, _, label = line.rpartition(",")
        if text.startswith("'") and label.strip() in ("0", "1"):
            labelled.append((text, int(label)))
    return labelled


SETS = ("fashion-mnist", "letters", "clip-art", "brain", "reuters")
Make = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def _none(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return x, y


def _noise(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Adds copies with noise of 0.3 standard deviations of each channel."""
    copies = torch.from_numpy(x).repeat(ADD, 1)
    noisy = Classical(jitter=0.3).on(torch.from_numpy(x))(copies, seed)
    return np.concatenate([x, noisy.numpy()]), np.tile(y, 1 + ADD)


def _augmented(vae: Any, perturb: Any) -> Make:
    def make(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        training = {} if vae is not None else {"seed": seed, "progress": False}
        augmenter = Augmenter(vae, perturb=perturb).fit(x, y, **training)
        new = augmenter.generate(ADD * len(x), near=x, labels=y, seed=seed)
        return np.concatenate([x, new.x.numpy()]), np.concatenate([y, new.y.numpy()])

    return make


METHODS: dict[str, Make] = {
    "none": _none,
    "channel noise": _noise,
    "difference of samples": _augmented(Identity(), DEFAULT),
    "shrunk covariance": _augmented(Identity(), Covariance(1.0)),
    "VAE": _augmented(None, DEFAULT),
}
UNTUNED, AUTO = "none, C not tuned", 'augment="auto"'


def classifier(c: float) -> Any:
    """Returns a logistic regression on standardised features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=200, tol=1e-3))


def tuned_c(make: Make, x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Returns the C with the best accuracy on the held-out parts; of equals the smallest."""
    correct = np.zeros(len(C_GRID))
    for train, held_out in StratifiedKFold(3, shuffle=True, random_state=seed).split(x, y):
        training_set = make(x[train], y[train], seed)
        for i, c in enumerate(C_GRID):
            correct[i] += (classifier(c).fit(*training_set).predict(x[held_out]) == y[held_out]).sum()
    return C_GRID[int(correct.argmax())]


def subset(y: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Returns the indices of a training subset."""
    generator = np.random.default_rng(seed)
    return np.concatenate([generator.permutation(np.flatnonzero(y == label))[:per_class] for label in np.unique(y)])


def run(data: str, parts: Any, per_class: int, seed: int) -> list[Row]:
    """Returns the rows of one training subset."""
    (all_x, all_y), (test_x, test_y) = parts
    index = subset(all_y, per_class, seed)
    x, y = all_x[index], all_y[index]
    rows = []

    def add(method: str, make: Make, c: float, start: float) -> None:
        fitted = classifier(c).fit(*make(x, y, seed))
        _append(rows, data, per_class, method, seed, _balanced(fitted.predict(test_x), test_y), c, start)

    add(UNTUNED, _none, 1.0, time.perf_counter())
    for method, make in METHODS.items():
        start = time.perf_counter()
        c = rows[-1].c if method in SLOW else tuned_c(make, x, y, seed)
        add(method, make, c, start)
    if seed < AUTO_SEEDS:
        start = time.perf_counter()
        c = next(row.c for row in rows if row.method == "none")
        auto = AugmentedClassifier(classifier(c), augment="auto", random_state=seed).fit(x, y)
        chosen = auto.choice_.chosen.name
        _append(rows, data, per_class, AUTO, seed, _balanced(auto.predict(test_x), test_y), c, start, chosen)
    return rows


def _append(rows: list[Row], data: str, per_class: int, method: str, seed: int, accuracy: float, c: float,
            start: float, chosen: str = "") -> None:  # fmt: skip
    seconds = round(time.perf_counter() - start, 2)
    rows.append(Row(data, per_class, method, seed, round(100 * accuracy, 2), c, seconds, chosen))


def _balanced(predicted: np.ndarray, y: np.ndarray) -> float:
    """Returns the mean accuracy over the classes: the training subsets are balanced, and the test set of Reuters is not."""
    return float(np.mean([(predicted[y == label] == label).mean() for label in np.unique(y)]))


def document(rows: list[Row]) -> str:
    """Returns the tables and the sentences of docs/embeddings.md, from rows alone."""
    runs: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in rows:
        runs.setdefault((row.data, row.per_class, row.seed), {})[row.method] = row.accuracy
    methods = [method for method in (UNTUNED, *METHODS, AUTO) if any(row.method == method for row in rows)]
    head = ["features", "per class", "seeds", "none", *(m for m in methods if m != "none")]
    lines = [head]
    for data, per_class in tables.distinct((row.data, row.per_class) for row in rows):
        group = {key: run for key, run in runs.items() if key[:2] == (data, per_class)}
        none = np.mean([run["none"] for run in group.values()])
        line = [data, str(per_class), str(len(group)), f"{none:.1f}"]
        lines.append([*line, *(_cell(tables.paired(group, method, "none")) for method in head[4:])])
    means = [f"{np.mean(tables.paired(runs, method, 'none')):+.1f}" for method in head[4:]]
    lines.append(["mean", "", "", "", *means])
    worst = []
    for method in head[4:]:
        cells = [float(line[head.index(method)].split()[0]) for line in lines[1:-1]]
        worst.append(f"{method} {min(cells):+.1f} to {max(cells):+.1f}")
    auto = [row for row in rows if row.method == AUTO]
    nothing = sum(row.chosen == "none" for row in auto)
    seconds = np.median([row.seconds for row in auto]) if auto else 0.0
    return "\n".join(
        [
            markdown_table(lines),
            "",
            f'The range over the {len(lines) - 2} lines: {"; ".join(worst)}. `augment="auto"` chose nothing in {nothing} of '
            f"{len(auto)} runs; a run took {seconds:.0f} s in the median.",
        ]
    )


def _cell(differences: list[float]) -> str:
    if not differences:
        return "-"
    mean, low, high = interval(differences)
    return f"{mean:+.1f}" if np.isnan(low) else f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SETS, help="this set only")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--weka", type=Path, default=WEKA)
    parser.add_argument("--pages", choices=("yes", "no"), default="yes", help="whether to write docs/embeddings.md")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    rows = tables.read(Row, ROWS)
    done = {(row.data, row.per_class, row.seed) for row in rows}
    sets = {}
    for name in options.set or SETS:
        try:
            sets[name] = reuters(options.weka) if name == "reuters" else images(name)
        except (judged_sets.MissingFilesError, ImportError, ValueError) as error:
            print(f"{name}: left out, {error}")
    for seed in range(options.seeds):  # seed by seed, so that an interrupted script has all sets
        for name, parts in sets.items():
            for per_class in PER_CLASS:
                if (name, per_class, seed) in done:
                    continue
                new = run(name, parts, per_class, seed)
                rows = sorted([*rows, *new], key=lambda row: (SETS.index(row.data), row.per_class, row.seed))
                tables.write(rows, ROWS)
                print(f"{name}, {per_class} per class, seed {seed}: "
                      + ", ".join(f"{row.method} {row.accuracy} ({row.seconds} s)" for row in new), flush=True)  # fmt: skip
    if not rows:
        return
    print(document(rows))
    if options.pages == "yes":
        tables.fill_page(PAGE, BEGIN, END, document(rows))


if __name__ == "__main__":
    main()
