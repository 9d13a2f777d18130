"""Small checkpoints that would unfold into gigabytes."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import pytest
import torch

from pbias.errors import UserError
from pbias.files.checkpoint import parse_network


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def packed(mask: torch.Tensor, num: int) -> dict[str, Any]:
    return {"shape": [num], "mask": mask, "values": torch.zeros(0)}


def nested(depth: int) -> list[Any]:
    value: list[Any] = [0]
    for _ in range(depth):
        value = [value, value]
    return value


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def test_a_mask_of_stride_0_is_no_mask() -> None:
    """1.8 KB took 1 GB."""
    mask = torch.zeros(1, dtype=torch.uint8).expand(1 << 25)
    data = saved({"w": packed(mask, 1 << 28)})
    assert len(data) < 2000
    with pytest.raises(UserError, match="packed w do not fit"):
        parse_network(data, "x.pt")


def test_a_mask_serves_one_tensor() -> None:
    mask = torch.zeros(1 << 10, dtype=torch.uint8)
    data = saved({f"w{i}": packed(mask, 1 << 13) for i in range(60)})
    with pytest.raises(UserError, match="share a mask"):
        parse_network(data, "x.pt")


@pytest.mark.parametrize("value", [nested(60), cycle(), ["x" * 10_000] * 10_000])
def test_lists_that_share_their_parts_are_refused_at_once(value: list[Any]) -> None:
    data = saved({"format": "pbias-checkpoint", "schema": 1, "targets": value})
    started = time.monotonic()
    with pytest.raises(UserError, match="unfolds to more than"):
        parse_network(data, "x.pt")
    assert len(data) < 50_000 and time.monotonic() - started < 5


def test_many_names_of_one_tensor_are_bounded() -> None:
    tensor = torch.zeros(1 << 18)
    few, many = ({f"w{i}": tensor for i in range(num)} for num in (12, 2000))
    assert len(parse_network(saved(few), "x.pt")) == 12  # type: ignore[arg-type]
    with pytest.raises(UserError, match="unfolds to more than"):
        parse_network(saved(many), "x.pt")


def test_entries_that_overlap_are_refused() -> None:
    """Every record of the central directory points to the largest entry."""
    data = bytearray(saved({f"w{i}": torch.zeros(5000) for i in range(8)}))
    records, at = [], data.find(b"PK\x01\x02")
    while at >= 0:
        records.append(at)
        at = data.find(b"PK\x01\x02", at + 4)
    sizes = [struct.unpack_from("<I", data, at + 24)[0] for at in records]
    largest = records[sizes.index(max(sizes))]
    for at in records[2:]:
        data[at + 16 : at + 28] = data[largest + 16 : largest + 28]
        data[at + 42 : at + 46] = data[largest + 42 : largest + 46]
    with pytest.raises(UserError, match="damaged"):
        parse_network(bytes(data), "x.pt")
