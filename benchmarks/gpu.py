"""How fast is vaeaug on a GPU? The loader, `fit`, `generate`, `bench`'s network and, with several GPUs, training with nccl.

    python benchmarks/gpu.py           # every part, a few minutes; writes results/gpu.json with the name of the card
    python benchmarks/gpu.py --quick   # tiny settings: does it run? Nothing is written

It skips, with the reason, where torch finds no GPU. No row of it is committed so far, because no GPU was lent while it was
written: its parts only ran on the CPU, with `--device cpu --quick`. Images are noise of 28x28 and 32x32x3: the time does not
depend on what they show. Each case is timed `--rounds` times after a warm-up; the median counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from vaeaug import AugmentedLoader, Augmenter, fit_vae
from vaeaug.data import Samples
from vaeaug.models.classifiers import small_cnn

RESULTS = Path(__file__).parent / "results" / "gpu.json"
SHAPES = {"grey 28x28": (1, 28, 28), "colour 32x32": (3, 32, 32)}
BATCH, ADD = 256, 3


@dataclass(frozen=True)
class Setup:
    """The device, how often a case is timed, and whether settings are tiny."""

    device: torch.device
    rounds: int
    quick: bool

    def of(self, usual: int, quick: int) -> int:
        return quick if self.quick else usual

    def samples(self, shape: tuple[int, ...]) -> Samples:
        count = self.of(5000, 256)
        return Samples(torch.rand(count, *shape, generator=torch.Generator().manual_seed(0)), torch.arange(count) % 10)

    def seconds(self, case: Callable[[], Any]) -> float:
        """Returns the median seconds of a case, with all work on the device done."""
        case()
        times = []
        for _ in range(self.rounds):
            self.wait()
            start = time.perf_counter()
            case()
            self.wait()
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def row(part: str, case: str, images: int, seconds: float) -> dict[str, Any]:
    return {"part": part, "case": case, "seconds": round(seconds, 4), "images_per_second": round(images / seconds)}


def augmenter_on(setup: Setup, device: torch.device, samples: Samples) -> Augmenter:
    return Augmenter().fit(samples, steps=setup.of(200, 5), progress=False, device=str(device))


def loader(setup: Setup) -> Iterator[dict[str, Any]]:
    """Images that a training loop gets a second: our loader with the VAE on the device, on the CPU, and torchvision's moves
    of the same number of images on the device. All batches end on the device."""
    for name, shape in SHAPES.items():
        samples = setup.samples(shape)
        plain = DataLoader(TensorDataset(samples.x, samples.y), batch_size=BATCH, shuffle=True)
        moves = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomAffine(0, translate=(0.1, 0.1))])

        def epoch(batches: Any, transform: Callable[[Tensor], Tensor] = lambda x: x) -> None:
            for x, _ in batches:
                transform(x.to(setup.device))

        for device in {setup.device, torch.device("cpu")}:
            augmented = AugmentedLoader(plain, augmenter_on(setup, device, samples), add=ADD)
            seconds = setup.seconds(lambda: epoch(augmented))  # noqa: B023
            yield row("loader", f"{name}, AugmentedLoader, VAE on {device.type}", (1 + ADD) * len(samples), seconds)
        repeated = lambda x: moves(x.repeat(1 + ADD, 1, 1, 1))  # noqa: E731, B023
        seconds = setup.seconds(lambda: epoch(plain, repeated))  # noqa: B023
        yield row("loader", f"{name}, torchvision on {setup.device.type}", (1 + ADD) * len(samples), seconds)


def fit(setup: Setup) -> Iterator[dict[str, Any]]:
    """Training images that `fit_vae` sees a second, on the device and on the CPU."""
    for name, shape in SHAPES.items():
        samples, steps = setup.samples(shape), setup.of(200, 3)
        for device in {setup.device, torch.device("cpu")}:
            train = lambda: fit_vae(samples, steps=steps, batch_size=BATCH, device=device, progress=False)  # noqa: E731, B023
            yield row("fit", f"{name}, {device.type}", steps * BATCH, setup.seconds(train))


def generate(setup: Setup) -> Iterator[dict[str, Any]]:
    """Synthetic images that `generate` returns a second, on the CPU, with the VAE on the device and on the CPU."""
    for name, shape in SHAPES.items():
        samples, n = setup.samples(shape), setup.of(20_000, 300)
        for device in {setup.device, torch.device("cpu")}:
            augmenter = augmenter_on(setup, device, samples)
            yield row("generate", f"{name}, {device.type}", n, setup.seconds(lambda: augmenter.generate(n, seed=0)))  # noqa: B023


def network(setup: Setup) -> Iterator[dict[str, Any]]:
    """Images that the small network of `bench` learns from a second, behind our loader, both on the device."""
    for name, shape in SHAPES.items():
        samples = setup.samples(shape)
        plain = DataLoader(TensorDataset(samples.x, samples.y), batch_size=BATCH, shuffle=True)
        for add in (0, ADD):
            batches: Any = plain
            if add:
                batches = AugmentedLoader(plain, augmenter_on(setup, setup.device, samples), add=add)
            net = small_cnn(shape, 10).to(setup.device)
            optimizer = torch.optim.AdamW(net.parameters())

            def epoch() -> None:
                for x, y in batches:  # noqa: B023
                    loss = nn.functional.cross_entropy(net(x.to(setup.device)), y.to(setup.device))  # noqa: B023
                    optimizer.zero_grad()  # noqa: B023
                    loss.backward()
                    optimizer.step()  # noqa: B023

            case = f"{name}, {f'add {add}' if add else 'no augmentation'}"
            yield row("network", case, (1 + add) * len(samples), setup.seconds(epoch))


def distributed(setup: Setup) -> Iterator[dict[str, Any]]:
    """`vaeaug fit` under torchrun with nccl on all GPUs, against one; start of the processes included."""
    count = torch.cuda.device_count() if setup.device.type == "cuda" else 0
    if count < 2:
        print(f"distributed: skipped, {count} GPUs of the two that it needs")
        return
    steps = setup.of(400, 5)
    with tempfile.TemporaryDirectory() as folder:
        for processes in (1, count):
            run = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
            run += ["-m", "vaeaug", "fit", "digits", "--steps", str(steps), "--batch", "1024", "--device", "cuda"]

            def start() -> None:
                subprocess.run([*run, "-o", str(Path(folder) / "model")], check=True, capture_output=True)  # noqa: B023

            yield row("distributed", f"{processes} GPUs", steps * 1024, setup.seconds(start))


PARTS = {part.__name__: part for part in (loader, fit, generate, network, distributed)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; choose of {', '.join(PARTS)}")
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("skipped: torch finds no GPU on this machine (torch.cuda.is_available() is False)")
        return 0
    setup = Setup(torch.device(options.device), 1 if options.quick else options.rounds, options.quick)
    cuda = setup.device.type == "cuda"
    card = torch.cuda.get_device_name(setup.device) if cuda else platform.processor() or platform.machine()
    rows = []
    for name in options.parts or PARTS:
        for line in PARTS[name](setup):
            print(line, flush=True)
            rows.append(line)
    if cuda and not options.quick and not options.parts:
        about = {"card": card, "torch": torch.__version__, "cuda": torch.version.cuda, "cpus": torch.get_num_threads()}
        RESULTS.write_text(json.dumps({"machine": about, "rows": rows}, indent=1) + "\n")
    print(f"on {card}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
