"""The schema of a checkpoint's metadata, checked when a file is read.

Commands rely on it: no later code checks the type of a value. Values that the schema does not name
may be any plain value: None, numbers, text, and lists and dicts of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

MAX_DEPTH = 20  # nesting of lists and dicts
MAX_WHOLE = 2**53  # floats cannot distinguish larger whole numbers
MAX_SEED = 2**63 - 1
MAX_CROP = 2048  # pixels; side of a network's input
MAX_SIZE = 2 * MAX_CROP  # of the short side before cropping
MAX_SHOWN = 60
PLAIN = "None, a number, text, or a list or dict of them"


class Rule(NamedTuple):
    """The requirement on a value, in words, and the test of it."""

    words: str
    holds: Callable[[Any], bool]


class Fault(NamedTuple):
    """An invalid value: its dotted name, the value, and what was expected."""

    name: str
    value: object
    words: str

    @property
    def shown(self) -> str:
        """The value for a message: short values in full, others by their type."""
        if self.value is None or isinstance(self.value, str | bool | int | float | list | dict):
            short = not isinstance(self.value, int) or abs(self.value) < 10**20
            empty = isinstance(self.value, list | dict) and self.value
            if short and not empty and len(text := repr(self.value)) < MAX_SHOWN:
                return text
        return f"a {type(self.value).__name__}"


def find_fault(metadata: Mapping[str, Any]) -> Fault | None:
    """Return the first value that violates the schema; None if there is none.

    `metadata` contains the fields of a checkpoint except its tensors. Loops and deep nesting are
    found before any other code walks the values.
    """
    for name, value in metadata.items():
        fault = _not_plain(value, name, 0) or _broken(value, name)
        if fault:
            return fault
    return None


def _not_plain(value: object, name: str, depth: int) -> Fault | None:
    """Return a value that no text format could hold: sets, tensors, loops, huge numbers, NaN."""
    if depth > MAX_DEPTH:
        return Fault(name, value, f"a value nested at most {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                return Fault(name, value, "a dict with names as keys")
            if fault := _not_plain(inner, f"{name}.{key[:MAX_SHOWN]}", depth + 1):
                return fault
        return None
    if isinstance(value, list):
        faults = (_not_plain(inner, name, depth + 1) for inner in value)
        return next((fault for fault in faults if fault), None)
    if type(value) is int:
        return None if abs(value) <= MAX_SEED else Fault(name, value, "a number below 2^63")
    if isinstance(value, float):
        return None if math.isfinite(value) else Fault(name, value, "a finite number")
    return None if value is None or type(value) in (str, bool) else Fault(name, value, PLAIN)


def _broken(value: object, name: str) -> Fault | None:
    rule = SCHEMA.get(name)
    if rule and not rule.holds(value):
        return Fault(name, value, rule.words)
    if isinstance(value, dict):
        faults = (_broken(inner, f"{name}.{key}") for key, inner in value.items())
        return next((fault for fault in faults if fault), None)
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object, least: int = 0, most: int = MAX_WHOLE) -> bool:
    return type(value) is int and least <= value <= most


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _all(value: object, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(holds, value))


def _values(value: object, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(holds, value.values()))


def _colors(value: object, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(holds, value))


def _is_cut(value: object) -> bool:
    """Return whether a crop is no larger than the image it is cut from, if both are numbers."""
    if not isinstance(value, dict):
        return False
    size, crop = value.get("size"), value.get("crop")
    return not (_is_whole(size) and _is_whole(crop)) or size >= crop  # type: ignore[operator]


TEXT = Rule("text", _is_text)
TEXT_OR_NONE = Rule("text or None", lambda value: value is None or _is_text(value))
TEXTS = Rule("a list of text", lambda value: _all(value, _is_text))
DICT = Rule("a dict", lambda value: isinstance(value, dict))
TEXT_BY_NAME = Rule("a dict of text", lambda value: _values(value, _is_text))
FLAG = Rule("True or False", lambda value: isinstance(value, bool))
COUNT = Rule("a whole number, not below 0", _is_whole)
POSITIVE = Rule("a whole number, 1 or more", lambda value: _is_whole(value, 1))
CROP = Rule(f"a whole number from 1 to {MAX_CROP:,}", lambda value: _is_whole(value, 1, MAX_CROP))
SIZE = Rule(f"a whole number from 1 to {MAX_SIZE:,}", lambda value: _is_whole(value, 1, MAX_SIZE))
SEED = Rule("a whole number below 2^63", lambda value: _is_whole(value, 0, MAX_SEED))
NUMBER = Rule("a number", _is_number)
SHARE = Rule("a number from 0 to 1", _is_share)
SHARES = Rule("a dict of numbers from 0 to 1", lambda value: _values(value, _is_share))

SCHEMA: dict[str, Rule] = {
    "targets": Rule("a list of names", lambda value: _all(value, _is_text) and bool(value)),
    "groups": TEXTS,
    "group_values": Rule(
        "a list of lists of text",
        lambda value: _all(value, lambda inner: _all(inner, _is_text)),
    ),
    "parents": TEXTS,
    "environment": TEXT_BY_NAME,
    "model": Rule(
        "a dict of a name and its arguments",
        lambda value: isinstance(value, dict) and {"name", "args"} <= value.keys(),
    ),
    "model.name": TEXT,
    "model.args": DICT,
    "preprocess": Rule("a dict with a crop up to its size", _is_cut),
    "preprocess.size": SIZE,
    "preprocess.crop": CROP,
    "preprocess.interpolation": TEXT,
    "preprocess.mean": Rule("3 numbers", lambda value: _colors(value, _is_number)),
    "preprocess.std": Rule(
        "3 numbers above 0", lambda value: _colors(value, lambda one: _is_number(one) and one > 0)
    ),
    "data": DICT,
    "data.path": TEXT,
    "data.sha256": TEXT,
    "data.image_root": TEXT_OR_NONE,
    "data.cluster": TEXT_OR_NONE,
    "data.classes": TEXT_OR_NONE,
    "data.where": TEXTS,
    "data.skipped": COUNT,
    "recipe": DICT,
    "recipe.name": TEXT,
    "recipe.loss": TEXT,
    "recipe.epochs": POSITIVE,
    "recipe.batch_size": POSITIVE,
    "recipe.optimizer": TEXT,
    "recipe.lr": NUMBER,
    "recipe.momentum": NUMBER,
    "recipe.weight_decay": NUMBER,
    "recipe.lr_schedule": TEXT,
    "recipe.warmup_epochs": NUMBER,
    "recipe.lr_per_epoch": FLAG,
    "recipe.augment": FLAG,
    "recipe.reset_momentum": FLAG,
    "recipe.seed": SEED,
    "recipe.precision": TEXT,
    "recipe.compile": FLAG,
    "recipe.distill": FLAG,
    "recipe.distill_weight": NUMBER,
    "recipe.temperature": NUMBER,
    "recipe.balance": TEXT_OR_NONE,
    "recipe.balance_max": NUMBER,
    "recipe.group_dro": TEXT_OR_NONE,
    "recipe.group_dro_step_size": NUMBER,
    "recipe.constrain": TEXTS,
    "recipe.constrain_lr": NUMBER,
    "sparsity": DICT,
    "sparsity.asked": SHARE,
    "sparsity.reached": SHARE,
    "sparsity.num_weights": COUNT,
    "sparsity.num_zeros": COUNT,
    "sparsity.start": TEXT,
    "sparsity.score_batches": COUNT,
    "sparsity.score_groups": TEXTS,
    "sparsity.only": TEXTS,
    "sparsity.exclude": TEXTS,
    "sparsity.per_layer": SHARES,
    "sparsity.per_layer_asked": SHARES,
}
