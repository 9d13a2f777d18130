"""torchvision beside a torch that it was not compiled for."""

from __future__ import annotations

import subprocess
import sys

import torch

from pbias.models.torchvision_import import load_torchvision


def _python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_torchvision_loads_without_a_warning_in_a_fresh_process() -> None:
    done = _python(
        "from pbias.models.torchvision_import import load_torchvision as load\n"
        "print(load().models.resnet18.__name__)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "resnet18\n", "")


def test_operators_that_exist_are_left_alone() -> None:
    done = _python(
        "import torch\n"
        "schema = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'\n"
        "for name in ('nms', 'qnms'): torch.library.define(f'torchvision::{name}', schema)\n"
        "from pbias.models.torchvision_import import load_torchvision as load\n"
        "print(load().__name__)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "torchvision\n", "")


def test_code_that_imports_torchvision_itself_gets_it_once_it_is_amended() -> None:
    done = _python(
        "from pbias.models.torchvision_import import amend_torchvision\n"
        "amend_torchvision()\n"
        "import sys; before = 'torchvision' in sys.modules\n"
        "from torchvision.models import resnet18\n"
        "print(before, resnet18.__name__)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False resnet18\n", "")


def test_a_second_load_is_the_same_module() -> None:
    assert load_torchvision() is load_torchvision()


def test_torchvision_networks_run() -> None:
    model = load_torchvision().models.resnet18(num_classes=3).eval()
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
