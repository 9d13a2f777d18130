"""The training loop: it trains by one recipe, with hooks for pruning."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pbias.data.batches import ImageData
from pbias.training.evaluation import Score, judge
from pbias.training.objectives.objective import PLAIN, Objective
from pbias.training.processes import processes, shared_batch_norm, together
from pbias.training.recipe import Recipe
from pbias.training.setup import make_optimizer
from pbias.training.small_maps import small_maps_as_products
from pbias.training.state import TrainingState
from pbias.training.steps import Stopped, Trainer
from pbias.training.threads import Threads

WITH_BOUNDS = 3  # length of a rank: excess over the bounds, accuracy, loss

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hooks:
    """The hooks through which pruning takes part in training; by default they do nothing."""

    start_epoch: Callable[[int], None] = lambda epoch: None  # from 0, before its first step
    after_step: Callable[[torch.optim.Optimizer], None] = lambda optimizer: None
    eligible: Callable[[int], bool] = lambda epoch: True  # may this epoch be the one kept?
    state: Callable[[], dict[str, Any]] = dict  # what is needed to continue after this epoch
    restore: Callable[[dict[str, Any]], None] = lambda state: None


@dataclass(frozen=True)
class EpochReport:
    """The figures of one epoch; accuracies are over all known labels, `valid` may be None."""

    epoch: int  # from 0
    epochs: int
    train: Score
    valid: Score | None
    images_per_s: float  # in training
    beyond: float | None = (
        None  # by how much the worst group exceeds its bound; below 0: it keeps it
    )


@dataclass(frozen=True)
class FitResult:
    """The epoch that was kept, the reports of epochs trained in this run, and the thread counts."""

    epoch: int
    reports: list[EpochReport]
    threads: str


def log_report(report: EpochReport) -> None:
    """Log one line per epoch."""
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
    objective: Objective = PLAIN,
    hooks: Hooks | None = None,
    report: Callable[[EpochReport], None] = log_report,
    progress: Callable[[int, int], None] = lambda done, total: None,
    resume: TrainingState | None = None,
    save: Callable[[TrainingState], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    threads: Threads | None = None,
) -> FitResult:
    """Train `model` in place, and leave it with the weights of its best eligible epoch.

    The best epoch has the highest validation accuracy, then the lowest validation loss; ties go to
    the earliest. Without known validation labels, it is the last eligible epoch. If the objective
    has bounds, epochs that keep them come first, then those that exceed them least.

    `progress` counts images over all epochs. `save` receives a state after every epoch, and
    `resume` is a state to continue from, with the same result. `objective` is the loss of a step;
    validation uses the labels alone. `stop` is called after every step. `threads` chooses the
    number of computing threads; without it, the number stays as it is. If processes have joined,
    each trains on its share of every batch. Raises UserError if the loss becomes NaN, and Stopped
    if `stop` returns True.
    """
    hooks, several = hooks or Hooks(), processes()
    threads = threads or Threads([torch.get_num_threads()])
    if valid_data is None or not (valid_data.labels >= 0).any():
        valid_data = None
        logger.warning("no labels to validate with: the last epoch is kept, whatever it is worth")
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(recipe, model)
    scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "fp16")
    trainer = Trainer(
        model, optimizer, scaler, train_data, recipe, objective, device, several,
        hooks.after_step, progress, stop, threads,
    )  # fmt: skip
    best = _Best()
    objective.reset()
    if resume:
        resume.restore(model, optimizer, scaler, hooks.restore, objective.restore)
        threads.restore(resume.threads)
        best = _Best(resume.kept, resume.kept_epoch, resume.best)
    reports = []
    with ExitStack() as stack:
        stack.enter_context(small_maps_as_products(model, device))
        if objective.teacher:
            stack.enter_context(small_maps_as_products(objective.teacher.model, device))
        if several.size > 1:
            stack.enter_context(shared_batch_norm(model, device))
            stack.enter_context(together())
        for epoch in range(resume.epochs if resume else 0, recipe.epochs):
            reports.append(_run_epoch(trainer, epoch, valid_data, hooks))
            report(reports[-1])
            objective.report()
            if hooks.eligible(epoch):
                best.offer(model, reports[-1])
            if save:
                save(best.state(epoch + 1, trainer, hooks))
            if several.any(stop()):
                raise Stopped(epoch + 1)
    assert best.weights, "no epoch was eligible"
    model.load_state_dict(best.weights)
    best.say_if_bounds_are_kept(objective)
    return FitResult(best.epoch, reports, threads.record())


def _run_epoch(
    trainer: Trainer, epoch: int, valid_data: ImageData | None, hooks: Hooks
) -> EpochReport:
    recipe = trainer.recipe
    hooks.start_epoch(epoch)
    if recipe.reset_momentum:
        trainer.optimizer.state.clear()
    start = time.perf_counter()
    train = trainer.run(epoch)
    rate = len(trainer.data) / (time.perf_counter() - start)
    valid, beyond = None, None
    if valid_data is not None:
        valid, right = judge(trainer.model, valid_data, trainer.device, recipe.precision)
        if trainer.objective.bounds:
            beyond = trainer.objective.bounds.measure(right)
    return EpochReport(epoch, recipe.epochs, train, valid, rate, beyond)


@dataclass
class _Best:
    """The best epoch so far: its weights and its rank."""

    weights: dict[str, Tensor] = field(default_factory=dict)
    epoch: int = -1
    rank: list[float] = field(default_factory=list)

    def offer(self, model: nn.Module, report: EpochReport) -> None:
        """Keep an epoch that is better than the best, or without validation the latest one."""
        rank = [report.valid.accuracy, -report.valid.loss] if report.valid else []
        if report.beyond is not None:
            rank = [-max(report.beyond, 0.0), *rank]
        if not self.weights or not rank or rank > self.rank:
            self.weights = {name: value.clone() for name, value in model.state_dict().items()}
            self.epoch, self.rank = report.epoch, rank

    def say_if_bounds_are_kept(self, objective: Objective) -> None:
        """Log whether bounds are kept; warn if they are exceeded or unknown."""
        if objective.bounds is None:
            return
        if len(self.rank) < WITH_BOUNDS:
            logger.warning("no labels to validate with: nobody knows whether the bounds are kept")
        elif self.rank[0] < 0:
            logger.warning(
                "NO EPOCH KEEPS THE BOUNDS in validation: epoch %d, which is kept, is the nearest"
                " and misses them by %.4f; loosen them, prune less, or train longer",
                *(self.epoch + 1, -self.rank[0]),
            )
        else:
            logger.info("epoch %d keeps the bounds in validation", self.epoch + 1)

    def state(self, epochs: int, trainer: Trainer, hooks: Hooks) -> TrainingState:
        """Return the state of the run after this number of epochs."""
        return TrainingState(
            epochs,
            trainer.model.state_dict(),
            trainer.optimizer.state_dict()["state"],
            trainer.scaler.state_dict(),
            self.weights,
            self.epoch,
            self.rank,
            hooks.state(),
            objective=trainer.objective.state(),
            threads=trainer.threads.counts(),
        )
