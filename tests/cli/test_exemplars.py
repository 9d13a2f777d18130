"""`pbias exemplars`: lists and summaries of several runs a side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from pbias.auditing.remedies.identified_exemplars import exemplar_table, find_exemplars
from pbias.auditing.remedies.over_representation import over_representation
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.table import to_csv

Run = Callable[..., CompletedProcess[str]]
SIDES = ("exemplars", "--dense", "d*.npz", "--sparse", "s*.npz")

pytestmark = pytest.mark.usefixtures("sides")


@pytest.fixture
def sides(tmp_path: Path, make_logits: Callable[..., Logits]) -> None:
    """`d0.npz`, `d1.npz`, `d2.npz` and `s0.npz`, `s1.npz` in the working folder."""
    base = make_logits(num=120)
    for seed, (name, noise) in enumerate([("d0", 1), ("d1", 1), ("d2", 1), ("s0", 3), ("s1", 3)]):
        z = base.logits + noise * np.random.default_rng(seed).normal(size=base.logits.shape)
        write_logits(replace(base, logits=z.astype(np.float32)), str(tmp_path / f"{name}.npz"))


def files() -> list[list[Logits]]:
    return [
        [read_logits(f"{name}.npz") for name in side] for side in (("d0", "d1", "d2"), ("s0", "s1"))
    ]


def test_the_list_is_that_of_the_room(pbias: Run) -> None:
    done = pbias(*SIDES)
    assert done.returncode == 0
    assert done.stdout == to_csv(exemplar_table(find_exemplars(*files())))
    assert done.stderr.startswith("pbias: of 360 predictions ") and done.stderr.count("\n") == 1


def test_the_summary_is_that_of_the_room(pbias: Run) -> None:
    done = pbias(*SIDES, "--summary", "--groups", "Skin", "--level", "0.9", "--top", "10%")
    found = find_exemplars(*files(), num_top=12)
    assert done.stdout == to_csv(over_representation(found, ["Skin"], 0.9))


@pytest.mark.parametrize(("top", "num"), [("1%", 1), ("10%", 12), ("7", 7), ("0", 0)])
def test_how_many_taxicab_exemplars(pbias: Run, top: str, num: int) -> None:
    document = json.loads(pbias(*SIDES, "--top", top, "-f", "json").stdout)
    names = [row["attribute"] for row in document["rows"] if row["top"]]
    assert {name: names.count(name) for name in set(names)} == dict.fromkeys(names, num)
    assert document["command"] == "exemplars"


@pytest.mark.parametrize("options", [(), ("--summary",)])
def test_people_get_sections(pbias: Run, options: tuple[str, ...]) -> None:
    text = pbias(*SIDES, *options, "-f", "table").stdout
    assert ("over-representation" if options else "identified exemplars") in text


def test_one_run_a_side_is_warned_of(pbias: Run) -> None:
    done = pbias("exemplars", "--dense", "d0.npz", "--sparse", "s0.npz", "--sparse", "s1.npz")
    assert done.returncode == 0
    assert "pbias: warning: 1 dense and 2 sparse: with one run a side" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dense", "d0.npz"), "Missing option '--sparse'"),
        (("--dense", "d0.npz", "--sparse", "d0.npz"), "d0.npz is both audited and reference"),
        (("--dense", "d0.npz", "--sparse", "s0.npz", "--top", "x"), "--top x is no number"),
        (("--dense", "d0.npz", "--sparse", "no*.npz"), "no*.npz does not exist"),
        (("--dense", "d0.npz", "--sparse", "s0.npz", "--attributes", "Smilin"), "did you mean"),
    ],
)
def test_what_cannot_be_done_is_one_line(pbias: Run, arguments: tuple[str, ...], said: str) -> None:
    done = pbias("exemplars", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]


def test_a_pipe_is_one_of_the_runs(pbias: Run, shell: Run) -> None:
    done = shell("pbias exemplars --dense 'd*.npz' --sparse - --sparse s1.npz -q < s0.npz")
    assert (done.returncode, done.stdout) == (0, pbias(*SIDES).stdout)
