"""What the handlers of ELN's files share: networks of a configuration, tolerances, the stated subsampling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from harness import Case, Check, absolute, to_numpy
from torch import nn

from udalib.models.eln import ErrorLocalizationNetwork
from udalib.models.eln_host import RATES, SegProjDecoder, multi_grid_resnet
from udalib.models.encoders.resnet import ResNet

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


def within(name: str, got: Any, want: Any, tolerance: Mapping[str, float]) -> Check:
    """|got - want| <= atol + rtol * |want|, the rule of the files; the error is shown as a share of that."""
    wanted = np.asarray(to_numpy(want), dtype=np.float64)
    scale = tolerance.get("atol", 0.0) + tolerance.get("rtol", 0.0) * np.abs(wanted)
    scale = np.where(scale == 0, np.finfo(np.float64).tiny, scale)
    return Check(name, to_numpy(got).astype(np.float64) / scale, wanted / scale, absolute(1.0))


def thin(case: Case, name: str, value: Any) -> np.ndarray:
    """Thin ``value`` (B, C, H, W) or (B, H, W) as ``meta["outputs"]`` says for the output ``name``."""
    value = to_numpy(value)
    text = _rule(case, name)
    channels = re.search(r"channels strided by (\d+)", text)
    pixels = re.search(r"pixels (?:strided )?by (\d+)|stride (\d+) in both", text)
    if channels:
        value = value[:, :: int(channels[1])]
    if pixels:
        step = int(pixels[1] or pixels[2])
        value = value[..., ::step, ::step]
    return value


def _rule(case: Case, name: str) -> str:
    for clause in re.split(r"[;.]\s+(?=[\w /]+(?:\[[^\]]*\])?:)", case.meta["outputs"]):
        names, _, text = clause.partition(":")
        if {name, re.sub(r"\d+$", "k", name)} & {part.strip() for part in names.split("/")}:
            return text
    return ""


def encoder_of(config: Mapping[str, Any]) -> ResNet:
    """The host's encoder, "resnet50" or "resnet101"."""
    return multi_grid_resnet(int(config["backbone"].removeprefix("resnet")), config.get("output_stride", 16))


def decoder_of(config: Mapping[str, Any], encoder: ResNet) -> SegProjDecoder:
    """Its decoder with the projection head."""
    rates, embedding = RATES[config.get("output_stride", 16)], config.get("embedding", 128)
    return SegProjDecoder(encoder.channels, config["num_classes"], rates=rates, embedding=embedding)


def judge_of(config: Mapping[str, Any], backbone: str = "resnet34") -> ErrorLocalizationNetwork:
    """The error localisation network."""
    stride = config.get("output_stride", 16)
    return ErrorLocalizationNetwork(config["num_classes"], blocks=BLOCKS[backbone], output_stride=stride)


def set_mode(module: nn.Module, mode: str) -> None:
    """Mode "train" means batch statistics without dropout."""
    module.train(mode == "train")
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
