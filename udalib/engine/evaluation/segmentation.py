"""Evaluation of a segmentation model on a labelled set: one confusion matrix for any image sizes and processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Sample
from udalib.data.labels import LabelSpace, mapping
from udalib.data.stream import MapDataset, Transform
from udalib.data.transforms.geometry import resize_nearest
from udalib.engine.evaluation.inference import Inference, Predict, Whole, resize_logits
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.metrics import ConfusionMatrix
from udalib.ops.pseudo_labels import class_map

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Each = Callable[[Sample, Tensor], None]
"""Gets every sample (its image as it was predicted from, before ``transforms``) with its predicted ids (H, W)."""


@dataclass(frozen=True)
class Member:
    """One network of an ensemble: its logits are resized to the label, multiplied by ``weight`` and added up.

    ``align_corners`` is the corner convention of that resize. This is ADVENT's ensemble (advent sheet, section 6): raw
    logits are added, not probabilities.
    """

    predict: Predict
    weight: float = 1.0
    align_corners: bool = False


class SegmentationEvaluator(LabelledSet):
    """Scores ``predict`` on every sample of a data set.

    Labels keep their size, unless ``label_size`` says otherwise: logits are resized to the label, the arg-max is taken
    there, and the pixels are counted in one confusion matrix over the whole set. Consecutive samples of one size are
    predicted together. Under several processes each evaluates every n-th sample and the matrices are summed, so all get
    the same scores.

    Args:
        dataset: map-style, samples with ``image`` and ``label``; if its ``label_space`` is another than ``label_space``
            the labels are mapped.
        label_space: the classes of the logits.
        subsets: class subsets that get a mean IoU of their own, name -> ids.
        inference: :class:`Whole` or :class:`Sliding`.
        batch_size: images predicted together in one process.
        transforms: deterministic transforms of the image alone (a resize to the size of the published protocol), on the
            device; they get a batch without label.
        align_corners: corner convention of the resize to the label.
        workers: loader processes.
        label_size: (height, width) to which labels are resized by nearest neighbour first; None = they keep their size.
    """

    def __init__(
        self,
        dataset: MapDataset,
        label_space: LabelSpace,
        subsets: Mapping[str, Sequence[int]] | None = None,
        inference: Inference = Whole(),  # noqa: B008 (immutable)
        batch_size: int = 1,
        transforms: Sequence[Transform] = (),
        *,
        align_corners: bool = False,
        workers: int = 0,
        label_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(dataset, label_space, batch_size, transforms, workers)
        self.subsets = dict(subsets or {})
        self.inference = inference
        self.align_corners = align_corners
        self.label_size = label_size
        self._table = _label_table(dataset, label_space)

    @torch.no_grad()
    def evaluate(
        self,
        predict: Predict | Sequence[Member],
        device: torch.device | str = "cpu",
        fabric: Fabric | None = None,
        each: Each | None = None,
    ) -> dict[str, Any]:
        """Score ``predict``: RGB float images (B, 3, H, W) in [0, 1] on ``device`` -> logits (B, C, h, w), any size.

        The networks must be in eval mode already. Every process of ``fabric`` has to call this.

        Args:
            predict: one network, or the members of an ensemble with their own corner conventions.
            device: where images and logits are.
            fabric: of several processes.
            each: called with every sample of this process, in order, and its predicted ids, uint8 (H, W) on the CPU.

        Returns:
            The scores of :func:`udalib.metrics.segmentation_scores` (fractions in [0, 1], None where undefined) and
            ``images``, the number of samples.

        Raises:
            ConfigError: the logits have another number of classes than the label space.
            DataError: a sample has no label.
        """
        members = [Member(predict, 1.0, self.align_corners)] if callable(predict) else list(predict)
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        matrix = ConfusionMatrix(self.label_space.num_classes, device=device)
        table = None if self._table is None else self._table.to(device)
        for samples in self.groups(range(rank, len(self.dataset), world_size)):
            label = torch.stack([s["label"] for s in samples]).to(device, non_blocking=True)
            label = label if table is None else _look_up(table, label)
            label = label if self.label_size is None else resize_nearest(label, self.label_size)
            images = self.images(samples, device)
            logits = reduce(torch.add, (self._logits(member, images, label.shape[-2:]) for member in members))
            predicted = class_map(logits).to(torch.uint8)
            matrix.update(predicted, label)
            if each is not None:
                for sample, ids in zip(samples, predicted.cpu(), strict=True):
                    each(sample, ids)
        if fabric is not None and world_size > 1:
            matrix.counts = torch.as_tensor(fabric.all_reduce(matrix.counts, reduce_op="sum"))
        return matrix.scores(self.label_space.names, self.subsets) | {"images": len(self.dataset)}

    def _logits(self, member: Member, images: Tensor, size: Sequence[int]) -> Tensor:
        """Weighted logits (B, C, H, W) of one network at the labels' ``size``."""
        logits = self.inference(member.predict, images)
        if logits.shape[1] != self.label_space.num_classes:
            raise ConfigError(
                f"the model predicts {logits.shape[1]} classes, but {self.label_space.name} has "
                f"{self.label_space.num_classes}. Evaluate in the model's own label space; means over fewer "
                "classes are what `subsets` is for."
            )
        logits = resize_logits(logits, (size[0], size[1]), member.align_corners)
        return logits if member.weight == 1 else logits * member.weight


def _look_up(table: Tensor, label: Tensor) -> Tensor:
    label = label.long()
    outside = (label < 0) | (label > IGNORE_INDEX)
    return table[label.masked_fill(outside, IGNORE_INDEX)]


def _label_table(dataset: MapDataset, label_space: LabelSpace) -> Tensor | None:
    """Table uint8 (256,) from the data set's label space to ``label_space``; None if they are the same."""
    own = getattr(dataset, "label_space", None)
    if own is None or own == label_space:
        return None
    table = torch.from_numpy(mapping(own.name, label_space.name))
    table[IGNORE_INDEX] = IGNORE_INDEX
    return table
