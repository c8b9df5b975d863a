"""The adversarial step that AdaptSegNet and AdvEnt share: a segmentation network against its discriminators.

Tsai et al., CVPR 2018 (adaptsegnet sheet, section 5); Vu et al., CVPR 2019 (advent sheet, section 4). In the output
space the two methods differ in one line: what the discriminator is shown (:meth:`Adversarial.evidence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from udalib.core.types import Batch, Logs
from udalib.methods.shared.alignment import LEVELS, Alignment, weighted
from udalib.models.discriminator import FCDiscriminator
from udalib.models.network import SegmentationNetwork
from udalib.ops import frozen, gan_loss
from udalib.ops.adversarial import SOURCE, TARGET, GanLoss, check_gan


class Outputs(NamedTuple):
    """One forward pass of one domain, main level first.

    Attributes:
        logits: of each head, (B, C, H, W) at image size.
        judged: what each discriminator's evidence is computed from, (B, K, H, W); the logits, or features.
    """

    logits: tuple[Tensor, ...]
    judged: tuple[Tensor, ...]


class Adversarial(Alignment):
    """One network, one discriminator a level, and the order of passes of the published code.

    In each iteration:

    1. source images: ``L_seg(main) + lambda_seg L_seg(aux)``, backward;
    2. target images: ``sum over levels of lambda_adv gan(D(evidence), SOURCE)``, backward, discriminators frozen;
    3. each discriminator, on the detached outputs of 1 and 2: ``1/2 gan(D(source), SOURCE) + 1/2 gan(D(target),
       TARGET)``, backward;
    4. the network's optimiser steps, then each discriminator's.

    A level whose weights are 0 is neither run nor trained, unless ``official``.

    Args:
        network: its auxiliary level is ``decode_all``'s second output.
        optimizer: of ``network``.
        num_classes: C.
        lambda_seg: weight of the auxiliary head's segmentation loss.
        lambda_adv, lambda_adv_aux: weights of the adversarial loss, main and auxiliary level.
        gan: see :func:`udalib.ops.gan_loss`.
        discriminator_lr, discriminator_betas: of Adam, one for each discriminator.
        discriminator_width, discriminator_depth: see :class:`~udalib.models.discriminator.FCDiscriminator`. On images
            far smaller than 512 x 1024 the published depth of 5 sees nearly the whole image at every position.
        official: run and train levels of weight 0 as well, as the published code does: the auxiliary head, if there
            is one, gets zero gradients, hence weight decay and momentum, and its discriminator trains to no effect.

    Attributes:
        names: parameter names of the discriminators, those of the method's published snapshots.

    Raises:
        ConfigError: a weight of the auxiliary level is positive and the network has one output; unknown ``gan``.
    """

    names: ClassVar[Literal["adaptsegnet", "advent"]] = "adaptsegnet"

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
        discriminator_lr: float = 1e-4,
        discriminator_betas: tuple[float, float] = (0.9, 0.99),
        discriminator_width: int = 64,
        discriminator_depth: int = 5,
        official: bool = False,
    ) -> None:
        check_gan(gan)
        weights = {"main": lambda_adv, "aux": lambda_adv_aux}
        every = official and network.has_auxiliary
        channels = self.judged_channels(network, num_classes)
        used = {n: c for n, c in channels.items() if every or n == "main" or weights[n] > 0}
        super().__init__(network, optimizer, lambda_seg=lambda_seg, auxiliary="aux" in used or lambda_seg > 0)
        self.lambda_adv, self.gan = weights, gan
        form = partial(FCDiscriminator, width=discriminator_width, depth=discriminator_depth, names=self.names)
        self.discriminators = nn.ModuleDict({level: form(count) for level, count in used.items()})
        self.opponents: dict[str, Optimizer] = {
            level: Adam(d.parameters(), lr=discriminator_lr, betas=discriminator_betas)
            for level, d in self.discriminators.items()
        }

    def judged_channels(self, network: SegmentationNetwork, num_classes: int) -> dict[str, int]:
        """Channels of what the discriminator of each level is shown: the classes, on both levels."""
        return dict.fromkeys(LEVELS, num_classes)

    def optimizers(self) -> dict[str, Optimizer]:
        """``main`` of the network, ``discriminator_LEVEL`` of each discriminator."""
        return {**super().optimizers(), **{f"discriminator_{level}": o for level, o in self.opponents.items()}}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One iteration as described above.

        Logs, unweighted, ``loss_seg_LEVEL``, ``loss_adv_LEVEL`` and the two halves ``loss_d_LEVEL_source`` and
        ``loss_d_LEVEL_target`` before they are halved; ``loss`` is the network's weighted sum.
        """
        for optimizer in self.optimizers().values():
            self.runtime.zero_grad(optimizer)
        with self.runtime.autocast():
            source = self.outputs(batches["source"]["image"])
        logs = self.learn_labels(source.logits, batches["source"]["label"])
        target = self._deceive(batches["target"]["image"], logs)
        self._discriminate(source, SOURCE, "source", logs)
        self._discriminate(target, TARGET, "target", logs)
        for optimizer in self.optimizers().values():
            self.runtime.optimizer_step(optimizer)
        return logs

    def outputs(self, images: Tensor) -> Outputs:
        """Forward pass of images (B, 3, H, W) in [0, 1]; every output at their size."""
        logits = self.heads(self.network.features(images), images.shape[-2:])
        return Outputs(logits, logits)

    def evidence(self, judged: Tensor) -> Tensor:
        """What a discriminator is shown of an entry of :attr:`Outputs.judged`: (B, K, H, W) -> (B, K, H, W)."""
        raise NotImplementedError(f"{type(self).__name__} must define evidence()")

    def target_terms(self, target: Outputs) -> tuple[Tensor, Logs]:
        """Weighted loss of part 2, and what to log of it."""
        losses = {
            level: gan_loss(verdict, SOURCE, self.gan) for level, verdict in self._verdicts(target.judged).items()
        }
        return weighted(losses, self.lambda_adv), {f"loss_adv_{level}": x.detach() for level, x in losses.items()}

    def _deceive(self, images: Tensor, logs: Logs) -> Outputs:
        """Part 2: make the outputs of target images look like those of the source."""
        with frozen(self.discriminators):
            with self.runtime.autocast():
                target = self.outputs(images)
                loss, terms = self.target_terms(target)
            self.runtime.backward(loss)
        logs.update(terms, loss=logs["loss"] + loss.detach())
        return target

    def _discriminate(self, outputs: Outputs, domain: float, name: str, logs: Logs) -> None:
        """Part 3 for one domain: teach the discriminators; nothing reaches the network."""
        with self.runtime.autocast():
            verdicts = self._verdicts(tuple(judged.detach() for judged in outputs.judged))
        for level, verdict in verdicts.items():
            loss = gan_loss(verdict, domain, self.gan)
            self.runtime.backward(loss / 2)
            logs[f"loss_d_{level}_{name}"] = loss.detach()

    def _verdicts(self, judged: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Raw output (B, 1, h, w) of each discriminator."""
        shown = dict(zip(LEVELS, judged, strict=False))
        return {level: d(self.evidence(shown[level])) for level, d in self.discriminators.items()}

    @torch.no_grad()
    def verdict(self, images: Tensor, level: Literal["main", "aux"] = "main") -> Tensor:
        """Probability (B, 1, h, w) that each position comes from the TARGET, for pictures.

        With ``gan="ls"`` the raw output, which is trained towards 0 and 1, clipped to that range.
        """
        raw = self._verdicts(self.outputs(images).judged)[level].float()
        return raw.clamp(0, 1) if self.gan == "ls" else raw.sigmoid()
