"""A segmentation network for clips: the scores of the current frame are fused with those of the one before it.

The ACCEL form of the video setting of QuadMix (quadmix sheet, section 4.1; after Jain et al., "Accel", CVPR 2019): one
1x1 convolution on both score maps, the earlier of which is warped by optical flow, shared by all outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.network import SegmentationNetwork
from udalib.ops.resize import resize
from udalib.ops.warp import resize_flow, warp


class ClipScores(NamedTuple):
    """What a clip gives; one entry an output of the network, main first.

    Attributes:
        fused: logits (B, C, h, w) of the current frame, both frames considered.
        current: logits of the current frame alone.
        previous: those of the previous frame alone, not warped, without a graph.
        features: the encoder's features of the current frame, finest first.
    """

    fused: tuple[Tensor, ...]
    current: tuple[Tensor, ...]
    previous: tuple[Tensor, ...]
    features: list[Tensor]


class ClipNetwork(SegmentationNetwork):
    """A network of two frames. A still image is a clip whose previous frame is the same image.

    :meth:`decode`, :meth:`decode_all` and ``network(images)`` are those of stills, so that whatever works with a
    :class:`SegmentationNetwork` works with this one.

    ``sf_layer``, its published name, starts as the identity on the current frame and zero on the previous one: a fresh
    network predicts what its encoder and decoder do.

    Args:
        encoder, decoder, stats, align_corners, auxiliary: as in :class:`SegmentationNetwork`.
    """

    published_prefixes: ClassVar[dict[str, str]] = {
        **SegmentationNetwork.published_prefixes,
        "sf_layer.": "sf_layer.",
    }

    def __init__(self, encoder: nn.Module, decoder: nn.Module, *arguments: Any, **options: Any) -> None:
        super().__init__(encoder, decoder, *arguments, **options)
        self.sf_layer = score_fusion(self.num_classes)

    def decode(self, features: list[Tensor]) -> Tensor:
        """Main logits (B, C, h, w) of a still."""
        return self._still(super().decode(features))

    def decode_all(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """All logits of a still, main first."""
        return tuple(self._still(scores) for scores in self._scores(features))

    def forward_clip(
        self,
        frames: Tensor,
        flow: Tensor | None = None,
        *,
        size: Sequence[int] | None = None,
        still: Tensor | None = None,
        official: bool = False,
    ) -> ClipScores:
        """Scores of the last frame of clips.

        The current frame runs first and with a gradient, the previous one without; in training both move BatchNorm's
        statistics.

        Args:
            frames: float (B, T, 3, H, W) in [0, 1]; of T > 2 frames the last two count, of one it is both.
            flow: float (B, 2, h, w) from the last frame to the one before it, of any size; not used for T = 1.
            size: (H, W) to which all scores are resized before they are fused; None: they are fused as they are.
            still: (B, H, W) at ``size``, above 0 where something was pasted that does not move with the flow: there
                the current scores stand in for the previous ones.
            official: ``still`` counts as often as it says (2 where two patches overlap, which extrapolates), and
                flows are resized as in :func:`udalib.ops.warp.resize_flow`.

        Raises:
            ConfigError: two frames and no flow, or ``still`` without a ``size``.
        """
        features = self.features(frames[:, -1])
        current = self._resized(self._scores(features), size)
        if frames.shape[1] == 1:
            previous = tuple(scores.detach() for scores in current)
            return ClipScores(self._all_fused(current, previous, still, size), current, previous, features)
        if flow is None:
            raise ConfigError("clips of two frames need the flow between them; give the stream a flow transform.")
        with torch.no_grad():
            previous = self._resized(self._scores(self.features(frames[:, -2])), size)
        warped = self._warped(previous, flow, official=official)
        covered = still if official or still is None else (still > 0).float()
        return ClipScores(self._all_fused(current, warped, covered, size), current, previous, features)

    def fuse(self, current: Tensor, previous: Tensor) -> Tensor:
        """Fuse two score maps (B, C, h, w) of the same grid."""
        fused: Tensor = self.sf_layer(torch.cat([current, previous], 1))
        return fused

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the parts one by one, the fusion too."""
        super().compile(*args, **options)
        self.sf_layer.compile(*args, **options)

    def _scores(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """Logits of one frame, main first, not fused."""
        forward_all = getattr(self.decoder, "forward_all", None)
        if forward_all is not None and self.auxiliary is None:
            return tuple(forward_all(features))
        main: Tensor = self.decoder(features)
        return (main,) if self.auxiliary is None else (main, self.auxiliary(features))

    def _still(self, scores: Tensor) -> Tensor:
        return self.fuse(scores, scores.detach())

    def _resized(self, scores: tuple[Tensor, ...], size: Sequence[int] | None) -> tuple[Tensor, ...]:
        return scores if size is None else tuple(resize(each, size, self.align_corners) for each in scores)

    def _warped(self, scores: tuple[Tensor, ...], flow: Tensor, *, official: bool) -> tuple[Tensor, ...]:
        """Previous scores on the current frame's grid; no gradient."""
        size = scores[0].shape[-2:]
        fitted = resize_flow(flow, size, self.align_corners, official=official)
        if all(each.shape[-2:] == size for each in scores):
            return tuple(warp(each, fitted) for each in scores)
        return tuple(
            warp(each, resize_flow(flow, each.shape[-2:], self.align_corners, official=official)) for each in scores
        )

    def _all_fused(
        self,
        current: tuple[Tensor, ...],
        previous: tuple[Tensor, ...],
        still: Tensor | None,
        size: Sequence[int] | None,
    ) -> tuple[Tensor, ...]:
        if still is not None and size is None:
            raise ConfigError("a map of still patches has the size of the frames; set size=(height, width) as well.")
        fused = []
        for now, before in zip(current, previous, strict=True):
            standing = now if still is None else still[:, None].to(now.dtype)
            seen = before if still is None else before * (1 - standing) + now * standing
            fused.append(self.fuse(now, seen.to(now.dtype)))
        return tuple(fused)


def score_fusion(num_classes: int) -> nn.Conv2d:
    """The 1x1 convolution 2 C -> C without bias: identity on the first C channels, zero on the others."""
    layer = nn.Conv2d(2 * num_classes, num_classes, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(
            torch.cat([torch.eye(num_classes), torch.zeros(num_classes, num_classes)], 1)[..., None, None]
        )
    return layer


def at_two_frames(network: SegmentationNetwork) -> ClipNetwork:
    """``network`` as one of clips; its parts are taken over, not copied.

    Raises:
        ConfigError: it has parts of its own that a clip network lacks (HRDA's two scales).
    """
    if type(network).forward is not SegmentationNetwork.forward:
        raise ConfigError(
            f"clips need a network of one scale, got {type(network).__name__}; set network.multi_resolution to None."
        )
    return ClipNetwork(network.encoder, network.decoder, network.stats, network.align_corners, network.auxiliary)
