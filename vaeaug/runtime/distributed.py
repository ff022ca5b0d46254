"""One program in many processes, on torch's own engine: torchrun starts them, gloo or nccl connects them.

Nothing here looks whether torch.distributed happens to be running: a world is joined with `joined` and handed on, so that a
call by one process of somebody else's job (Lightning's, say) never waits for the others.
"""

from __future__ import annotations

import os
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

TIMEOUT = timedelta(minutes=10)  # how long a process waits for one that does not answer


@dataclass(frozen=True)
class World:
    """Says which of how many processes this one is; by default the only one.

    Arguments:
        rank: The number of this process, from 0.
        size: The number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes, and shows a bar."""
        return self.rank == 0

    def local_slice(self, n: int) -> slice:
        """Returns which of n rows are this process's: neighbours, as many as any other's but for one."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def wait(self) -> None:
        """Waits for all processes."""
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
        """Says whether all processes have the same number."""
        if self.size == 1:
            return True
        span = torch.tensor([number, -number], device=device)
        dist.all_reduce(span, dist.ReduceOp.MAX)
        return int(span[0]) == -int(span[1])

    def distribute(self, module: nn.Module, loss: Callable[[int], Tensor]) -> Callable[[int], Tensor]:
        """Returns a loss whose gradients are the means over all processes; the module starts as that of rank 0."""
        if self.size == 1:
            return loss
        # The buffers are the same everywhere already, because they follow from means over all processes.
        return DistributedDataParallel(_Loss(module, loss), broadcast_buffers=False)


SINGLE_PROCESS = World()


class _Loss(nn.Module):
    """Makes the forward pass, which DistributedDataParallel prepares, out of a loss that is a function of the step."""

    def __init__(self, module: nn.Module, loss: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, step: int) -> Tensor:
        return self.loss(step)


@contextmanager
def process_group(device: str = "cpu", *, training: bool = True) -> Iterator[World]:
    """Joins the processes that torchrun started for the length of a block; without torchrun, the process is alone.

    Arguments:
        device: What the processes compute on; those of one machine take its CUDA devices in turn.
        training: Whether they exchange gradients: on CUDA nccl connects them then, which wants a device for each. Else gloo
            does, and several may share one.

    Raises:
        ProcessLost: Inside the block, when another process has died or has not answered for ten minutes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or dist.is_initialized():
        yield SINGLE_PROCESS if size == 1 else World(dist.get_rank(), dist.get_world_size())
        return
    cuda = device.startswith("cuda")
    if cuda and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    dist.init_process_group("nccl" if cuda and training else "gloo", timeout=TIMEOUT)
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    except checks.InputError:
        raise
    except (dist.DistError, RuntimeError) as error:
        if not _of_connection(error):
            raise
        raise ProcessLost(
            f"expected all {size} processes to stay, got '{str(error).splitlines()[0]}' in process {dist.get_rank()}; "
            f"look above for the first that failed, then run the same command again: it goes on where it was"
        ) from error
    finally:
        dist.destroy_process_group()


def _of_connection(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in text for word in ("gloo", "connection", "timed out"))
