"""Check the content of a manifest: count images, labels, groups and clusters of each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pbias.data.bad_images import Int64
from pbias.data.images import BrokenImage, read_image
from pbias.data.workers import Progress, for_all, no_progress
from pbias.files.manifest import Labels, Manifest
from pbias.files.manifest.parsing import SPLITS
from pbias.files.table import Table

COLUMNS = (
    "check", "split", "attribute", "group", "value", "n", "n_known", "n_positive", "status",
    "reason",
)  # fmt: skip
MISSING = "missing"
SMALLEST = 8  # pixels; each decoded image is reduced to this size

Row = dict[str, object]


def bad_images(
    manifest: Manifest, *, decode: bool = True, workers: int = 0, progress: Progress = no_progress
) -> dict[str, str]:
    """Return the ids of missing (or, if decoded, broken) images, with the reasons."""

    def work(index: int) -> None:
        path = manifest.root / manifest.ids[index]
        if not path.is_file():
            raise BrokenImage(MISSING)
        if decode:
            read_image(path, resize=SMALLEST, size=(SMALLEST, SMALLEST))

    failures = for_all(work, len(manifest.ids), workers, progress)
    return {manifest.ids[index]: why for index, why in sorted(failures.items())}


def check_rows(manifest: Manifest, labels: Labels, bad: Mapping[str, str]) -> list[Row]:
    """Return table rows: `check` says what a row counts, and `status` is `ok` or a finding.

    The checks are `images` by split, `image` for each bad one, `labels` by split, attribute and
    group value, `group` by split and value, and `clusters` by split.
    """
    splits = {name: manifest.rows(name) for name in SPLITS if name in manifest.splits}
    rows: list[Row] = []
    for split, chosen in splits.items():
        rows.append(finding("images", split, n=len(chosen)))
        rows += _bad(manifest, chosen, split, bad)
    for split, chosen in splits.items():
        rows += _labels(labels, chosen, split)
        rows += _groups(labels, chosen, split)
    return [*rows, *_clusters(labels, splits)]


def to_table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table of `COLUMNS`."""
    return Table({name: [row[name] for row in rows] for name in COLUMNS})


def finding(check: str, split: str = "", **cells: object) -> Row:
    """Return a row of the table; missing texts are empty, missing counts None."""
    empty: Row = dict.fromkeys(COLUMNS, "")
    return {**empty, "n": None, "n_known": None, "n_positive": None, "status": "ok"} | {
        "check": check, "split": split, **cells,
    }  # fmt: skip


def _bad(manifest: Manifest, chosen: Int64, split: str, bad: Mapping[str, str]) -> Iterator[Row]:
    for name in (manifest.ids[row] for row in chosen) if bad else ():
        if name in bad:
            why = bad[name]
            status = MISSING if why == MISSING else "broken"
            yield finding("image", split, value=name, status=status, reason=why)


def _labels(labels: Labels, chosen: Int64, split: str) -> Iterator[Row]:
    for index, attribute in enumerate(labels.targets):
        codes = labels.labels[chosen, index]
        yield _counted(codes, attribute, split, "", "")
        for group, values, of_rows in _by_group(labels, chosen):
            for code, value in enumerate(values):
                yield _counted(codes[of_rows == code], attribute, split, group, value)


def _counted(codes: np.ndarray, attribute: str, split: str, group: str, value: str) -> Row:
    known, positive = int((codes >= 0).sum()), int((codes == 1).sum())
    reason = ""
    if known == 0:
        reason = "no known label"
    elif positive in (0, known) and not group:
        reason = f"every known label is {int(positive > 0)}"
    status = "ok" if not reason else "constant" if known else "unknown"
    return finding(
        "labels", split, attribute=attribute, group=group, value=value, n=len(codes),
        n_known=known, n_positive=positive, status=status, reason=reason,
    )  # fmt: skip


def _by_group(labels: Labels, chosen: Int64) -> Iterator[tuple[str, list[str], np.ndarray]]:
    for index, group in enumerate(labels.group_names):
        yield group, labels.group_values[index], labels.groups[chosen, index]


def _groups(labels: Labels, chosen: Int64, split: str) -> Iterator[Row]:
    for group, values, codes in _by_group(labels, chosen):
        for code, value in enumerate(values):
            num = int((codes == code).sum())
            empty = {} if num else {"status": "empty", "reason": "no image of this value"}
            yield finding("group", split, group=group, value=value, n=num, **empty)
        yield finding("group", split, group=group, n=int((codes < 0).sum()), reason="unknown")


def _clusters(labels: Labels, splits: Mapping[str, Int64]) -> Iterator[Row]:
    if labels.clusters is None:
        return
    named = {split: {labels.clusters[row] for row in rows} for split, rows in splits.items()}
    for split, names in named.items():
        shared = len(names & named.get("train", set())) if split != "train" else 0
        found = {"status": "shared", "reason": f"{shared} of them also in train"} if shared else {}
        yield finding("clusters", split, n=len(names), **found)
