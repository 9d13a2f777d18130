"""Run a network on the images of a manifest, and return logits with labels and groups."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from pbias.data.bad_images import BadImages
from pbias.data.dataset import Pictures, find_pictures, stream
from pbias.errors import UserError, argument
from pbias.files.checkpoint import Checkpoint
from pbias.files.logits import Logits, write_logits
from pbias.files.logits.comparability import training_facts
from pbias.files.manifest import Int64, Labels, Manifest, read_manifest, select, train_counts
from pbias.files.provenance import environment
from pbias.files.signatures import holds_onnx, holds_program
from pbias.files.streams import check_inputs, check_output, input_name
from pbias.files.threshold_file import Thresholds, read_thresholds
from pbias.models.network_files import network, read_network, read_onnx, read_program
from pbias.models.onnx.inventory import weight_facts
from pbias.models.onnx.runtime import OnnxNetwork
from pbias.models.preprocess import Preprocess
from pbias.training.evaluation import check_input, predict_logits
from pbias.training.precision import choose_precision
from pbias.training.processes import join
from pbias.training.setup import choose_device, describe
from pbias.training.threads import Threads
from pbias.workflows.inputs.never_predicted import say_never_predicted
from pbias.workflows.progress import Watch, silent
from pbias.workflows.runs.classes import activation, are_unnamed, with_classes
from pbias.workflows.runs.networks import named
from pbias.workflows.runs.options import PredictOptions
from pbias.workflows.runs.values import names, text_or_none

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """A network and the images to run it on, checked."""

    options: PredictOptions
    checkpoint: Checkpoint
    network: nn.Module
    manifest: Manifest
    known: Labels
    rows: Int64  # row numbers in the manifest
    pictures: Pictures
    bad: BadImages
    thresholds: Thresholds | None
    device: torch.device
    precision: str
    activation: str
    counted: dict[str, float]  # in the weights of an ONNX graph


def predict(
    model: str | Path,
    labels: str | Path,
    output: str | Path | None = None,
    options: PredictOptions | None = None,
    *,
    watch: Watch = silent,
    **changes: Any,
) -> Logits:
    """Run a network on the images of a manifest; return the logits, and write them to `output`.

    `model` is a checkpoint, a state dict, an ONNX network or an exported program. The options are
    those of `pbias predict`. Pass them as fields of PredictOptions or as keywords, for example
    `predict("s95.pt", "faces/labels.csv", split="valid")`. If `torchrun` started several processes,
    the first one returns and writes all rows, and each of the others returns its own rows. Raises
    UserError for invalid inputs and options.
    """
    options = dataclasses.replace(options or PredictOptions(), **changes)
    job = _prepare(str(model), str(labels), text_or_none(output), options)
    several = join(job.device)
    share = several.part(len(job.pictures))
    own = job.pictures.only(range(share.start, share.stop))
    shares = several.gather((_run(job, own, watch), job.bad.skipped))
    for _, skipped in shares:
        job.bad.skipped.update(skipped)
    job.bad.report()
    rows = job.bad.kept(job.manifest.ids, job.rows)
    if several.rank:
        rows = _rows_of(own, rows, job.manifest)
    logger.info("%s images predicted", f"{len(rows):,}")
    logits = _logits(job, np.concatenate([part for part, _ in shares]), rows)
    if output is not None and not several.rank:
        write_logits(logits, str(output))
    if not several.rank:
        named = dataclasses.replace(logits, path=str(output or model))
        say_never_predicted(named, str(model), str(labels))
    return logits


def say_what_would_be_predicted(
    model: str | Path, labels: str | Path, output: str | Path, options: PredictOptions
) -> None:
    """Check everything that `predict` needs, and log what it would do."""
    job = _prepare(str(model), str(labels), str(output), options)
    logger.info(
        "would predict %d targets of %s images of split %s in %s; would write %s",
        *(len(job.checkpoint.targets), f"{len(job.rows):,}", options.split),
        *(
            "the graph's precision" if isinstance(job.network, OnnxNetwork) else job.precision,
            output,
        ),
    )


def _prepare(model: str, labels: str, output: str | None, options: PredictOptions) -> _Job:
    cuts = text_or_none(options.thresholds)
    if output is not None:
        check_output(output, [model, labels, cuts], no_clobber=options.no_clobber)
    check_inputs([model, labels, *([] if cuts is None else [cuts])])
    checkpoint, net, device_name, counted = _read(model, options)
    manifest = read_manifest(
        labels,
        image_root=text_or_none(options.image_root),
        allow_outside=options.allow_outside,
        cluster=options.cluster or checkpoint.data.get("cluster"),
    )
    checkpoint, manifest = with_classes(checkpoint, manifest, options.classes)
    _check_named(checkpoint, manifest, input_name(model))
    rows = manifest.rows(options.split)
    known = _labels(manifest, checkpoint, options)
    in_graph = net.activation if isinstance(net, OnnxNetwork) else None
    given = options.activation or in_graph
    scale = activation(given, checkpoint, known.labels[rows], input_name(model))
    thresholds = None if cuts is None else read_thresholds(cuts)
    if thresholds is not None:
        thresholds.of(checkpoint.targets)  # fails early if a threshold is missing
    bad = BadImages(skip=options.skip_bad_images)
    pictures = find_pictures(manifest, known, rows, bad)
    device = choose_device(device_name)
    check_input(net, Preprocess.from_dict(checkpoint.preprocess).crop, len(checkpoint.targets))
    return _Job(
        options, checkpoint, net, manifest, known, rows, pictures, bad, thresholds, device,
        _precision(net, device, options), scale, counted,
    )  # fmt: skip


def _read(
    path: str, options: PredictOptions
) -> tuple[Checkpoint, nn.Module, str, dict[str, float]]:
    """Read the network, the facts known about it, its device, and what its weights say."""
    said = named(options, options.groups)
    device = "cpu" if options.device == "auto" else options.device
    if holds_onnx(path):
        checkpoint, net, file = read_onnx(path, said, options.output_name, threads=options.threads)
        return checkpoint, net, device, weight_facts(file)
    if options.output_name is not None:
        raise UserError(
            f"{input_name(path)} is not an ONNX network; leave out {argument('output_name')}"
        )
    if holds_program(path):
        return *read_program(path, said, trusted=options.trust_program), device, {}
    checkpoint = read_network(path, said)
    return checkpoint, network(checkpoint), options.device, {}


def _precision(net: nn.Module, device: torch.device, options: PredictOptions) -> str:
    if options.precision == "auto":
        return "fp32"  # otherwise logits of different machines could not be compared
    if isinstance(net, OnnxNetwork) and options.precision != "fp32":
        raise UserError(
            f"an ONNX network has a fixed precision; leave out {argument('precision')} "
            f"{options.precision}"
        )
    return choose_precision(options.precision, device, net)


def _check_named(checkpoint: Checkpoint, manifest: Manifest, path: str) -> None:
    """Raise UserError for a foreign network whose outputs have no names."""
    targets = checkpoint.targets
    if are_unnamed(targets) and not set(targets) & manifest.columns.keys():
        what = f"{path} does not say what its {len(targets)} outputs are"
        raise UserError(f"{what}; name them with --targets")


def _labels(manifest: Manifest, checkpoint: Checkpoint, options: PredictOptions) -> Labels:
    """Select the manifest's columns that the checkpoint names, or the named groups."""
    groups = names(options.groups)
    return select(
        manifest,
        targets=checkpoint.targets,
        groups=groups or checkpoint.groups,
        cluster=options.cluster or checkpoint.data.get("cluster"),
        group_values=None if groups else checkpoint.group_values,
        strict=False,
    )


def _run(job: _Job, pictures: Pictures, watch: Watch) -> npt.NDArray[np.float32]:
    preprocess = Preprocess.from_dict(job.checkpoint.preprocess)
    # ONNX Runtime has its own threads.
    measure = not isinstance(job.network, OnnxNetwork)
    threads = Threads.of(job.options.threads, job.device, measure=measure)
    with watch("predicting") as progress:
        blocks = stream(
            pictures,
            preprocess,
            bad=job.bad,
            workers=job.options.workers,
            fast=job.options.fast_decode,
            progress=progress,
        )
        return predict_logits(
            job.network, blocks, job.device, job.options.batch_size, job.precision, threads
        )


def _rows_of(pictures: Pictures, rows: Int64, manifest: Manifest) -> Int64:
    own = set(pictures.ids)
    return np.array([row for row in rows.tolist() if manifest.ids[row] in own], np.int64)


def _logits(job: _Job, logits: npt.NDArray[np.float32], rows: Int64) -> Logits:
    known, checkpoint, cuts = job.known, job.checkpoint, job.thresholds
    clusters = None if known.clusters is None else np.array(known.clusters)[rows]
    return Logits(
        logits=logits,
        labels=known.labels[rows],
        targets=tuple(known.targets),
        ids=np.array(job.manifest.ids)[rows],
        groups=known.groups[rows],
        group_names=tuple(known.group_names),
        group_values=tuple(map(tuple, known.group_values)),
        clusters=clusters,
        train_counts=_train_counts(checkpoint, job.manifest, known),
        thresholds=None if cuts is None else cuts.of(checkpoint.targets),
        activation=job.activation,
        split=job.options.split,
        meta=_meta(job),
    )


def _meta(job: _Job) -> dict[str, object]:
    """Return the record of how the logits were made."""
    digests = {"model": job.checkpoint.sha256, "manifest": job.manifest.sha256}
    if job.thresholds is not None:
        digests["thresholds"] = job.thresholds.sha256
    return {
        "environment": environment(describe(job.device)),
        "sha256": digests,
        **training_facts(job.checkpoint),
        "arguments": {
            "split": job.options.split,
            "batch_size": job.options.batch_size,
            **({} if isinstance(job.network, OnnxNetwork) else {"precision": job.precision}),
            **({"fast_decode": True} if job.options.fast_decode else {}),
        },
        "skipped": len(job.bad.skipped),
        **job.counted,
        **(job.network.facts() if isinstance(job.network, OnnxNetwork) else {}),
    }


def _train_counts(
    checkpoint: Checkpoint, manifest: Manifest, known: Labels
) -> npt.NDArray[np.int64] | None:
    """Return the checkpoint's training counts, or counts of the manifest's training rows.

    The manifest's rows are counted if the checkpoint has no counts, or none of the named groups.
    """
    if checkpoint.train_counts is not None and known.group_names == checkpoint.groups:
        return checkpoint.train_counts
    if "train" not in manifest.splits or not (known.labels >= 0).any():
        return None
    logger.info("training counts are those of the split 'train' of %s", manifest.path)
    return train_counts(known, manifest.rows("train"))
