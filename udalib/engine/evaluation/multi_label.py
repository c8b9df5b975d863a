"""Evaluation of multi-label recognition: scores of all pictures are collected, then ranked by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from udalib.engine.evaluation.inference import Predict
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.metrics import multi_label_scores

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class MultiLabelEvaluator(LabelledSet):
    """Scores ``predict`` on every sample of a data set with ``classes`` (L,) of 1, 0 and -1.

    Samples that carry ``areas`` float (L,) in pixels are scored by size as well. Under several processes each predicts
    every n-th sample and all rank the same table.
    """

    answer: ClassVar[str] = "classes"
    score: ClassVar[str] = "map"

    @torch.no_grad()
    def evaluate(
        self, predict: Predict, device: torch.device | str = "cpu", fabric: Fabric | None = None
    ) -> dict[str, Any]:
        """Score ``predict``: RGB float images (B, 3, H, W) in [0, 1] on ``device`` -> logits (B, L).

        The networks must be in eval mode already. Every process of ``fabric`` has to call this.

        Returns:
            The scores of :func:`udalib.metrics.multi_label_scores` (fractions in [0, 1], None where undefined) and
            ``images``, the number of samples.

        Raises:
            ConfigError: the logits are not one number for each class of the label space.
            DataError: a sample has no classes.
        """
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        mine, count = range(rank, len(self.dataset), world_size), self.label_space.num_classes
        table = torch.zeros(3, len(self.dataset), count, dtype=torch.float64, device=device)
        done, sized = 0, True
        for samples in self.groups(mine):
            logits = self.logits(predict, samples, device)
            rows = list(mine[done : done + len(samples)])
            table[0, rows] = logits.double().sigmoid()
            table[1, rows] = torch.stack([s["classes"] for s in samples]).to(table)
            sized = sized and all("areas" in s for s in samples)
            if sized:
                table[2, rows] = torch.stack([s["areas"] for s in samples]).to(table)
            done += len(samples)
        if fabric is not None and world_size > 1:
            table = torch.as_tensor(fabric.all_reduce(table, reduce_op="sum"))
        score, target, areas = table.cpu().numpy()
        names = self.label_space.names
        return multi_label_scores(score, target, names, areas if sized else None) | {"images": len(self.dataset)}
