"""The explorer of carried labels: frames, flows and the tolerance of the forward-backward check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider, Stops
from udalib.viz.explorer.inputs import Segment
from udalib.viz.self_training.mixing_explorer import CELL
from udalib.viz.self_training.stand_in import STAND_IN
from udalib.viz.video.carried import BETA, carried_figure
from udalib.viz.video.viewed import Estimator, ViewedClip, clip_logits, view_clip

FAR = 3
"""Frames back at most."""
BETAS = (0.01, 0.05, 0.1, 0.25, BETA, 1.0, 4.0, 16.0, 100.0)
LABELS = ("pseudo labels", "truth")


class CarriedExplorer(Explorer):
    """Labels carried along a flow from an earlier frame, with what the forward-backward check drops.

    Args:
        clips: samples as :func:`udalib.viz.video.view_clip` takes them, equally long, two frames at least.
        space: of the labels.
        model: labels every frame; without one the pseudo labels are a degraded truth, and the picture says so.
        name: of the model, as the picture calls it.
        estimators: flows that are computed; see :func:`udalib.viz.video.view_clip`.

    Controls: ``clip``, ``frame``, ``back`` (frames between both), ``flow`` that carries, ``labels`` ("pseudo labels" or
    "truth"), ``beta``, the tolerance of the check in squared pixels.

    Raises:
        ConfigError: no clip, or clips of unlike length.
    """

    def __init__(
        self,
        clips: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        model: Segment | None = None,
        name: str = "the model given",
        *,
        estimators: Mapping[str, Estimator] | None = None,
    ) -> None:
        viewed = [view_clip(sample, estimators) for sample in clips]
        if len({clip.length for clip in viewed}) != 1:
            raise ConfigError(f"give clips of one length, got lengths {[clip.length for clip in viewed]}.")
        origin = STAND_IN.format(scale=CELL) if model is None else name

        @cache
        def pseudo(index: int) -> Tensor:
            return clip_logits(viewed[index], space, model).argmax(1)

        def figure(clip: int, frame: int, back: int, flow: str, labels: str, beta: float) -> Figure:
            shown, own = viewed[clip], labels == LABELS[0]
            text = f"{labels} of frame {frame - back} on frame {frame}" + (f"; pseudo labels: {origin}" if own else "")
            carried = pseudo(clip) if own else shown.labels
            return carried_figure(shown, carried, frame, back, space, flow=flow, beta=beta, title=text)

        controls = _controls(viewed)
        super().__init__("Where did these labels come from?", figure, controls, sheet_columns=1)


def _controls(clips: Sequence[ViewedClip]) -> dict[str, Control]:
    last = clips[0].length - 1
    far = min(FAR, last)
    flows = [name for name in clips[0].motions if all(name in clip.motions for clip in clips)]
    return {
        "clip": Slider("Clip", 0, len(clips) - 1, 1, 0),
        "frame": Slider("Frame", far, last, 1, last),
        "back": Slider("Labels from so many frames back", 1, far, 1, 1),
        "flow": Choice("Flow", tuple(flows), flows[0]),
        "labels": Choice("What is carried", LABELS, LABELS[0]),
        "beta": Stops("Hidden: beta of the check (px²)", BETAS, BETA),
    }
