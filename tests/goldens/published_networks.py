"""Our networks for the configurations of the published code (mmsegmentation keys)."""

from __future__ import annotations

from typing import Any

from torch import nn

from udalib.core.errors import ConfigError
from udalib.models import InputStats, create_encoder
from udalib.models.encoders.resnet import ResNet
from udalib.models.heads.daformer import DAFormerHead
from udalib.models.heads.dlv2 import DLV2Head
from udalib.models.heads.segformer import SegFormerHead
from udalib.models.heads.upernet import UPerHead
from udalib.models.hrda import attention_decoder
from udalib.models.multi_resolution import MultiResolutionNetwork

NORMALISED = InputStats((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
"""Statistics of a network whose input is normalised already."""


def build_head(config: dict[str, Any], neck: dict[str, Any] | None = None) -> nn.Module:
    """Our head for a published head configuration (mmsegmentation keys)."""
    if config.get("align_corners"):
        raise ConfigError("the heads on MiT resize with align_corners=False only")
    common = {
        "in_channels": config["in_channels"],
        "num_classes": config["num_classes"],
        "dropout": config.get("dropout_ratio", 0.1),
        "norm": config.get("norm_cfg") is not None,
    }
    if config["type"] == "SegFormerHead":
        params = config["decoder_params"]
        extra = {"embed_dim": params["embed_dim"], "fuse_kernel": params.get("conv_kernel_size", 1)}
        return SegFormerHead(**common, **extra, unused_channels=config["channels"])
    if config["type"] == "UPerHead":
        return UPerHead(**common, channels=config["channels"], pool_scales=config.get("pool_scales", (1, 2, 3, 6)))
    return DAFormerHead(**common, **_daformer(config, neck))


def _daformer(config: dict[str, Any], neck: dict[str, Any] | None = None) -> dict[str, Any]:
    params = config["decoder_params"]
    fusion, options = _fusion(params["fusion_cfg"])
    context = params.get("embed_neck_cfg")
    is_aspp = isinstance(context, dict) and context["type"] == "rawconv_and_aspp"
    return {
        "channels": config["channels"],
        "embed_dims": params["embed_dims"],
        "fusion": fusion,
        "fusion_options": options,
        "context_options": _aspp(context) if is_aspp else None,
        "upsample_coarsest": neck["scales"][-1] if neck else 1,
    }


def _aspp(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "dilations": config["dilations"],
        "separable": config["sep"],
        "image_pool": config["pool"],
        "norm": config.get("norm_cfg") is not None,
    }


def _fusion(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    norm = config.get("norm_cfg") is not None
    act = config.get("act_cfg") is not None
    match config["type"]:
        case "aspp":
            return "sepaspp" if config["sep"] else "aspp", _aspp(config)
        case "conv":
            return "conv1", {"kernel_size": config["kernel_size"], "norm": norm, "act": act}
        case "isa":
            return "isa", {
                "attention_channels": config["isa_channels"],
                "down_factor": tuple(config.get("down_factor", (8, 8))),
                "key_query_convs": config.get("key_query_num_convs", 2),
                "in_kernel_size": config.get("in_conv_kernel_size", 1),
                "concatenate": config.get("out_cat_and_conv", False),
                "norm": norm,
            }
    raise ConfigError(f"no fusion of type {config['type']!r}")


def build_encoder(config: str | dict[str, Any]) -> nn.Module:
    """Our encoder for a published backbone configuration, a name or a dictionary."""
    if isinstance(config, str):
        return create_encoder(config)
    if config["type"] in ("ResNet", "ResNetV1c"):
        options = {key: config[key] for key in ("strides", "dilations", "contract_dilation") if key in config}
        deep = config["type"] == "ResNetV1c"
        return ResNet(config["depth"], caffe=config.get("style") == "caffe", deep_stem=deep, **options)
    options = {key: config[key] for key in ("drop_path_rate",) if key in config}
    return create_encoder(config["type"], **options)


def hrda_network(
    config: dict[str, Any], detail: tuple[int, int] | None = None, stats: InputStats = NORMALISED
) -> MultiResolutionNetwork:
    """HRDA's network for a published model configuration; ``detail`` instead of its own."""
    if config.get("blur_hr_crop"):
        raise ConfigError("blurred detail crops are not built")
    head, encoder = config["decode_head"], build_encoder(config["backbone"])
    outputs = head["num_classes"] if head.get("attention_classwise", True) else 1
    fixed = head.get("fixed_attention")
    if head["single_scale_head"] == "DAFormerHead":
        decoder: nn.Module = build_head({**head, "type": "DAFormerHead"}, config.get("neck"))
        name, options = "daformer", {"dropout": head.get("dropout_ratio", 0.1), **_daformer(head, config.get("neck"))}
    elif head["single_scale_head"] == "DLV2Head":
        name, options = "dlv2red", {"dilations": tuple(head.get("dilations", (6, 12, 18, 24)))}
        decoder = DLV2Head(tuple(encoder.channels), head["num_classes"], **options)
    else:
        raise ConfigError(f"no single-scale head of type {head['single_scale_head']!r}")
    width = head.get("attention_embed_dim", 256)
    attention = attention_decoder(name, tuple(encoder.channels), outputs, options, width) if fixed is None else None
    return MultiResolutionNetwork(
        encoder,
        decoder,
        attention,
        detail=detail or tuple(config["hr_crop_size"]),
        context_scale=min(config["scales"]),
        divisible=config.get("crop_coord_divisible", 1),
        overlap=config.get("hr_slide_overlapping", True),
        fixed_attention=0.5 if fixed is None else fixed,
        stats=stats,
        align_corners=head.get("align_corners", False),
    )
