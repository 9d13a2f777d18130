"""Joining the same samples from two files in any order, by id and name; differences are refused."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbias.auditing.engine import Options, audit
from pbias.errors import UserError
from pbias.files.logits import Logits, select_rows
from pbias.files.table import Table

MakeLogits = Callable[..., Logits]
VALUES_ALONE = Options(num_folds=1, metrics=("auc", "did_tpr", "bias_amplification", "churn"))


@pytest.fixture(scope="module")
def pair(make_logits: MakeLogits) -> tuple[Logits, Logits]:
    return make_logits(noise=1.0, path="s95.npz"), make_logits(path="dense.npz")


def run(audited: Logits, *references: Logits, **options: Any) -> Table:
    return audit([audited], references, replace(VALUES_ALONE, **options))


def refusal(audited: Logits, reference: Logits) -> str:
    with pytest.raises(UserError) as caught:
        run(audited, reference)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def columns_of(logits: Logits, targets: list[int]) -> Logits:
    """Return some of the attributes, in another order."""
    assert logits.train_counts is not None
    return replace(
        logits,
        logits=logits.logits[:, targets],
        labels=logits.labels[:, targets],
        targets=tuple(logits.targets[i] for i in targets),
        train_counts=logits.train_counts[targets],
    )


def assert_same(a: Table, b: Table) -> None:
    for name in a.columns:
        np.testing.assert_array_equal(
            np.array(a.columns[name], object).astype(str),
            np.array(b.columns[name], object).astype(str),
            err_msg=name,
        )


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_is_no_matter(pair: tuple[Logits, Logits], seed: int) -> None:
    audited, dense = pair
    shuffled = select_rows(dense, np.random.default_rng(seed).permutation(len(dense)))
    assert_same(run(audited, shuffled), run(audited, dense))


def test_the_order_of_attributes_is_no_matter(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    assert_same(run(audited, columns_of(dense, [2, 0, 1])), run(audited, dense))


def test_the_reference_may_have_more_attributes(pair: tuple[Logits, Logits]) -> None:
    audited, dense = (columns_of(pair[0], [2, 0]), pair[1])
    table = run(audited, dense)
    assert list(dict.fromkeys(table.columns["attribute"])) == ["", "Young", "Smiling"]


def test_thresholds_go_with_their_attribute(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    thresholds = np.array([0.5, np.inf, -1.0])
    turned = columns_of(dense, [1, 2, 0])
    assert_same(
        run(audited, replace(turned, thresholds=thresholds[[1, 2, 0]])),
        run(audited, replace(dense, thresholds=thresholds)),
    )


def test_the_reference_needs_every_attribute(pair: tuple[Logits, Logits]) -> None:
    message = refusal(pair[0], columns_of(pair[1], [0, 2]))
    assert message.startswith("dense.npz has no attribute 'Wearing_Hat' but s95.npz does")


def test_an_id_that_the_reference_lacks_is_named(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    kept = np.delete(np.arange(60), [7, 30])
    message = refusal(audited, select_rows(dense, kept))
    assert "dense.npz has 58 rows but s95.npz has 60" in message
    assert "2 ids of s95.npz are not in dense.npz (first missing id: images/0007.png)" in message


def test_an_id_that_the_audited_file_lacks_is_named(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    message = refusal(select_rows(audited, np.arange(50)), dense)
    assert "10 ids of dense.npz are not in s95.npz (first missing id: images/0050.png)" in message


def test_another_id_in_as_many_rows_is_named(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    assert dense.ids is not None
    other = np.where(dense.ids == "images/0003.png", "images/9999.png", dense.ids)
    message = refusal(audited, replace(dense, ids=other))
    assert "1 ids of s95.npz are not in dense.npz (first missing id: images/0003.png)" in message


def test_ids_of_another_type_join(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    short, wide = np.arange(60).astype("<U2"), np.arange(60).astype("<U30")
    assert_same(
        run(replace(audited, ids=short), replace(dense, ids=wide)),
        run(replace(audited, ids=short), replace(dense, ids=short)),
    )


def test_a_join_of_many_extra_rows_is_refused_quickly(pair: tuple[Logits, Logits]) -> None:
    num = 30_000
    ids = np.arange(num).astype(str)
    nameless = replace(pair[1], ids=None)
    long = replace(select_rows(nameless, np.arange(num) % 60), ids=ids)
    short = select_rows(long, np.arange(num - 1))
    start = time.perf_counter()
    assert f"first missing id: {num - 1}" in refusal(replace(short, path="s95.npz"), long)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("without", [(0,), (1,), (0, 1)])
def test_without_ids_rows_are_joined_by_position_with_a_warning(
    pair: tuple[Logits, Logits], without: tuple[int, ...], caplog: pytest.LogCaptureFixture
) -> None:
    files = [replace(f, ids=None) if i in without else f for i, f in enumerate(pair)]
    with caplog.at_level(logging.WARNING):
        table = run(*files)
    assert_same(table, run(*pair))
    assert "joining dense.npz to s95.npz by position" in caplog.text


def test_without_ids_the_number_of_rows_must_be_the_same(pair: tuple[Logits, Logits]) -> None:
    audited, dense = (replace(f, ids=None) for f in pair)
    message = refusal(audited, select_rows(dense, np.arange(59)))
    assert "dense.npz has 59 rows but s95.npz has 60; were they predicted on the same" in message


def test_labels_that_differ_are_counted_and_the_first_named(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    labels = dense.labels.copy()
    labels[[4, 9], 1] = 1 - np.maximum(labels[[4, 9], 1], 0)
    message = refusal(audited, replace(dense, labels=labels))
    assert "dense.npz and s95.npz disagree on 2 labels" in message
    assert "first: sample images/0004.png, Wearing_Hat:" in message


def test_a_label_known_in_one_file_alone_differs(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    labels = dense.labels.copy()
    known = int(np.flatnonzero(labels[:, 0] >= 0)[0])
    labels[known, 0] = -1
    assert "disagree on 1 labels" in refusal(audited, replace(dense, labels=labels))


def test_a_reference_without_labels_takes_those_of_the_audited(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    unlabelled = replace(dense, labels=np.full_like(dense.labels, -1))
    assert_same(run(audited, unlabelled), run(audited, dense))


def test_an_audited_file_without_labels_is_named_where_the_reference_has_some(
    pair: tuple[Logits, Logits],
) -> None:
    audited, dense = pair
    message = refusal(replace(audited, labels=np.full_like(audited.labels, -1)), dense)
    assert "s95.npz has no labels but dense.npz has; predict both with the same lab" in message
    assert "`labels`" in message


def test_groups_that_differ_are_counted_and_the_first_named(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    groups = dense.groups.copy()
    groups[[3, 5, 8], 1] = -1 - (groups[[3, 5, 8], 1] < 0) * -1
    message = refusal(audited, replace(dense, groups=groups))
    assert "disagree on group 'Skin' of 3 samples (first: images/0003.png)" in message


def test_groups_are_compared_by_value_and_not_by_code(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    groups = dense.groups.copy()
    groups[:, 1] = np.array([2, 1, 0, -1])[groups[:, 1]]
    recoded = replace(dense, groups=groups, group_values=(("0", "1"), ("III", "II", "I")))
    assert_same(run(audited, recoded), run(audited, dense))


def test_the_reference_needs_no_groups(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    bare = replace(
        dense, groups=dense.groups[:, :0], group_names=(), group_values=(), train_counts=None
    )
    assert_same(run(audited, bare), run(audited, dense))


def test_every_run_is_joined(pair: tuple[Logits, Logits]) -> None:
    audited, dense = pair
    shuffled = select_rows(audited, np.arange(60)[::-1])
    together = audit([audited, shuffled], [dense, dense], VALUES_ALONE)
    alone = run(audited, dense)
    for name in ("value", "reference", "change", "n_discordant"):
        assert together.columns[name] == pytest.approx(alone.columns[name], nan_ok=True)
    short = select_rows(audited, np.arange(50))
    with pytest.raises(UserError, match="first missing id"):
        audit([audited, short], [dense], VALUES_ALONE)
