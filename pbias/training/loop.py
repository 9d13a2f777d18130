"""The training loop: one recipe, with hooks through which pruning reaches in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pbias.data.batches import ImageData, make_batch, row_batches
from pbias.errors import UserError
from pbias.training.evaluation import Score, evaluate, loss_sum, score_sums
from pbias.training.recipe import Recipe
from pbias.training.setup import epoch_generator, make_optimizer

# How many steps may pass before a loss that is no number is noticed: looking waits for a GPU.
LOOK_EVERY = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hooks:
    """How pruning takes part in training; each does nothing unless given."""

    start_epoch: Callable[[int], None] = lambda epoch: None  # from 0, before its first step
    after_step: Callable[[torch.optim.Optimizer], None] = lambda optimizer: None
    eligible: Callable[[int], bool] = lambda epoch: True  # may this epoch be the one kept?


@dataclass(frozen=True)
class EpochReport:
    """One epoch in numbers; accuracies over all known labels, `valid` None without such a split."""

    epoch: int  # from 0
    epochs: int
    train: Score
    valid: Score | None
    images_per_s: float  # in training


@dataclass(frozen=True)
class FitResult:
    """Which epoch was kept, and what every epoch reported."""

    epoch: int
    reports: list[EpochReport]


def log_report(report: EpochReport) -> None:
    """One line an epoch."""
    valid = f", valid accuracy {report.valid.accuracy:.4f}" if report.valid else ""
    logger.info(
        "epoch %d of %d: loss %.4f, accuracy %.4f%s, %s images/s",
        *(report.epoch + 1, report.epochs, report.train.loss, report.train.accuracy, valid),
        f"{report.images_per_s:,.0f}",
    )


def fit(
    model: nn.Module,
    train_data: ImageData,
    valid_data: ImageData | None,
    recipe: Recipe,
    *,
    device: torch.device,
    hooks: Hooks | None = None,
    report: Callable[[EpochReport], None] = log_report,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FitResult:
    """Train `model` in place, and leave it as it was after its best eligible epoch.

    Best is the highest validation accuracy, then the lowest validation loss, then the earliest;
    without known validation labels the last eligible epoch. `progress` counts pictures over all
    epochs. Raises UserError when the loss is no longer a number.
    """
    hooks = hooks or Hooks()
    if valid_data is None or not (valid_data.labels >= 0).any():
        valid_data = None
        logger.warning("no labels to validate with: the last epoch is kept, whatever it is worth")
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(recipe, model)
    trainer = _Trainer(model, optimizer, train_data, recipe, device, hooks.after_step, progress)
    best: tuple[float, float] | None = None
    kept: dict[str, Tensor] = {}
    kept_epoch, reports = -1, []
    for epoch in range(recipe.epochs):
        hooks.start_epoch(epoch)
        if recipe.reset_momentum:
            optimizer.state.clear()
        start = time.perf_counter()
        train = trainer.run(epoch)
        rate = len(train_data) / (time.perf_counter() - start)
        valid = evaluate(model, valid_data, device) if valid_data is not None else None
        reports.append(EpochReport(epoch, recipe.epochs, train, valid, rate))
        report(reports[-1])
        rank = (valid.accuracy, -valid.loss) if valid else None
        if hooks.eligible(epoch) and (rank is None or best is None or rank > best):
            best, kept_epoch = rank, epoch
            kept = {name: value.clone() for name, value in model.state_dict().items()}
    assert kept, "no epoch was eligible"
    model.load_state_dict(kept)
    return FitResult(kept_epoch, reports)


@dataclass(frozen=True)
class _Trainer:
    """What every step needs."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    data: ImageData
    recipe: Recipe
    device: torch.device
    after_step: Callable[[torch.optim.Optimizer], None]
    progress: Callable[[int, int], None]

    def run(self, epoch: int) -> Score:
        """One epoch; its score is of the batches as they were trained on."""
        self.model.train()
        done, total = epoch * len(self.data), self.recipe.epochs * len(self.data)
        sums = []
        for step, (when, images, labels) in enumerate(self._batches(epoch)):
            sums.append(self._step(self.recipe.lr_at(epoch + when), images, labels))
            if step % LOOK_EVERY == 0:
                _check(sums[-1], epoch)
            done += len(images)
            self.progress(done, total)
        _check(sums[-1], epoch)
        return Score.of(sums)

    def _batches(self, epoch: int) -> Iterator[tuple[float, Tensor, Tensor]]:
        """When in the epoch (0 to 1) each batch has its middle, its pictures and labels."""
        generator = epoch_generator(self.recipe, epoch)
        augment = generator if self.recipe.augment else None
        done = 0
        for rows in row_batches(len(self.data), self.recipe.batch_size, generator):
            images = make_batch(self.data, rows, self.device, augment)
            middle = (done + len(rows) / 2) / len(self.data)
            done += len(rows)
            yield middle, images, self.data.labels[rows].to(self.device)

    def _step(self, lr: float, images: Tensor, labels: Tensor) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(images)
        loss = loss_sum(logits, labels)
        torch.autograd.backward(loss / (labels >= 0).sum().clamp(min=1))
        self.optimizer.step()
        self.after_step(self.optimizer)
        return score_sums(loss.detach(), logits.detach(), labels)


def _check(sums: Tensor, epoch: int) -> None:
    if not torch.isfinite(sums[0]):
        raise UserError(
            f"the loss is no longer a number in epoch {epoch + 1}; lower the learning rate (--lr)"
        )
