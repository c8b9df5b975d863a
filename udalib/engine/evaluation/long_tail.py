"""Evaluation of a classifier by how many training pictures its classes had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from udalib.core.errors import DataError
from udalib.engine.evaluation.inference import Predict
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.metrics.long_tail import long_tail_scores, shot_groups

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class LongTailEvaluator(LabelledSet):
    """Scores ``predict`` on a data set with ``target`` int64 () that knows the ``class_counts`` of its training part.

    The thresholds are those of ImageNet-LT unless the data set has a pair ``shots`` (many, few) of its own.
    """

    answer: ClassVar[str] = "target"
    score: ClassVar[str] = "accuracy"

    @torch.no_grad()
    def evaluate(
        self, predict: Predict, device: torch.device | str = "cpu", fabric: Fabric | None = None
    ) -> dict[str, Any]:
        """Score ``predict``: RGB float images (B, 3, H, W) in [0, 1] on ``device`` -> logits (B, C).

        Returns:
            The scores of :func:`udalib.metrics.long_tail.long_tail_scores` and ``images``, the number of samples.

        Raises:
            ConfigError: the logits are not one number for each class of the label space.
            DataError: a sample has no target, or the data set does not know its training part.
        """
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        count = self.label_space.num_classes
        groups = self._groups()
        counts = torch.zeros(2, count, dtype=torch.int64, device=device)
        for samples in self.groups(range(rank, len(self.dataset), world_size)):
            logits = self.logits(predict, samples, device)
            target = torch.stack([s["target"] for s in samples]).to(device)
            right = logits.argmax(1) == target
            counts[0] += torch.bincount(target[right], minlength=count)
            counts[1] += torch.bincount(target, minlength=count)
        if fabric is not None and world_size > 1:
            counts = torch.as_tensor(fabric.all_reduce(counts, reduce_op="sum"))
        right, total = counts.cpu()
        scores = long_tail_scores(right, total, groups, self.label_space.names)
        return scores | {"images": len(self.dataset)}

    def _groups(self) -> dict[str, list[int]]:
        dataset: Any = self.dataset
        while not getattr(dataset, "class_counts", None) and hasattr(dataset, "dataset"):
            dataset = dataset.dataset
        counts = getattr(dataset, "class_counts", None)
        if not counts:
            raise DataError(
                f"{getattr(self.dataset, 'name', 'the data set')} does not know how many training pictures its classes "
                "have; evaluate long tails on cifar10, cifar100, cifar10_lt, imagenet_lt, inaturalist2018 or "
                "streets/crops."
            )
        return shot_groups(counts, *getattr(dataset, "shots", ()))
