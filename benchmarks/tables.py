"""Makes every committed table: runs its cells, or goes on with them, and writes its page and the documents.

python benchmarks/tables.py NAME... [--jobs 2]     runs these tables, then writes
python benchmarks/tables.py                        writes docs/results.md and README.md from the rows that are there
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import readme
from readme import RESULTS, ROOT, rows_of

from vaeaug.bench import compare, regimes
from vaeaug.bench.analysis.comparisons import comparisons_by_baseline
from vaeaug.bench.compare import Settings
from vaeaug.bench.methods import ANY_CLASS, HARDEST_MIXED, JOINED, JOINED_MIXED, RECIPE, arms, with_unlabelled
from vaeaug.bench.report import gallery, page, wording
from vaeaug.bench.results import Result, append
from vaeaug.data import Samples

RIVALS = ("none", "classical", "mixup", "cutmix", "classical + mixup", "smote", "classical, worst of 4")
CONTROLS = ("reconstruction only", "pixel noise", "pca", "classical, repeated")
OURS = (
    "vae",
    "classical + vae",
    RECIPE,
    ANY_CLASS,
    JOINED,
    JOINED_MIXED,
    HARDEST_MIXED,
    "classical + vae, distilled + mixup",
)
CORE = ("none", "classical", "classical + mixup", "classical + vae", RECIPE, ANY_CLASS, JOINED_MIXED)
BALANCED = (
    "none",
    "classical",
    "classical + oversampling",
    "classical + class weights",
    "classical + vae oversampling",
    "classical + mixup + class weights",
    "classical + vae + class weights",
    f"{RECIPE} + class weights",
    f"{JOINED_MIXED} + class weights",
)
TUNED = ("none", "vae", "tuned")
PUBLISHED = (
    "classical + oversampling",
    "classical + class weights",
    "classical + mixup + class weights",
    "classical + mixup + oversampling",
    f"{RECIPE} + class weights",
    f"{RECIPE} + oversampling",
    f"{JOINED} + oversampling",
)
FOREST = ("none", "classical", "smote", "vae", "pca", "duplicates")
SHORT = ("none", "classical", "classical + mixup", RECIPE, ANY_CLASS, JOINED)
LOPSIDED_FOREST = (
    "none",
    "oversampling",
    "class weights",
    "smote",
    "smote, balanced",
    "vae",
    "vae oversampling",
)
DIGITS = (("cnn", (*CORE, "smote", "pca")), ("forest", FOREST))
PEERS = (
    "none",
    "classical",
    "classical + mixup",
    "classical + pythae vae",
    "classical + pyraug rhvae",
    "classical + deepsmote",
    "classical + vae per class",
    RECIPE,
)
LONGER = Settings(steps=2000)
JUDGING = tuple(range(100, 110))  # nothing was chosen on these seeds,
JUDGED = tuple(range(100, 120))  # nor on these, which judge the recipe


@dataclass(frozen=True)
class Table:
    """The settings of one table.

    Arguments:
        data, per_class, seeds: What is run; see `vaeaug.bench.compare.compare`.
        cells: Each classifier with its arms.
        settings: What the arms share.
        unlabelled: Adds the recipe with so many unlabelled samples to hand.
    """

    data: str
    per_class: int | str
    cells: tuple[tuple[str, tuple[str, ...]], ...] = (("cnn", CORE), ("forest", FOREST))
    seeds: tuple[int, ...] = JUDGING
    settings: Settings = field(default_factory=Settings)
    unlabelled: int = 0


# Longer training; MixUp after children that join only where classes are small.
LONG = (("cnn", ("classical", "classical + mixup", RECIPE, JOINED)),)
LONG_MANY = (("cnn", ("classical", "classical + mixup", JOINED)),)
LONG_FEW = (("cnn", ("classical", "classical + mixup", RECIPE, JOINED_MIXED)),)
FEW = (("cnn", ("classical", "classical + mixup", RECIPE, ANY_CLASS, JOINED_MIXED, HARDEST_MIXED)),)
EVERY_RECIPE = (("cnn", (*FEW[0][1], JOINED)),)

TABLES = {
    "fashion-mnist-20": Table("fashion-mnist", 20, (("cnn", (*RIVALS, *CONTROLS, *OURS)), ("forest", FOREST))),
    "fashion-mnist-10": Table("fashion-mnist", 10),
    "fashion-mnist-50": Table("fashion-mnist", 50, (("cnn", SHORT), ("forest", FOREST))),
    "fashion-mnist-100": Table("fashion-mnist", 100, (("cnn", SHORT),)),
    "fashion-mnist-lopsided-small": Table(
        "fashion-mnist", "imbalanced-small", (("cnn", BALANCED), ("forest", LOPSIDED_FOREST))
    ),
    "fashion-mnist-lopsided": Table("fashion-mnist", "imbalanced", (("cnn", PUBLISHED),)),
    "fashion-mnist-20-peers": Table("fashion-mnist", 20, (("cnn", PEERS),), (100, 101, 102)),
    "fashion-mnist-10-judged": Table("fashion-mnist", 10, FEW, JUDGED),
    "fashion-mnist-20-judged": Table("fashion-mnist", 20, EVERY_RECIPE, JUDGED),
    "fashion-mnist-10-longer": Table("fashion-mnist", 10, LONG_FEW, settings=LONGER),
    "fashion-mnist-20-longer": Table("fashion-mnist", 20, LONG_FEW, settings=LONGER),
    "fashion-mnist-50-longer": Table("fashion-mnist", 50, LONG, settings=LONGER),
    "fashion-mnist-100-longer": Table("fashion-mnist", 100, LONG_MANY, settings=LONGER),
    "fashion-mnist-20-unlabelled": Table("fashion-mnist", 20, (("cnn", SHORT),), unlabelled=10_000),
    "breast-cancer-20-tuned": Table("breast-cancer", 20, (("logistic", TUNED), ("forest", TUNED))),
    "wine-10-tuned": Table("wine", 10, (("logistic", TUNED), ("forest", TUNED))),
    "digits-5-tuned": Table("digits", 5, (("forest", TUNED),)),
    "digits-10-tuned": Table("digits", 10, (("forest", TUNED),)),
    "fashion-mnist-10-tuned": Table("fashion-mnist", 10, (("forest", TUNED),)),
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
DOC = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- tables: benchmarks/tables.py writes what follows -->", "<!-- tables end -->"


def run(name: str, jobs: int) -> None:
    """Runs the cells of a table that are not there yet, and writes its page."""
    table, start = TABLES[name], time.perf_counter()
    pool, test = compare.splits(table.data)
    pooled = [
        arm for arm in with_unlabelled(table.unlabelled, table.data) if arm.name.startswith((RECIPE, ANY_CLASS, JOINED))
    ]
    borrow(name)
    rows: list[Result] = []
    for classifier, names in table.cells:
        rows += compare.compare(
            pool,
            test=test,
            name=table.data,
            per_class=table.per_class,
            classifiers=(classifier,),
            methods=(*arms(table.data, names, images=pool.x.ndim == 4), *pooled),
            seeds=table.seeds,
            settings=table.settings,
            results=RESULTS / name / "rows.csv",
            n_jobs=jobs,
        )
    rows = ordered(rows)
    _page(name, rows, pool, (name,))
    print(f"{name}: {len(rows)} rows, {time.perf_counter() - start:.0f} s")


def borrow(name: str) -> None:
    """Takes over the rows of cells that another table has, too: a cell is run once. `compare` looks at their hashes."""
    table, path = TABLES[name], RESULTS / name / "rows.csv"
    wanted = {(kind, arm, seed) for kind, arms_ in table.cells for arm in arms_ for seed in table.seeds}
    there = {row.cell for row in rows_of(name)}
    for row in (row for other in TABLES if other != name for row in rows_of(other)):
        alike = (row.data, row.regime) == (table.data, str(regimes.Regime.of(table.per_class)))
        trained = row.steps in (0, table.settings.steps)
        if alike and trained and (row.classifier, row.arm, row.seed) in wanted and row.cell not in there:
            append(path, row)
            there.add(row.cell)


def pages(names: Sequence[str]) -> None:
    """Writes the pages of several tables that have one of these in them."""
    for name, parts in PAGES.items():
        rows = [row for part in parts for row in ordered(rows_of(part))]
        if set(parts) & set(names) and len({row.regime for row in rows}) > 1:
            _page(name, rows, compare.splits(TABLES[parts[0]].data)[0], parts)


def ordered(rows: Sequence[Result]) -> list[Result]:
    """Returns rows as they are told: by classifier, arm and seed, whatever order they came in."""
    place = {arm: i for i, arm in enumerate(dict.fromkeys((*RIVALS, *CONTROLS, *BALANCED, *OURS)))}
    return sorted(rows, key=lambda row: (row.classifier, place.get(row.arm, len(place)), row.arm, row.seed))


def document() -> str:
    """Returns what stands between the marks of docs/results.md."""
    parts, missing = [], []
    for name, table in TABLES.items():
        rows = ordered(rows_of(name))
        if not rows:
            missing.append(name)
            continue
        seeds = sorted({row.seed for row in rows})
        steps = "" if table.settings == Settings() else f", {table.settings.steps:,} steps"
        head = f"{page.describe_regime(rows[0].regime)}{steps}, {len(seeds)} seeds ({seeds[0]} to {seeds[-1]})"
        rivals = wording.describe_best_baselines(rows)
        parts += [
            f"## {name}",
            f"{table.data}, {head}: [rows](../benchmarks/results/{name}/rows.csv), "
            f"[page](../benchmarks/results/{name}/report.html).",
            *([rivals] if rivals else []),
            wording.table(rows),
        ]
        worse = [
            c
            for found in comparisons_by_baseline(rows).values()
            for c in found
            if c.arm in readme.OURS and c.outcome == "hurts"
        ]
        if worse:
            parts.append("\n".join(f"- Loses: {wording.sentence(c)}" for c in worse))
    parts += promise()
    parts += [
        "## Over every table",
        "Tables that share cells with others are left out.",
        "\n".join(readme.everywhere()),
    ]
    if missing:
        parts.append(f"Not run yet with this version, or not committed: {', '.join(missing)}.")
    return "\n\n".join([BEGIN, *parts, END])


def promise() -> list[str]:
    """Returns what became of the promise that a search does not hurt, over the tables that end in -tuned."""
    found = [
        c
        for name in TABLES
        if name.endswith("-tuned") and (rows := rows_of(name))
        for c in comparisons_by_baseline(rows).get("none", ())
    ]
    gains = {arm: [c.mean for c in found if c.arm == arm] for arm in TUNED[1:]}
    if not all(gains.values()):
        return []
    told = "; ".join(f"{arm} {sum(means) / len(means):+.2f}" for arm, means in gains.items())
    worse = [f"{c.data} {c.regime}, {c.classifier}" for c in found if c.arm == TUNED[-1] and c.high < 0]
    return [
        "## The search, over all its tables",
        f"Mean gain over none in {len(gains[TUNED[-1]])} cells, in points: {told}. "
        f"Cells where *tuned* is worse than none, the interval below zero: {', '.join(worse) or 'none of them'}.",
    ]


def updated(text: str) -> str:
    """Returns docs/results.md with its block made anew."""
    before, rest = text.split(BEGIN)
    return before + document() + rest.split(END)[1]


def _page(name: str, rows: Sequence[Result], pool: Samples, parts: Sequence[str]) -> None:
    table = TABLES[parts[0]]
    grids = []
    if pool.x.ndim == 4:
        first = regimes.draw_subset(pool, table.per_class, rows[0].seed)
        grids = gallery.gallery(compare.augmenter_of(first, rows[0].seed, table.settings))
    shared = {"tables": ", ".join(parts), "settings": repr(table.settings)}
    names = {table.data: pool.names}
    path = RESULTS / name / "report.html"
    page.write(path, rows, grids, shared, highlight=(*readme.OURS, "vae", "tuned"), class_names=names)


def main() -> None:
    """Runs what is asked for and writes the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(TABLES)}, or all")
    parser.add_argument("--jobs", type=int, default=2, help="processes; the rows do not depend on it")
    asked = parser.parse_args()
    names = list(TABLES) if asked.names == ["all"] else asked.names
    unknown = sorted(set(names) - set(TABLES))
    if unknown:
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    for name in names:
        run(name, asked.jobs)
    pages(names)
    DOC.write_text(updated(DOC.read_text()))
    text = readme.ROOT / "README.md"
    text.write_text(readme.updated(text.read_text()))


if __name__ == "__main__":
    main()
