"""Overriding replaces exactly the flagged predictions; scores that it breaks are undefined."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.auditing.counts.totals import predictions
from pbias.auditing.engine import Options, audit
from pbias.auditing.metrics.registry import METRICS
from pbias.auditing.remedies.overriding import from_labels, from_model, locate, mask_of, override
from pbias.errors import UserError
from pbias.files.logits import Logits

MakeLogits = Callable[..., Logits]
NUM = 60


@pytest.fixture(scope="module")
def dense(make_logits: MakeLogits) -> Logits:
    return make_logits(num=NUM)


@pytest.fixture(scope="module")
def sparse(make_logits: MakeLogits) -> Logits:
    return make_logits(num=NUM, noise=2.0, meta={"sparsity": 0.99})


def mended(sparse: Logits, dense: Logits | None, cells: list[int]) -> Logits:
    better = from_labels(sparse) if dense is None else from_model(dense, sparse)
    return override(sparse, better, mask_of(np.array(cells, np.intp), sparse, better))


def everything(logits: Logits) -> list[int]:
    return list(range(logits.logits.size))


def test_nothing_flagged_is_the_file_itself(sparse: Logits, dense: Logits) -> None:
    assert mended(sparse, dense, []) == sparse == mended(sparse, None, [])


@pytest.mark.parametrize("own", [None, [0.0, 0.0, 0.0], [0.5, np.inf, -1.0]])
@pytest.mark.parametrize("other", [None, [0.5, 0.0, -np.inf]])
def test_everything_flagged_is_the_other_file_s_arrays(
    sparse: Logits, dense: Logits, own: list[float] | None, other: list[float] | None
) -> None:
    cuts = [None if values is None else np.array(values) for values in (own, other)]
    found = mended(
        replace(sparse, thresholds=cuts[0]), replace(dense, thresholds=cuts[1]), everything(sparse)
    )
    np.testing.assert_array_equal(found.logits, dense.logits)
    np.testing.assert_equal(found.thresholds, cuts[1])
    assert (found.meta, found.targets) == (sparse.meta, sparse.targets)


def test_what_is_flagged_is_replaced_and_nothing_else(sparse: Logits, dense: Logits) -> None:
    assert sparse.ids is not None
    pairs = [(sparse.ids[4], "Young"), (sparse.ids[0], "Smiling")]
    found = mended(sparse, dense, locate(pairs, sparse, "flags.csv").tolist())
    expected = sparse.logits.copy()
    expected[4, 2], expected[0, 0] = dense.logits[4, 2], dense.logits[0, 0]
    np.testing.assert_array_equal(found.logits, expected)
    assert found.thresholds is None and found.labels is sparse.labels


def test_labels_are_certain_and_unknown_ones_change_nothing(sparse: Logits) -> None:
    found = mended(sparse, None, everything(sparse)).logits
    known = sparse.labels >= 0
    assert 0 < known.sum() < known.size
    np.testing.assert_array_equal(found[known], np.where(sparse.labels[known] == 1, 20, -20))
    np.testing.assert_array_equal(found[~known], sparse.logits[~known])


@given(
    st.lists(st.integers(0, 3 * NUM - 1), unique=True),
    *(st.lists(st.sampled_from([-np.inf, -30, -0.7, 0, 0.7, 30, np.inf]), min_size=3, max_size=3)
      for _ in range(2)),
    st.booleans(),
)  # fmt: skip
def test_each_model_predicts_with_its_own_thresholds(
    make_logits: MakeLogits, cells: list[int], own: list[float], other: list[float], by_labels: bool
) -> None:
    sparse = make_logits(num=NUM, noise=2.0, thresholds=np.array(own))
    dense = make_logits(num=NUM, thresholds=np.array(other))
    found = mended(sparse, None if by_labels else dense, cells)
    expected, theirs = predictions(sparse).s.T.copy(), predictions(dense).s.T
    if by_labels:
        theirs = np.where(sparse.labels < 0, expected, sparse.labels == 1)
    expected.flat[cells] = theirs.flat[cells]
    np.testing.assert_array_equal(predictions(found).s.T, expected)
    assert np.isfinite(found.logits).all()


def test_a_softmax_is_replaced_sample_by_sample(sparse: Logits, dense: Logits) -> None:
    labels = np.eye(3, dtype=np.int8)[np.arange(NUM) % 3]
    labels[5] = -1
    ours, theirs = (replace(x, activation="softmax", labels=labels) for x in (sparse, dense))
    found = mended(ours, theirs, [7, 15])  # the second output of sample 2, the first of 5
    changed = (found.logits != sparse.logits).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [2, 5]
    np.testing.assert_array_equal(found.logits[[2, 5]], dense.logits[[2, 5]])
    by_person = mended(ours, None, [7, 15])
    np.testing.assert_array_equal(by_person.logits[2], [-20, -20, 20])
    np.testing.assert_array_equal(by_person.logits[5], sparse.logits[5])


def test_a_softmax_and_a_sigmoid_cannot_be_mixed(sparse: Logits, dense: Logits) -> None:
    with pytest.raises(UserError, match="cannot be mixed"):
        from_model(replace(dense, activation="softmax"), sparse)


def test_flags_of_other_samples_or_attributes_are_refused(sparse: Logits) -> None:
    pairs = [("images/0001.png", "Young"), ("x.png", "Young"), ("images/0001.png", "Hat")]
    with pytest.raises(UserError, match=r"1 of 3 flags in f.csv name no sample .*first: x.png"):
        locate(pairs, sparse, "f.csv")
    wrong = r"1 of 2 flags in f.csv name no attribute .*first: Hat\); it has Smiling"
    with pytest.raises(UserError, match=wrong):
        locate(pairs[::2], sparse, "f.csv")


def test_without_ids_flags_name_rows(sparse: Logits) -> None:
    found = locate([("7", "Smiling"), ("0", "Young")], replace(sparse, ids=None), "f.csv")
    assert found.tolist() == [21, 2]


def test_without_labels_there_is_nothing_to_override_with(sparse: Logits) -> None:
    with pytest.raises(UserError, match="has no labels to override with; add them by `labels`"):
        from_labels(replace(sparse, labels=np.full_like(sparse.labels, -1)))


SMILING = [0, 3, 6, 9, 12]  # samples 0 to 4, by labels


def row_of(logits: Logits, metric: str, attribute: str) -> dict[str, Any]:
    (row,) = audit([logits], (), Options(groups=[], num_folds=1)).where(
        metric=metric, attribute=attribute, group=""
    )
    return row


@pytest.mark.parametrize("metric", sorted(m.name for m in METRICS.values() if m.of_scores))
def test_scores_of_what_people_decided_are_undefined(sparse: Logits, metric: str) -> None:
    found = mended(sparse, None, SMILING)
    row = row_of(found, metric, "Smiling")
    assert (row["status"], row["reason"]) == ("undefined", "overridden by labels")
    assert math.isnan(row["value"])
    np.testing.assert_equal(row_of(found, metric, "Young"), row_of(sparse, metric, "Young"))
    mean = row_of(found, metric, "")
    assert mean["reason"] == "over 2 of 3, without Smiling"


@pytest.mark.parametrize("metric", ["accuracy", "tpr", "predicted_positive_rate", "tcb"])
def test_decisions_of_people_count(sparse: Logits, metric: str) -> None:
    row = row_of(mended(sparse, None, everything(sparse)), metric, "Smiling")
    assert row["status"] != "undefined" and not row["reason"]


def test_groups_contrasts_and_changes_of_scores_are_undefined_too(
    sparse: Logits, dense: Logits
) -> None:
    table = audit([mended(sparse, None, SMILING)], [dense], Options(metrics=["auc", "brier"]))
    rows = table.where(attribute="Smiling")
    assert {row["contrast"] for row in rows} >= {"", "0", "1-0", "I-rest", "max-min"}
    for row in rows:
        assert row["status"] == row["change_status"] == "undefined"
        assert row["reason"].startswith("overridden by labels")
    assert {row["status"] for row in table.where(attribute="Young", group="")} == {"ok"}


def test_overridden_by_the_dense_model_scores_are_scores(sparse: Logits, dense: Logits) -> None:
    assert row_of(mended(sparse, dense, SMILING), "auc", "Smiling")["status"] == "ok"


def test_logits_less_different_thresholds_are_no_scores(sparse: Logits, dense: Logits) -> None:
    ours = replace(sparse, thresholds=np.array([0.5, 0.0, 1.0]))
    found = mended(ours, dense, [0, 1])  # thresholds differ for Smiling and, untouched, Young
    assert found.meta["no_scores"] == {"Smiling": "overridden at another threshold"}
    assert found.thresholds is not None and found.thresholds.tolist() == [0, 0, 1]
    assert found.logits[0, 0] == dense.logits[0, 0]
    assert found.logits[1, 0] == np.float32(sparse.logits[1, 0] - 0.5)
    assert row_of(found, "auc", "Smiling")["reason"] == "overridden at another threshold"


def test_what_is_no_score_in_the_other_file_is_none_where_it_is_used(
    sparse: Logits, dense: Logits
) -> None:
    seen = mended(dense, None, [*SMILING, 1])  # and one Wearing_Hat
    found = mended(sparse, seen, SMILING)
    assert found.meta["no_scores"] == {"Smiling": "overridden by labels"}
    back = mended(found, dense, everything(sparse))
    assert "no_scores" not in back.meta


@pytest.mark.parametrize("said", [None, 3, [], {"Other": "x"}])
def test_meta_from_elsewhere_does_no_harm(sparse: Logits, said: Any) -> None:
    assert row_of(replace(sparse, meta={"no_scores": said}), "auc", "Smiling")["status"] == "ok"


def test_a_run_of_several_that_is_no_score_is_counted(sparse: Logits, dense: Logits) -> None:
    table = audit([mended(sparse, None, SMILING), dense], (), Options(groups=[], num_folds=1))
    (row,) = table.where(metric="auc", attribute="Smiling")
    assert row["reason"] == "overridden by labels in 1 of 2 runs"
