"""MobileNetV1 (Howard et al., arXiv 1704.04861), width 1.0."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pbias.models.initialize import initialize_he

# Channels and stride of the 13 pairs of depthwise and pointwise convolutions (table 1).
PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class MobileNetV1(nn.Module):
    """A 3x3 convolution, 13 depthwise-separable ones (`features`), pooling and `fc`."""

    def __init__(self, num_outputs: int) -> None:
        """One logit an output."""
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
        # Fan-out would count the outputs of all groups and start depthwise filters at nearly zero.
        initialize_he(self, "fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """Images [N, 3, H, W] to logits [N, num_outputs]."""
        logits: Tensor = self.fc(torch.flatten(self.avgpool(self.features(x)), 1))
        return logits


def mobilenet_v1(num_outputs: int) -> MobileNetV1:
    """MobileNetV1: 3.2 million weights."""
    return MobileNetV1(num_outputs)


def _normalized(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True))
