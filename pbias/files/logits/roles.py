"""Are several files runs of one model, and is the reference the dense one? What they say of it."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument

if TYPE_CHECKING:
    from pbias.files.logits import Logits

# Runs pruned to one sparsity have as many weights left, but for rounding by layer.
ALIKE = 1.1

logger = logging.getLogger(__name__)


def sparsity_of(logits: Logits) -> float | None:
    """What a file says, for it may come from anywhere: a share of zeros, or nothing."""
    found = logits.meta.get("sparsity")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        return None
    return float(found)


def check_runs(runs: Sequence[Logits], *, alone: bool = False) -> None:
    """Refuse runs of several sparsities, of which a mean says nothing; warn of what may be those.

    `alone`: there is no reference, and one of the runs may have been meant as such.
    """
    known = [(sparsity, run.path) for run in runs if (sparsity := sparsity_of(run)) is not None]
    if known:
        (low, densest), (high, _) = min(known), max(known)
        if (1 - low) > ALIKE * (1 - high):
            told = ", ".join(f"{sparsity:g}" for sparsity in sorted({s for s, _ in known}))
            hint = f"did you mean {argument('reference', densest)}?"
            meant = hint if alone else "name runs of one sparsity"
            raise UserError(f"the runs differ in sparsity ({told}); {meant}")
    if 0 < len(known) < len(runs):
        unknown = [run.path for run in runs if sparsity_of(run) is None]
        others = f", others go to {argument('reference')}"
        logger.warning(
            "%s: sparsity unknown, %g in the other runs; files of one side must be runs of one"
            " model%s", ", ".join(unknown), known[0][0], others if alone else "",
        )  # fmt: skip
    _compare_thresholds(runs)


def _compare_thresholds(runs: Sequence[Logits]) -> None:
    """Thresholds fitted to each run differ by right; with some runs at 0 the mean is of neither."""
    fitted = [run.path for run in runs if calibrated(run)]
    if 0 < len(fitted) < len(runs):
        logger.warning(
            "only %d of %d runs have thresholds (%s): their mean is of neither kind",
            len(fitted), len(runs), ", ".join(fitted),
        )  # fmt: skip
    elif len({run.thresholds.tobytes() for run in runs if run.thresholds is not None}) > 1:
        logger.info("each run has thresholds of its own")


def warn_of_copies(fingerprints: Sequence[tuple[str, Hashable]]) -> None:
    """Warn of files, of one side, with the same logits: (path, fingerprint of the logits)."""
    first: dict[Hashable, str] = {}
    for path, fingerprint in fingerprints:
        other = first.setdefault(fingerprint, path)
        if other != path:
            logger.warning(
                "%s and %s have the same logits: they are not two runs, and intervals that take"
                " them for two are too narrow; leave one out", other, path,
            )  # fmt: skip


def warn_of_roles(audited: Sequence[Logits], references: Sequence[Logits]) -> None:
    """Warn where the reference is the pruned side, and where one side alone has thresholds."""
    ours, theirs = (
        [s for run in side if (s := sparsity_of(run)) is not None] for side in (audited, references)
    )
    if ours and theirs and min(theirs) > max(ours):
        logger.warning(
            "the reference is sparser (%g) than the audited model (%g); swapped?",
            min(theirs), max(ours),
        )  # fmt: skip
    fitted = [any(calibrated(run) for run in side) for side in (audited, references)]
    if audited and references and fitted[0] != fitted[1]:
        which = "audited" if fitted[0] else "reference"
        logger.warning(
            "only the %s side has thresholds: the change holds calibration and pruning; calibrate"
            " both", which,
        )  # fmt: skip


def calibrated(logits: Logits) -> bool:
    """Whether any prediction is made at another threshold than 0."""
    return logits.thresholds is not None and bool((logits.thresholds != 0).any())
