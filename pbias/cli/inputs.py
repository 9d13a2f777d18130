"""Logits files as the options of a command name them."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbias.files.logits import Logits


def expand(paths: Sequence[str]) -> list[str]:
    """Quoted globs as files, in order; a path that exists or matches nothing stays as it is."""
    from pathlib import Path

    found: list[str] = []
    for path in paths:
        matches = [] if Path(path).exists() else sorted(glob.glob(path))  # noqa: PTH207
        found += matches or [path]
    return found


def check_sides(audited: Sequence[str], references: Sequence[str]) -> None:
    """Refuse what cannot be read, and a file that is named on both sides."""
    from pathlib import Path

    from pbias.errors import UserError
    from pbias.files.streams import check_inputs

    check_inputs([*audited, *references])
    real = {Path(path).resolve() for path in audited}
    for path in references:
        if Path(path).resolve() in real:
            raise UserError(f"{path} is both audited and reference; name two different files")


def read_side(
    paths: Sequence[str],
    *,
    thresholds: str | None = None,
    labels: str | None = None,
    groups: Sequence[str] | None = None,
    cluster: str | None = None,
    probabilities: bool = False,
) -> list[Logits]:
    """The files of one side, with thresholds and labels from elsewhere where they are given."""
    from dataclasses import replace

    from pbias.errors import UserError
    from pbias.files.logits import as_logits, read_logits
    from pbias.files.relabel import relabel
    from pbias.files.thresholds import read_thresholds

    if cluster is not None and labels is None:
        raise UserError("--cluster names a column of --labels; give that file too")
    runs = [as_logits(read_logits(path), probabilities=probabilities) for path in paths]
    if labels is not None:
        parts = sorted({part for name in groups or [] for part in name.split(":")})
        runs = [relabel(run, labels, parts, cluster) for run in runs]
    if thresholds is not None:
        runs = [replace(run, thresholds=read_thresholds(thresholds, run.targets)) for run in runs]
    return runs
