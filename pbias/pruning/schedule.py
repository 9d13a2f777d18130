"""How sparsity rises over epochs."""

from __future__ import annotations

from pbias.errors import UserError

INITIAL_SPARSITY = 0.05  # paper.md, "initial -> target sparsity"
POWERS = {"cubic": 3, "linear": 1, "constant": 0}


def sparsities(shape: str, initial: float, target: float, epochs: range) -> dict[int, float]:
    """The sparsity to prune to at the start of each of `epochs`; the last is exactly `target`.

    Step j of J: `target - (target - initial) (1 - j/(J-1))^p`, with p = 3 for `cubic`, 1 for
    `linear`; `constant` prunes to the target at once. A single step prunes to the target.
    Source: paper.md, "Set-up" (cubic: Zhu and Gupta, 2017), but for its last step.

    >>> sparsities("cubic", 0.0, 0.5, range(0, 9, 4))
    {0: 0.0, 4: 0.4375, 8: 0.5}
    """
    if shape not in POWERS:
        raise UserError(f"unknown pruning schedule {shape!r}; choose one of {', '.join(POWERS)}")
    assert 0 <= initial <= target < 1
    assert len(epochs) > 0
    last = len(epochs) - 1
    schedule = {}
    for step, epoch in enumerate(epochs):
        left = (1 - step / last) ** POWERS[shape] if step < last and POWERS[shape] else 0.0
        schedule[epoch] = target - (target - initial) * left
    return schedule


def pruning_epochs(num_epochs: int, num_steps: int | None = None) -> range:
    """One step an epoch from the first epoch on; by default six tenths of the epochs prune.

    The others recover at the target. Raises UserError where the epochs are too few.
    """
    if num_steps is None:
        num_steps = max(1, round(0.6 * num_epochs))
    if not 1 <= num_steps <= num_epochs:
        raise UserError(
            f"{num_steps} pruning steps do not fit into {num_epochs} epochs, one step an epoch;"
            " raise --epochs or lower --steps"
        )
    return range(num_steps)
