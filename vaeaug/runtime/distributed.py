"""One program in many processes with torch.distributed: torchrun starts them, gloo or nccl connects them.

Nothing here uses a process group that happens to be running. A `World` comes from `process_group` and is passed on, so that
a call in one process of another library's job (for example Lightning's) never waits for the other processes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vaeaug.runtime import checks
from vaeaug.runtime.errors import ProcessLost

TIMEOUT = timedelta(minutes=10)  # for a process that does not answer
REPORT_SECONDS = 5.0  # until a line says what is waited for
LARGEST_WORLD = 2**20


@dataclass(frozen=True)
class World:
    """The rank of this process and the number of processes; by default it is the only one.

    Arguments:
        rank: The number of this process, from 0.
        size: The number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and shows a progress bar."""
        return self.rank == 0

    def local_slice(self, n: int) -> slice:
        """Returns the contiguous slice of n samples that this process handles; slices differ in length by at most one."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def wait(self) -> None:
        """Waits until all processes have called it."""
        if self.size > 1:
            dist.barrier()

    def mean(self, x: Tensor) -> Tensor:
        """Returns the mean over the values of all processes."""
        if self.size == 1:
            return x.mean()
        total = torch.stack([x.sum(), torch.full_like(x.sum(), x.numel())])
        dist.all_reduce(total)
        return total[0] / total[1]

    def all_equal(self, number: int, device: torch.device) -> bool:
        """Returns whether all processes pass the same number."""
        if self.size == 1:
            return True
        bounds = torch.tensor([number, -number], device=device)
        dist.all_reduce(bounds, dist.ReduceOp.MAX)
        return int(bounds[0]) == -int(bounds[1])

    def distribute(self, module: nn.Module, loss: Callable[[int], Tensor]) -> Callable[[int], Tensor]:
        """Returns a loss whose gradients are averaged over all processes.

        Arguments:
            module: The module to train. Its parameters are replaced by those of rank 0.
            loss: The loss of this process, as a function of the step.
        """
        if self.size == 1:
            return loss
        # Buffers need no broadcast: they are computed from means over all processes, so they are equal already.
        return DistributedDataParallel(_Loss(module, loss), broadcast_buffers=False)


SINGLE_PROCESS = World()


class _Loss(nn.Module):
    """Wraps a loss as the forward pass of a module, because DistributedDataParallel hooks into `forward`."""

    def __init__(self, module: nn.Module, loss: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, step: int) -> Tensor:
        return self.loss(step)


@contextmanager
def process_group(
    device: str = "cpu", *, training: bool = True, report: Callable[[str], None] | None = None
) -> Iterator[World]:
    """Connects the processes that torchrun started, for the length of a block; yields `SINGLE_PROCESS` without torchrun.

    Arguments:
        device: The device type to compute on. The processes of one machine use its CUDA devices in turn.
        training: Whether the processes exchange gradients. If so, nccl connects them on CUDA and needs one device per
            process; otherwise gloo does, and processes may share a device.
        report: Called with one line if the other processes have not come after a few seconds.

    Raises:
        InputError: If the environment names several processes, but not how to reach them.
        ProcessLost: If another process did not come, died, or has not answered for ten minutes.
    """
    size = _from_environment("WORLD_SIZE", 1, LARGEST_WORLD, default="1")
    if size == 1 or dist.is_initialized():
        yield SINGLE_PROCESS if size == 1 else World(dist.get_rank(), dist.get_world_size())
        return
    cuda = device.startswith("cuda")
    if cuda and torch.cuda.is_available():
        local_rank = _from_environment("LOCAL_RANK", 0, LARGEST_WORLD, default="0")
        torch.cuda.set_device(local_rank % torch.cuda.device_count())
    try:
        _connect("nccl" if cuda and training else "gloo", size, report)
        yield World(dist.get_rank(), dist.get_world_size())
    except checks.InputError:
        raise
    except (dist.DistError, RuntimeError) as error:
        if not _is_connection_error(error):
            raise
        raise ProcessLost(
            f"expected all {size} processes to stay, got '{str(error).splitlines()[0]}' in process {_rank()}; "
            f"look above for the first one that failed, then run the same command again: it resumes"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _connect(backend: str, size: int, report: Callable[[str], None] | None) -> None:
    """Waits for the other processes, at the address in the environment."""
    _from_environment("RANK", 0, size - 1, default="0")
    _from_environment("MASTER_PORT", 1, 65535, default="29500")
    address = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
    text = (
        f"process {os.environ.get('RANK')} of WORLD_SIZE={size} is waiting for the others at {address}, for at most "
        f"{TIMEOUT.seconds // 60} minutes; if there are none, unset WORLD_SIZE, or start with torchrun"
    )
    timer = threading.Timer(REPORT_SECONDS, report or (lambda _: None), [text])
    timer.daemon = True
    timer.start()
    try:
        dist.init_process_group(backend, timeout=TIMEOUT)
    except ValueError as error:
        got = f"WORLD_SIZE={size} alone ({error})"
        checks.refuse("all variables of torchrun, or none", got, "unset WORLD_SIZE, or start with torchrun")
    finally:
        timer.cancel()


def _rank() -> int:
    try:
        return dist.get_rank()
    except (ValueError, RuntimeError):  # never connected
        return int(os.environ.get("RANK", "0"))


def _from_environment(name: str, low: int, high: int, default: str) -> int:
    text = (os.environ.get(name) or default).strip()
    if not (text.isascii() and text.isdecimal()) or not low <= int(text) <= high:
        remedy = "unset WORLD_SIZE, or start with torchrun"
        checks.refuse(f"{name} in the environment to be a whole number from {low} to {high}", repr(text), remedy)
    return int(text)


def _is_connection_error(error: BaseException) -> bool:
    message = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in message for word in ("gloo", "connection", "timed out"))
