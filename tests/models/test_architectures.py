"""Architectures: their sizes, outputs and errors."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from pbias.errors import UserError
from pbias.models import ARCHITECTURES, build, classifier_weight, num_outputs_of, restore
from pbias.models.architectures import WIDTH, args_of_weights, new_args, old_args
from pbias.models.torchvision_import import load_torchvision

# Weights of convolutions and linear layers with 40 outputs, as in CelebA.
PAPER_WEIGHTS = {"resnet18": 11_187_392, "resnet50": 23_536_832, "mobilenet_v1": 3_226_048}
SMALL = ("resnet_small", "resnet18", "mobilenet_v1")


def _num_weights(model: nn.Module) -> int:
    layers = (nn.Conv2d, nn.Linear)
    return sum(m.weight.numel() for m in model.modules() if isinstance(m, layers))


def _images(num: int = 4, size: int = 48) -> torch.Tensor:
    return torch.randn(num, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", PAPER_WEIGHTS)
def test_weights_at_40_outputs_are_as_many_as_in_the_paper(name: str) -> None:
    assert _num_weights(build(name, 40)) == PAPER_WEIGHTS[name]


def test_parameters_of_resnet18_are_as_many_as_in_the_paper() -> None:
    assert sum(p.numel() for p in build("resnet18", 40).parameters()) == 11_197_032


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_state_dicts_are_torchvisions(name: str) -> None:
    theirs = getattr(load_torchvision().models, name)(num_classes=7).state_dict()
    ours = build(name, 7).state_dict()
    assert list(ours) == list(theirs)
    assert [t.shape for t in ours.values()] == [t.shape for t in theirs.values()]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("training", [False, True])
def test_outputs_are_torchvisions(name: str, training: bool) -> None:
    theirs = getattr(load_torchvision().models, name)(num_classes=5).train(training)
    ours = build(name, 5).train(training)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(_images()), theirs(_images()), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_initialisation_is_torchvisions(name: str) -> None:
    torch.manual_seed(3)
    theirs = getattr(load_torchvision().models, name)(num_classes=5).state_dict()
    torch.manual_seed(3)
    ours = build(name, 5).state_dict()
    assert all(torch.equal(ours[key], tensor) for key, tensor in theirs.items())


@pytest.mark.parametrize("name", SMALL)
def test_an_image_gets_the_same_logits_alone_and_in_a_batch(name: str) -> None:
    model = build(name, 3).eval()
    with torch.inference_mode():
        batch, alone = model(_images()), model(_images()[:1])
    torch.testing.assert_close(batch[:1], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_memory_format_changes_nothing_but_rounding(name: str) -> None:
    model = build(name, 3).eval()
    with torch.inference_mode():
        plain = model(_images())
        channels_last = model.to(memory_format=torch.channels_last)(
            _images().contiguous(memory_format=torch.channels_last)
        )
    torch.testing.assert_close(plain, channels_last, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_signal_keeps_its_scale_through_a_fresh_network(name: str) -> None:
    torch.manual_seed(0)
    logits = build(name, 40).train()(_images(16, 64))
    assert 0.05 < logits.std() < 5


def test_no_weight_of_a_fresh_transformer_is_zero() -> None:
    # Zeros are pruned first: with torchvision's initialization, the whole classifier.
    model = build("vit_b_16", 3, image_size=32)
    assert model.get_parameter("heads.head.weight").count_nonzero() == 3 * 768


def test_width_and_depth_of_the_small_network() -> None:
    wide, deep = build("resnet_small", 3, width=32), build("resnet_small", 3, depth=3)
    assert wide.fc.in_features == 128
    assert len(deep.layer2) == 3


def test_checkpoints_that_name_no_width_are_of_the_former_one() -> None:
    old = build("resnet_small", 3, width=16).state_dict()
    assert restore("resnet_small", 3, {}, old).conv1.out_channels == 16
    assert old_args("resnet_small", {}) == {"width": 16}
    assert old_args("resnet_small", {"width": 4}) == {"width": 4}
    assert old_args("resnet18", {}) == new_args("resnet18", {}) == {}


def test_new_networks_are_wider_unless_a_width_is_named() -> None:
    assert new_args("resnet_small", {"depth": 2}) == {"width": WIDTH, "depth": 2}
    assert new_args("resnet_small", {"width": 16}) == {"width": 16}


@pytest.mark.parametrize(("prefix", "width"), [("", 8), ("model.", 8), ("", 16)])
def test_the_width_is_read_from_weights(prefix: str, width: int) -> None:
    weights = build("resnet_small", 3, width=width).state_dict()
    weights = {prefix + name: tensor for name, tensor in weights.items()}
    found = args_of_weights("resnet_small", {"depth": 1}, weights)
    assert found == {"depth": 1} | ({"width": 8} if width == 8 else {})
    assert args_of_weights("resnet_small", {"width": 4}, weights) == {"width": 4}
    assert args_of_weights("resnet_small", {}, {}) == args_of_weights("resnet18", {}, weights) == {}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_number_of_outputs_is_read_from_the_weights(name: str) -> None:
    with torch.device("meta"):
        state_dict = build(name, 17).state_dict()
    assert num_outputs_of(state_dict, name) == 17
    assert state_dict[classifier_weight(name)].shape[0] == 17


def test_weights_without_the_classifier_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"no classifier fc\.weight, so they do not belong to resnet18"
    ):
        num_outputs_of({"conv1.weight": torch.zeros(1)}, "resnet18")


def test_restored_networks_compute_the_same() -> None:
    model = build("resnet_small", 4, width=8).eval()
    again = restore("resnet_small", 4, {"width": 8}, model.state_dict()).eval()
    assert torch.equal(again(_images()), model(_images()))
    assert all(p.requires_grad for p in again.parameters())


def test_weights_from_before_batches_were_counted_still_fit() -> None:
    model = build("resnet_small", 4).eval()
    old = {k: v for k, v in model.state_dict().items() if "num_batches_tracked" not in k}
    again = restore("resnet_small", 4, {}, old).eval()
    assert torch.equal(again(_images()), model(_images()))


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("resnet19", {}, r"unknown architecture 'resnet19'; did you mean 'resnet18'\?"),
        ("xyz", {}, "unknown architecture 'xyz'; choose one of resnet_small, .*--model package"),
        ("resnet18", {"width": 8}, "resnet18 cannot be built: got an unexpected keyword"),
        ("resnet_small", {"width": 0}, "width = 0; it must be a whole number from 1 to"),
        ("resnet_small", {"width": True}, "width = True; it must be a whole number"),
        ("resnet_small", {"width": 10**30}, "it must be a whole number from 1 to 2,048"),
        ("resnet_small", {"depth": 257}, "depth = 257; it must be a whole number from 1 to 256"),
        ("resnet_small", {"depth": "2"}, "depth = '2'; it must be a whole number"),
    ],
)
def test_what_cannot_be_built_is_a_user_error(
    name: str, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build(name, 4, **args)


def test_weights_of_another_network_name_what_differs() -> None:
    with pytest.raises(UserError, match=r"lack layer1\.0\.conv3\.weight .*not belong to resnet50"):
        restore("resnet50", 4, {}, build("resnet18", 4).state_dict())


def test_weights_of_another_width_name_the_shapes() -> None:
    state_dict = build("resnet_small", 4, width=8).state_dict()
    with pytest.raises(UserError, match=r"conv1\.weight has shape \[8, .* needs \[16, "):
        restore("resnet_small", 4, {}, state_dict)


def test_restoring_is_as_quick_to_start_as_torch() -> None:
    code = (
        "import sys\n"
        "from pbias.models import build, restore\n"
        "for name in ('resnet_small', 'resnet50', 'mobilenet_v1'):\n"
        "    restore(name, 3, {}, build(name, 3).state_dict())\n"
        "print([name for name in ('torch._dynamo', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_weights_of_another_kind_of_number_are_refused() -> None:
    state_dict = build("resnet_small", 2, width=8).state_dict()
    state_dict["fc.weight"] = state_dict["fc.weight"].to(torch.int64)
    with pytest.raises(UserError, match=r"fc\.weight holds int64 numbers .* needs float32; save"):
        restore("resnet_small", 2, {"width": 8}, state_dict)
