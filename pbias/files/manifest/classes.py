"""Expand one column of class names or numbers to a column of 0 and 1 for each class."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from pbias.errors import UserError
from pbias.files.cells import canonical, in_order
from pbias.files.manifest.parsing import Manifest, columns_there

LISTED = 5

logger = logging.getLogger(__name__)


def expand_classes(
    manifest: Manifest,
    column: str,
    outputs: Sequence[str] | None = None,
    num_outputs: int | None = None,
) -> tuple[Manifest, list[str]]:
    """Return the manifest with a column of 0 and 1 for each class, and the classes in order.

    Classes are sorted by name, or by number if all cells are whole numbers. If `outputs` is given,
    it names the classes of a network in its order: a cell is one of these names, or, if no cell is
    a name, its number from 0. Without names, the number of classes must equal the network's
    `num_outputs`, and numbers stand for its outputs. Empty cells, `nan` and -1 are an unknown
    class. So is, with a warning, a class that the network lacks. Raises UserError for a column that
    cannot be used.
    """
    if column not in manifest.columns:
        hint = columns_there(column, list(manifest.columns))
        raise UserError(f"{manifest.path} has no column '{column}'{hint}; fix --classes")
    cells = [canonical(cell) for cell in manifest.columns[column]]
    found = in_order(set(cells) - {""})
    names = _names(manifest.path, column, found, outputs, num_outputs)
    classes = list(dict.fromkeys(names.values())) if outputs is None else list(outputs)
    _check(manifest, column, classes)
    known = [names.get(cell, "") for cell in cells]
    one_hot = {name: ["" if not cell else "01"[cell == name] for cell in known] for name in classes}
    attributes = [name for name in manifest.attributes if name != column]
    columns = {**manifest.columns, **one_hot}
    expanded = dataclasses.replace(manifest, columns=columns, attributes=[*attributes, *classes])
    return expanded, classes


def _names(
    path: str,
    column: str,
    found: Sequence[str],
    outputs: Sequence[str] | None,
    num_outputs: int | None,
) -> dict[str, str]:
    """Return the class of each known cell."""
    numbered = all(cell.isdecimal() for cell in found)
    num = len(outputs) if outputs is not None else num_outputs
    if outputs is not None and set(found) & set(outputs):
        strange = [cell for cell in found if cell not in outputs]
        if strange:
            logger.warning(
                "%s, column '%s': %d classes are not among the network's, taken as unknown: %s",
                *(path, column, len(strange), ", ".join(strange[:LISTED])),
            )
        return {name: name for name in outputs}
    if num is not None and numbered and found:
        if int(found[-1]) >= num:
            raise UserError(
                f"{path}, column '{column}' holds class {found[-1]} but the network has {num} "
                f"outputs, which are classes 0 to {num - 1}; is it for another network?"
            )
        names = outputs or [str(index) for index in range(num)]
        return {str(index): name for index, name in enumerate(names)}
    if outputs is not None:
        raise UserError(
            f"{path}, column '{column}' holds {', '.join(found[:LISTED]) or 'nothing'}, and none "
            f"of the network's classes ({', '.join(outputs[:LISTED])}); use the same names"
        )
    if num is not None and len(found) != num:
        raise UserError(
            f"{path}, column '{column}' holds {len(found)} classes but the network has {num} "
            "outputs; name the class of each output with --targets"
        )
    return {name: name for name in found}


def _check(manifest: Manifest, column: str, classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise UserError(
            f"{manifest.path}, column '{column}' holds {len(classes)} classes; there must be 2"
        )
    taken = [name for name in classes if name in manifest.columns]
    if taken:
        raise UserError(
            f"{manifest.path}: class '{taken[0]}' of column '{column}' has the name of another "
            "column; rename one of them"
        )
