"""Semi-supervised self-training with filtered pseudo labels and a contrastive loss: what ELN and its baselines share.

Kwon & Kwak, "Semi-supervised Semantic Segmentation with Error Localization Network", CVPR 2022 (eln sheet, sections 3
and 4; pass numbers are those of its table).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.shared.labelled import Labelled
from udalib.methods.shared.teacher import Teacher
from udalib.models.network import SegmentationNetwork
from udalib.models.norm import batch_norms, freeze_affine
from udalib.ops import class_map, cross_entropy, resize, update_teacher
from udalib.ops.contrastive import Corner, draw_windows, pixel_contrast
from udalib.ops.views import PhotometricView

EPOCH = 266
"""Iterations that the published code calls an epoch, whatever the data set."""


class Seen(NamedTuple):
    """A network's logits (B, C, h, w) and embeddings (B, D, h, w) of a batch; no embeddings where none are compared."""

    logits: Tensor
    embedding: Tensor | None


class SemiSupervised(Method):
    """Labels of a few images; from iteration W on also a mean teacher's labels of unlabelled ones, filtered.

    Before W a subclass may teach its filter (:meth:`judge_terms`). At W the teacher becomes a copy of the student. From
    there on each iteration adds, at the resolution of the logits, for the plain and for a recoloured view of the
    unlabelled images: the cross-entropy to the pseudo labels, and the pixel contrastive loss
    (:mod:`udalib.ops.contrastive`); both are 0 where every pixel is rejected (the published code stops there, on NaN),
    as is L_sup without a valid pixel. Teacher and filter see the plain view only. All weights are 1, there is one
    update an iteration, and then the teacher follows by an EMA without warm-up, in its parameters alone.

    Args:
        network: the student; for the contrastive loss its decoder has a projection head ("seg_proj", embedding 128).
        optimizer: of ``network``.
        num_classes: C.
        pretrain_iterations: iterations on labels alone at first (published: 70 epochs of 266 on VOC,
            100 on Cityscapes).
        epoch_iterations: length of an epoch, for ``reset_student``.
        alpha: share of the old teacher in each EMA step.
        lambda_pseudo: weight of the two cross-entropies on unlabelled images; 0 leaves them out.
        lambda_contrast: weight of the two contrastive losses; 0 leaves them out.
        temperature: of the contrastive loss.
        contrast_windows, contrast_window: number of windows and their side, in positions of the logits.
        brightness, contrast, saturation, hue, grey: of the recoloured view, see
            :class:`udalib.ops.views.PhotometricView`.
        reset_student: start each epoch after W from a full copy of the teacher. None: as ``official`` says.
        train_norms: train scale and shift of the BatchNorm in ``network``. None: unless ``official``.
        official: do what the published code does. It resets the student each epoch, which throws away what labelled and
            recoloured images wrote into its running statistics; and it leaves BatchNorm's affine parameters out of the
            optimiser by accident (its parameter groups miss the class of its synchronised BatchNorm).

    Raises:
        ConfigError: a contrastive loss without projection head, alpha outside [0, 1), negative iterations or weights;
            in a step, images too small for the contrast windows.
    """

    streams = ("labelled", "unlabelled")
    phases: tuple[str, ...] = ("pretrain_iterations",)
    batch_wise = "contrast between all samples at hand, and means over the pixels whose pseudo labels are accepted"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        pretrain_iterations: int = 70 * EPOCH,
        epoch_iterations: int = EPOCH,
        alpha: float = 0.995,
        lambda_pseudo: float = 1.0,
        lambda_contrast: float = 1.0,
        temperature: float = 0.5,
        contrast_windows: int = 8,
        contrast_window: int = 32,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        grey: float = 0.2,
        reset_student: bool | None = None,
        train_norms: bool | None = None,
        official: bool = False,
    ) -> None:
        super().__init__()
        if lambda_contrast > 0 and not getattr(network.decoder, "embedding", 0):
            raise ConfigError(
                "the contrastive loss needs a decoder with a projection head; take the decoder 'seg_proj' with "
                "embedding=128, or set lambda_contrast to 0."
            )
        _at_least(pretrain_iterations=(pretrain_iterations, 0), epoch_iterations=(epoch_iterations, 1))
        _at_least(lambda_pseudo=(lambda_pseudo, 0), lambda_contrast=(lambda_contrast, 0))
        self.network, self.optimizer, self.num_classes = network, optimizer, num_classes
        self.teacher = Teacher(network, alpha)
        self.judged_from = self.stage2_from = pretrain_iterations
        self.epoch_iterations, self.official = epoch_iterations, official
        self.weights = {"pseudo": lambda_pseudo, "contrast": lambda_contrast}
        self.temperature, self.window_count, self.window = temperature, contrast_windows, contrast_window
        self.view = PhotometricView(brightness, contrast, saturation, hue, grey)
        self.reset_student = official if reset_student is None else reset_student
        self.train_norms = not official if train_norms is None else train_norms
        if not self.train_norms:
            leave_out_norms(network, optimizer)

    def optimizers(self) -> dict[str, Optimizer]:
        """``main``, of the student."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One iteration; logs ``loss``, its terms ``loss_...`` and what a subclass adds."""
        if self.runtime.is_first:
            self.start(iteration)
        for optimizer in self.optimizers().values():
            self.runtime.zero_grad(optimizer)
        logs = self.learn_labels(Labelled(batches["labelled"]["image"], batches["labelled"]["label"]), iteration)
        if iteration >= self.stage2_from:
            logs |= self.learn_unlabelled(batches["unlabelled"]["image"], iteration)
        for optimizer in self.optimizers().values():
            self.runtime.optimizer_step(optimizer)
        if iteration >= self.stage2_from and not self.runtime.is_accumulating:
            update_teacher(self.teacher.network, self.network, None, self.teacher.alpha)
        return {"loss": sum(value for name, value in logs.items() if name.startswith("loss_")), **logs}

    def start(self, iteration: int) -> None:
        """Copy student to teacher at W, teacher to student at each later epoch if asked: parameters and buffers."""
        since = iteration - self.stage2_from
        if since == 0:
            self.teacher.network.load_state_dict(self.network.state_dict())
        elif since > 0 and since % self.epoch_iterations == 0 and self.reset_student:
            self.network.load_state_dict(self.teacher.network.state_dict())

    def learn_labels(self, batch: Labelled, iteration: int) -> Logs:
        """Backward of L_sup (pass 1) and, from ``judged_from`` on, of what the filter learns."""
        with self.runtime.autocast():
            features = self.network.features(batch.image)
            logits = self.network.decode(features)
            losses = {"sup": self.cross_entropy(logits, batch.label)}
            notes: Logs = {}
            if iteration >= self.judged_from:
                more, notes = self.judge_terms(batch, features, logits, losses["sup"])
                losses |= more
        return self._backward(losses) | notes

    def judge_terms(
        self, batch: Labelled, features: list[Tensor], logits: Tensor, sup: Tensor
    ) -> tuple[dict[str, Tensor], Logs]:
        """Losses that teach the filter, and what to log of them; a hook, empty here.

        ``features``, ``logits`` (B, C, h, w) and ``sup`` are those of pass 1, with gradients.
        """
        return {}, {}

    def learn_unlabelled(self, images: Tensor, iteration: int) -> Logs:
        """Backward of the losses of stage 2 (passes 8 to 11)."""
        with self.runtime.autocast():
            plain = self.seen(self.network, images)
            strong = self.seen(self.network, self.strong_view(images, iteration))
            with torch.no_grad():
                teacher = self.seen(self.teacher.network, images)
                label = self.pseudo_label(images, teacher.logits)
            views = {"strong": strong, "plain": plain}
            losses: dict[str, Tensor] = {}
            if self.weights["pseudo"]:
                losses |= {f"pseudo_{v}": cross_entropy(seen.logits, label) for v, seen in views.items()}
            if self.weights["contrast"]:
                losses |= {f"contrast_{v}": self.contrast(teacher, s, label, v, iteration) for v, s in views.items()}
            weighted = {name: loss * self.weights[name.split("_")[0]] for name, loss in losses.items()}
        kept = (label < self.num_classes).float().mean()
        return (self._backward(weighted) if weighted else {}) | {"accepted": kept}

    def seen(self, network: SegmentationNetwork, images: Tensor) -> Seen:
        """What ``network`` makes of images (B, 3, H, W) in [0, 1]."""
        features = network.features(images)
        if not self.weights["contrast"]:
            return Seen(network.decode(features), None)
        decoder: Any = network.decoder
        return Seen(*decoder.both(features))

    def strong_view(self, images: Tensor, iteration: int) -> Tensor:
        """The recoloured view of unlabelled images."""
        return self.view(images, self.runtime.draws("strong view", iteration, len(images)))

    def pseudo_label(self, images: Tensor, logits: Tensor) -> Tensor:
        """Labels (B, h, w) for the teacher's ``logits`` (B, C, h, w) of ``images``; 255 where rejected.

        A hook; here every pixel keeps the teacher's class.
        """
        return class_map(logits)

    def contrast(self, teacher: Seen, student: Seen, label: Tensor, view: str, iteration: int) -> Tensor:
        """Pixel contrastive loss of one view, in windows of its own."""
        assert teacher.embedding is not None
        assert student.embedding is not None
        windows = self.windows(view, label, iteration)
        options = {"window": self.window, "temperature": self.temperature}
        return pixel_contrast(teacher.embedding, student.embedding, label, windows, self.num_classes, **options)  # type: ignore[arg-type]

    def windows(self, view: str, label: Tensor, iteration: int) -> list[Corner]:
        """Corners of the contrast windows for ``view``, "strong" or "plain"."""
        draws = self.runtime.shared_draws(f"contrast/{view}", iteration)
        return draw_windows(label.shape, self.window, self.window_count, draws)

    def cross_entropy(self, logits: Tensor, label: Tensor) -> Tensor:
        """Mean over valid pixels of the cross-entropy at the size of ``label``; 0 without a valid pixel."""
        return cross_entropy(resize(logits, label.shape[-2:], self.network.align_corners), label)

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) of the student, resized to the images."""
        return resize(self.network(images), images.shape[-2:], self.network.align_corners)

    def _backward(self, losses: Mapping[str, Tensor]) -> Logs:
        terms = list(losses.values())
        self.runtime.backward(sum(terms[1:], start=terms[0]))
        return {f"loss_{name}": term.detach() for name, term in losses.items()}


def leave_out_norms(module: torch.nn.Module, optimizer: Optimizer | None = None) -> None:
    """Take scale and shift of every BatchNorm below ``module`` out of training, and out of ``optimizer``'s groups."""
    freeze_affine(module)
    out = {id(p) for layer in batch_norms(module) for p in layer.parameters(recurse=False)}
    for group in optimizer.param_groups if optimizer is not None else ():
        kept = [i for i, p in enumerate(group["params"]) if id(p) not in out]
        for key in ("params", "parameter_names"):
            if key in group:
                group[key] = [group[key][i] for i in kept]


def _at_least(**values: tuple[float, float]) -> None:
    for name, (value, least) in values.items():
        if value < least:
            raise ConfigError(f"{name} is {value}; it must be at least {least}.")
