"""Several processes that work on one network, as `torchrun` starts them.

Each takes its share of every batch; sums go over all of them, so that one process and several give
the same network but for the order of additions.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from pbias.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1

    def part(self, num: int) -> slice:
        """This process's share of `num` rows: near-equal, in order; UserError if there are fewer.

        >>> [Processes(rank, 3).part(8) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
        """
        if num < self.size:
            raise UserError(f"{num} images for {self.size} processes; start fewer of them")
        least, more = divmod(num, self.size)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes; every process gets the same bits."""
        if self.size > 1:
            with together():
                dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in some process."""
        if self.size == 1:
            return flag
        return bool(self.total(torch.tensor(int(flag))))

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in order, in process 0; elsewhere its own."""
        if self.size == 1:
            return [value]
        values = [value] * self.size if self.rank == 0 else None
        with together():
            dist.gather_object(value, values)
        return values or [value]


def processes() -> Processes:
    """This process among those that have joined; alone where none have."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


def join(device: torch.device) -> Processes:
    """Meet the other processes that `torchrun` started; nothing to do without it."""
    if dist.is_available() and dist.is_torchelastic_launched() and not dist.is_initialized():
        # Flags and counts stay on the CPU, so that a GPU is not waited for.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        with together():
            dist.init_process_group(backend)
        atexit.register(dist.destroy_process_group)
    return processes()


def local_rank() -> int:
    """Which of this machine's processes this is."""
    return int(os.environ.get("LOCAL_RANK", "0")) if dist.is_torchelastic_launched() else 0


def local_size() -> int:
    """How many processes run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1


@contextmanager
def together() -> Iterator[None]:
    """Where processes wait for each other: when one ends, the others say so and end, too."""
    try:
        yield
    except RuntimeError as error:
        # gloo has no class for it.
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise UserError(
            "another process ended or cannot be reached, so this one ends, too; see its message, "
            "and go on with --resume"
        ) from error
