"""Options of training, pruning and predicting, from a command line or a notebook.

Each group of options is a dataclass. The options of a workflow combine several groups, so that a
notebook can pass every option as a keyword. Lists are given as such or as text, `a,b`. None means
that an option is not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Names = str | Sequence[str]
Numbers = str | Sequence[float]
Sparsity = str | float | Sequence[float]


@dataclass(frozen=True)
class DataOptions:
    """How to find and read the images of a manifest."""

    image_root: str | Path | None = None  # None: the folder of the manifest
    allow_outside: bool = False  # accept image paths that are absolute or contain `..`
    skip_bad_images: bool = False  # leave out missing and broken images; else raise an error
    workers: int = 0  # processes that read images; 0: one per core


@dataclass(frozen=True)
class NetworkOptions:
    """Which network to use."""

    arch: str | None = None
    factory: str | None = None  # the user's own code, `package.module:function`
    model_args: str | Mapping[str, Any] | None = None  # its arguments; text is `key=value,...`


@dataclass(frozen=True)
class ForeignOptions(NetworkOptions):
    """Facts about a network from elsewhere that its file does not contain."""

    targets: Names | None = None  # names of the outputs
    image_size: int | None = None  # pixels; None: 224, or the library's value for its network
    resize: int | None = None  # pixels of the short side before the crop
    mean: Numbers | None = None  # for R, G and B; None: that of ImageNet, or of the library
    std: Numbers | None = None


@dataclass(frozen=True)
class OptimizationOptions:
    """How to train a network. None means the recipe's value."""

    recipe: str | None = None  # None: `small`; for pruning, the checkpoint's recipe
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    lr_schedule: str | None = None
    warmup_epochs: float | None = None
    lr_per_epoch: bool | None = None
    momentum: float | None = None
    reset_momentum: bool | None = None
    weight_decay: float | None = None
    augment: bool | None = None
    seed: int = 0
    distill: bool | None = None  # also learn from a teacher's probabilities
    teacher: str | Path | None = None  # the dense network; None, in pruning: the network itself
    distill_weight: float | None = None  # share of the teacher's loss, 0 to 1
    temperature: float | None = None
    balance: Names | None = None  # groups whose values, by label value, count equally
    balance_max: float | None = None  # the largest weight of a label
    group_dro: Names | None = None  # groups whose worst values get the most weight
    group_dro_step_size: float | None = None  # how fast weights follow the groups' losses
    constrain: Names | None = None  # bounds on what groups lose, as `ceag@sex <= 0.02`
    constrain_lr: float | None = None  # how fast their multipliers follow


@dataclass(frozen=True)
class PruningOptions:
    """How many weights to set to zero, when, and which ones."""

    sparsity: Sparsity | None = None  # share of zeros; several: `{sparsity}` in the output's name
    steps: int | None = None  # None: 20
    pruning_epochs: Numbers | None = None  # start, every, end
    pruning_schedule: str | None = None  # None: cubic
    initial_sparsity: float | None = None  # None: 0.05
    score: str = "magnitude"
    score_batches: int | None = None  # taylor, fisher: batches to measure on; None: 8
    score_groups: Names | None = None  # taylor, fisher: groups with their own importances
    score_reduce: str | None = None  # max or mean over groups; None: max
    scope: str = "global"
    pattern: str = "unstructured"
    only: Names | None = None  # layers, by name or `re:REGEX`
    exclude: Names | None = None
    min_keep: int = 0  # weights in every layer
    min_keep_row: int = 0  # weights in every output


@dataclass(frozen=True)
class RunningOptions:
    """Where and how to run training, and how to write its output."""

    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    threads: int = 0  # computing threads; 0: chosen by speed
    cache: str | Path | None = None  # folder for decoded images that do not fit in memory
    pack: bool = False  # write packed checkpoints
    no_clobber: bool = False  # refuse to replace an existing output
    resume: bool = False  # continue an interrupted run from OUTPUT.state
    resume_hint: str = "the same call with resume=True"  # for the message of an interrupted run
    dry_run: bool = False  # check everything, log what would be done, and stop


@dataclass(frozen=True)
class TrainOptions(
    DataOptions, NetworkOptions, OptimizationOptions, PruningOptions, RunningOptions
):
    """Options of `train`. With a sparsity, the network is pruned during training."""

    targets: Names | None = None  # None: all 0/1 columns that are not a group
    classes: str | None = None  # the column with the class of each image
    groups: Names | None = None
    cluster: str | None = None  # the column with the person in each image
    where: Names | None = None  # `COLUMN=VALUE`: use only these rows
    image_size: int | None = None  # pixels; None: the images' median short side, at most 224
    resize: int | None = None
    mean: Numbers | None = None  # for R, G and B; None: 0.5, or the library's value for its network
    std: Numbers | None = None
    loss: str | None = None  # None: from the recipe
    init: str | Path | None = None  # a checkpoint or state dict to start from
    strategy: str | None = None  # gradual or acdc; None: from the recipe, else gradual


@dataclass(frozen=True)
class PruneOptions(
    DataOptions, ForeignOptions, OptimizationOptions, PruningOptions, RunningOptions
):
    """Options of `prune`."""

    one_shot: bool = False  # prune without training
    data: str | Path | None = None  # a manifest; None: the checkpoint's
    classes: str | None = None  # its column of classes; None: the checkpoint's
    loss: str | None = None  # None: the checkpoint's
    bn_batches: int | None = None  # one-shot: batches to re-estimate batch norm from


@dataclass(frozen=True)
class PredictOptions(DataOptions, ForeignOptions):
    """Options of `predict`."""

    split: str = "test"  # train, valid, test or all
    classes: str | None = None  # the column of classes; None: the checkpoint's
    activation: str | None = None  # softmax or sigmoid; None: by its training loss
    groups: Names | None = None  # None: the checkpoint's
    cluster: str | None = None  # None: the checkpoint's
    thresholds: str | Path | None = None  # a CSV of logit thresholds to store
    output_name: str | None = None  # the output of an ONNX network that holds logits
    trust_program: bool = False  # open an exported program, which can run any code
    batch_size: int = 256
    fast_decode: bool = False  # JPEG at a reduced scale, which changes pixels a little
    device: str = "auto"
    precision: str = "auto"  # auto: fp32, so that files of different machines can be compared
    threads: int = 0  # computing threads; 0: chosen by speed
    no_clobber: bool = False


@dataclass(frozen=True)
class ExportOptions(ForeignOptions):
    """Options of `export`."""

    no_clobber: bool = False


@dataclass(frozen=True)
class QuantizeOptions(DataOptions, ForeignOptions):
    """Options of `quantize`."""

    data: str | Path | None = None  # the manifest with the training images for calibration
    batches: int = 8
    batch_size: int = 32
    per_channel: bool = False  # one scale per output of a layer
    exclude: Names | None = None  # nodes or layers that stay in floating point
    output_name: str | None = None  # the output of an ONNX network that holds logits
    seed: int = 0
    no_clobber: bool = False
