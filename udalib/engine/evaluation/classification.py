"""Evaluation of a classifier on a labelled set: accuracy over all pictures and by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from udalib.engine.evaluation.inference import Predict
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.metrics import ConfusionMatrix, classification_scores

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class ClassificationEvaluator(LabelledSet):
    """Scores ``predict`` on every sample of a data set whose ``target`` int64 () is a class of ``label_space``.

    Under several processes each evaluates every n-th sample and the counts are summed, so all get the same scores.
    """

    answer: ClassVar[str] = "target"
    score: ClassVar[str] = "accuracy"

    @torch.no_grad()
    def evaluate(
        self, predict: Predict, device: torch.device | str = "cpu", fabric: Fabric | None = None
    ) -> dict[str, Any]:
        """Score ``predict``: RGB float images (B, 3, H, W) in [0, 1] on ``device`` -> logits (B, C).

        The networks must be in eval mode already. Every process of ``fabric`` has to call this.

        Returns:
            The scores of :func:`udalib.metrics.classification_scores` (fractions in [0, 1], None where undefined) and
            ``images``, the number of samples.

        Raises:
            ConfigError: the logits are not one number for each class of the label space.
            DataError: a sample has no target.
        """
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        matrix = ConfusionMatrix(self.label_space.num_classes, device=device)
        for samples in self.groups(range(rank, len(self.dataset), world_size)):
            logits = self.logits(predict, samples, device)
            matrix.update(logits.argmax(1), torch.stack([s["target"] for s in samples]).to(device))
        if fabric is not None and world_size > 1:
            matrix.counts = torch.as_tensor(fabric.all_reduce(matrix.counts, reduce_op="sum"))
        return classification_scores(matrix.counts, self.label_space.names) | {"images": len(self.dataset)}
