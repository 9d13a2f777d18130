"""Evaluate a network on images: its logits, losses, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pbias.data.batches import ImageData, make_batch, row_batches, to_device
from pbias.errors import UserError
from pbias.models.onnx.runtime import OnnxNetwork
from pbias.training.precision import autocast
from pbias.training.processes import processes
from pbias.training.threads import Threads

BATCH_SIZE = 256
CPU_BATCH_SIZE = 16  # keeps features in caches: 64 takes up to twice as long per image


@dataclass(frozen=True)
class Score:
    """Means over all known labels; NaN if no label is known."""

    loss: float
    accuracy: float

    @classmethod
    def of(cls, sums: Sequence[Tensor]) -> Score:
        """Combine the results of `score_sums` for all batches, over all processes."""
        # On the CPU, because not every device adds in double precision.
        total = torch.stack(list(sums)).cpu().double().sum(dim=0)
        loss, right, known = processes().total(total).tolist()
        return cls(loss / known, right / known) if known else cls(float("nan"), float("nan"))


def loss_sum(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy summed over the known labels (-1 is unknown).

    Labels [B, A] are independent attributes; labels [B] are class numbers.
    """
    if labels.dim() == 1:
        return F.cross_entropy(logits, labels.long(), ignore_index=-1, reduction="sum")
    known = (labels >= 0).float()
    wanted = labels.clamp(min=0).float()
    return F.binary_cross_entropy_with_logits(logits, wanted, known, reduction="sum")


def score_sums(loss: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the sum of losses and the counts of right predictions and known labels: [3]."""
    right = correctness(logits, labels)
    return torch.stack([loss, (right == 1).sum(), (right >= 0).sum()])


def correctness(logits: Tensor, labels: Tensor) -> Tensor:
    """Return where predictions are right, int8 [B, A]: 1, 0, or -1 for an unknown label.

    Labels [B, A] are attributes. For class labels [B], A is 1.
    """
    if labels.dim() == 1:
        labels = labels[:, None]
        right = logits.argmax(dim=1, keepdim=True) == labels
    else:
        right = (logits > 0) == (labels == 1)
    return right.to(torch.int8).masked_fill(labels < 0, -1)


def evaluate(
    model: nn.Module, data: ImageData, device: torch.device, precision: str = "fp32"
) -> Score:
    """Return loss and accuracy on center-cropped images; each process takes its share."""
    return judge(model, data, device, precision)[0]


@torch.inference_mode()
def judge(
    model: nn.Module, data: ImageData, device: torch.device, precision: str = "fp32"
) -> tuple[Score, Tensor]:
    """Return the result of `evaluate`, and that of `correctness` for all images: int8 [N, A]."""
    model.eval()
    sums = []
    num_targets = data.labels.shape[1] if data.labels.dim() > 1 else 1
    right = torch.zeros(len(data), num_targets, dtype=torch.int32)
    part = processes().part(len(data))
    for rows in row_batches(part.stop - part.start, BATCH_SIZE, None):
        images = make_batch(data, rows + part.start, device)
        with autocast(precision, device):
            logits = model(images)
        labels = to_device(data.labels[rows + part.start], device)
        sums.append(score_sums(loss_sum(logits.float(), labels), logits, labels))
        right[rows + part.start] = correctness(logits, labels).cpu().int()
    return Score.of(sums), processes().total(right).to(torch.int8)


@torch.inference_mode()
def predict_logits(
    model: nn.Module,
    blocks: Iterable[ImageData],
    device: torch.device,
    batch_size: int,
    precision: str = "fp32",
    threads: Threads | None = None,
) -> npt.NDArray[np.float32]:
    """Return the logits float32 [N, A] of the images of all blocks, cropped in the middle.

    `threads` chooses the number of computing threads; without it, the number stays as it is.
    Batches are smaller on CPUs, which is faster and gives the same logits. Raises UserError for a
    logit that is NaN or infinite.
    """
    model.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    threads, batches = threads or Threads([torch.get_num_threads()]), []
    if device.type == "cpu" and not isinstance(model, OnnxNetwork):
        batch_size = min(batch_size, CPU_BATCH_SIZE)
    # With TensorFloat-32, the batch size would change the third digit.
    with torch.backends.cudnn.flags(allow_tf32=False), autocast(precision, device):
        for block in blocks:
            for rows in row_batches(len(block), batch_size, None):
                threads.begin()
                batches.append(model(make_batch(block, rows, device)).float().cpu().numpy())
                threads.step_done(len(rows))
    logits = np.concatenate(batches)
    num_bad = int(np.size(logits) - np.isfinite(logits).sum())
    if num_bad:
        raise UserError(
            f"{num_bad} of {logits.size} logits are not finite, so the network's training "
            "diverged; train it again with a lower learning rate (--lr)"
        )
    return logits


@torch.inference_mode()
def check_input(model: nn.Module, size: int, num_outputs: int) -> None:
    """Raise UserError for an image size [pixels] that the network cannot take, before any work.

    Also raises it for a network that does not return `num_outputs` logits per image.
    """
    try:
        where = next((weights.device for weights in model.parameters()), None)
        logits = model.eval()(torch.zeros(1, 3, size, size, device=where))
    except Exception as error:  # a user's own network can raise any exception
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"the network cannot take images of {size} px ({said}); use another --image-size"
        ) from error
    shape = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shape != [1, num_outputs]:
        raise UserError(
            f"the network gives {shape} for one image and {num_outputs} targets; it must return "
            f"logits of shape [1, {num_outputs}]"
        )
