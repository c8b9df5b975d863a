"""The explorer of the feature distance: block share and classes against the positions that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.daformer.feature_distance import feature_distance_figure
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Several, Slider, Stops
from udalib.viz.explorer.inputs import as_float, as_label, check_images
from udalib.viz.pictures.labels import to_numpy


class FeatureDistanceExplorer(Explorer):
    """Where the feature distance counts, and how large it is.

    Args:
        images: samples with ``image`` ((3, H, W), uint8 or float in [0, 1]) and ``label`` (H, W), all of one size.
        space: of the labels.
        scales: strides that features may have; with ``distances`` the stride is theirs.
        distances: name ("before training", say) -> one map (h, w) of distances an image; all on one scale of colours.

    Controls: ``index`` of the image, ``min_ratio``, ``classes`` that count, and ``scale`` or ``distance`` if there are
    several.

    Raises:
        ConfigError: no image, a label is missing, or not one distance map an image.
        DataError: images of unlike sizes.
    """

    def __init__(
        self,
        images: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        *,
        scales: Sequence[int] = (8, 16, 32),
        distances: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        pictures = [as_float(sample["image"]) for sample in images]
        check_images(pictures)
        labels = [as_label(sample) for sample in images]
        maps = {name: [to_numpy(each) for each in values] for name, values in (distances or {}).items()}
        for name, values in maps.items():
            if len(values) != len(images):
                raise ConfigError(f"distances {name!r} are {len(values)} maps for {len(images)} images; give one each.")
        limit = max((float(each.max()) for values in maps.values() for each in values), default=None)

        def figure(index: int, min_ratio: float, classes: tuple[str, ...], **state: Any) -> Figure:
            shown = maps[state["distance"]][index] if maps else None
            scale = state["scale"] if shown is None else labels[index].shape[1] // shown.shape[1]
            options: dict[str, Any] = {"min_ratio": min_ratio, "distance": shown, "limit": limit}
            options |= {"classes": [space.index(name) for name in classes], "title": state.get("distance", "")}
            return feature_distance_figure(pictures[index], labels[index], space, scale=int(scale), **options)

        things = tuple(space.names[i] for i in space.things)
        controls: dict[str, Control] = {
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
            "min_ratio": Slider("Share of a block (min_ratio)", 0.0, 1.0, 0.05, 0.75),
            "classes": Several("Classes that count", space.names, things),
        }
        if maps:
            controls["distance"] = Choice("Distance", tuple(maps), next(iter(maps)))
        else:
            controls["scale"] = Stops("Stride of the features", tuple(scales), scales[len(scales) // 2])
        super().__init__("Where features are held to ImageNet's", figure, controls, sheet_columns=1)
