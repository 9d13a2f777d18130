"""Write a network as an ONNX file that says what it predicts."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from pbias.files.streams import check_inputs, check_output, input_name, output_name, write_bytes
from pbias.models.network_files import network, read_network
from pbias.models.onnx.export import export as to_onnx
from pbias.workflows.runs.networks import named
from pbias.workflows.runs.options import ExportOptions

logger = logging.getLogger(__name__)


def export(
    model: str | Path,
    output: str | Path,
    options: ExportOptions | None = None,
    **changes: Any,
) -> Path:
    """Write the network of a checkpoint or state dict as ONNX, checked against torch.

    Returns the file that was written. Options are those of `pbias export`: fields of ExportOptions,
    given as such or as keywords. Targets, groups, preprocessing and training counts are kept as
    metadata of the file, so that `predict` needs no options. Raises UserError for inputs that
    cannot be used, and where the logits differ from those of torch.
    """
    options = dataclasses.replace(options or ExportOptions(), **changes)
    path, target = str(model), str(output)
    check_output(target, [path], no_clobber=options.no_clobber)
    check_inputs([path])
    checkpoint = read_network(path, named(options))
    parents = [checkpoint.sha256] if checkpoint.sha256 else []
    checkpoint = dataclasses.replace(checkpoint, parents=parents)
    file = to_onnx(checkpoint, network(checkpoint), input_name(path))
    data = file.data()
    write_bytes(target, data)
    logger.info("%s: %s bytes, the logits of torch", output_name(target), f"{len(data):,}")
    return Path(target)
