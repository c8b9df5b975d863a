"""A labelled clip as its pictures look at it: frames, labels, and the flows that are compared on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.ops.optical_flow import LucasKanade
from udalib.ops.warp import compose_flows
from udalib.viz.explorer.inputs import Segment, as_float, run_model
from udalib.viz.self_training.mixing_explorer import CELL
from udalib.viz.self_training.stand_in import stand_in_logits

EXACT, STILL = "exact", "no motion"
Estimator = Callable[[Tensor, Tensor], Tensor]
"""Two batches of images (B, 3, H, W) in [0, 1] -> flow (B, 2, H, W) on the grid of the first to the second."""


class Motion(NamedTuple):
    """Flow between frames, float32 (N, 2, H, W) each, in pixels: u to the right, v down.

    Attributes:
        backward: on the grid of the later frame, to the earlier one.
        forward: on the grid of the earlier frame, to the later one.
    """

    backward: Tensor
    forward: Tensor


@dataclass(frozen=True)
class ViewedClip:
    """T frames with labels and flows between neighbours.

    Attributes:
        frames: float (T, 3, H, W) in [0, 1].
        labels: int64 (T, H, W), 255 = ignore.
        motions: name of a flow -> its T - 1 entries; entry t is between frames t and t + 1.
    """

    frames: Tensor
    labels: Tensor
    motions: Mapping[str, Motion]

    @property
    def length(self) -> int:
        """T."""
        return len(self.frames)

    def motion(self, name: str) -> Motion:
        """The flow of this name.

        Raises:
            ConfigError: the clip has none.
        """
        if name not in self.motions:
            raise ConfigError(f"this clip has no flow {name!r}; it has {', '.join(self.motions)}.")
        return self.motions[name]


def view_clip(sample: Mapping[str, Any], estimators: Mapping[str, Estimator] | None = None) -> ViewedClip:
    """A sample of clips with the flow it brings ("exact"), estimated ones, and none at all ("no motion").

    Args:
        sample: ``frames`` (T, 3, H, W) and ``frame_labels`` (T, H, W); ``flow_backward`` and ``flow_forward`` if known.
        estimators: name -> function; None: Lucas and Kanade's alone.

    Raises:
        ConfigError: no frames, fewer than two, or no label for each of them.
    """
    lacking = [key for key in ("frames", "frame_labels") if key not in sample]
    if lacking or len(sample["frames"]) < 2 or len(sample["frame_labels"]) != len(sample["frames"]):
        raise ConfigError(
            f"a clip to look at has two or more frames and a label for each; this sample has {sorted(sample)}. "
            "Take it from StreetClips(..., frames=8)."
        )
    frames, labels = as_float(sample["frames"]), torch.as_tensor(sample["frame_labels"]).long()
    motions = {}
    if "flow_backward" in sample and "flow_forward" in sample:
        motions[EXACT] = Motion(sample["flow_backward"].float(), sample["flow_forward"].float())
    for name, estimate in ({"Lucas-Kanade": LucasKanade()} if estimators is None else estimators).items():
        motions[name] = Motion(estimate(frames[1:], frames[:-1]), estimate(frames[:-1], frames[1:]))
    nothing = frames.new_zeros(len(frames) - 1, 2, *frames.shape[-2:])
    return ViewedClip(frames, labels, {**motions, STILL: Motion(nothing, nothing)})


def clip_logits(clip: ViewedClip, space: LabelSpace, model: Segment | None = None) -> Tensor:
    """Logits (T, C, H, W) of every frame by ``model``; without one by a stand-in, with another noise in each frame."""
    if model is None:
        return stand_in_logits(clip.labels, space.num_classes, scale=CELL)
    return run_model(model, clip.frames)


def between(motion: Motion, frame: int, back: int) -> Motion:
    """Flow between ``frame`` and the one ``back`` frames before it, (1, 2, H, W) each, composed of the steps between.

    Raises:
        ConfigError: the clip does not reach as far.
    """
    if not 1 <= back <= frame <= len(motion.backward):
        raise ConfigError(
            f"frame {frame} has no frame {back} before it in a clip of {len(motion.backward) + 1} frames; choose "
            "1 <= back <= frame."
        )
    backward, forward = (each[frame - 1 : frame] for each in motion)
    for step in range(frame - 2, frame - back - 1, -1):
        backward = compose_flows(backward, motion.backward[step : step + 1])
        forward = compose_flows(motion.forward[step : step + 1], forward)
    return Motion(backward, forward)
