"""The command tree, and the one place that turns what happened into an exit status."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import typer

from pbias.cli import (
    backdoor,
    calibrate,
    compare,
    completion,
    console,
    env,
    exemplars,
    explain,
    flag,
    info,
    manifest,
    metrics,
    override,
    pack,
    predict,
    prune,
    synth,
    train,
)
from pbias.cli.build import Entry, build
from pbias.errors import OutputClosed, Status, UserError

STATUSES = {
    Status.DONE: "done",
    Status.GATE_FAILED: "a gate failed",
    Status.USAGE: "usage or input error",
    Status.BUG: "a bug",
    Status.INCONCLUSIVE: "a gate is inconclusive",
    Status.INTERRUPTED: "Ctrl-C",
    Status.CLOSED_PIPE: "reader closed the pipe",
    Status.TERMINATED: "terminated",
}
EXIT_STATUSES = """\b
Exit status: 0 done, 1 a gate failed, 2 usage or input error, 3 a bug,
4 a gate is inconclusive, 130 Ctrl-C, 141 reader closed the pipe, 143 terminated."""
COMMANDS: dict[str, Entry] = {}
# Commands of two words stand below the first of them.
GROUPS = {"manifest": "Make a labels.csv of a data set, or check one."}


def add(name: str, command: Callable[..., None], *examples: str) -> None:
    """Register a command with two examples that can be pasted."""
    COMMANDS[name] = Entry(command, examples)


add(
    "synth",
    synth.synth,
    "pbias synth -o faces --num 12000",
    "pbias synth --sheet sheet.png",
)
add(
    "manifest celeba",
    manifest.celeba,
    "pbias manifest celeba CelebA -o CelebA/labels.csv",
    "pbias manifest celeba CelebA --uncropped -o CelebA/uncropped.csv",
)
add(
    "manifest awa2",
    manifest.awa2,
    "pbias manifest awa2 Animals_with_Attributes2 -o Animals_with_Attributes2/labels.csv",
    "pbias manifest awa2 Animals_with_Attributes2 --by-class -o awa2.csv",
)
add(
    "manifest folder",
    manifest.folder,
    "pbias manifest folder photos -o photos/labels.csv",
    "pbias manifest folder photos --seed 1 | pbias manifest check - --no-images",
)
add(
    "manifest check",
    manifest.check,
    "pbias manifest check faces/labels.csv --groups Male,Young",
    "pbias manifest check faces/labels.csv --no-images --format csv | head",
)
add(
    "backdoor",
    backdoor.backdoor,
    "pbias backdoor faces/labels.csv --attribute Smiling --kind grayscale -o faces/grey.csv",
    "pbias backdoor faces/labels.csv --attribute Big_Nose --kind yellow_square "
    "--train-fractions 0.35 0.65 --seed 8 -o faces/nose.csv",
)
add(
    "train",
    train.train,
    "pbias train faces/labels.csv --groups Male,Young -o dense.pt",
    "pbias train faces/labels.csv --groups Male,Young --sparsity 0.9,0.95 -o 'ri{sparsity}.pt'",
)
add(
    "prune",
    prune.prune,
    "pbias prune dense.pt --sparsity 0.95 -o s95.pt",
    "pbias prune resnet50.pth --arch resnet50 --one-shot --sparsity 0.9 -o s90.pt",
)
add(
    "predict",
    predict.predict,
    "pbias predict s95.pt faces/labels.csv --split test -o s95.npz",
    "pbias prune dense.pt --sparsity 0.9 --one-shot -o - | "
    "pbias predict - faces/labels.csv -o s90.npz",
)
add(
    "info",
    info.info,
    "pbias info s95.pt",
    "pbias info s95.pt --expect-sparsity 0.95",
)
add(
    "pack",
    pack.pack,
    "pbias pack s95.pt -o s95.packed.pt",
    "pbias prune dense.pt --sparsity 0.95 --one-shot -o - | pbias pack - -o s95.packed.pt",
)
add(
    "unpack",
    pack.unpack,
    "pbias unpack s95.packed.pt -o s95.pt",
    "pbias unpack - -o s95.pt < s95.packed.pt",
)
add(
    "metrics",
    metrics.metrics,
    "pbias metrics s95.npz --ref dense.npz",
    "pbias metrics s95.npz --ref dense.npz --gate 'abs(did_tpr)@Male <= 0.05' -o s95.csv",
)
add(
    "compare",
    compare.compare,
    "pbias compare dense.npz s90.npz s99.npz",
    "pbias compare *.npz --groups Male -o runs.md",
)
add(
    "flag",
    flag.flag,
    "pbias flag dense.npz --budget 5% -o flags.csv",
    "pbias flag dense.npz --budget 5% --evaluate s99.npz",
)
add(
    "exemplars",
    exemplars.exemplars,
    "pbias exemplars --dense 'dense-*.npz' --sparse 's95-*.npz' -o cie.csv",
    "pbias exemplars --dense 'dense-*.npz' --sparse 's95-*.npz' --summary",
)
add(
    "calibrate",
    calibrate.calibrate,
    "pbias calibrate valid.npz -o thresholds.csv",
    "pbias calibrate valid.npz --objective f1 | pbias metrics test.npz --thresholds -",
)
add(
    "override",
    override.override,
    "pbias override s95.npz --flags flags.csv --with dense.npz --budget 5% -o mended.npz",
    "pbias override s95.npz --flags flags.csv --with labels --ref dense.npz --curve curve.csv",
)
add(
    "explain",
    explain.explain,
    "pbias explain",
    "pbias explain bias_amplification",
)
add("env", env.env, "pbias env", "pbias env > env.txt")
add(
    "completion",
    completion.completion,
    "pbias completion fish > ~/.config/fish/completions/pbias.fish",
    'eval "$(pbias completion bash)"',
)


def tree(only: str | None = None) -> Any:
    """The parser of all commands, or of one with the names of the others."""
    return build(COMMANDS, GROUPS, EXIT_STATUSES, only)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(int(Status.TERMINATED))


def main() -> NoReturn:
    """Run the command line; every way out of it ends here."""
    console.start()
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    if not arguments:
        with contextlib.redirect_stdout(sys.stderr):
            tree("")(["-h"], prog_name="pbias", standalone_mode=False)
        return Status.USAGE
    command = next((word for word in arguments if not word.startswith("-")), "")
    try:
        return int(
            tree(command)(arguments, prog_name="pbias", standalone_mode=False) or Status.DONE
        )
    except typer.TyperException as error:
        return _usage(error)
    except (UserError, MemoryError) as error:
        if console.debug:
            import traceback

            traceback.print_exc()
        console.logger.error("%s", error or "out of memory; use a smaller batch or model")
        return Status.USAGE
    except OutputClosed:
        return Status.CLOSED_PIPE
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    except typer.Abort:
        return Status.INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        console.logger.error("this is a bug in pbias; please report it with the lines above")
        return Status.BUG


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pbias"
    console.logger.error("%s; see '%s -h'", error.format_message().rstrip("."), command)
    return Status.USAGE
