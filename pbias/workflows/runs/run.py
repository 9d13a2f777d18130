"""One training run: its saved state, its progress, and the signals that end it."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import torch
from torch import nn

from pbias.data.batches import ImageData
from pbias.data.training_images import TrainingPictures
from pbias.errors import Status, UserError
from pbias.files.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pbias.files.logits import Logits
from pbias.training.evaluation import BATCH_SIZE, predict_logits
from pbias.training.loop import FitResult, Hooks, fit
from pbias.training.objectives.distillation import say_cost
from pbias.training.objectives.objective import PLAIN, Objective
from pbias.training.processes import processes
from pbias.training.recipe import Recipe
from pbias.training.state import StateFile, TrainingState, differences, identity, state_path
from pbias.training.steps import Stopped
from pbias.training.threads import Threads
from pbias.workflows.inputs.never_predicted import say_never_predicted
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.guard import check_room, hold, image_digest, release, rescue

if TYPE_CHECKING:
    from pbias.pruning.schedule import Ramp

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One network to train: the planned checkpoint, and its output."""

    plan: Checkpoint
    output: str
    state: TrainingState | None = None
    threads: int = 0  # the requested number; 0: chosen by speed

    @property
    def states(self) -> StateFile | None:
        """The state file next to the output; None if the output is not a file."""
        path = state_path(self.output)
        return StateFile(path, self.plan, self.threads) if path else None

    def train(
        self,
        model: nn.Module,
        data: tuple[ImageData, ImageData | None],
        device: torch.device,
        *,
        resume_hint: str,
        objective: Objective = PLAIN,
        hooks: Hooks | None = None,
        watch: Watch = silent,
        label: str = "training",
    ) -> FitResult:
        """Train by the plan's recipe; a first SIGINT or SIGTERM ends training after a step.

        `resume_hint` says how to continue.
        """
        states = self.states
        recipe = Recipe.from_dict(self.plan.recipe)
        save = None
        if states and processes().rank == 0:
            check_room(self.output, model)
            save = self._saving(states, image_digest(data))
        # Compiled code is made for one number of threads.
        threads = Threads.of(self.threads, device, measure=not recipe.compile)
        start = time.perf_counter()
        with watch(label) as progress, stoppable(states, resume_hint) as stop:
            result = fit(
                model, *data, recipe, device=device, objective=objective, hooks=hooks,
                progress=progress, resume=self.state, save=save, stop=stop,
                threads=threads,
            )  # fmt: skip
        threads.say()
        say_cost(objective.teacher, time.perf_counter() - start)
        return result

    def _saving(self, states: StateFile, images: str) -> Callable[[TrainingState], None]:
        """Return the function that saves states; UserError for images unlike the state's."""
        if self.state and self.state.images not in ("", images):
            raise UserError(
                f"{states.path} was trained on other images (checksum {self.state.images} there "
                f"and {images} here); restore the images, or start again without --resume"
            )
        return lambda state: states.write(replace(state, images=images))

    def finish(self, made: Checkpoint, result: FitResult, *, packed: bool = False) -> None:
        """Write the output with the number of computing threads, then remove the state.

        A network that cannot be written is saved elsewhere, which the UserError says.
        """
        if processes().rank == 0:
            made = replace(made, environment={**made.environment, "threads": result.threads})
            try:
                save_checkpoint(made, self.output, packed=packed)
            except UserError as error:
                raise rescue(made, error, packed=packed) from error
            release(self.output)
            if self.states:
                self.states.remove()

    def say_never_predicted(
        self, model: nn.Module, valid: ImageData | None, device: torch.device
    ) -> None:
        """Warn about attributes that are predicted for no validation image; skip classes."""
        if valid is None or valid.labels.dim() == 1 or processes().rank > 0:
            return
        precision = Recipe.from_dict(self.plan.recipe).precision
        logits = predict_logits(model, [valid], device, BATCH_SIZE, precision)
        labels, targets = valid.labels.numpy(), self.plan.targets
        said = Logits.from_arrays(logits, labels, targets=targets, path=self.output)
        say_never_predicted(said, self.output, str(self.plan.data.get("path", "")))


def unfinished(runs: list[Run], *, resume: bool, threads: int = 0) -> list[Run]:
    """Return the remaining runs, each with its state to continue from, if any, and `threads`.

    Raises UserError if existing files belong to another run, so that nothing is mixed up.
    """
    runs = [replace(run, threads=threads) for run in runs]
    if not resume:
        for run in runs:
            if run.states and run.states.exists():
                logger.warning(
                    "%s holds an interrupted run; it is started again (--resume goes on with it)",
                    run.states.path,
                )
        return runs
    return [_with_state(run) for run in runs if not _is_done(run)]


def hold_outputs(runs: Sequence[Run]) -> None:
    """Raise UserError for outputs that another process trains; only the first process checks."""
    if processes().rank == 0:
        for run in runs:
            hold(run.output)


def _with_state(run: Run) -> Run:
    if run.states is None:
        raise UserError(
            f"-o {run.output} is not a file, so there is no saved state to resume from; "
            "name a file with -o, or leave --resume out"
        )
    if not run.states.exists():
        logger.info("there is no %s: %s is trained from the start", run.states.path, run.output)
        return run
    state = run.states.read()
    logger.info(
        "%s: %d of %d epochs are done", run.states.path, state.epochs, run.plan.recipe["epochs"]
    )
    return replace(run, state=state)


def _is_done(run: Run) -> bool:
    """Return whether the output exists; UserError if it belongs to another run."""
    if run.states is None or not Path(run.output).exists():
        return False
    there = identity(load_checkpoint(run.output))
    differing = differences(identity(run.plan), there)
    if differing:
        raise UserError(
            f"{run.output} belongs to another run: {'; '.join(differing)}; name another output, or "
            "leave --resume out to replace it"
        )
    logger.info("%s is done already", run.output)
    run.states.remove()  # a run that was killed just after its end leaves a state
    return True


def say_what_would_be_done(
    runs: Sequence[Run], pictures: TrainingPictures, ramp: Ramp | None = None
) -> None:
    """Log images, recipe, pruning steps and outputs for a dry run, one per line."""
    logger.info(
        "would train on %s images and validate on %s",
        *(f"{len(pictures.train):,}", f"{len(pictures.valid or ()):,}"),
    )
    for run in runs:
        plan, done = run.plan, run.state.epochs if run.state else 0
        recipe = ", ".join(f"{name} {value}" for name, value in plan.recipe.items())
        logger.info("targets: %s", ", ".join(plan.targets))
        logger.info("recipe: %s", recipe)
        if ramp:
            steps = ramp.schedule(plan.sparsity["asked"]).items()
            shown = ", ".join(f"{value:.4g} at {time:.3g}" for time, value in steps)
            logger.info("sparsity, and at which epoch: %s", shown)
        logger.info("would write %s after %d epochs", run.output, plan.recipe["epochs"] - done)


@contextmanager
def stoppable(states: StateFile | None, resume_hint: str) -> Iterator[Callable[[], bool]]:
    """Provide a function that says whether a signal asked to stop.

    After training has stopped, log how to continue and raise SystemExit with the signal's status.
    Outside of the main thread, Python cannot handle signals, so nothing stops a run.
    """
    received: list[int] = []

    def handle(signum: int, frame: FrameType | None) -> None:
        # The terminal and torchrun both send Ctrl-C, so with several processes a second one is
        # normal.
        if received and signum == signal.SIGINT and processes().size == 1:
            raise KeyboardInterrupt
        if not received:
            logger.info("ending after this step (Ctrl-C once more: now)")
        received.append(signum)

    here = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGINT, signal.SIGTERM) if here else ()
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield lambda: bool(received)
    except Stopped as stopped:
        _say_how_to_go_on(states, stopped.epochs, resume_hint)
        interrupted = received[:1] == [signal.SIGINT]
        status = Status.INTERRUPTED if interrupted else Status.TERMINATED
        raise SystemExit(int(status)) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_how_to_go_on(states: StateFile | None, epochs: int, resume_hint: str) -> None:
    if states is None or not states.exists():
        logger.warning("stopped after %d epochs; nothing of them is kept", epochs)
        return
    logger.warning("stopped; %d epochs are in %s; go on with: %s", epochs, states.path, resume_hint)
