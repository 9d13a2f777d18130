"""Logits files as the options of a command name them."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pbias.files.logits import Logits
    from pbias.files.logits.blocks import LogitsBlocks
    from pbias.files.manifest import Manifest

Run = TypeVar("Run", "Logits", "LogitsBlocks")


def expand(paths: Sequence[str]) -> list[str]:
    """Quoted globs as files, in order; a path that exists or matches nothing stays as it is."""
    found: list[str] = []
    for path in paths:
        matches = [] if os.path.lexists(path) else sorted(glob.glob(path))  # noqa: PTH207
        found += matches or [path]
    return found


def check_sides(
    audited: Sequence[str], references: Sequence[str], others: Sequence[str | None] = ()
) -> None:
    """Refuse what cannot be read, and a run that is named twice, on one side or on both."""
    from pathlib import Path

    from pbias.errors import UserError
    from pbias.files.streams import check_inputs

    check_inputs([*audited, *references, *(path for path in others if path is not None)])
    ours, theirs = ([Path(path).resolve() for path in side] for side in (audited, references))
    for path, real in zip([*references, *audited], [*theirs, *ours], strict=True):
        if real in ours and real in theirs:
            raise UserError(f"{path} is both audited and reference; name two different files")
        if (ours + theirs).count(real) > 1:
            raise UserError(f"{path} is named twice; name each run once")


def read_labels(path: str | None, cluster: str | None) -> Manifest | None:
    """The manifest of --labels, read once for all files."""
    from pbias.errors import UserError

    if cluster is not None and path is None:
        raise UserError("--cluster names a column of --labels; give that file too")
    if path is None:
        return None
    from pbias.files.manifest import read_manifest

    return read_manifest(path)


def read_side(
    paths: Sequence[str],
    *,
    thresholds: str | None = None,
    manifest: Manifest | None = None,
    groups: Sequence[str] | None = None,
    cluster: str | None = None,
    probabilities: bool = False,
    attributes: Sequence[str] | None = None,
) -> list[Logits]:
    """The files of one side, with thresholds and labels from elsewhere where they are given."""
    from pbias.files.logits import as_logits, read_logits

    runs = [as_logits(read_logits(path), probabilities=probabilities) for path in paths]
    if manifest is not None:
        from pbias.files.logits.relabel import relabel

        parts = [part for name in groups or [] for part in name.split(":")]
        runs = [relabel(run, manifest, parts, cluster) for run in runs]
    return runs if thresholds is None else with_thresholds(runs, thresholds, attributes)


def with_thresholds(
    runs: Sequence[Run], path: str, attributes: Sequence[str] | None = None
) -> list[Run]:
    """Runs with the thresholds of a CSV file instead of their own, or those of `attributes`."""
    from dataclasses import replace

    import numpy as np

    from pbias.errors import UserError
    from pbias.files.threshold_file import read_thresholds

    for run in runs:
        if run.activation == "softmax":
            raise UserError(
                f"{run.path} is of a softmax, whose largest output is predicted whatever the "
                f"threshold; leave out {path}"
            )
    found = read_thresholds(path)
    wanted = [[t for t in run.targets if attributes is None or t in attributes] for run in runs]
    cuts = [dict(zip(names, found.of(names), strict=True)) for names in wanted]
    return [
        replace(run, thresholds=np.array([cut.get(name, 0.0) for name in run.targets]))
        for run, cut in zip(runs, cuts, strict=True)
    ]
