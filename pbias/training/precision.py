"""The precision in which layers compute; weights, loss and optimizer stay in fp32."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import nn

from pbias.errors import UserError
from pbias.training.recipe import PRECISIONS

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# CPU features that multiply bf16 without converting to fp32, as /proc/cpuinfo names them.
BF16_FEATURES = ("amx_bf16", "avx512_bf16", "bf16")
CPUINFO = Path("/proc/cpuinfo")

logger = logging.getLogger(__name__)


def choose_precision(name: str, device: torch.device, model: nn.Module) -> str:
    """Choose fp32, bf16 or fp16, and log the reason; `auto` is a fast and safe precision.

    Raises UserError for a precision that is unknown or unavailable on this device.
    """
    if name == "auto":
        precision, why = _fastest(device, model)
    else:
        precision, why = name, "asked for"
        _check(name, device)
    logger.info("precision %s (%s)", precision, why)
    return precision


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the context in which layers compute in this precision."""
    dtype = DTYPES.get(precision)
    return torch.autocast(device.type, dtype, enabled=dtype is not None)


def _fastest(device: torch.device, model: nn.Module) -> tuple[str, str]:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", "this GPU computes in it"
        return "fp16", "this GPU has no bf16; small gradients are scaled up"
    if device.type != "cpu":
        return "fp32", f"nothing else is tested on {device.type}"
    feature = fast_bf16()
    if feature is None:
        return "fp32", "this CPU is not faster in bf16"
    if _is_depthwise(model):
        # Measured on AVX-512: MobileNetV1 trains at 0.77 times the speed of fp32.
        return "fp32", "on CPUs depthwise convolutions are slower in bf16"
    return "bf16", f"this CPU computes in it: {feature}"


def fast_bf16() -> str | None:
    """Return the feature that makes bf16 faster than fp32 on this CPU; None if it has none."""
    try:
        text = CPUINFO.read_text()
    except OSError:
        return None
    words = {word for line in text.splitlines() if line.lower().startswith(("flags", "features"))
             for word in line.split()}  # fmt: skip
    feature = next((feature for feature in BF16_FEATURES if feature in words), None)
    # Measured on a Xeon with AMX switched off (ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16): ResNet-18
    # trains at 0.77 times the speed of fp32. On an AMD EPYC with the same feature, bf16 is faster.
    return None if feature == "avx512_bf16" and "GenuineIntel" in text else feature


def _is_depthwise(model: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d) and part.groups > 1 for part in model.modules())


def _check(name: str, device: torch.device) -> None:
    if name not in PRECISIONS:
        raise UserError(f"unknown precision '{name}'; use auto, {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type != "cuda":
        raise UserError(
            f"fp16 needs a CUDA device, but this is {device}; use --precision bf16 or fp32"
        )
