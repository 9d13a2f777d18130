"""Networks of torchvision and timm by name: built, sized and preprocessed as the library states."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from pbias.errors import UserError
from pbias.models import build, classifier_weight, num_outputs_of, output_names, restore
from pbias.models.library_networks import preprocess_of, sized_args
from pbias.models.preprocess import Preprocess
from pbias.models.user_factory import use_factory
from pbias.pruning.layers import prunable
from pbias.training.setup import new_network

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def test_preprocessing_is_that_of_torchvisions_weights() -> None:
    assert preprocess_of("torchvision:mobilenet_v3_small") == Preprocess(256, 224, **IMAGENET)
    # The better of its two sets of weights, whose images are resized to 232.
    assert preprocess_of("torchvision:resnet50") == Preprocess(232, 224, **IMAGENET)


def test_preprocessing_is_that_of_timms_weights(timm: Any) -> None:
    # 224 / 0.9, rounded down.
    expected = Preprocess(248, 224, **HALF, interpolation="bicubic")
    assert preprocess_of("timm:vit_tiny_patch16_224") == expected
    assert Preprocess.from_dict(expected.as_dict()) == expected
    sized = preprocess_of("timm:vit_tiny_patch16_224", {"img_size": 32})
    assert sized == Preprocess(32, 32, **HALF, interpolation="bicubic")


@pytest.mark.parametrize(
    ("name", "classifier"),
    [
        ("torchvision:mobilenet_v3_small", "classifier.3"),
        ("torchvision:squeezenet1_1", "classifier.1"),  # a convolution
        ("torchvision:regnet_y_400mf", "fc"),  # cannot be built on the meta device
        ("torchvision:googlenet", "fc"),
    ],
)
def test_the_classifier_of_torchvision_is_found(name: str, classifier: str) -> None:
    state_dict = build(name, 7).state_dict()
    assert classifier_weight(name) == f"{classifier}.weight"
    assert num_outputs_of(state_dict, name) == 7


@pytest.mark.parametrize(
    "name", ["test_vit", "test_convnext", "test_coatnet", "deit_tiny_distilled_patch16_224"]
)
def test_the_classifier_is_the_one_that_timm_names(timm: Any, name: str) -> None:
    said = timm.get_pretrained_cfg(name).classifier
    first = said if isinstance(said, str) else said[0]
    assert classifier_weight(f"timm:{name}") == f"{first}.weight"


def test_all_classifiers_follow_the_number_of_outputs(timm: Any) -> None:
    assert output_names("timm:deit_tiny_distilled_patch16_224", {}) == [
        "head.weight", "head.bias", "head_dist.weight", "head_dist.bias",
    ]  # fmt: skip


def test_finding_a_classifier_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    classifier_weight("torchvision:regnet_y_800mf")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["timm:test_coatnet", "timm:test_vit"])
def test_restored_networks_compute_the_same(timm: Any, name: str) -> None:
    # The first keeps an index of positions that its state dict lacks.
    args = {"img_size": 64}
    torch.manual_seed(0)
    model = build(name, 3, **args).eval()
    images = torch.randn(2, 3, 64, 64)
    again = restore(name, 3, args, model.state_dict()).eval()
    with torch.inference_mode():
        assert torch.equal(again(images), model(images))


def test_transformers_are_built_for_the_size_of_images(timm: Any) -> None:
    assert sized_args("timm:test_vit", {}, 32) == {"img_size": 32}
    assert sized_args("timm:test_vit", {}, 160) == {}  # its own size
    assert sized_args("timm:test_resnet", {}, 32) == {}
    assert sized_args("torchvision:vit_b_16", {"dropout": 0.1}, 32) == {
        "dropout": 0.1, "image_size": 32,
    }  # fmt: skip
    assert sized_args("torchvision:mobilenet_v3_small", {}, 32) == {}


def test_no_fresh_classifier_is_zero() -> None:
    model = new_network("torchvision:vit_b_16", 3, 0, {"image_size": 32})
    assert model.get_parameter("heads.head.weight").count_nonzero() == 3 * 768


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("torchvision:resnet19", {}, "torchvision has no classifier 'resnet19'; did you mean 'res"),
        ("torchvision:raft_large", {}, "has no classifier 'raft_large'"),
        ("torchvision:resnet18", {"weights": "DEFAULT"}, "with weights: weights come from a file"),
        (
            "torchvision:resnet18",
            {"width": 3},
            "unexpected keyword argument 'width'; check --model-",
        ),
        ("timm:hf-hub:someone/net", {}, "timm has no classifier 'hf-hub:someone/net'"),
        ("timm:resnet18", {"pretrained": True}, "cannot be built with pretrained"),
        (
            "timm:resnet18.nobody",
            {},
            "timm:resnet18.nobody cannot be built: Invalid pretrained tag",
        ),
    ],
)
def test_what_cannot_be_built_is_a_user_error(
    timm: Any, name: str, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as raised:
        build(name, 4, **args)
    assert "\n" not in str(raised.value)


def test_a_library_is_no_code_of_the_user() -> None:
    with pytest.raises(UserError, match="use --arch timm:resnet18"):
        use_factory("timm:resnet18")


def test_weights_that_are_standardized_are_not_pruned(timm: Any) -> None:
    with pytest.raises(UserError, match=r"stem\.conv1 standardizes its weight before it uses it"):
        prunable(build("timm:test_nfnet", 2))


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"a network of timm needs timm; .*'pbias\[timm\]'"):
        build("timm:resnet18", 2)
