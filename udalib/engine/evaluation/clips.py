"""Evaluation of segmentation on clips: the last frame's label, and consistency with the frame before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, DataError
from udalib.core.types import Batch, Sample
from udalib.data.labels import LabelSpace
from udalib.data.stream import MapDataset, Transform
from udalib.engine.evaluation.inference import resize_logits
from udalib.engine.evaluation.labelled import LabelledSet
from udalib.metrics import ConfusionMatrix
from udalib.metrics.temporal import TemporalConsistency
from udalib.ops.pseudo_labels import class_map
from udalib.ops.warp import consistency_mask, inside, resize_flow, warp_labels

if TYPE_CHECKING:
    from lightning.fabric import Fabric

PredictClip = Callable[[Batch], Tensor]
"""Clips with ``frames`` (B, T, 3, H, W) and flow -> logits (B, C, h, w) of the last frame, any size."""

PARTS = ("image", "frames", "flow_backward", "flow_forward")


class ClipEvaluator(LabelledSet):
    """Scores ``predict_clip`` on every clip of a data set: the last frame, and how it agrees with the one before.

    The frame before is predicted from the clip without its last frame. Its ids are carried over by ``flow_backward``;
    only pixels that both frames show count (where ``flow_forward`` is there: by a forward-backward check).

    Args:
        dataset: map-style, samples with ``frames``, ``label`` and ``flow_backward``, in ``label_space``.
        label_space: the classes of the logits.
        subsets: class subsets that get a mean IoU of their own, name -> ids.
        batch_size: clips predicted together in one process.
        transforms: deterministic ones of frames and flow, on the device; labels keep their size.
        align_corners: corner convention of the resize to the label.
        workers: loader processes.
    """

    asks: ClassVar[str] = "predict_clip"

    def __init__(
        self,
        dataset: MapDataset,
        label_space: LabelSpace,
        subsets: Mapping[str, Sequence[int]] | None = None,
        batch_size: int = 1,
        transforms: Sequence[Transform] = (),
        *,
        align_corners: bool = False,
        workers: int = 0,
    ) -> None:
        super().__init__(dataset, label_space, batch_size, transforms, workers)
        self.subsets, self.align_corners = dict(subsets or {}), align_corners

    @torch.no_grad()
    def evaluate(
        self, predict: PredictClip, device: torch.device | str = "cpu", fabric: Fabric | None = None
    ) -> dict[str, Any]:
        """Score ``predict``; the networks must be in eval mode already, every process of ``fabric`` has to call this.

        Returns:
            The scores of :func:`udalib.metrics.segmentation_scores` and of
            :meth:`udalib.metrics.temporal.TemporalConsistency.scores`, and ``images``, the number of clips.

        Raises:
            DataError: a sample has no label, no frames or no flow.
            ConfigError: the logits have another number of classes than the label space.
        """
        rank, world_size = (fabric.global_rank, fabric.world_size) if fabric is not None else (0, 1)
        classes = self.label_space.num_classes
        matrix, temporal = ConfusionMatrix(classes, device=device), TemporalConsistency(classes, device)
        for samples in self.groups(range(rank, len(self.dataset), world_size)):
            label = torch.stack([s["label"] for s in samples]).to(device, non_blocking=True)
            clip = self.clips(samples, device)
            now = self._ids(predict(clip), label.shape[-2:])
            matrix.update(now, label)
            before = self._ids(predict(shorter(clip)), label.shape[-2:])
            temporal.update(now, *carried(clip, before))
        if fabric is not None and world_size > 1:
            for each in (matrix, temporal.matrix):
                each.counts = torch.as_tensor(fabric.all_reduce(each.counts, reduce_op="sum"))
        scores = matrix.scores(self.label_space.names, self.subsets)
        return scores | temporal.scores(self.label_space.names) | {"images": len(self.dataset)}

    def clips(self, samples: Sequence[Sample], device: torch.device | str) -> Batch:
        """Frames float in [0, 1] and flow of the samples, after the transforms."""
        lacking = [key for key in ("frames",) if any(key not in s for s in samples)]
        if lacking:
            raise DataError(f"{samples[0].get('name', '?')} has no {lacking[0]}; set frames=3 for the evaluated set.")
        batch: Batch = {
            key: torch.stack([s[key] for s in samples]).to(device, non_blocking=True)
            for key in PARTS
            if all(key in s for s in samples)
        }
        for key in ("image", "frames"):
            batch[key] = batch[key].float().div_(255.0) if batch[key].dtype == torch.uint8 else batch[key]
        draws = Draws.for_batch(0, "evaluation", 0, range(len(samples)))
        for transform in self.transforms:
            batch = transform(batch, draws)
        if "flow_backward" not in batch:
            raise DataError(
                f"{samples[0].get('name', '?')} has no flow between its frames; add a flow transform to the evaluation."
            )
        return batch

    def _ids(self, logits: Tensor, size: Sequence[int]) -> Tensor:
        if logits.shape[1] != self.label_space.num_classes:
            raise ConfigError(
                f"the model predicts {logits.shape[1]} classes, but {self.label_space.name} has "
                f"{self.label_space.num_classes}; evaluate in the model's own label space."
            )
        return class_map(resize_logits(logits, (size[0], size[1]), self.align_corners))


def shorter(clip: Batch) -> Batch:
    """The clip without its last frame."""
    frames = {"frames": clip["frames"][:, :-1]}
    return frames | {key: clip[key][:, :-1] for key in ("flow_backward", "flow_forward") if key in clip}


def carried(clip: Batch, before: Tensor) -> tuple[Tensor, Tensor]:
    """Ids (B, H, W) of the frame before on the last frame's grid, and where both frames show the same, bool."""
    size = before.shape[-2:]
    flow = resize_flow(clip["flow_backward"][:, -1], size, align_corners=False)
    if "flow_forward" not in clip:
        return warp_labels(before, flow), inside(flow)
    forward = resize_flow(clip["flow_forward"][:, -1], size, align_corners=False)
    return warp_labels(before, flow), consistency_mask(flow, forward)
