"""The parts of benchmarks/speed.py about size: memory, growth with the bank, and torch.compile."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from speed_parts import BATCH, Rows, Setup, bare, best_seconds, network
from torch import Tensor, nn

from vaeaug import VAE, Augmenter, Extrapolate, fit_vae
from vaeaug.data import Samples, Scaling
from vaeaug.models.fitting import default_steps
from vaeaug.models.networks import Conv
from vaeaug.perturb.bank import Bank
from vaeaug.runtime import seeds


def memory(setup: Setup) -> Rows:
    """The peak of resident memory, in MB, each in a process of its own. 'above' is what exceeds the imports and the data."""
    many = setup.of(1_000_000, 600)
    jobs = {
        "imports and 10,000 images": "pass",
        "fitting on 10,000 images": "augmenter = vaeaug.Augmenter().fit(data, steps=STEPS, progress=False)",
        "10,000 samples, generate": "augmenter = vaeaug.Augmenter().fit(data, steps=2, progress=False)\n"
        "numpy.savez(out / 'made.npz', x=augmenter.generate(TEN, seed=0).x.numpy())",
        f"{many:,} samples, chunk by chunk to disk": "augmenter = vaeaug.Augmenter().fit(data, steps=2, progress=False)\n"
        "file = (out / 'made.bin').open('wb')\n"
        f"for i in range(-(-{many} // 256)):\n"
        "    file.write((augmenter.chunk(i, 0).x * 255).byte().numpy().tobytes())",
    }
    rows = [{"what": name, "MB": _peak(setup, job)} for name, job in jobs.items()]
    return [{**row, "above": row["MB"] - rows[0]["MB"]} for row in rows]


def _peak(setup: Setup, job: str) -> float:
    size, ten = (128, 300) if setup.quick else (10_000, 10_000)
    code = (
        "import pathlib, sys, numpy, torch, vaeaug\nfrom vaeaug.data import Samples\n"
        "torch.set_num_threads(1)\nout = pathlib.Path(sys.argv[1])\n"
        f"TEN, STEPS = {ten}, {setup.of(400, 2)}\n"
        f"data = Samples(torch.rand({size}, 1, 28, 28), torch.arange({size}) % 10)\n{job}\n"
        # Not getrusage, whose peak is inherited from the process that started this one.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True).stdout
    return float(out) / 1024


def growth(setup: Setup) -> Rows:
    """The time of one call of `generate(32, near, labels)`, in ms, against the number of codes in the bank: with a random
    partner of the class (the default), and with one of the 5 nearest; of the search alone, in ms and as a share of the
    decode of those 32, for codes of others and for the bank's own, which are searched once and kept; and of a fit of 20
    steps, in seconds: one look at all the data, and the steps."""
    sizes = (1000, 10_000, 100_000, 1_000_000)[: setup.of(4, 2)]
    return [_grown(size, setup.of(20, 1)) for size in sizes]


def _grown(size: int, steps: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(BATCH, 1, 28, 28, generator=generator), torch.arange(BATCH) % 10
    with seeds.forked(0):
        vae = VAE((1, 28, 28)).eval()
    mean = torch.randn(size, 16, generator=generator)
    # One image stands for all: the codes are what is searched.
    samples = Samples(x[:1].expand(size, -1, -1, -1), torch.arange(size) % 10)
    bank = Bank(samples, mean, torch.full((size, 16), 0.1), Scaling())
    augmenter = Augmenter(vae).fit((x, y))
    augmenter._set_fitted(vae, bank)
    near, labels = x[:32], y[:32]
    searching = augmenter.using(perturb=Extrapolate(neighbours=5))
    own = samples.y[:32]
    decode = _each(50, lambda: bare(vae, 32, 32))
    search = best_seconds(lambda: bank.class_neighbours(mean[:32] + 0.1, own, 6))
    kept = _each(50, lambda: bank.class_neighbours(mean[:32], own, 6))
    fit = best_seconds(lambda: fit_vae(samples, vae=network(Conv()), steps=steps, progress=False))
    return {
        "codes": size,
        "random partner": 1e3 * best_seconds(lambda: augmenter.generate(32, near, labels, 0)),
        "5 nearest": 1e3 * best_seconds(lambda: searching.generate(32, near, labels, 0)),
        "search": 1e3 * search,
        "search / decode": search / decode,
        "search, kept": 1e3 * kept,
        "kept / decode": kept / decode,
        "fit": fit,
        "default steps": default_steps(size),
    }


def _each(times: int, run: Callable[[], Any]) -> float:
    """Returns the seconds of one of so many runs: a single one is too short to be timed."""

    def several() -> None:
        for _ in range(times):
            run()

    return best_seconds(several) / times


def compiled(setup: Setup) -> Rows:
    """`torch.compile` of the decoder, warmed up, against the eager one: 64 samples. Compiling itself is not counted."""
    vae = network(Conv()).to(memory_format=torch.channels_last).eval()
    z, rows = torch.randn(BATCH, 16), []
    cases: dict[str, Callable[[], None]] = {"eager": partial(_decode, vae.decoder, z, setup.of(200, 1))}
    if setup.quick:
        return setup.alternate(cases, setup.rounds)
    start = time.perf_counter()
    faster: nn.Module = torch.compile(vae.decoder)  # type: ignore[assignment]
    try:
        _decode(faster, z, 1)
    except Exception as error:  # no compiler on this machine, most likely
        return [*setup.alternate(cases, setup.rounds), {"what": f"compiled: failed ({type(error).__name__})"}]
    waited = time.perf_counter() - start
    cases[f"compiled (waited {waited:.0f} s for it)"] = partial(_decode, faster, z, 200)
    rows += setup.alternate(cases, setup.rounds)
    return rows


def _decode(decoder: Any, z: Tensor, times: int) -> None:
    with torch.no_grad():
        for _ in range(times):
            decoder(z)
