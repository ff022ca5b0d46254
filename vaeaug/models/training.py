"""The training loop of VAEs and classifiers.

Step t computes on the batch and the noise that (seed, t) determine, so an interrupted run that is resumed gives exactly the
weights of an uninterrupted one: its state is the weights and the optimiser's state, nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vaeaug.models import checkpoints
from vaeaug.runtime import checks, files, modes, seeds, signals
from vaeaug.runtime.distributed import SINGLE_PROCESS, World
from vaeaug.runtime.errors import Diverged
from vaeaug.runtime.progress import progress_bar

PRECISIONS = ("auto", "fp32", "bf16")
CHECK_EVERY = 25  # steps between checks of the loss; each of them waits for the device


class ShuffledIndices:
    """The order of the data: step t -> the indices of its batch, from one seeded permutation after another.

    Arguments:
        size: The number of samples.
        batch_size: The number of indices per step; it may exceed `size`.
        seed: The seed of the permutations.
    """

    def __init__(self, size: int, batch_size: int, seed: int) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self._permutations: dict[int, Tensor] = {}

    def __call__(self, step: int) -> Tensor:
        start, stop = step * self.batch_size, (step + 1) * self.batch_size
        epochs = range(start // self.size, (stop - 1) // self.size + 1)
        # Only the epochs of this step stay in memory.
        self._permutations = {
            epoch: self._permutations[epoch]
            if epoch in self._permutations
            else _permutation(self.size, self.seed, epoch)
            for epoch in epochs
        }
        chunks = [
            self._permutations[epoch][max(0, start - epoch * self.size) : stop - epoch * self.size] for epoch in epochs
        ]
        return chunks[0].clone() if len(chunks) == 1 else torch.cat(chunks)


# Cached, because streams of samples ask for one chunk at a time, each with a new ShuffledIndices of the same seed.
@lru_cache(maxsize=2)
def _permutation(size: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(size, generator=seeds.generator(seed, epoch))


def autocast(precision: str, device: torch.device) -> Any:
    """Returns the context manager for a precision: bf16 autocast, or one that changes nothing.

    Arguments:
        precision: `fp32`, `bf16`, or `auto`: bf16 where the hardware supports it, else fp32.
        device: The device that computes.
    """
    checks.check_choice("precision", precision, PRECISIONS)
    if precision == "auto":
        precision = "bf16" if _has_bf16(device) else "fp32"
    # Without torch's cache of converted weights: inside a user's autocast it outlives a step, and its weights are stale.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False) if precision == "bf16" else nullcontext()


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Without the instructions oneDNN emulates bf16, which is slower than fp32.
    return device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


@contextmanager
def evaluating(*modules: Any) -> Iterator[None]:
    """Puts modules into eval mode and switches gradients off inside the block, and restores each submodule's mode after it.

    Arguments:
        modules: Modules; anything else is ignored.
    """
    in_training = [m for module in modules if isinstance(module, nn.Module) for m in module.modules() if m.training]
    for module in in_training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in in_training:
            module.training = True


def device_of(module: Any) -> torch.device:
    """Returns the device of a module's weights, or of its buffers; the CPU for anything without either."""
    tensor = next(_tensors_of(module), None)
    return torch.device("cpu") if tensor is None else tensor.device


def dtype_of(module: Any) -> torch.dtype:
    """Returns the dtype of a module's weights, or of its buffers; float32 for anything without either."""
    return next((tensor.dtype for tensor in _tensors_of(module) if tensor.is_floating_point()), torch.float32)


def _tensors_of(module: Any) -> Iterator[Tensor]:
    return chain(module.parameters(), module.buffers()) if isinstance(module, nn.Module) else iter(())


def one_cycle(step: int, steps: int, warmup: float = 0.2) -> float:
    """Returns the fraction of the peak learning rate at a step: a linear rise, then a cosine to zero (Smith and Topin,
    "Super-convergence", 2017, https://arxiv.org/abs/1708.07120).

    Arguments:
        step: The number of the step, from 0.
        steps: The number of steps.
        warmup: The fraction of the steps in which the rate rises.
    """
    progress = (step + 1) / (steps + 1)
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def check_trainable(module: nn.Module) -> None:
    """Checks that the weights of a module can be trained.

    Raises:
        InputError: If they are in half precision, were made in inference mode, or are all frozen.
    """
    weights, dtype, name = list(module.parameters()), dtype_of(module), type(module).__name__
    if dtype.itemsize < 4:
        remedy = "convert them with .float(); precision='bf16' computes in bfloat16"
        checks.refuse(f"float32 weights of {name} to train", str(dtype).removeprefix("torch."), remedy)
    if any(weight.is_inference() for weight in weights):
        checks.refuse(f"weights of {name} to train", "some made in inference mode", "create or load it outside")
    if not any(weight.requires_grad for weight in weights):
        checks.refuse(f"weights of {name} to train", "none, or frozen ones alone", "call .requires_grad_(True)")


@modes.in_plain_modes
@torch.enable_grad()
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
    """Trains a module in place with AdamW (Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101) and a one-cycle
    schedule.

    Arguments:
        module: The module to train; its mode is restored afterwards.
        loss: A function from the number of a step to its loss, a scalar.
        steps: The number of optimiser steps.
        lr: The peak learning rate.
        weight_decay: AdamW's weight decay.
        precision: See `autocast`.
        progress: Whether to show a progress bar with the loss and the remaining time.
        label: The label of the progress bar.
        checkpoint: A file for the state of the training; if it exists, training resumes from it, exactly.
        fingerprint: A fingerprint of the data and the settings; a checkpoint with another one is refused.
        every: The number of steps between checkpoints; Ctrl-C and SIGTERM write one, too, after the step.
        world: The rank of this process among the processes that train together. Each computes the loss of its part of the
            batch; rank 0 shows the progress bar and writes the checkpoint.

    Raises:
        InputError: If a setting is out of range, if the weights cannot be trained, or if the checkpoint belongs to another
            training.
        Diverged: If the loss is not finite, which is checked every 25 steps and at the last one, or if the weights are not
            finite after the last step.
    """
    checks.check_number("steps", steps, 1, whole=True)
    checks.check_number("lr", lr, 0, above=True)
    checks.check_number("weight_decay", weight_decay, 0)
    check_trainable(module)
    device = device_of(module)
    optimizer = torch.optim.AdamW(module.parameters(), lr=lr, weight_decay=weight_decay, fused=True)
    with _claimed(checkpoint, world):
        start = 0
        if checkpoint is not None and Path(checkpoint).exists():
            start = checkpoints.load(module, optimizer, checkpoint, fingerprint, steps)
        if not world.all_equal(start, device):
            remedy = "put it where all processes can read it"
            checks.refuse("one checkpoint for all processes", f"'{checkpoint}' at step {start} here", remedy)
        checkpoint = checkpoint if world.is_main else None
        bar = progress_bar(steps, label, "step", show=progress and world.is_main, initial=start)
        deferring = signals.deferred(checkpoint is not None)
        with deferring as interrupts, closing(bar), _training_mode(module):
            loss = world.distribute(module, loss)
            for step in range(start, steps):
                with autocast(precision, device):
                    value = loss(step)
                _update(optimizer, value, lr * one_cycle(step, steps))
                done = step + 1
                bar.update()
                if done % CHECK_EVERY == 0 or done == steps:
                    bar.set_postfix(loss=f"{_finite(world.mean(value.detach()), done, lr):.3f}", refresh=False)
                if done == steps:
                    checkpoints.check_weights(module, done)  # the loss is that of the weights before this step
                if checkpoint and (interrupts or done % every == 0 or done == steps):
                    checkpoints.save(module, optimizer, checkpoint, done, fingerprint)
                interrupts.deliver(
                    f"'{checkpoint}' keeps the training up to step {done}; the same call goes on from there"
                )


@contextmanager
def _claimed(checkpoint: str | Path | None, world: World) -> Iterator[None]:
    """Checks, before the training, that its state can be written, and keeps other trainings from writing it."""
    if checkpoint is None or not world.is_main:
        yield
        return
    # A file of something else is refused when it is read.
    with files.claimed(checkpoint, overwrite=True):
        yield


def _update(optimizer: torch.optim.Optimizer, loss: Tensor, lr: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@contextmanager
def _training_mode(module: nn.Module) -> Iterator[None]:
    """Puts a module into training mode inside the block, and restores its mode after it."""
    mode = module.training
    module.train()
    try:
        yield
    finally:
        module.train(mode)


def _finite(loss: Tensor, step: int, lr: float) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise Diverged(
            f"expected a finite loss, got {value} at step {step}; try a lower learning rate than {lr:g}, "
            f"precision='fp32', or look for extreme values in the data"
        )
    return value
