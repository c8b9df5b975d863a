"""AdaptSegNet: make the soft-max maps of target images look like those of source images.

Tsai, Hung, Schulter, Sohn, Yang, Chandraker: Learning to Adapt Structured Output Space for Semantic Segmentation, CVPR
2018 (adaptsegnet sheet). The order of passes and updates is in :class:`udalib.methods.adversarial.Adversarial`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.methods.adversarial import Adversarial, Outputs
from udalib.methods.registry import METHODS
from udalib.models.network import SegmentationNetwork
from udalib.ops import resize


@METHODS.register("adaptsegnet")
class AdaptSegNet(Adversarial):
    """Output-space (or, as the ablation, feature-space) adversarial adaptation.

    In the output space each discriminator is shown ``softmax(up(logits))``, the class probabilities at image size
    (sheet, section 4). In the feature space one discriminator is shown the encoder's last feature, up-sampled to
    the image size (section 8: the authors released no code for it, and whether they normalise it is not known).

    Settings of the paper: two levels (default); one level: ``lambda_seg=0, lambda_adv_aux=0``; its best published
    result: one level with ``gan="ls", lambda_adv=0.01``.

    Args:
        network, optimizer, num_classes: see :class:`~udalib.methods.adversarial.Adversarial`.
        lambda_adv_aux: weight of the adversarial loss on the auxiliary output; 0 in the feature space, which has one
            level.
        space: "output" or "feature".
        host: options of :class:`~udalib.methods.adversarial.Adversarial`.
    """

    title: ClassVar[str] = "AdaptSegNet"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        lambda_adv_aux: float = 0.0002,
        space: Literal["output", "feature"] = "output",
        **host: Any,
    ) -> None:
        if space not in ("output", "feature"):
            raise ConfigError(f"space is {space!r}; choose output or feature.")
        if space == "feature" and lambda_adv_aux > 0:
            raise ConfigError(f"lambda_adv_aux is {lambda_adv_aux}, but the feature space has one level; set it to 0.")
        self.space = space
        super().__init__(network, optimizer, num_classes, lambda_adv_aux=lambda_adv_aux, **host)

    def judged_channels(self, network: SegmentationNetwork, num_classes: int) -> dict[str, int]:
        """The classes on both levels; in the feature space the width of the last feature, on one."""
        if self.space == "output":
            return super().judged_channels(network, num_classes)
        return {"main": network.feature_channels[-1]}

    def outputs(self, images: Tensor) -> Outputs:
        """The heads at image size; in the feature space the last feature, at image size, is judged instead of them."""
        if self.space == "output":
            return super().outputs(images)
        size = images.shape[-2:]
        features = self.network.features(images)
        judged = resize(features[-1], size, self.network.align_corners)
        return Outputs(self.heads(features, size), (judged,))

    def evidence(self, judged: Tensor) -> Tensor:
        """``softmax(logits)`` over the classes; a feature as it is."""
        return judged.float().softmax(1) if self.space == "output" else judged
