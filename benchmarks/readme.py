"""Writes the results between the marks in README.md from committed rows.

python benchmarks/readme.py
"""

from pathlib import Path

from vaeaug import InputError
from vaeaug.bench.analysis.comparisons import BEST, Comparison, comparisons_by_baseline
from vaeaug.bench.methods import ANY_CLASS, JOINED, RECIPE
from vaeaug.bench.report import wording
from vaeaug.bench.report.page import describe_regime
from vaeaug.bench.results import Result, read

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
HEADLINE = "fashion-mnist-20"  # the table that README shows
NOW = (  # what README and docs/unlabelled.md advise
    *(f"{JOINED}{more}" for more in ("", " + mixup", " by one, worst of 4 + mixup", " + mixup + class weights")),
    *(f"{JOINED}{more}" for more in (" + oversampling", " + mixup, unlabelled")),
    f"{RECIPE}, unlabelled",
)
FILLS = "vae oversampling"  # what VAEOverSampler does
OURS = (
    "classical + vae",
    FILLS,
    f"classical + {FILLS}",
    *NOW,
    *(f"{RECIPE}{more}" for more in ("", " + class weights", " + oversampling")),
    ANY_CLASS,
    f"{ANY_CLASS}, unlabelled",
)
SHOWN = ("none", "classical", "classical + mixup", "classical, repeated", "vae", *NOW)
APART = ("-judged", "-longer", "-unlabelled", "-tuned", "-peers")  # tables that share cells with others
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
    rows = rows_of(HEADLINE)
    lines = [wording.table(rows, methods=SHOWN), "", *_told(rows)] if rows else [_missing(HEADLINE)]
    return "\n".join([BEGIN, *lines, *_regimes(), END])


def _missing(name: str) -> str:
    return f"*{name} has no rows of this version yet: `python benchmarks/tables.py {name}` makes them.*"


def _told(rows: list[Result]) -> list[str]:
    found = [c for rival in ("classical", "classical + mixup") for c in comparisons_by_baseline(rows).get(rival, ())]
    return [f"- {wording.sentence(c)}" for c in found if c.arm in NOW]


def _regimes() -> list[str]:
    """Returns a table: what README advises, wherever it was judged, whatever came out."""
    lines = [("data", "steps", "arm", "seeds", "to classical", "", "to classical + mixup", "", "to the best rival", "")]
    there = {path.parent.name: rows_of(path.parent.name) for path in RESULTS.glob("*/rows.csv")}
    for name, rows in sorted(there.items(), key=lambda one: [(row.data, row.samples, one[0]) for row in one[1][:1]]):
        # On more seeds, or beside other arms, stands what is in two tables.
        elsewhere = {row.arm for row in rows_of(f"{name}-judged")}
        found = comparisons_by_baseline(rows)
        for arm, classifier in (*((arm, "cnn") for arm in (*NOW, f"classical + {FILLS}")), (FILLS, "forest")):
            if arm in elsewhere or name.endswith("-unlabelled") != arm.endswith("unlabelled"):
                continue
            kinds = (arm, classifier)
            told = {rival: c for rival, group in found.items() for c in group if (c.arm, c.classifier) == kinds}
            if told:
                one = next(iter(told.values()))
                cells = [_cell(told.get(rival)) for rival in ("classical", "classical + mixup", BEST)]
                steps = f"{max(row.steps for row in rows):,}" if classifier == "cnn" else ""
                where = f"[{one.data}, {describe_regime(one.regime)}](docs/results.md#{name})"
                called = arm if classifier == "cnn" else f"{classifier}: {arm}"
                lines.append((where, steps, called, str(one.seeds), *(part for cell in cells for part in cell)))
    if len(lines) == 1:
        return []
    head, *told = (f"| {' | '.join(line)} |" for line in lines)
    return ["", head, "|" + " --- |" * len(lines[0]), *told]


def _cell(told: Comparison | None) -> tuple[str, str]:
    return ("", "") if told is None else (f"{told.mean:+.1f} [{told.low:+.1f}, {told.high:+.1f}]", told.outcome)


def everywhere() -> list[str]:
    """Returns the tally of every table's verdicts on our arms, and where they lose."""
    tables = [path.parent.name for path in sorted(RESULTS.glob("*/rows.csv"))]
    rows = [row for name in tables if not name.endswith(APART) for row in rows_of(name)]
    found = [c for group in comparisons_by_baseline(rows).values() for c in group if c.arm in OURS]
    lines = [f"- {line}" for _, line in wording.count_outcomes(found)]
    worse = [c for c in found if c.outcome == "hurts"]
    return lines + [f"- Loses: {c.data}, {describe_regime(c.regime)}, {wording.sentence(c)}" for c in worse]


def updated(readme: str) -> str:
    """Returns the README with its block made anew."""
    before, rest = readme.split(BEGIN)
    return before + block() + rest.split(END)[1]


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text()))
