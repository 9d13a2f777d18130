"""The steps of an epoch: batches, gradients, and reasons to stop between two steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pbias.data.batches import ImageData, make_batch, row_batches, to_device
from pbias.errors import UserError
from pbias.training.evaluation import Score, score_sums
from pbias.training.objectives.groups import Rows
from pbias.training.objectives.objective import Objective
from pbias.training.precision import autocast
from pbias.training.processes import Processes
from pbias.training.recipe import Recipe
from pbias.training.setup import epoch_generator
from pbias.training.threads import Threads

# How many steps may pass before a NaN loss is noticed, because checking waits for the GPU.
LOOK_EVERY = 16
# Batch-norm statistics are equal in all processes. The option has another name since torch 2.12.
_BUFFERS = next(
    name
    for name in ("forward_sync_buffers", "broadcast_buffers")
    if name in signature(DistributedDataParallel).parameters
)


class Stopped(Exception):
    """Training stopped between two steps on request; `epochs` of them are complete."""

    def __init__(self, epochs: int) -> None:
        """Store the number of epochs that a training state holds."""
        super().__init__(f"stopped after {epochs} epochs")
        self.epochs = epochs


@dataclass(frozen=True)
class Batch:
    """This process's share of a batch, on the device."""

    middle: float  # time of the whole batch's middle within the epoch, 0 to 1
    images: Tensor
    labels: Tensor
    num_rows: int  # in the whole batch
    num_known: int  # known labels in the whole batch
    num_counted: int  # labels in the whole batch over which its loss is averaged
    rows: Rows  # row numbers in the training data


@dataclass(frozen=True)
class Trainer:
    """Everything that a training step needs."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    data: ImageData
    recipe: Recipe
    objective: Objective
    device: torch.device
    processes: Processes
    after_step: Callable[[torch.optim.Optimizer], None]
    progress: Callable[[int, int], None]
    stop: Callable[[], bool]
    threads: Threads

    def run(self, epoch: int) -> Score:
        """Train one epoch; return the score of its batches as they were trained on."""
        self.model.train()
        done, total = epoch * len(self.data), self.recipe.epochs * len(self.data)
        sums = []
        self.threads.begin()
        for step, batch in enumerate(self._batches(epoch)):
            sums.append(self._step(self.recipe.lr_at(epoch + batch.middle), batch))
            if step % LOOK_EVERY == 0:
                _check(sums[-1], epoch)
            self.threads.step_done(batch.num_rows)
            done += batch.num_rows
            self.progress(done, total)
            if self.processes.any(self.stop()):
                raise Stopped(epoch)
        _check(sums[-1], epoch)
        return Score.of(sums)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        batches = self._made(epoch)
        # On CPUs, preparing a batch ahead would only take time from the step.
        return one_ahead(batches) if self.device.type == "cuda" else batches

    def _made(self, epoch: int) -> Iterator[Batch]:
        generator = epoch_generator(self.recipe, epoch)
        augment = generator if self.recipe.augment else None
        done = 0
        for rows in row_batches(len(self.data), self.recipe.batch_size, generator):
            part = self.processes.part(len(rows))
            labels = self.data.labels[rows]
            yield Batch(
                (done + len(rows) / 2) / len(self.data),
                make_batch(self.data, rows, self.device, augment, part),
                to_device(labels[part], self.device),
                len(rows),
                int((labels >= 0).sum()),
                self.objective.count(labels),
                Rows(rows, part),
            )
            done += len(rows)

    def _step(self, lr: float, batch: Batch) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.recipe.precision, self.device):
            outputs = self._forward(batch.images)
        logits = outputs.float()
        loss = self.objective.loss_sum(logits, batch.labels, batch.images, batch.rows)
        # The mean over the whole batch, because processes average their gradients.
        mean = loss * self.processes.size / max(batch.num_counted, 1)
        torch.autograd.backward(self.scaler.scale(mean))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.after_step(self.optimizer)
        reported = loss.detach() * (batch.num_known / max(batch.num_counted, 1))
        return score_sums(reported, logits.detach(), batch.labels)

    @cached_property
    def _forward(self) -> Callable[[Tensor], Any]:
        model = self.model
        if self.processes.size > 1:
            options: dict[str, Any] = {_BUFFERS: False, "gradient_as_bucket_view": True}
            model = DistributedDataParallel(model, **options)
        return torch.compile(model) if self.recipe.compile else model


def one_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the same batches, each prepared by a thread while the previous one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = thread.submit(next, batches, None)
            yield batch


def _check(sums: Tensor, epoch: int) -> None:
    if not torch.isfinite(sums[0]):
        raise UserError(
            f"the loss is no longer a number in epoch {epoch + 1}; lower the learning rate (--lr)"
        )
