"""Kill long commands at random moments, then run them again: the same bytes, no leftovers.

    python tests/fuzz/kills.py --num 100     # what `make fuzz` runs

Every command runs in a fork of this process, which has imported everything but computed nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

from pbias.cli import app, console
from pbias.workflows import predict, prune, train  # noqa: F401  # imported before the forks

FACES = "synth -o faces --num 24 --size 16 --seed 3 --workers 1"
TRAIN = "train faces/labels.csv --targets Smiling --groups Male --batch-size 8 --arch resnet_small"
SIZE = "--model-args width=4"
# The command, its output, and whether it is given --resume when it runs again.
COMMANDS = (
    (f"{TRAIN} {SIZE} --epochs 4 -o out.pt", "out.pt", True),
    ("prune base.pt --epochs 4 --steps 4 --sparsity 0.8 --batch-size 8 -o out.pt", "out.pt", True),
    ("prune base.pt --one-shot --sparsity 0.5 --data faces/labels.csv -o out.pt", "out.pt", False),
    ("predict base.pt faces/labels.csv --split all -o out.npz", "out.npz", False),
    ("synth -o out --num 100 --size 16 --workers 1", "out", False),
)


def main() -> None:
    """Kill commands; exit with 1 at the first whose result differs from an uninterrupted run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=100, help="commands to kill")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for command in (FACES, f"{TRAIN} {SIZE} --epochs 1 -o base.pt"):
            if run(command):
                sys.exit(f"pbias {command} failed")
        wholes = [whole(command, output) for command, output, _ in COMMANDS]
        landed = 0
        for number in range(given.num):
            landed += kill(rng, number % len(COMMANDS), wholes)
    print(f"{given.num} commands killed, {landed} before their end; all ended as the whole ones")


def whole(command: str, output: str) -> tuple[dict[str, bytes], float]:
    """Return the bytes of an uninterrupted run, and its duration."""
    start = time.monotonic()
    if run(command):
        sys.exit(f"pbias {command} failed")
    return remove(output), time.monotonic() - start


def kill(rng: random.Random, which: int, wholes: list[tuple[dict[str, bytes], float]]) -> bool:
    """Kill one command, run it again and compare; return whether it was killed before its end."""
    command, output, resumes = COMMANDS[which]
    wanted, seconds = wholes[which]
    before = set(Path().iterdir())
    after = rng.uniform(0, 1.1 * seconds)
    killed = run(command, after)
    again = run(command + (" --resume" if resumes else ""))
    left = set(Path().iterdir()) - before - {Path(output)}
    if again or left or remove(output) != wanted:
        what = f"status {again}" if again else f"left {left}" if left else "other bytes"
        sys.exit(f"pbias {command}: killed after {after:.3f} s, then run again: {what}")
    return bool(killed)


def run(command: str, seconds: float | None = None) -> int:
    """Run a command in a fork, kill it after `seconds`, and return its status."""
    pid = os.fork()
    if pid == 0:
        console.start()
        console.set_quiet(2)
        status: int = 3
        try:
            status = app._run([*shlex.split(command), "-qq"])
        finally:
            os._exit(int(status))
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def remove(output: str) -> dict[str, bytes]:
    """Remove a file or folder and return its bytes by path."""
    root = Path(output)
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    content = {str(path): path.read_bytes() for path in files}
    for path in files:
        path.unlink()
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir()
    if root.is_dir():
        root.rmdir()
    return content


if __name__ == "__main__":
    main()
