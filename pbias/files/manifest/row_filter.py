"""Filter the rows of a manifest by conditions on its columns."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from pbias.errors import UserError
from pbias.files.cells import canonical
from pbias.files.manifest import Manifest
from pbias.files.manifest.parsing import columns_there

LISTED = 10

logger = logging.getLogger(__name__)


def keep_where(manifest: Manifest, conditions: Sequence[str]) -> Manifest:
    """Keep only the training and validation rows for which all conditions hold.

    A condition is `COLUMN=VALUE`. Other rows keep their positions, but belong to no split; rows of
    the test split stay. Raises UserError for an unknown column or value, and if no training row is
    left.
    """
    if not conditions:
        return manifest
    held = [_holds(manifest, condition) for condition in conditions]
    splits = [
        split if split == "test" or all(row) else ""
        for split, row in zip(manifest.splits, zip(*held, strict=True), strict=True)
    ]
    asked = " and ".join(conditions)
    if "train" not in splits:
        raise UserError(f"{manifest.path}: no training row matches {asked}; relax the condition")
    for split in ("train", "valid"):
        logger.info(
            "%s: %s of %s rows of split %s are left",
            *(asked, f"{splits.count(split):,}", f"{manifest.splits.count(split):,}", split),
        )
    return dataclasses.replace(manifest, splits=splits)


def _holds(manifest: Manifest, condition: str) -> list[bool]:
    """Return, row by row, whether a condition holds."""
    column, equals, value = condition.partition("=")
    if not equals:
        raise UserError(f"--where {condition} is not a condition; write COLUMN=VALUE, as in Male=1")
    if column not in manifest.columns:
        hint = columns_there(column, list(manifest.columns))
        raise UserError(f"{manifest.path} has no column '{column}'{hint}; correct the name")
    holds = {cell: canonical(cell) == canonical(value) for cell in set(manifest.columns[column])}
    if not any(holds.values()):
        listed = ", ".join(sorted(cell or "(empty)" for cell in holds)[:LISTED])
        raise UserError(
            f"{manifest.path}, column '{column}' holds no '{value}' (but {listed}"
            f"{', ...' if len(holds) > LISTED else ''}); correct --where {condition}"
        )
    return [holds[cell] for cell in manifest.columns[column]]
