"""Logits files by name, with labels and thresholds from other files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pbias.errors import UserError, argument, first_repeated

if TYPE_CHECKING:
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.manifest import Manifest

Run = TypeVar("Run", "Logits", "LogitsBlocks")


@dataclass(frozen=True)
class Supplements:
    """Facts that come from other files than the logits files, and how to read the logits files.

    `manifest` has labels, the named groups, and clusters by id. `thresholds` is the path of a CSV
    file with a line for each of `attributes` (None: all).
    """

    manifest: Manifest | None = None
    groups: Sequence[str] | None = None
    cluster: str | None = None
    thresholds: str | None = None
    attributes: Sequence[str] | None = None
    probabilities: bool | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of the named groups, of which intersections have two."""
        return [part for name in self.groups or [] for part in name.split(":")]


def expand(paths: Sequence[str]) -> list[str]:
    """List the files of quoted globs, in order; a path that exists or matches nothing stays."""
    listed: list[str] = []
    for path in paths:
        matches = [] if os.path.lexists(path) else sorted(glob.glob(path))  # noqa: PTH207
        listed += matches or [path]
    return listed


def check_sides(
    audited: Sequence[str],
    references: Sequence[str],
    others: Sequence[str | None] = (),
    *,
    itself: bool = False,
) -> None:
    """Raise UserError for unreadable files, and for a run named twice on one side or both.

    With `itself`, one file may be both sides, to compare a model with itself.
    """
    from pathlib import Path

    from pbias.files.streams import check_inputs

    check_inputs([*audited, *references, *(path for path in others if path is not None)])
    ours, theirs = ([Path(path).resolve() for path in side] for side in (audited, references))
    for side, reals in ((references, theirs), (audited, ours)):
        twice = first_repeated(reals)
        if twice is not None:
            raise UserError(f"{side[reals.index(twice)]} is named twice; name each run once")
    both = set(ours) & set(theirs)
    if both and not (itself and len(ours) == len(theirs) == 1):
        path = next(p for p, real in zip(references, theirs, strict=True) if real in both)
        raise UserError(
            f"{path} is both the audited and the reference file; name two different files"
        )


def read_labels(path: str | None, cluster: str | None = None) -> Manifest | None:
    """Read the manifest that gives labels to all files, if there is one."""
    if cluster is not None and path is None:
        raise UserError(
            f"{argument('clusters')} names a column of {argument('labels')}; give "
            f"{argument('labels')} too"
        )
    if path is None:
        return None
    from pbias.files.manifest import read_manifest

    return read_manifest(path, labels_only=True)


def read_side(paths: Sequence[str], supplements: Supplements) -> list[Logits]:
    """Read the files of one side and add the facts from other files."""
    from pbias.files.logits import read_logits

    return supplement((read_logits(path) for path in paths), supplements)


def supplement(runs: Iterable[Logits], supplements: Supplements) -> list[Logits]:
    """Add labels, groups, clusters and thresholds to the runs of one side."""
    from pbias.files.logits import as_logits

    s = supplements
    converted = _sharing(as_logits(run, probabilities=s.probabilities) for run in runs)
    if s.manifest is not None:
        from pbias.files.logits.relabel import relabel

        converted = [relabel(run, s.manifest, s.columns, s.cluster) for run in converted]
    return with_thresholds(converted, s.thresholds, s.attributes)


def _sharing(runs: Iterable[Logits]) -> list[Logits]:
    """Yield the runs, storing equal ids and labels once; they are half of a file's content."""
    from dataclasses import replace

    import numpy as np

    found: list[Logits] = []
    for run in runs:
        if found:
            first = found[0]
            same = {
                name: getattr(first, name)
                for name in ("ids", "labels", "groups")
                if getattr(run, name) is not None
                and np.array_equal(getattr(run, name), getattr(first, name))
            }
            run = replace(run, **same)
        found.append(run)
    return found


def with_thresholds(
    runs: Sequence[Run], path: str | None, attributes: Sequence[str] | None = None
) -> list[Run]:
    """Replace the thresholds of the runs with the thresholds of a CSV file, if there is one.

    The file needs a line for each attribute, or for each of `attributes`.
    """
    if path is None:
        return list(runs)
    from dataclasses import replace

    import numpy as np

    from pbias.files.threshold_file import read_thresholds

    refuse_softmax(runs, path)
    read = read_thresholds(path)
    wanted = [[t for t in run.targets if attributes is None or t in attributes] for run in runs]
    cuts = [dict(zip(names, read.of(names), strict=True)) for names in wanted]
    return [
        replace(run, thresholds=np.array([cut.get(name, 0.0) for name in run.targets]))
        for run, cut in zip(runs, cuts, strict=True)
    ]


def refuse_softmax(runs: Sequence[Run], thresholds: str) -> None:
    """Raise UserError if thresholds from a file or an argument would apply to a softmax."""
    for run in runs:
        if run.activation == "softmax":
            raise UserError(
                f"{run.path} is from a softmax, which predicts its largest output whatever the "
                f"threshold; leave out {thresholds}"
            )


def refuse_decisions(run: Logits | LogitsBlocks, purpose: str) -> None:
    """Raise UserError for a file of predictions without scores if scores are needed."""
    from pbias.auditing.metrics.models import no_scores
    from pbias.files.logits import Logits

    found = no_scores(run if isinstance(run, Logits) else run.head)
    if len(found) == len(run.targets):
        raise UserError(
            f"{run.path} holds only predictions ({found[run.targets[0]]}), and {purpose} needs "
            "scores; give logits or probabilities"
        )
