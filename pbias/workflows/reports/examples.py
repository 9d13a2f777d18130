"""Examples of a model's right and wrong predictions, as thumbnails of the samples.

There are eight bins: true and false positives and negatives, each certain or uncertain. With a
reference there are also changes; flagged predictions and exemplars are marked. Shapes: N samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from pbias.files.logits import Logits
from pbias.workflows.reports.thumbnails import check_pictures, none_read, thumbnail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pbias.auditing.engine import Audit
    from pbias.reporting.page.pictures import Gallery, Picture

SIDE = 96  # pixels
QUALITY = 80
MAX_ATTRIBUTES = 4
SURE = 0.4  # |p - 0.5|
BINS = {(1, 1): "true positive", (0, 1): "false positive", (0, 0): "true negative",
        (1, 0): "false negative"}  # fmt: skip  # by label and prediction
CHANGES = {
    (1, 1, 0): "lost positive", (0, 0, 1): "new false alarm", (1, 0, 1): "found positive",
    (0, 1, 0): "false alarm gone",
}  # fmt: skip  # by label and predictions of the reference and the audited model


@dataclass(frozen=True)
class _Side:
    """The probabilities and predictions of one model for an attribute: p and s, [N]."""

    p: NDArray[np.float64]
    s: NDArray[np.bool_]


def gallery(
    audit: Audit,
    root: str,
    num: int,
    attributes: Sequence[str],
    marks: Mapping[str, Mapping[str, NDArray[np.bool_]]],
) -> Gallery:
    """Choose up to `num` samples of each attribute (at most four) and read their images.

    Kinds and group values take turns. Within a kind, marked samples come first, then those whose
    probability changed most. `marks` contains further kinds, bool [N] by name, for each attribute.
    `root` is the folder of the paths that ids are. Raises UserError if there are no ids, if an id
    leads out of the folder, or if no image can be read.
    """
    from pbias.reporting.page.pictures import Gallery

    first = audit.sides[0].heads[0]
    check_pictures(first, root)
    found, missing = [], 0
    for attribute in attributes[:MAX_ATTRIBUTES]:
        pictures, lost = _read(_pictures(audit, root, attribute, marks[attribute]), num)
        found += pictures
        missing += lost
    if missing and not found:
        assert first.ids is not None
        raise none_read(missing, root, str(first.ids[0]))
    return Gallery(found, missing)


def _read(pictures: Iterator[Picture | None], num: int) -> tuple[list[Picture], int]:
    """Return the first `num` images, and the number of unreadable ones, `num` at most."""
    found: list[Picture] = []
    missing = 0
    for picture in pictures:
        if picture is not None:
            found.append(picture)
        missing += picture is None
        if num in (len(found), missing):
            break
    return found, missing


def _pictures(
    audit: Audit, root: str, attribute: str, marks: Mapping[str, NDArray[np.bool_]]
) -> Iterator[Picture | None]:
    """Yield the images of one attribute in turn; None for each that cannot be read."""
    from pbias.reporting.page.pictures import Picture

    sides = [_of(side.heads[0], attribute) for side in audit.sides]
    logits = audit.sides[0].heads[0]
    label = logits.labels[:, logits.targets.index(attribute)]
    kinds = {int(row): _kinds(int(row), label, sides) for row in np.flatnonzero(label >= 0)}
    assert logits.ids is not None
    marked = np.sum([np.zeros(len(logits)), *marks.values()], axis=0)
    for row in _chosen(kinds, _groups(logits), sides, marked):
        name = str(logits.ids[row])
        jpeg = _jpeg(root, name)
        if jpeg is None:
            yield None
            continue
        probabilities = [f"{side.p[row]:.3f}" for side in reversed(sides)]
        told = (
            f"reference {probabilities[0]}, audited {probabilities[1]}"
            if len(sides) > 1
            else f"probability {probabilities[0]}"
        )
        groups = [group for group in _groups_of(logits, row) if group]
        caption = "; ".join(filter(None, [f"label {label[row]}, {told}", ", ".join(groups)]))
        told_of = [*kinds[row], *(mark for mark, rows in marks.items() if rows[row])]
        yield Picture(jpeg, name, attribute, told_of, groups, caption)


def _of(run: Logits, attribute: str) -> _Side:
    from pbias.auditing.counts.totals import predictions

    found, target = predictions(run), run.targets.index(attribute)
    return _Side(found.p_of(target), found.s[target])


def _kinds(row: int, label: NDArray[np.int8], sides: Sequence[_Side]) -> list[str]:
    y, s, p = int(label[row]), int(sides[0].s[row]), float(sides[0].p[row])
    sure = "sure" if abs(p - 0.5) >= SURE else "unsure"
    kinds = [f"{BINS[y, s]}, {sure}"]
    if len(sides) > 1 and (change := CHANGES.get((y, int(sides[1].s[row]), s))):
        kinds.append(change)
    return kinds


def _groups(logits: Logits) -> NDArray[np.int64]:
    """Return the value of the first group, -1 unknown, [N]."""
    if not logits.group_names:
        return np.zeros(len(logits), np.int64)
    return logits.groups[:, 0].astype(np.int64)


def _groups_of(logits: Logits, row: int) -> Iterator[str]:
    for g, name in enumerate(logits.group_names):
        code = int(logits.groups[row, g])
        yield f"{name}={logits.group_values[g][code]}" if code >= 0 else ""


def _chosen(
    kinds: dict[int, list[str]],
    groups: NDArray[np.int64],
    sides: Sequence[_Side],
    marked: NDArray[np.float64],
) -> list[int]:
    """Return rows in turn: changes, then bins, each for every group value; marked ones first."""
    moved = np.abs(sides[0].p - sides[-1].p) if len(sides) > 1 else np.abs(sides[0].p - 0.5)
    order = [*CHANGES.values(), *(f"{b}, {sure}" for b in BINS.values() for sure in
                                  ("sure", "unsure"))]  # fmt: skip
    heaps: dict[tuple[int, int], list[int]] = {}
    for row in sorted(kinds, key=lambda row: (-marked[row], -moved[row], row)):
        heaps.setdefault((order.index(kinds[row][-1]), int(groups[row])), []).append(row)
    turns = zip_longest(*(heaps[key] for key in sorted(heaps)))
    return [row for turn in turns for row in turn if row is not None]


def _jpeg(root: str, name: str) -> bytes | None:
    """Return the middle square of an image as JPEG; None if it cannot be read."""
    from PIL import Image

    pixels = thumbnail(root, name, SIDE)
    if pixels is None:
        return None
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()
