"""Measure several trainings on the same cores: does each get its share, and is one alone as fast?

    python bench/threads.py                    # ten tries, about 20 minutes on two cores
    python bench/threads.py --tries 1 --epochs 3

Trains resnet_small on drawn faces at 64 px, on all cores. Each run is its own process, which has
imported everything before its time begins. A try runs all of these:

    alone, threads chosen by speed             alone, a thread for each core
    alone, one thread                          one beside a busy process
    two at once                                two, the second started in the middle of the first

Aims: two take at most 2.4 times as long as one alone in each try; one beside a busy process takes
at most 1.3 times as long as one thread alone; one alone loses at most 3 % (medians). Other programs
on the machine disturb this, so the load before each try is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from parts.rows import leave_row

MAX_TWO, MAX_BESIDE, MAX_LOST = 2.4, 1.3, 1.03
FACES = "synth --num {num} --size 64 --seed 1 -q -o"
CHILD = """
import logging, sys, time
logging.disable()
from pbias.cores import wait_shortly
wait_shortly()
import pbias.workflows.train, pbias.models.torchvision_import as more
more.load_torchvision()
print('ready', flush=True)
input()
start = time.perf_counter()
pbias.workflows.train.train(sys.argv[1], sys.argv[2], epochs=int(sys.argv[3]),
                            threads=int(sys.argv[4]), arch='resnet_small', groups=['Male'])
print(time.perf_counter() - start, flush=True)
"""


class Training:
    """A training run in its own process, ready to start."""

    def __init__(self, folder: Path, epochs: int, threads: int = 0) -> None:
        """Import everything; `threads` 0: chosen by speed."""
        free = {
            k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        }
        output = folder / f"{time.monotonic_ns()}.pt"
        arguments = [folder / "faces" / "labels.csv", output, epochs, threads]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=free,
        )  # fmt: skip
        self._line()

    def start(self) -> None:
        """Start the training."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def seconds(self) -> float:
        """Wait for its end and return its duration."""
        seconds = float(self._line())
        self.process.wait()
        return seconds

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a training failed with status {self.process.wait()}")
        return line


def main() -> None:
    """Measure, print a table, and exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--num", type=int, default=3000, help="faces, of which 7 in 10 train")
    given = parser.parse_args()
    print(f"resnet_small, {given.num:,} faces of 64 px, {given.epochs} epochs, {_cores()} cores")
    print("    load   alone  a thread a core  one thread   beside busy  two at once  two apart [s]")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = FACES.format(num=given.num).split()
        subprocess.run([sys.executable, "-m", "pbias", *made, folder / "faces"], check=True)
        tries = [_try(folder, given.epochs) for _ in range(given.tries)]
    sys.exit(0 if all([*_verdicts(tries)]) else 1)


def _cores() -> int:
    from pbias.cores import num_cores

    return num_cores()


def _try(folder: Path, epochs: int) -> dict[str, float]:
    load = os.getloadavg()[0]
    found = {
        "alone": _alone(folder, epochs, 0),
        "all": _alone(folder, epochs, _cores()),
        "one": _alone(folder, epochs, 1),
    }
    with busy():
        found["beside"] = _alone(folder, epochs, 0)
    found["two"] = _two(folder, epochs, 0)
    found["apart"] = _two(folder, epochs, found["alone"] / 2)
    shown = "".join(f"{seconds:13.2f}" for seconds in found.values())
    print(f"  {load:6.1f} {shown}", flush=True)
    return found


def _alone(folder: Path, epochs: int, threads: int) -> float:
    training = Training(folder, epochs, threads)
    training.start()
    return training.seconds()


def _two(folder: Path, epochs: int, apart_s: float) -> float:
    """Return the duration of the slower of two runs."""
    first, second = Training(folder, epochs), Training(folder, epochs)
    first.start()
    time.sleep(apart_s)
    second.start()
    return max(first.seconds(), second.seconds())


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Run another program that computes all the time."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _verdicts(tries: list[dict[str, float]]) -> Iterator[bool]:
    for name, what in (("two", "two trainings at once"), ("apart", "two, started apart")):
        worst = max(tries, key=lambda found: found[name] / found["alone"])
        yield _verdict(f"{what} / one alone, worst", worst[name], worst["alone"], MAX_TWO)
    middle = {name: statistics.median(found[name] for found in tries) for name in tries[0]}
    beside = middle["beside"], middle["one"]
    yield _verdict("beside a busy process / one thread", *beside, MAX_BESIDE)
    yield _verdict("alone / a thread for each core", middle["alone"], middle["all"], MAX_LOST)


def _verdict(what: str, ours: float, peer: float, aim: float) -> bool:
    times = ours / peer
    sides = f"{ours:.1f} s", f"{peer:.1f} s"
    leave_row(what, *sides, times, f"<= {aim}", met=times <= aim)
    print(f"  {what}: {times:.2f} (aim: {aim} at most): {'met' if times <= aim else 'MISSED'}")
    return times <= aim


if __name__ == "__main__":
    main()
