"""How fast is vaeaug? Side by side, in turn, on the machine that runs this.

    python benchmarks/speed.py                       # every part, about 40 minutes on two quiet cores
    python benchmarks/speed.py generate growth       # some of them; the others' figures stay
    python benchmarks/speed.py --quick --out runs/quick  # does it still run?

Writes results/speed.json and the tables between the marks in docs/speed.md. Every case of a part runs once a round; what
counts is the ratio to the part's reference within a round: the median over the rounds, and the least and the most.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from speed_parts import Rows, Setup, epoch, generate, given_bound, same_network
from speed_size import compiled, growth, memory
from tqdm.auto import tqdm

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "speed.md"
PARTS: dict[str, Callable[[Setup], Rows]] = {
    "fit": same_network,
    "bound": given_bound,
    "generate": generate,
    "epoch": epoch,
    "memory": memory,
    "growth": growth,
    "compile": compiled,
}
BEGIN, END = "<!-- speed: benchmarks/speed.py writes what follows -->", "<!-- speed end -->"


def alternate(cases: dict[str, Callable[[], None]], rounds: int) -> list[dict[str, Any]]:
    """Times all cases in every round, in turn, after one round that does not count.

    Arguments:
        cases: By name; the first is the reference.
        rounds: How many.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    names = list(cases)
    for number in tqdm(range(rounds + 1), unit="round", leave=False):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = time.perf_counter()
            cases[name]()
            if number:
                seconds[name].append(time.perf_counter() - start)
    rows = []
    for name in names:
        ratios = [a / b for a, b in zip(seconds[name], seconds[names[0]], strict=True)]
        rows.append(
            {
                "what": name,
                "seconds": statistics.median(seconds[name]),
                "ratio": statistics.median(ratios),
                "least": min(ratios),
                "most": max(ratios),
            }
        )
    return rows


def machine(threads: int) -> dict[str, Any]:
    """Returns what the figures depend on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "bf16": bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit.strip(),
        "when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }


def in_words(m: dict[str, Any]) -> str:
    """Returns what `machine` found, but for the commit and the time."""
    kind = "with bf16 instructions" if m["bf16"] else "without bf16 instructions"
    return f"{m['cpu']}, {m['threads']} of {m['cores']} cores, {kind}, torch {m['torch']}, load {m['load']}"


def table(rows: list[dict[str, Any]]) -> str:
    """Returns rows as a Markdown table; figures with three digits."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    return "\n".join(lines + [f"| {' | '.join(_cell(row.get(column)) for column in columns)} |" for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


# What was asked: a part, the row that is divided, the row it is divided by (by their beginnings), and the bound.
ASKED = (
    ("fit", "Conv, by hand", "Conv, vaeaug", "at least", 1.3),
    ("fit", "Conv, pythae", "Conv, vaeaug", "at least", 1.5),
    ("fit", "MLP, by hand", "MLP, vaeaug", "at least", 1.3),
    ("fit", "MLP, pythae", "MLP, vaeaug", "at least", 1.5),
    ("bound", "by hand, rate 0.001", "vaeaug", "at least", 2.5),
    ("bound", "pythae, rate 0.001", "vaeaug", "at least", 3.0),
    ("generate", "bare decode", "vaeaug, from the bank", "at least", 0.9),
    ("generate", "pyraug's manifold sampler", "vaeaug, from the bank", "at least", 50.0),
    ("epoch", "vaeaug, replace 0", "plain", "at most", 1.02),
    ("epoch", "vaeaug, replace 0.5", "by hand: two decodes of 32", "at most", 1.05),
)
SEARCH = 0.1  # of the time of a decode


def reached(found: dict[str, Any]) -> str:
    """Returns what was asked beside what was measured, as a Markdown table; nothing where nothing was measured."""
    rows = []
    for part, above, below, kind, bound in ASKED:
        ratios = {row["what"]: row["ratio"] for row in _rows(found, part) if row.get("ratio")}
        pair = [[ratio for what, ratio in ratios.items() if what.startswith(start)] for start in (above, below)]
        if all(pair):
            rows.append(_asked(f"{part}: {above}, through {below}", kind, bound, pair[0][0] / pair[1][0]))
    for row in _rows(found, "growth"):
        what = f"growth: search of kept neighbours, through decode, {row['codes']:,} codes"
        rows.append(_asked(what, "at most", SEARCH, row["kept / decode"]))
    return table(rows) if rows else ""


def _rows(found: dict[str, Any], part: str) -> list[dict[str, Any]]:
    return found.get(part, {"rows": []})["rows"]


def _asked(what: str, kind: str, bound: float, ratio: float) -> dict[str, Any]:
    good = ratio >= bound if kind == "at least" else ratio <= bound
    verdict = "reached" if good else "not reached"
    return {"seconds of": what, "asked": f"{kind} {bound:g}", "measured": f"{ratio:.4g}", "": verdict}


def page(found: dict[str, Any]) -> str:
    """Returns the text between the marks."""
    parts = [reached(found)]
    for name, part in found.items():
        m = part["machine"]
        where = f"({in_words(m)}; {m['when']}, {m['commit']})"
        parts.append(f"### {name}\n\n{part['told']}\n\n{table(part['rows'])}\n\n{where}")
    return "\n\n".join([BEGIN, *parts, END])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"Of {', '.join(PARTS)}; by default all.")
    parser.add_argument("--rounds", type=int, default=7, help="Rounds of every part.")
    parser.add_argument("--threads", type=int, default=1, help="Of torch.")
    parser.add_argument("--pyraug", default="", help="The folder that pyraug was installed to.")
    parser.add_argument("--quick", action="store_true", help="Tiny settings: the figures mean nothing.")
    parser.add_argument("--out", type=Path, help="The .json to write; the page is written only without it.")
    told = parser.parse_args()
    if unknown := set(told.parts) - set(PARTS):
        parser.error(f"expected parts among {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    torch.set_num_threads(told.threads)
    path = told.out or ROOT / "benchmarks" / "results" / "speed.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    setup = Setup(1 if told.quick else told.rounds, told.quick, told.pyraug, alternate)
    for name in told.parts or PARTS:
        print(f"{name} ...", file=sys.stderr)
        rows = PARTS[name](setup)
        found[name] = {
            "told": inspect.cleandoc(PARTS[name].__doc__ or ""),
            "machine": machine(told.threads),
            "rows": rows,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: found[name] for name in PARTS if name in found}, indent=1) + "\n")
        print(table(rows))
    if told.out is None and PAGE.exists() and not told.quick:
        before, rest = PAGE.read_text().split(BEGIN)
        PAGE.write_text(before + page({n: found[n] for n in PARTS if n in found}) + rest.split(END)[1])


if __name__ == "__main__":
    main()
