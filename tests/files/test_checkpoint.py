"""Checkpoints: equal bytes for equal content, nothing executed, one line per error."""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.files.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_network_file,
    parse_state_dict,
    save_checkpoint,
    serialize,
)

Load = Callable[[str], object]
Run = Callable[..., CompletedProcess[str]]


def _checkpoint(**changes: object) -> Checkpoint:
    weights = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    whole = Checkpoint(
        model={"name": "resnet_small", "args": {"width": 8}},
        state_dict={"fc.weight": weights, "fc.bias": torch.zeros(3)},
        targets=["Smiling", "Bald", "Young"],
        groups=["Male"],
        group_values=[["0", "1"]],
        preprocess={"size": 64, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        data={"path": "faces/labels.csv", "sha256": "ab"},
        train_counts=np.arange(3 * 2 * 3 * 2).reshape(3, 2, 3, 2),
        recipe={"epochs": 3, "lr": 0.1},
        sparsity={},
        parents=["cd"],
        environment={"torch": "2", "device": "cpu"},
    )
    return dataclasses.replace(whole, **changes)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "dense.pt")


def _rewrite(path: str, **changes: object) -> str:
    """Rewrite a checkpoint file with some entries replaced, or removed for the value `...`."""
    content = torch.load(io.BytesIO(serialize(_checkpoint())), weights_only=True) | changes
    torch.save({k: v for k, v in content.items() if v is not ...}, path)
    return path


def test_what_is_saved_is_loaded(path: str) -> None:
    save_checkpoint(_checkpoint(), path)
    again, before = load_checkpoint(path), _checkpoint()
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("state_dict", "train_counts", "sha256"):
            assert getattr(again, field.name) == getattr(before, field.name)
    assert list(again.state_dict) == list(before.state_dict)
    assert all(torch.equal(again.state_dict[k], v) for k, v in before.state_dict.items())
    np.testing.assert_array_equal(again.train_counts, before.train_counts)


def test_weights_from_elsewhere_have_no_training_counts(path: str) -> None:
    save_checkpoint(_checkpoint(train_counts=None, data={}), path)
    assert load_checkpoint(path).train_counts is None


def test_equal_content_gives_equal_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        save_checkpoint(_checkpoint(), str(tmp_path / name))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_a_second_round_trip_gives_equal_bytes(path: str) -> None:
    # Pickle distinguishes one string that occurs twice from two equal ones; files must not.
    recipe = {"targets": ["Smil" + end for end in ("ing", "ing")], "Smiling": ("Sm" + "iling")}
    first = serialize(_checkpoint(recipe=recipe))
    Path(path).write_bytes(first)
    assert serialize(load_checkpoint(path)) == first


def test_how_tensors_lie_in_memory_does_not_show() -> None:
    plain = torch.randn(4, 8, 3, 3)
    views = [
        plain.contiguous(memory_format=torch.channels_last),
        torch.cat([plain, plain])[:4],
        torch.nn.Parameter(plain),
    ]
    expected = serialize(_checkpoint(state_dict={"w": plain}))
    assert all(serialize(_checkpoint(state_dict={"w": view})) == expected for view in views)


def test_numpy_numbers_and_tuples_become_plain(path: str) -> None:
    recipe = {"lr": np.float64(0.1), "steps": (np.int64(1), 2), "on": np.bool_(True)}
    save_checkpoint(_checkpoint(recipe=recipe), path)
    assert load_checkpoint(path).recipe == {"lr": 0.1, "steps": [1, 2], "on": True}


def test_state_dict_of_a_network_becomes_a_plain_dict(path: str) -> None:
    network = torch.nn.Linear(2, 3)
    save_checkpoint(_checkpoint(state_dict=network.state_dict()), path)
    assert type(load_checkpoint(path).state_dict) is dict
    network.load_state_dict(load_checkpoint(path).state_dict)


def test_the_hash_is_that_of_the_file(shell: Run, path: str) -> None:
    save_checkpoint(_checkpoint(), path)
    assert load_checkpoint(path).sha256 == shell(f"sha256sum {path}").stdout.split()[0]


def test_a_checkpoint_comes_from_a_pipe(shell: Run, path: str) -> None:
    save_checkpoint(_checkpoint(), path)
    code = "from pbias.files.checkpoint import *; print(load_checkpoint('-').targets[1])"
    assert shell(f'cat {path} | python -c "{code}"').stdout == "Bald\n"


class _Evil:
    """An object that writes a file when `pickle.load` reads it."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.proof}",))


@pytest.mark.parametrize("load", [load_checkpoint, load_network_file])
@pytest.mark.parametrize("form", ["zip", "legacy", "protocol 2", "protocol 4", "nested"])
def test_a_pickle_in_disguise_runs_nothing(load: Load, form: str, path: str) -> None:
    proof = Path(path).with_suffix(".proof")
    content: object = _Evil(proof)
    if form == "nested":
        content = {"format": "pbias-checkpoint", "state_dict": {"w": _Evil(proof)}}
    if form.startswith("protocol"):
        Path(path).write_bytes(pickle.dumps(content, protocol=int(form[-1])))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    with pytest.raises(UserError, match=r"run Python code when opened.*, so it was not opened;"):
        load(path)
    assert not proof.exists()


def test_the_disguise_would_have_worked_elsewhere(path: str) -> None:
    proof = Path(path).with_suffix(".proof")
    torch.save(_Evil(proof), path)
    torch.load(path, weights_only=False)
    assert proof.exists()


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.99])
def test_a_truncated_file_says_so(keep: float, path: str) -> None:
    whole = serialize(_checkpoint(state_dict={"w": torch.randn(64, 64)}))
    Path(path).write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(UserError, match=r"dense\.pt is truncated or damaged \([\d,]+ bytes"):
        load_checkpoint(path)


def test_a_truncated_file_from_an_old_torch_is_damaged(path: str) -> None:
    torch.save({"w": torch.randn(64, 64)}, path, _use_new_zipfile_serialization=False)
    Path(path).write_bytes(Path(path).read_bytes()[:9000])
    with pytest.raises(UserError, match=r"dense\.pt is damaged; copy or write it again"):
        parse_state_dict(Path(path).read_bytes(), path)


def test_a_flipped_bit_in_the_weights_is_noticed(path: str) -> None:
    weights = torch.full((64, 64), 1.0)
    whole = bytearray(serialize(_checkpoint(state_dict={"w": weights})))
    place = whole.index(weights.numpy().tobytes())
    whole[place + 8001] ^= 1
    Path(path).write_bytes(whole)
    with pytest.raises(UserError, match=r"dense\.pt is damaged \(archive/data/0\); copy"):
        load_checkpoint(path)


@given(st.data())
def test_damage_anywhere_is_a_user_error_or_harmless(data: st.DataObject) -> None:
    weights = torch.arange(600.0).reshape(20, 30)
    whole = bytearray(serialize(_checkpoint(state_dict={"w": weights})))
    for _ in range(data.draw(st.integers(1, 3))):
        # Names, sizes and checksums are at the end.
        place = data.draw(
            st.integers(0, len(whole) - 1) | st.integers(len(whole) - 2000, len(whole) - 1)
        )
        whole[place] = data.draw(st.integers(0, 255))
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(whole)
        try:
            assert torch.equal(load_checkpoint(file.name).state_dict["w"], weights)
        except UserError as error:
            assert file.name in str(error)


def test_compressed_archives_are_refused(path: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**6))
    with pytest.raises(UserError, match="is a zip file but not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; did the command"),
        (b"image,split\n", "is a CSV file, not a network; name the network first"),
        (b"hello\n", "is neither a checkpoint nor a state dict"),
        (b"\x93NUMPY" + bytes(99), "is neither a checkpoint nor a state dict"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str, path: str) -> None:
    Path(path).write_bytes(data)
    with pytest.raises(UserError, match=message):
        load_checkpoint(path)


def test_a_logits_file_is_refused(path: str) -> None:
    with Path(path).open("wb") as file:
        np.savez(file, logits=np.zeros(3))
    with pytest.raises(UserError, match=r"is a logits file, .*'pbias metrics'"):
        load_checkpoint(path)


def test_a_torchscript_program_is_refused(path: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/constants.pkl", b"\x80\x02]q\x00.")
        archive.writestr("net/data.pkl", b"\x80\x02]q\x00.")
    with pytest.raises(UserError, match="is a TorchScript program, not weights"):
        load_checkpoint(path)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_a_bare_state_dict_says_how_to_make_a_checkpoint(wrapper: str, path: str) -> None:
    weights = {"fc.weight": torch.zeros(2, 2)}
    torch.save({wrapper: weights} if wrapper else weights, path)
    with pytest.raises(UserError, match=r"bare state dict.* --arch NAME --one-shot --sparsity 0 "):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "bare state dict"),
        ({"format": "other", "state_dict": ...}, "is not a checkpoint of pbias"),
        ({"schema": 2}, "has schema 2 and this pbias reads 1; update pbias"),
        ({"schema": ...}, "has schema None"),
        ({"targets": ...}, "lacks 'targets'"),
        ({"recipe": ...}, "lacks 'recipe'"),
        ({"targets": "Smiling"}, r"'targets' is 'Smiling' \(expected"),
        ({"targets": []}, r"'targets' is \[\] \(expected"),
        ({"targets": ["a", "b", "a"]}, "'targets' is a list"),
        ({"targets": [1, 2, 3]}, "'targets' is a list"),
        ({"group_values": [["0", 1]]}, "'group_values' is "),
        ({"group_values": []}, "'group_values' is "),
        ({"model": {"name": "resnet18"}}, "'model' is "),
        (
            {"model": {"name": 3, "args": {}}},
            r"'model.name' is 3 \(expected text\)",
        ),
        ({"state_dict": {}}, "'state_dict' is "),
        ({"state_dict": {"w": 1}}, "'state_dict' is "),
        ({"train_counts": [1]}, "'train_counts' is "),
        ({"train_counts": torch.zeros(3, 2, 3, 2)}, "'train_counts' is "),
        ({"train_counts": torch.zeros(3, 2, 2, 2, dtype=torch.int64)}, "'train_counts' is "),
        ({"state_dict": {"w": torch.tensor([1.0, torch.nan])}}, "w holds 1 NaN among 2 weights"),
        ({"state_dict": {"w": torch.full((3,), torch.nan, dtype=torch.bfloat16)}}, "3 NaN among 3"),
        ({"state_dict": {"w": torch.zeros(1).expand(10**12)}}, "w is not a plain tensor"),
        ({"state_dict": {"w": torch.zeros(2, 2).to_sparse()}}, "w is not a plain tensor"),
        ({"state_dict": {"w": torch.zeros(2, device="meta")}}, "w is not a plain tensor"),
        ({"state_dict": {"w": torch._neg_view(torch.zeros(2))}}, "w is not a plain tensor"),
        ({"state_dict": {"w": torch.zeros(2, dtype=torch.complex64)}}, "w holds complex64 numbers"),
        (
            {"state_dict": {"w": torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}},
            "w holds float4_e2m1fn_x2 numbers; save it as float32",
        ),
    ],
)
def test_wrong_content_is_named(changes: dict[str, Any], message: str, path: str) -> None:
    with pytest.raises(UserError, match=message):
        load_checkpoint(_rewrite(path, **changes))


def test_opposite_infinities_are_no_nan(path: str) -> None:
    weights = torch.tensor([torch.inf, -torch.inf])
    save_checkpoint(_checkpoint(state_dict={"w": weights}), path)
    assert torch.equal(load_checkpoint(path).state_dict["w"], weights)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("modern", [True, False])
def test_bare_state_dicts_are_found(wrapper: str, prefix: str, modern: bool, path: str) -> None:
    weights = OrderedDict(
        {prefix + "fc.weight": torch.ones(2, 2), prefix + "fc.bias": torch.ones(2)}
    )
    content = {wrapper: weights, "epoch": 3} if wrapper else weights
    torch.save(content, path, _use_new_zipfile_serialization=modern)
    assert list(parse_state_dict(Path(path).read_bytes(), path)) == ["fc.weight", "fc.bias"]


def test_the_weights_of_a_checkpoint_are_a_state_dict_too(path: str) -> None:
    save_checkpoint(_checkpoint(), path)
    assert list(parse_state_dict(Path(path).read_bytes(), path)) == ["fc.weight", "fc.bias"]


def test_tensors_under_another_key_are_named(path: str) -> None:
    torch.save({"epoch": 3, "model_state": {"fc.weight": torch.zeros(2, 2)}}, path)
    with pytest.raises(UserError, match=r"'model_state' holds tensors, keys: 'epoch', 'model_st"):
        parse_state_dict(Path(path).read_bytes(), path)


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.zeros(2)], {}, 3])
def test_files_without_a_state_dict_are_refused(content: object, path: str) -> None:
    torch.save(content, path)
    with pytest.raises(UserError, match=r"holds no state dict.*; save one with"):
        parse_state_dict(Path(path).read_bytes(), path)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "float8_e4m3fn"])
def test_weights_of_other_floating_types_become_float32(dtype: str, path: str) -> None:
    weights = torch.tensor([0.5, -2.0, 0.0]).to(getattr(torch, dtype))
    _rewrite(path, state_dict={"w": weights, "count": torch.tensor(3)})
    read = load_checkpoint(path).state_dict
    assert read["w"].dtype == torch.float32 and read["w"].tolist() == [0.5, -2.0, 0.0]
    assert read["count"].dtype == torch.int64
