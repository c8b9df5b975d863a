"""The two-frame network of the video setting of QuadMix, plain and on mixed clips."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from harness import Case, Check, handles, relmax
from published_names import official_view
from published_networks import NORMALISED
from subsample import subsample

from udalib.models.accel import AccelDecoder
from udalib.models.clip_network import ClipNetwork, ClipScores
from udalib.models.deeplab_v2 import DeepLabV2Decoder
from udalib.models.encoders.resnet import resnet101_caffe_d8

DEPTHS = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
TOLERANCE = relmax(1e-4)  # float32 here and there, another order of sums


@handles("quadmix", "accel*")
def accel(case: Case) -> Iterator[Check]:
    config = case.config
    encoder = resnet101_caffe_d8(depth=DEPTHS[tuple(config["layers"])])
    teacher = any(name.startswith("layer6.") for name, _, _ in case.params)
    decoder = (DeepLabV2Decoder if teacher else AccelDecoder)(encoder.channels, config["K"])
    network = ClipNetwork(encoder, decoder, NORMALISED, align_corners=True)
    view = official_view(network)
    view.add_module("sf_layer", network.sf_layer)
    case.fill(view)
    network.eval()
    frames = torch.stack([case.tensor("kf"), case.tensor("cf")], 1)
    with torch.inference_mode():
        plain = network.forward_clip(frames, case.tensor("flow"), official=True)
        got = {"plain_cf4": plain.features[-1], **named("plain", plain)}
        if isinstance(decoder, AccelDecoder):
            got["plain_cf_feat"] = decoder.layer7.feature(plain.features[-1])
        if "fusio_hw" in config:
            options = {"size": config["fusio_hw"], "still": case.tensor("mask_longtail"), "official": True}
            got |= named("fusio", network.forward_clip(frames, case.tensor("flow"), **options))
    for name, value in got.items():
        if name in case.outputs:
            yield Check(name, subsample(case, name, value), case.outputs[name], TOLERANCE)


def named(mode: str, scores: ClipScores) -> dict[str, torch.Tensor]:
    """Scores under the names of the files."""
    kinds = {"pred": scores.fused, "cf": scores.current, "kf": scores.previous}
    return {f"{mode}_{kind}{end}": each[i] for kind, each in kinds.items() for i, end in enumerate(("", "_aux"))}
