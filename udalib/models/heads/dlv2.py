"""The reduced DeepLab-v2 head of the DAFormer benchmark (Hoyer et al., CVPR 2022), under mmsegmentation's names."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from udalib.models.heads.blocks import ConvNormAct
from udalib.models.registry import DECODERS


@DECODERS.register("dlv2red")
class DLV2Head(nn.Module):
    """Sum of dilated 3x3 convolutions with bias on the last feature: (B, C_in, h, w) -> logits (B, classes, h, w).

    The default rates are the two that the published DeepLab-v2 baselines of domain adaptation sum; DeepLab-v2 as meant
    has (6, 12, 18, 24). No norm, no dropout. Weights start from N(0, 0.01^2).
    """

    def __init__(
        self, in_channels: Sequence[int], num_classes: int = 19, *, dilations: Sequence[int] = (6, 12)
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.aspp_modules = nn.ModuleList(
            ConvNormAct(in_channels[-1], num_classes, 3, dilation=d, norm=False, act=False) for d in dilations
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits at the last feature's stride."""
        branches = list(self.aspp_modules)
        logits: Tensor = branches[0](features[-1])
        for branch in branches[1:]:
            logits = logits + branch(features[-1])
        return logits
