"""`pbias env`: the facts that a bug report needs, one per line."""

from __future__ import annotations

import importlib.util
import platform
import re

import numpy as np
import pytest
import torch

from pbias import __version__
from pbias.cli.commands.service.env import env, installed


@pytest.fixture
def facts(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return the printed facts, by name."""
    env()
    lines = capsys.readouterr().out.splitlines()
    pairs = [line.partition(": ") for line in lines]
    return {name: value for name, _, value in pairs}


def test_versions_are_those_that_run(facts: dict[str, str]) -> None:
    assert facts["pbias"] == __version__
    assert facts["python"] == platform.python_version()
    assert facts["numpy"] == np.__version__
    assert facts["torch"] == torch.__version__


def test_threads_and_devices_are_said(facts: dict[str, str]) -> None:
    assert facts["threads"] == str(torch.get_num_threads())
    assert facts["cuda"].startswith("none") is not torch.cuda.is_available()
    assert {"system", "processor", "capability", "bf16", "cores", "mps"} <= facts.keys()


def test_optional_packages_are_said_to_be_there_or_not(facts: dict[str, str]) -> None:
    for name in ("onnx", "onnxruntime", "timm", "safetensors", "pyarrow"):
        absent = importlib.util.find_spec(name) is None
        assert (facts[name] == "not installed") is absent
        assert absent or re.fullmatch(r"\d+\.\d+.*", facts[name])
    assert installed("no-such-package") == "not installed"


def test_torchvision_operators_are_told_as_they_are(facts: dict[str, str]) -> None:
    assert "its operators" in facts["torchvision"]
