"""Self-training with a mean teacher and mixed images: DACS, and the naive forms it improves on.

Tranheden et al., "DACS: Domain Adaptation via Cross-domain Mixed Sampling", WACV 2021, in the form that DAFormer builds
on (daformer sheet, section 5, whose step numbers are cited here).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Batch, Logs
from udalib.methods.base import Method
from udalib.methods.registry import METHODS
from udalib.methods.shared.labelled import Labelled, Pass, named, pixel_weight
from udalib.methods.shared.teacher import Teacher
from udalib.models.network import SegmentationNetwork
from udalib.ops import (
    choose_half,
    class_mask,
    confident_fraction,
    cross_entropy,
    ignore_rows,
    mix,
    present_classes,
    pseudo_labels,
    resize,
)
from udalib.ops.augmentation import StrongAugmentation, augment
from udalib.ops.mixing import RANDOM_MASKS

Mix = Literal["class", "cut", "cow", "none"]
Weighting = Literal["fraction", "pixel"]


@METHODS.register("dacs")
class SelfTraining(Method):
    """Source labels, and the labels that a mean teacher gives to target images, into which source pixels are mixed.

    Each iteration: the teacher follows the student (1); source images (3); the teacher labels target images (5) and
    says how sure it is (6); pixels of the source are laid over the target with their labels (7), the mixed image is
    jittered and blurred (8) and learned (9); one update (10). Every loss is a mean over ALL pixels.

    Args:
        network: the student.
        optimizer: of ``network``.
        num_classes: C.
        alpha: cap of the teacher's EMA; 0: the teacher is the student itself.
        threshold: confidence a pixel needs to count as sure; None: every pixel counts.
        weighting: "fraction" weighs all pixels of the batch by the share of sure ones, as published; "pixel" keeps
            the sure pixels with weight 1 and drops the others.
        mix: which source pixels are laid over the target: half of the classes ("class"), a box ("cut"), spots
            ("cow"), none.
        jitter_strength, jitter_probability, blur_probability: see :class:`udalib.ops.augmentation.StrongAugmentation`.
        ignore_top, ignore_bottom: rows of the target crop whose pseudo labels are not learned.
        predict_with: the network that is evaluated; the published numbers are the student's.
        official: ClassMix draws from the ids of the whole batch, 255 among them, as the published code does; by default
            each image chooses among its own classes, as the paper says.

    Raises:
        ConfigError: an unknown ``mix``, ``weighting`` or ``predict_with``; alpha outside [0, 1), threshold outside
            [0, 1]; in a step: source and target images that differ in number or size, where they are mixed.
    """

    title: ClassVar[str] = "DACS"
    streams: tuple[str, ...] = ("source", "target")

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        alpha: float = 0.99,
        threshold: float | None = 0.968,
        weighting: Weighting = "fraction",
        mix: Mix = "class",
        jitter_strength: float = 0.2,
        jitter_probability: float = 0.8,
        blur_probability: float = 0.5,
        ignore_top: int = 0,
        ignore_bottom: int = 0,
        predict_with: Literal["student", "teacher"] = "student",
        official: bool = False,
    ) -> None:
        super().__init__()
        _check_choice("mix", mix, ("class", *RANDOM_MASKS, "none"))
        _check_choice("weighting", weighting, ("fraction", "pixel"))
        _check_choice("predict_with", predict_with, ("student", "teacher"))
        if threshold is not None and not 0 <= threshold <= 1:
            raise ConfigError(f"threshold is {threshold}; a confidence lies between 0 and 1, None counts every pixel.")
        self.network, self.optimizer, self.num_classes = network, optimizer, num_classes
        self.teacher = Teacher(network, alpha)
        self.threshold, self.weighting, self.mix = threshold, weighting, mix
        self.augmentation = StrongAugmentation(jitter_strength, jitter_probability, blur_probability)
        self.ignored_rows = (ignore_top, ignore_bottom)
        self.predict_with, self.official = predict_with, official

    def optimizers(self) -> dict[str, Optimizer]:
        """``main``, of the student."""
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One iteration; logs ``loss``, each pass's ``loss_source``, ``loss_mixed`` and ``pseudo_weight``."""
        source = Labelled(batches["source"]["image"], batches["source"]["label"])
        if self.runtime.is_first:
            self.teacher.follow(self.network, iteration)
        self.runtime.zero_grad(self.optimizer)
        logs = self.learn_source(source, iteration)
        target = self.label_target(batches["target"])
        logs |= self.learn_mixed(source, target, batches, iteration)
        logs |= self.learn_more(source, target, batches["target"], iteration)
        self.runtime.optimizer_step(self.optimizer)
        total = sum(value for name, value in logs.items() if name.startswith("loss_"))
        return {"loss": total, **logs, "pseudo_weight": pixel_weight(target).mean()}

    def learn_source(self, source: Labelled, iteration: int) -> Logs:
        """Backward of the source pass and of what a subclass adds to it (:meth:`source_terms`)."""
        with self.runtime.autocast():
            run = self.segment(source, "source", iteration)
            more = self.source_terms(source, run)
        return self._backward(named("source", run.losses) | more)

    def source_terms(self, source: Labelled, run: Pass) -> dict[str, Tensor]:
        """Further losses of the source pass by log name; a hook, empty here."""
        return {}

    def learn(self, batch: Labelled, name: str, iteration: int) -> Logs:
        """Forward and backward of one labelled batch."""
        with self.runtime.autocast():
            run = self.segment(batch, name, iteration)
        return self._backward(named(name, run.losses))

    def learn_mixed(self, source: Labelled, target: Labelled, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Mix images and learn them; a hook for another mixing, which may read further streams of ``batches``."""
        return self.learn(self.mixed(source, target, iteration), "mixed", iteration)

    def learn_more(self, source: Labelled, target: Labelled, images: Batch, iteration: int) -> Logs:
        """Run further passes on source and pseudo-labelled target images; a hook, none here.

        ``images`` is the target batch as it came, for another teacher's labels.
        """
        return {}

    def segment(self, batch: Labelled, name: str, iteration: int) -> Pass:
        """Student's forward pass and its weighted cross-entropy, a mean over all pixels (section 4.1)."""
        features = self.network.features(batch.image)
        logits = resize(self.network.decode(features), batch.label.shape[-2:], self.network.align_corners)
        loss = cross_entropy(logits, batch.label, batch.weight, reduction="all_mean")
        return Pass({"": loss}, features)

    def label_target(self, target: Batch) -> Labelled:
        """Pseudo labels of target images and the weight of each pixel (steps 5 and 6)."""
        return self.label_by(self.teacher, target, self.threshold)

    def label_by(self, teacher: Teacher, target: Batch, threshold: float | None) -> Labelled:
        """What ``teacher`` says of target images; ``threshold`` as in the constructor.

        ``target["valid"]``, (B, H, W), 0 where a pseudo label is not to count, multiplies the weights if it is there.
        """
        with self.runtime.autocast():
            logits = teacher(target["image"])
        label, confidence = pseudo_labels(logits)
        weight = ignore_rows(self.weigh(confidence, threshold), *self.ignored_rows)
        if "valid" in target:
            weight = weight * target["valid"]
        return Labelled(target["image"], label, weight, confidence)

    def weigh(self, confidence: Tensor, threshold: float | None) -> Tensor:
        """Weight of each pixel, float (B, H, W), from the teacher's ``confidence`` (B, H, W)."""
        if self.weighting == "pixel" and threshold is not None:
            return (confidence >= threshold).float()
        fraction = self.runtime.average(confident_fraction(confidence, threshold))
        return fraction.expand(confidence.shape)

    def mixed(self, source: Labelled, target: Labelled, iteration: int) -> Labelled:
        """Source pixels laid over the target, jittered and blurred (steps 2, 7 and 8); mixed source pixels weigh 1."""
        image, label, weight = target[:3]
        if self.mix != "none":
            mask = self.mixing_mask(source.label, iteration)
            image, label = mix(mask, source.image, image), mix(mask, source.label, label)
            weight = mix(mask, torch.ones_like(mask, dtype=torch.float32), pixel_weight(target))
        return Labelled(self.strongly_augmented(image, "mixed", iteration), label, weight)

    def mixing_mask(self, label: Tensor, iteration: int) -> Tensor:
        """Where source pixels go, bool (B, H, W), for source ``label`` (B, H, W)."""
        draws = self.runtime.draws("mix", iteration, len(label))
        size = (label.shape[-2], label.shape[-1])
        if self.mix in RANDOM_MASKS:
            return RANDOM_MASKS[self.mix](size, draws).to(label.device, non_blocking=True)
        present = present_classes(label)
        if self.official:
            present = self.runtime.average(present.any(0, keepdim=True).float()) > 0
        else:
            present[:, IGNORE_INDEX] = False
        priority = draws.noise(present.shape[1]).to(label.device, non_blocking=True)
        return class_mask(label, choose_half(present, priority))

    def strongly_augmented(self, images: Tensor, purpose: str, iteration: int) -> Tensor:
        """Jittered and blurred ``images``: whether at all is one draw for the batch, how one a sample."""
        samples = self.runtime.draws(f"augment/{purpose}", iteration, len(images))
        batch = self.runtime.shared_draws(f"augment/{purpose}", iteration)
        return augment(images, self.augmentation.draw(samples, batch))

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) of the student, or the teacher, resized to the images."""
        network = self.teacher.network if self.predict_with == "teacher" else self.network
        return resize(network(images), images.shape[-2:], network.align_corners)

    def _backward(self, losses: Mapping[str, Tensor]) -> Logs:
        """One backward for the sum: the gradient of the published code, which calls it for each term."""
        terms = list(losses.values())
        self.runtime.backward(sum(terms[1:], start=terms[0]))
        return {f"loss_{name}": term.detach() for name, term in losses.items()}


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; choose {', '.join(choices[:-1])} or {choices[-1]}.")
