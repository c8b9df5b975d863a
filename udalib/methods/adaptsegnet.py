"""AdaptSegNet: make the soft-max maps of target images look like those of source images.

Tsai, Hung, Schulter, Sohn, Yang, Chandraker: Learning to Adapt Structured Output Space for Semantic Segmentation, CVPR
2018 (adaptsegnet sheet). The order of passes and updates is in :class:`udalib.methods.adversarial.Adversarial`.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.methods.adversarial import Adversarial, Outputs
from udalib.methods.registry import METHODS
from udalib.models.discriminator import FCDiscriminator
from udalib.models.network import SegmentationNetwork
from udalib.ops import resize
from udalib.ops.adversarial import GanLoss


@METHODS.register("adaptsegnet")
class AdaptSegNet(Adversarial):
    """Output-space (or, as the ablation, feature-space) adversarial adaptation.

    In the output space each discriminator is shown ``softmax(up(logits))``, the class probabilities at image size
    (sheet, section 4). In the feature space one discriminator is shown the encoder's last feature, up-sampled to
    the image size (section 8: the authors released no code for it, and whether they normalise it is not known).

    Settings of the paper: two levels (default); one level: ``lambda_seg=0, lambda_adv_aux=0``; its best published
    result: one level with ``gan="ls", lambda_adv=0.01``.

    Args:
        network, optimizer, lambda_seg, gan, discriminator_lr, discriminator_betas, official: see
            :class:`~udalib.methods.adversarial.Adversarial`.
        num_classes: C, channels of the discriminators' input in the output space.
        lambda_adv: weight of the adversarial loss on the main output, or on the feature.
        lambda_adv_aux: weight on the auxiliary output; 0 in the feature space.
        space: "output" or "feature".
        discriminator_width, discriminator_depth: see :class:`~udalib.models.discriminator.FCDiscriminator`. On images
            far smaller than 512 x 1024 the published depth of 5 sees nearly the whole image at every position.
    """

    title: ClassVar[str] = "AdaptSegNet"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        lambda_seg: float = 0.1,
        lambda_adv: float = 0.001,
        lambda_adv_aux: float = 0.0002,
        gan: GanLoss = "vanilla",
        space: Literal["output", "feature"] = "output",
        discriminator_lr: float = 1e-4,
        discriminator_betas: tuple[float, float] = (0.9, 0.99),
        discriminator_width: int = 64,
        discriminator_depth: int = 5,
        official: bool = False,
    ) -> None:
        if space not in ("output", "feature"):
            raise ConfigError(f"space is {space!r}; choose output or feature.")
        if space == "feature" and lambda_adv_aux > 0:
            raise ConfigError(f"lambda_adv_aux is {lambda_adv_aux}, but the feature space has one level; set it to 0.")
        channels = num_classes if space == "output" else network.feature_channels[-1]
        levels = {"main": lambda_adv} if space == "feature" else {"main": lambda_adv, "aux": lambda_adv_aux}
        form = partial(FCDiscriminator, width=discriminator_width, depth=discriminator_depth)
        super().__init__(
            network,
            optimizer,
            {level: form(channels) for level in levels},
            lambda_seg=lambda_seg,
            lambda_adv=levels,
            gan=gan,
            discriminator_lr=discriminator_lr,
            discriminator_betas=discriminator_betas,
            official=official,
        )
        self.space = space

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
