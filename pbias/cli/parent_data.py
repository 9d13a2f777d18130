"""The data that a checkpoint names, for commands that go on from it."""

from __future__ import annotations

import logging
from pathlib import Path

from pbias.errors import UserError
from pbias.files.checkpoint import Checkpoint
from pbias.files.manifest import Manifest, read_manifest
from pbias.files.manifest.row_filter import keep_where
from pbias.files.streams import STDIO, input_name

logger = logging.getLogger(__name__)


def image_root(parent: Checkpoint, data: str | None, root: str | None) -> str | None:
    """The folder of the images as it is named, or as it was for the same data."""
    if root or data:
        return root
    own: str | None = parent.data.get("image_root")
    return own


def manifest_of(
    parent: Checkpoint,
    path: str,
    data: str | None,
    root: str | None,
    way_out: str,
    *,
    allow_outside: bool,
) -> Manifest:
    """The manifest `data`, or else the checkpoint's; UserError with `way_out` where it is not here.

    `path` is the checkpoint's, for messages. A manifest that has changed since is warned of. Of
    either, the rows are left that --where chose for it.
    """
    root = image_root(parent, data, root)
    where = parent.data.get("where", [])
    if data:
        return keep_where(read_manifest(data, image_root=root, allow_outside=allow_outside), where)
    named = parent.data.get("path")
    if named is None or named in (STDIO, input_name(STDIO)) or not Path(named).exists():
        fate = (
            f"was trained on {input_name(named)}, which is not here" if named else "names no data"
        )
        raise UserError(
            f"{input_name(path)} {fate}; name the data with --data LABELS.csv, or {way_out}"
        )
    manifest = read_manifest(named, image_root=root, allow_outside=allow_outside)
    if manifest.sha256 != parent.data.get("sha256"):
        logger.warning("%s has changed since %s was trained on it", named, input_name(path))
    return keep_where(manifest, where)
