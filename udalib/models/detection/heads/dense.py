"""What the dense heads share: two towers over all levels, flattening, targets of a batch, detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from udalib.models.detection.anchors import Anchors
from udalib.models.detection.select import Detections, Selection

Losses = dict[str, Tensor]
"""Name of a term to its value on each level (L,), weighted and normalised: the loss is the sum of all."""


class ConvBlock(nn.Sequential):
    """3x3 convolution, GroupNorm if asked for (then no bias), ReLU; published names ``conv`` and ``gn``."""

    def __init__(self, in_channels: int, channels: int, groups: int = 0) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(in_channels, channels, 3, padding=1, bias=not groups))
        if groups:
            self.add_module("gn", nn.GroupNorm(groups, channels))
        self.add_module("relu", nn.ReLU())


def tower(in_channels: int, channels: int, depth: int, groups: int = 0) -> nn.ModuleList:
    """``depth`` blocks."""
    return nn.ModuleList([ConvBlock(channels if i else in_channels, channels, groups) for i in range(depth)])


def flat(maps: Tensor, width: int) -> Tensor:
    """(B, A * width, H, W) -> (B, H * W * A, width): row, column, anchor."""
    return maps.permute(0, 2, 3, 1).flatten(1).view(len(maps), -1, width)


def sizes_of(maps: Sequence[Tensor]) -> list[tuple[int, int]]:
    """(h, w) of every level."""
    return [(x.shape[2], x.shape[3]) for x in maps]


class DenseHead(nn.Module):
    """Base of the heads: classification and regression towers, shared by all levels.

    Args:
        num_classes: K; background is no class of its own.
        in_channels: of every level.
        channels: of the towers.
        depth: blocks a tower.
        groups: of GroupNorm; 0 = no norm.
        anchors: at every cell.
        selection: how detections are chosen.
    """

    #: numbers that a box of an anchor is predicted by
    width = 4

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        channels: int,
        depth: int,
        groups: int,
        anchors: Anchors,
        selection: Selection,
    ) -> None:
        super().__init__()
        self.num_classes, self.anchors, self.selection = num_classes, anchors, selection
        self.cls_convs = tower(in_channels, channels, depth, groups)
        self.reg_convs = tower(in_channels, channels, depth, groups)

    def towers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both towers on one level."""
        classes, boxes = x, x
        for block in self.cls_convs:
            classes = block(classes)
        for block in self.reg_convs:
            boxes = block(boxes)
        return classes, boxes

    def initialise(self, classifier: nn.Conv2d) -> None:
        """Normal weights of std 0.01, biases 0, those of ``classifier`` so that every score begins at 0.01."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        assert classifier.bias is not None
        nn.init.constant_(classifier.bias, -4.59511985013459)  # -log(99)

    def forward(self, levels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Levels to class logits (B, A * K, H, W) and box numbers (B, A * width, H, W)."""
        outputs = [self.on_level(i, x) for i, x in enumerate(levels)]
        return [c for c, _ in outputs], [r for _, r in outputs]

    def on_level(self, level: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both maps of one level."""
        raise NotImplementedError

    def losses(
        self, classes: Sequence[Tensor], boxes: Sequence[Tensor], true: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> Losses:
        """Losses of a batch whose images have the boxes ``true`` (G, 4) of the classes ``labels`` (G,)."""
        raise NotImplementedError

    def decode(self, level: int, anchors: Tensor, numbers: Tensor) -> Tensor:
        """Boxes (A, 4) in pixels from the numbers (A, width)."""
        raise NotImplementedError

    @torch.no_grad()
    def detect(self, classes: Sequence[Tensor], boxes: Sequence[Tensor], size: tuple[int, int]) -> list[Detections]:
        """Detections of every image, all of ``size`` (h, w) without padding."""
        anchors = self.anchors.all(sizes_of(classes), classes[0].device)
        scores = [flat(c, self.num_classes).float().sigmoid() for c in classes]
        numbers = [flat(r, self.width).float() for r in boxes]
        found = []
        for image in range(len(classes[0])):
            places = [self.decode(i, a, n[image]) for i, (a, n) in enumerate(zip(anchors, numbers, strict=True))]
            found.append(self.selection(places, [s[image] for s in scores], size))
        return found


def split_levels(values: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """(B, A of all levels, ...) -> the part of every level, images together: (B * A, ...)."""
    return [part.flatten(0, 1) for part in torch.split(values, list(counts), dim=1)]


def positives(assigned: Tensor) -> Tensor:
    """Number of positives (at least 1 an image) of an assignment (B, A), as a float scalar."""
    return (assigned >= 0).sum(1).clamp(min=1).sum().float()


def lookup(values: Sequence[Tensor], assigned: Tensor, default: Any) -> Tensor:
    """Rows of the images' ``values`` (G, ...) that ``assigned`` (B, A) names; ``default`` where none."""
    rows = []
    for value, which in zip(values, assigned, strict=True):
        padded = torch.cat([value, torch.full_like(value[:1], default) if len(value) else _row(value, default)])
        rows.append(padded[torch.where(which >= 0, which, len(value))])
    return torch.stack(rows)


def _row(value: Tensor, default: Any) -> Tensor:
    return torch.full((1, *value.shape[1:]), default, dtype=value.dtype, device=value.device)
