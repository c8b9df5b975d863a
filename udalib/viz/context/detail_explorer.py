"""The explorer of HRDA's detail box: where the sharp crop lies against what the network makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.ops.scales import Box
from udalib.viz.context.two_scales import scales_figure, view_scales
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops
from udalib.viz.explorer.inputs import as_float, as_label, check_images


class DetailExplorer(Explorer):
    """Context, detail, attention and fusion of a trained network, with the box at any place.

    Args:
        network: in eval mode, on the CPU.
        images: samples with ``image`` ((3, H, W), uint8 or float in [0, 1]), all of one size, and ``label`` (H, W) if
            the predictions are to be judged.
        space: of the predicted ids.
        shares: sides of the box as shares of the network's detail; the result must fit its encoder's strides.
        shown: the class whose attention is drawn first; None: the first of ``space``.

    Controls: ``top`` and ``left`` of the box, in steps of the network's ``divisible``; ``height`` of the box, whose
    shape is the detail's; the class ``shown``; ``index`` of the image. A box that would leave the image is moved back.

    Raises:
        ConfigError: no image, or no box fits it.
        DataError: images of unlike sizes.
        UnknownNameError: ``shown`` is no class of ``space``.
    """

    def __init__(
        self,
        network: MultiResolutionNetwork,
        images: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        *,
        shares: Sequence[float] = (0.5, 1.0, 1.5),
        shown: str | None = None,
    ) -> None:
        pictures = [as_float(sample["image"]) for sample in images]
        check_images(pictures)
        labels = [as_label(sample) if "label" in sample else None for sample in images]
        size, step = (int(pictures[0].shape[1]), int(pictures[0].shape[2])), network.divisible
        boxes = _box_sizes(network.detail, size, shares)
        opened = network.detail if network.detail[0] in boxes else min(boxes.values())

        def figure(top: int, left: int, height: int, shown: str, index: int) -> Figure:
            box = _inside(top, left, boxes[height], size, step)
            view = view_scales(network, pictures[index], box)
            return scales_figure(view, space, space.index(shown), truth=labels[index], title=f"detail in {box}")

        margins = [max(step, (side - length) // step * step) for side, length in zip(size, opened, strict=True)]
        middle = [margin // 2 // step * step for margin in margins]
        controls: dict[str, Control] = {
            "top": Slider("Top edge of the box in pixels", 0, margins[0], step, middle[0]),
            "left": Slider("Left edge of the box in pixels", 0, margins[1], step, middle[1]),
            "height": Stops("Height of the box in pixels", tuple(boxes), opened[0]),
            "shown": Choice("Attention of class", space.names, space.names[space.index(shown) if shown else 0]),
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
        }
        super().__init__("Where is the detail, and is it trusted?", figure, controls, sheet_columns=1)


def _box_sizes(detail: tuple[int, int], size: tuple[int, int], shares: Sequence[float]) -> dict[int, tuple[int, int]]:
    """Height of each box that fits an image of ``size``, and its (height, width)."""
    sizes = [(int(detail[0] * share), int(detail[1] * share)) for share in shares]
    found = {box[0]: box for box in sizes if box[0] <= size[0] and box[1] <= size[1]}
    if not found:
        raise ConfigError(f"no box of {sizes} fits images of {size[0]} x {size[1]}; give smaller shares or a detail.")
    return found


def _inside(top: int, left: int, box: tuple[int, int], size: tuple[int, int], step: int) -> Box:
    """The box at ``top``, ``left``, moved back into the image by whole steps where it would leave it."""
    top, left = (min(edge, (side - b) // step * step) for edge, side, b in zip((top, left), size, box, strict=True))
    return Box(top, top + box[0], left, left + box[1])
