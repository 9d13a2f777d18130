"""`pbias train`: a network from a manifest of labelled images."""

from __future__ import annotations

from pbias.workflows.runs.values import asked_sparsity
from pbias.cli.options.common import (
    AllowOutside,
    BadImage,
    Cache,
    Cluster,
    Compile,
    Device,
    DryRun,
    Groups,
    ImageRoot,
    NoClobber,
    OnBadImage,
    OutputOrNone,
    Pack,
    PrecisionChoice,
    Quiet,
    Resume,
    Seed,
    Targets,
    Verbose,
    Workers,
    names,
)
from pbias.cli.options.networks import Model, ModelArgs, architecture
from pbias.cli.options.pruning import (
    Exclude,
    InitialSparsity,
    MinKeep,
    MinKeepRow,
    Only,
    Pattern,
    PruningEpochs,
    PruningScheduleOrNone,
    Scope,
    ScopeName,
    Score,
    ScoreName,
    SparsityWhileTraining,
    Steps,
)
from pbias.cli.options.training import (
    Arch,
    Augment,
    BatchSize,
    Epochs,
    ImageSize,
    Init,
    LabelsOrNone,
    Loss,
    Lr,
    LrPerEpoch,
    LrSchedule,
    Mean,
    Momentum,
    Optimizer,
    PrintConfig,
    RecipeName,
    ResetMomentum,
    Resize,
    Std,
    WarmupEpochs,
    WeightDecay,
    Where,
)
from pbias.workflows.runs.settings import method_of, required, settings


def train(
    labels: LabelsOrNone = None,
    output: OutputOrNone = None,
    arch: Arch = None,
    model: Model = None,
    model_args: ModelArgs = None,
    targets: Targets = None,
    groups: Groups = None,
    cluster: Cluster = None,
    where: Where = None,
    image_root: ImageRoot = None,
    image_size: ImageSize = None,
    resize: Resize = None,
    mean: Mean = "0.5,0.5,0.5",
    std: Std = "0.5,0.5,0.5",
    recipe_name: RecipeName = None,
    loss: Loss = None,
    epochs: Epochs = None,
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
    init: Init = None,
    sparsity: SparsityWhileTraining = None,
    steps: Steps = None,
    pruning_epochs: PruningEpochs = None,
    pruning_schedule: PruningScheduleOrNone = None,
    initial_sparsity: InitialSparsity = None,
    score: ScoreName = Score.MAGNITUDE,
    scope: ScopeName = Scope.GLOBAL,
    pattern: Pattern = "unstructured",
    only: Only = None,
    exclude: Exclude = None,
    min_keep: MinKeep = 0,
    min_keep_row: MinKeepRow = 0,
    pack: Pack = False,
    print_config: PrintConfig = False,
    seed: Seed = 0,
    device: Device = "auto",
    precision: PrecisionChoice = "auto",
    compile_: Compile = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    workers: Workers = 0,
    cache: Cache = None,
    on_bad_image: OnBadImage = BadImage.ERROR,
    allow_outside: AllowOutside = False,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Train a network on the images and labels of a manifest; keep its best validation epoch.

    With --sparsity it is pruned while it learns, from random weights on and by default by magnitude
    (gradual magnitude pruning), and the best epoch is one of those at the final sparsity.
    """
    options = dict(locals())
    from pbias.workflows.runs.networks import Look
    from pbias.data.bad_images import BadImages
    from pbias.files.streams import check_inputs, check_output

    method = method_of(options)
    prunes = sparsity is not None or method.implied_sparsity is not None
    asked = settings("ri" if prunes else "dense", options)
    look = Look.of(image_size or asked.image_size, resize, mean, std)
    if print_config:
        from pbias.workflows.runs.print_config import print_settings

        print_settings("train", asked, {**options, **look.as_options()})
        return
    from pbias.cli.scratch import plan_pruning
    from pbias.workflows.train import Task, train_network
    from pbias.models.user_factory import parse_args

    labels, output = (
        required(labels, "argument 'LABELS.csv'", "train"),
        required(output, "option '--output' / '-o'", "train"),
    )
    arch, args = architecture(arch, model), parse_args(model_args)
    sparsity = asked_sparsity(sparsity, method) if prunes else None
    jobs, ramp = plan_pruning(sparsity, output, asked, method, options)
    for path in [path for _, path in jobs] or [output]:
        check_output(path, [labels, init], no_clobber=no_clobber and not resume)
    check_inputs([labels, *([init] if init else [])])
    bad = BadImages(skip=on_bad_image is BadImage.SKIP)
    task = Task(
        labels, output, jobs, ramp, asked.recipe, look, arch, args,
        names(targets) or None, names(groups) or [], cluster, where or [], image_root,
        allow_outside, bad, init, device, precision, workers, cache, pack, resume, dry_run,
    )  # fmt: skip
    train_network(task)
