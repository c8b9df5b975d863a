"""HRDA: crop boxes, the training forward, inference on one crop and on large images, the mask of valid pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from harness import Case, Check, exact, handles, relative, relmax
from published_networks import hrda_network
from subsample import subsample
from torch import Tensor

from udalib.core.draws import Draws
from udalib.data.transforms.spatial import ValidMargins
from udalib.engine.evaluation.inference import Sliding
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.ops import batch_accuracy, cross_entropy
from udalib.ops.resize import resize
from udalib.ops.scales import Box, crop_box, crop_positions

TOLERANCE = relmax(2e-4)  # the files' own


def drawn_box(size: tuple[int, int], crop: tuple[int, int], divisible: int, rng: np.random.RandomState) -> Box:
    """Box of numpy's legacy generator: y before x, nothing drawn if the crop is the image."""
    if size == crop:
        return crop_box(size, crop, divisible, 0, 0)
    row, column = (rng.randint(0, n) for n in crop_positions(size, crop, divisible))
    return crop_box(size, crop, divisible, int(row), int(column))


@handles("mic_hrda", "hr_crop_boxes*")
def hr_crop_boxes(case: Case) -> Iterator[Check]:
    rng = np.random.RandomState(case.config["seed"])
    for i, (height, width, crop, divisible) in enumerate(case.config["configs"]):
        want = case.outputs[f"boxes{i}"]
        got = [drawn_box((height, width), tuple(crop), divisible, rng) for _ in want]
        yield Check(f"boxes{i}", np.array(got), want, exact())


@handles("mic_hrda", "valid_mask_margins*")
def valid_mask_margins(case: Case) -> Iterator[Check]:
    image = torch.zeros(1, 3, *case.config["size"], dtype=torch.uint8)
    valid = ValidMargins(tuple(case.config["margins"]))({"image": image}, Draws([]))["valid"]
    yield Check("mask", valid[0], case.outputs["mask"], exact())


def filled(case: Case, detail: tuple[int, int] | None = None) -> MultiResolutionNetwork:
    """The network of the case with its weights, in eval mode."""
    network = hrda_network(case.config["model"], detail)
    case.fill(network.encoder, "backbone.")
    case.fill(network.decoder, "decode_head.")
    return network.eval()


def compare(case: Case, values: dict[str, Any]) -> Iterator[Check]:
    """Check those of ``values`` that the file has; a map that is constant may be stored with fewer elements."""
    for name, value in values.items():
        if name in case.outputs:
            want, got = case.outputs[name], subsample(case, name, value) if np.ndim(value) > 1 else value
            if isinstance(got, np.ndarray) and got.ndim == 4 and got.shape != want.shape and np.ptp(got) == 0:
                got = np.broadcast_to(got.reshape(-1)[0], want.shape)
            yield Check(name, got, want, TOLERANCE)


def outer_sliding(case: Case) -> Sliding | None:
    """Outer windows that the configuration asks for: crop and stride, as a dictionary or as a pair."""
    rule: Any = case.config.get("outer_slide")
    test = case.config["model"].get("test_cfg") or {}
    if not rule and test.get("mode") != "slide":
        return None
    if isinstance(rule, (list, tuple)):
        crop, stride = rule
    else:
        rule = {**test, **(rule if isinstance(rule, dict) else {})}
        crop, stride = (next(rule[k] for k in keys if k in rule) for keys in (("crop", "crop_size"), ("stride",)))
    pair = lambda x: (x, x) if isinstance(x, int) else tuple(x)  # noqa: E731
    corners = bool(case.config["model"]["decode_head"].get("align_corners", False))
    return Sliding(pair(crop), pair(stride), max_batch=64, align_corners=corners)


@handles("mic_hrda", "hrda_inference*")
def hrda_inference(case: Case) -> Iterator[Check]:
    x = case.tensor("x")
    whole = None if case.config["model"].get("hr_slide_inference", True) else (x.shape[-2], x.shape[-1])
    network, sliding = filled(case, whole), outer_sliding(case)
    with torch.inference_mode():
        out = network.predict_scales(x)
        values = {"fused": out.fused, "attention": out.attention, "hr_seg": out.detail}
        yield from compare(case, values)
        if sliding is not None:
            images = next((case.tensor(name) for name in case.inputs if name != "x"), x)
            yield from compare(case, {"slide_logits": sliding(network, images)})


def losses(case: Case, fused: Tensor, detail: Tensor, weighted: Tensor, box: Box) -> dict[str, Tensor]:
    """Weighted losses and accuracies under their published names, dots as underscores."""
    head = case.config["model"]["decode_head"]
    hr, lr = head.get("hr_loss_weight", 0), head.get("lr_loss_weight", 0)
    label, weight = case.tensor("label")[:, 0].long(), case.tensor("weight") if "weight" in case.inputs else None
    parts = {"decode": (fused, label, weight, 1 - hr - lr)}
    if hr:
        parts["decode_hr"] = (detail, box.cut(label), None if weight is None else box.cut(weight), hr)
    if lr:
        parts["decode_lr"] = (weighted, label, weight, lr)
    found = {}
    for name, (logits, target, pixels, share) in parts.items():
        full = resize(logits, target.shape[-2:], bool(head.get("align_corners", False)))
        loss = cross_entropy(full, target, pixels, reduction="all_mean")
        found |= {f"{name}_loss_seg": share * loss, f"{name}_acc_seg": 100 * batch_accuracy(full, target)[None]}
    return found


@handles("mic_hrda", "hrda_train_forward*")
def hrda_train_forward(case: Case) -> Iterator[Check]:
    network, x = filled(case), case.tensor("x")
    box = Box(*(int(edge) for edge in case.outputs["box"]))
    if "seed" in case.config:
        rng = np.random.RandomState(case.config["seed"])
        drawn = drawn_box((x.shape[-2], x.shape[-1]), network.detail, network.divisible, rng)
        yield Check("box", np.array(drawn), case.outputs["box"], exact())
    out = network.forward_scales(x, box)
    found = losses(case, out.fused, out.detail, out.weighted_context, box)
    total = sum(value for name, value in found.items() if name.endswith("loss_seg"))
    total.backward()
    maps = {"fused": out.fused, "hr_seg": out.detail, "lr_seg_weighted": out.weighted_context}
    values = {**maps, "attention": out.attention, **found, "total": total}
    yield from compare(case, {name: value.detach() for name, value in values.items()})
    if "grad_norm" in case.outputs:
        ours = {"backbone.": network.encoder, "decode_head.": network.decoder}
        parameters = {p + n: v for p, part in ours.items() for n, v in part.named_parameters()}
        grads = [parameters[name].grad for name in case.meta["grad_names"]]
        norms = np.array([0.0 if g is None else float(g.norm()) for g in grads])
        want = case.outputs["grad_norm"]
        large = want > 1e-4 * want.max()  # smaller ones are rounding, as the README of the files says
        yield Check("grad_norm", norms[large], want[large], relative(1e-2))
        yield Check("small grad_norm", norms[~large] <= 2e-4 * want.max(), np.ones((~large).sum(), bool), exact())
