"""QuadMix: warping, mixing on images and clips, pseudo labels across frames, centroids, losses, schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from harness import Case, Check, absolute, agreement, exact, handles, relative, relmax
from self_training_script import chosen_table
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.engine.optim.build import OptimizerSpec, Rule, build_optimizer, set_learning_rates
from udalib.engine.optim.schedules import Poly
from udalib.methods.shared.clip_losses import total_loss, video_losses
from udalib.metrics import class_iou, confusion_matrix
from udalib.ops import class_mask, confident_fraction, cross_entropy, pseudo_labels
from udalib.ops.centroids import (
    Centroids,
    class_centroids,
    class_entropy,
    fuse_over_time,
    mmd_rbf,
    temporal_weights,
)
from udalib.ops.clips import Clip, cut
from udalib.ops.cross_frame import carried_labels, own_labels
from udalib.ops.feature_mixing import mix_features, shrink_mask
from udalib.ops.histogram_matching import match_histograms
from udalib.ops.pil_round_trip import pil_round_trip
from udalib.ops.quad_mixing import Patches, QuadMixed, Template, class_template, positions_in_list, quad_mix
from udalib.ops.warp import resize_flow, warp

CLOSE = absolute(1e-4)
NEAR = relmax(1e-4)  # the files': rtol 1e-4 with an atol of 1e-6; here as a share of the largest value


def ids(case: Case, name: str) -> Tensor:
    """Listed class ids of each sample as a table, bool (B, 256); 729 and -1, "empty" and "none", are in none."""
    listed = np.atleast_2d(case.inputs[name]).astype(int)
    return chosen_table([[i for i in row if 0 <= i <= IGNORE_INDEX] for row in listed.tolist()])


@handles("quadmix", "warp*")
def warped(case: Case) -> Iterator[Check]:
    x, flow = case.tensor("input"), case.tensor("flow")
    mode = "bilinear" if case.config.get("bilinear", True) else "nearest"
    yield Check("warped", warp(x, flow, mode), case.outputs["warped"], CLOSE)


@handles("quadmix", "feature_mix*")
def features(case: Case) -> Iterator[Check]:
    x, mask = case.tensor("x"), case.tensor("mask")
    mixed = mix_features(x, case.tensor("feat_ss"), mask, case.config["weight"])
    yield Check("mixed", mixed, case.outputs["mixed"], absolute(2e-6))
    yield Check("mask_small", shrink_mask(mask, x.shape[-2:]), case.outputs["mask_small"], exact())


@handles("quadmix", "hist_match*")
def histograms(case: Case) -> Iterator[Check]:
    matched = match_histograms(case.tensor("source")[None], case.tensor("target")[None])[0]
    yield Check("matched", matched, case.outputs["matched"], absolute(1e-3))


@handles("quadmix", "legacy_pil_roundtrip*")
def round_trip(case: Case) -> Iterator[Check]:
    yield Check("y", pil_round_trip(case.tensor("x")), case.outputs["y"], absolute(1e-6))


@handles("quadmix", "image_paths*")
def image_paths(case: Case) -> Iterator[Check]:
    source = image(case, "img", "gt", None)
    target = image(case, "target_img", "pseudo", "weight")
    stored = image(case, "img_T", "gt_T", None)
    stored_target = image(case, "target_img_T", "pseudo_T", "weight_T")
    chosen = ids(case, "source_classes")
    source_template = class_template(stored, chosen)
    confident = case.tensor("conf_T")[:, None]
    target_template = class_template(stored_target, ids(case, "target_classes"), confident)
    patches = (patches_of(case, "tss"), patches_of(case, "tst"))
    mixed = quad_mix(source, target, source_template, target_template, patches, official=True)
    if "legacy_excluded_values" in case.inputs:
        listed = torch.stack([torch.bincount(label.flatten(), minlength=256) > 0 for label in stored.label])
        taken = positions_in_list(chosen, listed)
        yield Check("legacy_excluded_values", taken, ids(case, "legacy_excluded_values"), exact())
    yield Check("mask_s", source_template.mask, case.outputs["mask_s"], exact())
    yield Check("mask_t", target_template.mask, case.outputs["mask_t"], exact())
    yield from image_checks(case, mixed)


def image(case: Case, name: str, label: str, weight: str | None) -> Clip:
    """An image of the file as a clip of one frame."""
    ids = case.tensor(label).long().flatten(1)
    frames = case.tensor(name)[:, None]
    labels = ids.view(len(ids), 1, *frames.shape[-2:])
    return Clip(frames, labels, torch.ones(labels[:, 0].shape) if weight is None else case.tensor(weight))


def patches_of(case: Case, path: str) -> Patches | None:
    """The patches of one path, or None."""
    if f"patch_img_{path}" not in case.inputs:
        return None
    labels = case.tensor(f"patch_lbl_{path}").long()
    classes = case.tensor("long_tail_classes").long().expand(labels.shape[:2])
    return Patches(case.tensor(f"patch_img_{path}"), labels, classes)


def image_checks(case: Case, mixed: QuadMixed) -> Iterator[Check]:
    for name in ("ss", "st", "tss", "tst"):
        clip: Clip = getattr(mixed, name)
        want = case.outputs[f"y_{name}"]
        yield Check(f"x_{name}", clip.image, case.outputs[f"x_{name}"], absolute(1e-6))
        yield Check(f"y_{name}", clip.label.view(want.shape), want, exact())
        yield Check(f"w_{name}", clip.weight, case.outputs[f"w_{name}"], absolute(1e-6))


@handles("quadmix", "image_losses*")
def image_losses(case: Case) -> Iterator[Check]:
    config = case.config
    label, confidence = pseudo_labels(case.tensor("teacher_logits"))
    raw = confident_fraction(confidence, config["pseudo_threshold"]).expand(label.shape)
    yield Check("pseudo", label, case.outputs["pseudo"], exact())
    yield Check("weight_raw", raw, case.outputs["weight_raw"], absolute(1e-6))
    yield Check("weight", raw * case.tensor("valid_mask")[:, 0], case.outputs["weight"], absolute(1e-6))
    yield Check("conf", confidence >= config["conf_threshold"], case.outputs["conf"], exact())
    logits = {name: case.tensor(f"logits_{name}").requires_grad_() for name in ("tss", "tst")}
    losses = {}
    for name, each in logits.items():
        labels, weights = case.tensor(f"labels_{name}"), case.tensor(f"weights_{name}")
        options: dict[str, Any] = {"reduction": "all_mean", "ignore_index": config["ignore_index"]}
        losses[name] = cross_entropy(each, labels, weights, **options)
        yield Check(f"loss_{name}", losses[name], case.outputs[f"loss_{name}"], relative(1e-4))
        if name == "tss" and "loss_unweighted" in case.outputs:
            plain = cross_entropy(each, labels, **options)
            yield Check("loss_unweighted", plain, case.outputs["loss_unweighted"], relative(1e-4))
    total = 0.5 * (losses["tss"] + losses["tst"])
    total.backward()
    yield Check("total", total, case.outputs["total"], relative(1e-4))
    for name, each in logits.items():
        yield Check(f"grad_{name}", each.grad, case.outputs[f"grad_{name}"], NEAR)


@handles("quadmix", "video_paths*")
def video_paths(case: Case) -> Iterator[Check]:
    config = case.config
    size = (int(config["crop_hw"][0]), int(config["crop_hw"][1]))
    window = (int(config["row_offset"]), int(config["col_offset"]), size)
    stored, stored_target = (
        clip(case, "src{}_T", "lbl{}_T", "src_flow_T"),
        clip(case, "trg{}_T", "pl{}_T", "trg_flow_T"),
    )
    template = class_template(stored, ids(case, "source_classes"))
    yield Check("mask_s", template.mask[:, 1], case.outputs["mask_s"], exact())
    yield Check("mask_s_k", template.mask[:, 0], case.outputs["mask_s_k"], exact())
    cut_template = Template(cut(template.clip, *window), crop(template.mask, *window))
    confident = case.tensor("conf").transpose(0, 1).flip(1)
    target_template = class_template(stored_target, ids(case, "target_classes"), confident)
    yield Check("mask_t", target_template.mask[:, 1], case.outputs["mask_t"], exact())
    yield Check("mask_t_k", target_template.mask[:, 0], case.outputs["mask_t_k"], exact())
    patches = Patches(
        crop(case.tensor("patch_imgs"), *window)[None],
        crop(case.tensor("patch_lbls"), *window)[None].long(),
        case.tensor("long_tail_used").long()[None],
    )
    source = cut(clip(case, "src{}", "lbl{}", "src_flow"), *window)
    target = clip(case, "trg{}", "pl{}", "trg_flow")
    both = (patches, patches)
    mixed = quad_mix(source, target, cut_template, target_template, both, patches_on_top=False, official=True)
    yield Check("mask_longtail", mixed.patched, case.outputs["mask_longtail"], exact())
    yield from video_checks(case, mixed)


def crop(x: Tensor, top: int, left: int, size: tuple[int, int]) -> Tensor:
    """The window of maps (..., H, W)."""
    return x[..., top : top + size[0], left : left + size[1]]


def clip(case: Case, frame: str, label: str, flow: str) -> Clip:
    """Two frames of the file; their names have "_k" in the braces for the previous one."""
    frames = torch.stack([case.tensor(frame.format(which)) for which in ("_k", "")], 1)
    labels = torch.stack([case.tensor(label.format(which)).long() for which in ("_k", "")], 1)
    return Clip(frames, labels, torch.ones(labels[:, 0].shape), case.tensor(flow)[:, None])


def video_checks(case: Case, mixed: QuadMixed) -> Iterator[Check]:
    for name in ("tst", "tss"):
        each: Clip = getattr(mixed, name)
        for which, t in (("", 1), ("_k", 0)):
            yield Check(f"x_{name}{which}", each.frames[:, t], case.outputs[f"x_{name}{which}"], absolute(1e-5))
            yield Check(f"y_{name}{which}", each.labels[:, t], case.outputs[f"y_{name}{which}"], exact())
        assert each.flow is not None
        yield Check(f"flow_{name}", each.flow[:, 0], case.outputs[f"flow_{name}"], absolute(1e-5))
    for name in ("st", "ss"):
        each = getattr(mixed, name)
        yield Check(f"x_{name}_mid", each.image, case.outputs[f"x_{name}_mid"], absolute(1e-5))
        yield Check(f"y_{name}_mid", each.label, case.outputs[f"y_{name}_mid"], exact())


@handles("quadmix", "pseudo_labels*")
def across_frames(case: Case) -> Iterator[Check]:
    config, scores, flow = case.config, case.tensor("score_b"), case.tensor("flow_d_to_b")
    size = tuple(config["full_hw"])
    options: dict[str, Any] = {"official": True}
    if config.get("flip"):
        options["mirrored"] = torch.ones(len(scores), dtype=torch.bool)
    low, full = carried_labels(scores, flow, **options), carried_labels(scores, flow, size, **options)
    before = own_labels(scores, size, **options)
    for name, got in (("label_low", low.label), ("label", full.label), ("label_k", before.label)):
        yield Check(name, got, case.outputs[name], agreement(0.999))  # ties within 1e-4, as the file allows
    yield Check("confidence", full.confidence, case.outputs["confidence"], CLOSE)
    yield Check("value_k", before.confidence, case.outputs["value_k"], CLOSE)
    chosen = chosen_table([config["classes"]] * len(scores))
    for name, labels in (("mask_t", full), ("mask_t_k", before)):
        mask = class_mask(labels.label, chosen) & (labels.confidence > config["threshold"])
        yield Check(name, mask, case.outputs[name], agreement(0.999))
    yield Check("flow_low", resize_flow(flow, scores.shape[-2:], official=True), case.outputs["flow_low"], CLOSE)
    yield Check("flow_full", resize_flow(flow, size, official=True), case.outputs["flow_full"], CLOSE)


@handles("quadmix", "centroids*")
def centroids(case: Case) -> Iterator[Check]:
    minimum = case.config["min_pixels"]
    scores = {name: case.tensor(f"score_{name}").requires_grad_() for name in ("src", "dc", "da")}
    label = case.tensor("label").long()
    found: dict[str, Centroids] = {
        name: class_centroids(each, label if name == "src" else None, min_pixels=minimum)
        for name, each in scores.items()
    }
    for name, each in found.items():
        yield Check(f"V_{name}", each.vectors[0], case.outputs[f"V_{name}"], relmax(1e-4))
        yield Check(f"ids_{name}", each.present[0].nonzero()[:, 0], case.outputs[f"ids_{name}"], exact())
    pairs = (scores["dc"], scores["da"])
    vectors = (found["dc"].vectors, found["da"].vectors)
    losses = {}
    for name, trust in (("", "equal"), ("_entropy", "unsure")):
        fused = fuse_over_time(vectors, temporal_weights(pairs, trust))
        losses[name] = mmd_rbf(found["src"].vectors, fused)
        yield Check(f"V_T{name}", fused[0], case.outputs[f"V_T{name}"], relmax(1e-4))
        yield Check(f"loss_mmd{name}", losses[name], case.outputs[f"loss_mmd{name}"], relative(1e-4))
    entropy = torch.cat([class_entropy(each) for each in pairs])
    yield Check("mean_entropy", entropy, case.outputs["mean_entropy"], absolute(1e-6))
    losses[""].backward()
    for name, each in scores.items():
        yield Check(f"grad_{name}", each.grad, case.outputs[f"grad_{name}"], relmax(1e-4))


@handles("quadmix", "video_losses*")
def losses_of_a_step(case: Case) -> Iterator[Check]:
    config = case.config
    scores = {n.removeprefix("score_"): case.tensor(n).requires_grad_() for n in case.inputs if n.startswith("score_")}
    labels = {n: case.tensor(n).long() for n in case.inputs if not n.startswith("score_")}
    terms = video_losses(scores, labels, align_corners=config["align_corners"], trust="equal")
    total = total_loss(terms, config["lambda_T"], config["aux"], config["mmd"])
    for name, value in terms.items():
        yield Check(f"loss_{name}", value, case.outputs[f"loss_{name}"], relative(1e-4))
    yield Check("total", total, case.outputs["total"], relative(1e-4))
    total.backward()
    for name, each in scores.items():
        assert each.grad is not None
        if f"grad_{name}" in case.outputs:
            yield Check(f"grad_{name}", each.grad, case.outputs[f"grad_{name}"], relmax(1e-4))
        if f"grad_{name}_l2" in case.outputs:
            yield Check(f"grad_{name}_l2", each.grad.norm(), case.outputs[f"grad_{name}_l2"], relative(1e-4))


@handles("quadmix", "video_schedule*")
def schedule(case: Case) -> Iterator[Check]:
    config = case.config
    rules = (Rule("sf_layer", lr_mult=10.0), Rule("decoder", lr_mult=10.0, constant=True))
    spec = OptimizerSpec("sgd", lr=config["base_lr"], weight_decay=5e-4, rules=rules)
    names = ("encoder.conv1", "sf_layer", "decoder.layer7")
    optimizer = build_optimizer(spec, [(name, torch.nn.Parameter(torch.zeros(1))) for name in names])
    poly, rates = Poly(config["max_iters"], config["power"]), []
    groups = {name: group for group in optimizer.param_groups for name in group["parameter_names"]}
    for iteration in case.inputs["iters"]:
        set_learning_rates(optimizer, poly, int(iteration))
        rates.append([groups[name]["lr"] for name in names])
    yield Check("lr", np.array(rates), case.outputs["lr"], relative(1e-7))
    counts = confusion_matrix(case.tensor("pred"), case.tensor("gt"), config["K"])
    yield Check("hist", counts[:, : config["K"]], case.outputs["hist"], exact())
    yield Check("iou", class_iou(counts), case.outputs["iou"], relative(1e-7))
