"""Measure the size of an audit's page, and the time that it takes beyond the audit.

    python bench/page.py

The audit has 40 attributes, 4 groups (14 values), 3 runs per side, and 4,000 samples.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

import numpy as np

import pbias

NUM, ATTRIBUTES, RUNS = 4000, 40, 3
VALUES = {"sex": 2, "age": 4, "skin": 6, "glasses": 2}


def main() -> None:
    """Audit drawn logits and print the cost of the page."""
    logging.disable(logging.CRITICAL)
    rng = np.random.default_rng(0)
    labels = (rng.random((NUM, ATTRIBUTES)) < rng.uniform(0.05, 0.6, ATTRIBUTES)).astype(int)
    groups = {name: rng.integers(0, num, NUM).astype(str) for name, num in VALUES.items()}
    dense = [4 * labels - 2 + rng.normal(0, 1.2, labels.shape) for _ in range(RUNS)]
    sparse = [z - labels * (groups["sex"] == "1")[:, None] + rng.normal(0, 1, z.shape)
              for z in dense]  # fmt: skip
    names = [f"attribute_{index}" for index in range(ATTRIBUTES)]
    started = time.process_time()
    result = pbias.audit(sparse, labels, reference=dense, groups=groups, targets=names)
    audited = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.html"
        result.report(path)
        size = path.stat().st_size
    done = time.process_time()
    print(f"audit {audited - started:.1f} s, page {done - audited:.1f} s, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
