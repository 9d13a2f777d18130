"""`pbias exemplars`: lists and summaries of several runs per side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image, ImageFont

from pbias.auditing.remedies.identified_exemplars import exemplar_table, find_exemplars
from pbias.auditing.remedies.over_representation import over_representation
from pbias.files.logits import Logits, read_logits, write_logits
from pbias.files.table import to_csv
from pbias.reporting.page.contact_sheet import _fitting

Run = Callable[..., CompletedProcess[str]]
SIDES = ("exemplars", "--dense", "d*.npz", "--sparse", "s*.npz")

pytestmark = pytest.mark.usefixtures("sides")


@pytest.fixture
def sides(tmp_path: Path, make_logits: Callable[..., Logits]) -> None:
    """Write `d0.npz`, `d1.npz`, `d2.npz` and `s0.npz`, `s1.npz` into the working directory."""
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
        (
            ("--dense", "d0.npz", "--sparse", "d0.npz"),
            "d0.npz is both the audited and the reference file",
        ),
        (("--dense", "d0.npz", "--sparse", "s0.npz", "--top", "x"), "--top x is not a number"),
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


def test_a_contact_sheet_shows_pictures_in_the_order_of_the_list(pbias: Run) -> None:
    Path("images").mkdir()
    for row in range(120):
        Image.new("RGB", (20, 30), (2 * row, 0, 255)).save(f"images/{row:04d}.png")
    done = pbias(*SIDES, "--top", "40", "--images", ".", "-o", "sheet.png")
    assert done.returncode == 0
    rows = json.loads(pbias(*SIDES, "--top", "40", "-f", "json").stdout)["rows"]
    assert len(rows) > 48
    with Image.open("sheet.png") as sheet:
        assert (sheet.format, sheet.width) == ("PNG", 6 * 160 + 16)
        # Tiles of 144 pixels and four lines of 16, below a title of 48; 16 between tiles.
        middles = [
            sheet.getpixel((16 + 160 * (i % 6) + 72, 48 + 224 * (i // 6) + 72)) for i in range(48)
        ]
    wanted = [(2 * int(row["id"][7:11]), 0, 255) for row in rows[:48]]
    assert middles == wanted


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "sheet.png"), "sheet.png: a contact sheet needs the images; name their folder"),
        (
            ("-o", "cie.csv", "--images", "."),
            "--images . is only for a contact sheet; name the output",
        ),
        (("-o", "sheet.png", "--images", ".", "--summary"), "--summary is a table; name it .csv"),
        (("-o", "sheet.png", "--images", "."), "none of 44 images could be read, such as"),
        (("-o", "sheet.png", "--images", "no"), "no is not a folder; name the folder that the ids"),
    ],
)
def test_what_makes_no_sheet_is_said(pbias: Run, arguments: tuple[str, ...], said: str) -> None:
    done = pbias(*SIDES, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert not Path("sheet.png").exists()


def test_an_id_too_long_for_a_tile_keeps_its_end() -> None:
    font = ImageFont.load_default(12)
    shown = _fitting("a/very/long/path/of/folders/to/a/picture/000123.jpg", font, 144)
    assert shown.startswith("...") and shown.endswith("/000123.jpg")
    assert font.getlength(shown) <= 144 and _fitting("\x1b[1m", font, 144) == "\\x1b[1m"
