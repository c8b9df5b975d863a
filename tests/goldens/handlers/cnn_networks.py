"""CNN networks of AdaptSegNet, ADVENT and the DAFormer benchmark: ResNets, DeepLab-v2, heads, discriminators."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from harness import Case, Check, Tolerance, exact, handles, relmax
from published_names import official_view
from subsample import subsample
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.models.deeplab_v2 import DeepLabV2, DeepLabV2VGG
from udalib.models.discriminator import FCDiscriminator
from udalib.models.encoders.resnet import ResNet
from udalib.models.heads.danet import DAHead
from udalib.models.heads.deeplab_v3plus import DeepLabV3PlusHead
from udalib.models.heads.dlv2 import DLV2Head
from udalib.models.heads.isanet import ISAHead
from udalib.models.network import SegmentationNetwork

TOLERANCE = relmax(2e-4)  # daformer's files' own; float32 against float64 of the official code differs by about 1e-6


def file_tolerance(case: Case) -> Tolerance:
    """The file's own limit; AdaptSegNet's files measured up to 4e-5 between float32 and float64."""
    return relmax(case.meta["tolerance"]["rel_to_max"])


@handles("daformer", "resnet*")
def resnet(case: Case) -> Iterator[Check]:
    config = case.config
    options = {key: config[key] for key in ("strides", "dilations", "contract_dilation", "deep_stem") if key in config}
    model = case.fill(ResNet(config["depth"], caffe=config.get("style") == "caffe", **options))
    with torch.inference_mode():
        features = model(case.tensor("x"))
    if "full_shapes" in config:
        yield Check("full_shapes", [list(f.shape) for f in features], config["full_shapes"], exact())
    for i, feature in enumerate(features):
        name = f"c{i + 1}"
        if name in case.outputs:
            yield Check(name, subsample(case, name, feature), case.outputs[name], TOLERANCE)


def build_head(config: dict[str, Any], in_channels: list[int], neck: dict[str, Any] | None) -> nn.Module:
    """Our head for a published head configuration (mmsegmentation keys)."""
    classes, norm = config["num_classes"], config.get("norm_cfg") is not None
    common = {"norm": norm, "dropout": config.get("dropout_ratio", 0.1), "channels": config.get("channels", 512)}
    match config["type"]:
        case "DLV2Head":
            return DLV2Head(in_channels, classes, dilations=config.get("dilations", (6, 12, 18, 24)))
        case "DepthwiseSeparableASPPHead":
            return DeepLabV3PlusHead(
                in_channels,
                classes,
                dilations=config["dilations"],
                low_level=0 if config["c1_in_channels"] else None,
                low_channels=config["c1_channels"],
                top_scale=neck["scales"][-1] if neck else 1,
                align_corners=config["align_corners"],
                **common,
            )
        case "DAHead":
            return DAHead(in_channels, classes, attention_channels=config["pam_channels"], **common)
        case "ISAHead":
            return ISAHead(
                in_channels,
                classes,
                attention_channels=config["isa_channels"],
                down_factor=config["down_factor"],
                **common,
            )
    raise ConfigError(f"no head of type {config['type']!r}")


@handles("daformer", "dlv2*", "dlv3p*", "da_*", "isa_*")
def head(case: Case) -> Iterator[Check]:
    config = case.config["head"]
    count = config.get("in_index", 3) + 1
    features = [case.tensor(f"f{i + 1}") for i in range(count)]
    model = case.fill(build_head(config, [f.shape[1] for f in features], case.config.get("neck")))
    with torch.inference_mode():
        forward_all = getattr(model, "forward_all", None)
        outputs = forward_all(features) if forward_all else (model(features),)
        if forward_all:
            yield Check("forward", model(features), outputs[0], exact())
    names = ("pam_cam", "pam", "cam") if forward_all else ("logits",)
    for name, logits in zip(names, outputs, strict=True):
        yield Check(name, subsample(case, name, logits), case.outputs[name], TOLERANCE)


def run_deeplab(case: Case, network: SegmentationNetwork) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Outputs of every head (main first) and of every named stage, for the normalised input of the file."""
    view = official_view(network)
    case.fill(view)
    network.train(case.config.get("mode", "eval") == "train")
    stages: dict[str, Tensor] = {}
    wanted = {key[5 : -len("_shape")] for key in case.outputs if key.startswith("feat_") and key.endswith("_shape")}
    for stage in wanted:
        module = view.get_submodule(stage.replace("features_", "features."))
        module.register_forward_hook(lambda _m, _i, out, stage=stage: stages.update({stage: out.clone()}))
    with torch.inference_mode():
        outputs = network.decode_all(network.encoder(case.tensor("image")))
    return outputs, stages


@handles("adaptsegnet", "deeplab_*")
def deeplab_adaptsegnet(case: Case) -> Iterator[Check]:
    kind, classes = case.config["network"], case.config["num_classes"]
    if kind == "DeeplabVGG":
        network: SegmentationNetwork = DeepLabV2VGG(classes, active_branches=2)
    else:
        network = DeepLabV2(classes, multi_level=kind == "DeeplabMulti", active_branches=2)
    outputs, stages = run_deeplab(case, network)
    names = ("pred2", "pred1") if len(outputs) == 2 else ("pred",)
    for name, logits in zip(names, outputs, strict=True):
        yield Check(name, logits, case.outputs[name], file_tolerance(case))
    for stage, feature in stages.items():
        yield Check(stage, list(feature.shape), case.outputs[f"feat_{stage}_shape"], exact())
        means, want = feature.mean((2, 3)), case.outputs[f"feat_{stage}_channel_means"]
        yield Check(f"{stage} means", means[:, : want.shape[1]], want, file_tolerance(case))


@handles("advent", "deeplabv2_*")
def deeplab_advent(case: Case) -> Iterator[Check]:
    multi_level = case.config["multi_level"]
    network = DeepLabV2(case.config["num_classes"], multi_level=multi_level, main="layer6", active_branches=4)
    outputs, _ = run_deeplab(case, network)
    for name, logits in zip(("pred_main", "pred_aux"), outputs, strict=False):
        yield Check(name, logits, case.outputs[name], file_tolerance(case))


def information_map(probability: Tensor) -> Tensor:
    """ADVENT's weighted self-information (advent sheet, 3), (B, C, H, W) -> same."""
    return -probability * torch.log2(probability + 1e-30) / math.log2(probability.shape[1])


CRITERIA = {"bce": F.binary_cross_entropy_with_logits, "ls": F.mse_loss}


@handles("adaptsegnet", "discriminator_*")
@handles("advent", "discriminator_*")
def discriminator(case: Case) -> Iterator[Check]:
    config, tolerance = case.config, file_tolerance(case)
    names = "adaptsegnet" if case.system == "adaptsegnet" else "advent"
    model = case.fill(FCDiscriminator(config["num_classes"], width=config.get("ndf", 64), names=names))
    low = case.tensor("logits_low").requires_grad_()
    full = F.interpolate(low, config["up_size"], mode="bilinear", align_corners=config["align_corners"])
    maps = full.softmax(1) if config.get("softmax", True) else full
    if "prob_sub" in case.outputs:
        step = case.meta["prob_sub_stride"]
        prob = maps[:, :: step["channel"], :: step["row"], :: step["col"]]
        yield Check("prob_sub", prob, case.outputs["prob_sub"], tolerance)
    logits = model(maps if case.system == "adaptsegnet" else information_map(maps))
    yield Check("d_logits", logits, case.outputs["d_logits"], tolerance)
    for name in sorted(n.removesuffix("_loss") for n in case.outputs if n.endswith("_loss")):
        yield from _loss_checks(case, name, model, low, logits, tolerance)


def _loss_checks(
    case: Case, name: str, model: nn.Module, low: Tensor, logits: Tensor, tolerance: Tolerance
) -> Iterator[Check]:
    """Loss and gradients for one ``criterion_label`` such as ``bce_0``."""
    criterion, label = name.rsplit("_", 1)
    loss = CRITERIA[criterion](logits, torch.full_like(logits, float(label)))
    parameters = dict(model.named_parameters())
    order = case.meta["param_order"]
    grads = torch.autograd.grad(loss, [low, *(parameters[n] for n in order)], retain_graph=True)
    by_name = dict(zip(order, grads[1:], strict=True))
    grad_input = grads[0] if grads[0].numel() <= 20000 else grads[0][:, ::32]
    weight = next((n for n in order if n.startswith("classifier") and n.endswith("weight")), None)
    sub = case.meta.get("grad_classifier_weight_sub", "")
    step = int(sub.rsplit("::", 1)[1]) if "::" in sub else 1
    got: dict[str, Any] = {
        "loss": loss,
        "grad_input": grad_input,
        # float32 norms, as the file has them; float64 ones differ by 8e-5 of the largest
        "param_grad_norms": np.array([float(g.norm()) for g in grads[1:]]),
        "grad_classifier_weight_sub": by_name[weight][:, ::step] if weight else None,
    }
    for key, value in got.items():
        if f"{name}_{key}" in case.outputs:
            yield Check(f"{name} {key}", value, case.outputs[f"{name}_{key}"], tolerance)
