"""Products of predictions for pairs of targets are counted only for metrics that need them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from pbias.auditing.engine import Audit, Options
from pbias.files.logits import Logits


def logits(targets: int, activation: str = "sigmoid", rows: int = 400) -> Logits:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((rows, targets)).astype(np.float32)
    labels = (np.arange(targets) == rng.integers(0, targets, (rows, 1))).astype(np.int8)
    ids = np.arange(rows).astype(str)
    return Logits.from_arrays(z, labels, ids=ids, activation=activation)


def test_an_audit_of_many_targets_grows_with_their_number_not_its_square() -> None:
    run = logits(600)  # products: 200 folds x 601 x 601 x 8 bytes = 578 MB
    tracemalloc.start()
    audit = Audit([run], [], Options(metrics=["accuracy", "tpr"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert audit.sides[0].fits is None
    assert peak < 200e6


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_other_metrics_are_the_same_without_products(activation: str) -> None:
    run = logits(4, activation)
    names = ["output_0", "output_2"]
    alone, both = (
        Audit([run], [], Options(attributes=names, metrics=metrics)).table(metric="accuracy")
        for metrics in (["accuracy"], ["accuracy", "interdependence"])
    )
    assert repr(list(alone.records())) == repr(list(both.records()))  # NaN does not equal itself
    assert len(list(alone.records())) >= 2
