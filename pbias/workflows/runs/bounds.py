"""Bounds on groups' losses, which `--constrain` states in the grammar of gates."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from pbias.auditing.gates.grammar import MEAN, WORST, Gate, parse_gate
from pbias.auditing.metrics.changes import CEAG
from pbias.errors import UserError, did_you_mean
from pbias.files.cells import BINARY, UNKNOWN
from pbias.files.manifest import Int16, Int64, Labels
from pbias.training.objectives.bounds import Bound
from pbias.training.objectives.groups import Members

BOUND = "ceag@sex <= 0.02"
EXAMPLE = f"--constrain takes bounds like '{BOUND}'"
MIN_GROUPS = 2
READ = "add it to --groups"  # how to make training read a group


def parse_bound(text: str) -> Gate:
    """Read `ceag@GROUP[=VALUE][/ATTRIBUTE] <= NUMBER`; UserError for any other gate."""
    gate = parse_gate(text, BOUND)
    if gate.metric is not CEAG or gate.absolute or gate.change:
        raise UserError(f"'{gate.text}' cannot be trained for; {EXAMPLE} (only ceag)")
    if gate.group is None:
        raise UserError(f"'{gate.text}' names no group; {EXAMPLE}")
    if not gate.at_most or gate.bound < 0:
        raise UserError(f"'{gate.text}' is not an upper bound of 0 or more; {EXAMPLE}")
    if gate.attribute == WORST:
        raise UserError(
            f"'{gate.text}': the worst attribute changes from step to step; name one with "
            "/ATTRIBUTE (repeat --constrain for several), or none for the mean"
        )
    return gate


def check_bound(text: str, labels: Labels, hint: str = READ, *, classes: bool) -> None:
    """Raise UserError for a bound on a group, value or attribute that the run does not read.

    `hint` says how to make the run read a group.
    """
    gate = parse_bound(text)
    _, values = _groups(gate, labels, hint)
    _value(gate, values)
    target = _target(gate, labels)
    if classes and target is not None:
        raise UserError(
            f"'{gate.text}': for classes a bound is on top-1 accuracy; leave out /{gate.attribute}"
        )


def bound_of(text: str, labels: Labels, train: Int64, valid: Int64) -> Bound:
    """Return a bound for these rows of the manifest for training and validation.

    Raises UserError if training images cannot show whether the bound is kept.
    """
    gate = parse_bound(text)
    codes, values = _groups(gate, labels)
    _check_train(gate, codes[train], values)
    codes = np.where(codes == UNKNOWN, len(values), codes)
    return Bound(
        gate.text,
        gate.bound,
        Members(_long(codes[train]), tuple(values)),
        _long(codes[valid]),
        _target(gate, labels),
        _value(gate, values),
    )


def _check_train(gate: Gate, codes: Int64, values: list[str]) -> None:
    found = set(np.unique(codes[codes != UNKNOWN]).tolist())
    if len(found) < MIN_GROUPS:  # nobody differs from everyone
        raise UserError(
            f"'{gate.text}': {gate.group} has fewer than two values among the training images; "
            "name a group with two or more"
        )
    value = _value(gate, values)
    if value is not None and value not in found:
        raise UserError(
            f"'{gate.text}': no training image has this value of {gate.group}; leave the bound out"
        )


def _long(codes: Int64) -> torch.Tensor:
    return torch.from_numpy(codes.astype(np.int64))


def _groups(gate: Gate, labels: Labels, hint: str = READ) -> tuple[Int64, list[str]]:
    """Return the group of each row, and the names of groups; for `A:B` all combinations."""
    assert gate.group is not None
    if gate.group in labels.group_names or ":" not in gate.group:
        codes, values = _column(gate, gate.group, labels, hint)
        return codes.astype(np.int64), values
    names = gate.group.split(":")
    if len(set(names)) < len(names):
        raise UserError(f"'{gate.text}' names a group twice; name each once")
    columns = [_column(gate, name, labels, hint) for name in names]
    found = np.zeros(len(labels.labels), np.int64)
    for codes, values in columns:
        found = found * len(values) + codes
    found[np.any([codes == UNKNOWN for codes, _ in columns], axis=0)] = UNKNOWN
    return found, [":".join(combined) for combined in product(*(values for _, values in columns))]


def _column(gate: Gate, name: str, labels: Labels, hint: str) -> tuple[Int16, list[str]]:
    """Return the codes and values of a group, or of a target as a group."""
    if name in labels.group_names:
        index = labels.group_names.index(name)
        return labels.groups[:, index], labels.group_values[index]
    if name in labels.targets:
        return labels.labels[:, labels.targets.index(name)].astype(np.int16), list(BINARY)
    known = [*labels.group_names, *labels.targets]
    read = ", ".join(labels.group_names) or "none"
    hint = did_you_mean(name, known, hint)
    raise UserError(f"'{gate.text}' names the group '{name}', but the groups are: {read}; {hint}")


def _value(gate: Gate, values: list[str]) -> int | None:
    if gate.contrast is None:
        return None
    if gate.contrast not in values:
        hint = did_you_mean(gate.contrast, values, f"it has: {', '.join(values[:12])}")
        raise UserError(f"'{gate.text}': {gate.group} has no value '{gate.contrast}'; {hint}")
    return values.index(gate.contrast)


def _target(gate: Gate, labels: Labels) -> int | None:
    if gate.attribute in (None, MEAN):
        return None
    if gate.attribute not in labels.targets:
        hint = did_you_mean(
            str(gate.attribute), labels.targets, f"it predicts {', '.join(labels.targets[:12])}"
        )
        raise UserError(f"'{gate.text}': the network does not predict '{gate.attribute}'; {hint}")
    return labels.targets.index(gate.attribute)
