"""Write a network as an ONNX file that contains its targets and preprocessing."""

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
    """Write the network of a checkpoint or state dict as ONNX, and check it against torch.

    Returns the path of the written file. The options are those of `pbias export`. Pass them as
    fields of ExportOptions or as keywords. Targets, groups, preprocessing and training counts
    become metadata of the file, so that `predict` needs no options. Raises UserError for invalid
    inputs, and if the logits differ from torch.
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
