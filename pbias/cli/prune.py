"""`pbias prune`: set the smallest weights to zero, at once or while training goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from pbias.cli.options import (
    AllowOutside,
    BadImage,
    Cache,
    Device,
    ImageRoot,
    NoClobber,
    OnBadImage,
    Output,
    Quiet,
    Seed,
    Verbose,
    Workers,
)

if TYPE_CHECKING:
    from torch import nn

    from pbias.files.checkpoint import Checkpoint


NUM_STEPS = 20


def prune(
    checkpoint: Annotated[
        str, typer.Argument(metavar="CHECKPOINT", help="Trained network; '-' is standard input.")
    ],
    sparsity: Annotated[
        str,
        typer.Option(
            "--sparsity",
            metavar="S[,S]",
            help="Share of weights that become zero, 0 to 1; several: '{sparsity}' in -o.",
        ),
    ],
    output: Output,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="Prune at once, without training or data.")
    ] = False,
    arch: Annotated[
        str | None,
        typer.Option(
            "--arch", metavar="NAME", help="Architecture of a bare state dict (with --one-shot)."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="LABELS.csv", help="Train on this [default: the checkpoint's data]."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Epochs of training [default: as before]."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            "--pruning-steps",
            min=1,
            help="Pruning steps, over the first 6 tenths of the epochs [default: 20].",
        ),
    ] = None,
    pruning_schedule: Annotated[
        str,
        typer.Option("--pruning-schedule", metavar="NAME", help="cubic, linear or constant."),
    ] = "cubic",
    lr: Annotated[
        float | None, typer.Option("--lr", help="Learning rate [default: as before].")
    ] = None,
    lr_schedule: Annotated[
        str | None,
        typer.Option(
            "--lr-schedule", metavar="NAME", help="constant, linear, cosine [default: as before]."
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option("--optimizer", metavar="NAME", help="sgd or adam [default: as before]."),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option("--weight-decay", help="Weight decay [default: as before].")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Images a batch [default: as before].")
    ] = None,
    pack: Annotated[
        bool, typer.Option("--pack", help="Write a packed file: a bitmask and what is not zero.")
    ] = False,
    image_root: ImageRoot = None,
    cache: Cache = None,
    seed: Seed = 0,
    device: Device = "auto",
    workers: Workers = 0,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Prune a network by magnitude, globally and to an exact count of zeros.

    By default sparsity rises over some epochs of training on the data that the checkpoint names,
    and the last epochs recover. --one-shot only sets weights to zero.
    """
    from pbias.files.streams import check_inputs, check_output

    jobs = parse_jobs(sparsity, output)
    recipe = {
        "epochs": epochs,
        "lr": lr,
        "lr_schedule": lr_schedule,
        "optimizer": optimizer,
        "weight_decay": weight_decay,
        "batch_size": batch_size,
    }
    _check_options(one_shot, arch, {"data": data, "steps": steps, **recipe})
    check_inputs([checkpoint, *([data] if data else [])])
    for _, path in jobs:
        check_output(path, no_clobber=no_clobber)
    parent, model = _read(checkpoint, arch, [target for target, _ in jobs])
    if one_shot:
        _prune_at_once(parent, model, jobs, packed=pack)
        return
    from pbias.cli.gradual import Tuning, prune_gradually
    from pbias.data.bad import BadImages

    tuning = Tuning(
        data, image_root, cache, workers, device, steps or NUM_STEPS, pruning_schedule,
        {**recipe, "seed": seed}, BadImages(skip=on_bad_image is BadImage.SKIP), allow_outside,
    )  # fmt: skip
    prune_gradually(parent, checkpoint, jobs, tuning, packed=pack)


def parse_jobs(sparsity: str, output: str) -> list[tuple[float, str]]:
    """Each sparsity with its output, the lowest first."""
    from pbias.errors import UserError

    words = [word.strip() for word in sparsity.split(",")]
    try:
        jobs = {float(word): output.replace("{sparsity}", word) for word in words}
    except ValueError as error:
        raise UserError(f"--sparsity {sparsity} is no number; give one, as in 0.95") from error
    if len(jobs) != 1 and "{sparsity}" not in output:
        raise UserError(
            f"{len(jobs)} sparsities go into one file {output}; write '{{sparsity}}' in its name,"
            " as in -o 's{sparsity}.pt'"
        )
    return sorted(jobs.items())


def _check_options(one_shot: bool, arch: str | None, tuning: Mapping[str, object]) -> None:
    from pbias.errors import UserError

    given = [name.replace("_", "-") for name, value in tuning.items() if value is not None]
    if one_shot and given:
        raise UserError(f"--{given[0]} has no effect with --one-shot; leave one of them out")
    if arch and not one_shot:
        raise UserError("--arch is for bare state dicts, which are pruned with --one-shot; add it")


def _read(path: str, arch: str | None, sparsities: list[float]) -> tuple[Checkpoint, nn.Module]:
    """The checkpoint and its network, which can be pruned to each of the sparsities."""
    from pbias.files.checkpoint import load_checkpoint
    from pbias.pruning.networks import adopt, network
    from pbias.pruning.one_shot import check_range, check_reachable, measure

    for sparsity in sparsities:
        check_range(sparsity)
    parent = adopt(path, arch) if arch else load_checkpoint(path)
    model = network(parent)
    counts = measure(parent, model)
    for sparsity in sparsities:
        check_reachable(sparsity, counts, path)
    return parent, model


def _prune_at_once(
    parent: Checkpoint, model: nn.Module, jobs: list[tuple[float, str]], *, packed: bool
) -> None:
    """From low to high in place: what goes at a low sparsity goes at a higher one as well."""
    from pbias.files.checkpoint import save_checkpoint
    from pbias.pruning.one_shot import prune_at_once, report

    for sparsity, path in jobs:
        child, counts = prune_at_once(parent, model, sparsity)
        save_checkpoint(child, path, packed=packed)
        report(child, counts, path)
