"""Goldens of GKGNet: neighbours, layers, whole networks, a training step, losses, scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from eln_parts import within
from gkgnet_parts import (
    double,
    gradient_checks,
    groups_of,
    limits,
    network_of,
    published_view,
    table_of,
    without_tables,
)
from harness import Case, Check, absolute, exact, handles
from torch import Tensor

from udalib import metrics
from udalib.engine.optim.build import OptimizerSpec, build_optimizer
from udalib.metrics import multi_label as scores
from udalib.models.gkgnet.blocks import LabelGraph, PatchGraph
from udalib.models.gkgnet.labels import LabelQueryHead
from udalib.models.gkgnet.positions import grid_codes
from udalib.ops.group_knn import distinct_neighbours, group_knn
from udalib.ops.multi_label import asymmetric_loss, smoothed_bce


def folded(neighbours: Tensor) -> Tensor:
    """(B, G, N, k) -> (B * G, N, k), the published layout."""
    return neighbours.flatten(0, 1)


def pairs(neighbours: Tensor) -> Tensor:
    """Neighbour and own numbers, (2, B * G, N, k)."""
    index = folded(neighbours)
    return torch.stack([index, torch.arange(index.shape[1])[:, None].expand_as(index)])


def edges(name: str, neighbours: Tensor, want: np.ndarray) -> Check:
    """``want`` with both numbers of an edge, or with the neighbour's alone; perhaps of the first queries only."""
    got = pairs(neighbours) if want.ndim == 4 else folded(neighbours)
    return Check(name, got[..., : want.shape[-2], :], want.astype(np.int64), exact())


@handles("gkgnet", "group_knn*")
def neighbours(case: Case) -> Iterator[Check]:
    config = case.config
    x = case.tensor("x")[..., 0]
    y = case.tensor("y")[..., 0] if "y" in case.inputs else x
    position = case.tensor("relative_pos")[0] if "relative_pos" in case.inputs else None
    options = {"k": config["k"], "groups": config["G"], "dilation": config.get("dilation", 1), "position": position}
    found = group_knn(x, y, **options)
    yield edges("edge_index", found, case.outputs["edge_index"])
    yield Check("in blocks", group_knn(x, y, **options, block=7), found, exact())
    if "distinct_sources" in case.outputs:
        yield Check("distinct_sources", distinct_neighbours(found), case.outputs["distinct_sources"], exact())


@handles("gkgnet", "relative_pos*")
def relative_positions(case: Case) -> Iterator[Check]:
    tolerance = limits(case, "")
    items = [tuple(item) for item in case.config["items"]]
    graphs = {}
    for d, n, r in items:
        side = round(n**0.5)
        codes = grid_codes((side, side), d)
        graph = graphs[d, n, r] = PatchGraph(d, 1, (side, side), r, official=True, groups=1)
        name = f"d{d}_n{n}_r{r}"
        yield within(f"{name}_base", 2 * codes @ codes.T / d, case.outputs[f"{name}_base"], tolerance)
        yield within(f"{name}_param", table_of(graph, n, n // r**2), case.outputs[f"{name}_param"], tolerance)
    if "resized_to_half_side" in case.outputs:
        d, n, r = items[0]
        half = table_of(graphs[d, n, r], n // 4, n // 4 // r**2)
        yield within("resized_to_half_side", half, case.outputs["resized_to_half_side"], tolerance)


def layer_checks(case: Case, module: torch.nn.Module, out: Tensor, grads: dict[str, Tensor]) -> Iterator[Check]:
    loss = out.square().mean()
    loss.backward()
    yield within("out", out, case.outputs["out"], limits(case, "out"))
    yield within("loss", loss, case.outputs["loss"], limits(case, "loss"))
    for name, leaf in grads.items():
        yield within(name, leaf.grad, case.outputs[name], limits(case, name))
    yield from gradient_checks(case, module)


def mode_of(case: Case) -> bool:
    return str(case.config.get("mode", "eval")) == "train"


@handles("gkgnet", "patch_kgcn*")
def patch_graph(case: Case) -> Iterator[Check]:
    config, side = case.config, round(case.config["n"] ** 0.5)
    options: dict[str, Any] = {"groups": groups_of(config), "dilation": config.get("dilation", 1), "official": True}
    graph = PatchGraph(config["channels"], config["k"], (side, side), config.get("reduce_ratio", 1), **options)
    without_tables(case).fill(graph).double().train(mode_of(case))
    x = double(case, "x")
    yield edges("edge_index", graph.neighbours(x), case.outputs["edge_index"])
    yield from layer_checks(case, graph, graph(x), {"grad_x": x})


@handles("gkgnet", "cross_kgcn*")
def label_graph(case: Case) -> Iterator[Check]:
    config = case.config
    graph = LabelGraph(config["channels"], config["k"], groups=groups_of(config))
    case.fill(graph).double().train(mode_of(case))
    labels, features = double(case, "labels"), double(case, "features")
    out, found = graph(labels, features)
    yield edges("edge_index", found, case.outputs["edge_index"])
    yield from layer_checks(case, graph, out, {"grad_labels": labels, "grad_features": features})


@handles("gkgnet", "whole*")
def whole_network(case: Case) -> Iterator[Check]:
    network = network_of(case)
    image = double(case, "img").detach()
    with torch.no_grad():
        first = network.encoder.graphs()[0]  # type: ignore[operator]
        stem = network.encoder.stem(image) + network.encoder.pos_embed  # type: ignore[operator]
        features = network.features(image)
        embeddings, chosen = network.decoder.embed(features)  # type: ignore[operator]
        logits = network(image)
    if "edges_first_block" in case.outputs:
        yield edges("edges_first_block", first.neighbours(stem), case.outputs["edges_first_block"])
    yield edges("last_label_edges", chosen[-1], case.outputs["last_label_edges"])
    found = {"label_embeddings": embeddings, "gap": features[-1].mean((2, 3)), "scores": logits}
    for name, value in found.items():
        kind = "scores" if name == "scores" else "label_embeddings"
        yield within(name, value, case.outputs[name], limits(case, kind))
    yield Check("prob", logits.sigmoid(), case.outputs["prob"], absolute(1e-2))


def losses_of(config: dict[str, Any], logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Both terms and their sum, by the names of the files."""
    options = {key: config[key] for key in ("gamma_pos", "gamma_neg", "clip") if key in config}
    bce = smoothed_bce(logits, target, config.get("label_smooth", 0.1))
    asymmetric = config.get("asy_weight", 10) * asymmetric_loss(logits, target, **options)
    return {"bce_loss": bce, "asy_loss": asymmetric, "total": bce + asymmetric}


@handles("gkgnet", "train_step*")
def training_step(case: Case) -> Iterator[Check]:
    network, config = network_of(case), case.config
    network.train()
    view = published_view(network)
    own = dict(view.named_parameters())
    rules = no_decay(view)
    image, target = double(case, "img").detach(), case.tensor("gt_label")
    logits = network(image)
    found = losses_of(config, logits, target)
    found["total"].backward()
    for name, value in found.items():
        yield within(name, value, case.outputs[name], limits(case, "losses"))
    yield within("scores_train", logits, case.outputs["scores_train"], {"atol": 0.02, "rtol": 1e-4})
    yield from gradient_checks(case, view)
    total = torch.nn.utils.clip_grad_norm_(own.values(), config.get("clip_norm", 5.0))
    yield within("grad_total_norm", total, case.outputs["grad_total_norm"], limits(case, "grad_total_norm"))
    lr, decay = config.get("lr", 1e-4), config.get("weight_decay", 0.05)
    optimizer = build_optimizer(OptimizerSpec("adamw", lr, weight_decay=decay, rules=rules), own.items())
    optimizer.step()
    network(image)
    state = view.state_dict()
    for name in case.outputs:
        if name.endswith("_after"):
            kind = "bn_buffers" if "running" in name else "updated_tensors"
            yield within(name, entry(state, name), case.outputs[name], limits(case, kind))


def no_decay(module: torch.nn.Module) -> tuple[Any, ...]:
    """The rules of the recipes, which this checks with the step."""
    from udalib.recipes.zoo.gkgnet.parts import NO_DECAY

    rules = NO_DECAY
    spared = OptimizerSpec("adamw", weight_decay=1.0, rules=rules)
    norms = {id(p) for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters()}
    for name, p in module.named_parameters():
        free = spared.settings(name).weight_decay == 0
        assert free == (id(p) in norms or name.endswith("bias")), f"{name}: decay {not free}"
    return rules


def entry(state: dict[str, Tensor], name: str) -> Tensor:
    """The state entry that an output such as "stem_conv0_weight_after" is of."""
    names = {
        "stem_conv0_weight_after": "backbone.stem.convs.0.weight",
        "label_lt_after": "backbone.label_lt.weight",
        "stem_bn1_running_mean_after": "backbone.stem.convs.1.running_mean",
        "stem_bn1_running_var_after": "backbone.stem.convs.1.running_var",
    }
    return state[names[name]]


@handles("gkgnet", "head_losses*")
def head_and_losses(case: Case) -> Iterator[Check]:
    config = case.config
    head = LabelQueryHead(config["in_channels"], config["num_classes"])
    case.fill(head).double()
    embeddings, pooled = double(case, "label_embeddings"), double(case, "gap")
    logits = head(embeddings, pooled)
    found: dict[str, Any] = {"scores": logits, **losses_of(config, logits, case.tensor("gt_label"))}
    found["total"].backward()
    found |= {"grad_emb": embeddings.grad, "grad_gap": pooled.grad}
    found |= {f"grad_{name.replace('.', '_')}": p.grad for name, p in head.named_parameters()}
    for name in case.outputs:
        yield within(name, found[name], case.outputs[name], limits(case, name))


@handles("gkgnet", "asymmetric_loss*")
def losses(case: Case) -> Iterator[Check]:
    target = case.tensor("gt")
    for i, (pos, neg, clip, factor) in enumerate(case.config["asl_sets"]):
        pred = double(case, "pred")
        reduction = "mean" if factor is None else "images"
        loss = asymmetric_loss(pred, target, gamma_pos=pos, gamma_neg=neg, clip=clip, reduction=reduction)
        # The files divide by whatever factor they name, which is the number of images.
        loss = loss if factor is None else loss * len(target) / factor
        loss.backward()
        yield from both(case, f"asl{i}", loss, pred)
    for i, smoothing in enumerate(case.config.get("smoothings", (0.1, 0.0, 0.2))):
        if f"smooth{i}" in case.outputs:
            pred = double(case, "pred")
            loss = smoothed_bce(pred, target, smoothing)
            loss.backward()
            yield from both(case, f"smooth{i}", loss, pred)


def both(case: Case, name: str, loss: Tensor, leaf: Tensor) -> Iterator[Check]:
    yield within(name, loss, case.outputs[name], limits(case, name))
    yield within(f"{name}_grad", leaf.grad, case.outputs[f"{name}_grad"], limits(case, name))


@handles("gkgnet", "metrics*")
def multi_label_scores(case: Case) -> Iterator[Check]:
    score, target = case.inputs["scores"], case.inputs["gt"]
    tolerance = limits(case, "")
    found: dict[str, Any] = {}
    ap = scores.average_precision(score, target, official=True)
    found |= {"coco_ap_per_class": ap, "coco_mAP": ap.mean()}
    for ending, rule in (("", {}), ("_top3", {"top": 3})):
        values = scores.precision_recall(scores.predicted_labels(score, **rule), target)
        found |= {f"coco_{key.upper()}{ending}": value for key, value in values.items()}
    sized = scores.average_precision_by_size(score, target, case.inputs["area"])
    found["map_area_s_m_l"] = [np.nan_to_num(sized[size]).mean() for size in ("small", "medium", "large")]
    plain = metrics.multi_label_scores(score, target, [str(i) for i in range(score.shape[1])])
    found["mmcls_mAP_percent"] = 100 * np.nan_to_num(list(map(float, map(zero, plain["class_ap"].values())))).mean()
    order = ("cp", "cr", "cf1", "op", "or", "of1")
    found["mmcls_thr05_CP_CR_CF1_OP_OR_OF1"] = [100 * plain[key] for key in order]
    found["mmcls_top3_CP_CR_CF1_OP_OR_OF1"] = [100 * plain[f"{key}_top3"] for key in order]
    for name in case.outputs:
        yield within(name, found[name], case.outputs[name], tolerance)


def zero(value: float | None) -> float:
    """The published mean counts a class that no image shows as 0."""
    return 0.0 if value is None else value
