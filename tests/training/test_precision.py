"""Precision: the choice with its reason, and training with it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest
import torch
from torch import nn

from pbias.errors import UserError
from pbias.models import build
from pbias.training import precision
from pbias.training.precision import autocast, choose_precision, fast_bf16

Run = Callable[..., CompletedProcess[str]]

CPU = torch.device("cpu")


def cpu_with(monkeypatch: pytest.MonkeyPatch, tmp_path: object, line: str) -> None:
    file = tmp_path / "cpuinfo"  # type: ignore[operator]
    file.write_text(f"processor\t: 0\n{line}\n")
    monkeypatch.setattr(precision, "CPUINFO", file)


@pytest.mark.parametrize(
    ("line", "feature"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile", "avx512_bf16"),
        ("flags\t\t: fpu amx_bf16 avx512_bf16", "amx_bf16"),
        ("vendor_id\t: GenuineIntel\nflags\t: fpu avx512_bf16", None),
        ("vendor_id\t: GenuineIntel\nflags\t: fpu avx512_bf16 amx_bf16", "amx_bf16"),
        ("vendor_id\t: AuthenticAMD\nflags\t: fpu avx512_bf16", "avx512_bf16"),
        ("Features\t: fp asimd bf16 i8mm", "bf16"),
        ("flags\t\t: fpu avx2 avx512f", None),
        ("model name\t: avx512_bf16", None),
    ],
)
def test_fast_bf16_is_read_from_the_features_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, line: str, feature: str | None
) -> None:
    cpu_with(monkeypatch, tmp_path, line)
    assert fast_bf16() == feature


@pytest.mark.parametrize(
    ("line", "arch", "chosen", "why"),
    [
        ("flags : avx512_bf16", "resnet_small", "bf16", "this CPU computes in it: avx512_bf16"),
        ("flags : avx512_bf16", "mobilenet_v1", "fp32", "depthwise convolutions are slower"),
        ("flags : avx2", "resnet_small", "fp32", "not faster in bf16"),
    ],
)
def test_auto_is_announced_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, caplog: pytest.LogCaptureFixture,
    line: str, arch: str, chosen: str, why: str,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    cpu_with(monkeypatch, tmp_path, line)
    assert choose_precision("auto", CPU, build(arch, 2)) == chosen
    assert f"precision {chosen} (" in caplog.text and why in caplog.text


@pytest.mark.parametrize(
    ("name", "said"),
    [("fp8", "unknown precision 'fp8'; use auto"), ("fp16", "needs a CUDA device")],
)
def test_what_is_not_there_is_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_precision(name, CPU, nn.Linear(1, 1))


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_layers_compute_in_it(name: str, dtype: torch.dtype) -> None:
    with autocast(name, CPU):
        assert nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == dtype


@pytest.mark.slow
def test_a_missing_compiler_is_an_error_before_any_work(shell: Run) -> None:
    code = (
        "import torch; from pbias.training.setup import check_compiler; "
        "check_compiler(torch.device('cpu'))"
    )
    done = shell(f'CXX=/none python -c "{code}"')
    assert "UserError: --compile: torch.compile does not work for cpu here (" in done.stderr
    assert done.returncode == 1
