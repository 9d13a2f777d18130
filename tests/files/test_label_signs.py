"""Labels of -1 and 1: refused unless a 0 shows that -1 means unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.errors import UserError
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.logits.blocks import open_blocks
from pbias.files.logits.npz import Npz

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def signed(tmp_path: Path, make_logits: Callable[..., Logits]) -> tuple[Path, Logits]:
    """Write a file whose negatives are -1."""
    logits = make_logits()
    signed = replace(logits, labels=np.where(logits.labels == 1, 1, -1).astype(np.int8))
    write_logits(signed, str(tmp_path / "own.npz"))
    return tmp_path / "own.npz", signed


def test_a_file_of_minus_one_and_one_is_refused(signed: tuple[Path, Logits]) -> None:
    with pytest.raises(UserError, match="-1 and 1 but no 0; replace -1 by 0"):
        read_logits(str(signed[0]))


def test_in_blocks_too(signed: tuple[Path, Logits]) -> None:
    with Npz(str(signed[0])) as npz, pytest.raises(UserError, match="replace -1 by 0"):
        list(open_blocks(npz, block_rows=7).blocks())


def test_a_block_without_a_zero_is_let_be(
    tmp_path: Path, make_logits: Callable[..., Logits]
) -> None:
    logits = make_logits()
    logits.labels[:30], logits.labels[0] = 1, -1
    write_logits(logits, str(tmp_path / "own.npz"))
    with Npz(str(tmp_path / "own.npz")) as npz:
        assert sum(map(len, open_blocks(npz, block_rows=5).blocks())) == len(logits)


@pytest.mark.parametrize("values", [(-1,), (1,), (-1, 0, 1)])
def test_other_labels_are_let_be(
    signed: tuple[Path, Logits], caplog: pytest.LogCaptureFixture, values: tuple[int, ...]
) -> None:
    path, logits = signed
    labels = np.resize(np.array(values, np.int8), logits.labels.shape)
    write_logits(replace(logits, labels=labels), str(path))
    assert (read_logits(str(path)).labels == labels).all() and not caplog.records


def test_what_predict_wrote_means_unknown(signed: tuple[Path, Logits]) -> None:
    path, logits = signed
    write_logits(replace(logits, meta={"sha256": {"model": "0"}}), str(path))
    assert len(read_logits(str(path))) == len(logits)


def test_one_attribute_of_several_is_warned_of(
    pbias: Run, make_logits: Callable[..., Logits]
) -> None:
    logits = make_logits()
    logits.labels[:, 1] = np.where(logits.labels[:, 1] == 1, 1, -1)
    write_logits(logits, "own.npz")
    whole, blocks = (
        pbias("metrics", "own.npz", "--metrics", "tpr", "--in-memory", size) for size in ("9", "0")
    )
    for done in (whole, blocks):
        assert done.returncode == 0
        assert done.stderr.count("-1 taken as unknown: Wearing_Hat; if it is negative") == 1
