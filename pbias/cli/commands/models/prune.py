"""`pbias prune`: set the smallest weights to zero, at once or while training goes on."""

from __future__ import annotations

from pbias.cli.options.common import (
    AllowOutside,
    BadImage,
    Cache,
    Classes,
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
    Loss,
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
    required,
    resume_command,
)


def prune(
    checkpoint: CheckpointOrNone = None,
    sparsity: Sparsity = None,
    output: OutputOrNone = None,
    one_shot: AtOnce = False,
    arch: ForeignArch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: ForeignTargets = None,
    classes: Classes = None,
    image_size: ForeignSize = None,
    resize: ForeignResize = None,
    mean: ForeignMean = None,
    std: ForeignStd = None,
    data: Data = None,
    recipe_name: RecipeName = None,
    loss: Loss = None,
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
    from pbias.cli.progress import bar
    from pbias.workflows import prune as workflow
    from pbias.workflows.runs.options import PruneOptions

    options = PruneOptions(
        one_shot=one_shot, data=data, bn_batches=bn_batches, image_root=image_root,
        allow_outside=allow_outside, skip_bad_images=on_bad_image is BadImage.SKIP,
        workers=workers, cache=cache, arch=arch, factory=model, model_args=model_args,
        targets=targets, classes=classes, loss=loss,
        image_size=image_size, resize=resize, mean=mean, std=std,
        recipe=recipe_name, epochs=epochs, batch_size=batch_size, optimizer=optimizer, lr=lr,
        lr_schedule=lr_schedule, warmup_epochs=warmup_epochs, lr_per_epoch=lr_per_epoch,
        momentum=momentum, reset_momentum=reset_momentum, weight_decay=weight_decay,
        augment=augment, seed=seed, sparsity=sparsity, steps=steps, pruning_epochs=pruning_epochs,
        pruning_schedule=pruning_schedule, initial_sparsity=initial_sparsity,
        score=score, scope=scope, pattern=pattern, only=only, exclude=exclude,
        min_keep=min_keep, min_keep_row=min_keep_row, device=device, precision=precision,
        compile=compile_, pack=pack, no_clobber=no_clobber, resume=resume,
        resume_hint=resume_command(), dry_run=dry_run,
    )  # fmt: skip
    if print_config:
        if recipe_name is None:
            required(checkpoint, "argument 'CHECKPOINT'", "prune")
        print(workflow.prune_config(checkpoint, options))
        return
    workflow.prune(
        required(checkpoint, "argument 'CHECKPOINT'", "prune"),
        required(output, "option '--output' / '-o'", "prune"),
        options,
        watch=bar,
    )
