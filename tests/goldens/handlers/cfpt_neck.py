"""CFPT's pieces: partitions, positions, both attentions, orders, the whole neck, parameter counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from cfpt_parts import gradients
from eln_parts import within
from harness import Case, Check, exact, handles
from torch import Tensor, nn

from udalib.models.cfpt import partition as parts
from udalib.models.cfpt.attention import CrossLayerAttention, CrossLayerChannelAttention, CrossLayerSpatialAttention
from udalib.models.cfpt.neck import CFPT, exchange
from udalib.models.cfpt.positions import CrossLayerPositions

GRADIENTS = {"atol": 1e-5, "rtol": 2e-4}
"""Of gradient norms, float32; those of the dead level bias are rounding noise (README), hence the absolute part."""


def levels_of(case: Case, prefix: str = "level") -> list[Tensor]:
    count = sum(name.startswith(prefix) for name in case.inputs)
    return [case.tensor(f"{prefix}{i}").requires_grad_() for i in range(count)]


def attention_of(config: dict[str, Any], kind: str) -> CrossLayerAttention:
    cls, key = {"cca": (CrossLayerChannelAttention, "alpha"), "csa": (CrossLayerSpatialAttention, "beta")}[kind]
    options = {name: config[name] for name in ("num_heads", "mlp_ratio", "reduction") if name in config}
    return cls(config["in_dim"], config["layer_num"], **options, expansion=config.get(key, 1), official=True)


def compare_levels(case: Case, got: Sequence[Tensor], limits: dict[str, float]) -> Iterator[Check]:
    """Every stored level; files may hold each n-th channel alone."""
    for i, level in enumerate(got):
        if f"level{i}" in case.outputs:
            want = case.outputs[f"level{i}"]
            yield within(f"level{i}", level[:, :: level.shape[1] // want.shape[1]], want, limits)


@handles("cfpt", "cca*", "csa*")
def attention(case: Case) -> Iterator[Check]:
    """One attention block: outputs, gradients of inputs and parameters."""
    limits = case.meta["tolerance"]
    module = case.fill(attention_of(case.config, case.config["cls"]))
    levels = levels_of(case)
    got = module(levels)
    yield from compare_levels(case, got, limits)
    loss = torch.stack([(x**2).mean() for x in got]).sum()
    loss.backward()
    yield within("loss", loss, case.outputs["loss"], limits)
    yield within("grad_in_norm", [x.grad.norm() for x in levels], case.outputs["grad_in_norm"], limits)
    yield within("grad_in_last", levels[-1].grad, case.outputs["grad_in_last"], limits)
    yield from gradients(module, case.meta["grad_norms"], limits)


@handles("cfpt", "cam_*")
def cam(case: Case) -> Iterator[Check]:
    """CAMs in the order that the configuration or the name says, each with its own shortcut."""
    config = case.config
    names = case.name.removeprefix("cam_").split("_")
    order = config.get("order", "_".join(n for n in names if n in ("cca", "csa", "parallel")))
    count = config.get("num_cam", 1)
    kinds = sorted({name.split(".")[0] for name, _, _ in case.params})
    blocks = nn.ModuleDict({k: nn.ModuleList([attention_of(config, k) for _ in range(count)]) for k in kinds})
    case.fill(blocks)
    levels: list[Tensor] = levels_of(case)
    with torch.no_grad():
        for i in range(count):
            pick = lambda kind: blocks[kind][i] if kind in blocks else None  # noqa: B023, E731
            levels = exchange(levels, pick("cca"), pick("csa"), order)
    yield from compare_levels(case, levels, case.meta["tolerance"])


@handles("cfpt", "ccpe*")
def positions(case: Case) -> Iterator[Check]:
    """Index tables and expanded biases."""
    config, limits = case.config, case.meta["tolerance"]
    kinds = [k for k in ("spatial", "channel") if f"window_sizes_{k}" in config]
    build = lambda k: CrossLayerPositions(  # noqa: E731
        config[f"window_sizes_{k}"], config["num_heads"], spatial=k == "spatial", official=True
    )
    tables = case.fill(nn.ModuleDict({k: build(k) for k in kinds}))
    for kind in kinds:
        bias = tables[kind]()
        yield within(
            f"{kind}_index", tables[kind].relative_position_index, case.outputs[f"{kind}_index"], limits["index"]
        )
        yield Check(f"{kind}_embed_shape", bias.shape, case.outputs[f"{kind}_embed_shape"], exact())
        ends = bias[0, [0, -1], 0]
        name = f"{kind}_embed_heads_first_last"
        yield within(name, ends, case.outputs[name], limits["embed"])


@handles("cfpt", "partition*")
def partitions(case: Case) -> Iterator[Check]:
    """Paddings, partitions and their summing inverses."""
    config, limits = case.config, case.meta["tolerance"]
    count = len(config["ws_spatial"])
    spatial = parts.windows(count, 2, config["ws_spatial"][-1])
    channel = parts.windows(count, 4, config["ws_channel"][-1])
    for ours, kind in ((spatial, "spatial"), (channel, "channel")):
        yield Check(f"{kind} windows", [w.size for w in ours], config[f"ws_{kind}"], exact())
        yield Check(f"{kind} strides", [w.stride for w in ours], config[f"stride_{kind}"], exact())
    yield Check("spatial paddings", [[w.padding] * 2 for w in spatial], config["pad_spatial"], exact())
    yield Check("channel paddings", [w.padding for w in channel], config["pad_channel"], exact())
    for i in range(count):
        x = case.tensor(f"spatial_{i}")
        cut = parts.spatial_partition(x, spatial[i])
        back = parts.spatial_reverse(cut, spatial[i], (x.shape[2], x.shape[3]))
        yield within(f"spatial_part_{i}", cut, case.outputs[f"spatial_part_{i}"], limits)
        yield within(f"spatial_rev_{i}", back, case.outputs[f"spatial_rev_{i}"], limits)
        x = case.tensor(f"channel_{i}")
        coarse = parts.channel_reconstruct(x, config["unshuffle"][i])
        cut = parts.channel_partition(coarse, channel[i])
        values = parts.channel_reverse(cut[..., -config["hidden"] :], channel[i], (coarse.shape[2], coarse.shape[3]))
        back = parts.spatial_reconstruct(values, config["unshuffle"][i])
        yield within(f"channel_part_{i}", cut, case.outputs[f"channel_part_{i}"], limits)
        yield within(f"channel_vrev_{i}", back, case.outputs[f"channel_vrev_{i}"], limits)


@handles("cfpt", "neck_*")
def neck(case: Case) -> Iterator[Check]:
    """The whole neck; with ``train_*`` outputs also a pass with batch statistics, its gradients and buffers."""
    limits = case.meta["tolerance"]
    module = case.fill(CFPT(**case.config, official=True))
    features = [case.tensor(f"c{i}").requires_grad_() for i in range(2, 6)]
    with torch.no_grad():
        got = module(features)
    yield from compare_levels(case, got, limits)
    yield Check("shapes", [list(x.shape) for x in got], case.outputs["shapes"], exact())
    yield within("mean_abs", [x.abs().mean() for x in got], case.outputs["mean_abs"], limits)
    if "train_loss" in case.outputs:
        yield from _trained(case, module, features, limits)


def _trained(case: Case, module: nn.Module, features: list[Tensor], limits: dict[str, float]) -> Iterator[Check]:
    got = module.train()(features)
    loss = torch.stack([(x**2).mean() for x in got]).sum()
    loss.backward()
    yield within("train_loss", loss, case.outputs["train_loss"], limits)
    yield within("train_level4", got[4], case.outputs["train_level4"], limits)
    want = case.outputs["train_grad_c5_sub"]
    step = features[3].shape[1] // want.shape[1]
    yield within("train_grad_c5_sub", features[3].grad[:, ::step], want, limits)
    yield from gradients(module, case.meta["train_grad_norms"], GRADIENTS)
    buffers = dict(module.named_buffers())
    for name, (mean, total) in case.meta.get("train_running", {}).items():
        yield within(name, [buffers[name].mean(), buffers[name].abs().sum()], [mean, total], GRADIENTS)
