"""Images that rare class sampling drew, with the drawn class outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import to_hwc, to_numpy
from udalib.viz.pictures.regions import outline
from udalib.viz.theme import Picture, new_figure, show_image


def drawn_images(
    samples: Sequence[Mapping[str, Any]],
    train_ids: Sequence[int],
    space: LabelSpace,
    *,
    columns: int = 4,
    width: float = 3.0,
) -> Picture:
    """Draw each sample's image with a white outline around the class it was drawn for, its name and its pixels.

    Args:
        samples: with ``image`` (3, H, W) and ``label`` (H, W) of train ids, of one size.
        train_ids: the class that each was drawn for.
        space: names of the classes.
        columns: images beside one another.
        width: of one, in inches.
    """
    if not samples or len(samples) != len(train_ids):
        raise ConfigError(f"give one or more samples and a class each, got {len(samples)} and {len(train_ids)}.")
    height, across = to_numpy(samples[0]["image"]).shape[-2:]
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns)
    figure, axes = new_figure(width * columns, rows * (width * height / across + 0.3), rows, columns)
    for panel, sample, train_id in zip(axes, samples, train_ids, strict=False):
        drawn_image(panel, sample, train_id, space)
    for panel in axes[len(samples) :]:
        panel.axis("off")
    return figure


def drawn_image(axes: Axes, sample: Mapping[str, Any], train_id: int, space: LabelSpace) -> None:
    """One image of :func:`drawn_images`."""
    mask = to_numpy(sample["label"]) == train_id
    show_image(axes, to_hwc(sample["image"]))
    axes.set_title(f"{space.names[train_id]}: {int(mask.sum())} pixels", fontsize=8)
    outline(axes, mask, width=0.8)
