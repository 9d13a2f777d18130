"""Guess the command that imports a table of predictions from its columns, for messages.

A guess is only shown: whoever runs it sees which columns it names.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pbias.files.cells import BINARY, canonical, is_unknown_text

SAMPLE = 1 << 16  # bytes of a file to inspect
SEPARATORS = ",;\t|"
_NUMBER = re.compile(r"[+-]?\d*[.,]?\d+(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
MAX_VALUES = 20  # of a column that may be a group
IDS = ("image", "id", "image_id", "sample_id", "filename", "file", "path", "name", "sample", "uuid")
# Words in column names, in the order in which they decide.
KINDS = {
    "logit": ("logit", "logits", "z"),
    "probability": ("probability", "prob", "proba", "p", "score", "confidence", "conf"),
    "prediction": ("prediction", "pred", "predicted", "hat", "top1", "argmax"),
}
LABELS = (
    "label",
    "labels",
    "true",
    "truth",
    "gt",
    "target",
    "actual",
    "class",
    "y",
    "diagnosis",
    "outcome",
)
LABEL_PATTERNS = ("{}", "label_{}", "{}_label", "y_{}", "{}_true", "true_{}", "gt_{}")

Columns = Mapping[str, Sequence[str]]


def command_of_bytes(path: str, data: bytes) -> str:
    """Return the command for a CSV file, or "" if no column seems to contain predictions.

    `data` are its first bytes, `path` is the name of the file as given.
    """
    text = data[:SAMPLE].decode("utf-8-sig", "replace")
    lines = text.splitlines()[: None if len(data) < SAMPLE else -1]
    sep = max(SEPARATORS, key=lines[0].count) if lines else ","
    try:
        header, *rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=sep)
    except (csv.Error, ValueError):
        return ""
    whole = [[cell.strip() for cell in row] for row in rows if len(row) == len(header)]
    names = [name.strip() for name in header]
    cells = zip(*whole, strict=True) if whole else ([] for _ in names)
    return import_command(path, dict(zip(names, map(list, cells), strict=True)), sep)


def import_command(path: str, columns: Columns, sep: str = ",", output: str = "") -> str:
    """Return the command for a table with these columns, or "" if none contains predictions.

    >>> table = {"id": ["a", "b"], "label": ["0", "1"], "p": ["0.2", "0.9"]}
    >>> import_command("v1.csv", table)
    'pbias import table v1.csv --id id --label label --probability p -o v1.npz'
    """
    named = {name: cells for name, cells in columns.items() if name}
    identity = next((n for word in IDS for n in named if n.casefold() == word), None)
    rest = {name: cells for name, cells in named.items() if name != identity}
    found = _several(rest) or _single(rest)
    if found is None:
        return ""
    kind, score, label, used = found
    options = {"id": identity, "label": label, kind: score}
    if kind != "prediction" and label in rest and score in rest and _holds_two_texts(rest[label]):
        options["positive"] = likely_positive(rest[label], rest[score])
    options["groups"] = ",".join(n for n in rest if n not in used and _is_group(n, rest[n])) or None
    if sep != ",":
        options["sep"] = "\\t" if sep == "\t" else sep
    if any(re.fullmatch(r"[+-]?\d*,\d+", cell) for name in used for cell in rest[name]):
        options["decimal"] = ","
    if not output:
        output = "logits.npz" if path == "-" else f"{Path(path).stem}.npz"
    words = ["pbias", "import", "table", path]
    words += [w for name, value in options.items() if value for w in (f"--{name}", value)]
    return shlex.join([*words, "-o", output])


def likely_positive(labels: Sequence[str], scores: Sequence[str] | None) -> str:
    """Return the value of a column of texts with the highest mean score, or the rarest value.

    >>> likely_positive(["ill", "well", "ill"], ["0.9", "0.2", "0.7"])
    'ill'
    >>> likely_positive(["ill", "well", "ill"], None)
    'well'
    """
    sums: dict[str, list[float]] = {}
    for label, score in zip(labels, scores or ["0"] * len(labels), strict=True):
        number = _NUMBER.fullmatch(score)
        if number and not is_unknown_text(label):
            sums.setdefault(canonical(label), []).append(float(score.replace(",", ".")))
    return max(sorted(sums), key=lambda v: (sum(sums[v]) / len(sums[v]), -len(sums[v])), default="")


Found = tuple[str, str, str | None, set[str]]  # kind, scores, labels, columns used


def _several(columns: Columns) -> Found | None:
    """Return scores of several targets or classes: columns whose names differ in one part."""
    patterns: dict[tuple[str, str], list[str]] = {}
    for name in columns:
        for kind, words in KINDS.items():
            either = "|".join(words)
            front = re.fullmatch(rf"((?:{either})[_. -])(.+)", name, re.IGNORECASE)
            back = re.fullmatch(rf"(.+)([_. -](?:{either}))", name, re.IGNORECASE)
            if front and front[2].casefold() not in LABELS:
                patterns.setdefault((kind, front[1] + "{}"), []).append(front[2])
            elif back and back[1].casefold() not in LABELS:
                patterns.setdefault((kind, "{}" + back[2]), []).append(back[1])
    for (kind, score), parts in sorted(patterns.items(), key=lambda item: -len(item[1])):
        scores = {score.replace("{}", part) for part in parts}
        for label in LABEL_PATTERNS:
            labels = {label.replace("{}", part) for part in parts}
            if labels <= columns.keys() - scores:
                used = scores | labels
                kind = _by_values(kind, [columns[name] for name in scores])
                return kind, score.replace("{}", "{target}"), label.replace("{}", "{target}"), used
        classes = _of_classes(columns, scores, parts) or _label(columns, scores)
        if len(parts) > 1 and classes and kind != "prediction":
            kind = _by_values(kind, [columns[name] for name in scores])
            return kind, score.replace("{}", "{class}"), classes, scores | {classes}
    return None


def _single(columns: Columns) -> Found | None:
    """Return one column of scores, and one of labels if there is any."""
    for kind, words in KINDS.items():
        for name in columns:
            if _words(name) & set(words):
                label = _label(columns, {name}) or _like_predictions(columns)
                used = {name} | ({label} if label else set())
                return _by_values(kind, [columns[name]]), name, label, used
    return None


def _label(columns: Columns, used: set[str]) -> str | None:
    """Return the column that seems to contain the labels, or else the only one of 0 and 1."""
    scored = {word for words in KINDS.values() for word in words}
    free = [name for name in columns if name not in used and not _words(name) & scored]
    named = [name for name in free if _words(name) & set(LABELS)]
    binary = [name for name in free if _is_binary(columns[name])]
    return named[0] if named else binary[0] if len(binary) == 1 else None


def _of_classes(columns: Columns, used: set[str], classes: Sequence[str]) -> str | None:
    """Return the column that contains only names of classes."""
    for name, cells in columns.items():
        known = {cell for cell in cells if not is_unknown_text(cell)}
        if name not in used and known and known <= set(classes):
            return name
    return None


def _like_predictions(columns: Columns) -> str | None:
    """Return the column that holds texts as one of predictions does."""
    for name, cells in columns.items():
        if _is_prediction(name) and _holds_two_texts(cells):
            return _of_classes(columns, {name}, cells)
    return None


def _by_values(kind: str, columns: Iterable[Sequence[str]]) -> str:
    """Return the kind of scores, which is `logit` if a probability would be below 0."""
    below = any(cell.startswith("-") for cells in columns for cell in cells)
    return "logit" if kind == "probability" and below else kind


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.casefold()))


def _is_binary(cells: Sequence[str]) -> bool:
    known = {cell.casefold() for cell in cells if not is_unknown_text(cell)}
    return len(known) > 1 and known <= BINARY.keys() | {"true", "false"}


def _is_prediction(name: str) -> bool:
    return bool(_words(name) & set(KINDS["prediction"]))


def _holds_two_texts(cells: Sequence[str]) -> bool:
    known = {canonical(cell) for cell in cells} - {""}
    return len(known) == 2 and not _is_binary(cells)


def _is_group(name: str, cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if not is_unknown_text(cell)]
    num = len(set(known))
    few = 1 < num <= MAX_VALUES and 2 * num <= len(known)
    return few and name != "split" and "," not in name and not _is_prediction(name)
