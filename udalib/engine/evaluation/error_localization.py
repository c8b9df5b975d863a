"""Evaluation of how well a method finds the errors of its own segmentation on a labelled set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from udalib.core.types import IGNORE_INDEX, Judgement
from udalib.data.transforms.geometry import resize_nearest
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.metrics.error_localization import POSITIVES, ErrorLocalization, ThresholdSweep

if TYPE_CHECKING:
    from lightning.fabric import Fabric


class ErrorLocalizationEvaluator(LabelledSet):
    """Scores the judgements of a method on every sample of a data set.

    Labels keep their size: judgements are brought to it by nearest neighbours.

    Precision, recall and F1 are means over images, wrong pixels being the positive ones unless a key says otherwise
    (eln sheet, section 5); average precision and the best F1 of a threshold on the error probability count all pixels
    together. Under several processes each judges every n-th sample, and all get the same scores.
    """

    asks: ClassVar[str] = "judge"
    score: ClassVar[str] = "f1"

    @torch.no_grad()
    def evaluate(
        self,
        judge: Callable[[Tensor], Judgement],
        device: torch.device | str = "cpu",
        fabric: Fabric | None = None,
    ) -> dict[str, Any]:
        """Score ``judge``: RGB float images (B, 3, H, W) in [0, 1] on ``device`` -> :class:`Judgement`.

        The networks must be in eval mode already. Every process of ``fabric`` has to call this.

        Returns:
            Fractions in [0, 1], None where undefined: ``precision``, ``recall``, ``f1``; ``class_f1``, that of wrong
            and of correct pixels; ``overall_f1`` over all pixels; ``average_precision`` and ``best_f1`` of the error
            probability; ``wrong_share`` and ``rejected_share`` of the valid pixels; ``images``, the number of samples.

        Raises:
            DataError: a sample has no label.
        """
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        found, sweep = ErrorLocalization(), ThresholdSweep()
        for samples in self.groups(range(rank, len(self.dataset), world_size)):
            label = torch.stack([s["label"] for s in samples]).to(device).long()
            judged = _resized(judge(self.images(samples, device)), label.shape[-2:])
            wrong, valid = judged.label != label, label != IGNORE_INDEX
            found.update(judged.rejected, wrong, valid)
            sweep.update(judged.error, wrong, valid)
        if fabric is not None and world_size > 1:
            _over_processes(found, sweep, fabric, device)
        return _flat(found.scores(), sweep) | {"images": len(self.dataset)}


def _resized(judged: Judgement, size: Sequence[int]) -> Judgement:
    if judged.label.shape[-2:] == tuple(size):
        return judged
    return Judgement(*(resize_nearest(part, (size[0], size[1])) for part in judged))


def _over_processes(found: ErrorLocalization, sweep: ThresholdSweep, fabric: Fabric, device: Any) -> None:
    """Put the counts of all processes together; a row of zeros, which no mean sees, fills a shorter share."""
    share = torch.cat(found.counts) if found.counts else torch.zeros(0, 4, dtype=torch.int64, device=device)
    longest = int(torch.as_tensor(fabric.all_reduce(torch.tensor(len(share), device=device), reduce_op="max")))
    padded = torch.cat([share, share.new_zeros(longest - len(share), 4)])
    found.counts = [torch.as_tensor(fabric.all_gather(padded)).reshape(-1, 4)]
    histogram = fabric.all_reduce(sweep.histogram.to(device), reduce_op="sum")
    sweep.histogram = torch.as_tensor(histogram).cpu()


def _flat(scores: dict[str, Any], sweep: ThresholdSweep) -> dict[str, Any]:
    curve = sweep.curve()
    of_curve = {"average_precision": curve.average_precision, "best_f1": curve.best()[1]}
    nothing_wrong = bool(curve.recall.isnan().all())
    return {
        **scores["wrong"]["per_image"],
        "class_f1": {positive: scores[positive]["per_image"]["f1"] for positive in POSITIVES},
        "overall_f1": scores["wrong"]["overall"]["f1"],
        **(dict.fromkeys(of_curve) if nothing_wrong else of_curve),
        "wrong_share": scores["wrong_share"],
        "rejected_share": scores["rejected_share"],
    }
