"""Check whether logits files can be compared: runs of a model, a dense reference, training."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError, argument

if TYPE_CHECKING:  # audits start without torch
    from pbias.files.checkpoint import Checkpoint
    from pbias.files.logits import Logits

# A name means nothing by itself, runs differ in their seeds, and compiled networks are equal.
NO_DIFFERENCE = {"name", "seed", "compile"}
# Runs pruned to one sparsity have equal numbers of weights left, except for rounding by layer.
ALIKE = 1.1

logger = logging.getLogger(__name__)


def training_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the record of the network's training, for the `meta` of a logits file."""
    return {
        "model": checkpoint.model["name"],
        "model_arguments": checkpoint.model["args"],
        "recipe": checkpoint.recipe,
        "preprocess": checkpoint.preprocess,
        "data": {
            "sha256": checkpoint.data.get("sha256"),
            "where": checkpoint.data.get("where", []),
        },
        "sparsity": checkpoint.sparsity.get("reached", 0.0),
        "pruning": {k: v for k, v in checkpoint.sparsity.items() if k != "per_layer"},
        "parents": checkpoint.parents,
    }


def warn_unless_alike(audited: Sequence[Logits], references: Sequence[Logits]) -> None:
    """Warn if the networks of two sides differ in more than pruning and seeds.

    Files without a record (from other programs) are assumed to be equal.
    """
    pairs = [(ours.meta, theirs.meta) for ours in audited for theirs in references]
    found = dict.fromkeys(line for pair in pairs for line in differences(*pair))
    if found:
        logger.warning(
            "audited and reference networks differ in more than pruning, and so may what is found:"
            " %s; train both by one recipe to compare pruning alone",
            "; ".join(found),
        )


def differences(audited: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    """List the differences of training in two `meta`, each as `NAME VALUE, reference VALUE`.

    A network that was pruned after its training may have any number of epochs.
    """
    ignored = NO_DIFFERENCE | ({"epochs"} if _pruned_later(audited) else set())
    found = []
    for part in ("recipe", "preprocess", "data"):
        ours, theirs = _part(audited, part), _part(reference, part)
        found += [
            f"{_title(part, name)} {_shown(ours[name])}, reference {_shown(theirs[name])}"
            for name in ours
            if name in theirs and name not in ignored and ours[name] != theirs[name]
        ]
    for name in ("model", "model_arguments"):
        if name in audited and name in reference and audited[name] != reference[name]:
            found.append(f"{name} {audited[name]}, reference {reference[name]}")
    return found


def _pruned_later(meta: Mapping[str, Any]) -> bool:
    return bool(meta.get("parents")) and _part(meta, "pruning").get("method") == "gradual"


def _part(meta: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of the metadata as a mapping; other programs may store anything there."""
    part = meta.get(name)
    return part if isinstance(part, Mapping) else {}


def _title(part: str, name: str) -> str:
    return "training data" if (part, name) == ("data", "sha256") else name


def _shown(value: Any) -> str:
    """Shorten a hash to its start."""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:8] if len(text) == 64 else text or "(none)"


def sparsity_of(logits: Logits) -> float | None:
    """Return the sparsity that a file states, or None for an invalid or missing one."""
    found = logits.meta.get("sparsity")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        return None
    return float(found)


def check_runs(runs: Sequence[Logits], *, alone: bool = False) -> None:
    """Raise UserError for runs of several sparsities, whose mean has no meaning; warn if likely.

    `alone` means that there is no reference, and one of the runs may have been meant as such.
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
    """Warn if only some runs have thresholds; thresholds fitted to each run may differ."""
    fitted = [run.path for run in runs if calibrated(run)]
    if 0 < len(fitted) < len(runs):
        logger.warning(
            "only %d of %d runs have thresholds (%s): their mean is of neither kind",
            len(fitted), len(runs), ", ".join(fitted),
        )  # fmt: skip
    elif len({run.thresholds.tobytes() for run in runs if run.thresholds is not None}) > 1:
        logger.info("each run has thresholds of its own")


def warn_of_copies(fingerprints: Sequence[tuple[str, Hashable]]) -> None:
    """Warn about files on one side with the same logits: (path, fingerprint of the logits)."""
    first: dict[Hashable, str] = {}
    for path, fingerprint in fingerprints:
        other = first.setdefault(fingerprint, path)
        if other != path:
            logger.warning(
                "%s and %s have the same logits: they are not two runs, and intervals that take"
                " them for two are too narrow; leave one out", other, path,
            )  # fmt: skip


def warn_of_roles(audited: Sequence[Logits], references: Sequence[Logits]) -> None:
    """Warn if the reference is the pruned side, and if only one side has thresholds."""
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
    """Return whether any prediction uses a threshold other than 0."""
    return logits.thresholds is not None and bool((logits.thresholds != 0).any())
