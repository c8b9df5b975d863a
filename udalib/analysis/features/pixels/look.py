"""Look at one network where points lie: its features and its predictions there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from udalib.analysis.features.pixels.cells import box_means
from udalib.analysis.features.pixels.layers import captured
from udalib.analysis.features.pixels.points import Answers, Floats, Ints, Points, Shown
from udalib.engine.evaluation.inference import Predict, resize_logits
from udalib.engine.evaluation.labelled import LabelledSet


@dataclass(frozen=True)
class Subject:
    """A network that is looked at, in eval mode.

    Attributes:
        module: whose layers are watched.
        predict: images float (B, 3, H, W) in [0, 1] on ``device`` -> logits (B, C, h, w); it runs ``module``.
        device: of the module.
        align_corners: how its logits are resized to the label.
    """

    module: nn.Module
    predict: Predict
    device: torch.device = torch.device("cpu")  # noqa: RUF009 (immutable)
    align_corners: bool = False


class ImagesWithPoints:
    """The images of one domain that hold points, in groups of one size, and which points each group holds."""

    def __init__(self, domain: LabelledSet, items: list[int], points: Points, number: int) -> None:
        self.domain, self.points = domain, points
        self.groups = list(domain.groups(items))
        held = points.image[points.domain == number]
        self.first = int(held.min()) if len(held) else 0

    def shown(self) -> list[Shown]:
        """The images as they were read."""
        return [
            Shown(str(s.get("name", "")), s["image"], (s["label"].shape[-2], s["label"].shape[-1]))
            for samples in self.groups
            for s in samples
        ]

    def batches(self, device: torch.device) -> Iterator[tuple[Tensor, tuple[int, int], NDArray[np.bool_], Ints]]:
        """Images, label size, which points lie in them, and the image of the batch that each of those lies in."""
        first = self.first
        for samples in self.groups:
            inside = (self.points.image >= first) & (self.points.image < first + len(samples))
            size = (samples[0]["label"].shape[-2], samples[0]["label"].shape[-1])
            yield self.domain.images(samples, device), size, inside, self.points.image[inside] - first
            first += len(samples)


def look(
    subject: Subject, images: Sequence[ImagesWithPoints], points: Points, layers: Sequence[str]
) -> tuple[dict[str, Floats], Answers]:
    """Features and predictions of one network at all points."""
    parts: dict[str, list[Tensor]] = {layer: [] for layer in [*layers, ""]}
    for batch, size, inside, image in (each for part in images for each in part.batches(subject.device)):
        with captured(subject.module, layers) as maps:
            logits = subject.predict(batch)
        maps[""] = resize_logits(logits, size, subject.align_corners).softmax(1)
        for layer, values in maps.items():
            parts[layer].append(box_means(values, image, points.box[inside], size).cpu())
    arrays = {layer: torch.cat(each).numpy() for layer, each in parts.items()}
    probabilities = arrays.pop("")
    return arrays, Answers(probabilities.argmax(1).astype(np.int64), probabilities.max(1))
