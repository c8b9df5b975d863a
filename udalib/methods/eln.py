"""ELN: semi-supervised segmentation whose pseudo labels an error localisation network filters.

Kwon & Kwak, "Semi-supervised Semantic Segmentation with Error Localization Network", CVPR 2022 (eln sheet, sections 3
and 4; pass numbers are those of its table).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Judgement, Logs
from udalib.methods.registry import METHODS
from udalib.methods.semi_supervised import EPOCH, SemiSupervised, leave_out_norms
from udalib.methods.shared.labelled import Labelled
from udalib.models.dropping import dropout_off
from udalib.models.eln import ErrorLocalizationNetwork
from udalib.models.eln_host import RATES, SegProjDecoder
from udalib.models.network import SegmentationNetwork
from udalib.models.norm import batch_statistics
from udalib.ops import class_map, resize
from udalib.ops.error_localization import (
    accepted_pixels,
    correct_pixels,
    filtered_labels,
    gated_sum,
    gates_open,
    localization_loss,
)


class Judged(SemiSupervised):
    """:class:`SemiSupervised` with auxiliary decoders that make errors, and a network that learns to judge them.

    From ``pretrain_iterations`` on (stage 1, and on through stage 2) each iteration adds, on the labelled batch:

     - L_aux: the cross-entropy of each auxiliary decoder on detached features, as long as it is at least alpha_k times
       that of the main decoder (:func:`udalib.ops.error_localization.gated_sum`), passes 2 and 3;
     - L_eln: what :meth:`judge_loss` says of the judge's view of each decoder's logits, which take no gradient, passes
       4 to 7.

    Args:
        network: the student; its decoder is a "seg_proj", of which the auxiliary ones are made.
        optimizer: of ``network``.
        num_classes: C.
        eln_iterations: length of stage 1 (published: 50 epochs of 266 on VOC, 58 on Cityscapes).
        alphas: factor of each auxiliary decoder's gate; their number is the number of decoders.
        eln_blocks, eln_width, eln_channels, eln_rates, eln_inputs: of the judge, see
            :class:`udalib.models.eln.ErrorLocalizationNetwork`.
        eln_weights: file of a ResNet for the judge's backbone; None = random weights.
        eln_lr: learning rate of judge and auxiliary decoders (AdamW).
        eln_backbone_lr_mult: factor of it for the judge's backbone.
        eln_weight_decay: decoupled weight decay of both.
        official: besides what :class:`SemiSupervised` says, run the encoder anew, without gradient, for passes 2 and 4
            and each auxiliary decoder once more for 5 and 6: three more encoder passes over the labelled batch, which
            move BatchNorm's running statistics and draw dropout again. By default the features and logits of pass 1
            (and 3) are used again; without dropout the losses are the same.
        host: options of :class:`SemiSupervised`.

    Raises:
        ConfigError: a decoder of another kind, a factor of a gate that is not positive, negative iterations.
    """

    phases = (*SemiSupervised.phases, "eln_iterations")

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        eln_iterations: int = 50 * EPOCH,
        alphas: tuple[float, ...] = (20.0, 50.0),
        eln_blocks: tuple[int, ...] = (3, 4, 6, 3),
        eln_width: int = 64,
        eln_channels: int = 256,
        eln_rates: tuple[int, ...] = RATES[16],
        eln_inputs: tuple[str, ...] = ("image", "entropy", "logits"),
        eln_weights: str | None = None,
        eln_lr: float = 1e-4,
        eln_backbone_lr_mult: float = 0.1,
        eln_weight_decay: float = 1e-5,
        official: bool = False,
        **host: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, official=official, **host)
        decoder = network.decoder
        if not isinstance(decoder, SegProjDecoder):
            raise ConfigError(
                f"auxiliary decoders are made like the network's, a {type(decoder).__name__}, which cannot be copied "
                "with new weights; take the decoder 'seg_proj'."
            )
        if eln_iterations < 0 or any(alpha <= 0 for alpha in alphas):
            raise ConfigError(
                f"eln_iterations {eln_iterations} and alphas {alphas} must not be negative, alphas not 0."
            )
        self.stage2_from = self.judged_from + eln_iterations
        self.alphas = tuple(alphas)
        self.auxiliary = nn.ModuleList(decoder.fresh() for _ in alphas)
        self.untrained = tuple(f"auxiliary.{k}.proj." for k in range(len(alphas)))
        self.eln = ErrorLocalizationNetwork(
            num_classes,
            blocks=eln_blocks,
            width=eln_width,
            channels=eln_channels,
            rates=eln_rates,
            inputs=eln_inputs,
            outputs=self.judge_outputs(num_classes),
        )
        if eln_weights is not None:
            self.eln.backbone.load_pretrained(eln_weights, official=official)
        if not self.train_norms:
            leave_out_norms(self.auxiliary)
        groups = self._groups(eln_lr * eln_backbone_lr_mult)
        self.judge_optimizer = AdamW(groups, lr=eln_lr, weight_decay=eln_weight_decay)

    def _groups(self, backbone_lr: float) -> list[dict[str, Any]]:
        backbone = list(self.eln.backbone.parameters())
        known = {id(p) for p in backbone}
        others = [p for p in self.parameters_of_judge() if p.requires_grad and id(p) not in known]
        return [{"params": backbone, "lr": backbone_lr}, {"params": others}]

    def judge_outputs(self, num_classes: int) -> int:
        """Channels of the judge's output."""
        raise NotImplementedError(f"{type(self).__name__} must define judge_outputs()")

    def judge_loss(self, verdict: Tensor, judged: Tensor, label: Tensor) -> Tensor:
        """What the judge is to be told of a ``verdict`` (B, K, ., .) on logits ``judged`` (B, C, h, w)."""
        raise NotImplementedError(f"{type(self).__name__} must define judge_loss()")

    def parameters_of_judge(self) -> list[nn.Parameter]:
        """Parameters of the judge and of the auxiliary decoders."""
        return [*self.eln.parameters(), *self.auxiliary.parameters()]

    def optimizers(self) -> dict[str, Optimizer]:
        """``main`` of the student, ``eln`` of the judge and the auxiliary decoders."""
        return {**super().optimizers(), "eln": self.judge_optimizer}

    def published_parts(self) -> dict[str, nn.Module]:
        """Modules by their key in a published checkpoint, for :func:`udalib.models.eln.load_eln_checkpoint`."""
        host = {"enc_state_dict": self.network.encoder, "dec_state_dict": self.network.decoder}
        decoders = {f"dec_{k}": decoder for k, decoder in enumerate(self.auxiliary)}
        return {**host, "eln_state_dict": self.eln, **decoders}

    def judge_terms(
        self, batch: Labelled, features: list[Tensor], logits: Tensor, sup: Tensor
    ) -> tuple[dict[str, Tensor], Logs]:
        """L_aux and L_eln (passes 2 to 7); logs ``ce_aux_k`` before its gate, ``gate_aux_k``, and ``eln_...`` of each.

        The gates compare averages over processes, so that they open everywhere at once.
        """
        features = self._again(batch.image) if self.official else [f.detach() for f in features]
        auxiliary = [decoder(features) for decoder in self.auxiliary]
        errors = [self.cross_entropy(each, batch.label) for each in auxiliary]
        compared = [self.runtime.average(error.detach()) for error in errors]
        gates = gates_open(compared, self.runtime.average(sup.detach()), self.alphas)
        judged = self._judged_again(batch.image) if self.official else [*auxiliary, logits]
        names = [*(f"aux_{k}" for k in range(len(auxiliary))), "main"]
        losses = self._judge(batch, judged)
        notes: Logs = {f"ce_aux_{k}": error.detach() for k, error in enumerate(errors)}
        notes |= {f"gate_aux_{k}": gate.float() for k, gate in enumerate(gates)}
        notes |= {f"eln_{name}": loss.detach() for name, loss in zip(names, losses, strict=True)}
        aux = {"aux": gated_sum(errors, gates)} if errors else {}
        return {**aux, "eln": torch.stack(losses).sum()}, notes

    @torch.no_grad()
    def _again(self, images: Tensor) -> list[Tensor]:
        return self.network.features(images)

    @torch.no_grad()
    def _judged_again(self, images: Tensor) -> list[Tensor]:
        """Logits of the auxiliary decoders and the main one, from an encoder pass of their own (pass 4)."""
        features = self._again(images)
        main = self.network.decode(features)
        return [*(decoder(features) for decoder in self.auxiliary), main]

    def _judge(self, batch: Labelled, judged: Sequence[Tensor]) -> list[Tensor]:
        images = self.network.normalise(batch.image)
        return [self.judge_loss(self.eln(images, each), each.detach(), batch.label) for each in judged]

    def verdict(self, images: Tensor, logits: Tensor) -> Tensor:
        """The judge's raw output for ``logits`` (B, C, h, w), at their size, without dropout or gradient (pass 11)."""
        with torch.no_grad(), dropout_off(self.eln):
            verdict = self.eln(self.network.normalise(images), logits)
        return resize(verdict, logits.shape[-2:], align_corners=True)

    def verdict_in_batch(self, images: Tensor, logits: Tensor) -> Tensor:
        """:meth:`verdict` by the statistics of the batch, as stage 2 has it, in any mode.

        The judge's running statistics are a mixture over the decoders it learns from, and fit none of them.
        """
        with batch_statistics(self.eln):
            return self.verdict(images, logits)


@METHODS.register("eln")
class ELN(Judged):
    """Pseudo labels count where the error localisation network takes them to be right.

    Pre-training, stage 1 (the localisation network learns from the errors of auxiliary decoders), stage 2 (a mean
    teacher's labels of unlabelled images, filtered). The localisation network goes on learning in stage 2.

    Args:
        network, optimizer, num_classes: see :class:`Judged`.
        void_is_wrong: count void pixels of the labels as errors, see
            :func:`udalib.ops.error_localization.localization_loss`. None: as ``official`` says.
        official: do what the published code does, see :class:`Judged` and :class:`SemiSupervised`.
        judged: options of :class:`Judged`.
    """

    title: ClassVar[str] = "ELN"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        void_is_wrong: bool | None = None,
        official: bool = False,
        **judged: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, official=official, **judged)
        self.void_is_wrong = official if void_is_wrong is None else void_is_wrong

    def judge_outputs(self, num_classes: int) -> int:
        """One: the logit that a pixel is right."""
        return 1

    def judge_loss(self, verdict: Tensor, judged: Tensor, label: Tensor) -> Tensor:
        """Balanced binary cross-entropy (sheet, 3.3)."""
        correct = correct_pixels(judged, label)
        return localization_loss(verdict, correct, label, void_is_wrong=self.void_is_wrong)

    def pseudo_label(self, images: Tensor, logits: Tensor) -> Tensor:
        """The teacher's classes where the verdict rounds to "right" (sheet, 3.4)."""
        return filtered_labels(class_map(logits), accepted_pixels(self.verdict(images, logits)))

    @torch.no_grad()
    def judge(self, images: Tensor) -> Judgement:
        """The student's classes for images (B, 3, H, W) in [0, 1], in eval mode, rejected as pseudo labels would be."""
        logits, size = self.network(images), images.shape[-2:]
        label = class_map(resize(logits, size, self.network.align_corners))
        verdict = resize(self.verdict_in_batch(images, logits), size, align_corners=True).float()
        return Judgement(label, 1 - verdict[:, 0].sigmoid(), ~accepted_pixels(verdict))
