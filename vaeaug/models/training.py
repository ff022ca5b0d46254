"""The one training loop, for VAEs and classifiers alike.

Step t sees the batch and the noise that (seed, t) name, so a run that is cut off and resumed computes what it would have
computed: there is no other state than the weights and the optimiser's.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from vaeaug.runtime import checks, files, seeds
from vaeaug.runtime.distributed import SINGLE_PROCESS, World
from vaeaug.runtime.errors import Diverged

PRECISIONS = ("auto", "fp32", "bf16")
LOOK = 25  # steps between looks at the loss: each look waits for the device


class ShuffledIndices:
    """The order of the data: step t -> the places of its batch, running through one seeded permutation after another.

    Arguments:
        size: The number of samples.
        batch: The number of places per step; it may exceed `size`.
        seed: The same seed gives the same order.
    """

    def __init__(self, size: int, batch: int, seed: int) -> None:
        self.size, self.batch, self.seed = size, batch, seed
        self._epochs: dict[int, Tensor] = {}

    def __call__(self, step: int) -> Tensor:
        first, end = step * self.batch, (step + 1) * self.batch
        epochs = range(first // self.size, (end - 1) // self.size + 1)
        self._epochs = {
            e: self._epochs[e] if e in self._epochs else _permutation(self.size, self.seed, e) for e in epochs
        }
        parts = [self._epochs[e][max(0, first - e * self.size) : end - e * self.size] for e in epochs]
        return parts[0].clone() if len(parts) == 1 else torch.cat(parts)


# Kept, because streams ask for chunk after chunk of one seed, each by itself.
@lru_cache(maxsize=2)
def _permutation(size: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(size, generator=seeds.generator(seed, epoch))


def autocast(precision: str, device: torch.device) -> Any:
    """Returns the context to compute in: bf16 autocast, or none.

    Arguments:
        precision: `fp32`, `bf16`, or `auto`: bf16 where the hardware computes in it.
        device: Where the computation runs.
    """
    checks.check_choice("precision", precision, PRECISIONS)
    if precision == "auto":
        precision = "bf16" if _has_bf16(device) else "fp32"
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without the instructions oneDNN emulates bf16, which is slower than fp32.
    return device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


def walk_modules(root: nn.Module) -> Iterator[nn.Module]:
    """Returns a module and all that are in it; what is there twice comes twice. Faster than `modules()`, for every batch."""
    waiting = [root]
    while waiting:
        module = waiting.pop()
        yield module
        waiting.extend(m for m in module._modules.values() if m is not None)


@contextmanager
def evaluating(*modules: Any) -> Iterator[None]:
    """Puts modules into eval mode without gradients inside the block, and each submodule's own mode back after it."""
    found = [m for module in modules if isinstance(module, nn.Module) for m in walk_modules(module) if m.training]
    for m in found:
        m.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for m in found:
            m.training = True


def device_of(module: Any) -> torch.device:
    """Returns the device of a module's weights; the CPU for what has none."""
    modules = walk_modules(module) if isinstance(module, nn.Module) else iter(())
    return next((p.device for m in modules for p in m._parameters.values() if p is not None), torch.device("cpu"))


def one_cycle(step: int, steps: int, warm: float = 0.2) -> float:
    """Returns the share of the peak learning rate at a step: a linear rise, then a cosine to zero (Smith and Topin,
    "Super-convergence", 2017, https://arxiv.org/abs/1708.07120)."""
    at = (step + 1) / (steps + 1)
    return at / warm if at < warm else 0.5 * (1 + math.cos(math.pi * (at - warm) / (1 - warm)))


def train(
    module: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    lr: float,
    weight_decay: float = 0.01,
    precision: str = "auto",
    progress: bool = True,
    label: str = "training",
    checkpoint: str | Path | None = None,
    fingerprint: str = "",
    every: int = 500,
    world: World = SINGLE_PROCESS,
) -> None:
    """Trains a module in place with AdamW (Loshchilov and Hutter, 2019) and a one-cycle schedule.

    Arguments:
        module: What to train; it is left in the mode that it came in.
        loss: The step's number -> its loss, a scalar.
        steps: The number of optimiser steps.
        lr: The peak learning rate.
        weight_decay: AdamW's.
        precision: See `autocast`.
        progress: Whether to show a bar with the loss and the time left.
        label: The bar's name.
        checkpoint: A file to keep the state in; where it exists, training goes on from it, exactly.
        fingerprint: Of the data and settings; a checkpoint with another one is refused.
        every: The number of steps between checkpoints; Ctrl-C writes one, too.
        world: Which of how many processes this one is; the loss is of its share; rank 0 shows the bar and keeps the state.

    Raises:
        Diverged: When the loss is not a finite number.
    """
    checks.check_number("steps", steps, 1, whole=True)
    checks.check_number("lr", lr, 0, above=True)
    device = device_of(module)
    optimizer = torch.optim.AdamW(module.parameters(), lr=lr, weight_decay=weight_decay, fused=True)
    start = done = (
        _resume(module, optimizer, checkpoint, fingerprint) if checkpoint and Path(checkpoint).exists() else 0
    )
    if not world.all_equal(start, device):
        checks.refuse("one checkpoint for all processes", f"'{checkpoint}' at {start} here", "put it where all see it")
    was_training = module.training
    module.train()
    loss = world.distribute(module, loss)
    shown = progress and world.is_main
    checkpoint = checkpoint if world.is_main else None
    bar = tqdm(total=steps, initial=start, desc=label, disable=not shown, leave=False, unit="step")
    with _patient(checkpoint is not None) as interrupted, closing(bar), _mode_back(module, was_training):
        for step in range(start, steps):
            for group in optimizer.param_groups:
                group["lr"] = lr * one_cycle(step, steps)
            with autocast(precision, device):
                value = loss(step)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            done = step + 1
            bar.update()
            if done % LOOK == 0 or done == steps:
                bar.set_postfix(loss=f"{_finite(world.mean(value.detach()), done, lr):.3f}", refresh=False)
            if checkpoint and (done % every == 0 or done == steps):
                _keep(module, optimizer, checkpoint, {"step": done, "fingerprint": fingerprint})
            if interrupted:
                _keep(module, optimizer, str(checkpoint), {"step": done, "fingerprint": fingerprint})
                raise KeyboardInterrupt


@contextmanager
def _mode_back(module: nn.Module, mode: bool) -> Iterator[None]:
    try:
        yield
    finally:
        module.train(mode)


@contextmanager
def _patient(patient: bool) -> Iterator[list[int]]:
    """Collects Ctrl-C inside the block, so that a step is finished before it counts; a second one counts at once."""
    seen: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if not patient or threading.current_thread() is not threading.main_thread() or not callable(before):
        yield seen
        return

    def collect(number: int, frame: Any) -> None:
        if seen:
            before(number, frame)
        seen.append(number)

    signal.signal(signal.SIGINT, collect)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _finite(value: Tensor, step: int, lr: float) -> float:
    number = value.item()
    if not math.isfinite(number):
        raise Diverged(
            f"expected a finite loss, got {number} at step {step}; try a lower learning rate than {lr:g}, "
            f"precision='fp32', or look for extreme values in the data"
        )
    return number


def _keep(module: nn.Module, optimizer: torch.optim.Optimizer, path: str | Path, about: dict[str, Any]) -> None:
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    for place, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{place}.{name}": value for name, value in state.items()}
    files.save_tensors(path, tensors, "checkpoint", about)


def _resume(module: nn.Module, optimizer: torch.optim.Optimizer, path: str | Path, fingerprint: str) -> int:
    tensors, config = files.load_tensors(path, "checkpoint")
    if config["fingerprint"] != fingerprint:
        checks.refuse("a checkpoint of this data, seed and these settings", f"'{path}'", "delete it to start again")
    weights = {name.removeprefix("module."): t for name, t in tensors.items() if name.startswith("module.")}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        checks.refuse("a checkpoint of this very module", f"'{path}' ({error})", "delete it to start again")
    content = optimizer.state_dict()
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, place, key = name.split(".", 2)
            content["state"].setdefault(int(place), {})[key] = value
    optimizer.load_state_dict(content)
    for weight, state in optimizer.state.items():
        for key, value in state.items():
            if value.shape == weight.shape:
                # The fused step goes through memory: its state must lie in the order of the weight, channels last perhaps.
                state[key] = torch.empty_like(weight).copy_(value)
    return int(config["step"])
