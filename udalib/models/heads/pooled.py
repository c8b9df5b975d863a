"""One logit a class for a whole picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from udalib.models.registry import DECODERS


@DECODERS.register("pooled")
class Pooled(nn.Module):
    """A linear layer on the mean of the last feature: logits (B, C), for whole pictures."""

    def __init__(self, in_channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.fc = nn.Linear(in_channels[-1], num_classes)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits (B, C)."""
        logits: Tensor = self.fc(pooled(features))
        return logits


def pooled(features: Sequence[Tensor]) -> Tensor:
    """Mean of the last feature over the picture, (B, C)."""
    return features[-1].mean((2, 3))
