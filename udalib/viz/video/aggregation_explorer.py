"""The explorer of the aggregation over time: one pair of frames fails, and whom do the entropy weights trust?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.ops.centroids import TRUST, class_centroids
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops
from udalib.viz.explorer.inputs import Segment
from udalib.viz.self_training.mixing_explorer import CELL
from udalib.viz.self_training.stand_in import STAND_IN
from udalib.viz.video.aggregation import FAULTS, aggregated, aggregation_figure, pair_scores, spoiled
from udalib.viz.video.viewed import EXACT, ViewedClip, clip_logits, view_clip

BACKS = (1, 2, 3)


class AggregationExplorer(Explorer):
    """Weights and fused centroids of three temporal pairs, one of which can be spoiled.

    Args:
        clips: samples with exact flow as :func:`udalib.viz.video.view_clip` takes them, of four frames or more.
        space: of the labels.
        model: scores every frame; without one a stand-in does, and the picture says so.
        name: of the model, as the picture calls it.

    Controls: ``clip``, ``pair`` that is spoiled, ``fault``, ``amount`` of it, ``trust`` whose centroids are drawn,
    ``scale`` of the entropies (1 as published).

    Raises:
        ConfigError: no clip, or one that is too short or without exact flow.
    """

    def __init__(
        self,
        clips: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        model: Segment | None = None,
        name: str = "the model given",
    ) -> None:
        viewed = [view_clip(sample, {}) for sample in clips]
        if not viewed or any(clip.length <= max(BACKS) or EXACT not in clip.motions for clip in viewed):
            raise ConfigError(
                f"give clips of {max(BACKS) + 1} frames or more with exact flow; got lengths "
                f"{[clip.length for clip in viewed]}."
            )
        names = [f"with frame -{back}" for back in BACKS]
        origin = STAND_IN.format(scale=CELL) if model is None else name

        @cache
        def maps(index: int) -> tuple[list[Tensor], Tensor, Tensor]:
            return _maps(viewed[index], clip_logits(viewed[index], space, model))

        def figure(clip: int, pair: str, fault: str, amount: float, trust: Any, scale: float) -> Figure:
            pairs, label, wanted = maps(clip)
            place = names.index(pair)
            given = [spoiled(each, fault, amount) if i == place else each for i, each in enumerate(pairs)]
            found = aggregated(given, label, wanted, scale=scale)
            title = f"last frame of clip {clip}, scores: {origin}; {pair}: {fault}, {amount:g}; entropy times {scale:g}"
            return aggregation_figure(given, names, found, space, trust=trust, title=title)

        controls: dict[str, Control] = {
            "clip": Slider("Clip", 0, len(viewed) - 1, 1, 0),
            "pair": Choice("Pair that is spoiled", tuple(names), names[-1]),
            "fault": Choice("How", FAULTS, FAULTS[0]),
            "amount": Slider("How much", 0.0, 1.0, 0.25, 0.75),
            "trust": Choice("Trust whose centroids are drawn", TRUST, "sure"),
            "scale": Stops("Entropy times (published: 1)", (1.0, 5.0, float(space.num_classes), 100.0), 1.0),
        }
        super().__init__("Whom to trust over time?", figure, controls, sheet_columns=1)


def _maps(clip: ViewedClip, scores: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
    """Score maps of the last frame, its label, and the centroids of the unspoiled maps where they are right."""
    last = clip.length - 1
    pairs, label = pair_scores(scores, clip.motion(EXACT), last, BACKS), clip.labels[last]
    wanted = class_centroids(torch.stack(pairs).mean(0), label[None]).vectors[0]
    return pairs, label, wanted
