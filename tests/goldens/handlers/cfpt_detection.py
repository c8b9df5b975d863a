"""CFPT's detector: elementary losses, heads, whole detector, parameter counts, average precision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from cfpt_parts import gradients
from eln_parts import within
from harness import Case, Check, exact, handles
from torch import Tensor, nn

from udalib.metrics.detection import COCO, TINY, TINY_PLAIN, ImageBoxes, coco_stats, evaluate
from udalib.models.detection.anchors import Anchors
from udalib.models.detection.detector import create_detector
from udalib.models.detection.heads.dense import DenseHead
from udalib.models.detection.heads.gfl import GflHead
from udalib.models.detection.heads.retina import RetinaHead
from udalib.models.detection.select import Selection
from udalib.ops import boxes as losses


@handles("cfpt", "losses_*")
def elementary(case: Case) -> Iterator[Check]:
    """Focal, quality focal, distribution focal, GIoU, IoU and L1 losses."""
    c, limits = case.config, case.meta["tolerance"]
    x = lambda name: case.tensor(name)  # noqa: E731
    label, weight = x("label"), x("weight")
    pred, dist, box = (x(n).requires_grad_() for n in ("pred", "dist", "box_pred"))
    focal = losses.focal_loss(pred, label, c["gamma"], c["alpha"]).sum(1)
    quality = losses.quality_focal_loss(pred, label, x("score"), c["qfl_beta"])
    sides = losses.distribution_focal_loss(dist, x("dist_label")) * x("dist_weight")
    giou = losses.giou_loss(box, x("box_target")) * x("box_weight")
    values = {
        "focal": (focal * weight).sum() / c["avg_factor"],
        "qfl": (quality * weight).sum() / c["avg_factor"],
        "dfl": 0.25 * sides.sum() / c["dfl_avg_factor"],
        "giou": 2 * giou.sum() / c["giou_avg_factor"],
        "l1": ((box - x("box_target")).abs() * x("box_weight")[:, None]).sum() / c["avg_factor"],
    }
    for name, value in values.items():
        yield within(name, value, case.outputs[name], limits)
    for name, source in (("focal", pred), ("qfl", pred), ("dfl", dist), ("giou", box)):
        (gradient,) = torch.autograd.grad(values[name], source, retain_graph=True)
        yield within(f"{name}_grad", gradient, case.outputs[f"{name}_grad"], limits)
    yield within("iou_none", losses.log_iou_loss(box, x("box_target")), case.outputs["iou_none"], limits)


def anchors_of(config: dict[str, Any]) -> Anchors:
    return Anchors(
        tuple(config["strides"]),
        config["octave_base_scale"],
        config["scales_per_octave"],
        tuple(config["ratios"]),
    )


def selection_of(config: dict[str, Any]) -> Selection:
    return Selection(config["nms_pre"], config["score_thr"], config["nms"]["iou_threshold"], config["max_per_img"])


def head_of(config: dict[str, Any]) -> DenseHead:
    """A head of the framework's configuration."""
    train = config["train_cfg"]["assigner"]
    shared: dict[str, Any] = {"channels": config["feat_channels"], "depth": config["stacked_convs"]}
    shared |= {"anchors": anchors_of(config["anchor_generator"]), "selection": selection_of(config["test_cfg"])}
    if config["type"] == "GFLHead":
        return GflHead(
            config["num_classes"],
            config["in_channels"],
            **shared,
            reg_max=config["reg_max"],
            topk=train["topk"],
            beta=config["loss_cls"]["beta"],
            box_weight=config["loss_bbox"]["loss_weight"],
            side_weight=config["loss_dfl"]["loss_weight"],
        )
    return RetinaHead(
        config["num_classes"],
        config["in_channels"],
        **shared,
        positive=train["pos_iou_thr"],
        negative=train["neg_iou_thr"],
        gamma=config["loss_cls"]["gamma"],
        alpha=config["loss_cls"]["alpha"],
        means=config["bbox_coder"]["target_means"],
        stds=config["bbox_coder"]["target_stds"],
    )


def truths(case: Case) -> tuple[list[Tensor], list[Tensor]]:
    count = sum(bool(re.fullmatch(r"gt_boxes\d+", name)) for name in case.inputs)
    return [case.tensor(f"gt_boxes{i}") for i in range(count)], [case.tensor(f"gt_labels{i}") for i in range(count)]


@handles("cfpt", "retina_head*", "gfl_head*")
def head(case: Case) -> Iterator[Check]:
    """Anchors, losses of fixed predictions, their gradients, the filled head, detections of image 0."""
    limits, want = case.meta["tolerance"], case.outputs
    module: Any = case.fill(head_of(case.config["head"]))
    sizes = [(int(h), int(w)) for h, w in case.config["sizes"]]
    anchors = module.anchors.all(sizes)
    yield Check("num_anchors_per_level", [len(a) for a in anchors], want["num_anchors_per_level"], exact())
    first = want["anchors_level0_first"]
    yield within("anchors_level0_first", anchors[0][: len(first)], first, limits)
    yield from (
        within(n, anchors[int(n.removeprefix("anchors_level"))], want[n], limits)
        for n in want
        if re.fullmatch(r"anchors_level\d+", n)
    )
    levels = range(len(sizes))
    classes, boxes = ([case.tensor(f"{k}{i}").requires_grad_() for i in levels] for k in ("cls", "reg"))
    parts = module.losses(classes, boxes, *truths(case))
    for name, value in parts.items():
        yield within(name, value, want[name], limits)
    total = torch.stack([v.sum() for v in parts.values()]).sum()
    total.backward()
    yield within("total", total, want["total"], limits)
    for kind, maps in (("cls", classes), ("reg", boxes)):
        yield within(f"grad_{kind}_norm", [m.grad.norm() for m in maps], want[f"grad_{kind}_norm"], limits)
        for name in want:
            if found := re.fullmatch(rf"grad_{kind}_level(\d+)", name):
                yield within(name, maps[int(found[1])].grad, want[name], limits)
    inputs = [case.tensor(n) for n in sorted(n for n in case.inputs if n.startswith("head_in"))]
    for i, (c, r) in enumerate(zip(*module(inputs), strict=True)):
        yield within(f"head_cls{i}", c, want[f"head_cls{i}"], limits)
        yield within(f"head_reg{i}", r, want[f"head_reg{i}"], limits)
    height, width = case.config["image_hw"]
    found = module.detect([c[:1].detach() for c in classes], [r[:1].detach() for r in boxes], (height, width))[0]
    yield Check("num_det", len(found["boxes"]), want["num_det"], exact())
    count = len(want["det_labels"])
    yield Check("det_labels", found["labels"][:count], want["det_labels"], exact())
    yield within(
        "det_boxes", torch.cat([found["boxes"], found["scores"][:, None]], 1)[:count], want["det_boxes"], limits
    )


@handles("cfpt", "detector_*")
def detector(case: Case) -> Iterator[Check]:
    """The whole detector: losses, gradient norms, what is frozen, eval features after one training forward."""
    limits, want = case.meta["tolerance"], case.outputs
    depth = re.search(r"_r(\d+)_", case.config["config"])
    assert depth is not None
    network = create_detector(10, f"resnet{depth[1]}", "cfpt", official=True)
    parts = nn.ModuleDict({"backbone": network.encoder, "neck": network.neck, "bbox_head": network.head})
    case.fill(parts)
    network.train()
    image, (boxes, labels) = case.tensor("img"), truths(case)
    terms = network.head.losses(*network.head(network.neck(network.encoder(image))), boxes, labels)
    total = torch.stack([v.sum() for v in terms.values()]).sum()
    total.backward()
    yield within("loss_cls", terms["loss_cls"], want["loss_cls"], limits)
    yield within("loss_bbox", terms["loss_bbox"], want["loss_bbox"], limits)
    yield within("total", total, want["total"], limits)
    norms = [p.grad.norm() for p in parts.parameters() if p.grad is not None]
    yield within("grad_total_norm", torch.stack(norms).norm(), want["grad_total_norm"], limits)
    yield from gradients(parts, case.meta["grad_norms"], limits)
    frozen = [n for n, p in parts.named_parameters() if not p.requires_grad]
    yield Check("no_grad", sorted(frozen), sorted(case.meta["no_grad"]), exact())
    with torch.no_grad():
        features = network.eval().encoder(image[:1])
        levels = network.neck(features)
    for i, x in enumerate(features):
        yield within(f"backbone_c{i + 2}", x.abs().mean(), want[f"backbone_c{i + 2}_meanabs"], limits)
    for i, x in enumerate(levels):
        yield within(f"neck_p{i + 3}", x.abs().mean(), want[f"neck_p{i + 3}_meanabs"], limits)
    step = levels[2].shape[1] // want["neck_p5_sub"].shape[1]
    yield within("neck_p5_sub", levels[2][:, ::step], want["neck_p5_sub"], limits)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


NECK_NAMES = {
    "cfpt": ("cfpt", {}),
    "FPN": ("fpn", {}),
    "FPN_on_output": ("fpn", {"extra": "output"}),
    "PAFPN": ("pafpn", {}),
}


@handles("cfpt", "param_counts*")
def parameter_counts(case: Case) -> Iterator[Check]:
    """Exact parameter numbers, backbone by backbone."""
    networks: dict[tuple[str, str], Any] = {}
    for key in case.outputs:
        backbone, _, what = key.partition(".")
        kind = next((n for n in sorted(NECK_NAMES, key=len, reverse=True) if what.endswith(f"_{n}")), "cfpt")
        if (backbone, kind) not in networks:
            neck, options = NECK_NAMES[kind]
            encoder = f"resnet{backbone.removeprefix('r')}"
            networks[backbone, kind] = create_detector(10, encoder, neck, neck_options=options, official=True)
        yield Check(key, _counted(networks[backbone, kind], what), int(case.outputs[key]), exact())


def _counted(network: Any, what: str) -> int:
    if what.startswith("total_"):
        return count(network)
    if what == "backbone":
        return count(network.encoder)
    if what == "head":
        return count(network.head)
    if what.startswith("neck_children."):
        return count(network.neck.get_submodule(what.removeprefix("neck_children.")))
    if what.startswith("attn_children."):
        _, kind, part = what.split(".")
        name = {"cca": "cross_layer_channel_attn", "csa": "cross_layer_spatial_attn"}[kind]
        module = getattr(getattr(network.neck, name), part, None)  # the softmax is a function here
        return 0 if module is None else count(module)
    return count(network.neck)


def images_of(case: Case, *, crowd: str = "", ignored: tuple[str, ...] = ()) -> tuple[list[ImageBoxes], int]:
    """The file's boxes and detections by image, and the number of classes."""
    x = case.inputs
    kinds = np.unique(np.concatenate([x["gt_category"], x["dt_category"]]))
    numbers = sorted(set(x["gt_image"].tolist()) | set(x["dt_image"].tolist()))
    corners = lambda b: np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1)  # noqa: E731
    found = []
    for number in numbers:
        g, d = x["gt_image"] == number, x["dt_image"] == number
        found.append(
            ImageBoxes(
                corners(x["gt_bbox_xywh"][g]),
                np.searchsorted(kinds, x["gt_category"][g]),
                corners(x["dt_bbox_xywh"][d]),
                np.searchsorted(kinds, x["dt_category"][d]),
                x["dt_score"][d],
                x["gt_area"][g],
                x[crowd][g] if crowd else np.zeros(0),
                np.any([x[n][g] for n in ignored], axis=0) if ignored else np.zeros(0),
            )
        )
    return found, len(kinds)


@handles("cfpt", "coco_ap*")
def coco_ap(case: Case) -> Iterator[Check]:
    """COCO's twelve numbers, AP by class, a curve."""
    limits = case.meta["tolerance"]
    scores = evaluate(*images_of(case, crowd="gt_iscrowd"), COCO)
    yield within("stats12", coco_stats(scores), case.outputs["stats12"], limits)
    yield within("per_category_ap", scores.by_class(), case.outputs["per_category_ap"], limits)
    yield within("precision", scores.precision[0, :, 0, 0, -1], case.outputs["precision_iou50_cat0"], limits)


@handles("cfpt", "tiny_ap*")
def tiny_ap(case: Case) -> Iterator[Check]:
    """TinyPerson's AP and AR with its rules for ignored boxes and without."""
    limits = case.meta["tolerance"]
    for name, protocol, flags in (
        ("stats_official", TINY, ("gt_ignore", "gt_uncertain")),
        ("stats_no_ignore_tricks", TINY_PLAIN, ("gt_ignore",)),
    ):
        scores = evaluate(*images_of(case, ignored=flags), protocol)
        values = [
            scores.mean(recall=recall, size=size, threshold=t)
            for recall in (False, True)
            for t in protocol.thresholds
            for size, _, _ in protocol.sizes
        ]
        yield within(name, np.nan_to_num(np.array(values), nan=-1.0), case.outputs[name], limits)
