"""Checkpoints: the state of a training in one file, from which it resumes exactly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn

from vaeaug.runtime import checks, files, schema
from vaeaug.runtime.errors import Diverged

START_AGAIN = "delete it to start again"


def save(module: nn.Module, optimizer: torch.optim.Optimizer, path: str | Path, step: int, fingerprint: str) -> None:
    """Writes the state of module and optimiser after a step.

    Arguments:
        module, optimizer: What is trained.
        path: The file.
        step: The number of steps done.
        fingerprint: The fingerprint of the data and the settings.

    Raises:
        Diverged: If the weights are not finite: such a state is no checkpoint, and the earlier one stays.
    """
    check_weights(module, step)
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    files.save_tensors(path, tensors, "checkpoint", {"step": step, "fingerprint": fingerprint})


def check_weights(module: nn.Module, step: int) -> None:
    """Checks that a step left finite weights, and buffers without NaN: a mask may well be infinite.

    Raises:
        Diverged: If it did not.
    """
    finite = all(torch.isfinite(weight).all() for weight in module.parameters())
    if not finite or any(buffer.isnan().any() for buffer in module.buffers() if buffer.is_floating_point()):
        raise Diverged(f"expected finite weights, got NaN or infinity at step {step}; try a lower learning rate")


@dataclass(frozen=True)
class CheckpointConfig:
    """What a checkpoint says of itself."""

    step: Annotated[int, schema.Between(0)]
    fingerprint: str


def step_of(path: str | Path) -> int:
    """Returns the number of steps that a checkpoint has done.

    Raises:
        InputError: If it is no checkpoint.
    """
    return _read(path)[1].step


def _read(path: str | Path) -> tuple[dict[str, Tensor], CheckpointConfig]:
    tensors, config = files.load_tensors(path, "checkpoint")
    return tensors, schema.read(CheckpointConfig, config, f"'{path}'", START_AGAIN)


def load(module: nn.Module, optimizer: torch.optim.Optimizer, path: str | Path, fingerprint: str, steps: int) -> int:
    """Loads the state of module and optimiser, and returns the number of steps done.

    Arguments:
        module, optimizer: What is trained.
        path: The file.
        fingerprint: The fingerprint of the data and the settings.
        steps: The number of steps of the whole training.

    Raises:
        InputError: If the checkpoint belongs to another training, or is damaged.
    """
    tensors, config = _read(path)
    if config.fingerprint != fingerprint:
        checks.refuse("a checkpoint of this data, seed and these settings", f"'{path}'", START_AGAIN)
    if config.step > steps:
        checks.refuse(f"a checkpoint of at most {steps} steps", f"step {config.step} in '{path}'", START_AGAIN)
    weights = {name.removeprefix("module."): t for name, t in tensors.items() if name.startswith("module.")}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        checks.refuse("a checkpoint of this very module", f"'{path}' ({error})", START_AGAIN)
    content = optimizer.state_dict()
    content["state"] = _optimizer_state(optimizer, tensors, path)
    optimizer.load_state_dict(content)
    for weight, state in optimizer.state.items():
        for key, value in state.items():
            if value.shape == weight.shape:
                # The fused optimiser walks through memory: its state must have the weight's layout, which may be
                # channels-last.
                state[key] = torch.empty_like(weight).copy_(value)
    return config.step


def _optimizer_state(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], path: str | Path
) -> dict[int, dict[str, Tensor]]:
    """Returns the optimiser's state in a checkpoint: of every weight its step and its two moments, or of none."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            number, _, key = name.removeprefix("optimizer.").partition(".")
            if not number.isdecimal() or int(number) >= len(weights):
                checks.refuse("the optimiser's state of this module", f"'{name}' in '{path}'", START_AGAIN)
            state.setdefault(int(number), {})[key] = value
    for i, entries in state.items():
        shapes = {key: tuple(value.shape) for key, value in entries.items()}
        moments = dict.fromkeys(("exp_avg", "exp_avg_sq"), tuple(weights[i].shape))
        if shapes != {"step": (), **moments}:
            got = f"state of the shapes {shapes} for weight {i} in '{path}'"
            checks.refuse("the step and the two moments of every weight", got, START_AGAIN)
        if (entries["exp_avg_sq"] < 0).any() or entries["step"] < 0:
            checks.refuse("moments that training can have", f"a negative one of weight {i} in '{path}'", START_AGAIN)
    return state
