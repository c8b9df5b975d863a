"""ADVENT: lower the entropy of target predictions, directly (MinEnt) or by an adversary (AdvEnt).

Vu, Jain, Bucher, Cord, Perez: ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic Segmentation,
CVPR 2019 (advent sheet). The published "AdvEnt + MinEnt" averages the logits of two networks trained apart
(``udalib evaluate A B``); it is no joint training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.types import Batch, Logs
from udalib.methods.adversarial import Adversarial, Outputs
from udalib.methods.base import Runtime
from udalib.methods.registry import METHODS
from udalib.methods.shared.alignment import LEVELS, Alignment, weighted
from udalib.models.network import SegmentationNetwork
from udalib.ops import self_information
from udalib.ops.entropy import check_range, class_ratio_loss, mean_entropy


@METHODS.register("advent")
class AdvEnt(Adversarial):
    """AdvEnt: AdaptSegNet's step with weighted self-information maps in place of soft-max maps.

    Args:
        network, optimizer, num_classes: see :class:`~udalib.methods.adversarial.Adversarial`.
        lambda_prior, prior_mu: weight and relaxation of the class-ratio prior on the main output
            (:func:`udalib.ops.entropy.class_ratio_loss`); 0, as in the released code, leaves it out.
        host: options of :class:`~udalib.methods.adversarial.Adversarial`; the released code has the vanilla criterion
            only.
    """

    title: ClassVar[str] = "AdvEnt"
    names = "advent"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        lambda_prior: float = 0.0,
        prior_mu: float = 1.0,
        **host: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, **host)
        self.prior = ClassRatioPrior(num_classes, lambda_prior, prior_mu)

    def evidence(self, judged: Tensor) -> Tensor:
        """``I_c = -p_c log2 p_c / log2 C`` with ``p = softmax(logits)``, one channel a class."""
        return self_information(judged.float().softmax(1))

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """As :meth:`Adversarial.step`; the prior counts the source labels first."""
        self.prior.count(batches["source"]["label"], self.runtime)
        return super().step(batches, iteration)

    def target_terms(self, target: Outputs) -> tuple[Tensor, Logs]:
        """The adversarial losses, and the class-ratio prior if it has a weight."""
        loss, logs = super().target_terms(target)
        prior, more = self.prior(target.logits[0])
        return loss + prior, logs | more


@METHODS.register("minent")
class MinEnt(Alignment):
    """MinEnt: minimise the mean pixel entropy of target predictions; no discriminator.

    Args:
        network, optimizer, lambda_seg: see :class:`~udalib.methods.shared.alignment.Alignment`.
        num_classes: C.
        lambda_ent, lambda_ent_aux: weights of the entropy, main and auxiliary output.
        entropy_range: see :func:`udalib.ops.entropy.mean_entropy`; (0, 1) as in the released code.
        lambda_prior, prior_mu: as in :class:`AdvEnt`.
        official: run an auxiliary level of weight 0 as well.
    """

    title: ClassVar[str] = "MinEnt"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        lambda_seg: float = 0.1,
        lambda_ent: float = 0.001,
        lambda_ent_aux: float = 0.0002,
        entropy_range: tuple[float, float] = (0.0, 1.0),
        lambda_prior: float = 0.0,
        prior_mu: float = 1.0,
        official: bool = False,
    ) -> None:
        check_range(entropy_range)
        auxiliary = (official and network.has_auxiliary) or lambda_seg > 0 or lambda_ent_aux > 0
        super().__init__(network, optimizer, lambda_seg=lambda_seg, auxiliary=auxiliary)
        self.lambda_ent = {"main": lambda_ent, "aux": lambda_ent_aux}
        self.entropy_range = entropy_range
        self.prior = ClassRatioPrior(num_classes, lambda_prior, prior_mu)

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Source segmentation, backward; ``sum over levels of lambda_ent E`` on the target, backward; one update.

        Logs, unweighted, ``loss_seg_LEVEL`` and ``loss_ent_LEVEL``; ``loss`` is the weighted sum.
        """
        label, images = batches["source"]["label"], batches["target"]["image"]
        self.prior.count(label, self.runtime)
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            source = self._logits(batches["source"]["image"])
        logs = self.learn_labels(source, label)
        with self.runtime.autocast():
            target = self._logits(images)
        losses = {
            level: mean_entropy(each.float().softmax(1), self.entropy_range)
            for level, each in zip(LEVELS, target, strict=False)
        }
        prior, more = self.prior(target[0])
        loss = weighted(losses, self.lambda_ent) + prior
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        entropies = {f"loss_ent_{level}": x.detach() for level, x in losses.items()}
        return {**logs, **entropies, **more, "loss": logs["loss"] + loss.detach()}

    def _logits(self, images: Tensor) -> tuple[Tensor, ...]:
        return self.heads(self.network.features(images), images.shape[-2:])


class ClassRatioPrior(nn.Module):
    """The class-ratio prior with the class shares of the source labels seen so far.

    Shares are those of one micro-batch, so with gradient accumulation the prior is not that of the whole batch.

    Args:
        num_classes: C.
        weight: of the loss; 0 does nothing.
        mu: see :func:`udalib.ops.entropy.class_ratio_loss`.
    """

    counts: Tensor

    def __init__(self, num_classes: int, weight: float, mu: float) -> None:
        super().__init__()
        self.weight, self.mu = weight, mu
        self.register_buffer("counts", torch.zeros(num_classes))

    @torch.no_grad()
    def count(self, label: Tensor, runtime: Runtime) -> None:
        """Add the valid pixels of ``label`` (B, H, W), averaged over processes."""
        if self.weight > 0:
            valid = label[(label >= 0) & (label < len(self.counts))].long()
            new = torch.bincount(valid.flatten(), minlength=len(self.counts)).to(self.counts)
            self.counts += runtime.average(new)

    def forward(self, logits: Tensor) -> tuple[Tensor, Logs]:
        """Weighted loss of target ``logits`` (B, C, H, W), and the unweighted one to log; 0 without a weight."""
        if self.weight == 0:
            return logits.new_zeros(()), {}
        ratios = self.counts / self.counts.sum().clamp(min=1)
        loss = class_ratio_loss(logits.float().softmax(1), ratios, self.mu)
        return self.weight * loss, {"loss_class_ratio": loss.detach()}
