"""Columns of a manifest that were meant as labels: misspelt, or 0 and 1 but for a few cells.

A label that is not found is unknown, and a metric or gate of it then silently has nothing to say.
"""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from pbias.errors import UserError

ALIKE = 0.85  # more would miss "Smilling", less takes "Brown_Hair" for "Blond_Hair"
MAX_OTHER = 0.05  # share of the rows

logger = logging.getLogger(__name__)


def refuse_misspelt(
    path: str,
    columns: Collection[str],
    attributes: Sequence[str],
    targets: Sequence[str],
    wanted: Collection[str],
) -> None:
    """Refuse a target without a column where a column that nobody wants is called nearly so.

    That is any column that differs in case, spaces and underscores alone, or an attribute that is
    spelt alike.
    """
    plain = {_plain(name): name for name in columns if name not in wanted}
    spare = {_plain(name): name for name in attributes if name not in wanted}
    for target in targets:
        if target in columns:
            continue
        near = difflib.get_close_matches(_plain(target), spare, 1, ALIKE)
        meant = plain.get(_plain(target)) or (spare[near[0]] if near else None)
        if meant is not None:
            raise UserError(
                f"{path} has no column '{target}', which the network predicts; did you mean "
                f"'{meant}'? rename that column"
            )


def warn_of_almost(
    path: str, columns: Mapping[str, Sequence[str]], binary: Collection[str], known: Collection[str]
) -> None:
    """Warn of columns, but the `known` ones, of 0 and 1 that a few other cells keep from targets.

    `binary` are the cells of targets.
    """
    for name in columns:
        if name in known:
            continue
        counts = Counter(columns[name])
        other = [cell for cell in counts if cell not in binary]
        num_other = sum(counts[cell] for cell in other)
        if counts["0"] and counts["1"] and 0 < num_other <= MAX_OTHER * len(columns[name]):
            logger.warning(
                "%s: column '%s' is no target, for %d of its cells are neither 0 nor 1 (such as "
                "'%s'); mend them, or name the targets with --targets",
                *(path, name, num_other, other[0]),
            )


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
