"""One-shot pruning for `pbias prune`: no training, at most new batch-norm statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from pbias.files.checkpoint import Checkpoint, save_checkpoint
from pbias.models.network_files import network
from pbias.pruning.method import Method
from pbias.pruning.one_shot import prune_at_once, pruned_checkpoint, report
from pbias.pruning.schedule import Ramp

if TYPE_CHECKING:
    from pbias.cli.batch_norm import Reestimation


@dataclasses.dataclass(frozen=True)
class OneShot:
    """How to prune without training."""

    method: Method
    shape: str
    num_steps: int
    reestimation: Reestimation | None

    def sparsities(self, target: float) -> list[float]:
        """One for each step, the last the target."""
        if self.num_steps == 1:
            return [target]
        ramp = Ramp(self.shape, range(self.num_steps))
        ramp.announce(target)
        return list(ramp.schedule(target).values())

    def record(self) -> dict[str, Any]:
        """For a checkpoint."""
        steps = {"schedule": self.shape, "steps": self.num_steps} if self.num_steps > 1 else {}
        return {"method": "one-shot", **steps}


def prune_and_save(
    parent: Checkpoint,
    model: nn.Module,
    jobs: Sequence[tuple[float, str]],
    how: OneShot,
    *,
    packed: bool,
) -> None:
    """Prune the checkpoint's network to each sparsity, always from its weights; write the files."""
    for sparsity, path in jobs:
        if len(jobs) > 1:
            weights = {name: tensor.clone() for name, tensor in parent.state_dict.items()}
            model = network(dataclasses.replace(parent, state_dict=weights))
        prune_at_once(parent, model, how.method, how.sparsities(sparsity))
        record = how.record() | (how.reestimation.apply(model) if how.reestimation else {})
        child, counts = pruned_checkpoint(parent, model, how.method, sparsity, record, device="cpu")
        save_checkpoint(child, path, packed=packed)
        report(child, counts, path)
