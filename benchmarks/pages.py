"""Runs the code that stands on pages of docs/, and writes what it prints between their marks.

    python benchmarks/pages.py               # every page, seven minutes beside other work
    python benchmarks/pages.py lightning     # some of them

The blocks of a page run in order, in one namespace, in a process and a temporary directory of their own, on one thread.
Between two marks stands what the blocks above them print, back to the marks before. A page whose packages are not all
installed stays as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Each page, and the packages beside torch that its code needs.
PAGES = {
    "torch": ("torchvision",),
    "torchvision": ("torchvision",),
    "transformers": ("datasets", "transformers", "accelerate"),
    "timm": ("timm",),
    "kornia": ("kornia",),
    "lightning": ("lightning",),
    "skorch": ("skorch",),
    "albumentations": ("albumentations",),
    "own-vae": ("pythae", "diffusers"),
    "sklearn": ("scikit-learn",),
    "imbalanced-learn": ("scikit-learn", "imbalanced-learn"),
}
BEGIN, END = "<!-- measured: python benchmarks/pages.py {} -->", "<!-- measured end -->"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
CUT = "\f"  # printed where a mark stands


def marks(name: str) -> re.Pattern[str]:
    """Returns what finds the marks of a page, with all that stands between them."""
    return re.compile(re.escape(BEGIN.format(name)) + r"\n.*?" + re.escape(END), re.DOTALL)


def missing(packages: Sequence[str]) -> list[str]:
    """Returns those of the packages that are not installed."""
    return [package for package in packages if not _installed(package)]


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def printed(name: str, text: str) -> list[str]:
    """Runs the blocks of a page and returns what they print above each of its marks.

    Raises:
        RuntimeError: If a block fails, or if nothing is printed above a mark.
    """
    parts = ["\n".join(BLOCK.findall(part)) for part in marks(name).split(text)]
    code = f"\nprint({CUT!r})\n".join(parts)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "page.py"
        script.write_text(code)
        alone = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}  # this vaeaug, whatever is installed
        run = subprocess.run([sys.executable, str(script)], cwd=folder, env=alone, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(run.stderr)
    found = [output.strip("\n") for output in run.stdout.split(f"{CUT}\n")][: len(parts) - 1]
    if not found or not all(found):
        raise RuntimeError("expected a mark, and blocks above each mark that print something")
    return found


def shown(output: str) -> str:
    """Returns output as Markdown: a table as it is, anything else as an indented block."""
    lines = output.split("\n")
    if all(line.startswith("|") for line in lines):
        return output
    return "\n".join(f"    {line}".rstrip() for line in lines)


def stamp(packages: Sequence[str]) -> str:
    """Returns when, on what and with what a page is measured."""
    # Imported here: it needs all that speed.py measures, and the names of the pages do not.
    from speed import in_words, machine

    told = machine(1)
    changed = subprocess.run(["git", "status", "-s", "vaeaug"], capture_output=True, text=True, cwd=ROOT).stdout
    versions = [f"vaeaug {told['commit']}{' and changes' if changed else ''}"]
    versions += [f"{package} {version(package)}" for package in packages]
    return f"{told['when'][:10]}; {in_words(told)}; {', '.join(versions)}"


def measure(name: str) -> None:
    """Runs a page and writes what it prints between its marks."""
    page, told = DOCS / f"{name}.md", stamp(PAGES[name])  # before the run: the commit may be another one after it
    start = time.perf_counter()
    found = iter(printed(name, page.read_text()))
    line = f"({told}; {time.perf_counter() - start:.0f} s for the whole page)"

    def block(_: re.Match[str]) -> str:
        return f"{BEGIN.format(name)}\n\n{shown(next(found))}\n\n{line}\n\n{END}"

    # Read anew, because a run takes minutes, in which somebody may have edited the page.
    page.write_text(marks(name).sub(block, page.read_text()))
    print(f"{name}: {line}")


def main() -> int:
    """Measures the pages that are asked for; returns 1 if one could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAGES)}; by default all")
    names = parser.parse_args().names or list(PAGES)
    if unknown := sorted(set(names) - set(PAGES)):
        parser.error(f"no page {', '.join(unknown)}; there are {', '.join(PAGES)}")
    failed = False
    for name in names:
        try:
            if lacking := missing(PAGES[name]):
                raise RuntimeError(f"needs {', '.join(lacking)}: pip install {' '.join(lacking)}")
            measure(name)
        except RuntimeError as error:
            print(f"{name} stays as it is: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
