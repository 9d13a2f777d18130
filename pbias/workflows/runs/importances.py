"""Images for scoring weights, drawn from the training images."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pbias.data.bad_images import BadImages
from pbias.data.batches import ImageData
from pbias.data.dataset import find_pictures, load
from pbias.data.training_images import with_classes as as_classes
from pbias.errors import UserError
from pbias.files.checkpoint import CROSS_ENTROPY, Checkpoint
from pbias.files.manifest import Int16, Int64, Labels, select
from pbias.models.preprocess import Preprocess
from pbias.pruning.importance import Sample
from pbias.pruning.method import OF_DATA, Measure, Method
from pbias.pruning.weight_scores import Score
from pbias.training.evaluation import loss_sum
from pbias.training.objectives.groups import joint
from pbias.training.processes import processes
from pbias.training.small_maps import small_maps_as_products
from pbias.workflows.runs.classes import with_classes
from pbias.workflows.runs.objectives import check_read
from pbias.workflows.runs.options import PruneOptions
from pbias.workflows.runs.training_data import manifest_of

EVERYONE = "everyone"

logger = logging.getLogger(__name__)


def check_score_groups(method: Method, labels: Labels) -> None:
    """Raise UserError for groups that the run does not read."""
    check_read("--score-groups", method.score_groups, labels, "add it to --groups of train")


def sample_of(
    method: Method,
    data: ImageData,
    labels: Labels,
    rows: Int64,
    batch_size: int,
    device: torch.device,
) -> Sample | None:
    """Draw the images for a method among `data`, the manifest's `rows`; None if it needs none."""
    if method.score not in OF_DATA:
        return None
    codes, names = _groups(method, labels, rows)
    drawn = {
        name: _draw(np.flatnonzero(codes == code), method, batch_size)
        for code, name in enumerate(names)
    }
    batches = {
        name: [
            torch.from_numpy(chosen[start : start + batch_size])
            for start in range(0, len(chosen), batch_size)
        ]
        for name, chosen in drawn.items()
    }
    logger.info(
        "%s is measured on %s images at each pruning step: %s",
        *(method.score, f"{sum(map(len, drawn.values())):,}"),
        ", ".join(f"{name} {len(chosen):,}" for name, chosen in drawn.items()),
    )
    own = processes()
    return Sample(data, batches, loss_sum, device, own.part, own.total)


def measure_of(sample: Sample | None, model: nn.Module, method: Method) -> Measure | None:
    """Return the function that scores the current weights of a network."""
    if sample is None:
        return None

    def measure(weights: Mapping[str, Tensor]) -> Score:
        """Score as training computes: its convolutions are also safe where oneDNN's are not."""
        with small_maps_as_products(model, sample.device):
            return sample.score(model, weights, kind=method.score, how=method.score_reduce)

    return measure


def one_shot_sample(
    parent: Checkpoint,
    path: str,
    method: Method,
    options: PruneOptions,
    batch_size: int,
    bad: BadImages,
    device: torch.device,
) -> Sample | None:
    """Draw and decode the images for the scores of one-shot pruning."""
    if method.score not in OF_DATA:
        return None
    manifest = manifest_of(parent, path, options, "use --score magnitude")
    parent, manifest = with_classes(parent, manifest, options.classes)
    labels = select(
        manifest, targets=parent.targets, groups=parent.groups, group_values=parent.group_values
    )
    check_score_groups(method, labels)
    rows = manifest.rows("train")
    codes, names = _groups(method, labels, rows)
    chosen = [
        _draw(np.flatnonzero(codes == code), method, batch_size) for code in range(len(names))
    ]
    rows = rows[np.sort(np.concatenate(chosen))]
    pictures = find_pictures(manifest, labels, rows, bad)
    data = load(pictures, Preprocess.from_dict(parent.preprocess), bad=bad, workers=options.workers)
    if parent.recipe.get("loss") == CROSS_ENTROPY:
        data = as_classes(data)
    return sample_of(method, data, labels, bad.kept(manifest.ids, rows), batch_size, device)


def _groups(method: Method, labels: Labels, rows: Int64) -> tuple[Int64, list[str]]:
    """Return the group of each row, and the names of the groups; by default everyone is one."""
    if not method.score_groups:
        return np.zeros(len(rows), np.int64), [EVERYONE]
    columns = [labels.group_names.index(name) for name in method.score_groups]
    groups: Int16 = labels.groups[rows][:, columns]
    codes, found = joint(groups)
    if not found:
        raise UserError(
            f"--score-groups {','.join(method.score_groups)}: no training image has a known value; "
            "name other groups"
        )
    values = [labels.group_values[column] for column in columns]
    return codes, [":".join(v[c] for v, c in zip(values, row, strict=True)) for row in found]


def _draw(places: Int64, method: Method, batch_size: int) -> Int64:
    """Draw images of a group, the same at every pruning step and after resuming."""
    order = np.random.default_rng(method.seed).permutation(places)
    return order[: method.score_batches * batch_size]
