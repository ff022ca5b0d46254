"""Runs every committed table, or resumes it, and writes its HTML page and the documents.

python benchmarks/tables.py NAME... [--jobs 2]     runs these tables, then writes
python benchmarks/tables.py                        writes docs/results.md and README.md from the existing results
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import judged_sets
import readme
import results_page
from results_page import IMAGES_TUNED, RESULTS, SEARCHED, TABULAR_TUNED, results_of

from vaeaug.bench.compare import compare
from vaeaug.bench.inputs import official_split
from vaeaug.bench.methods import (
    ANY_CLASS,
    DEFAULT_METHOD,
    DEFAULT_MIXED,
    HARDEST_MIXED,
    RAND_AUGMENT_COMPONENTS,
    REPLACING_MIXED,
    Catalogue,
)
from vaeaug.bench.regimes import Regime, draw_subset
from vaeaug.bench.report import gallery, page
from vaeaug.bench.results import Result, append
from vaeaug.bench.settings import Settings
from vaeaug.bench.stages.context import fit_augmenter
from vaeaug.data import Samples

BASELINES = ("none", "classical", "MixUp", "CutMix", "classical + MixUp", "SMOTE (10x)", "classical (hardest of 4)")
CONTROLS = ("reconstruction only", "pixel noise", "synthetic (PCA)", "classical (repeated)")
OURS = (
    "synthetic (extrapolate)",
    "classical + synthetic (extrapolate)",
    REPLACING_MIXED,
    ANY_CLASS,
    DEFAULT_METHOD,
    DEFAULT_MIXED,
    HARDEST_MIXED,
    "classical + synthetic (distilled) + MixUp",
)
CORE = (
    "none",
    "classical",
    "classical + MixUp",
    "classical + synthetic (extrapolate)",
    REPLACING_MIXED,
    ANY_CLASS,
    DEFAULT_MIXED,
)
BALANCED = (
    "none",
    "classical",
    "classical + random oversampling",
    "classical + class weights",
    "classical + synthetic oversampling",
    "classical + MixUp + class weights",
    "classical + synthetic (extrapolate) + class weights",
    f"{REPLACING_MIXED} + class weights",
    f"{DEFAULT_MIXED} + class weights",
)
PUBLISHED = (
    "classical + random oversampling",
    "classical + class weights",
    "classical + MixUp + class weights",
    "classical + MixUp + random oversampling",
    f"{REPLACING_MIXED} + class weights",
    f"{REPLACING_MIXED} + random oversampling",
    f"{DEFAULT_METHOD} + random oversampling",
)
FOREST = ("none", "classical", "SMOTE (10x)", "synthetic (extrapolate)", "synthetic (PCA)", "duplicates")
SHORT = ("none", "classical", "classical + MixUp", REPLACING_MIXED, ANY_CLASS, DEFAULT_METHOD)
IMBALANCED_FOREST = (
    "none",
    "random oversampling",
    "class weights",
    "SMOTE (10x)",
    "SMOTE",
    "synthetic (extrapolate)",
    "synthetic oversampling",
)
DIGITS = (("cnn", (*CORE, "SMOTE (10x)", "synthetic (PCA)")), ("forest", FOREST))
GENERATORS = (
    "none",
    "classical",
    "classical + MixUp",
    "classical + pythae VAE",
    "classical + pyraug RHVAE",
    "classical + DeepSMOTE",
    "classical + one VAE per class",
    REPLACING_MIXED,
)
LONGER = Settings(steps=2000)
# The strongest cheap baselines, the recipe, and its controls; see vaeaug.bench.analysis.primary.
STRONG = (
    *("none", "classical", "classical + MixUp", "RandAugment + MixUp", "RandAugment (repeated) + MixUp"),
    *("RandAugment + synthetic + MixUp", "RandAugment + synthetic (identity) + MixUp", RAND_AUGMENT_COMPONENTS),
)
STRONG_MANY = (
    *("none", "classical", "RandAugment", "RandAugment + MixUp", "RandAugment (repeated)"),
    *("RandAugment + synthetic", "RandAugment + synthetic (identity)"),
)
STRONG_SMALL = (
    *("none", "classical", "classical + MixUp", "RandAugment + MixUp", "classical (repeated) + MixUp"),
    *(DEFAULT_MIXED, f"{DEFAULT_METHOD} (identity) + MixUp"),
)
STRONG_IMBALANCED = (
    *("none", "classical + class weights", "classical + random oversampling", "classical + MixUp + class weights"),
    "classical (repeated) + MixUp + class weights",
    *(f"{DEFAULT_MIXED} + class weights", f"{DEFAULT_METHOD} (identity) + MixUp + class weights"),
)
# No setting was chosen on these seeds. Those from 200 on judge the recipes that were frozen on 2026-11-25.
JUDGING_AGAIN = tuple(range(200, 210))
JUDGING = tuple(range(100, 110))
JUDGED = tuple(range(100, 120))


@dataclass(frozen=True)
class Table:
    """The settings of one table.

    Arguments:
        data, per_class, seeds: The arguments of `vaeaug.compare`.
        runs: Each classifier with its methods.
        settings: The settings that all methods share.
        unlabelled: The number of unlabelled samples for further methods.
    """

    data: str
    per_class: int | str
    runs: tuple[tuple[str, tuple[str, ...]], ...] = (("cnn", CORE), ("forest", FOREST))
    seeds: tuple[int, ...] = JUDGING
    settings: Settings = field(default_factory=Settings)
    unlabelled: int = 0


# Longer training; MixUp on top of added synthetic samples only where classes are small.
LONG = (("cnn", ("classical", "classical + MixUp", REPLACING_MIXED, DEFAULT_METHOD)),)
LONG_MANY = (("cnn", ("classical", "classical + MixUp", DEFAULT_METHOD)),)
LONG_FEW = (("cnn", ("classical", "classical + MixUp", REPLACING_MIXED, DEFAULT_MIXED)),)
FEW = (("cnn", ("classical", "classical + MixUp", REPLACING_MIXED, ANY_CLASS, DEFAULT_MIXED, HARDEST_MIXED)),)
EVERY_RECIPE = (("cnn", (*FEW[0][1], DEFAULT_METHOD)),)

STRONG_TABLES = (
    *(("fashion-mnist", size, STRONG) for size in (5, 10, 20, 50)),
    ("fashion-mnist", 100, STRONG_MANY),
    ("fashion-mnist", "imbalanced-small", STRONG_IMBALANCED),
    *(("digits", size, STRONG_SMALL) for size in (5, 10, 20)),
    *((data, size, STRONG) for data in judged_sets.SETS for size in (10, 20)),
)

TABLES = {
    **{
        f"{data}-{size}-strong": Table(data, size, (("cnn", methods),), JUDGING_AGAIN)
        for data, size, methods in STRONG_TABLES
    },
    "fashion-mnist-20": Table("fashion-mnist", 20, (("cnn", (*BASELINES, *CONTROLS, *OURS)), ("forest", FOREST))),
    "fashion-mnist-10": Table("fashion-mnist", 10),
    "fashion-mnist-50": Table("fashion-mnist", 50, (("cnn", SHORT), ("forest", FOREST))),
    "fashion-mnist-100": Table("fashion-mnist", 100, (("cnn", SHORT),)),
    "fashion-mnist-imbalanced-small": Table(
        "fashion-mnist", "imbalanced-small", (("cnn", BALANCED), ("forest", IMBALANCED_FOREST))
    ),
    "fashion-mnist-imbalanced": Table("fashion-mnist", "imbalanced", (("cnn", PUBLISHED),)),
    "fashion-mnist-20-peers": Table("fashion-mnist", 20, (("cnn", GENERATORS),), (100, 101, 102)),
    "fashion-mnist-10-judged": Table("fashion-mnist", 10, FEW, JUDGED),
    "fashion-mnist-20-judged": Table("fashion-mnist", 20, EVERY_RECIPE, JUDGED),
    "fashion-mnist-10-longer": Table("fashion-mnist", 10, LONG_FEW, settings=LONGER),
    "fashion-mnist-20-longer": Table("fashion-mnist", 20, LONG_FEW, settings=LONGER),
    "fashion-mnist-50-longer": Table("fashion-mnist", 50, LONG, settings=LONGER),
    "fashion-mnist-100-longer": Table("fashion-mnist", 100, LONG_MANY, settings=LONGER),
    "fashion-mnist-20-unlabelled": Table("fashion-mnist", 20, (("cnn", SHORT),), unlabelled=10_000),
    "breast-cancer-20-tuned": Table("breast-cancer", 20, (("logistic", TABULAR_TUNED), ("forest", TABULAR_TUNED))),
    "wine-10-tuned": Table("wine", 10, (("logistic", TABULAR_TUNED), ("forest", TABULAR_TUNED))),
    "digits-5-tuned": Table("digits", 5, (("forest", IMAGES_TUNED),)),
    "digits-10-tuned": Table("digits", 10, (("forest", IMAGES_TUNED),)),
    "fashion-mnist-10-tuned": Table("fashion-mnist", 10, (("forest", IMAGES_TUNED),)),
    "digits-5-judged": Table("digits", 5, FEW, JUDGED),
    "digits-10-judged": Table("digits", 10, FEW, JUDGED),
    "digits-5": Table("digits", 5, DIGITS),
    "digits-10": Table("digits", 10, DIGITS),
    "digits-20": Table("digits", 20, DIGITS),
}
# Pages of several tables, for the learning curves.
PAGES = {
    "fashion-mnist": ("fashion-mnist-10", "fashion-mnist-20", "fashion-mnist-50", "fashion-mnist-100"),
    "digits": ("digits-5", "digits-10", "digits-20"),
}


def run(name: str, jobs: int) -> None:
    """Runs what is missing of a table, and writes its page."""
    table, start = TABLES[name], time.perf_counter()
    train_data, test = load(table.data)
    catalogue = Catalogue(table.data, images=train_data.x.ndim == 4)
    pooled = [
        method
        for method in catalogue.with_unlabelled(table.unlabelled)
        if method.name.startswith((DEFAULT_METHOD + " +", REPLACING_MIXED, ANY_CLASS))
    ]
    copy_results(name)
    results: list[Result] = []
    for classifier, methods in table.runs:
        results += compare(
            train_data,
            test=test,
            name=table.data,
            per_class=table.per_class,
            classifiers=(classifier,),
            methods=(*catalogue.named(methods), *pooled),
            seeds=table.seeds,
            settings=table.settings,
            results=RESULTS / name / "rows.csv",
            n_jobs=jobs,
        )
    _write_page(name, in_order(results), train_data, (name,))
    print(f"{name}: {len(results)} results, {time.perf_counter() - start:.0f} s")


def load(data: str) -> tuple[Samples, Samples]:
    """Returns the part of a set to train on, and the part to judge on."""
    judged_set = judged_sets.SETS.get(data)
    return official_split(data) if judged_set is None else (judged_set.load(), judged_set.load(train=False))


def copy_results(name: str) -> None:
    """Copies results that another table already has, so that nothing is run twice. `compare` checks their hashes."""
    table, path = TABLES[name], RESULTS / name / "rows.csv"
    needed = {(kind, method, seed) for kind, methods in table.runs for method in methods for seed in table.seeds}
    existing = {result.key for result in results_of(name)}
    case = (table.data, str(Regime.of(table.per_class)))
    for result in (result for other in TABLES if other != name for result in results_of(other)):
        same_case = (result.data, result.regime) == case and result.steps in (0, table.settings.steps)
        if same_case and (result.classifier, result.method, result.seed) in needed and result.key not in existing:
            append(path, result)
            existing.add(result.key)


def write_pages(names: Sequence[str]) -> None:
    """Writes the pages of several tables that contain one of these."""
    for name, parts in PAGES.items():
        results = [result for part in parts for result in in_order(results_of(part))]
        if set(parts) & set(names) and len({result.regime for result in results}) > 1:
            _write_page(name, results, official_split(TABLES[parts[0]].data)[0], parts)


def in_order(results: Sequence[Result]) -> list[Result]:
    """Returns results by classifier, method and seed, in whatever order they were run."""
    order = {method: i for i, method in enumerate(dict.fromkeys((*BASELINES, *CONTROLS, *BALANCED, *OURS)))}
    return sorted(results, key=lambda r: (r.classifier, order.get(r.method, len(order)), r.method, r.seed))


def _write_page(name: str, results: Sequence[Result], train_data: Samples, parts: Sequence[str]) -> None:
    table = TABLES[parts[0]]
    grids = []
    if train_data.x.ndim == 4:
        subset = draw_subset(train_data, table.per_class, results[0].seed)
        grids = gallery.gallery(fit_augmenter(subset, results[0].seed, table.settings))
    settings = {"tables": ", ".join(parts), "settings": repr(table.settings)}
    highlight = (*results_page.OURS, IMAGES_TUNED[1], SEARCHED)
    names = {table.data: train_data.names}
    page.write(
        RESULTS / name / "report.html", results, grids, settings, highlight=highlight, class_names=names, overwrite=True
    )


def main() -> None:
    """Runs the tables that are asked for and writes the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(TABLES)}, or all")
    parser.add_argument("--jobs", type=int, default=2, help="processes; the results do not depend on it")
    arguments = parser.parse_args()
    names = list(TABLES) if arguments.names == ["all"] else arguments.names
    unknown = sorted(set(names) - set(TABLES))
    if unknown:
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    for name in names:
        run(name, arguments.jobs)
    write_pages(names)
    tables = {name: in_order(results_of(name)) for name in TABLES}
    results_page.PAGE.write_text(results_page.updated(results_page.PAGE.read_text(), tables))
    readme.README.write_text(readme.updated(readme.README.read_text()))


if __name__ == "__main__":
    main()
