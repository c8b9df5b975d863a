"""Two mixed frames and the flow between them: what a flow that was mixed by the wrong frame's mask does."""

from __future__ import annotations

from torch import Tensor

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops.clips import Clip
from udalib.ops.warp import warp_labels
from udalib.viz.pictures.flow import add_arrows, flow_to_rgb
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.pictures.regions import outline
from udalib.viz.theme import Picture, new_figure, show_image


def last_flow(clip: Clip) -> Tensor:
    """Flow (B, 2, H, W) from the current frame of ``clip`` to the one before it.

    Raises:
        ConfigError: the clip has none: it is an image.
    """
    if clip.flow is None:
        raise ConfigError(
            f"clips of {clip.frames.shape[1]} frames came without flow; give clips of two frames with it."
        )
    return clip.flow[:, -1]


def carried_wrong(clip: Clip, flow: Tensor | None = None) -> Tensor:
    """Where the label of the current frame is not that of the previous one carried along the flow, bool (B, H, W).

    ``flow`` (B, 2, H, W) stands in for the clip's own. Pixels without a label are not counted.
    """
    own = last_flow(clip) if flow is None else flow
    carried = warp_labels(clip.labels[:, -2], own)
    known = (carried != IGNORE_INDEX) & (clip.label != IGNORE_INDEX)
    return known & (carried != clip.label)


def foreign_flow(ours: Clip, official: Clip) -> tuple[float, float]:
    """Share of pixels whose last flow differs between two clips, and by how many pixels it does there on average."""
    gap = (last_flow(ours) - last_flow(official)).norm(dim=1)
    differs = gap > 0
    return float(differs.float().mean()), float(gap[differs].mean()) if differs.any() else 0.0


def mixed_flow_figure(ours: Clip, official: Clip, mask: Tensor, space: LabelSpace, *, title: str = "") -> Picture:
    """Draw the mixed frames, the label, both mixed flows, and how far they lie apart.

    Args:
        ours: a mixed clip, B = 1, whose flow was mixed by the current frame's mask.
        official: the same by the previous frame's.
        mask: what was pasted into the current frame, bool (H, W); outlined.
        space: of the labels.
        title: above all.
    """
    height, width = ours.size
    figure, axes = new_figure(12.6, 2 * (12.0 / 3 * height / width + 0.35) + 0.4, 2, 3)
    show_image(axes[0], to_hwc(ours.frames[0, -2]), "previous frame, mixed")
    show_image(axes[1], to_hwc(ours.image[0]), "current frame, mixed")
    show_image(axes[2], colorize(ours.label[0], space), "its label")
    write_names(axes[2], ours.label[0], space)
    outline(axes[1], mask, 0.8)
    flows = [last_flow(clip)[0] for clip in (ours, official)]
    speed = float(flows[0].norm(dim=0).max())
    named = zip(axes[3:5], (ours, official), flows, ("current", "previous"), strict=True)
    for panel, clip, flow, text in named:
        wrong = 100 * float(carried_wrong(clip)[0].float().mean())
        show_image(panel, flow_to_rgb(flow, speed), f"flow by the {text} frame's mask: {wrong:.1f} % carried wrong")
        add_arrows(panel, flow, max(4, height // 6))
        outline(panel, mask, 0.8)
    share, distance = foreign_flow(ours, official)
    gap = (flows[0] - flows[1]).norm(dim=0)
    text = f"both flows differ in {100 * share:.1f} % of pixels, by {distance:.1f} px there"
    show_image(axes[5], gap.numpy(), text, cmap="cividis", vmin=0)
    figure.colorbar(axes[5].images[0], ax=axes[5], shrink=0.8, label="pixels")
    for panel in axes:
        panel.title.set_fontsize(9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure
