"""The usual test transform of classifiers: the shorter side to a size, then the middle. Pictures with classes only."""

from __future__ import annotations

from dataclasses import dataclass

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.lazy import LazyModule
from udalib.core.types import Batch
from udalib.data.transforms import geometry

tv = LazyModule("torchvision.transforms.v2.functional")


@dataclass(frozen=True)
class ResizeShort:
    """Resize the images so that their shorter side is ``size`` pixels, bilinearly with antialiasing."""

    size: int

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`ResizeShort`; draws nothing."""
        geometry.refuse_maps(batch, "ResizeShort")
        return {**batch, "image": tv.resize(batch["image"], [self.size], antialias=True)}


@dataclass(frozen=True)
class CentreCrop:
    """Cut the middle of ``size`` (h, w) out of the images."""

    size: tuple[int, int]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`CentreCrop`; draws nothing."""
        geometry.refuse_maps(batch, "CentreCrop")
        height, width = geometry.size_of(batch)
        if self.size[0] > height or self.size[1] > width:
            raise ConfigError(
                f"a middle of {self.size[0]} x {self.size[1]} does not fit images of {height} x {width}; resize "
                f"them first."
            )
        return {**batch, "image": tv.center_crop(batch["image"], list(self.size))}
