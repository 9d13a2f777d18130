"""Exported programs: opened if trusted, run in batches of any size."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import nn

from pbias.errors import UserError
from pbias.models import build
from pbias.models.exported_program import load_program


def export(model: nn.Module, *shape: int, free: bool = False) -> bytes:
    sizes: Any = ({0: torch.export.Dim("batch")},) if free else None
    program = torch.export.export(model.eval(), (torch.zeros(shape),), dynamic_shapes=sizes)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("free", [False, True])
@torch.inference_mode()
def test_a_program_gives_the_logits_of_its_network(free: bool) -> None:
    torch.manual_seed(0)
    model = build("resnet_small", 3, width=4).eval()
    program = load_program(export(model, 4, 3, 24, 24, free=free), "net.pt2", trusted=True)
    assert (program.side, program.num_outputs, program.batch) == (24, 3, None if free else 4)
    images = torch.randn(7, 3, 24, 24).to(memory_format=torch.channels_last)
    for num in (1, 4, 7):
        logits = program.to(torch.device("cpu")).eval()(images[:num])
        torch.testing.assert_close(logits, model(images[:num]), atol=1e-5, rtol=1e-5)


class Stacked(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :2].reshape(-1, 2, 1)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (nn.Flatten(), (2, 1, 8, 8), "takes images of 1 x 8 x 8; export a network of square"),
        (nn.Flatten(), (2, 3, 8, 9), "takes images of 3 x 8 x 9"),
        (nn.Flatten(), (2, 8), "takes 1 inputs; export a network of one batch of images"),
        (Stacked(), (2, 3, 8, 8), "gives 1 outputs; export a network of one matrix"),
    ],
)
def test_programs_that_do_something_else_are_refused(
    model: nn.Module, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_program(export(model, *shape), "net.pt2", trusted=True)


def test_a_program_that_is_not_trusted_is_not_opened() -> None:
    with pytest.raises(UserError, match=r"can run any code when it is opened; .* --trust-program"):
        load_program(b"anything", "net.pt2", trusted=False)


def test_a_damaged_program_is_an_error_of_one_line() -> None:
    data = export(nn.Flatten(), 2, 3, 4, 4)
    for broken in (data[: len(data) // 2], b"PK\x03\x04", data.replace(b"aten", b"oten")):
        with pytest.raises(UserError, match=r"^net.pt2 cannot be opened by torch [^\n]*$"):
            load_program(broken, "net.pt2", trusted=True)
