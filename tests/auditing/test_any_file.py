"""An audit of any valid file succeeds, and its numbers are consistent."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbias.auditing.engine import Options, audit
from pbias.auditing.run_comparison import compare
from pbias.files.logits import Logits
from pbias.files.table import Table, to_csv, to_json
from pbias.reporting.audit_report import audit_sections
from pbias.reporting.renderers.markdown import render_markdown
from pbias.reporting.small_tables import compare_sections

LOGITS = st.sampled_from(
    [0.0, -0.0, 0.5, -0.5, 1.5, 40.0, -40.0, 800.0, -800.0, 3e38, -3e38, 1e-40]
)
NOT_ROUNDING = 1e-9
SHARES = ("accuracy", "prevalence", "predicted_positive_rate", "tpr", "fpr", "fnr", "ppv", "auc")


@st.composite
def files(draw: st.DrawFn) -> tuple[Logits, Logits]:
    """Draw a dense and a pruned model on few samples, with extreme logits and anything missing."""
    num, num_targets, num_groups = draw(st.tuples(*map(st.integers, (1, 1, 0), (30, 3, 2))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pool = np.array(draw(st.lists(LOGITS, min_size=1, max_size=5)), np.float32)
    num_values = draw(st.integers(1, 4))
    values = ("0", "1") if num_values == 2 else tuple("abcd"[:num_values])
    counts = (
        rng.integers(0, 3, (num_targets, num_groups + 1, num_values * (num_groups > 0) + 1, 2)) * 20
    )
    dense = Logits(
        rng.choice(pool, (num, num_targets)),
        rng.integers(draw(st.integers(-1, 1)), 2, (num, num_targets)).astype(np.int8),
        tuple("xyz"[:num_targets]),
        ids=np.arange(num).astype(str),
        groups=rng.integers(-1, num_values, (num, num_groups)).astype(np.int16),
        group_names=("G", "H")[:num_groups],
        group_values=(values,) * num_groups,
        clusters=draw(st.sampled_from([None, (np.arange(num) // 3).astype(str)])),
        train_counts=draw(st.sampled_from([None, counts])),
        activation=draw(st.sampled_from(["sigmoid", "softmax"])),
        thresholds=draw(
            st.sampled_from([None, rng.choice([-math.inf, 0.0, math.inf], num_targets)])
        ),
        path="dense.npz",
    )
    changed = np.where(rng.random((num, num_targets)) < 0.3, rng.choice(pool), dense.logits)
    return replace(dense, logits=changed.astype(np.float32), path="s95.npz"), dense


def check_row(row: dict[str, Any]) -> None:
    """Check what must hold for the numbers in any row."""
    value, low, high = row["value"], row["low"], row["high"]
    assert math.isnan(value) == (row["status"] == "undefined"), row
    assert row["reason"] or row["status"] != "undefined", row
    assert not math.isinf(value), row
    assert math.isnan(low) == math.isnan(high), row
    if low == low:
        assert low - NOT_ROUNDING <= value <= high + NOT_ROUNDING, row
    for p in (row["p"], row["p_adjusted"]):
        assert math.isnan(p) or 0 <= p <= 1, row
    if row["metric"] in SHARES and not row["contrast"].endswith(("-0", "-rest", "max-min")):
        assert math.isnan(value) or 0 <= value <= 1, row
    if row["change"] == row["change"]:
        assert row["change"] == pytest.approx(value - row["reference"], abs=1e-9), row


def check(table: Table) -> None:
    for row in table.records():
        check_row(row)
    assert "nan" not in to_csv(table) and "NaN" not in to_json(table)
    assert "nan" not in render_markdown(audit_sections(table))


@settings(max_examples=15)
@given(pair=files(), num_folds=st.sampled_from([1, 200]))
def test_an_audit_against_a_reference(pair: tuple[Logits, Logits], num_folds: int) -> None:
    check(audit([pair[0]], [pair[1]], Options(num_folds=num_folds)))


@settings(max_examples=6)
@given(pair=files(), groups=st.sampled_from([None, ["x"], []]))
def test_an_audit_alone_of_several_runs(pair: tuple[Logits, Logits], groups: Any) -> None:
    check(audit([pair[0], pair[1]], (), Options(groups=groups)))


@settings(max_examples=6)
@given(pair=files())
def test_a_comparison(pair: tuple[Logits, Logits]) -> None:
    table = compare(list(pair))
    assert "nan" not in to_csv(table) + render_markdown(compare_sections(table))
