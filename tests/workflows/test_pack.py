"""Packed checkpoints, made by `pack` and by `prune`, and unpacked again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from pbias.errors import UserError
from pbias.models import build
from pbias.workflows.conversion.checkpoints import pack, unpack
from pbias.workflows.prune import prune


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create a working directory with `s95.pt`, and `packed.pt` from `prune --pack`."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(build("resnet18", 4).state_dict(), "bare.pt")
    for name, packed in (("s95.pt", False), ("packed.pt", True)):
        prune("bare.pt", name, sparsity=0.95, one_shot=True, arch="resnet18", pack=packed)


def test_packing_and_unpacking_give_the_same_files_back() -> None:
    pack("s95.pt", "p.pt")
    unpack("p.pt", "u.pt")
    assert Path("p.pt").read_bytes() == Path("packed.pt").read_bytes()
    assert Path("u.pt").read_bytes() == Path("s95.pt").read_bytes()


def test_a_packed_file_is_a_tenth() -> None:
    assert Path("packed.pt").stat().st_size < Path("s95.pt").stat().st_size / 10


def test_packed_and_plain_files_are_pruned_alike() -> None:
    for name in ("s95.pt", "packed.pt"):
        prune(name, f"more-{name}", sparsity=0.97, one_shot=True)
    contents = [torch.load(f"more-{name}", weights_only=True) for name in ("s95.pt", "packed.pt")]
    weights = [content["state_dict"] for content in contents]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_size_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pack("s95.pt", "p.pt")
    size, plain = (Path(name).stat().st_size for name in ("p.pt", "s95.pt"))
    assert caplog.messages == [
        f"p.pt: {size:,} bytes, {100 * size / plain:.1f} % of the plain file"
    ]


def test_an_existing_output_may_be_protected() -> None:
    with pytest.raises(UserError, match=r"s95\.pt already exists \(--no-clobber\)"):
        unpack("packed.pt", "s95.pt", no_clobber=True)
