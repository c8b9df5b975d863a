"""Any timm backbone as an encoder, with weights from a local file only (nothing is ever downloaded)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.errors import CheckpointError, ConfigError, unknown_name
from udalib.core.lazy import LazyModule
from udalib.models.encoders.timm_weights import PRETRAINED, file_key, read_weights
from udalib.models.network import IMAGENET, InputStats
from udalib.models.norm import KeepsStatistics
from udalib.models.registry import ENCODERS

timm = LazyModule("timm")

SIZE_MULTIPLES = {"hrnet": 32, "dla": 32, "swin_transformer": 4, "swin_transformer_v2": 4}
"""timm families that take only sides of a multiple of this."""


class TimmEncoder(KeepsStatistics):
    """Features of a timm backbone: normalised (B, 3, H, W) -> maps with ``channels`` at ``strides``, finest first.

    Hierarchical backbones give every level of stride 4 and more. Backbones of a single stride (ViT, DeiT) give four
    maps from evenly spaced blocks. Sides need not be multiples of the stride: a map has side / stride positions,
    rounded as the backbone does it. A few backbones (MLP-Mixer, LeViT, CoaT) run only at their ``img_size``.

    Args:
        name: timm's model name, e.g. ``"resnet18"``, ``"convnext_tiny"``, ``"vit_small_patch16_224"``.
        output_stride: 8, 16 or 32; smaller ones replace strides by dilation where timm's backbone can.
        out_indices: levels (or ViT blocks) to return, overriding the rule above.
        pretrained: load the file that :data:`~udalib.models.encoders.timm_weights.PRETRAINED` lists for ``name`` from
            ``weights_root()``. The padding and input statistics listed there hold for such a name whatever
            ``pretrained`` is, so that a checkpoint meets the same network; other arguments override them.
        weights: load this safetensors file instead (absolute, or relative to ``weights_root()``); it carries timm's
            parameter names. Half-precision entries are converted to float32.
        freeze_bn: BatchNorm keeps its running statistics in training, and its affine parameters are not trained.
        size_multiple: pad the normalised input with zeros at the right and bottom to a multiple of this, and cut the
            features back to ceil(side / stride). Default 1, or what timm's family needs (HRNet, DLA, Swin).
        stats: input statistics of the weights; default timm's configuration of ``name``.
        options: further arguments of timm's constructor, e.g. ``pad_type="same"`` or ``drop_path_rate=0.1``.

    Raises:
        UnknownNameError: ``name`` is no timm model.
        ConfigError: the backbone has no feature maps or does not take an option.
        CheckpointError: the weights file is missing, damaged or made for another network.
    """

    published_prefixes: ClassVar[dict[str, str]] = {"": "body."}

    def __init__(
        self,
        name: str,
        *,
        output_stride: int | None = None,
        out_indices: Sequence[int] | None = None,
        pretrained: bool = False,
        weights: str | Path | None = None,
        freeze_bn: bool = False,
        size_multiple: int | None = None,
        stats: InputStats | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.body: nn.Module
        self.name = name
        known = PRETRAINED.get(name)
        if pretrained and known is None:
            raise ConfigError(
                f"pretrained=True: no weights file is listed for {name!r}, only for {', '.join(sorted(PRETRAINED))}. "
                "Pass weights=FILE with a safetensors file of timm's parameters, or pretrained=False."
            )
        if known is not None:
            options = {**dict(known.options), **options}
        if output_stride is not None:
            options["output_stride"] = output_stride
        self.body = body = _build(name, out_indices, options)
        for module in known.skip if known else ():
            body.set_submodule(module, nn.Identity())
        _drop_unused_stages(body)
        reductions, channels = body.feature_info.reduction(), body.feature_info.channels()
        self._keep = [i for i, r in enumerate(reductions) if r >= 4 or out_indices is not None]
        self.channels = tuple(channels[i] for i in self._keep)
        self.strides = tuple(reductions[i] for i in self._keep)
        families = (m for family, m in SIZE_MULTIPLES.items() if timm.models.is_model_in_modules(name, [family]))
        self.size_multiple = size_multiple or next(families, 1)
        self._channels_last = getattr(self.body, "output_fmt", None) == timm.layers.Format.NHWC
        self.stats = stats or (known.stats if known else _timm_stats(self.body))
        if weights is not None:
            self._load(Path(weights))
        elif pretrained and known is not None:
            self._load(Path(known.file), known.sha256)
        if freeze_bn:
            self.freeze_batch_norm()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of a normalised batch ``x`` (B, 3, H, W), finest first."""
        height, width = x.shape[-2:]
        below, right = -height % self.size_multiple, -width % self.size_multiple
        maps = self.body(F.pad(x, (0, right, 0, below)) if below or right else x)
        features = [maps[i] for i in self._keep]
        if self._channels_last:
            features = [f.permute(0, 3, 1, 2).contiguous() for f in features]
        if below or right:
            features = [
                f[..., : -(-height // s), : -(-width // s)] for f, s in zip(features, self.strides, strict=True)
            ]
        return features

    def _load(self, path: Path, sha256: str | None = None) -> None:
        state = read_weights(path, sha256)
        own = self.body.state_dict()
        values = {name: state[key] for name in own if (key := file_key(name, state)) is not None}
        missing = sorted(name for name in own if name not in values and not name.endswith("num_batches_tracked"))
        shapes = [
            f"{name} {tuple(value.shape)}, expected {tuple(own[name].shape)}"
            for name, value in values.items()
            if value.shape != own[name].shape
        ]
        if missing or shapes:
            raise CheckpointError(
                f"{path} does not fit timm's {self.name!r}: {len(missing)} entries missing {missing[:3]}, "
                f"{len(shapes)} of another shape {shapes[:3]}. Choose the file that was made for this backbone."
            )
        self.body.load_state_dict(values, strict=False)


def _build(name: str, out_indices: Sequence[int] | None, options: dict[str, Any]) -> Any:
    if not timm.is_model(name):
        raise unknown_name("timm model", name, timm.list_models())
    body = _create(name, out_indices, options)
    reductions = body.feature_info.reduction()
    depth = len(body.feature_info.info)
    if out_indices is None and len(set(reductions)) == 1 and depth >= 4:
        body = _create(name, [(i + 1) * depth // 4 - 1 for i in range(4)], options)
    return body


def _drop_unused_stages(body: Any) -> None:
    """Cut the stages after the last one returned, which timm's EfficientNet family would still compute."""
    last = re.fullmatch(r"blocks\.(\d+)", body.feature_info.module_name()[-1])
    if last and isinstance(getattr(body, "blocks", None), nn.Sequential):
        body.blocks = body.blocks[: int(last[1]) + 1]


_ANY_SIZE: tuple[dict[str, Any], ...] = (
    {"dynamic_img_size": True, "dynamic_img_pad": True},
    {"strict_img_size": False},
)


def _create(name: str, out_indices: Sequence[int] | None, options: dict[str, Any]) -> Any:
    """Build the feature extractor; backbones with a fixed image size are asked to take any."""
    if out_indices is not None:
        options = {**options, "out_indices": tuple(out_indices)}
    for any_size in (*_ANY_SIZE, {}):
        try:
            return timm.create_model(name, pretrained=False, features_only=True, **{**any_size, **options})
        except TypeError as error:
            if any_size and any(f"'{key}'" in str(error) for key in any_size):
                continue
            raise _cannot(name, options, error) from error
        except (AttributeError, AssertionError, NotImplementedError, RuntimeError, ValueError, IndexError) as error:
            raise _cannot(name, options, error) from error
    raise AssertionError("unreachable: the last attempt has no size option")


def _cannot(name: str, options: dict[str, Any], error: Exception) -> ConfigError:
    return ConfigError(
        f"timm's {name!r} cannot be built as an encoder with {options or 'its defaults'}: {error}. "
        "Leave out the option it does not take, or choose a backbone with feature maps."
    )


def _timm_stats(body: nn.Module) -> InputStats:
    config = getattr(body, "default_cfg", None) or getattr(body, "pretrained_cfg", None) or {}
    if "mean" not in config or "std" not in config:
        return IMAGENET
    mean, std = ([round(255.0 * float(v), 4) for v in config[key]] for key in ("mean", "std"))
    return InputStats((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


@ENCODERS.register("timm")
def timm_encoder(name: str, **options: Any) -> TimmEncoder:
    """The family behind ``create_encoder("timm:NAME", ...)``; arguments as for :class:`TimmEncoder`."""
    return TimmEncoder(name, **options)


ENCODERS.add("mobilenetv2", partial(TimmEncoder, "mobilenetv2_100"))
ENCODERS.add("mobilenetv1", partial(TimmEncoder, "mobilenetv1_100"))
