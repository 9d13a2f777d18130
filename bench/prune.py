"""Compare selection to 95 % by pbias and by torch.nn.utils.prune, each in a fresh process.

    python bench/prune.py                             # ResNet50, and the whole command
    python bench/prune.py --models resnet50,vit_l_16  # 304 million weights: torch takes 16 GiB more

Every method runs alone in its own process, one after the other; on a busy machine the ratio means
nothing. The time covers only selection and zeroing, and is the best of several runs (one run if
torch takes minutes). Memory is the highest resident set during that time, minus the resident set
before. Both must choose the same weights, except ties at the threshold.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from parts.rows import leave_row

if TYPE_CHECKING:
    from torch import Tensor, nn

SPARSITY = 0.95
NUM_OUTPUTS = 40
MIB = 2**20
# Minimum speedup, and maximum extra memory in MiB.
AIMS = {"resnet50": (30, 32), "vit_l_16": (40, 40)}
WHOLE_AIM = 1.5

LOAD_AND_SAVE = (
    "import sys, torch; torch.save(torch.load(sys.argv[1], weights_only=True), sys.argv[2])"
)


def main() -> None:
    """Compare, print a table, and exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=_models, default=["resnet50"], help=", ".join(AIMS))
    parser.add_argument("--runs", type=int, default=3, help="runs of which the best counts")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one process")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        method, model, place = given.child
        _child(method, model, Path(place))
        return
    met = True
    for model in given.models:
        with tempfile.TemporaryDirectory() as folder:
            met &= _compare_selection(model, given.runs, given.timeout, Path(folder))
            if model == "resnet50":
                met &= _compare_commands(model, max(given.runs, 5), Path(folder))
    sys.exit(0 if met else 1)


def _models(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= AIMS.keys():
        raise argparse.ArgumentTypeError(f"choose of {', '.join(AIMS)}")
    return names


def _compare_selection(model: str, runs: int, timeout_s: float, folder: Path) -> bool:
    def best(method: str, num: int) -> tuple[float, float]:
        done = [
            _measure(method, model, folder, timeout_s, f"{n} of {num}") for n in range(1, num + 1)
        ]
        return min(run["time_s"] for run in done), max(run["extra_mib"] for run in done)

    time_ours, memory_ours = best("pbias", runs)
    time_theirs, memory_theirs = best("torch", runs if model == "resnet50" else 1)
    print(f"{model} to {SPARSITY:.0%}:")
    print(f"  pbias                     {time_ours:8.3f} s  {memory_ours:8.1f} MiB extra")
    print(f"  torch global_unstructured {time_theirs:8.3f} s  {memory_theirs:8.1f} MiB extra")
    differ = _num_different(folder)
    faster, extra = AIMS[model]
    met = time_theirs >= faster * time_ours and memory_ours <= extra and differ == 0
    sides = f"{time_ours:.3f} s", f"{time_theirs:.3f} s"
    leave_row(f"prune {model} to 95%", *sides, time_theirs / time_ours, f">= {faster}", met=met)
    print(
        f"  {time_theirs / time_ours:.0f} times faster (aim: {faster}), {memory_ours:.0f} MiB"
        f" (aim: {extra}), {differ} weights differ but for ties: {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


def _measure(
    method: str, model: str, folder: Path, timeout_s: float, which: str
) -> dict[str, float]:
    """Run one method in its own process; exit with a message if it does not finish."""
    print(f"{model}: {method}, run {which} ...", file=sys.stderr, end=" ", flush=True)
    command = [sys.executable, __file__, "--child", method, model, str(folder)]
    try:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        sys.exit(f"not done after {timeout_s:g} s; give it more with --timeout")
    except subprocess.CalledProcessError as error:
        sys.exit(f"ended with status {error.returncode} (-9: out of memory?)")
    measured: dict[str, float] = json.loads(done.stdout)
    print(f"{measured['time_s']:.2f} s", file=sys.stderr, flush=True)
    return measured


def _num_different(folder: Path) -> int:
    """Return the number of weights that only one method pruned, except ties at the threshold."""
    ours, theirs = (np.load(folder / f"{method}.npy") for method in METHODS)
    ties = np.load(folder / "ties.npy")
    return int(np.unpackbits((ours ^ theirs) & ~ties).sum())


def _child(method: str, name: str, folder: Path) -> None:
    """Measure one method in this process; print times and memory."""
    weights = _weights(name)
    num_weights = sum(weight.numel() for _, weight in weights)
    before = _reset_peak()
    start = time.perf_counter()
    threshold = METHODS[method](weights, round(SPARSITY * num_weights))
    seconds = time.perf_counter() - start
    extra_mib = (_resident("VmHWM") - before) / MIB
    print(json.dumps({"time_s": seconds, "extra_mib": extra_mib}))
    pruned = (getattr(*place).detach() == 0 for place in _places(weights))
    np.save(folder / f"{method}.npy", _pack(pruned))
    if threshold is not None:
        ties = (weight.detach().abs() == threshold for _, weight in _weights(name))
        np.save(folder / "ties.npy", _pack(ties))


Place = tuple["nn.Module", str]  # the module of a weight, and its name there
Weights = list[tuple[Place, "nn.Parameter"]]


def _weights(name: str) -> Weights:
    """Return the prunable weights of a freshly initialized network, always the same."""
    import torch

    from pbias.models import build
    from pbias.pruning.layers import prunable

    torch.manual_seed(0)
    model = build(name, NUM_OUTPUTS)
    weights = []
    for key, weight in prunable(model).items():
        module, _, attribute = key.rpartition(".")
        weights.append(((model.get_submodule(module), attribute), weight))
    return weights


def _places(weights: Weights) -> list[Place]:
    return [place for place, _ in weights]


def _prune_pbias(weights: Weights, num_pruned: int) -> float:
    from pbias.pruning.selection import prune

    named = {str(index): weight for index, (_, weight) in enumerate(weights)}
    return prune(named, num_pruned).threshold


def _prune_torch(weights: Weights, num_pruned: int) -> None:
    from torch.nn.utils.prune import L1Unstructured, global_unstructured

    global_unstructured(_places(weights), pruning_method=L1Unstructured, amount=num_pruned)


METHODS: dict[str, Callable[[Weights, int], float | None]] = {
    "pbias": _prune_pbias,
    "torch": _prune_torch,
}


def _pack(masks: Iterable[Tensor]) -> NDArray[np.uint8]:
    return np.concatenate([np.packbits(mask.numpy()) for mask in masks])


def _reset_peak() -> int:
    """Reset the highest resident set (Linux); return the current resident bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS")


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _compare_commands(name: str, runs: int, folder: Path) -> bool:
    """Compare the whole `pbias prune --one-shot` with importing torch, loading and saving."""
    dense, pruned = str(folder / "dense.pt"), str(folder / "pruned.pt")
    save = "import sys, torch; from pbias.models import build; torch.manual_seed(0);"
    save += "torch.save(build(sys.argv[1], 40).state_dict(), sys.argv[2])"
    subprocess.run([sys.executable, "-c", save, name, dense], check=True)
    adopt = [sys.executable, "-m", "pbias", "prune", "-qq", "--one-shot", "--sparsity"]
    bare, dense = dense, str(folder / "checkpoint.pt")
    subprocess.run([*adopt, "0", "--arch", name, bare, "-o", dense], check=True)
    ours, plain = [], []
    for _ in range(runs):  # taking turns, so that both meet the same noise
        ours.append(_wall([*adopt, str(SPARSITY), dense, "-o", pruned]))
        plain.append(_wall([sys.executable, "-c", LOAD_AND_SAVE, dense, pruned]))
    ratio = min(ours) / min(plain)
    sides = f"{min(ours):.2f} s", f"{min(plain):.2f} s"
    work = f"prune --one-shot {name} / load and save"
    leave_row(work, *sides, ratio, f"<= {WHOLE_AIM}", met=ratio <= WHOLE_AIM)
    print(f"whole process on {name}, best of {runs}:")
    print(f"  pbias prune --one-shot    {min(ours):8.3f} s")
    print(f"  import torch, load, save  {min(plain):8.3f} s")
    print(f"  {ratio:.2f} times (aim: {WHOLE_AIM}): {'met' if ratio <= WHOLE_AIM else 'MISSED'}")
    return ratio <= WHOLE_AIM


def _wall(command: Sequence[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
