"""Batch normalisation over a batch that several processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def over_all_processes(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Let the batch norms of `model` see the whole batch while in this context."""
    norms = [part for part in model.modules() if type(part) is nn.BatchNorm2d]
    for norm in norms:
        # torch's own, which is fast, takes no tensors of the CPU.
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
        """Features [B, C, H, W], of which each process has its own B."""
        if not self.training:
            return super().forward(x)
        dtype, x = x.dtype, x.float()
        num = _total(torch.tensor(float(x.numel() // x.shape[1])))
        mean = _total(x.sum(dim=(0, 2, 3))) / num
        # In two passes: the difference of two large sums would lose digits.
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
    """A sum over processes; what flows back is summed as well."""

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
