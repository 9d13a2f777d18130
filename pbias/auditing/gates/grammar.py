"""Gates (bounds on metrics) and their grammar.

`[abs(][change(]METRIC[)][)][@GROUP[=CONTRAST]][/ATTRIBUTE|/mean|/worst] <= NUMBER`, or
`>=`. Names that hold one of these signs stand in quotes, as `@age="<30"`. Time is linear in the
text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import known_metric
from pbias.errors import UserError

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TOKEN = re.compile(r"\w+|[()]")
# A name in quotes, which may hold any sign and doubled quotes, or one that does not begin with one.
_NAME = r'\s*"(?:[^"]|"")*"\s*|(?!\s*"){}*'
NAMES = re.compile(
    r"(?P<head>[^@/]*)"
    rf"(?:@(?P<group>{_NAME.format('[^/=]')})(?:=(?P<contrast>{_NAME.format('[^/]')}))?)?"
    rf"(?:/(?P<attribute>{_NAME.format('.')}))?",
    re.DOTALL,
)
SHOWN = 80  # characters of a text that is no gate
MEAN, WORST = "mean", "worst"
EXAMPLE = "abs(did_tpr)@Male <= 0.05"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """A parsed gate; `contrast` None means the default rows of the metric for groups."""

    text: str
    metric: Metric
    absolute: bool
    change: bool
    group: str | None
    contrast: str | None
    attribute: str | None
    at_most: bool
    bound: float


def parse_gate(text: str, example: str = EXAMPLE) -> Gate:
    """Parse a gate; raises UserError, which shows the example, for invalid text.

    Also raises UserError for unknown metrics.
    """
    parts = _split(text)
    head = None if parts is None else _read_head(parts.head)
    if parts is None or head is None:
        raise _no_gate(text, example)
    gate = Gate(
        text=text.strip(),
        metric=known_metric(head.metric),
        absolute=head.absolute,
        change=head.change,
        group=parts.group,
        contrast=parts.contrast,
        attribute=parts.attribute,
        at_most=parts.at_most,
        bound=parts.bound,
    )
    if gate.change and gate.metric.is_change:
        raise UserError(
            f"gate '{gate.text}': {gate.metric.name} is already a change; leave out change(...)"
        )
    return gate


class _Parts(NamedTuple):
    head: str
    group: str | None
    contrast: str | None
    attribute: str | None
    at_most: bool
    bound: float


class _Head(NamedTuple):
    metric: str
    absolute: bool
    change: bool


def _split(text: str) -> _Parts | None:
    """Return the parts between the signs `@`, `=`, `/` and `<=`; None if one is empty or invalid.

    The last `<=` or `>=` begins the bound. Outside of quotes a group holds no `/` or `=`, a
    contrast no `/`, and an attribute may hold anything else.
    """
    at = max(text.rfind("<="), text.rfind(">="))
    bound = text[at + 2 :].strip()
    found = NAMES.fullmatch(text[:at]) if at >= 0 else None
    if found is None or not NUMBER.fullmatch(bound):
        return None
    named = ("group", "contrast", "attribute")
    group, contrast, attribute = (_unquoted(found[name]) for name in named)
    if "" in (group, contrast, attribute):
        return None
    return _Parts(found["head"], group, contrast, attribute, text[at] == "<", float(bound))


def _unquoted(name: str | None) -> str | None:
    """Return a name without the quotes and the spaces around it.

    >>> _unquoted(' "<30 ""or"" so" '), _unquoted("18-30 ")
    ('<30 "or" so', '18-30')
    """
    if name is None:
        return None
    plain = name.strip()
    return plain[1:-1].replace('""', '"') if plain.startswith('"') else plain


def _read_head(text: str) -> _Head | None:
    """Parse `abs(change(METRIC))` or a part of it; None for anything else."""
    tokens = TOKEN.findall(text)
    if sum(map(len, tokens)) < sum(not char.isspace() for char in text):
        return None
    absolute = tokens[:2] == ["abs", "("]
    inner = tokens[2 * absolute :]
    change = inner[:2] == ["change", "("]
    metric, *closing = inner[2 * change :] or [""]
    if closing != [")"] * (absolute + change) or metric in ("", "(", ")"):
        return None
    return _Head(metric, absolute, change)


def _no_gate(text: str, example: str) -> UserError:
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    strict = re.search(r"[<>](?!=)", text)
    if (strict and len(re.findall("[<>]", text)) > 1) or '"' in text:
        hint = 'put names that hold signs in quotes, as @age="<30"; '
    else:
        hint = f"use {strict[0]}= in place of {strict[0]}; " if strict else ""
    return UserError(
        f"gate '{shown}' is not of the form METRIC@GROUP/ATTRIBUTE <= NUMBER; "
        f"{hint}for example '{example}'"
    )


def needs_reference(gate: Gate) -> bool:
    """Return whether a gate is about a change."""
    return gate.change or gate.metric.is_change


def numbers_of(gate: Gate, record: Record) -> tuple[float, float, float]:
    """Return value, low and high: of the change, or of the absolute value, if the gate says so."""
    names = ("change", "change_low", "change_high") if gate.change else ("value", "low", "high")
    value, low, high = (record[name] for name in names)
    if not gate.absolute:
        return value, low, high
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return abs(value), nearest, max(abs(low), abs(high))
