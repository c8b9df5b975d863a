"""Evaluation of a detector on a set with boxes: COCO's average precision, or TinyPerson's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import Sample
from udalib.engine.evaluation.inference import Inference, Sliding
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.engine.evaluation.pieces import Detect, detect_in_pieces
from udalib.metrics.detection import COCO, TINY, ImageBoxes, Protocol, coco_scores, evaluate, tiny_scores

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class DetectionEvaluator(LabelledSet):
    """Scores detections on every sample of a data set with ``boxes`` (G, 4) and ``box_labels`` (G,).

    ``box_ignore`` bool (G,), where a sample has it, marks boxes whose detection counts neither way. Where the
    transforms resize the images, detections are taken back to the pixels of the data set. With :attr:`inference` set to
    windows (:class:`Sliding`) each picture is searched in pieces, see :func:`detect_in_pieces`.
    """

    inference: Inference | None = None

    answer: ClassVar[str] = "boxes"
    score: ClassVar[str] = "ap"
    protocol: ClassVar[Protocol] = COCO

    def _sizes(self, sample: Sample) -> tuple[torch.Size, torch.Size]:
        return sample["image"].shape, torch.Size()

    @torch.no_grad()
    def evaluate(
        self, predict: Detect, device: torch.device | str = "cpu", fabric: Fabric | None = None
    ) -> dict[str, Any]:
        """Score ``predict``; the networks must be in eval mode, and every process of ``fabric`` has to call this.

        Returns:
            The scores (fractions in [0, 1], None where undefined), ``images`` and ``detections``, their numbers.

        Raises:
            ConfigError: not one entry of detections for every image.
            DataError: a sample has no boxes (a picture without any has (0, 4)).
        """
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        found: list[ImageBoxes] = []
        for samples in self.groups(range(rank, len(self.dataset), world_size)):
            images = self.images(samples, device)
            answers = self._answers(predict, images)
            if len(answers) != len(samples) or not all(isinstance(a, dict) and "boxes" in a for a in answers):
                raise ConfigError(
                    f"the model gives {type(answers).__name__} of {len(answers)} for {len(samples)} pictures; a "
                    "detector gives a dict of boxes, scores and labels for each."
                )
            size = (images.shape[2], images.shape[3])
            found += [_joined(s, a, size) for s, a in zip(samples, answers, strict=True)]
        if world_size > 1:
            parts: list[Any] = [None] * world_size
            torch.distributed.all_gather_object(parts, found)
            found = [image for part in parts for image in part]
        scores = evaluate(found, self.label_space.num_classes, self.protocol)
        counts = {"images": len(self.dataset), "detections": sum(len(i.found) for i in found)}
        return self.summary(scores) | counts

    def _answers(self, predict: Detect, images: Tensor) -> Sequence[Any]:
        if not isinstance(self.inference, Sliding):
            return predict(images)
        return [detect_in_pieces(predict, image[None], self.inference) for image in images]

    def summary(self, scores: Any) -> dict[str, Any]:
        """The numbers of the protocol."""
        return coco_scores(scores, self.label_space.names)


class TinyPersonEvaluator(DetectionEvaluator):
    """The same with TinyPerson's sizes, thresholds and rules for ignored boxes; AP50 of tiny boxes stands for it."""

    score: ClassVar[str] = "ap50_tiny"
    protocol: ClassVar[Protocol] = TINY

    def summary(self, scores: Any) -> dict[str, Any]:
        """AP at every threshold and size."""
        by_class = dict.fromkeys(self.label_space.names)
        return tiny_scores(scores) | {"class_ap": by_class | dict(_class_values(scores, self.label_space.names))}


def _class_values(scores: Any, names: Sequence[str]) -> list[tuple[str, float | None]]:
    return [(n, None if v != v else v) for n, v in zip(names, scores.by_class().tolist(), strict=True)]


def _joined(sample: Sample, answer: Any, size: tuple[int, int]) -> ImageBoxes:
    height, width = sample["image"].shape[-2:]
    factor = torch.tensor([width / size[1], height / size[0]] * 2)
    ignored = sample.get("box_ignore")
    return ImageBoxes(
        sample["boxes"].numpy(),
        sample["box_labels"].numpy(),
        (answer["boxes"].float().cpu() * factor).numpy(),
        answer["labels"].cpu().numpy(),
        answer["scores"].float().cpu().numpy(),
        ignored=[] if ignored is None else ignored.numpy(),
    )
