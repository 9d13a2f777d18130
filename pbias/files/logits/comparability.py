"""Were two networks trained alike, but for pruning? What logits files keep of it, compared."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # audits start without torch
    from pbias.files.checkpoint import Checkpoint
    from pbias.files.logits import Logits

# A name says nothing of its own, runs differ in their seeds, and compiled networks are the same.
NO_DIFFERENCE = {"name", "seed", "compile"}

logger = logging.getLogger(__name__)


def training_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """For the `meta` of a logits file: how the network came about."""
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
    """Warn where the networks of two sides differ in more than pruning and seeds.

    Files that say nothing of it (other programs wrote them) are taken as alike.
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
    """What two `meta` say differently of training, each as `NAME VALUE, reference VALUE`.

    A network that was pruned after it was trained may have taken any number of epochs to it.
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
    """Other programs may put anything there."""
    part = meta.get(name)
    return part if isinstance(part, Mapping) else {}


def _title(part: str, name: str) -> str:
    return "training data" if (part, name) == ("data", "sha256") else name


def _shown(value: Any) -> str:
    """A hash by its start."""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text[:8] if len(text) == 64 else text or "(none)"
