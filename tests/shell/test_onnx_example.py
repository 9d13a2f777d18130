"""`examples/onnx.sh` at a small size, from faces to the audit of int8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from pbias.files.logits import read_logits

SCRIPT = Path(__file__).parents[2] / "examples" / "onnx.sh"
SMALL = {"NUM": "120", "SIZE": "16", "EPOCHS": "1", "BATCHES": "1", "OUT": "small"}


@pytest.mark.slow
def test_int8_is_audited_against_float(
    quick_shell: Callable[..., CompletedProcess[str]], tmp_path: Path, onnx: Any
) -> None:
    done = quick_shell(f"bash {SCRIPT}", **SMALL, GATE="churn >= 0", PBIAS_WORKERS="1")
    # The share of changed predictions cannot be below 0 for any network.
    assert done.returncode == 0, done.stderr
    assert "churn >= 0" in done.stdout and "Reference: fp32.npz" in done.stdout
    fp32, int8 = (read_logits(str(tmp_path / "small" / f"{n}.npz")) for n in ("fp32", "int8"))
    assert (fp32.ids == int8.ids).all() and (fp32.logits != int8.logits).any()
    assert "quantization" in int8.meta and "quantization" not in fp32.meta
