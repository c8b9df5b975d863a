"""Transforms of samples and batches: geometry, labels, colours."""

from udalib.data.transforms.centre import CentreCrop, ResizeShort
from udalib.data.transforms.crop_mix import CropMixup
from udalib.data.transforms.flow import EstimateFlow
from udalib.data.transforms.photometric import ColorJitter, GaussianBlur
from udalib.data.transforms.pictures import RandomErasing, TrivialAugment
from udalib.data.transforms.spatial import (
    CutBottom,
    HorizontalFlip,
    MapLabels,
    Pad,
    PilResize,
    RandomCrop,
    RandomScale,
    Resize,
    ValidMargins,
)

__all__ = [
    "CentreCrop",
    "ColorJitter",
    "CropMixup",
    "CutBottom",
    "EstimateFlow",
    "GaussianBlur",
    "HorizontalFlip",
    "MapLabels",
    "Pad",
    "PilResize",
    "RandomCrop",
    "RandomErasing",
    "RandomScale",
    "Resize",
    "ResizeShort",
    "TrivialAugment",
    "ValidMargins",
]
