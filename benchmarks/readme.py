"""Writes the results between the marks in README.md from committed rows.

python benchmarks/readme.py
"""

from pathlib import Path

from vaeaug import InputError, verdicts
from vaeaug.arms import ANY_CLASS, JOINED, JOINED_MIXED, RECIPE
from vaeaug.report import in_words
from vaeaug.rows import Result, read

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
HEADLINE = "fashion-mnist-20"  # the table that README shows
OURS = (
    "classical + vae",
    *(f"{JOINED}{more}" for more in ("", " + mixup", " + class weights", " + oversampling", ", unlabelled")),
    *(f"{RECIPE}{more}" for more in ("", " + class weights", " + oversampling", ", unlabelled")),
    ANY_CLASS,
    f"{ANY_CLASS}, unlabelled",
)
SHOWN = ("none", "classical", "classical + mixup", "classical, repeated", "vae", *OURS)
RECIPES = ("-judged", "-longer", "-unlabelled")  # tables about the recipe alone
APART = (*RECIPES, "-tuned", "-peers")  # tables that share cells with others
BEGIN, END = "<!-- results: benchmarks/readme.py writes what follows -->", "<!-- results end -->"


def rows_of(name: str) -> list[Result]:
    """Returns the committed rows of a table, the last of each cell; none where it was not run, or by an older version."""
    path = RESULTS / name / "rows.csv"
    try:
        found = read(path) if path.exists() else []
    except InputError:
        return []
    rows = list({(row.data, row.regime, row.classifier, row.arm, row.seed): row for row in found}.values())
    kinds = list(dict.fromkeys(row.classifier for row in rows))
    return sorted(rows, key=lambda row: kinds.index(row.classifier))  # an arm that was added later stands with its kind


def block() -> str:
    """Returns the text between the marks."""
    lines = (
        [verdicts.table(rows, arms=SHOWN), "", *_told(rows)] if (rows := rows_of(HEADLINE)) else [_missing(HEADLINE)]
    )
    tables = [path.parent.name for path in sorted(RESULTS.glob("*/rows.csv"))]
    every = [row for name in tables if not name.endswith(APART) for row in rows_of(name)]
    if len({(row.data, row.regime) for row in every}) > 1:
        lines += ["", *_everywhere(every)]
    if apart := [line for name in tables if name.endswith(RECIPES) for line in _recipe(name)]:
        lines += [
            "",
            "The recipe on more seeds, after more steps, and with 10,000 unlabelled images to hand:",
            "",
            *apart,
        ]
    return "\n".join([BEGIN, *lines, END])


def _missing(name: str) -> str:
    return f"*{name} has no rows of this version yet: `python benchmarks/tables.py {name}` makes them.*"


def _told(rows: list[Result]) -> list[str]:
    found = verdicts.by_rival(rows)
    # Where the best rival has a column of its own, it is said once.
    named = {(c.arm, c.classifier, c.against) for rival, told in found.items() for c in told if rival != verdicts.BEST}
    told = [c for group in found.values() for c in group if c.arm in OURS]
    return [f"- {verdicts.sentence(c)}" for c in told if not (c.best and (c.arm, c.classifier, c.against) in named)]


def _recipe(name: str) -> list[str]:
    rows, arms = rows_of(name), (JOINED, JOINED_MIXED, RECIPE, ANY_CLASS)
    if name.endswith("-unlabelled"):
        arms = tuple(f"{arm}, unlabelled" for arm in arms)
    found = verdicts.by_rival(rows).get("classical + mixup", ())
    return [
        f"- {c.data}, {in_words(c.regime)}, {rows[0].steps:,} steps, {verdicts.sentence(c)}"
        for c in found
        if c.arm in arms
    ]


def _everywhere(rows: list[Result]) -> list[str]:
    found = [c for group in verdicts.by_rival(rows).values() for c in group if c.arm in OURS]
    lines = ["Over every table that is committed ([all of them](docs/results.md)):", ""]
    lines += [f"- {line}" for _, line in verdicts.tally(found)]
    worse = [c for c in found if c.verdict == "hurts"]
    return lines + [f"- Loses: {c.data}, {in_words(c.regime)}, {verdicts.sentence(c)}" for c in worse]


def updated(readme: str) -> str:
    """Returns the README with its block made anew."""
    before, rest = readme.split(BEGIN)
    return before + block() + rest.split(END)[1]


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text()))
