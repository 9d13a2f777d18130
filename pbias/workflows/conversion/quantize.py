"""Quantize a network to int8, with scales from its training images."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pbias.data.bad_images import BadImages
from pbias.data.batches import make_batch, row_batches
from pbias.data.dataset import Pictures, find_pictures, stream
from pbias.errors import UserError, argument
from pbias.files.checkpoint import Checkpoint
from pbias.files.manifest import Manifest, read_manifest, select
from pbias.files.signatures import holds_onnx
from pbias.files.streams import check_inputs, check_output, input_name, output_name, write_bytes
from pbias.models.network_files import network, read_network, read_onnx
from pbias.models.onnx.export import export, write_metadata
from pbias.models.onnx.graph_file import OnnxFile
from pbias.models.onnx.metadata import metadata_of
from pbias.models.onnx.runtime import OnnxNetwork
from pbias.models.onnx.static_int8 import check_quantizable
from pbias.models.onnx.static_int8 import quantize as to_int8
from pbias.models.preprocess import Preprocess
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.networks import named
from pbias.workflows.runs.options import QuantizeOptions
from pbias.workflows.runs.values import selectors, text_or_none

logger = logging.getLogger(__name__)


class _Seen:
    """First batch of the calibration, and the number of images."""

    def __init__(self) -> None:
        self.first, self.num = torch.empty(0), 0

    def add(self, images: Tensor) -> Tensor:
        """Return the batch as it is."""
        self.first = self.first if self.num else images
        self.num += len(images)
        return images


def quantize(
    model: str | Path,
    output: str | Path,
    options: QuantizeOptions | None = None,
    *,
    watch: Watch = silent,
    **changes: Any,
) -> Path:
    """Write a checkpoint, state dict or ONNX network as static int8 ONNX; return the file.

    The options are those of `pbias quantize`. Pass them as fields of QuantizeOptions or as
    keywords, for example `quantize("dense.pt", "int8.onnx", data="faces/labels.csv")`. Raises
    UserError for invalid inputs and options.
    """
    options = dataclasses.replace(options or QuantizeOptions(), **changes)
    if options.data is None:
        raise UserError(f"quantization needs images; name a manifest with {argument('data')}")
    path, data, target = str(model), str(options.data), str(output)
    check_output(target, [path, data], no_clobber=options.no_clobber)
    check_inputs([path, data])
    checkpoint, file = _read(path, options)
    check_quantizable(file)
    manifest = read_manifest(
        data, image_root=text_or_none(options.image_root), allow_outside=options.allow_outside
    )
    bad = BadImages(options.skip_bad_images)
    pictures = _draw(manifest, options, bad)
    net, preprocess = OnnxNetwork(file, options.output_name), _preprocess(checkpoint)
    exclude, seen = selectors(options.exclude), _Seen()
    with watch("calibrating") as progress:
        batches = _batches(pictures, preprocess, options, bad, progress)
        feeds = (feed for images in map(seen.add, batches) for feed in net.feeds(images))
        small = to_int8(file, feeds, per_channel=options.per_channel, exclude=exclude)
    bad.report()
    record = {
        "method": "static int8 (QDQ)",
        "per_channel": options.per_channel,
        "exclude": list(exclude),
        "num_images": seen.num,
        "seed": options.seed,
        "data_sha256": manifest.sha256,
    }
    checkpoint = dataclasses.replace(checkpoint, parents=[checkpoint.sha256])
    write_metadata(small.model, metadata_of(checkpoint, record))
    result = small.data()
    write_bytes(target, result)
    logger.info(
        "%s: %s bytes in int8, %.1f %% of the %s in floating point; calibrated on %d images",
        *(output_name(target), f"{len(result):,}", 100 * len(result) / file.num_bytes),
        *(f"{file.num_bytes:,}", record["num_images"]),
    )
    one_of = (checkpoint.activation or net.activation) == "softmax"
    _compare(net, OnnxNetwork(small, options.output_name), seen.first, one_of=one_of)
    return Path(target)


def _preprocess(checkpoint: Checkpoint) -> Preprocess:
    return Preprocess.from_dict(checkpoint.preprocess)


def _compare(net: OnnxNetwork, small: OnnxNetwork, images: Tensor, *, one_of: bool) -> None:
    """Log the difference of int8 from floating point on a batch; `one_of`: outputs are classes."""
    before, after = net(images), small(images)
    if one_of:
        same, what = before.argmax(1) == after.argmax(1), "classes"
    else:
        same, what = (before > 0) == (after > 0), "predictions (logit above 0)"
    logger.info(
        "on %d of these images logits differ by at most %.3g, and %.1f %% of the %s are the same",
        *(len(images), float((before - after).abs().max()), 100 * float(same.float().mean())),
        what,
    )


def _read(path: str, options: QuantizeOptions) -> tuple[Checkpoint, OnnxFile]:
    said = named(options)
    if holds_onnx(path):
        checkpoint, _, file = read_onnx(path, said, options.output_name)
        return checkpoint, file
    if options.output_name is not None:
        raise UserError(
            f"{input_name(path)} is not an ONNX network; leave out {argument('output_name')}"
        )
    checkpoint = read_network(path, said)
    return checkpoint, export(checkpoint, network(checkpoint), input_name(path))


def _draw(manifest: Manifest, options: QuantizeOptions, bad: BadImages) -> Pictures:
    """Draw the calibration images from the training rows or, if there are none, from all rows."""
    split = "train" if "train" in manifest.splits else "all"
    if split == "all":
        logger.info("%s has no rows of split 'train'; calibrating on all rows", manifest.path)
    rows = np.random.default_rng(options.seed).permutation(manifest.rows(split))
    rows = rows[: options.batches * options.batch_size]
    return find_pictures(manifest, select(manifest, targets=[]), rows, bad)


def _batches(
    pictures: Pictures,
    preprocess: Preprocess,
    options: QuantizeOptions,
    bad: BadImages,
    progress: Any,
) -> Iterator[Tensor]:
    device = torch.device("cpu")
    blocks = stream(pictures, preprocess, bad=bad, workers=options.workers, progress=progress)
    for block in blocks:
        for rows in row_batches(len(block), options.batch_size, None):
            yield make_batch(block, rows, device)
