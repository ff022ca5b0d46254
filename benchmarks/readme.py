"""Writes the results between the marks in README.md from committed results.

python benchmarks/readme.py
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import results_page
from results_page import MAIN_TABLE, OVERSAMPLING, REPEATED

from vaeaug.bench.analysis.comparisons import (
    BASELINES,
    Comparison,
    Summary,
    compare_to_best_baseline,
    comparisons,
    corrected,
    primary_comparisons,
)
from vaeaug.bench.analysis.controls import attributions
from vaeaug.bench.analysis.outcomes import Outcome
from vaeaug.bench.analysis.summaries import summaries
from vaeaug.bench.markdown import markdown_table
from vaeaug.bench.methods import DEFAULT_METHOD, DEFAULT_MIXED
from vaeaug.bench.regimes import Regime
from vaeaug.bench.relations import completed
from vaeaug.bench.report import wording
from vaeaug.bench.report.wording import signed
from vaeaug.bench.results import read

README = results_page.ROOT / "README.md"
BEGIN, END = "<!-- results: benchmarks/readme.py writes what follows -->", "<!-- results end -->"

# The names of methods, data sets and tables.
NONE, CLASSICAL, MIXUP = BASELINES
INTERPOLATE = "synthetic (interpolate)"  # what AugmentedClassifier does with tabular data
LONGER_TABLE = f"{MAIN_TABLE}-longer"
TABULAR_TABLES = ("wine-10-tuned", "breast-cancer-20-tuned")
# The sets whose tables end in -strong: the primary comparison of each is a line.
STRONG = (
    *(f"fashion-mnist-{size}" for size in (5, 10, 20, 50, 100)),
    *(f"digits-{size}" for size in (5, 10, 20)),
    *(f"{data}-{size}" for data in ("letters", "brain", "clip-art") for size in (10, 20)),
    "fashion-mnist-imbalanced-small",
)
# The lines of sets without such a table: a table of docs/results.md, a classifier, and the method that README recommends.
LINES = (
    ("fashion-mnist-10-judged", "cnn", DEFAULT_MIXED),
    ("fashion-mnist-20-judged", "cnn", DEFAULT_MIXED),
    ("fashion-mnist-100", "cnn", DEFAULT_METHOD),
    ("digits-5-judged", "cnn", DEFAULT_MIXED),
    ("digits-10-judged", "cnn", DEFAULT_MIXED),
    ("fashion-mnist-imbalanced-small", "cnn", f"{DEFAULT_MIXED} + class weights"),
    ("fashion-mnist-imbalanced-small", "forest", OVERSAMPLING),
    ("fashion-mnist-imbalanced", "cnn", f"{DEFAULT_METHOD} + random oversampling"),
)
# Questions of the research log, judged on parts of the training images.
NAMED = "2026-11-25"  # when vaeaug/bench/analysis/primary.py was written
RESEARCH = results_page.ROOT / "benchmarks" / "recipe" / "rows"
POLICY, RAND_AUGMENT = "RandAugment + MixUp", "RandAugment 3 + MixUp"
SEEDS = 10  # of the tables that end in -strong
TITLES = {"fashion-mnist": "Fashion-MNIST", "clip-art": "clip art", "forest": "random forest"}


def block() -> str:
    """Returns the text between the marks. Lines and sentences whose results are missing are left out."""
    strong = {name: line for name in STRONG if (line := _strong_line(f"{name}-strong"))}
    other = [
        _line(table, classifier, method)
        for table, classifier, method in LINES
        if classifier != "cnn" or table.removesuffix("-judged") not in strong
    ]
    lines = [*strong.values(), *filter(None, other)]
    texts = (
        frozen() if strong else "",
        named_later(bool(strong)) if any(other) else "",
        attributed(tuple(strong)) if strong else "",
        stronger_baseline() if any(other) else "",
        imbalanced_tables(),
        larger_batches(),
        longer_training(),
        tabular_data(),
    )
    sentences = [f"- {text}" for text in texts if text]
    if not lines and not sentences:
        return "\n".join([BEGIN, "*No results of this version: `python benchmarks/tables.py all` writes them.*", END])
    header = [
        "training images",
        "with vaeaug",
        "baseline",
        "gain, points",
        "95 % interval",
        "outcome",
        "the VAE adds",
    ]
    width = len(header) if strong else len(header) - 1
    table = markdown_table([line[:width] for line in (header, *lines)])
    return "\n".join([BEGIN, table, "", *sentences, END])


def _strong_line(table: str) -> list[str]:
    """Returns the line of a primary comparison that was named before its runs; none if a run is missing."""
    results = results_page.results_of(table)
    compared = primary_comparisons(results)
    if not compared or compared[0].seeds < SEEDS:
        return []
    gain, added = compared[0], _attribution(table)
    vae = "" if added is None else f"{signed(added.mean)} ({interval(added)})"
    outcome = wording.OUTCOMES[gain.outcome] if gain.outcome else ""
    link = f"[{describe(gain)}](docs/results.md#{table})"
    return [link, gain.method, gain.against, f"**{signed(gain.mean)}**", interval(gain), outcome, vae]


def _attribution(table: str) -> Comparison | None:
    """Returns the difference of the recipe with a VAE to its best control."""
    judged = [a.comparison for a in attributions(results_page.results_of(table)) if a.comparison]
    return judged[0] if judged else None


def _line(table: str, classifier: str, method: str) -> list[str]:
    gain = find_gain(table, classifier, method)
    if gain is None:
        return []
    data = describe(gain).removesuffix(", classes permuted")
    link = f"[{data}](docs/results.md#{table})" + ("" if classifier == "cnn" else f", {TITLES[classifier]}")
    return [link, method, gain.against, f"**{signed(gain.mean)}**", interval(gain), wording.outcome_words(gain), ""]


def frozen() -> str:
    """Says when the recipes and the primary comparisons were chosen."""
    return (
        f"Lines with an entry in the last column: recipe and baseline were named on {NAMED}, before these runs, on other "
        f"seeds, and without letters, brain and clip art. Each is one test, not corrected. The last column is the recipe "
        f"with a VAE minus the best of its controls: the same scheme in pixels or in principal components, and repeated "
        f"real images."
    )


def attributed(tables: Sequence[str]) -> str:
    """Says in how many settings the VAE adds to its best control."""
    added = [c for table in tables if (c := _attribution(f"{table}-strong"))]
    above, below = sum(c.low > 0 for c in added), sum(c.high < 0 for c in added)
    means = sorted(c.mean for c in added)
    size = (
        f"{signed(means[0])} points in 1 setting"
        if len(added) == 1
        else (f"{signed(means[0])} to {signed(means[-1])} points in {len(added)} settings")
    )
    return (
        f"**What the VAE adds** over its best control is {size}: the interval is above zero in {above}, below zero in "
        f"{below}. The control with the highest mean is "
        f"chosen after the runs, which favours the controls."
    )


def named_later(with_others: bool) -> str:
    """Says when the primary comparisons of older tables were named, and what follows for their outcomes."""
    lines = "The other lines: their" if with_others else "The"
    return (
        f"{lines} primary comparisons were named on {NAMED}, after these runs. So every outcome is corrected for the number "
        f"of comparisons of its table; the intervals are not."
    )


def stronger_baseline() -> str:
    """Says what a stronger baseline gains, and what the VAE and its controls add to it, both on development seeds."""
    policies = _research("q20_policies", MIXUP)
    spaces = _research("q21_spaces", POLICY)
    if not policies or not spaces:
        return ""
    policy, vae, pixels, components = policies[RAND_AUGMENT], spaces["VAE"], spaces["identity"], spaces["PCA"]
    without_vae = max(pixels.mean, components.mean) >= vae.mean
    conclusion = " So the gain is not shown to be the VAE's." if without_vae else ""
    return (
        f"**Some lines have a weaker baseline.** On development seeds, *RandAugment + MixUp* gains "
        f"{signed(policy.mean)} points over *{MIXUP}* ({_size(policy)}). Added to it, synthetic samples gain another "
        f"{signed(vae.mean)} points ({interval(vae)}; {_size(vae)}). The same scheme without the VAE gains "
        f"{signed(pixels.mean)} in pixels ({interval(pixels)}) and {signed(components.mean)} in principal components "
        f"({interval(components)}).{conclusion} "
        f"See the [research log](benchmarks/recipe/README.md#q21_spaces)."
    )


def _research(question: str, against: str) -> dict[str, Comparison]:
    path = RESEARCH / f"{question}.csv"
    return {gain.method: gain for gain in comparisons(completed(read(path)), against)} if path.exists() else {}


def _size(gain: Comparison) -> str:
    return f"Fashion-MNIST, {Regime.parse(gain.regime).describe()}, {gain.seeds} seeds"


def larger_batches() -> str:
    """Compares synthetic samples with the control: batches of the same size, filled with classical copies."""
    repeated = find_gain(MAIN_TABLE, "cnn", REPEATED, CLASSICAL)
    ours = find_gain(MAIN_TABLE, "cnn", DEFAULT_METHOD, CLASSICAL)
    if repeated is None or ours is None:
        return ""
    return (
        f"Control ({describe(ours)}, {ours.seeds} seeds): synthetic samples gain {signed(ours.mean)} points over "
        f"*{CLASSICAL}* ({interval(ours)}: {wording.outcome_words(ours)}), as many additional classical copies gain "
        f"{signed(repeated.mean)} ({interval(repeated)}: {wording.outcome_words(repeated)})."
    )


def longer_training() -> str:
    """Compares synthetic samples with longer training of the baseline, and the seconds of each."""
    baseline = find_summary(MAIN_TABLE, MIXUP)
    longer = find_summary(LONGER_TABLE, MIXUP)
    ours = find_summary(MAIN_TABLE, DEFAULT_MIXED)
    if baseline is None or longer is None or ours is None:
        return ""
    data = describe(ours)
    steps, more_steps = (max(r.steps for r in results_page.results_of(table)) for table in (MAIN_TABLE, LONGER_TABLE))
    return (
        f"Cost and longer training ({data}): *{MIXUP}* reaches {baseline.mean:.1f} % in {baseline.seconds:.0f} s "
        f"({steps:,} steps) and {longer.mean:.1f} % in {longer.seconds:.0f} s ({more_steps:,} steps), "
        f"*{DEFAULT_MIXED}* reaches {ours.mean:.1f} % in {ours.seconds:.0f} s ({steps:,} steps and the VAE). The times "
        f"are from a machine that did other work."
    )


def imbalanced_tables() -> str:
    """Says what filling up the rare class of a table gains, and what of it is the VAE's, on the judged tables."""
    import imbalanced  # here, because these scripts need imbalanced-learn
    import imbalanced_page
    from imbalanced_tables import JUDGED

    rows = imbalanced.read(results_page.RESULTS / imbalanced.ROWS.name)
    results = imbalanced_page.Results(rows, JUDGED, "100:10")
    if not results.runs:
        return ""

    def over(*rivals: str) -> str:
        """Returns the smallest and the largest gain of ours over the best of these methods, among the classifiers."""
        means = [
            min(_mean(results.differences(c, imbalanced_page.OURS, rival, "balanced_accuracy")) for rival in rivals)
            for c in results.classifiers
        ]
        return f"{signed(min(means))} to {signed(max(means))}"

    forest = results.differences("forest", imbalanced_page.OURS, "ours, Identity", "balanced_accuracy")
    mean, low, high = imbalanced_page.interval(forest)
    return (
        f"**Tables with a rare class** (100 rows of one class and 10 of the other; {results.words}; "
        f"{len(results.classifiers)} classifiers): `VAEOverSampler` gains {over('none')} points of balanced accuracy over "
        f"doing nothing, {over(*imbalanced_page.FILLED_UP)} over the best of class weights, SMOTE(NC) and ROSE, and "
        f"{over('tuned threshold')} over a tuned threshold. The VAE adds {over('ours, Identity')} to the same scheme without "
        f"one; for the forest it is {signed(mean)} ({signed(low)} to {signed(high)}). "
        f"See [imbalanced tables](docs/imbalanced.md#does-it-help), also for what it does to probabilities."
    )


def _mean(differences: dict[str, Any]) -> float:
    return float(sum(values.mean() for values in differences.values()) / len(differences))


def tabular_data() -> str:
    """Says what synthetic samples do for the estimators of tabular data."""
    pairs = [(table, classifier) for table in TABULAR_TABLES for classifier in ("logistic", "forest")]
    gains = [gain for pair in pairs if (gain := find_gain(*pair, INTERPOLATE, NONE))]
    if len(gains) < len(pairs):
        return ""
    data = " and ".join(dict.fromkeys(gain.data for gain in gains))
    means = sorted(gain.mean for gain in gains)
    helped = sum(gain.outcome is Outcome.HELPS for gain in gains)
    return (
        f"Small balanced tables ({data}; random forest and logistic regression): helps in {helped} of {len(gains)} cases, "
        f"{signed(means[0])} to {signed(means[-1])} points compared with no augmentation."
    )


def find_gain(table: str, classifier: str, method: str, against: str | None = None) -> Comparison | None:
    """Returns the comparison of a method with another one; None if it was not run.

    Without `against` it is the one with the baseline of the primary comparison of the table, if that is one of the method,
    else the one with the best baseline. Its outcome is corrected for the number of comparisons in any case.
    """
    results = results_page.results_of(table)
    if against is None:
        primaries = [c for c in primary_comparisons(results) if (c.classifier, c.method) == (classifier, method)]
        compared = (
            _explored(comparisons(results, primaries[0].against)) if primaries else compare_to_best_baseline(results)
        )
    elif against in {result.method for result in results}:
        compared = comparisons(results, against)
    else:
        return None
    return next((c for c in compared if (c.classifier, c.method) == (classifier, method)), None)


def _explored(compared: list[Comparison]) -> list[Comparison]:
    """Returns comparisons with one method as if none of them had been named in advance."""
    return corrected([replace(c, primary=False, p=c.p_uncorrected) for c in compared])


def find_summary(table: str, method: str) -> Summary | None:
    """Returns the mean of a method of the CNN; None if it was not run."""
    means = summaries(results_page.results_of(table))
    return next((s for s in means if (s.classifier, s.method) == ("cnn", method)), None)


def describe(value: Comparison | Summary) -> str:
    """Returns the data set and the number of training samples in words."""
    return f"{TITLES.get(value.data, value.data)}, {Regime.parse(value.regime).describe()}"


def interval(gain: Comparison) -> str:
    """Returns the ends of a 95 % interval."""
    return f"{signed(gain.low)} to {signed(gain.high)}"


def updated(readme: str) -> str:
    """Returns the text of README.md with a new block."""
    before, rest = readme.split(BEGIN)
    return before + block() + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
