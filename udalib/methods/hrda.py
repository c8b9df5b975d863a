"""HRDA: DAFormer's training with a context crop at low and a detail crop at high resolution.

Hoyer et al., "HRDA", ECCV 2022 (mic_hrda sheet, sections 2 and 3). The two resolutions and their fusion are the
network's (:class:`udalib.models.multi_resolution.MultiResolutionNetwork`); the teacher is one too, so that its pseudo
labels come from overlapping detail windows. What is left is the loss of a pass, and what the feature distance sees.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.methods.daformer import DAFormer
from udalib.methods.registry import METHODS
from udalib.methods.shared.labelled import Labelled, Pass
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.models.network import SegmentationNetwork
from udalib.ops import cross_entropy, resize
from udalib.ops.scales import Box


@METHODS.register("hrda")
class HRDA(DAFormer):
    """:class:`DAFormer` on a multi-resolution network.

    Each pass of the student draws one detail box for its batch and minimises
    ``(1 - lambda_d) CE(fused, y) + lambda_d CE(detail, y in the box)``.

    Args:
        network: a :class:`MultiResolutionNetwork`.
        optimizer, num_classes: see :class:`DAFormer`.
        detail_weight: ``lambda_d``.
        host: options of :class:`DAFormer`.

    Raises:
        ConfigError: ``network`` has one resolution.
    """

    title: ClassVar[str] = "HRDA"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        detail_weight: float = 0.1,
        **host: Any,
    ) -> None:
        if not isinstance(network, MultiResolutionNetwork):
            raise ConfigError(
                f"HRDA needs a network of two resolutions, got {type(network).__name__}; set network.multi_resolution."
            )
        super().__init__(network, optimizer, num_classes, **host)
        self.detail_weight = detail_weight

    @property
    def scales(self) -> MultiResolutionNetwork:
        """The student."""
        return cast(MultiResolutionNetwork, self.network)

    def segment(self, batch: Labelled, name: str, iteration: int) -> Pass:
        """Context, detail and their fusion, each resized to its labels; the features are the context's."""
        size = (batch.image.shape[-2], batch.image.shape[-1])
        box = self.scales.crop_box(size, self.runtime.shared_draws(f"detail/{name}", iteration))
        run = self.scales.forward_scales(batch.image, box)
        return Pass(
            {
                "fused": (1 - self.detail_weight) * self._cross_entropy(run.fused, batch),
                "detail": self.detail_weight * self._cross_entropy(run.detail, _cut(batch, box)),
            },
            run.context_features,
        )

    def seen(self, images: Tensor) -> Tensor:
        """The context: normalised images at low resolution, scaled as in the student's pass.

        In another order the rounding differs, and at the first iteration a distance of rounding errors has a gradient
        as long as any other.
        """
        return self.scales.context(images)

    def _cross_entropy(self, logits: Tensor, batch: Labelled) -> Tensor:
        logits = resize(logits, batch.label.shape[-2:], self.network.align_corners)
        return cross_entropy(logits, batch.label, batch.weight, reduction="all_mean")


def _cut(batch: Labelled, box: Box) -> Labelled:
    """What ``batch`` shows inside ``box``."""
    weight = None if batch.weight is None else box.cut(batch.weight)
    return Labelled(box.cut(batch.image), box.cut(batch.label), weight)
