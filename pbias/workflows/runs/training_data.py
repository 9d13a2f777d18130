"""The images of a run: find the manifest of a checkpoint, check the files, and decode them."""

from __future__ import annotations

import logging

import numpy as np

from pbias.data.bad_images import BadImages
from pbias.data.batches import ImageData
from pbias.data.training_images import (
    TrainingPictures,
    find_training_pictures,
    load_training_pictures,
)
from pbias.errors import UserError
from pbias.files.checkpoint import CROSS_ENTROPY, Checkpoint
from pbias.files.manifest import Int64, Labels, Manifest, read_manifest
from pbias.files.manifest.row_filter import keep_where
from pbias.files.streams import STDIO, input_name, is_regular
from pbias.models.preprocess import Preprocess
from pbias.training.processes import image_memory
from pbias.workflows.progress import Watch
from pbias.workflows.runs.options import PruneOptions, TrainOptions
from pbias.workflows.runs.values import folder, text_or_none

TrainingData = tuple[ImageData, ImageData | None]  # for training, and for validation

logger = logging.getLogger(__name__)


def find(
    manifest: Manifest,
    labels: Labels,
    loss: str,
    bad: BadImages,
    options: TrainOptions | PruneOptions,
    watch: Watch,
) -> TrainingPictures:
    """Find and measure the images to train and validate on."""
    with watch("checking images") as progress:
        return find_training_pictures(
            manifest,
            labels,
            one_class=loss == CROSS_ENTROPY,
            bad=bad,
            workers=options.workers,
            progress=progress,
        )


def decode(
    pictures: TrainingPictures,
    preprocess: Preprocess,
    output: str,
    bad: BadImages,
    options: TrainOptions | PruneOptions,
    watch: Watch,
) -> TrainingData:
    """Decode the images, and report those that were skipped.

    If no folder is named for the cache, images that do not fit in memory go beside the output.
    """
    with watch("decoding images") as progress:
        data = load_training_pictures(
            pictures,
            preprocess,
            bad=bad,
            workers=options.workers,
            cache=text_or_none(options.cache) or folder(output),
            memory=image_memory(),
            progress=progress,
        )
    bad.report()
    return data


def valid_rows(bad: BadImages, manifest: Manifest) -> Int64:
    """Return the rows of the validation images that were not skipped; empty without that split."""
    if "valid" not in manifest.splits:
        return np.empty(0, np.int64)
    return bad.kept(manifest.ids, manifest.rows("valid"))


def image_root(parent: Checkpoint, options: PruneOptions) -> str | None:
    """Return the named folder of the images, or the folder that the same data had before."""
    if options.image_root or options.data:
        return text_or_none(options.image_root)
    own: str | None = parent.data.get("image_root")
    return own


def manifest_of(parent: Checkpoint, path: str, options: PruneOptions, way_out: str) -> Manifest:
    """Read the manifest that the options name, or else the one that the checkpoint names.

    `path` is the checkpoint's path. Only the rows that --where chose for it are kept. Warns if the
    checkpoint's manifest has changed since; raises UserError with `way_out` if it is missing.
    """
    root, outside = image_root(parent, options), options.allow_outside
    where, cluster = parent.data.get("where", []), parent.data.get("cluster")
    if options.data:
        manifest = read_manifest(
            str(options.data), image_root=root, allow_outside=outside, cluster=cluster
        )
        return keep_where(manifest, where)
    named = parent.data.get("path")
    if named is None or named in (STDIO, input_name(STDIO)) or not is_regular(named):
        fate = (
            f"was trained on {input_name(named)}, which is not here" if named else "names no data"
        )
        raise UserError(
            f"{input_name(path)} {fate}; name the data with --data LABELS.csv, or {way_out}"
        )
    logger.info("%s names the data: %s", input_name(path), named)
    try:
        manifest = read_manifest(named, image_root=root, allow_outside=outside, cluster=cluster)
    except UserError:
        # The original error may quote the file, and somebody else chose which file that is.
        raise UserError(
            f"{named}, which {input_name(path)} names, is not a usable manifest; use --data "
            "LABELS.csv, which reports what is wrong"
        ) from None
    if manifest.sha256 != parent.data.get("sha256"):
        logger.warning("%s has changed since %s was trained on it", named, input_name(path))
    return keep_where(manifest, where)
