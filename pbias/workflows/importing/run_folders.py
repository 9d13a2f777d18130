"""Run folders of the paper's code: find their outputs, and read facts from their paths.

Source: Iofinova, Peste and Alistarh, Bias in Pruned Vision Models (CVPR 2023); docs/paper-runs.md.
Only the named text files are opened, never pickles and checkpoints next to them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pbias.errors import UserError

OUTPUTS = re.compile(r"(val|valid|test)_outputs(_best|_last|)\.txt")
PREFERRED = ("_best", "", "_last")
SPLITS = {"val": "valid", "valid": "valid", "test": "test"}
# Levels of folders below each kind of runs, from the top.
LAYOUTS = {
    "joint_runs": ("dataset", "arch", "strategy", "sparsity", "run"),
    "single_label_runs": ("dataset", "arch", "strategy", "attribute", "sparsity", "run"),
    "backdoor_runs": ("dataset", "arch", "strategy", "attribute", "backdoor", "sparsity", "run"),
}
# Columns of CelebA by names of folders.
ATTRIBUTES = {
    "attractive": "Attractive",
    "bags_under_eyes": "Bags_Under_Eyes",
    "big_lips": "Big_Lips",
    "big_nose": "Big_Nose",
    "blond": "Blond_Hair",
    "male": "Male",
    "mustache": "Mustache",
    "oval_face": "Oval_Face",
    "receding_hairline": "Receding_Hairline",
    "smiling": "Smiling",
    "wearing_necktie": "Wearing_Necktie",
    "young": "Young",
}
WHOLE_PART = 99  # for both 99 and 99.5


@dataclass(frozen=True)
class RunOutput:
    """A file of outputs, with its split and the facts from its folders.

    `folder` is the run's folder, relative to the folder that was named. `facts` are the parts of
    its path by name, empty for an unknown layout.
    """

    path: Path
    folder: Path
    split: str
    facts: dict[str, str]

    @property
    def attribute(self) -> str | None:
        """The column of CelebA of a single-label run."""
        folder = self.facts.get("attribute")
        return None if folder is None else ATTRIBUTES[_plain(folder)]

    @property
    def sparsity(self) -> float | None:
        """The share of zeros; None if the path does not show it.

        Folders of single labels have whole percentages, and 99 also stands for 99.5.
        """
        text = self.facts.get("sparsity")
        if text is None or ("attribute" in self.facts and float(text) == WHOLE_PART):
            return None
        return float(text) / 100


def find_outputs(root: Path) -> list[RunOutput]:
    """Find the outputs of all runs below a folder, one file for each run and split.

    Raises UserError if there are none, or if a path cannot be read.
    """
    if not root.is_dir():
        raise UserError(f"{root} is not a folder; name the folder that holds joint_runs, ...")
    found: dict[tuple[Path, str], list[Path]] = {}
    for path in sorted(root.rglob("*_outputs*.txt")):
        if match := OUTPUTS.fullmatch(path.name):
            found.setdefault((path.parent, SPLITS[match[1]]), []).append(path)
    if not found:
        raise UserError(
            f"{root} has no test_outputs.txt, valid_outputs.txt or similar below it; name the "
            "folder of the runs"
        )
    top = root.resolve()
    return [
        RunOutput(_preferred(paths), folder.relative_to(root), split, _facts(top, root, folder))
        for (folder, split), paths in found.items()
    ]


def _preferred(paths: Sequence[Path]) -> Path:
    """Return the outputs of the best epoch rather than of the last one."""
    by_suffix = {(OUTPUTS.fullmatch(path.name) or [""] * 3)[2]: path for path in paths}
    return next(by_suffix[suffix] for suffix in PREFERRED if suffix in by_suffix)


def _facts(top: Path, root: Path, folder: Path) -> dict[str, str]:
    """Return the facts in a run's folder names, below the last that names a kind of runs."""
    parts = (top / folder.relative_to(root)).parts
    places = [place for place, part in enumerate(parts) if part in LAYOUTS]
    if not places:
        return {}
    kind, below = parts[places[-1]], parts[places[-1] + 1 :]
    names = LAYOUTS[kind]
    if len(below) != len(names):
        raise UserError(
            f"{folder}: {len(below)} folders below {kind} where there should be {len(names)} "
            f"({'/'.join(names)}); correct the path, or name the folder of one run"
        )
    facts = {"kind": kind, **dict(zip(names, below, strict=True))}
    _check(folder, facts)
    return facts


def _check(folder: Path, facts: dict[str, str]) -> None:
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", facts["sparsity"], re.ASCII):
        raise UserError(
            f"{folder}: '{facts['sparsity']}' is not a sparsity in percent; correct the folder's "
            "name"
        )
    attribute = facts.get("attribute")
    if attribute is not None and _plain(attribute) not in ATTRIBUTES:
        raise UserError(
            f"{folder}: unknown attribute '{attribute}'; rename it to one of "
            f"{', '.join(ATTRIBUTES)}"
        )


def _plain(folder: str) -> str:
    return folder.casefold().replace("-", "_")
