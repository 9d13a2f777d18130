"""Text labels and decisions of a table as 0 and 1, by the values that `--positive` names."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pbias.errors import UserError, argument, did_you_mean, listed
from pbias.files.cells import canonical, in_order
from pbias.files.import_command import likely_positive
from pbias.workflows.importing.plan import Plan
from pbias.workflows.importing.source import Source
from pbias.workflows.importing.values import is_binary

LISTED = 5
EVERY = ""  # in place of a target: all of them

logger = logging.getLogger(__name__)


def coded(source: Source, plan: Plan, given: Sequence[str]) -> Source:
    """Return the table with the positive values as 1 and other known values as 0.

    `given` holds values, of all targets or of one as `TARGET=VALUE`; several values of a target are
    all positive. Columns of 0 and 1 stay as they are where another column of the target, or another
    target, holds the value. Raises UserError for values that no row holds.
    """
    if not given:
        _refuse_texts(source, plan)
        return source
    if plan.classes:
        raise UserError(
            f"{argument('positive', given[0])} is for targets of two values, but the columns are "
            f"classes; leave it out, or name the scores of one class with {argument('probability')}"
        )
    wanted = _by_target(plan, given)
    used = {target: _columns(plan, number) for number, target in enumerate(plan.targets)}
    held = {name: _known(source.columns[name]) for part in used.values() for name in part}
    for target, words in wanted.items():
        _check_held(source, words, [c for t in used if target in (EVERY, t) for c in used[t]], held)
    columns, said = dict(source.columns), []
    for target, names in used.items():
        words = wanted.get(target) or wanted.get(EVERY, [])
        texts = {value for name in names if held[name] & set(words) for value in held[name]}
        for name in names:
            if held[name] <= texts and texts:
                columns[name] = [_code(cell, words) for cell in source.columns[name]]
                said.append((name, held[name] & set(words), held[name] - set(words)))
            elif not is_binary(source.columns[name]):
                raise UserError(
                    f"{source.path}, column '{name}' holds {_few(held[name])}; "
                    f"{argument('positive')} names none of them, so repeat it with the value that "
                    "is positive there"
                )
    for name, positive, rest in said:
        logger.info(
            "%s: 1 is %s; 0 is %s", name, *(_few(part) or "nothing" for part in (positive, rest))
        )
    return replace(source, columns=columns)


def _by_target(plan: Plan, given: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the positive values of each target that has its own, and those of the others."""
    found: dict[str, list[str]] = {}
    for text in given:
        owners = [target for target in plan.targets if text.startswith(f"{target}=")]
        target = max(owners, key=len, default=EVERY)
        value = canonical(text.removeprefix(f"{target}=" if target else "").strip())
        if not value:
            raise UserError(
                f"{argument('positive', text)} names an unknown value; name the text of a positive "
                "label"
            )
        found.setdefault(target, []).append(value)
    return found


def _columns(plan: Plan, number: int) -> list[str]:
    """Return the columns of one target that hold 0 and 1 or texts: its labels, its decisions."""
    labels = [plan.labels[number]] if plan.labels else []
    return labels + ([plan.scores[number]] if plan.kind == "prediction" else [])


def _check_held(
    source: Source, words: Iterable[str], columns: Sequence[str], held: Mapping[str, set[str]]
) -> None:
    if not columns:
        raise UserError(
            f"{argument('positive')} has no effect without labels; name them with "
            f"{argument('label')}"
        )
    there = {value for column in columns for value in held[column]}
    for word in words:
        if word not in there:
            hint = did_you_mean(word, there, f"name one of {_few(there)}")
            raise UserError(
                f"{source.path}: {argument('positive')} names '{word}', which no row of "
                f"'{listed(columns, LISTED)}' holds; {hint}"
            )


def _code(cell: str, words: Sequence[str]) -> str:
    value = canonical(cell)
    return str(int(value in words)) if value else cell


def _refuse_texts(source: Source, plan: Plan) -> None:
    """Refuse labels and decisions of two texts, with the options that say which one is positive."""
    if plan.classes:
        return
    for number in range(len(plan.targets)):
        scores = None if plan.kind == "prediction" else source.columns[plan.scores[number]]
        for column in _columns(plan, number):
            values = in_order(_known(source.columns[column]))
            if len(values) != 2 or is_binary(source.columns[column]):
                continue
            first = likely_positive(source.columns[column], scores)
            other = next(value for value in values if value != first)
            target = f"{plan.targets[number]}=" if len(plan.targets) > 1 else ""
            raise UserError(
                f"{source.path}, column '{column}' holds '{values[0]}' and '{values[1]}' in place "
                f"of 0 and 1; say which one is positive: {argument('positive', target + first)}, "
                f"or {argument('positive', target + other)}"
            )


def _known(cells: Sequence[str]) -> set[str]:
    return set(map(canonical, set(cells))) - {""}


def _few(values: set[str]) -> str:
    return listed([f"'{value}'" for value in in_order(values)], LISTED)
