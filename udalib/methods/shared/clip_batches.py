"""From batches to clips, and what is done to all frames of a clip alike."""

from __future__ import annotations

import torch
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.core.types import Batch
from udalib.ops.augmentation import Choices, augment
from udalib.ops.clips import Clip, check_clip
from udalib.ops.histogram_matching import match_histograms

FLOW = (
    "give the stream a data set of clips with flow (streets: frames=2) or a flow transform before all that moves pixels"
)


def labelled_clip(batch: Batch, length: int = 2) -> Clip:
    """The last ``length`` frames of a labelled batch; images without frames stand still for that long.

    Raises:
        ConfigError: frames without labels, flow, or with other sizes than each other.
    """
    if "frames" not in batch:
        return still_clip(batch["image"], batch["label"], length)
    if "frame_labels" not in batch:
        raise ConfigError("source clips need a label for every frame (frame_labels); read images alone (frames=1).")
    flow = flow_of(batch)[:, 1 - length :]
    frames, labels = batch["frames"][:, -length:], batch["frame_labels"][:, -length:].long()
    clip = Clip(frames, labels, torch.ones_like(labels[:, -1], dtype=torch.float32), flow)
    check_clip(clip)
    return clip


def still_clip(image: Tensor, label: Tensor, length: int) -> Clip:
    """Images (B, 3, H, W) with labels (B, H, W) as clips of ``length`` equal frames: nothing moves."""
    frames = image[:, None].expand(-1, length, -1, -1, -1)
    labels = label[:, None].expand(-1, length, -1, -1)
    weight = torch.ones_like(label, dtype=torch.float32)
    return Clip(frames, labels, weight, image.new_zeros(len(image), length - 1, 2, *image.shape[-2:]))


def flow_of(batch: Batch, key: str = "flow_backward") -> Tensor:
    """The flows between the frames of a batch of clips, (B, T - 1, 2, H, W), T at least 2.

    Raises:
        ConfigError: no frames or only one, no flow, or one for frames of another number or size.
    """
    if "frames" not in batch or batch["frames"].shape[1] < 2:
        raise ConfigError("the stream brings single images, clips are needed; set frames=2 or more for its data set.")
    frames = batch["frames"]
    if key not in batch:
        raise ConfigError(f"clips of {frames.shape[1]} frames come without {key}; {FLOW}.")
    flow: Tensor = batch[key]
    want = (frames.shape[0], frames.shape[1] - 1, 2, *frames.shape[-2:])
    if tuple(flow.shape) != want:
        raise ConfigError(
            f"{key} has shape {tuple(flow.shape)}, frames have {tuple(frames.shape)}; expected a flow of {want}. "
            "Resize it with udalib.ops.warp.resize_flow, which scales its vectors as well."
        )
    return flow


def augmented(frames: Tensor, choices: Choices) -> Tensor:
    """Frames (B, T, 3, H, W), each jittered and blurred by the same ``choices``."""
    return torch.stack([augment(frame, choices) for frame in frames.unbind(1)], 1)


def matched(frames: Tensor, reference: Tensor) -> Tensor:
    """Frames (B, T, 3, H, W), each with the colours of its sample's ``reference`` (B, 3, H', W')."""
    return torch.stack([match_histograms(frame, reference) for frame in frames.unbind(1)], 1)


def window(
    clip: Clip, size: tuple[int, int], draws: Draws, rows: tuple[int, int] | None = None
) -> tuple[int, int, tuple[int, int]]:
    """Draw a window of ``size`` (h, w) inside ``clip``: (top, left, size); one for the batch.

    Args:
        clip: at least as large as the window.
        size: of the window.
        draws: of one sample.
        rows: least and largest top row; None: any that fits.

    Raises:
        ConfigError: the clip is smaller, or ``rows`` do not fit.
    """
    height, width = (own - wanted for own, wanted in zip(clip.size, size, strict=True))
    if height < 0 or width < 0:
        raise ConfigError(
            f"source clips of {clip.size} are smaller than target clips of {size}; resize the source to at least that."
        )
    low, high = rows or (0, height)
    if not 0 <= low <= high:
        raise ConfigError(f"window_rows are {rows}; give the least and the largest top row, both at least 0.")
    low, high = min(low, height), min(high, height)
    return int(draws.integers(low, high)), int(draws.integers(0, width)), size
