"""How often the interval of a mean change holds the truth where few samples change.

    python bench/few_flips.py                       # the table of docs/inference.md
    python bench/few_flips.py --draws 200 --seed 7  # sooner

An audited model changes some samples: each with a small chance, and in such a sample each right
prediction turns wrong with the chance `at_once`. So many attributes may flip together, which their
errors do not tell unless these are `alike`. The worst case has every attribute flip at once.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pbias.auditing.engine import Options, audit
from pbias.auditing.inference.distributions import normal_ppf
from pbias.files.logits import Logits

RIGHT = 0.9


@dataclass(frozen=True)
class Setting:
    """`samples` with so many `attributes`; of `changed` samples on average each flips `at_once`.

    `alike`: the correlation of what makes attributes err; `runs` a side, each changed by itself.
    """

    changed: float
    at_once: float
    samples: int = 120
    attributes: int = 35
    alike: float = 0.0
    runs: int = 1

    @property
    def truth(self) -> float:
        """The true change of the accuracy."""
        return -self.changed / self.samples * self.at_once * RIGHT


SETTINGS = [
    *(Setting(*pair) for pair in (
        (4, 1 / 35), (1, 0.1), (3, 0.1), (1, 0.25), (2, 0.25), (1, 0.5), (2, 0.5), (2.7, 0.5),
        (2.5, 0.75), (1, 1.0), (2, 1.0), (2.5, 1.0),
    )),
    *(Setting(*pair, alike=0.6) for pair in ((1, 0.5), (2, 1.0), (2.5, 1.0))),
    *(Setting(*pair, attributes=5) for pair in ((2, 0.5), (2, 1.0))),
    *(Setting(*pair, samples=1000) for pair in ((2, 0.5), (2, 1.0))),
    *(Setting(*pair, runs=3) for pair in ((1, 0.1), (2, 0.5))),
]  # fmt: skip


def covered(setting: Setting, draws: int, seed: int) -> tuple[float, float, float]:
    """Return the share of intervals that hold the truth, their half-width, and how many are few."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        columns = audit(*_files(setting, rng), Options(metrics=["accuracy"])).columns
        low, high = columns["change_low"][0], columns["change_high"][0]
        few = columns["change_status"][0] == "low_power"
        found.append((low <= setting.truth <= high, (high - low) / 2, few))
    holds, width, few = np.mean(found, axis=0)
    return float(holds), float(width), float(few)


def _files(s: Setting, rng: np.random.Generator) -> tuple[list[Logits], list[Logits]]:
    shape = s.samples, s.attributes
    labels = rng.integers(0, 2, shape).astype(np.int8)
    common, own = rng.standard_normal((s.samples, 1)), rng.standard_normal(shape)
    right = np.sqrt(s.alike) * common + np.sqrt(1 - s.alike) * own < normal_ppf(RIGHT)
    base = Logits(
        np.where(right == (labels == 1), 1.0, -1.0).astype("f4"),
        labels,
        tuple(f"a{i}" for i in range(s.attributes)),
        ids=np.arange(s.samples).astype(str),
    )

    def run(scale: float, *, worse: bool) -> Logits:
        # Seeds of either side differ from each other as well.
        num = int(worse) + int(s.runs > 1)
        flips = right & np.any(
            [np.zeros(shape, bool), *(_flips(s, rng) for _ in range(num))], axis=0
        )
        logits = np.where(flips, -base.logits, base.logits) * scale
        return Logits(**{**vars(base), "logits": logits.astype("f4"), "path": f"{scale}.npz"})

    audited = [run(1.1 + r / 100, worse=True) for r in range(s.runs)]
    return audited, [run(1.0 + r / 100, worse=False) for r in range(s.runs)]


def _flips(s: Setting, rng: np.random.Generator) -> NDArray[np.bool_]:
    changed = rng.random((s.samples, 1)) < s.changed / s.samples
    return np.asarray(changed & (rng.random((s.samples, s.attributes)) < s.at_once))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000, help="audits for each setting")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # there are no training counts
    header = ["samples", "attributes", "runs", "changed", "at once", "alike", "few", "half-width",
              "covered"]  # fmt: skip
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for s in SETTINGS:
        holds, width, few = covered(s, given.draws, given.seed)
        error = 100 * np.sqrt(0.05 * 0.95 / given.draws)
        cells = [f"{s.samples:,}", s.attributes, s.runs, f"{s.changed:g}", f"{s.at_once:.2f}",
                 f"{s.alike:g}", f"{few:.0%}", f"{width:.4f}",
                 f"{100 * holds:.1f} ± {error:.1f}"]  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
