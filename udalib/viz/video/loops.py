"""What moves, frame by frame, for :func:`udalib.viz.video.animate`: labels that travel, and two frames that blink."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops.warp import warp
from udalib.viz.pictures.flow import add_arrows
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.theme import Picture, new_figure, show_image
from udalib.viz.video.carried import BETA, carry
from udalib.viz.video.viewed import EXACT, ViewedClip, between


def travelling_labels(
    clip: ViewedClip, labels: Tensor, space: LabelSpace, *, flow: str = EXACT, beta: float = BETA
) -> Iterator[Picture]:
    """One figure a frame: the frame with its flow, the labels of frame 0 carried so far, the truth.

    Args:
        clip: whose frames are walked through.
        labels: int64 (H, W) of frame 0.
        space: of the labels.
        flow: name of the flow that carries.
        beta: see :func:`udalib.viz.video.carry`; hidden pixels are black.
    """
    motion = clip.motion(flow)
    for frame in range(clip.length):
        label, text = labels, "labels of frame 0"
        if frame:
            carried = carry(labels, between(motion, frame, frame), beta)
            label, hidden = carried.kept, 100 * float(carried.hidden.float().mean())
            text = (
                f"carried from frame 0: {100 * carried.right(clip.labels[frame])[1]:.1f} % right, {hidden:.1f} % lost"
            )
        figure, axes = _row(clip, 3)
        arrows = f", {flow} flow to the frame before" if frame else ""
        show_image(axes[0], to_hwc(clip.frames[frame]), f"frame {frame}{arrows}")
        if frame:
            add_arrows(axes[0], motion.backward[frame - 1], max(4, label.shape[0] // 6))
        for panel, each, title in ((axes[1], label, text), (axes[2], clip.labels[frame], f"truth of frame {frame}")):
            show_image(panel, colorize(each, space), title)
            write_names(panel, each.masked_fill(each >= space.num_classes, IGNORE_INDEX), space)
        yield figure


def blinking_frames(clip: ViewedClip, frame: int, back: int = 1, *, flow: str = EXACT) -> Iterator[Picture]:
    """Two figures to be shown in turn: a frame and an earlier one, beside the same two with the earlier one warped.

    Left, everything jumps. Right, what the flow follows stands still; what jumps there is hidden, or its flow is wrong.
    """
    backward = between(clip.motion(flow), frame, back).backward
    now, before = clip.frames[frame], clip.frames[frame - back]
    warped = warp(before[None], backward)[0]
    for left, right, text in ((now, now, f"frame {frame}"), (before, warped, f"frame {frame - back}")):
        figure, axes = _row(clip, 2)
        show_image(axes[0], to_hwc(left), f"{text} as it is")
        show_image(axes[1], to_hwc(right), text if right is now else f"{text}, fetched by {flow} flow")
        yield figure


def _row(clip: ViewedClip, columns: int) -> tuple[Picture, list[Axes]]:
    height, width = clip.frames.shape[-2:]
    across = 12.6 / columns if columns > 2 else 4.6
    figure, axes = new_figure(across * columns, across * height / width + 0.4, 1, columns)
    return figure, axes
