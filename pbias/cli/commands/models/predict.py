"""`pbias predict`: what a network says of images."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.options.common import (
    AllowOutside,
    BadImage,
    Cluster,
    Device,
    DryRun,
    ImageRoot,
    LabelsFile,
    NoClobber,
    OnBadImage,
    Output,
    Quiet,
    Verbose,
    Workers,
)
from pbias.cli.options.networks import (
    ForeignArch,
    ForeignGroups,
    ForeignMean,
    ForeignResize,
    ForeignSize,
    ForeignStd,
    ForeignTargets,
    Model,
    ModelArgs,
    named,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pbias.files.checkpoint import Checkpoint
    from pbias.files.logits import Logits
    from pbias.files.manifest import Int64, Labels, Manifest

logger = logging.getLogger(__name__)


def predict(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL.pt", help="Checkpoint, state dict or program; '-': stdin."),
    ],
    labels: LabelsFile,
    output: Output,
    split: Annotated[
        str, typer.Option("--split", metavar="SPLIT", help="train, valid, test or all.")
    ] = "test",
    arch: ForeignArch = None,
    own_model: Model = None,
    model_args: ModelArgs = None,
    trust_program: Annotated[
        bool,
        typer.Option(
            "--trust-program", help="Open an exported program (.pt2), which can run any code."
        ),
    ] = False,
    targets: ForeignTargets = None,
    groups: ForeignGroups = None,
    cluster: Cluster = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    image_root: ImageRoot = None,
    thresholds: Annotated[
        str | None,
        typer.Option("--thresholds", metavar="CSV", help="Logit thresholds to store: 'calibrate'."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Images at a time; no matter for the result.")
    ] = 256,
    device: Device = "auto",
    precision: Annotated[
        str,
        typer.Option(
            "--precision", metavar="NAME", help="fp32 (auto, so files compare), bf16 or fp16."
        ),
    ] = "auto",
    dry_run: DryRun = False,
    workers: Workers = 0,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Run a network on the images of a manifest; write logits and what is known of the images.

    Labels, groups and clusters are taken from the manifest where it has the columns that the
    network was trained with; elsewhere they are unknown. A state dict from elsewhere needs --arch,
    or --model with code of your own, and --targets. Programs of torch.export need --trust-program.
    """
    from dataclasses import replace

    import numpy as np

    from pbias.cli.progress import bar
    from pbias.data.bad_images import BadImages
    from pbias.data.dataset import find_pictures, stream
    from pbias.files.logits import write_logits
    from pbias.files.logits.comparability import training_facts
    from pbias.files.manifest import read_manifest
    from pbias.files.provenance import environment
    from pbias.files.signatures import holds_program
    from pbias.files.streams import check_inputs, check_output, input_name
    from pbias.files.threshold_file import read_thresholds
    from pbias.models.network_files import network, read_network, read_program
    from pbias.models.preprocess import Preprocess
    from pbias.training.evaluation import check_input, predict_logits
    from pbias.training.precision import choose_precision
    from pbias.training.processes import join
    from pbias.training.setup import choose_device, describe

    check_output(output, [model, labels, thresholds], no_clobber=no_clobber)
    check_inputs([model, labels, *([] if thresholds is None else [thresholds])])
    said = named(arch, own_model, model_args, targets, groups, image_size, resize, mean, std)
    program = None
    if holds_program(model):
        checkpoint, program = read_program(model, said, trusted=trust_program)
        device = "cpu" if device == "auto" else device
    else:
        checkpoint = read_network(model, said)
    manifest = read_manifest(labels, image_root=image_root, allow_outside=allow_outside)
    _check_named(checkpoint, manifest, input_name(model))
    rows = manifest.rows(split)
    known = _labels(manifest, checkpoint, said.groups, cluster or checkpoint.data.get("cluster"))
    cuts = None if thresholds is None else read_thresholds(thresholds)
    fitted = None if cuts is None else cuts.of(checkpoint.targets)
    bad = BadImages(skip=on_bad_image is BadImage.SKIP)
    pictures = find_pictures(manifest, known, rows, bad)
    preprocess = Preprocess.from_dict(checkpoint.preprocess)
    chosen_device = choose_device(device)
    net = program or network(checkpoint)
    check_input(net, preprocess.crop, len(checkpoint.targets))
    if precision == "auto":
        precision = "fp32"  # or logits of different machines could not be compared
    else:
        precision = choose_precision(precision, chosen_device, net)
    if dry_run:
        logger.info(
            "would predict %d targets of %s images of split %s in %s; would write %s",
            *(len(checkpoint.targets), f"{len(rows):,}", split, precision, output),
        )
        return
    several = join(chosen_device)
    share = several.part(len(pictures))
    own_pictures = pictures.only(range(share.start, share.stop))
    with bar("predicting") as progress:
        blocks = stream(
            own_pictures, preprocess, bad=bad, workers=workers,
            progress=progress,
        )  # fmt: skip
        own = predict_logits(net, blocks, chosen_device, batch_size, precision)
    shares = several.gather((own, bad.skipped))
    if several.rank:
        return
    logits = np.concatenate([part for part, _ in shares])
    for _, skipped in shares:
        bad.skipped.update(skipped)
    bad.report()
    rows = bad.kept(manifest.ids, rows)
    logger.info("%s images predicted", f"{len(rows):,}")
    meta = {
        "environment": environment(describe(chosen_device)),
        "sha256": {
            "model": checkpoint.sha256,
            "manifest": manifest.sha256,
            **({} if cuts is None else {"thresholds": cuts.sha256}),
        },
        **training_facts(checkpoint),
        "arguments": {"split": split, "batch_size": batch_size, "precision": precision},
        "skipped": len(bad.skipped),
    }
    found = _logits(logits, checkpoint, manifest, known, rows, split, meta)
    write_logits(replace(found, thresholds=fitted), output)


def _check_named(checkpoint: Checkpoint, manifest: Manifest, path: str) -> None:
    """Weights from elsewhere, of which nobody said what the outputs are, predict nothing."""
    from pbias.errors import UserError

    targets = checkpoint.targets
    invented = [f"output_{index}" for index in range(len(targets))]
    if targets == invented and not set(targets) & manifest.columns.keys():
        what = f"{path} does not say what its {len(targets)} outputs are"
        raise UserError(
            f"{what}; name them with --targets, or those of a checkpoint when it is pruned"
        )


def _labels(
    manifest: Manifest, checkpoint: Checkpoint, groups: list[str], cluster: str | None
) -> Labels:
    """What the manifest has of the checkpoint's columns, or of the groups that were named."""
    from pbias.files.manifest import select

    return select(
        manifest,
        targets=checkpoint.targets,
        groups=groups or checkpoint.groups,
        cluster=cluster,
        group_values=None if groups else checkpoint.group_values,
        strict=False,
    )


def _train_counts(
    checkpoint: Checkpoint, manifest: Manifest, known: Labels
) -> npt.NDArray[np.int64] | None:
    """The checkpoint's, or those of the manifest's training rows for what has none.

    Also where groups were named that the checkpoint does not know.
    """
    from pbias.files.manifest import train_counts

    if checkpoint.train_counts is not None and known.group_names == checkpoint.groups:
        return checkpoint.train_counts
    if "train" not in manifest.splits or not (known.labels >= 0).any():
        return None
    logger.info("training counts are those of the split 'train' of %s", manifest.path)
    return train_counts(known, manifest.rows("train"))


def _logits(
    logits: npt.NDArray[np.float32],
    checkpoint: Checkpoint,
    manifest: Manifest,
    known: Labels,
    rows: Int64,
    split: str,
    meta: dict[str, object],
) -> Logits:
    import numpy as np

    from pbias.files.logits import Logits

    clusters = None if known.clusters is None else np.array(known.clusters)[rows]
    return Logits(
        logits=logits,
        labels=known.labels[rows],
        targets=tuple(known.targets),
        ids=np.array(manifest.ids)[rows],
        groups=known.groups[rows],
        group_names=tuple(known.group_names),
        group_values=tuple(map(tuple, known.group_values)),
        clusters=clusters,
        train_counts=_train_counts(checkpoint, manifest, known),
        activation="softmax" if checkpoint.recipe.get("loss") == "cross-entropy" else "sigmoid",
        split=split,
        meta=meta,
    )
