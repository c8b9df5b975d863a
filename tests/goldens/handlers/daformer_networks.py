"""DAFormer's networks: MiT encoders, the heads that sit on them, the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from harness import Case, Check, absolute, agreement, exact, handles, relmax
from published_networks import build_encoder, build_head
from subsample import subsample
from torch import Tensor, nn

from udalib.models.network import SegmentationNetwork

TOLERANCE = relmax(2e-4)  # the files' own: float32 against float64 of the official code differs by about 1e-6


@handles("daformer", "mit_*")
def encoder(case: Case) -> Iterator[Check]:
    if "norm_names" in case.config:
        yield from hidden_values(case)
        return
    model = case.fill(build_encoder(case.config))
    if "scale" in case.config:
        with torch.no_grad():
            model.get_parameter("patch_embed1.proj.bias").mul_(case.config["scale"])
    with torch.inference_mode():
        features = model(case.tensor("x"))
        if "tokens" in case.outputs:
            first, _ = model.get_submodule("patch_embed1")(case.tensor("x"))
            yield Check("tokens", first, case.outputs["tokens"], TOLERANCE)
    shapes = case.config.get("full_shapes")
    if shapes is not None:
        yield Check("full_shapes", [list(f.shape) for f in features], shapes, exact())
    for name, feature in zip(("f1", "f2", "f3", "f4"), features, strict=True):
        yield Check(name, subsample(case, name, feature), case.outputs[name], TOLERANCE)


def hidden_values(case: Case) -> Iterator[Check]:
    model = build_encoder(case.config)
    norms = [name for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)]
    yield Check("norm_names", norms, case.config["norm_names"], exact())
    eps = [model.get_submodule(name).eps for name in case.config["norm_names"]]
    yield Check("ln_eps", eps, case.outputs["ln_eps"], exact())
    paths = [model.get_submodule(f"{name}.drop_path") for name in case.config["block_names"]]
    rates = [0.0 if isinstance(path, nn.Identity) else path.drop_prob for path in paths]
    yield Check("drop_path", rates, case.outputs["drop_path"], absolute(1e-6))


@handles("daformer", "daformer_head*", "segformer_head*", "upernet_head*")
def head(case: Case) -> Iterator[Check]:
    config = case.config["head"]
    model = case.fill(build_head(config, case.config.get("neck")))
    levels = config.get("in_index", range(len(config["in_channels"])))
    with torch.inference_mode():
        logits = model([case.tensor(f"f{level + 1}") for level in levels])
    yield Check("logits", subsample(case, "logits", logits), case.outputs["logits"], TOLERANCE)


def _resize(x: Tensor, size: Any) -> Tensor:
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


@handles("daformer", "model_*")
def whole_model(case: Case) -> Iterator[Check]:
    config = case.config
    network = SegmentationNetwork(build_encoder(config["backbone"]), build_head(config["head"], config.get("neck")))
    case.fill(network.encoder, "backbone.")
    case.fill(network.decoder, "decode_head.")
    x = case.tensor("x")
    with torch.inference_mode():
        low = network.decode(network.encoder(x))  # x is normalised already
        full = _resize(low, x.shape[-2:])
        probability = _resize(full, config["ori_shape"]).softmax(1)
    for name, value in (("logits_low", low), ("logits_full", full), ("prob_ori", probability)):
        yield Check(name, subsample(case, name, value), case.outputs[name], TOLERANCE)
    yield Check("pred", probability.argmax(1), case.outputs["pred"], agreement(0.999))
