"""The primary comparison: which method against which baseline, named in advance of any result.

Of the many comparisons of a table one answers its question: does the recipe for this kind of data and this regime beat the
best cheap baseline? It is tested alone, at the full level. All others are exploratory, and corrected for their number. The
recipe and the baseline follow from the table below, never from the results of the runs that are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vaeaug.bench.analysis.summaries import CaseKey, Groups, best_baselines, group_results
from vaeaug.bench.regimes import Regime
from vaeaug.bench.results import Result
from vaeaug.models.classifiers import ESTIMATORS, NETWORKS

# Samples: up to this size of the smallest class the best baseline of docs/results.md has MixUp, in balanced and in imbalanced
# regimes.
FEW, FEW_IF_IMBALANCED = 50, 20
# Samples: up to this size of the smallest class, principal components instead of a VAE are the recipe for networks on images.
# Chosen on development seeds in benchmarks/recipe/q21_spaces.py, frozen on 2026-11-25.
COMPONENTS_UP_TO = 20
IMAGE_CLASSIFIERS = ("cnn", "resnet18")
CLASSIFIERS = (*NETWORKS, *ESTIMATORS)  # the primary comparison is that of the first; a user's own come after them


@dataclass(frozen=True)
class Plan:
    """What is compared in one setting.

    Arguments:
        recipes: The names of our recipe, the preferred one first; of those that were run, the first counts.
        baselines: The same of the best cheap baseline.
    """

    recipes: tuple[str, ...]
    baselines: tuple[str, ...]


# Networks on images, balanced. MixUp is part of the recipe for small classes (benchmarks/recipe/q12_joined.py and
# q15_elsewhere.py), and RandAugment with MixUp is the strongest cheap baseline (q20_policies.py).
FEW_IMAGES = Plan(
    ("RandAugment + synthetic + MixUp", "classical + synthetic + MixUp", "classical + synthetic"),
    ("RandAugment + MixUp", "classical + MixUp"),
)
FEWEST_IMAGES = Plan(("RandAugment + synthetic (PCA) + MixUp", *FEW_IMAGES.recipes), FEW_IMAGES.baselines)
MANY_IMAGES = Plan(
    (
        "RandAugment + synthetic",
        "classical + synthetic",
        "RandAugment + synthetic + MixUp",
        "classical + synthetic + MixUp",
    ),
    ("RandAugment", "RandAugment + MixUp", "classical", "classical + MixUp"),
)
# The same for the small images of digits, whose strongest baseline in docs/results.md is MixUp with the classical
# augmentation that was tuned for them; RandAugment was tuned for Fashion-MNIST.
SMALL_IMAGES = ("digits",)
FEW_SMALL = Plan(("classical + synthetic + MixUp", "classical + synthetic"), ("classical + MixUp",))
MANY_SMALL = Plan(("classical + synthetic", "classical + synthetic + MixUp"), ("classical", "classical + MixUp"))
# Networks on imbalanced images.
FEW_IMBALANCED = Plan(
    ("classical + synthetic + MixUp + class weights", "classical + synthetic + random oversampling"),
    ("classical + MixUp + class weights", "classical + class weights", "class weights"),
)
MANY_IMBALANCED = Plan(
    ("classical + synthetic + random oversampling", "classical + synthetic + MixUp + class weights"),
    (
        "classical + random oversampling",
        "classical + MixUp + class weights",
        "classical + class weights",
        "class weights",
    ),
)
# Estimators on images: shifts cost a forest points on Fashion-MNIST and gain some on digits. Then every classifier on
# tabular data, for which nothing cheap is known to be better than no augmentation.
IMAGES_AS_ROWS = Plan(("classical + synthetic", "synthetic (extrapolate)"), ("SMOTE (10x)", "none"))
SMALL_AS_ROWS = Plan(("classical + synthetic", "synthetic (extrapolate)"), ("classical", "SMOTE (10x)", "none"))
TABULAR = Plan(("synthetic (interpolate)", "classical + synthetic"), ("none",))
NONE = Plan((), ())  # where the kind of the data is not known
IMBALANCED_ROWS = Plan(
    ("synthetic oversampling", "classical + synthetic oversampling"), ("class weights", "random oversampling", "SMOTE")
)


@dataclass(frozen=True)
class Pair:
    """The two methods of a primary comparison.

    Arguments:
        recipe: The method of ours.
        baseline: The baseline.
        choices: The number of baselines of which this one has the highest mean, where the plan names none that was run;
            0 where the plan names it.
    """

    recipe: str
    baseline: str
    choices: int = 0


def space_suffix(space: str) -> str:
    """Returns how the names of our methods end in this space; the VAE's has no ending."""
    return "" if space in ("", "vae") else f", {space} space"


def plan_of(result: Result) -> Plan:
    """Returns what is compared in the setting of a result."""
    regime = Regime.parse(result.regime)
    few = min(regime.counts) <= (FEW_IF_IMBALANCED if regime.is_imbalanced else FEW)
    # Results of older versions do not name the kind of their data; these classifiers are for images.
    images = result.data_kind == "images" or (not result.data_kind and result.classifier in IMAGE_CLASSIFIERS)
    if images and result.steps > 0:
        if regime.is_imbalanced:
            return FEW_IMBALANCED if few else MANY_IMBALANCED
        if result.data in SMALL_IMAGES:
            return FEW_SMALL if few else MANY_SMALL
        if few and min(regime.counts) <= COMPONENTS_UP_TO:
            return FEWEST_IMAGES
        return FEW_IMAGES if few else MANY_IMAGES
    if regime.is_imbalanced:
        return IMBALANCED_ROWS
    if images:
        return SMALL_AS_ROWS if result.data in SMALL_IMAGES else IMAGES_AS_ROWS
    return TABULAR if result.data_kind else NONE


def recipes(results: Iterable[Result]) -> dict[CaseKey, str]:
    """Returns our recipe of each data set, regime and classifier.

    That is the one that the plan names, or else a method that is the only one of ours. Of several others none was named in
    advance.

    Arguments:
        results: Results of any runs, with the kind of their data.
    """
    return {case: recipe for case, methods in _cases(results).items() if (recipe := _recipe(methods))}


def primary_pairs(results: Sequence[Result], metric: str | None = None) -> dict[CaseKey, Pair]:
    """Returns the primary comparison of each data set and regime, with its classifier.

    It is that of one classifier: networks come before estimators, and cnn before other networks. Where no baseline of the
    plan was run, the one with the highest mean is taken, which favours the baseline.

    Arguments:
        results: Results of any runs, with the kind of their data.
        metric: A field of `Result`; by default the metric of each regime.
    """
    pairs: dict[tuple[str, str], tuple[CaseKey, Pair]] = {}
    best = best_baselines(results, metric)
    cases = _cases(results)
    for case in sorted(cases, key=lambda case: _rank(case, cases[case])):
        pair = _pair(cases[case], best.get(case, ("", 0)))
        if pair is not None:
            pairs.setdefault(case[:2], (case, pair))
    return dict(pairs.values())


def _cases(results: Iterable[Result]) -> dict[CaseKey, dict[str, dict[int, Result]]]:
    """Returns the results by case, then by method, then by seed."""
    groups: Groups = group_results(results)
    cases: dict[CaseKey, dict[str, dict[int, Result]]] = {}
    for key, group in groups.items():
        cases.setdefault(key[:3], {})[key[3]] = group
    return cases


def _rank(case: CaseKey, methods: dict[str, dict[int, Result]]) -> tuple[bool, int]:
    is_estimator = _any_result(methods).steps == 0
    return is_estimator, CLASSIFIERS.index(case[2]) if case[2] in CLASSIFIERS else len(CLASSIFIERS)


def _any_result(methods: dict[str, dict[int, Result]]) -> Result:
    return next(iter(next(iter(methods.values())).values()))


def _recipe(methods: dict[str, dict[int, Result]]) -> str:
    ours = [name for name, group in methods.items() if next(iter(group.values())).kind == "ours"]
    spaces = {name: next(iter(methods[name].values())).space for name in ours}
    planned = plan_of(_any_result(methods)).recipes
    # With the VAE before the same recipe in another space.
    named = [name for recipe in planned for name in (recipe, *_in_other_spaces(recipe, spaces)) if name in methods]
    return named[0] if named else ours[0] if len(ours) == 1 else ""


def _in_other_spaces(recipe: str, spaces: Mapping[str, str]) -> list[str]:
    return [name for name, space in spaces.items() if name == f"{recipe}{space_suffix(space)}" != recipe]


def _pair(methods: dict[str, dict[int, Result]], best: tuple[str, int]) -> Pair | None:
    recipe = _recipe(methods)
    shared = [name for name, group in methods.items() if recipe and set(group) & set(methods[recipe])]
    named = [name for name in plan_of(_any_result(methods)).baselines if name in shared]
    if named:
        return Pair(recipe, named[0])
    baseline, choices = best
    return Pair(recipe, baseline, choices) if baseline in shared else None
