"""Measure startup: help beside importing typer, completions beside an empty shell.

    python bench/startup.py

The figures are CPU time (user and system) of whole processes, the best of several runs that take
turns. The completion is bash's, for the last word of `pbias metrics --gate-`, minus the time of
bash itself.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path

from parts.rows import leave_row

REPO = Path(__file__).resolve().parent.parent
HELP_AIM, COMPLETION_AIM_MS = 1.5, 10
COMPLETE = f"""source {REPO}/completions/pbias.bash
COMP_WORDS=(pbias metrics --gate-) COMP_CWORD=2
for _ in {{1..100}}; do _pbias; done
[[ ${{COMPREPLY[*]}} == '--gate-file --gate-strict --gate-joint' ]]"""


def main() -> None:
    """Measure, print, and exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="runs of which the best counts")
    runs = parser.parse_args().runs
    commands = {
        "python -c 'import typer'": [sys.executable, "-c", "import typer"],
        "pbias -h": [sys.executable, "-m", "pbias", "-h"],
        "pbias metrics -h": [sys.executable, "-m", "pbias", "metrics", "-h"],
        "bash": ["bash", "-c", ":"],
        "100 completions": ["bash", "-c", COMPLETE],
    }
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(runs):
        for name, command in commands.items():
            best[name] = min(best[name], cpu_ms(command))
    base = best["python -c 'import typer'"]
    one = (best["100 completions"] - best["bash"]) / 100
    for name in list(commands)[:3]:
        print(f"{name:25} {best[name]:6.1f} ms  {best[name] / base:4.2f} times importing typer")
    print(f"{'a completion':25} {one:6.1f} ms  in bash")
    met = best["pbias -h"] <= HELP_AIM * base and one < COMPLETION_AIM_MS
    sides = f"{best['pbias -h']:.0f} ms", f"{base:.0f} ms"
    ratio = best["pbias -h"] / base
    leave_row("pbias -h / import typer", *sides, ratio, f"<= {HELP_AIM}", met=ratio <= HELP_AIM)
    print(f"aims ({HELP_AIM} times, {COMPLETION_AIM_MS} ms): {'met' if met else 'missed'}")
    sys.exit(0 if met else 1)


def cpu_ms(command: list[str]) -> float:
    """Return the CPU time of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=REPO)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
