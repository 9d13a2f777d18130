"""Training of one network in several processes, as `torchrun` starts them.

Each process takes its share of every batch. Sums and batch-norm statistics are over all processes,
so one process and several give the same network, except for the order of additions. The processes
of a machine share one copy of the decoded images.
"""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor, nn

from pbias.data.image_memory import ImageMemory, file_without_name, fits_in_memory, map_file
from pbias.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The rank of this process and the number of processes."""

    rank: int = 0
    size: int = 1

    def part(self, num: int) -> slice:
        """Return this process's share of `num` rows: near-equal, in order; UserError for too few.

        >>> [Processes(rank, 3).part(8) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None)]
        """
        if num < self.size:
            raise UserError(f"{num} images for {self.size} processes; start fewer processes")
        least, more = divmod(num, self.size)
        start = self.rank * least + min(self.rank, more)
        return slice(start, start + least + (self.rank < more))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes; every process gets the same bits."""
        if self.size > 1:
            with together():
                dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        if self.size == 1:
            return flag
        return bool(self.total(torch.tensor(int(flag))))

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, in order, in process 0; elsewhere only its own."""
        if self.size == 1:
            return [value]
        values = [value] * self.size if self.rank == 0 else None
        with together():
            dist.gather_object(value, values)
        return values or [value]


def processes() -> Processes:
    """Return this process among those that have joined, or a single process."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


def join(device: torch.device) -> Processes:
    """Join the other processes that `torchrun` started; without it, do nothing."""
    if dist.is_available() and dist.is_torchelastic_launched() and not dist.is_initialized():
        # Flags and counts stay on the CPU, to avoid waiting for the GPU.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        with together():
            dist.init_process_group(backend)
        atexit.register(dist.destroy_process_group)
    return processes()


def local_rank() -> int:
    """Return the rank of this process on its machine."""
    return int(os.environ.get("LOCAL_RANK", "0")) if dist.is_torchelastic_launched() else 0


def local_size() -> int:
    """Return the number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if dist.is_torchelastic_launched() else 1


@contextmanager
def together() -> Iterator[None]:
    """Wrap code in which processes wait for each other: if one ends, the others report it."""
    try:
        yield
    except RuntimeError as error:
        # gloo has no exception class of its own
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise UserError(
            "another process ended or cannot be reached, so this one stops; see the message of "
            "the other, and continue with --resume"
        ) from error


def image_memory() -> ImageMemory:
    """Choose where this process keeps images: in shared memory if it shares a Linux machine."""
    if processes().size > 1 and local_size() > 1 and hasattr(os, "memfd_create"):
        return SharedImageMemory()
    return ImageMemory()


class SharedImageMemory(ImageMemory):
    """One copy of the images for all processes of this machine, decoded by the first of them."""

    def __init__(self) -> None:
        """Create the memory; every process of every machine must do so at the same time."""
        first = processes().rank - local_rank()
        machines = processes().size // local_size()
        with together():
            groups = [
                dist.new_group(list(range(start, start + local_size())), backend="gloo")
                for start in range(0, machines * local_size(), local_size())
            ]
        self.first, self.group = first, groups[first // local_size()]

    def allocate(self, shape: tuple[int, ...], folder: str | None) -> npt.NDArray[np.uint8]:
        """Return the same array in all processes; it disappears with the last of them."""

        def make() -> str:
            if fits_in_memory(shape):
                file = os.memfd_create("pbias")
                os.truncate(file, math.prod(shape))
            else:
                file = file_without_name(math.prod(shape), folder)
            return f"/proc/{os.getpid()}/fd/{file}"

        file = os.open(self.once(make), os.O_RDWR)
        try:
            return map_file(file, shape)
        finally:
            os.close(file)

    def once(self, work: Callable[[], T]) -> T:
        """Return the result of `work`, which runs in the first process of this machine."""
        result = [work()] if local_rank() == 0 else [None]
        with together():
            dist.broadcast_object_list(result, src=self.first, group=self.group)
        found: T = result[0]  # type: ignore[assignment]
        return found


@contextmanager
def shared_batch_norm(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Let the batch norms of `model` use the statistics of the whole batch within this context.

    Their class is changed in place. Thus every reference to a batch norm, even one that a user's
    own network keeps outside of its modules, uses the whole batch.
    """
    norms = [part for part in model.modules() if type(part) is nn.BatchNorm2d]
    for norm in norms:
        # torch's own class is fast, but takes no CPU tensors.
        shared: type = nn.SyncBatchNorm if device.type == "cuda" else _SharedBatchNorm
        norm.__class__ = shared
        norm.process_group = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for norm in norms:
            norm.__class__ = nn.BatchNorm2d
            del norm.process_group


class _SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm whose mean and variance in training are over the batches of all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize features [B, C, H, W]; each process has its own B."""
        if not self.training:
            return super().forward(x)
        dtype, x = x.dtype, x.float()
        num = _total(torch.tensor(float(x.numel() // x.shape[1])))
        mean = _total(x.sum(dim=(0, 2, 3))) / num
        # In two passes, because the difference of two large sums would lose digits.
        centred = x - mean[:, None, None]
        variance = _total(centred.square().sum(dim=(0, 2, 3))) / num
        self._remember(mean.detach(), variance.detach() * num / (num - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias[:, None, None], centred, scale[:, None, None]).to(dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class _Total(torch.autograd.Function):
    """A sum over processes whose gradients are summed as well."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _total(values: Tensor) -> Tensor:
    total: Tensor = _Total.apply(values)  # type: ignore[no-untyped-call]
    return total
