"""The explorer of masked image consistency: block size and ratio against what a model still recognises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.context.masked_view import FILL, draw_masks, view_masked
from udalib.viz.context.masking import masking_figure
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops
from udalib.viz.explorer.inputs import Segment, as_float, as_label, check_images, run_model

AGAIN, TRUTH = "prediction on the whole image", "truth"


class MaskingExplorer(Explorer):
    """What a model recognises in an image with random square holes.

    Args:
        models: name -> :data:`udalib.viz.Segment`, called once a state, and once an image without holes.
        images: samples with ``image`` (uint8 or float in [0, 1], (3, H, W)), and ``label`` (H, W) to judge by.
        space: of the predicted ids.
        blocks: sides of a hole in pixels, none larger than the image.
        masks: random masks that are judged in one state; the first is drawn.
        fill: colour of the holes in [0, 1].

    Controls: ``block``, ``ratio`` hidden, ``index`` of the image, ``draw`` (other random masks), ``model``, ``against``
    (the prediction on the whole image, or the truth if all samples have labels).

    Raises:
        ConfigError: no model, no image, or a block that does not fit.
    """

    def __init__(
        self,
        models: Mapping[str, Segment],
        images: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        *,
        blocks: Sequence[int] = (4, 8, 16, 32),
        masks: int = 3,
        fill: Sequence[float] = FILL,
    ) -> None:
        if not models:
            raise ConfigError("there is no model to explore; give at least one.")
        pictures = [as_float(sample["image"]) for sample in images]
        check_images(pictures)
        labels = [as_label(sample) for sample in images] if all("label" in sample for sample in images) else []
        size = (pictures[0].shape[1], pictures[0].shape[2])
        for block in blocks:
            draw_masks(size, block, 0.5, 1)

        @cache
        def whole(model: str, index: int) -> Tensor:
            return run_model(models[model], pictures[index][None]).argmax(1)[0]

        def figure(block: int, ratio: float, index: int, draw: int, model: str, against: str) -> Figure:
            kept = draw_masks(size, int(block), ratio, masks, seed=draw)
            view = view_masked(models[model], pictures[index], kept, fill=fill, whole=whole(model, index))
            title = f"{model}: blocks of {block} pixels, ratio {ratio:g} hidden"
            return masking_figure(view, space, truth=labels[index] if against == TRUTH else None, title=title)

        controls: dict[str, Control] = {
            "block": Stops("Block size in pixels", tuple(blocks), blocks[len(blocks) // 2]),
            "ratio": Slider("Ratio hidden", 0.0, 0.95, 0.05, 0.7),
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
            "draw": Slider("Another draw of the masks", 0, 9, 1, 0),
            "model": Choice("Model", tuple(models), next(iter(models))),
            "against": Choice("Judge by", (AGAIN, TRUTH) if labels else (AGAIN,), AGAIN),
        }
        super().__init__("What is recognised in the holes", figure, controls, sheet_columns=1)
