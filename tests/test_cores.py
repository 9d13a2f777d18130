"""The number of cores: by affinity, and by the quotas of both versions of control groups."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pbias import cores

V1 = {"cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000"}


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty tree of control groups, in which the process is in `/box/inner`."""
    own = tmp_path / "own"
    own.write_text("5:cpuset:/x\n4:cpu,cpuacct:/box/inner\n0::/box/inner\n")
    monkeypatch.setattr(cores, "OWN_CGROUP", own)
    monkeypatch.setattr(cores, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    return tmp_path / "cgroup"


def put(folder: Path, files: dict[str, str]) -> None:
    """Write files of a control group."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("place", "files", "expected"),
    [
        ("box/inner", {"cpu.max": "200000 100000"}, 2),
        ("box", {"cpu.max": "50000 100000"}, 1),  # from the parent group
        (".", {"cpu.max": "250000 100000"}, 3),  # a container sees its own group as the root
        ("box/inner", {"cpu.max": "max 100000"}, 8),
        ("cpu,cpuacct/box/inner", V1, 2),
        ("cpu", V1, 2),
        ("cpu/box", {**V1, "cpu.cfs_quota_us": "-1"}, 8),
        ("box/inner", {"cpu.max": "nonsense"}, 8),
        ("box/inner", {"cpu.max": "1600000 100000"}, 8),
    ],
)
def test_quotas(limits: Path, place: str, files: dict[str, str], expected: int) -> None:
    put(limits / place, files)
    assert cores.num_cores() == expected


def test_the_smallest_quota_counts(limits: Path) -> None:
    put(limits / "box", {"cpu.max": "300000 100000"})
    put(limits / "box" / "inner", {"cpu.max": "600000 100000"})
    assert cores.cpu_quota() == 3


def test_without_control_groups_affinity_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "OWN_CGROUP", tmp_path / "none")
    assert cores.cpu_quota() == math.inf


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_affinity_is_that_of_the_process() -> None:
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, [{one}])\nfrom pbias.cores import num_cores\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print(num_cores())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("value", "expected"), [("3", 3), ("4,2", 4), ("", 0), ("many", 0), ("-1", 0)]
)
def test_omp_num_threads(value: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores.asked_by_environment() == expected


def test_threads_wait_shortly_unless_the_environment_says_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for given in ({"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}, {}):
        for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
            monkeypatch.delenv(name, raising=False)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        cores.wait_shortly()
        expected = None if "OMP_WAIT_POLICY" in given else given.get("GOMP_SPINCOUNT", "1000")
        assert os.environ.get("GOMP_SPINCOUNT") == expected
    monkeypatch.delenv("GOMP_SPINCOUNT")


def test_free_cores_are_those_that_idle_and_those_that_compute_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process has two of eight cores; one of them idles, on the other it takes a half."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 2}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: 100)
    clock = {"wall": 50.0, "cpu": 3.0}
    monkeypatch.setattr(cores.time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(cores.time, "process_time", lambda: clock["cpu"])
    monkeypatch.setattr(cores, "STAT", tmp_path / "stat")

    def stat(first: int, second: int) -> None:
        lines = ["cpu  9 9 9 9999 9 0 0 0 0 0", "cpu0 1 1 1 500 1 0 0 0 0 0"]
        lines += [f"cpu{n} 1 1 1 {ticks} 7 0 0 0 0 0" for n, ticks in ((1, first), (2, second))]
        (tmp_path / "stat").write_text("\n".join([*lines, "intr 5", "cpufreq"]))

    stat(1000, 400)
    free = cores.FreeCores()
    stat(1200, 400)
    clock |= {"wall": 52.0, "cpu": 4.0}
    assert free() == pytest.approx(1.5)
    (tmp_path / "stat").unlink()
    clock["wall"] = 53.0
    assert free() == math.inf
