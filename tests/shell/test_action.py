"""The steps of the GitHub Action, run like on a runner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pbias import Logits

REPO = Path(__file__).resolve().parents[2]
ACTION = REPO / "examples" / "action" / "action.yml"


def script() -> str:
    """Return the shell lines of the step that audits."""
    lines = ACTION.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line == "      run: |") + 1
    body = [line for line in lines[start:] if line.startswith(" " * 8) or not line]
    end = next(i for i, line in enumerate(lines[start:]) if not line.startswith(" " * 8))
    return "\n".join(line[8:] for line in body[:end])


@pytest.mark.parametrize(("gate", "status"), [("accuracy >= 0.5", 0), ("accuracy >= 0.95", 1)])
def test_the_action_gates_and_keeps_the_report(tmp_path: Path, gate: str, status: int) -> None:
    y = np.arange(300)[:, None] % 2
    right = np.where(np.arange(300) % 5 == 0, -1.0, 1.0)[:, None]
    groups = {"sex": np.arange(300) // 7 % 2}
    for name, z in (("int8", right * (2 * y - 1)), ("fp32", 2.0 * y - 1)):
        Logits.from_arrays(z, y, targets=["hat"], groups=groups).save(tmp_path / f"{name}.npz")
    (tmp_path / "gates.txt").write_text(f"{gate}\n")
    summary = tmp_path / "summary.md"
    env = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPO), "AUDITED": "int8.npz", "REFERENCE": "fp32.npz",
        "GATES": "gates.txt", "GROUPS": "sex", "GITHUB_STEP_SUMMARY": str(summary),
    }  # fmt: skip
    run = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script()]  # as GitHub does
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert {p.name for p in (tmp_path / "pbias-audit").iterdir()} == {
        "audit.csv", "gates.xml", "report.md",
    }  # fmt: skip
    assert gate.replace(">", "\\>") in summary.read_text()
