"""Convolutional networks: residual networks and MobileNetV1.

The residual networks (He et al., CVPR 2016) are ResNet-18, ResNet-50 and a small one for CPUs. The
two large ones have the keys, shapes, outputs and initialization of torchvision, so their state
dicts are interchangeable. They are defined here because importing torchvision doubles the startup
time of every command (it imports `torch._dynamo`), and because the small network shares their
blocks.

MobileNetV1 (Howard et al., arXiv 1704.04861) has width 1.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

# Channels and stride of MobileNetV1's 13 pairs of depthwise and pointwise convolutions (table 1).
PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, num_in: int, width: int, stride: int) -> None:
        """Create a block with `num_in` input channels and `width` output channels."""
        super().__init__()
        self.conv1 = _conv3x3(num_in, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(num_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map features [N, num_in, H, W] to [N, width, H/stride, W/stride]."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return _join(self, x, y)


class Bottleneck(nn.Module):
    """A 3x3 convolution with the stride, between two 1x1 convolutions, and a shortcut."""

    expansion = 4

    def __init__(self, num_in: int, width: int, stride: int) -> None:
        """Create a block with `num_in` input channels and 4 `width` output channels."""
        super().__init__()
        num_out = width * self.expansion
        self.conv1 = nn.Conv2d(num_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, num_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(num_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(num_in, num_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map features [N, num_in, H, W] to [N, 4 width, H/stride, W/stride]."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return _join(self, x, y)


class ResNet(nn.Module):
    """A stem, stages of blocks (`layer1`, `layer2`, ...) and a classifier (`fc`)."""

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        stem: Sequence[nn.Module],
        widths: Sequence[int],
        depths: Sequence[int],
        num_outputs: int,
    ) -> None:
        """Create the network; every stage after the first halves height and width."""
        super().__init__()
        self.conv1, self.bn1, self.relu, self.maxpool = stem
        num_in, self.num_stages = widths[0], len(widths)
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = []
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(block(num_in, width, stride))
                num_in = width * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(num_in, num_outputs)
        _initialize_he(self, "fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Map images [N, 3, H, W] to logits [N, num_outputs]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.num_stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def resnet18(num_outputs: int) -> ResNet:
    """Return a ResNet-18: 11.2 million weights."""
    return ResNet(BasicBlock, _imagenet_stem(), (64, 128, 256, 512), (2, 2, 2, 2), num_outputs)


def resnet50(num_outputs: int) -> ResNet:
    """Return a ResNet-50: 23.5 million weights."""
    return ResNet(Bottleneck, _imagenet_stem(), (64, 128, 256, 512), (3, 4, 6, 3), num_outputs)


def resnet_small(num_outputs: int, width: int = 16, depth: int = 1) -> ResNet:
    """Return a residual network for 32-96 px on CPUs: a 3x3 stem of stride 2, then three stages.

    `width` is the number of channels of the stem and the first stage. The stages have width, 2
    width and 4 width channels, and `depth` blocks each. The default is the width of checkpoints
    that name none; new networks are wider (`new_args`).
    """
    stem = _stem(nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), nn.Identity())
    return ResNet(BasicBlock, stem, (width, 2 * width, 4 * width), (depth,) * 3, num_outputs)


def _imagenet_stem() -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
    return _stem(conv, nn.MaxPool2d(3, stride=2, padding=1))


def _stem(conv: nn.Conv2d, pool: nn.Module) -> tuple[nn.Module, ...]:
    return conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True), pool


def _conv3x3(num_in: int, num_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(num_in, num_out, 3, stride=stride, padding=1, bias=False)


def _shortcut(num_in: int, num_out: int, stride: int) -> nn.Module | None:
    """Return a strided 1x1 convolution if the shapes differ."""
    if stride == 1 and num_in == num_out:
        return None
    conv = nn.Conv2d(num_in, num_out, 1, stride=stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(num_out))


def _join(block: BasicBlock | Bottleneck, x: Tensor, y: Tensor) -> Tensor:
    shortcut = x if block.downsample is None else block.downsample(x)
    joined: Tensor = block.relu(y + shortcut)
    return joined


class MobileNetV1(nn.Module):
    """A 3x3 convolution, 13 depthwise-separable ones (`features`), pooling and `fc`."""

    def __init__(self, num_outputs: int) -> None:
        """Create the network, with one logit per output."""
        super().__init__()
        layers = [_normalized(nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False))]
        num_in = 32
        for num_out, stride in PAIRS:
            depthwise = nn.Conv2d(num_in, num_in, 3, stride, padding=1, groups=num_in, bias=False)
            pointwise = nn.Conv2d(num_in, num_out, 1, bias=False)
            layers += [_normalized(depthwise), _normalized(pointwise)]
            num_in = num_out
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(num_in, num_outputs)
        # Fan-out would count the outputs of all groups, and start depthwise filters near zero.
        _initialize_he(self, "fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """Map images [N, 3, H, W] to logits [N, num_outputs]."""
        logits: Tensor = self.fc(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


def mobilenet_v1(num_outputs: int) -> MobileNetV1:
    """Return a MobileNetV1: 3.2 million weights."""
    return MobileNetV1(num_outputs)


def _normalized(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True))


def _initialize_he(model: nn.Module, mode: Literal["fan_in", "fan_out"]) -> None:
    """Apply He initialization (He et al., ICCV 2015) to every convolution of a network."""
    for weight in _convolutions(model):
        nn.init.kaiming_normal_(weight, mode=mode, nonlinearity="relu")


def _convolutions(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        # A network on the meta device gets its weights later. Drawing normal numbers there would
        # import torch._dynamo, which takes as long as importing torch itself.
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            yield module.weight
