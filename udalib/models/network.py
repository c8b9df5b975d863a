"""A segmentation network: input statistics, an encoder, a decoder.

Encoders map a normalised image (B, 3, H, W) to a list of features, finest first, and carry ``channels`` and
``strides``. Decoders map that list to logits (B, C, h, w) at their own stride and carry ``num_classes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError


@dataclass(frozen=True)
class InputStats:
    """How a network wants its input: ``(image - mean) / std`` per channel on the 0..255 scale.

    ``mean`` and ``std`` are in the network's own channel order: with ``bgr=True`` they are (blue, green, red).
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    bgr: bool = False


IMAGENET = InputStats((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""ImageNet mean and standard deviation, RGB: SegFormer, DAFormer, torchvision and most of timm."""

HALF = InputStats((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
"""RGB scaled to [-1, 1]: the MobileNets of TensorFlow."""

CAFFE = InputStats((104.00698793, 116.66876762, 122.67891434), (1.0, 1.0, 1.0), bgr=True)
"""BGR minus the Caffe mean, 0..255 scale: DeepLab-v2 as in AdaptSegNet and ADVENT."""


class SegmentationNetwork(nn.Module):
    """Encoder and decoder behind one door: RGB float images in [0, 1] in, logits at the decoder's stride out.

    Args:
        encoder: (B, 3, H, W) normalised -> list of features, finest first.
        decoder: list of features -> logits (B, C, h, w).
        stats: the normalisation that the encoder's weights were trained with.
        align_corners: how the logits are to be resized to the image size (read by methods and inference).
        auxiliary: a second decoder, for training only; None leaves the decoder's own auxiliary outputs, if any.

    Published checkpoints name the parts ``backbone`` and ``decode_head``;
    :func:`udalib.models.weights.load.load_published` maps them by ``published_prefixes`` (published -> ours), which a
    network with other names may override.
    """

    published_prefixes: ClassVar[dict[str, str]] = {"backbone.": "encoder.", "decode_head.": "decoder."}

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        stats: InputStats = IMAGENET,
        align_corners: bool = False,
        auxiliary: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.auxiliary = auxiliary
        self.stats = stats
        self.align_corners = align_corners
        mean, std = torch.tensor(stats.mean), torch.tensor(stats.std)
        self.register_buffer("_scale", (255.0 / std).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_shift", (-mean / std).view(1, 3, 1, 1), persistent=False)

    @property
    def num_classes(self) -> int:
        """Number of classes of the logits."""
        return int(self.decoder.num_classes)  # type: ignore[arg-type]

    @property
    def feature_channels(self) -> tuple[int, ...]:
        """Channels of the encoder's features, finest first."""
        return tuple(self.encoder.channels)  # type: ignore[arg-type]

    @property
    def mean_color(self) -> Tensor:
        """RGB in [0, 1] that normalisation turns into zeros, (3, 1, 1): the colour of a hole in an image."""
        color: Tensor = (-self._shift / self._scale)[0]  # type: ignore[operator]
        return color.flip(0) if self.stats.bgr else color

    @property
    def has_auxiliary(self) -> bool:
        """Whether :meth:`decode_all` gives more than the main logits."""
        own = getattr(self.decoder, "multi_level", hasattr(self.decoder, "forward_all"))
        return self.auxiliary is not None or bool(own)

    def normalise(self, images: Tensor) -> Tensor:
        """RGB float (B, 3, H, W) in [0, 1] -> the encoder's input.

        Raises:
            ConfigError: for another number of dimensions or channels, or for integers (divide uint8 by 255 first).
        """
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ConfigError(
                f"images must be float (B, 3, H, W) RGB in [0, 1], got {images.dtype} {tuple(images.shape)}; "
                "for a uint8 image use image.float().div(255)[None]."
            )
        if self.stats.bgr:
            images = images.flip(1)
        return images * self._scale + self._shift  # type: ignore[operator]

    def features(self, images: Tensor) -> list[Tensor]:
        """Encoder features of RGB images in [0, 1], finest first."""
        features: list[Tensor] = self.encoder(self.normalise(images))
        return features

    def decode(self, features: list[Tensor]) -> Tensor:
        """Main logits (B, C, h, w) from :meth:`features`."""
        logits: Tensor = self.decoder(features)
        return logits

    def decode_all(self, features: list[Tensor]) -> tuple[Tensor, ...]:
        """Main logits, then those of the auxiliary levels, in the order they are trained on."""
        if self.auxiliary is not None:
            return self.decode(features), self.auxiliary(features)
        forward_all = getattr(self.decoder, "forward_all", None)
        return (self.decode(features),) if forward_all is None else tuple(forward_all(features))

    def forward(self, images: Tensor) -> Tensor:
        """RGB float (B, 3, H, W) in [0, 1] -> logits (B, C, h, w) at the decoder's stride."""
        return self.decode(self.features(images))

    def compile(self, *args: Any, **options: Any) -> None:
        """Compile the parts one by one, so that features, decode and forward all run compiled code."""
        for part in (self.encoder, self.decoder, self.auxiliary):
            if part is not None:
                part.compile(*args, **options)
