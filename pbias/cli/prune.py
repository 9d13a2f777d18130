"""`pbias prune`: set the smallest weights to zero, at once or while training goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pbias.cli.foreign import (
    ForeignMean,
    ForeignResize,
    ForeignSize,
    ForeignStd,
    ForeignTargets,
    Model,
    ModelArgs,
    named,
)
from pbias.cli.jobs import asked_sparsity, parse_jobs
from pbias.cli.options import (
    AllowOutside,
    BadImage,
    Cache,
    Compile,
    Device,
    DryRun,
    Exclude,
    ImageRoot,
    MinKeep,
    MinKeepRow,
    NoClobber,
    OnBadImage,
    Only,
    OutputOrNone,
    Pack,
    Pattern,
    PrecisionChoice,
    PruningSchedule,
    PruningScheduleName,
    Quiet,
    Resume,
    Scope,
    ScopeName,
    Score,
    ScoreName,
    Seed,
    Verbose,
    Workers,
    selectors,
)
from pbias.cli.recipes import (
    TRAINING,
    Augment,
    BatchSize,
    Epochs,
    InitialSparsity,
    Lr,
    LrPerEpoch,
    LrSchedule,
    Momentum,
    Optimizer,
    PrintConfig,
    PruningEpochs,
    RecipeName,
    ResetMomentum,
    Steps,
    WarmupEpochs,
    WeightDecay,
    first_given,
    required,
    settings,
)
from pbias.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from pbias.files.checkpoint import Checkpoint
    from pbias.pruning.method import Method
    from pbias.pruning.networks import Named


logger = logging.getLogger(__name__)

BN_BATCHES = 50
RUNNING = ("precision", "compile", "resume")


def prune(
    checkpoint: Annotated[
        str | None,
        typer.Argument(metavar="CHECKPOINT", help="Trained network; '-' is standard input."),
    ] = None,
    sparsity: Annotated[
        str | None,
        typer.Option(
            "--sparsity",
            metavar="S[,S]",
            help="Share of weights that become zero, 0 to 1; several: '{sparsity}' in -o.",
        ),
    ] = None,
    output: OutputOrNone = None,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="Prune at once, without training or data.")
    ] = False,
    arch: Annotated[
        str | None,
        typer.Option(
            "--arch", metavar="NAME", help="Architecture of a bare state dict (with --one-shot)."
        ),
    ] = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: ForeignTargets = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="LABELS.csv",
            help="Train on this, or take --bn-batches from it [default: the checkpoint's data].",
        ),
    ] = None,
    recipe_name: RecipeName = None,
    epochs: Epochs = None,
    steps: Steps = None,
    pruning_epochs: PruningEpochs = None,
    initial_sparsity: InitialSparsity = None,
    pruning_schedule: PruningScheduleName = PruningSchedule.CUBIC,
    score: ScoreName = Score.MAGNITUDE,
    scope: ScopeName = Scope.GLOBAL,
    pattern: Pattern = "unstructured",
    only: Only = None,
    exclude: Exclude = None,
    min_keep: MinKeep = 0,
    min_keep_row: MinKeepRow = 0,
    bn_batches: Annotated[
        int | None,
        typer.Option(
            "--bn-batches",
            min=1,
            help="With --one-shot: training batches to estimate batch norm from"
            " [default: 50 with --data].",
        ),
    ] = None,
    batch_size: BatchSize = None,
    optimizer: Optimizer = None,
    lr: Lr = None,
    lr_schedule: LrSchedule = None,
    warmup_epochs: WarmupEpochs = None,
    lr_per_epoch: LrPerEpoch = None,
    momentum: Momentum = None,
    reset_momentum: ResetMomentum = None,
    weight_decay: WeightDecay = None,
    augment: Augment = None,
    print_config: PrintConfig = False,
    pack: Pack = False,
    image_root: ImageRoot = None,
    cache: Cache = None,
    seed: Seed = 0,
    device: Device = "auto",
    precision: PrecisionChoice = "auto",
    compile_: Compile = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    workers: Workers = 0,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Prune a network to an exact count of zeros, by default by magnitude over all layers.

    By default sparsity rises over some epochs of training on the data that the checkpoint names,
    by the recipe that it was trained with, and the last epochs recover. --one-shot only sets
    weights to zero; where --data is named it estimates the statistics of batch normalisation anew.
    """
    options = dict(locals())
    from pbias.files.streams import check_inputs, check_output
    from pbias.pruning.method import Method

    method = Method(
        score, scope, pattern, selectors(only), selectors(exclude), min_keep, min_keep_row, seed
    )
    if print_config:
        _print_config(checkpoint, options)
        return
    checkpoint, output = required(checkpoint, "CHECKPOINT"), required(output, "--output / -o")
    jobs = parse_jobs(asked_sparsity(sparsity, method), output)
    if one_shot:
        num_batches = bn_batches or (BN_BATCHES if data else 0)
        running = {
            "precision": None if precision == "auto" else precision,
            "compile": compile_ or None,
            "resume": resume or None,
        }
        _check_one_shot({**options, **running}, steps, pruning_schedule, num_batches)
    else:
        _check_gradual(arch, bn_batches)
    check_inputs([checkpoint, *([data] if data else [])])
    for _, path in jobs:
        check_output(path, no_clobber=no_clobber and not resume)
    said = named(arch, model, model_args, targets, None, image_size, resize, mean, std)
    parent, network = _read(checkpoint, said, method, [target for target, _ in jobs])
    skip = on_bad_image is BadImage.SKIP
    if not one_shot:
        from pbias.cli.gradual import Tuning, prune_gradually
        from pbias.data.bad import BadImages

        tuning = Tuning(
            data, image_root, cache, workers, device,
            settings("pt", options, Recipe.from_dict(parent.recipe)), method,
            BadImages(skip), allow_outside, precision, resume, dry_run,
        )  # fmt: skip
        prune_gradually(parent, checkpoint, jobs, tuning, packed=pack)
        return
    from pbias.cli.at_once import OneShot, prune_and_save

    reestimation = None
    if num_batches:
        from pbias.cli.batch_norm import find
        from pbias.data.bad import BadImages

        reestimation = find(
            parent, checkpoint, data, image_root, num_batches, batch_size,
            seed=seed, workers=workers, device=device, bad=BadImages(skip),
            allow_outside=allow_outside,
        )  # fmt: skip
    if dry_run:
        logger.info("would write %s without training", ", ".join(path for _, path in jobs))
        return
    how = OneShot(method, pruning_schedule, steps or 1, reestimation)
    prune_and_save(parent, network, jobs, how, packed=pack)


def _print_config(checkpoint: str | None, options: Mapping[str, Any]) -> None:
    from pbias.cli.print_config import print_settings

    before = None
    if options["recipe_name"] is None:
        from pbias.files.checkpoint import load_checkpoint

        before = Recipe.from_dict(load_checkpoint(required(checkpoint, "CHECKPOINT")).recipe)
    print_settings("prune", settings("pt", options, before), options)


def _check_one_shot(
    options: Mapping[str, Any], steps: int | None, schedule: str, num_batches: int
) -> None:
    from pbias.errors import UserError

    allowed = {"loss", "seed", "batch_size" if num_batches else ""}
    names = [name for name in TRAINING if name not in allowed]
    names += ["pruning_epochs", "initial_sparsity", *RUNNING]
    useless = "--recipe" if options["recipe_name"] else first_given(options, names)
    if useless:
        raise UserError(f"{useless} has no effect with --one-shot; leave one of them out")
    if schedule != PruningSchedule.CUBIC and steps is None:
        raise UserError("--pruning-schedule has no effect with --one-shot in one step; add --steps")


def _check_gradual(arch: str | None, bn_batches: int | None) -> None:
    from pbias.errors import UserError

    if arch:
        raise UserError("--arch is for bare state dicts, which are pruned with --one-shot; add it")
    if bn_batches:
        raise UserError("--bn-batches is for --one-shot, for training estimates them; leave it out")


def _read(
    path: str, said: Named, method: Method, sparsities: list[float]
) -> tuple[Checkpoint, nn.Module]:
    """The checkpoint and its network, which can be pruned to each of the sparsities."""
    from pbias.pruning.networks import network, read_network
    from pbias.pruning.one_shot import check_method, check_range

    for sparsity in sparsities:
        check_range(sparsity)
    parent = read_network(path, said)
    model = network(parent)
    check_method(method, parent, model, sparsities, path)
    return parent, model
