"""A million samples to shards: how fast, in how much memory, and the same bytes after three kills.

python benchmarks/million.py                    # a million, writes benchmarks/results/million.json
python benchmarks/million.py --samples 20000    # a trial, prints only
python benchmarks/million.py --page             # docs/scale.md from the committed figures
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from vaeaug import Augmenter
from vaeaug.data import load, subset
from vaeaug.runtime import files

RESULT = Path(__file__).parent / "results" / "million.json"
FORMATS = {"npz": "npz", "webdataset": "tar"}
PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- million: benchmarks/million.py writes what follows -->", "<!-- million end -->"
LIMIT = 2**30  # bytes above the model, as the issue asks
LOADED = "import sys, vaeaug.cli; from vaeaug import Augmenter; Augmenter.load(sys.argv[1]).generate(256, seed=0)"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--samples", type=int, default=1_000_000)
    options.add_argument("--shard-size", type=int, default=10_240)
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--format", default="npz", choices=FORMATS, help="of the shards; PNGs in a tar take longer")
    options.add_argument("--kills", type=int, default=3)
    options.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    options.add_argument("--page", action="store_true")
    asked = options.parse_args()
    if asked.page:
        write_page(json.loads(RESULT.read_text()))
        return
    with tempfile.TemporaryDirectory() as place:
        found = measure(Path(place), asked)
    print(found)
    if asked.samples >= 1_000_000:
        files.save_json(RESULT, found, overwrite=True)
        write_page(found)


def write_page(found: dict[str, Any]) -> None:
    """Writes what was found between the marks in docs/scale.md."""
    kills = ", ".join(f"{kill['shards_there']}" for kill in found["kills"])
    same = "the same bytes" if found["same_after_kills"] else "**other bytes**"
    text = (
        f"`{found['command']}`: {found['samples']:,} Fashion-MNIST samples to {found['shards']} shards "
        f"({found['bytes'] / 1e9:.2f} GB) in {found['seconds']:.0f} s, {found['samples_per_second_after_the_start']:,} "
        f"a second on one thread at a load of {found['load']}; {found['bytes_above_the_model'] / 1e6:.0f} MB of memory above "
        f"the model making one chunk. Killed with `kill -9` when {kills} shards were there, and started again: {same}."
    )
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}")


def measure(place: Path, asked: argparse.Namespace) -> dict[str, Any]:
    samples, shard_size, steps, kills = asked.samples, asked.shard_size, asked.steps, asked.kills
    model, ending = place / "model", FORMATS[asked.format]
    Augmenter().fit(subset(load("fashion-mnist"), 200, seed=0), steps=steps).save(model)
    words = [sys.executable, "-m", "vaeaug", "generate", model, "-n", samples, "--shard-size", shard_size]
    words += ["--format", asked.format, "-o"]
    start, base = run([sys.executable, "-c", LOADED, model])
    seconds, peak = run([*words, place / "whole"])
    shards = len(list((place / "whole").glob(f"shard-*.{ending}")))
    size = sum(file.stat().st_size for file in (place / "whole").iterdir())
    whole = digest(place / "whole")
    shutil.rmtree(place / "whole")
    channel_moments, random_ = [], random.Random(asked.seed)
    for _ in range(kills):
        more = random_.randint(1, max(1, shards // (kills + 1)))
        channel_moments.append(killed([*words, place / "cut"], ending, more, random_.uniform(0, seconds / shards)))
    again, _ = run([*words, place / "cut"])
    return {
        "command": f"python benchmarks/million.py --samples {samples} --format {asked.format} --shard-size {shard_size} "
        f"--steps {steps}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "load": round(os.getloadavg()[0], 1),
        "samples": samples,
        "shards": shards,
        "bytes": size,
        "seconds": round(seconds, 1),
        "seconds_to_start_and_make_a_chunk": round(start, 1),
        "samples_per_second_after_the_start": round(samples / max(seconds - start, 1e-9)),
        "peak_bytes": peak,
        "peak_bytes_of_the_model_making_a_chunk": base,
        "bytes_above_the_model": peak - base,
        "within_limit": peak - base < LIMIT,
        "kills": channel_moments,
        "seconds_of_the_last_run": round(again, 1),
        "sha256": whole,
        "same_after_kills": digest(place / "cut") == whole,
    }


def run(words: list[Any]) -> tuple[float, int]:
    """Runs a command to its end; returns its seconds and its peak memory, in bytes."""
    start = time.monotonic()
    child = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL)
    peak = 0
    while child.poll() is None:
        # The kernel's own high-water mark. That of getrusage would be this process's, from which the child was forked.
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
        peak = max(peak, int(found[1]) * 1024 if found else 0)
        time.sleep(0.05)
    if child.returncode:
        raise SystemExit(f"'{' '.join(map(str, words))}' ended with {child.returncode}")
    return time.monotonic() - start, peak


def killed(words: list[Any], ending: str, more: int, pause: float) -> dict[str, Any]:
    """Kills a command so many shards and seconds on; returns when that was, and how many shards were there then."""
    folder, start = Path(words[-1]), time.monotonic()
    before = len(list(folder.glob(f"shard-*.{ending}")))
    child = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list(folder.glob(f"shard-*.{ending}"))) < before + more and child.poll() is None:
        time.sleep(0.05)
    time.sleep(pause)
    child.send_signal(signal.SIGKILL)
    if child.wait() != -signal.SIGKILL:
        raise SystemExit("the run was over before it was killed; ask for more samples")
    half = [file.name for file in folder.glob(".shard-*")]
    there = len(list(folder.glob(f"shard-*.{ending}")))
    return {"after_seconds": round(time.monotonic() - start, 1), "shards_there": there, "half_written": len(half)}


def digest(folder: Path) -> str:
    """Returns a hash of all files of a folder: their names and their content."""
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            found.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode())
            with file.open("rb") as content:
                while block := content.read(2**20):
                    found.update(block)
    return found.hexdigest()


if __name__ == "__main__":
    main()
