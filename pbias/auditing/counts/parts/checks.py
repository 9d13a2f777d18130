"""Check whether totals of a counts file are possible, and whether parts fit together.

Shape suffixes as in counts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.counts.parts.counts import every_pair, num_pairs, places
from pbias.errors import UserError, listed
from pbias.files.counts_file import Facts, Run, Sparse

Floats = NDArray[np.float64]
_ROUNDING = 1e-6


def check_totals(
    facts: Facts, arrays: Mapping[str, Sparse], damaged: Callable[[str], UserError]
) -> None:
    """Raise an error for totals that no rows can have; `damaged` makes the error."""
    for what in _faults(facts, arrays):
        raise damaged(f"its totals do not fit together ({what})")


def _faults(facts: Facts, arrays: Mapping[str, Sparse]) -> Iterator[str]:
    cells = _dense(arrays["cells"])
    rows = cells.sum((-1, -2))
    if rows[0, :, 0, 0].sum() != facts.rows:
        yield f"{facts.rows} rows"
    if (rows != rows[:1, :, :, :1]).any():
        yield "rows by target"
    if (cells.sum(-1) != cells[:1].sum(-1)).any():
        yield "labels by run"
    for group, place in places(facts):
        if (cells[:, :, place].sum(axis=2) > cells[:, :, 0]).any():
            yield f"group {group.name}"
        if cells[:, :, place][:, :, list(group.dropped)].any():
            yield f"dropped values of {group.name}"
    known = cells[..., :2, :].sum((-1, -2))
    if (arrays["uncertain"].sums(4) > rows).any():
        yield "uncertain"
    slack = _ROUNDING * (known + 1)
    squares = arrays["squares"].sums(4)
    if (_magnitude(arrays["errors"], 4) > known + slack).any():
        yield "errors"
    if (squares < -slack).any() or (squares > known + slack).any():
        yield "squares"
    classes = _dense(arrays["classes"])
    if (classes.sum(-1) > rows[..., 0]).any():
        yield "classes"
    if facts.activation != "softmax" and classes.any():
        yield "classes of a sigmoid"
    if "gram" in arrays:
        yield from _faults_of_products(_dense(arrays["gram"]), cells[:, :, 0])
    if "buckets" in arrays:
        yield from _faults_of_scores(arrays, cells)
    if num_pairs(facts):
        yield from _faults_of_pairs(facts, arrays, cells, classes)


def _faults_of_products(gram: NDArray[np.int64], cells: NDArray[np.int64]) -> Iterator[str]:
    """Yield the faults of products [R, J, A+1, A+1] beside everyone's cells [R, J, A, 3, 2]."""
    predicted = cells[..., 1].sum(-1)
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    if (gram[..., 0, 0] != cells[:, :, 0].sum((-1, -2))).any():
        yield "rows in gram"
    if (gram != gram.swapaxes(-1, -2)).any() or (gram > diagonal[..., None]).any():
        yield "gram"
    if (gram[..., 0, 1:] != predicted).any() or (diagonal[..., 1:] != predicted).any():
        yield "predictions in gram"


def _faults_of_scores(arrays: Mapping[str, Sparse], cells: NDArray[np.int64]) -> Iterator[str]:
    by_label = cells[..., :2, :].sum(-1)
    if (arrays["buckets"].sums(4) != by_label.sum(axis=1)).any():
        yield "buckets"
    by_fold = arrays["by_fold"]
    labels = by_fold.at % 2
    for label in (0, 1):
        own = labels == label
        part = Sparse(by_fold.at[own], by_fold.values[own], by_fold.shape)
        if (part.sums(4) != by_label[..., label]).any():
            yield "buckets by fold"
    known = by_label.sum((1, -1))
    moments = arrays["moments"]
    if (_magnitude(moments, 3) > 2 * known + _ROUNDING * (known + 1)).any():
        yield "moments"


def _faults_of_pairs(
    facts: Facts,
    arrays: Mapping[str, Sparse],
    cells: NDArray[np.int64],
    classes: NDArray[np.int64],
) -> Iterator[str]:
    """Yield the faults of pairs, whose predictions must match those of their runs."""
    joint, both = _dense(arrays["joint"]), _dense(arrays["joint_classes"])
    ours, theirs = range(facts.audited), range(facts.audited, len(facts.runs))
    sides = [*((run, None) for run in ours), *((None, run) for run in theirs)]
    if num_pairs(facts) != len(sides) or min(len(ours), len(theirs)) == 1 or every_pair(facts):
        sides = list(product(ours, theirs))
    softmax = facts.activation == "softmax"
    for place, (audited, reference) in enumerate(sides):
        for run, axis, others in ((audited, -2, len(theirs)), (reference, -1, len(ours))):
            times = 1 if None not in (audited, reference) else others
            if run is None:
                continue
            if (joint[place].sum(axis) != times * cells[run]).any():
                yield "predictions of both models"
            if softmax and (both[place].sum(axis) != times * classes[run]).any():
                yield "classes of both models"
    if not softmax and both.any():
        yield "classes of a sigmoid"


def _dense(found: Sparse) -> NDArray[np.int64]:
    array = np.zeros(found.shape, np.int64)
    found.add_to(array)
    return array


def _magnitude(found: Sparse, num_axes: int) -> Floats:
    return Sparse(found.at, np.abs(found.values), found.shape).sums(num_axes)


def check_fit(facts: Facts, path: str, first: Facts, first_path: str) -> None:
    """Raise UserError naming the difference if a part cannot be added to the first."""
    for what, ours, theirs in _differences(facts, first):
        raise UserError(
            f"{path} and {first_path} do not fit together: {what} differ ({ours} against {theirs});"
            " count all parts of one audit in the same way"
        )


def _differences(facts: Facts, first: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each difference, and the values of both."""
    pairs = {
        "targets": (facts.targets, first.targets),
        "groups": ([g.name for g in facts.groups], [g.name for g in first.groups]),
    }
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield what, *_shown(list(ours), list(theirs))
    for one, other in zip(facts.groups, first.groups, strict=True):
        if one.values != other.values:
            yield f"values of {one.name}", *_shown(list(one.values), list(other.values))
    simple = {
        "activations": (facts.activation, first.activation),
        "audited runs": (str(facts.audited), str(first.audited)),
        "reference runs": (str(facts.references), str(first.references)),
        "folds": _folds(facts, first),
        "products of predictions": (_yes(facts.products), _yes(first.products)),
        "orders of logits": (_yes(facts.ranked), _yes(first.ranked)),
    }
    for what, (mine, first_one) in simple.items():
        if mine != first_one:
            yield what, mine, first_one
    for place, (run, other_run) in enumerate(zip(facts.runs, first.runs, strict=True)):
        role = "the audited model" if place < facts.audited else "the reference"
        yield from _differences_of_runs(run, other_run, role, facts.targets)


def _folds(facts: Facts, first: Facts) -> tuple[str, str]:
    """Describe the kinds of folds: mixing clusters and ids would count a person several times."""
    if "clusters" not in (facts.owners, first.owners):
        return "", ""
    return f"by {facts.owners}", f"by {first.owners}"


def _differences_of_runs(
    run: Run, other: Run, role: str, targets: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    zeros = (0.0,) * len(targets)
    for name, ours, theirs in zip(
        targets, run.thresholds or zeros, other.thresholds or zeros, strict=True
    ):
        if ours != theirs:
            yield f"thresholds of {role} for {name}", f"{ours:g}", f"{theirs:g}"
    for key in ("sha256", "sparsity", "model"):
        if key in run.meta and key in other.meta and run.meta[key] != other.meta[key]:
            digests = [m[key].get("model", "") if key == "sha256" and isinstance(m[key], dict)
                       else m[key] for m in (run.meta, other.meta)]  # fmt: skip
            what = "networks" if key == "sha256" else f"{key} of the networks"
            yield f"{what} of {role}", str(digests[0])[:12], str(digests[1])[:12]


def _yes(flag: bool) -> str:
    return "counted" if flag else "not counted"


def _shown(ours: list[str], theirs: list[str]) -> tuple[str, str]:
    """Shorten two lists of names to their difference: names in only one of them, or the order."""
    alone = [[n for n in a if n not in b] for a, b in ((ours, theirs), (theirs, ours))]
    if any(alone):
        return listed(alone[0]) or "none", listed(alone[1]) or "none"
    return f"order {listed(ours)}", f"order {listed(theirs)}"
