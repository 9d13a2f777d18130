"""`pbias prune`: set the smallest weights to zero, at once or while training goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pbias.workflows.runs.values import asked_sparsity, parse_jobs
from pbias.cli.options.common import (
    AllowOutside,
    BadImage,
    Cache,
    Compile,
    Device,
    DryRun,
    ImageRoot,
    NoClobber,
    OnBadImage,
    OutputOrNone,
    Pack,
    PrecisionChoice,
    Quiet,
    Resume,
    Seed,
    Verbose,
    Workers,
)
from pbias.cli.options.networks import (
    ForeignArch,
    ForeignMean,
    ForeignResize,
    ForeignSize,
    ForeignStd,
    ForeignTargets,
    Model,
    ModelArgs,
    named,
)
from pbias.cli.options.pruning import (
    AtOnce,
    BnBatches,
    CheckpointOrNone,
    Data,
    Exclude,
    InitialSparsity,
    MinKeep,
    MinKeepRow,
    Only,
    Pattern,
    PruningEpochs,
    PruningSchedule,
    PruningScheduleName,
    Scope,
    ScopeName,
    Score,
    ScoreName,
    Sparsity,
    Steps,
)
from pbias.cli.options.training import (
    Augment,
    BatchSize,
    Epochs,
    Lr,
    LrPerEpoch,
    LrSchedule,
    Momentum,
    Optimizer,
    PrintConfig,
    RecipeName,
    ResetMomentum,
    WarmupEpochs,
    WeightDecay,
)
from pbias.cli.prune_ways import check_gradual, check_one_shot
from pbias.workflows.runs.settings import method_of, required, settings
from pbias.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from pbias.files.checkpoint import Checkpoint
    from pbias.models.network_files import Named
    from pbias.pruning.method import Method


logger = logging.getLogger(__name__)

BN_BATCHES = 50


def prune(
    checkpoint: CheckpointOrNone = None,
    sparsity: Sparsity = None,
    output: OutputOrNone = None,
    one_shot: AtOnce = False,
    arch: ForeignArch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: ForeignTargets = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    data: Data = None,
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
    bn_batches: BnBatches = None,
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

    method = method_of(options)
    if print_config:
        _print_config(checkpoint, options)
        return
    checkpoint, output = (
        required(checkpoint, "argument 'CHECKPOINT'", "prune"),
        required(output, "option '--output' / '-o'", "prune"),
    )
    jobs = parse_jobs(asked_sparsity(sparsity, method), output)
    if one_shot:
        num_batches = bn_batches or (BN_BATCHES if data else 0)
        check_one_shot(options, num_batches)
    else:
        check_gradual(bn_batches)
    check_inputs([checkpoint, *([data] if data else [])])
    for _, path in jobs:
        check_output(path, [checkpoint, data], no_clobber=no_clobber and not resume)
    said = named(arch, model, model_args, targets, None, image_size, resize, mean, std)
    parent, network = _read(checkpoint, said, method, [target for target, _ in jobs])
    skip = on_bad_image is BadImage.SKIP
    if not one_shot:
        from pbias.workflows.prune import Tuning, prune_gradually
        from pbias.data.bad_images import BadImages

        tuning = Tuning(
            data, image_root, cache, workers, device,
            settings("pt", options, Recipe.from_dict(parent.recipe)), method,
            BadImages(skip), allow_outside, precision, resume, dry_run,
        )  # fmt: skip
        prune_gradually(parent, checkpoint, jobs, tuning, packed=pack)
        return
    from pbias.workflows.one_shot import OneShot, prune_and_save

    reestimation = None
    if num_batches:
        from pbias.pruning.batch_norm import find
        from pbias.data.bad_images import BadImages

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
    from pbias.workflows.runs.print_config import print_settings

    before = None
    if options["recipe_name"] is None:
        from pbias.files.checkpoint import Checkpoint, load_network_file

        parent = load_network_file(required(checkpoint, "argument 'CHECKPOINT'", "prune"))
        before = Recipe.from_dict(parent.recipe) if isinstance(parent, Checkpoint) else None
    print_settings("prune", settings("pt", options, before), options)


def _read(
    path: str, said: Named, method: Method, sparsities: list[float]
) -> tuple[Checkpoint, nn.Module]:
    """The checkpoint and its network, which can be pruned to each of the sparsities."""
    from pbias.models.network_files import network, read_network
    from pbias.pruning.one_shot import check_method, check_range

    for sparsity in sparsities:
        check_range(sparsity)
    parent = read_network(path, said)
    model = network(parent)
    check_method(method, parent, model, sparsities, path)
    return parent, model
