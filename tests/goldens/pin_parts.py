"""What the handlers of Pin the Memory's files share: networks of a configuration, the memory alone, tolerances."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from eln_parts import within
from harness import Case, Check
from published_networks import NORMALISED
from torch import Tensor, nn

from udalib.models.encoders.resnet import ResNet
from udalib.models.memory import ClassMemory
from udalib.models.network import SegmentationNetwork
from udalib.models.pin_memory.host import RATES, MemoryDecoder, MemoryV2, MemoryV3Plus, dilated_resnet

ITEMS = "memory.m_items"


def memory_of(case: Case) -> ClassMemory:
    """The memory alone, filled, with the file's items, in the file's mode."""
    config = case.config
    options = {k: config[k] for k in ("momentum", "temperature", "margin") if k in config}
    memory = ClassMemory(config["memory_size"], config["dim"], **options)
    with_items(case, [["m_items", [config["memory_size"], config["dim"]], "keep"]]).fill(memory)
    memory.store(case.tensor("memory"))
    return memory.train(config.get("mode", "eval") == "train")


def with_items(case: Case, listed: list[list[Any]]) -> Case:
    """``case`` that lists our items, which the published state dict lacks, to be kept."""
    return Case(case.path, {**case.meta, "params": [*(case.meta["params"] or []), *listed]}, case.inputs, case.outputs)


def network_of(case: Case) -> SegmentationNetwork:
    """Encoder and decoder of the configuration, with the file's weights and items, for normalised images."""
    config, names = case.config, {name for name, _, _ in case.params}
    depth = int("".join(c for c in config.get("backbone", "resnet50") if c.isdigit()))
    classes = next(shape[0] for name, shape, _ in case.params if name == "final2.0.weight")
    options: dict[str, Any] = {"memory": any(name.startswith("memory.") for name in names)}
    if options["memory"]:
        options["momentum"] = config.get("mem_momentum", 0.8)
    if any("conv2d_list" in name for name in names):
        encoder: ResNet = dilated_resnet(depth, output_stride=8, caffe=True)
        decoder: MemoryDecoder = MemoryV2(encoder.channels, classes, **options)
    else:
        stride = config.get("output_stride", 16)
        encoder = dilated_resnet(depth, output_stride=stride)
        decoder = MemoryV3Plus(encoder.channels, classes, rates=RATES[stride], **options)
    network = SegmentationNetwork(encoder, decoder, NORMALISED, align_corners=True)
    fill(case, network)
    return network


def fill(case: Case, network: SegmentationNetwork) -> None:
    """Give ``network`` the file's values by their published names."""
    memory: ClassMemory | None = network.decoder.memory  # type: ignore[assignment]
    listed = [] if memory is None else [[ITEMS, list(memory.m_items.shape), "keep"]]
    with_items(case, listed).fill(published_view(network))
    if memory is not None:
        memory.store(case.tensor("memory"))


def published_view(network: SegmentationNetwork) -> nn.Module:
    """The same modules under the published names."""
    encoder: Any = network.encoder
    parts: dict[str, nn.Module] = {"layer0": nn.Sequential(encoder.conv1, encoder.bn1)}
    parts |= {name: encoder.get_submodule(name) for name in encoder.layers}
    return nn.ModuleDict({**parts, **dict(network.decoder.named_children())})


def thinned(channels: Tensor) -> Tensor:
    """Channels strided by 4."""
    return channels[:, ::4]


def close(case: Case, name: str, got: Any, kind: str) -> Check:
    """By the file's limits for ``kind`` ("values", "losses", "grad"), or by its only ones."""
    limits = case.meta["tolerance"]
    return within(name, got, case.outputs[name], limits.get(kind, limits))


def double(case: Case, name: str) -> Tensor:
    return torch.from_numpy(np.array(case.inputs[name], dtype=np.float64))
