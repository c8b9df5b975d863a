"""Nearest neighbours by cosine: which pictures lie next to one, of which classes, and whose probability that makes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from udalib.core.errors import ConfigError, DataError


@dataclass(frozen=True)
class Gallery:
    """Pictures to be found.

    Attributes:
        images: (N, 3, H, W), float in [0, 1] or uint8.
        labels: int64 (N,).
        features: (N, D) of length 1.

    Raises:
        DataError: not one label and one feature a picture, or no picture.
    """

    images: Tensor
    labels: Tensor
    features: Tensor

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.features) > 0:
            raise DataError(
                f"a gallery needs one label and one feature a picture, and a picture at least; got {len(self.images)} "
                f"pictures, {len(self.labels)} labels and {len(self.features)} features."
            )


def nearest(query: Tensor, gallery: Gallery, count: int) -> tuple[Tensor, Tensor]:
    """Places int64 (..., count) in the gallery and cosines (..., count), the nearest first, for unit vectors (..., D).

    Raises:
        ConfigError: more neighbours than pictures.
    """
    if not 1 <= count <= len(gallery.labels):
        raise ConfigError(f"{count} neighbours of a gallery of {len(gallery.labels)}; ask for 1 to all of them.")
    cosine, place = (query @ gallery.features.to(query).T).topk(count)
    return place, cosine


def precision_by_class(queries: Tensor, labels: Tensor, gallery: Gallery, count: int, num_classes: int) -> Tensor:
    """Share of the ``count`` nearest that are of the query's class, mean by class: (C,), NaN for one without query.

    Args:
        queries: (Q, D) of length 1, none of them in the gallery.
        labels: int64 (Q,).
        gallery: where neighbours are looked for.
        count: neighbours.
        num_classes: C.
    """
    place, _ = nearest(queries, gallery, count)
    right = (gallery.labels[place] == labels[:, None]).double().mean(1)
    total = torch.bincount(labels, minlength=num_classes).double()
    return torch.bincount(labels, weights=right, minlength=num_classes) / total.where(total > 0, torch.nan)


def class_mass(query: Tensor, gallery: Gallery, temperature: float, num_classes: int) -> Tensor:
    """Probability of each class (..., C): soft-max of the cosines over tau, summed over the class's pictures.

    This is the distribution that patch-based self-distillation compares (dscl sheet, 2.4), without the own key and by
    class, which the loss itself does not know.

    Raises:
        ConfigError: a temperature that is not positive.
    """
    if temperature <= 0:
        raise ConfigError(f"the temperature is {temperature}; it must be positive.")
    p = (query @ gallery.features.to(query).T / temperature).softmax(-1)
    member = torch.nn.functional.one_hot(gallery.labels, num_classes).to(p)
    mass: Tensor = p @ member
    return mass
