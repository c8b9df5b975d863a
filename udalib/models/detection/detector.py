"""A detector: an encoder by name, a neck by name, a dense head by name."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.detection.heads.dense import DenseHead, Losses
from udalib.models.detection.registry import HEADS, NECKS
from udalib.models.detection.select import Detections
from udalib.models.network import IMAGENET, InputStats
from udalib.models.registry import create_encoder

FROZEN = ("conv1", "bn1", "layer1")
"""Parts of a ResNet that the published detectors do not train: stem and first stage."""


def load_all() -> None:
    """Import every module that registers a neck or a head."""
    for name in (
        "cfpt.neck",
        "detection.necks",
        "detection.heads.retina",
        "detection.heads.gfl",
        "detection.heads.fsaf",
    ):
        importlib.import_module(f"udalib.models.{name}")


def padded(images: Tensor, divisor: int) -> Tensor:
    """Images (B, C, H, W) with zeros at the right and the bottom, so that both sides are multiples of ``divisor``.

    >>> tuple(padded(torch.zeros(1, 3, 60, 65), 64).shape)
    (1, 3, 64, 128)
    """
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % divisor, 0, -height % divisor))


class Detector(nn.Module):
    """RGB images in [0, 1] in, detections out.

    Args:
        encoder: normalised (B, 3, H, W) -> C2..C5, with ``channels`` and ``strides``.
        neck: [C2..C5] -> five levels.
        head: on those.
        stats: of the encoder's weights.
        freeze: as the published detectors: stem and first stage of a ResNet are not trained, and every BatchNorm of the
            encoder keeps its statistics. False trains everything.
    """

    published_prefixes: ClassVar[dict[str, str]] = {"backbone.": "encoder.", "bbox_head.": "head."}
    align_corners = False

    def __init__(
        self, encoder: nn.Module, neck: nn.Module, head: DenseHead, stats: InputStats = IMAGENET, freeze: bool = False
    ) -> None:
        super().__init__()
        self.encoder, self.neck, self.head, self.stats, self.freeze = encoder, neck, head, stats, freeze
        self.divisor = 2 * int(encoder.strides[-1])  # type: ignore[index]
        mean, std = torch.tensor(stats.mean), torch.tensor(stats.std)
        self.register_buffer("_scale", (255.0 / std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_shift", (-mean / std).view(1, 3, 1, 1), persistent=False)
        self._told = False
        if freeze:
            for name in FROZEN:
                part = getattr(encoder, name, None)
                if part is not None:
                    part.requires_grad_(False)

    @property
    def num_classes(self) -> int:
        """Classes of the detections."""
        return self.head.num_classes

    def train(self, mode: bool = True) -> Detector:
        """See :meth:`torch.nn.Module.train`; a frozen encoder's BatchNorm stays in eval mode."""
        super().train(mode)
        if self.freeze:
            for layer in self.encoder.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        return self

    def normalise(self, images: Tensor) -> Tensor:
        """RGB float (B, 3, H, W) in [0, 1] to the encoder's input, padded with zeros to multiples of :attr:`divisor`.

        Says so once, if it pads. Raises :class:`ConfigError` for anything else than such images.
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ConfigError(
                f"images must be float (B, 3, H, W) RGB in [0, 1], got {images.dtype} {tuple(images.shape)}; "
                "for a uint8 image use image.float().div(255)[None]."
            )
        whole = padded(images * self._scale + self._shift, self.divisor)  # type: ignore[operator]
        if whole.shape != images.shape and not self._told:
            self._told = True
            warnings.warn(
                f"images of {tuple(images.shape[-2:])} are padded to {tuple(whole.shape[-2:])}: the levels need sides "
                f"that are multiples of {self.divisor}. Boxes keep their place; resize the images to avoid the cost.",
                stacklevel=2,
            )
        return whole

    def levels(self, images: Tensor) -> tuple[Tensor, ...]:
        """The neck's five levels of images in [0, 1]."""
        found: tuple[Tensor, ...] = self.neck(self.encoder(self.normalise(images)))
        return found

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Class logits and box numbers of every level."""
        outputs: tuple[list[Tensor], list[Tensor]] = self.head(self.levels(images))
        return outputs

    def losses(self, images: Tensor, boxes: Sequence[Tensor], labels: Sequence[Tensor]) -> Losses:
        """The head's losses for images with boxes (G, 4) of classes (G,)."""
        classes, numbers = self(images)
        return self.head.losses(classes, numbers, boxes, labels)

    def detect(self, images: Tensor) -> list[Detections]:
        """Detections of every image, in its pixels."""
        classes, numbers = self(images)
        return self.head.detect(classes, numbers, (images.shape[2], images.shape[3]))


def create_detector(
    num_classes: int,
    encoder: str = "resnet50",
    neck: str = "cfpt",
    head: str = "retina",
    *,
    channels: int = 256,
    depth: int = 4,
    encoder_options: Mapping[str, Any] | None = None,
    neck_options: Mapping[str, Any] | None = None,
    head_options: Mapping[str, Any] | None = None,
    base_scale: float | None = None,
    freeze: bool | None = None,
    official: bool = False,
) -> Detector:
    """Build a detector from the names of its parts.

    Args:
        num_classes: K.
        encoder: name of an encoder with four maps.
        neck: none, fpn, pafpn, afpn, cfpt or any other of :data:`NECKS`.
        head: retina, gfl, fsaf or any other of :data:`HEADS`.
        channels: of the levels and of the head's towers.
        depth: blocks of a tower.
        encoder_options: of the encoder.
        neck_options: of the neck.
        head_options: of the head.
        base_scale: side of the smallest anchor in strides; None = the head's own.
        freeze: see :class:`Detector`; None = for a ResNet with published weights ("resnet" in its name).
        official: the published quirks of CFPT; other necks have none.

    Raises:
        UnknownNameError: an unknown name, with the nearest known ones.
        ConfigError: an encoder without four maps.
    """
    load_all()
    body = create_encoder(encoder, **(encoder_options or {}))
    if len(body.channels) != 4:  # type: ignore[arg-type]
        raise ConfigError(f"a neck needs an encoder with four maps; {encoder!r} has {body.channels}.")
    options = dict(neck_options or {}) | ({"official": True} if official and neck == "cfpt" else {})
    levels = NECKS.get(neck)(tuple(body.channels), channels, **options)  # type: ignore[arg-type]
    kind: Any = HEADS.get(head)
    top = kind(num_classes, channels, channels=channels, depth=depth, **(head_options or {}))
    finest, last = int(body.strides[1]), int(body.strides[3])  # type: ignore[index]
    strides = (finest, int(body.strides[2]), last, 2 * last, 4 * last)  # type: ignore[index]
    changed = {"base_scale": base_scale} if base_scale is not None else {}
    top.anchors = dataclasses.replace(top.anchors, strides=strides, **changed)
    frozen = "resnet" in encoder if freeze is None else freeze
    return Detector(body, levels, top, getattr(body, "stats", IMAGENET), frozen)


__all__ = ["Detector", "create_detector", "padded"]
