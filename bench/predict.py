"""Compare prediction with `pbias`, with a plain loop, and with ONNX Runtime on ready tensors.

    python bench/predict.py                    # 400 photographs, both networks, three turns
    python bench/predict.py --num 100 --turns 1

The input is photographs of clothing, enlarged to JPEG files of 1,024 x 768 like those of cameras,
at 224 px; the weights are random, in fp32. The plain loop is a Dataset that opens each JPEG with
Pillow, torchvision's transforms, and a DataLoader with two workers, in batches of 64. ONNX Runtime
gets tensors that are already in memory, so it shows the network alone; it also runs with 95 % of
the weights of each convolution at zero. Every run is its own process, whose imports are not timed;
the runs take turns. Wall and CPU seconds are the minimum over the turns. The logits of the plain
loop and of `--fast-decode` are compared with those of pbias.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts.rows import leave_row

if TYPE_CHECKING:
    from torch import Tensor, nn

DATA = Path(os.environ.get("PBIAS_TEST_DATA", "../shared")) / "data" / "clothing" / "labels.csv"
AIMS = {"resnet18": 1.3, "mobilenet_v3_small": 2.0}  # as a multiple of the plain loop's speed
SIZE, RESIZE, BATCH = 224, 256, 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WIDTH, HEIGHT = 1024, 768
MAX_GAP = 1e-4
ZEROS = 0.95  # share of zeros in each convolution, in the variant with that name
WAYS = ("plain", "onnxruntime", "onnxruntime, zeros", "pbias", "pbias --fast-decode")
OUTPUTS = 5


def main() -> None:
    """Compare, print a table, and exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=400, help="photographs")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--arch", choices=[*AIMS], action="append")
    parser.add_argument("--child", choices=(*WAYS, "prepare"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_measure(given.child, given.arch[0], given.folder)))
        return
    print(f"{given.num} JPEG files of {WIDTH} x {HEIGHT}, {SIZE} px, best of {given.turns};")
    print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _enlarge(folder, given.num)
        met = [_compare(arch, folder, given.num, given.turns) for arch in given.arch or AIMS]
    sys.exit(0 if all(met) else 1)


def _enlarge(folder: Path, num: int) -> None:
    from PIL import Image

    names = [line.split(",")[0] for line in DATA.read_text().splitlines()[1 : num + 1]]
    for index, name in enumerate(names):
        with Image.open(DATA.parent / name) as image:
            large = image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        large.save(folder / f"{index:05d}.jpg", quality=90)
    rows = [f"{index:05d}.jpg,test,0,0,0,0,0" for index in range(len(names))]
    (folder / "labels.csv").write_text("\n".join(["image,split,a,b,c,d,e", *rows]) + "\n")


def _compare(arch: str, folder: Path, num: int, turns: int) -> bool:
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    _run("prepare", arch, folder)
    for _ in range(turns):
        for way in WAYS:
            found[way].append(_run(way, arch, folder))
    wall, cpu = (
        {way: min(run[key] for run in runs) for way, runs in found.items()}
        for key in ("wall_s", "cpu_s")
    )
    logits = {way: runs[0]["logits"] for way, runs in found.items()}
    print(f"{arch}:")
    for way in WAYS:
        gap, changed = _differences(logits["plain"], logits[way])
        said = (
            "" if way in WAYS[:3] else f"  logits within {gap:.1g}, {changed:.2%} of signs differ"
        )
        print(
            f"  {way:20} {num / wall[way]:7.1f} images/s {wall[way]:7.2f} s {cpu[way]:7.2f} s CPU"
            f"  {wall['plain'] / wall[way]:5.2f} x{said}"
        )
    times, gap = wall["plain"] / wall["pbias"], _differences(logits["plain"], logits["pbias"])[0]
    met = times >= AIMS[arch] and gap <= MAX_GAP
    print(
        f"  {times:.2f} times the plain loop (aim: {AIMS[arch]}), in CPU seconds "
        f"{cpu['plain'] / cpu['pbias']:.2f}; {wall['onnxruntime'] / wall['pbias']:.2f} times ONNX "
        f"Runtime with ready tensors: {'met' if met else 'MISSED'}",
        flush=True,
    )
    leave_row(
        f"predict {arch}, JPEG 1,024 x 768",
        f"{num / wall['pbias']:.0f}/s",
        f"{num / wall['plain']:.0f}/s",
        times,
        f">= {AIMS[arch]}",
        met=met,
    )
    return met


def _differences(first: list[list[float]], second: list[list[float]]) -> tuple[float, float]:
    """Return the largest difference of two logits, and the share whose signs differ."""
    pairs = [
        (a, b)
        for left, right in zip(first, second, strict=False)
        for a, b in zip(left, right, strict=True)
    ]
    gap = max((abs(a - b) for a, b in pairs), default=0.0)
    return gap, sum((a > 0) != (b > 0) for a, b in pairs) / max(len(pairs), 1)


def _run(way: str, arch: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", way, "--arch", arch, "--folder", str(folder)]
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=free)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _measure(way: str, arch: str, folder: Path) -> dict[str, Any]:
    """Predict in this process; return seconds without imports, and the logits."""
    from pbias.cores import wait_shortly

    warnings.simplefilter("ignore")
    if way.startswith("pbias"):
        wait_shortly()  # as in the command
    import torch

    from pbias.models import build

    torch.manual_seed(0)
    model = build(f"torchvision:{arch}", OUTPUTS)
    weights = folder / f"{arch}.pt"
    if way == "prepare":
        torch.save(_lively(model, folder), weights)
        return {}
    model.load_state_dict(torch.load(weights))
    model.eval()
    loops = {"plain": _plain, "onnxruntime": _ready, "onnxruntime, zeros": _zeros}
    loop = loops.get(way) or (_fast if way != "pbias" else _pbias)
    steps = loop(model, arch, folder)
    next(steps)
    start, before = time.perf_counter(), os.times()
    logits = next(steps)
    wall_s, after = time.perf_counter() - start, os.times()
    steps.close()  # the workers end, so their time counts
    return {"wall_s": wall_s, "cpu_s": sum(after[:4]) - sum(before[:4]), "logits": logits}


def _lively(model: nn.Module, folder: Path) -> dict[str, Any]:
    """Return weights with batch norms fitted to the photographs, so that logits are about 1."""
    import torch

    model.train()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None  # statistics of all images seen
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    with torch.no_grad():
        logits = model(torch.stack([photograph(path) for path in _paths(folder)[:32]]))
        last = [part for part in model.modules() if isinstance(part, torch.nn.Linear)][-1]
        last.weight /= logits.std(dim=0)[:, None]
        last.bias.copy_((last.bias - logits.mean(dim=0)) / logits.std(dim=0))
    return model.state_dict()


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def photograph(path: Path) -> Tensor:
    """Open and prepare a photograph in the usual way."""
    from PIL import Image

    with Image.open(path) as image:
        tensor: Tensor = _steps()(image.convert("RGB"))
    return tensor


@cache
def _steps() -> Any:
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(RESIZE),
            transforms.CenterCrop(SIZE),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


def _plain(model: nn.Module, arch: str, folder: Path) -> Iterator[Any]:
    import torch
    from torch.utils.data import DataLoader, Dataset

    paths = _paths(folder)
    _steps()

    class Photographs(Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, index: int) -> torch.Tensor:
            return photograph(paths[index])

    yield None
    with torch.inference_mode():
        parts = [model(batch) for batch in DataLoader(Photographs(), BATCH, num_workers=2)]
    yield torch.cat(parts).tolist()


def _ready(model: nn.Module, arch: str, folder: Path) -> Iterator[Any]:
    import onnxruntime
    import torch

    path = folder / f"{arch}.onnx"
    if not path.exists():
        example = torch.zeros(2, 3, SIZE, SIZE)
        torch.onnx.export(
            model, (example,), str(path), input_names=["x"], dynamo=False,
            dynamic_axes={"x": {0: "n"}},
        )  # fmt: skip
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    num, images = len(_paths(folder)), torch.rand(BATCH, 3, SIZE, SIZE).numpy()
    yield None
    for start in range(0, num, BATCH):
        session.run(None, {"x": images[: num - start]})
    yield []


def _zeros(model: nn.Module, arch: str, folder: Path) -> Iterator[Any]:
    """Measure whether a network of zeros takes less time."""
    import torch

    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, torch.nn.Conv2d):
                size = part.weight.abs()
                part.weight[size < size.flatten().quantile(ZEROS)] = 0.0
    return _ready(model, f"{arch}-zeros", folder)


def _pbias(model: nn.Module, arch: str, folder: Path, *, fast: bool = False) -> Iterator[Any]:
    from pbias.workflows.predict import predict

    yield None
    options: dict[str, Any] = {"arch": f"torchvision:{arch}", "targets": list("abcde")}
    options |= {"image_size": SIZE, "resize": RESIZE, "mean": MEAN, "std": STD}
    weights, labels = folder / f"{arch}.pt", folder / "labels.csv"
    yield predict(weights, labels, fast_decode=fast, **options).logits.tolist()


def _fast(model: nn.Module, arch: str, folder: Path) -> Iterator[Any]:
    return _pbias(model, arch, folder, fast=True)


if __name__ == "__main__":
    main()
