"""Batches as a recipe's streams give them, without its data: images of nothing in the right sizes and numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from udalib.core.types import IGNORE_INDEX, Batch, Sample
from udalib.data import Stream, label_space
from udalib.data.sets.manifests import manifest, manifest_names
from udalib.data.transforms.flow import EstimateFlow
from udalib.recipes.build import build_dataset
from udalib.recipes.spec.datasets import WORLD
from udalib.recipes.spec.specs import DatasetSpec, Recipe, StreamSpec

BOXES = 8
"""Boxes of an image where boxes are the answer."""
USUAL = (1080, 1920)
"""Height and width of images whose data set states no size: those of a full-HD frame."""


class StandIn:
    """A data set of black images (H, W) with random answers; with ``frames`` > 1 of clips whose flow is zero.

    Args:
        size: of the images.
        space: name of the label space.
        task: what an answer is: the classes of a picture ("multi-label"), its one class ("long-tail",
            "classification"), boxes ("detection"), or a label map.
        frames: of a clip.
        labels: False leaves the answers out.
    """

    def __init__(
        self, size: tuple[int, int], space: str, task: str = "segmentation", *, frames: int = 1, labels: bool = True
    ) -> None:
        self.size, self.task, self.frames, self.labels = size, task, frames, labels
        self.name, self.label_space = "stand-in", label_space(space)

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> Sample:
        classes, generator = self.label_space.num_classes, torch.Generator().manual_seed(index)
        image = torch.zeros(3, *self.size, dtype=torch.uint8)
        sample: Sample = {"image": image, "name": f"{index}"}
        if self.task == "multi-label":
            return {**sample, "classes": torch.randint(2, (classes,), generator=generator, dtype=torch.int8)}
        if self.task in ("long-tail", "classification"):
            return {**sample, "target": torch.tensor(index % classes)}
        if self.task == "detection":
            return {**sample, "boxes": self._boxes(), "box_labels": torch.arange(BOXES) % classes}
        label = torch.randint(min(classes, IGNORE_INDEX), self.size, generator=generator, dtype=torch.uint8)
        sample["label"] = label
        if self.frames > 1:
            flow = torch.zeros(self.frames - 1, 2, *self.size)
            sample |= {"frames": image.repeat(self.frames, 1, 1, 1), "frame_labels": label.repeat(self.frames, 1, 1)}
            sample |= {"flow_backward": flow, "flow_forward": flow}
        return {key: value for key, value in sample.items() if self.labels or "label" not in key}

    def _boxes(self) -> Tensor:
        """Small boxes side by side in the middle."""
        height, width = self.size
        left = torch.linspace(0.1, 0.8, BOXES) * width
        top, side = torch.full((BOXES,), 0.5 * height), 0.05 * width
        return torch.stack([left, top, left + side, top + side], dim=1)


def native_size(spec: DatasetSpec) -> tuple[int, int]:
    """Height and width of the images that ``spec`` decodes: its own, its manifest's, else :data:`USUAL`."""
    if (option := spec.options.get("size")) is not None:
        return int(option[0]), int(option[1])
    if spec.name in manifest_names() and (stated := manifest(spec.name).size_wh) is not None:
        return stated[1], stated[0]
    return USUAL


def stand_in_batches(recipe: Recipe) -> dict[str, Batch]:
    """One CPU batch of every stream as the method gets it; the embedded world is drawn, all else stands in."""
    task = recipe.evaluations[0].task if recipe.evaluations else "segmentation"
    return {spec.name: _batch(spec, recipe.label_space, task) for spec in recipe.streams}


def _batch(spec: StreamSpec, space: str, task: str) -> Batch:
    given = [transform.build() for transform in spec.batch_transforms]
    stream = Stream(
        spec.name,
        _dataset(spec.dataset, space, task),
        spec.batch_size,
        sample_transforms=[transform.build() for transform in spec.sample_transforms],
        batch_transforms=[transform for transform in given if not isinstance(transform, EstimateFlow)],  # it is there
    )
    return stream.finish(stream.load(0), "cpu", 0)


def _dataset(spec: DatasetSpec, space: str, task: str) -> Any:
    if spec.name.startswith(WORLD):  # without its memory map, for which all of it would be drawn first
        uncached = {"cache": False} if "cache" in (spec.accepted() or {}) else {}
        return build_dataset(replace(spec, options=type(spec.options)(spec.options, **uncached)), space)
    options = spec.options
    frames, labels = int(options.get("frames", 1)), bool(options.get("labels", True))
    return StandIn(native_size(spec), space, task, frames=frames, labels=labels)
