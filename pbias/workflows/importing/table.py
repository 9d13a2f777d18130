"""Import a table of predictions, CSV or Parquet, as a logits file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pbias.errors import UserError, argument, first_repeated
from pbias.files.cells import UNKNOWN, canonical
from pbias.files.import_command import import_command
from pbias.files.logits import Logits, write_logits
from pbias.files.logits.coding import cluster_names, group_codes
from pbias.files.provenance import environment
from pbias.files.streams import check_inputs, check_output
from pbias.workflows.importing.decoding import decode
from pbias.workflows.importing.plan import KINDS, make_plan
from pbias.workflows.importing.positive import coded
from pbias.workflows.importing.source import Source, read_source
from pbias.workflows.runs.options import Names
from pbias.workflows.runs.values import each, names, text_or_none

ARGUMENTS = ("id", "label", *KINDS, "positive", "cluster", "threshold")
IDS = ("image", "id", "image_id", "sample_id", "filename")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableOptions:
    """The roles of a table's columns; the options of `pbias import table`.

    Exactly one of `probability`, `logit` and `prediction` names the scores. These and `label` name
    one column, or one for each name with `{target}` or `{class}` in place of it. `positive` names
    the text or texts that mean 1 in labels and predictions; `TARGET=VALUE` is for one of several
    targets. `threshold` is on the scale of the scores. `sep` and `decimal` are those of pandas.
    """

    id: str | None = None
    label: str | None = None
    probability: str | None = None
    logit: str | None = None
    prediction: str | None = None
    positive: Names | None = None
    targets: Names | None = None
    groups: Names | None = None
    cluster: str | None = None
    threshold: float | None = None
    sep: str = ","
    decimal: str = "."
    no_clobber: bool = False


def import_table(
    table: str | Path,
    output: str | Path | None = None,
    options: TableOptions | None = None,
    **changes: Any,
) -> Logits:
    """Convert a table of predictions to logits; return them, and write them to `output`.

    Pass options as fields of TableOptions or as keywords, for example
    `import_table("v1.csv", label="smiling", probability="p")`. Raises UserError for invalid tables
    and options.
    """
    o, path = replace(options or TableOptions(), **changes), str(table)
    if output is not None:
        check_output(str(output), [path], no_clobber=o.no_clobber)
    check_inputs([path])
    if len(o.decimal) != 1:
        raise UserError(f"{argument('decimal')} is {o.decimal!r}; give one character, '.' or ','")
    source = read_source(path, o.sep)
    kind, score = _score(source, path, o, text_or_none(output))
    positive = each(o.positive)
    plan = make_plan(source, kind, score, o.label, names(o.targets), binary=bool(positive))
    decoded = decode(coded(source, plan, positive), plan, o.threshold, o.decimal)
    logits = _with_samples(decoded, source, o)
    _say(logits, source)
    if plan.kind == "prediction" and plan.classes and len(plan.targets) == 2 and not o.targets:
        logger.info(
            "%s are read as two classes; to make one of them the positive value of one target, add "
            "%s or %s", " and ".join(plan.targets),
            *(argument("positive", name) for name in plan.targets),
        )  # fmt: skip
    if output is not None:
        write_logits(logits, str(output))
    return logits


def _score(source: Source, path: str, o: TableOptions, output: str | None) -> tuple[str, str]:
    """Return the single option that names the scores, and its value."""
    given = {kind: value for kind in KINDS if (value := getattr(o, kind)) is not None}
    if len(given) == 1:
        return next(iter(given.items()))
    options = ", ".join(map(argument, KINDS))
    if given:
        raise UserError(f"{' and '.join(map(argument, given))} are given; choose one of {options}")
    command = import_command(path, source.columns, o.sep, output or "")
    hint = f"try: {command}" if command else f"it has the columns {source.listed()}"
    raise UserError(
        f"{source.path}: the column of the scores is not given; name it with {options}; {hint}"
    )


def _with_samples(logits: Logits, source: Source, o: TableOptions) -> Logits:
    """Add ids, groups and clusters, and a record of how the file was made."""
    column = o.id or next((name for name in IDS if name in source.columns), None)
    ids = None if column is None else _ids(source, column)
    wanted = names(o.groups) or []
    codes, group_values = group_codes(
        source.path, {name: np.array(source.cells(name, "groups")) for name in wanted}, len(source)
    )
    clusters = None if o.cluster is None else cluster_names(source.cells(o.cluster, "cluster"))
    columns = {name: getattr(o, name) for name in ARGUMENTS}
    return replace(
        logits,
        ids=ids,
        groups=codes,
        group_names=tuple(wanted),
        group_values=group_values,
        clusters=clusters,
        meta={
            **logits.meta,
            "environment": environment("cpu"),
            "sha256": {"table": source.sha256},
            "arguments": {name: value for name, value in columns.items() if value is not None},
        },
    )


def _ids(source: Source, column: str) -> NDArray[np.str_]:
    cells = [canonical(cell) for cell in source.cells(column, "id")]
    if "" in cells:
        raise UserError(f"{source.where(cells.index(''), column)} is empty; give every row an id")
    twice = first_repeated(cells)
    if twice is not None:
        num = len(cells) - len(set(cells))
        raise UserError(
            f"{source.path}, column '{column}': id '{twice}' occurs more than once ({num} rows are "
            "repeats); keep one row per id, or name another column"
        )
    return np.array(cells)


def _say(logits: Logits, source: Source) -> None:
    """Log what was read, and what may be missing."""
    known = int((logits.labels != UNKNOWN).any(axis=1).sum())
    what = "classes" if logits.activation == "softmax" else "targets"
    logger.info(
        "rows: %d (with a label: %d), %s: %d", len(logits), known, what, len(logits.targets)
    )
    if not known:
        logger.warning(
            "%s: no label is known, so that whatever needs labels will be undefined; name their "
            "column with %s", source.path, argument("label"),
        )  # fmt: skip
    if logits.ids is None:
        logger.warning(
            "%s: no column of ids is named, so that files are joined by position; name one with %s",
            source.path, argument("id"),
        )  # fmt: skip
    splits = set(source.columns.get("split", ())) - {""}
    if len(splits) > 1 and "train" in splits:
        logger.warning(
            "%s has rows of the splits %s, and all are imported; take out those trained on",
            source.path, ", ".join(sorted(splits)),
        )  # fmt: skip
