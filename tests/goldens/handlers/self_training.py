"""Pieces of DACS, DAFormer and MIC: mixing, pseudo labels, feature distance, block masks."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from harness import Case, Check, absolute, exact, handles, relative
from self_training_script import choices, chosen_table, normalised, unit_images

from udalib.ops import (
    block_grid,
    block_mask,
    choose_half,
    class_mask,
    confident_fraction,
    feature_distance,
    ignore_rows,
    mask_images,
    mix,
    pool_label,
    present_classes,
    pseudo_labels,
    thing_mask,
)
from udalib.ops.augmentation import augment


@handles("daformer", "classmix_*")
def classmix(case: Case) -> Iterator[Check]:
    config, label = case.config, case.tensor("source_label")[:, 0]
    table = chosen_table(config["chosen_classes"])
    present = present_classes(label).any(0, keepdim=True)
    if "batch_classes" in config:
        yield Check("classes of the batch", present[0].nonzero()[:, 0], config["batch_classes"], exact())
    counted = choose_half(present, torch.rand(len(label), present.shape[1])).sum(1)
    yield Check("how many are chosen", counted, table.sum(1), exact())
    mask = class_mask(label, table)
    yield Check("mask", mask.byte(), case.outputs["mask"], exact())
    mixed = mix(mask, label, case.tensor("pseudo_label"))
    yield Check("mixed_label", mixed[:, None], case.outputs["mixed_label"], exact())
    weight = mix(mask, torch.ones(mask.shape), case.tensor("pseudo_weight"))
    yield Check("mixed_weight", weight[:, None], case.outputs["mixed_weight"], exact())
    image = mix(mask, unit_images(case, "source_uint8"), unit_images(case, "target_uint8"))
    image = augment(image, choices(config.get("jitter_params"), config.get("sigmas")))
    limit = absolute(2e-3 if config.get("jitter_params") else 1e-4)  # the file's own
    yield Check("mixed_img", normalised(case, image), case.outputs["mixed_img"], limit)


@handles("daformer", "pseudo_label_*")
@handles("mic_hrda", "pseudo_label_*")
def pseudo_label(case: Case) -> Iterator[Check]:
    label, confidence = pseudo_labels(case.tensor("logits"))
    fraction = confident_fraction(confidence, case.config["tau"])
    weight = ignore_rows(fraction.expand(label.shape), case.config["ignore_top"], case.config["ignore_bottom"])
    if "valid_mask" in case.inputs:
        weight = weight * case.tensor("valid_mask")[:, 0]
    yield Check("label", label, case.outputs["label"], exact())
    yield Check("weight", weight, case.outputs["weight"], absolute(1e-6))
    yield Check("fraction", fraction, case.outputs["fraction"], absolute(1e-6))


@handles("daformer", "fd_*")
def distance(case: Case) -> Iterator[Check]:
    config, mask = case.config, None
    features = case.tensor("feat").requires_grad_()
    if "mask" in case.outputs:
        label = case.tensor("label")[:, 0]
        pooled = pool_label(label, config.get("num_classes", 19), config["scale"], config["min_ratio"])
        yield Check("gt_rescaled", pooled[:, None], case.outputs["gt_rescaled"], exact())
        mask = thing_mask(label, features.shape[-2:], config["classes"], config["min_ratio"])
        yield Check("mask", mask[:, None], case.outputs["mask"], exact())
    loss = config["lambda_fd"] * feature_distance(features, case.tensor("feat_imagenet"), mask)
    loss.backward()
    # An empty mask is NaN there and 0 here, with the same zero gradient.
    want = case.outputs["loss"] if mask is None or mask.any() else 0.0
    yield Check("loss", loss, want, relative(1e-5))
    assert features.grad is not None
    yield Check(
        "grad_feat", features.grad, case.outputs["grad_feat"], absolute(1e-5 * float(features.grad.abs().max()))
    )


@handles("mic_hrda", "block_mask_*")
def blocks(case: Case) -> Iterator[Check]:
    images, noise = case.tensor("x"), case.tensor("uniform")[:, 0]
    size = (images.shape[-2], images.shape[-1])
    yield Check("cells", block_grid(size, case.config["block"]), list(noise.shape[1:]), exact())
    kept = block_mask(noise, size, case.config["mask_ratio"])
    yield Check("mask", kept.byte(), case.outputs["mask"], exact())
    yield Check("masked", mask_images(images, kept), case.outputs["masked"], exact())
