"""Writes the table between the marks in README.md from committed rows.

python benchmarks/readme.py
"""

from pathlib import Path

from vaeaug import verdicts
from vaeaug.rows import read

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks" / "results" / "fashion-mnist-20" / "rows.csv"
BEGIN, END = "<!-- results: benchmarks/readme.py writes what follows -->", "<!-- results end -->"


def block() -> str:
    """Returns the text between the marks."""
    rows = read(ROWS)
    told = [c for found in verdicts.by_rival(rows).values() for c in found if c.arm == "classical + vae"]
    lines = [verdicts.table(rows), "", *(f"- {verdicts.sentence(c)}" for c in told)]
    return "\n".join([BEGIN, *lines, END])


def updated(readme: str) -> str:
    """Returns the README with its block made anew."""
    before, rest = readme.split(BEGIN)
    return before + block() + rest.split(END)[1]


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(updated(path.read_text()))
