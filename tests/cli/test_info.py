"""`pbias info`: counts, facts and the gate on sparsity."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
import typer

from pbias.cli.commands.models.info import info
from pbias.errors import UserError
from pbias.files.checkpoint import load_checkpoint, save_checkpoint
from pbias.models import build
from pbias.workflows.prune import prune

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a folder with `bare.pt` of a small network and `s80.pt` pruned from it."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    torch.save(build("resnet_small", 3).state_dict(), folder / "bare.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prune("bare.pt", "s80.pt", sparsity=0.8, one_shot=True, arch="resnet_small")
        prune("bare.pt", "packed.pt", sparsity=0.8, one_shot=True, arch="resnet_small", pack=True)
    return folder


@pytest.fixture(autouse=True)
def _there(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)


def _info(path: str, **options: Any) -> dict[str, Any]:
    info(path, output="info.json", **options)
    document: dict[str, Any] = json.loads(Path("info.json").read_text())
    return document


def test_layers_add_up_to_the_first_row() -> None:
    total, *layers = _info("s80.pt")["rows"]
    assert total["layer"] == ""
    for column in ("weights", "nonzero", "filters", "empty_filters", "macs", "macs_nonzero"):
        assert total[column] == sum(layer[column] for layer in layers)
    assert total["nonzero"] == total["weights"] - round(0.8 * total["weights"])


def test_work_of_the_first_layer_by_hand() -> None:
    stem = _info("s80.pt")["rows"][1]
    weights = load_checkpoint("s80.pt").state_dict["conv1.weight"]
    # Images of 224 px with a stride of 2.
    assert stem["macs"] == 16 * 3 * 9 * 112**2
    assert stem["macs_nonzero"] == int(weights.count_nonzero()) * 112**2
    assert stem["sparsity"] == 1 - stem["nonzero"] / stem["weights"]


def test_facts_of_a_checkpoint() -> None:
    facts = _info("s80.pt")
    checkpoint = load_checkpoint("s80.pt")
    assert facts["kind"] == "checkpoint"
    assert facts["sha256"] == checkpoint.sha256
    assert facts["pruning"]["asked"] == 0.8
    assert facts["parameters"] == sum(p.numel() for p in build("resnet_small", 3).parameters())
    assert facts["parents"] == checkpoint.parents
    assert facts["bytes_packed"] < facts["bytes_dense"] / 3


def test_packed_and_plain_files_hold_the_same() -> None:
    packed, plain = _info("packed.pt"), _info("s80.pt")
    assert packed["rows"] == plain["rows"]


def test_asked_and_reached_by_layer() -> None:
    prune("s80.pt", "erk.pt", sparsity=0.9, one_shot=True, scope="erk", exclude=["conv1"])
    total, stem, *layers = _info("erk.pt")["rows"]
    assert (total["asked"], stem["asked"]) == (0.9, None)
    for layer in layers:
        assert (
            layer["asked"] == load_checkpoint("erk.pt").sparsity["per_layer_asked"][layer["layer"]]
        )
    # Zeros stay zero, even where less is requested.
    assert any(layer["sparsity"] > layer["asked"] + 0.01 for layer in layers)
    assert [row["asked"] for row in _info("s80.pt")["rows"][1:]] == [None] * 10


def test_the_expected_sparsity_is_of_what_may_be_pruned(caplog: pytest.LogCaptureFixture) -> None:
    prune(
        "bare.pt", "only.pt", sparsity=0.9, one_shot=True, only=["re:layer2"], arch="resnet_small"
    )
    info("only.pt", expect_sparsity=0.9, output="info.csv")
    assert caplog.messages[-1].startswith("pass: only.pt: ")


def test_labels_of_constant_output_are_listed() -> None:
    checkpoint = load_checkpoint("s80.pt")
    checkpoint.state_dict["fc.weight"][1] = 0.0
    save_checkpoint(checkpoint, "empty.pt")
    assert "output_1" in _info("empty.pt")["empty_outputs"]


def test_a_bare_state_dict_is_counted_exactly_with_its_architecture() -> None:
    guessed, exact = _info("bare.pt"), _info("bare.pt", arch="resnet_small")
    assert guessed["kind"] == "state dict"
    assert guessed["parameters"] == exact["parameters"]
    assert guessed["rows"][0]["weights"] == exact["rows"][0]["weights"]
    assert guessed["rows"][0]["macs"] is None


def test_logits_files_are_told_apart() -> None:
    labels = np.array([[1, 0], [1, -1], [0, 0]], np.int8)
    np.savez("a.npz", logits=np.zeros((3, 2), np.float32), labels=labels, targets=["A", "B"])
    facts = _info("a.npz")
    assert (facts["kind"], facts["samples"]) == ("logits", 3)
    assert facts["rows"] == [
        {"target": "A", "n": 3, "n_positive": 2},
        {"target": "B", "n": 2, "n_positive": 0},
    ]


def test_expected_sparsity_passes_at_the_exact_count(caplog: pytest.LogCaptureFixture) -> None:
    info("s80.pt", expect_sparsity=0.8, output="info.csv")
    assert caplog.messages[-1].startswith("pass: s80.pt: ")
    assert caplog.messages[-1].endswith(" of sparsity 0.8")


@pytest.mark.parametrize("off", [-1, 1])
def test_a_single_weight_off_fails_with_status_1(off: int) -> None:
    checkpoint = load_checkpoint("s80.pt")
    weights = checkpoint.state_dict["layer3.0.conv1.weight"].view(-1)
    place = (weights == 0 if off < 0 else weights != 0).nonzero()[0]
    weights[place] = 1.0 if off < 0 else 0.0
    save_checkpoint(checkpoint, "off.pt")
    with pytest.raises(typer.Exit) as left:
        info("off.pt", expect_sparsity=0.8, output="info.csv")
    assert left.value.exit_code == 1


def test_logits_have_no_sparsity() -> None:
    np.savez("b.npz", logits=np.zeros((1, 1), np.float32), labels=np.zeros((1, 1), np.int8))
    with pytest.raises(UserError, match="holds logits, which have no sparsity"):
        info("b.npz", expect_sparsity=0.5)


def test_people_read_sizes_and_names() -> None:
    info("s80.pt", output="info.md")
    text = Path("info.md").read_text()
    assert "| architecture | resnet_small |" in text
    assert "| bytes dense | 0.3 MiB |" in text


@pytest.mark.parametrize(
    ("name", "column"), [("s80.pt", "layer"), ("bare.pt", "layer"), ("c.npz", "target")]
)
def test_files_come_from_pipes(name: str, column: str, files: Path, shell: Run) -> None:
    np.savez("c.npz", logits=np.zeros((1, 1), np.float32), labels=np.zeros((1, 1), np.int8))
    code = "from pbias.cli.commands.models.info import info; info('-')"
    done = shell(f'cat {files}/{name} | python -c "{code}"')
    assert done.stdout.startswith(f"{column},")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_bytes_are_those_of_the_file_in_its_own_types(pbias: Run, dtype: torch.dtype) -> None:
    model = build("resnet_small", 2)
    weights = {
        name: tensor.to(dtype) if tensor.ndim > 1 else tensor
        for name, tensor in model.state_dict().items()
    }
    torch.save(weights, "half.pt")
    expected = sum(tensor.nbytes for tensor in weights.values())
    for named in ((), ("--arch", "resnet_small")):
        shown = pbias("info", "half.pt", *named, "-f", "json")
        assert json.loads(shown.stdout)["bytes_dense"] == expected
