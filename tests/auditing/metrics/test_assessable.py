"""Undefined numbers are known in advance: the same as those in an audit of a perfect model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pbias.auditing.engine import Options, audit
from pbias.auditing.metrics.amplification import unassessable
from pbias.files.logits import Logits
from pbias.files.manifest import Labels, read_manifest, select, train_counts


def draw(folder: Path) -> tuple[Labels, np.ndarray, np.ndarray]:
    """Draw attributes that are rare, even, absent, frequent, and the group itself."""
    rng = np.random.default_rng(0)
    lines = ["image,split,rare,even,absent,often,male,band"]
    for row in range(600):
        male, band = rng.integers(0, 2), rng.integers(0, 3)
        rare, often = (
            int(rng.random() < share) for share in (0.02 + 0.03 * male, 0.3 + 0.3 * male)
        )
        cells = [rare, row // 4 % 2, 0, often, male, "abc"[band]]
        lines.append(f"{row}.png,{('train', 'test')[row % 2]}," + ",".join(map(str, cells)))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    manifest = read_manifest(str(folder / "labels.csv"))
    targets = ["rare", "even", "absent", "often", "male"]
    labels = select(manifest, targets=targets, groups=["male", "band"])
    return labels, manifest.rows("train"), manifest.rows("test")


def perfect(labels: Labels, train: np.ndarray, test: np.ndarray) -> Logits:
    return Logits(
        logits=(2 * labels.labels[test] - 1).astype(np.float32),
        labels=labels.labels[test],
        targets=tuple(labels.targets),
        groups=labels.groups[test],
        group_names=tuple(labels.group_names),
        group_values=tuple(map(tuple, labels.group_values)),
        train_counts=train_counts(labels, train),
    )


@pytest.mark.parametrize("group", ["male", "band"])
def test_the_reasons_are_those_of_the_audit(tmp_path: Path, group: str) -> None:
    labels, train, test = draw(tmp_path)
    reasons = unassessable(labels, train, test)
    options = Options(num_folds=1, metrics=["bias_amplification"])
    table = audit([perfect(labels, train, test)], (), options)
    rows = [row for row in table.where(group=group) if row["attribute"]]
    audited = {r["attribute"]: r["reason"] if r["status"] == "undefined" else "" for r in rows}
    expected = {target: reasons[target, group] for target in audited}
    assert audited == expected and len({*expected.values()}) >= 3
