"""Find the columns of a table that contain the scores and labels of each target or class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pbias.errors import UserError, argument, did_you_mean, first_repeated, listed
from pbias.files.cells import canonical, in_order
from pbias.workflows.importing.source import Source
from pbias.workflows.importing.values import is_binary

TARGET, CLASS = "{target}", "{class}"
KINDS = ("probability", "logit", "prediction")
LISTED = 5
MIN_CLASSES = 2


@dataclass(frozen=True)
class Plan:
    """The columns from which a table is converted to logits.

    `scores` are the columns of the targets in their order; or one column of predicted classes, if
    `kind` is "prediction" and `classes` is set. `labels` are the columns of the labels, one for
    each target; one column of class names or numbers if `classes` is set; empty if the table has no
    labels.
    """

    kind: str
    targets: tuple[str, ...]
    scores: tuple[str, ...]
    labels: tuple[str, ...] = ()
    classes: bool = False

    @property
    def class_labels(self) -> bool:
        """Whether one column contains the class of each row."""
        return self.classes and len(self.labels) == 1


def make_plan(
    source: Source,
    kind: str,
    score: str,
    label: str | None,
    targets: Sequence[str] | None,
    *,
    binary: bool = False,
) -> Plan:
    """Find the columns that `score` and `label` name, for `targets` if they are given.

    Either names one column, or many with `{target}` or `{class}` in place of a name. `binary`: one
    column of predictions is of a target, whatever it holds. Raises UserError for columns that are
    not there and for names that do not go together.
    """
    if targets is not None and (twice := first_repeated(targets)) is not None:
        raise UserError(f"{argument('targets')} names '{twice}' twice; name each one once")
    mark = next((mark for mark in (TARGET, CLASS) if mark in score), None)
    if mark is None:
        return _plain(source, kind, score, label, targets, binary=binary)
    if mark == CLASS and kind == "prediction":
        raise UserError(
            f"{argument('prediction', score)} has a column for each class; name the one column of "
            "the predicted class"
        )
    scores = _matching(source, kind, score, mark, targets)
    names = tuple(scores)
    if label is None or mark in label:
        labels = () if label is None else _labels(source, label, mark, names)
    elif mark == CLASS:
        source.cells(label, "label")
        labels = (label,)
    else:
        raise UserError(
            f"{argument('label', label)} is one column but {argument(kind, score)} has one for "
            f"each target; write {TARGET} in place of the target in both, or {CLASS} in "
            f"{argument(kind)} if the columns are classes"
        )
    if mark == CLASS and len(names) < MIN_CLASSES:
        raise UserError(f"{argument(kind, score)} matches one column of {source.path}; name two")
    return Plan(kind, names, tuple(scores.values()), labels, classes=mark == CLASS)


def _plain(
    source: Source,
    kind: str,
    score: str,
    label: str | None,
    targets: Sequence[str] | None,
    *,
    binary: bool,
) -> Plan:
    """Return one column of scores: for one binary target, or the predicted class."""
    if label is not None and (TARGET in label or CLASS in label):
        raise UserError(
            f"{argument('label', label)} stands for several columns but {argument(kind, score)} "
            f"is one; write {TARGET} in both"
        )
    cells = source.cells(score, kind)
    known = [] if label is None else source.cells(label, "label")
    labels = () if label is None else (label,)
    several = targets is not None and len(targets) >= MIN_CLASSES
    binary = binary or (is_binary(cells) and is_binary(known))
    if kind == "prediction" and (several or not binary):
        names = _classes(source, score, label, targets)
        return Plan(kind, names, (score,), labels, classes=True)
    if several:
        raise UserError(
            f"{argument('targets')} names {len(targets or ())} targets but {argument(kind, score)} "
            f"is one column; write {TARGET} or {CLASS} in its name"
        )
    return Plan(kind, (targets[0] if targets else label or score,), (score,), labels)


def _classes(
    source: Source, score: str, label: str | None, targets: Sequence[str] | None
) -> tuple[str, ...]:
    """Return the classes in a column of predicted classes and one of labels, in order."""
    if targets is not None:
        return tuple(targets)
    predicted, known = (
        {canonical(cell) for cell in source.columns[column]} - {""} if column else set()
        for column in (score, label)
    )
    numbered = [bool(found) and all(map(str.isdecimal, found)) for found in (predicted, known)]
    if label is not None and known and numbered[0] != numbered[1]:
        raise UserError(
            f"{source.path}: column '{score}' holds {_few(predicted)} and '{label}' {_few(known)}, "
            "class names in one and numbers in the other; list the classes in the order of their "
            f"numbers with {argument('targets')}"
        )
    names = tuple(in_order(predicted | known))
    if len(names) < MIN_CLASSES:
        raise UserError(
            f"{source.path}: the columns of classes hold {_few(names) or 'nothing'}; name all "
            f"classes with {argument('targets')}"
        )
    return names


def _few(values: Sequence[str] | set[str]) -> str:
    return listed(in_order(set(values)), LISTED)


def _matching(
    source: Source, kind: str, pattern: str, mark: str, wanted: Sequence[str] | None
) -> dict[str, str]:
    """Return the columns that a pattern matches, by the text in place of the mark."""
    before, _, after = pattern.partition(mark)
    found = {
        column.removeprefix(before).removesuffix(after): column
        for column in source.columns
        if column.startswith(before)
        and column.endswith(after)
        and len(column) > len(before) + len(after)
    }
    if not found:
        raise UserError(
            f"{source.path} has no column like {argument(kind, pattern)}; its columns are "
            f"{source.listed()}"
        )
    if wanted is None:
        return found
    if mark == CLASS and set(found) == {str(number) for number in range(len(wanted))}:
        return {name: found[str(number)] for number, name in enumerate(wanted)}
    for name in wanted:
        if name not in found:
            there = ", ".join(list(found.values())[:LISTED])
            hint = did_you_mean(name, found, f"there are {there}")
            raise UserError(
                f"{source.path} has no column '{before}{name}{after}' for '{name}'; {hint}"
            )
    return {name: found[name] for name in wanted}


def _labels(source: Source, pattern: str, mark: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the label column of each target; UserError if one is missing."""
    columns = tuple(pattern.replace(mark, name) for name in names)
    for name, column in zip(names, columns, strict=True):
        if column not in source.columns:
            raise UserError(
                f"{source.path} has no column '{column}' for the labels of '{name}'; add it, or "
                f"choose other targets with {argument('targets')}"
            )
    return columns
