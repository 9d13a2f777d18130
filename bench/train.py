"""Compare training with `pbias` and with a plain loop, each run in a fresh process.

    python bench/train.py                                # resnet_small, one seed
    python bench/train.py --arch resnet18 --precision bf16
    python bench/train.py --seeds 5                      # is the accuracy as good?
    python bench/train.py --device cuda                  # does the GPU wait for images?

The plain loop is a Dataset that opens each JPEG with Pillow, torchvision's transforms, and a
DataLoader with two workers, in fp32. Network, recipe, batch size, epochs and images (clothing, 64
px) are the same. pbias runs in fp32, and in bf16 if the CPU is faster in it. Runs take turns, seed
by seed. Images per second cover the whole run (reading, decoding, training and validating), except
the imports. Accuracy is that of the best validation epoch.

On a GPU, it compares resnet18 at 128 and 224 px, fed by pbias from images in memory (cropped,
flipped, copied, normalized), with the same steps on one batch of random numbers on the GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from parts.rows import leave_row

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.data import DataLoader

    from pbias.files.manifest import Int8, Labels, Manifest
    from pbias.training.recipe import Recipe

DATA = Path(os.environ.get("PBIAS_TEST_DATA", "../shared")) / "data" / "clothing" / "labels.csv"
SIZE = 64
AIMS = {  # minimum speedup
    ("resnet_small", "fp32"): 2.5,
    ("resnet_small", "bf16"): 2.5,
    ("resnet18", "fp32"): 1.5,
    ("resnet18", "bf16"): 2.2,
}
MODEL_ARGS = {"resnet_small": {"width": 16}}  # decoding and the loop are compared, not the network
ARCHS = sorted({arch for arch, _ in AIMS})

Runs = list[dict[str, float]]  # one per seed: images_per_s, accuracy


def main() -> None:
    """Compare, print a table, and exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=ARCHS, default="resnet_small")
    parser.add_argument("--epochs", type=int, default=10, help="as in the recipe 'small'")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--device", default="cpu", help="cpu; cuda measures something else")
    parser.add_argument("--child", choices=("plain", "fp32", "bf16"), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.device != "cpu":
        from parts.feeding import compare

        sys.exit(compare(given.device, given.precision, given.epochs, given.batch_size))
    if given.child:
        print(json.dumps(_measure(given.child, given)))
        return
    args = "".join(f" {key}={value}" for key, value in MODEL_ARGS.get(given.arch, {}).items())
    print(f"{given.arch}{args}, {SIZE} px, batches of {given.batch_size}, {given.epochs} epochs:")
    print(f"  load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    precisions = _precisions() if given.precision == "auto" else [given.precision]
    runs: dict[str, Runs] = {name: [] for name in ("plain", *precisions)}
    for seed in range(given.seeds):
        for name in runs:
            runs[name].append(_run(name, seed))
    plain = runs["plain"]
    print(_line("plain, fp32", plain))
    met = [_met(given.arch, precision, runs[precision], plain) for precision in precisions]
    sys.exit(0 if all(met) else 1)


def _precisions() -> list[str]:
    from pbias.training.precision import fast_bf16

    return ["fp32", "bf16"] if fast_bf16() else ["fp32"]


def _run(name: str, seed: int) -> dict[str, float]:
    command = [sys.executable, __file__, *sys.argv[1:], "--child", name, "--seed", str(seed)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _line(name: str, runs: Runs) -> str:
    rates, accuracies = ([run[key] for run in runs] for key in ("images_per_s", "accuracy"))
    return (
        f"  {name:12} {statistics.median(rates):7,.0f} images/s ({min(rates):,.0f} to "
        f"{max(rates):,.0f})  accuracy {statistics.mean(accuracies):.4f}"
    )


def _met(arch: str, precision: str, runs: Runs, plain: Runs) -> bool:
    """Return whether the median is fast enough, and no worse beyond its standard error."""
    aim = AIMS[arch, precision]
    times = statistics.median(
        mine["images_per_s"] / theirs["images_per_s"]
        for mine, theirs in zip(runs, plain, strict=True)
    )
    changes = [
        mine["accuracy"] - theirs["accuracy"] for mine, theirs in zip(runs, plain, strict=True)
    ]
    error = statistics.stdev(changes) / math.sqrt(len(changes)) if len(changes) > 1 else math.inf
    change = statistics.mean(changes)
    met = times >= aim and change >= -error
    leave_row(
        f"train {arch} in {precision}",
        *(f"{statistics.median(r['images_per_s'] for r in side):,.0f}/s" for side in (runs, plain)),
        times,
        f">= {aim}",
        met=met,
    )
    print(_line(f"pbias, {precision}", runs))
    print(
        f"    {times:.2f} times faster (aim: {aim}), accuracy {change:+.4f} (standard error "
        f"{error:.4f}): {'met' if met else 'MISSED'}"
    )
    return met


def _measure(name: str, given: argparse.Namespace) -> dict[str, float]:
    """Train in this process; return the best epoch's accuracy and images per second."""
    import torch

    from pbias.data.training_images import load_training_pictures  # noqa: F401 (imports are not timed)
    from pbias.files.manifest import read_manifest, select
    from pbias.models import build
    from pbias.models.torchvision_import import load_torchvision
    from pbias.training.loop import fit  # noqa: F401
    from pbias.training.recipe import Recipe

    load_torchvision()

    recipe = Recipe(
        epochs=given.epochs,
        batch_size=given.batch_size,
        seed=given.seed,
        precision="fp32" if name == "plain" else name,
    )
    manifest = read_manifest(str(DATA))
    labels = select(manifest, targets=None, groups=["kids"])
    torch.manual_seed(given.seed)
    model = build(given.arch, len(labels.targets), **MODEL_ARGS.get(given.arch, {}))
    loop = _plain if name == "plain" else _pbias
    start = time.perf_counter()
    accuracy = loop(model, manifest, labels, recipe)
    seconds = time.perf_counter() - start
    num_trained = len(manifest.rows("train")) * recipe.epochs
    return {"accuracy": accuracy, "images_per_s": num_trained / seconds}


def _pbias(model: nn.Module, manifest: Manifest, labels: Labels, recipe: Recipe) -> float:
    import torch

    from pbias.data.training_images import find_training_pictures, load_training_pictures
    from pbias.models.preprocess import Preprocess
    from pbias.training.loop import fit

    pictures = find_training_pictures(manifest, labels)
    train, valid = load_training_pictures(pictures, Preprocess.for_crop(SIZE))
    result = fit(model, train, valid, recipe, device=torch.device("cpu"))
    return result.reports[result.epoch].valid.accuracy


def _plain(model: nn.Module, manifest: Manifest, labels: Labels, recipe: Recipe) -> float:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    train, valid = (
        _loader(manifest, labels, split, recipe.batch_size) for split in ("train", "valid")
    )
    assert recipe.optimizer == "adam"
    optimizer = torch.optim.Adam(model.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    best = 0.0
    for epoch in range(recipe.epochs):
        model.train()
        for step, (images, wanted) in enumerate(train):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr_at(epoch + (step + 0.5) / len(train))
            optimizer.zero_grad()
            binary_cross_entropy_with_logits(model(images), wanted).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = torch.cat([(model(images) > 0) == (wanted > 0) for images, wanted in valid])
        best = max(best, right.float().mean().item())
    return best


def _loader(
    manifest: Manifest, labels: Labels, split: str, batch_size: int
) -> DataLoader[tuple[Tensor, Tensor]]:
    from torch.utils.data import DataLoader

    rows = manifest.rows(split)
    paths = [manifest.root / manifest.ids[row] for row in rows]
    pictures = Photographs(paths, labels.labels[rows], augment=split == "train")
    return DataLoader(pictures, batch_size, shuffle=split == "train", num_workers=2)


class Photographs:
    """A map-style dataset that opens, transforms and returns one image at a time."""

    def __init__(self, paths: list[Path], labels: Int8, augment: bool) -> None:
        from pbias.models.torchvision_import import load_torchvision

        transforms = load_torchvision().transforms
        crop = (
            [transforms.RandomCrop(SIZE, padding=SIZE // 16, padding_mode="edge")]
            if augment
            else []
        )
        flip = [transforms.RandomHorizontalFlip()] if augment else []
        to_tensor = [transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
        self.transform = transforms.Compose(
            [transforms.Resize(SIZE), transforms.CenterCrop(SIZE), *crop, *flip, *to_tensor]
        )
        self.paths, self.labels = paths, labels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Int8]:
        from PIL import Image

        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB")), self.labels[index].astype("float32")


if __name__ == "__main__":
    main()
