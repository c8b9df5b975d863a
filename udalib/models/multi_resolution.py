"""HRDA's network (Hoyer et al., ECCV 2022): one encoder and one head see a small context and a sharp detail.

The CONTEXT is the whole image, scaled down; the DETAIL is a part of it at full resolution. A scale attention, computed
from the context, says for every position and class how far the detail is to be trusted (mic_hrda sheet, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.models.network import IMAGENET, InputStats, SegmentationNetwork
from udalib.ops import scales
from udalib.ops.resize import resize
from udalib.ops.scales import Box


class ScaleOutputs(NamedTuple):
    """What the two scales give; s is the stride of the head, C the classes.

    Attributes:
        fused: logits (B, C, H / s, W / s) of the whole image.
        detail: logits (B, C, h / s, w / s) of the part of the image in the box (h x w pixels); of the whole image
            in inference.
        context_features: the encoder's features of the context, finest first (for the feature distance).
        attention: (B, C or 1, ., .) in [0, 1] at the context's resolution, before it is masked to the box.
        weighted_context: logits of the context times (1 - masked attention), for the optional context loss.
    """

    fused: Tensor
    detail: Tensor
    context_features: list[Tensor]
    attention: Tensor
    weighted_context: Tensor


class ScaleHead(nn.Module):
    """Segmentation head and scale attention under their published names ``head`` and ``scale_attention``.

    Called on features, it gives the logits of the segmentation head.

    Args:
        head: list of features -> logits (B, C, h, w).
        scale_attention: list of features -> (B, C or 1, h, w) before the sigmoid; None: ``fixed`` everywhere.
        fixed: the constant attention.
    """

    def __init__(self, head: nn.Module, scale_attention: nn.Module | None, fixed: float = 0.5) -> None:
        super().__init__()
        self.head, self.scale_attention, self.fixed = head, scale_attention, fixed
        self.num_classes = int(head.num_classes)  # type: ignore[arg-type]

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of the segmentation head."""
        logits: Tensor = self.head(features)
        return logits

    def attention(self, features: Sequence[Tensor], logits: Tensor) -> Tensor:
        """Trust in the detail, (B, C or 1, h, w) in [0, 1], for context ``features`` whose logits are ``logits``."""
        if self.scale_attention is None:
            return torch.full_like(logits[:, :1], self.fixed)
        return torch.sigmoid(self.scale_attention(features))


class MultiResolutionNetwork(SegmentationNetwork):
    """A network that is trained on a context and a detail crop, and predicts with detail windows everywhere.

    :meth:`forward_scales` is for training, with a box from :meth:`crop_box`; boxes are always passed, never kept.
    ``network(images)`` is inference; :meth:`predict_scales` gives all its maps. :meth:`features` and :meth:`decode` are
    the encoder and the segmentation head at the scale of what they are given: ``decode(features(context(images)))`` is
    the plain prediction of the context.

    An image smaller than the detail along an axis has one detail along it, the whole image. In inference, sides that
    are no multiples of ``divisible`` are padded for the network (border repeated, bottom and right) and the padding is
    cut off the logits, which have the size ceil(H / s), ceil(W / s); in training they are an error.

    Args:
        encoder: as in :class:`SegmentationNetwork`.
        decoder: the segmentation head, for both scales.
        scale_attention: see :class:`ScaleHead` and :func:`udalib.models.hrda.attention_decoder`.
        detail: (height, width) of the detail crop and windows in pixels.
        context_scale: factor by which the context is scaled down.
        divisible: offsets of detail crops are multiples of it: the head's stride / ``context_scale``, or a multiple, or
            the published code places the detail a fraction of a cell off.
        overlap: detail windows of inference overlap by half.
        fixed_attention: the attention without a ``scale_attention``.
        stats, align_corners: as in :class:`SegmentationNetwork`; the corners hold for all resizing inside as well.

    Raises:
        ConfigError: ``detail``, ``context_scale`` or ``divisible`` make no sense.
    """

    decoder: ScaleHead

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        scale_attention: nn.Module | None = None,
        *,
        detail: tuple[int, int] = (512, 512),
        context_scale: float = 0.5,
        divisible: int = 8,
        overlap: bool = True,
        fixed_attention: float = 0.5,
        stats: InputStats = IMAGENET,
        align_corners: bool = False,
    ) -> None:
        super().__init__(encoder, ScaleHead(decoder, scale_attention, fixed_attention), stats, align_corners)
        if min(detail) < 1 or not 0 < context_scale <= 1 or divisible < 1:
            raise ConfigError(
                f"detail {tuple(detail)}, context_scale {context_scale}, divisible {divisible}: the detail needs at "
                "least one pixel a side, the scale lies in (0, 1], and offsets are multiples of at least 1."
            )
        self.detail = (int(detail[0]), int(detail[1]))
        self.context_scale, self.divisible, self.overlap = context_scale, divisible, overlap

    def crop_box(self, size: Sequence[int], draws: Draws) -> Box:
        """Draw the detail box of a training batch whose images are ``size`` (H, W): one box for all, y before x.

        Offsets are uniform over the positions of :func:`udalib.ops.scales.crop_positions`.

        Raises:
            ConfigError: ``draws`` are for several samples.
        """
        if len(draws) != 1:
            raise ConfigError(
                f"one box holds for the whole batch, so it needs draws of one sample, not of {len(draws)}; "
                "take runtime.shared_draws(...)."
            )
        image = (int(size[0]), int(size[1]))
        rows, columns = scales.crop_positions(image, self.detail, self.divisible)
        row, column = int(draws.integers(0, rows - 1)), int(draws.integers(0, columns - 1))
        return scales.crop_box(image, self.detail, self.divisible, row, column)

    def context(self, images: Tensor) -> Tensor:
        """``images`` (B, 3, H, W) scaled down bilinearly to the context's resolution."""
        height, width = (max(int(side * self.context_scale), 1) for side in images.shape[-2:])
        return resize(images, (height, width), self.align_corners)

    def forward_scales(self, images: Tensor, box: Box) -> ScaleOutputs:
        """Training: the context of ``images`` (B, 3, H, W), the detail in ``box``, and both fused.

        Raises:
            ConfigError: ``box`` is not inside the images, or the sides of images or box do not fit the head's stride.
        """
        images = self.normalise(images)
        height, width = images.shape[-2:]
        if not (0 <= box.top < box.bottom <= height and 0 <= box.left < box.right <= width):
            raise ConfigError(f"{box} does not lie inside images of {height} x {width}.")
        context_features, detail_features = self.encoder(self.context(images)), self.encoder(box.cut(images))
        context, detail = self.decode(context_features), self.decode(detail_features)
        stride = scales.output_stride(box.size, detail.shape[-2:])
        self._check_training_size((height, width), context.shape[-2:], stride)
        attention = self.decoder.attention(context_features, context)
        grid = (height // stride, width // stride)
        inside = scales.box_mask(box.on_grid(stride / self.context_scale), context.shape[-2:], images.device)
        placed = scales.place(detail, box.on_grid(stride), grid)
        fused, weighted = scales.fuse(context, placed, attention * inside.to(attention.dtype), self.align_corners)
        return ScaleOutputs(fused, detail, context_features, attention, weighted)

    def predict_scales(self, images: Tensor) -> ScaleOutputs:
        """Inference: like :meth:`forward_scales`, with averaged detail windows all over ``images`` for the one detail.

        All windows run in one batch, window by window. Where the images were padded, ``fused`` and ``detail`` are
        without the padding and the maps at the context's resolution with it.

        Raises:
            ConfigError: the padded sides do not fit the head's stride.
        """
        height, width = images.shape[-2:]
        images = scales.pad_to_multiple(self.normalise(images), self.divisible)
        features: list[Tensor] = self.encoder(self.context(images))
        context = self.decode(features)
        detail, stride = self._detail_windows(images)
        attention = self.decoder.attention(features, context)
        fused, weighted = scales.fuse(context, detail, attention, self.align_corners)
        kept = Box(0, math.ceil(height / stride), 0, math.ceil(width / stride))
        return ScaleOutputs(kept.cut(fused), kept.cut(detail), features, attention, weighted)

    def forward(self, images: Tensor) -> Tensor:
        """RGB float (B, 3, H, W) in [0, 1] -> logits (B, C, ceil(H / s), ceil(W / s)): the inference of HRDA."""
        return self.predict_scales(images).fused

    def _detail_windows(self, images: Tensor) -> tuple[Tensor, int]:
        """Averaged logits (B, C, H / s, W / s) of detail windows over normalised ``images``, and the stride s."""
        size = (images.shape[-2], images.shape[-1])
        boxes = scales.window_boxes(size, self.detail, self.overlap)
        logits = self.decode(self.encoder(torch.cat([box.cut(images) for box in boxes])))
        stride = scales.output_stride(boxes[0].size, logits.shape[-2:])
        if size[0] % stride or size[1] % stride:
            raise ConfigError(
                f"images of {size[0]} x {size[1]} do not fit the stride {stride} of this network's logits; choose "
                f"divisible as a multiple of {stride} (it is {self.divisible}), to which images are padded."
            )
        grid = (size[0] // stride, size[1] // stride)
        return scales.average_windows(logits, [box.on_grid(stride) for box in boxes], grid), stride

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the parts one by one, the scale attention too."""
        super().compile(*args, **options)
        if self.decoder.scale_attention is not None:
            self.decoder.scale_attention.compile(*args, **options)

    def _check_training_size(self, size: tuple[int, int], context: Sequence[int], stride: int) -> None:
        for side, cells in zip(size, context, strict=True):
            if side % stride or abs(cells * stride - side * self.context_scale) > 1e-6:
                raise ConfigError(
                    f"a training image of {size[0]} x {size[1]} does not fit the stride {stride} of this network's "
                    f"logits at context scale {self.context_scale}; make both sides multiples of "
                    f"{stride / self.context_scale:g} (the stream's crop and pad)."
                )
