"""Goldens of Pin the Memory: read, write, divergence, initialisation, the whole network, label tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from harness import Case, Check, exact, handles
from pin_parts import close, memory_of, network_of, thinned
from torch import Tensor

from udalib.data.labels import label_space, mapping
from udalib.models.memory import ClassMemory
from udalib.ops.memory import ClassSums, class_means, class_sums, cohesion_loss, soft_labels, unit_features


@handles("pin_memory", "memory_read*")
def memory_read(case: Case) -> Iterator[Check]:
    """Reading weights, the fused feature, the cohesion loss and its gradient."""
    if case.config.get("gumbel"):
        raise ValueError("a read with noise of another generator cannot be compared")
    memory, feature = memory_of(case), case.tensor("feature").float().requires_grad_()
    read = memory.read(feature)
    yield close(case, "weights", read.weights.permute(0, 2, 3, 1), "values")
    yield close(case, "fused", thinned(read.fused), "values")
    loss = cohesion_loss(read.scores, case.tensor("labels"), memory.temperature)
    yield close(case, "read_loss", loss, "losses")
    (gradient,) = torch.autograd.grad(loss, feature)
    yield close(case, "grad_feature", thinned(gradient), "grad")


@handles("pin_memory", "memory_update*")
def memory_update(case: Case) -> Iterator[Check]:
    """A write, the divergence losses of what was written, and their gradients."""
    memory, feature = memory_of(case), case.tensor("feature").float().requires_grad_()
    items = memory.updated(memory.m_items, memory.sums(feature, case.tensor("labels")))
    yield close(case, "memory", items, "values")
    div, cls = memory.divergence(items)
    yield close(case, "div_loss", div, "losses")
    yield close(case, "cls_loss", cls, "losses")
    (0.4 * div + 0.2 * cls).backward()
    yield close(case, "grad_feature", thinned(gradient_of(feature)), "grad")
    parameters = dict(memory.named_parameters())
    norms = [float(gradient_of(parameters[name]).norm()) for name in case.meta["grad_names"]]
    yield close(case, "grad_norms", np.array(norms), "grad")


def gradient_of(tensor: Tensor) -> Tensor:
    """Its gradient, zeros where it has none."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


@handles("pin_memory", "memory_divergence*")
def memory_divergence(case: Case) -> Iterator[Check]:
    """Both terms on a given memory."""
    memory, items = memory_of(case), case.tensor("memory").requires_grad_()
    for name, loss in zip(("div", "cls"), memory.divergence(items), strict=True):
        yield close(case, f"{name}_loss", loss, "losses")
        yield close(case, f"grad_{name}", torch.autograd.grad(loss, items)[0], "grad")


@handles("pin_memory", "memory_init*")
def memory_init(case: Case) -> Iterator[Check]:
    """Class means of normalised features over all batches; by the module, and written out."""
    config = case.config
    memory = ClassMemory(config["memory_size"], config["dim"])
    batches = sorted(n.removeprefix("feature_") for n in case.inputs if n.startswith("feature_"))
    sums, plain = [], []
    for batch in batches:
        feature, label = case.tensor(f"feature_{batch}").float(), case.tensor(f"labels_{batch}").flatten(0, 1)
        sums.append(memory.sums(feature, label, plain=True))
        weights = soft_labels(label, feature.shape[-2:], config["memory_size"])
        plain.append(class_sums(unit_features(feature), weights))
    for name, parts in (("by the module", sums), ("written out", plain)):
        pooled = ClassSums(sum(p.total for p in parts), sum(p.weight for p in parts))  # type: ignore[arg-type]
        got = unit_features(class_means(pooled))
        yield Check(f"shape, {name}", got.shape, case.outputs["memory"].shape, exact())
        yield close(case, "memory", got, "values")


@handles("pin_memory", "seg_forward*")
def seg_forward(case: Case) -> Iterator[Check]:
    """The whole network; feature and fused feature with channels strided by 4, logits with pixels strided by 4."""
    network = network_of(case).train(case.config.get("mode", "eval") == "train")
    image = case.tensor("image").float()
    with torch.no_grad():
        seen = network.decoder.seen(network.features(image))  # type: ignore[operator]
        yield Check("forward", network(image), seen.logits, exact())
    large = torch.nn.functional.interpolate(seen.logits, image.shape[-2:], mode="bilinear", align_corners=True)
    yield close(case, "logits", large[..., ::4, ::4], "values")
    if "weights" in case.outputs:
        yield close(case, "weights", seen.weights.permute(0, 2, 3, 1), "values")
    for name in ("feature", "fused"):
        if name in case.outputs:
            yield close(case, name, thinned(getattr(seen, name)), "values")


@handles("pin_memory", "label_maps*")
def label_maps(case: Case) -> Iterator[Check]:
    """Id tables, and the colours of GTA5's labels."""
    tables = {"mapillary": "mapillary_v1.2_ids", "synthia": "synthia_ids", "cityscapes": "cityscapes_ids"}
    for name, ids in tables.items():
        want = case.outputs[name]
        yield Check(name, mapping(ids, "cityscapes19")[: len(want)].astype(np.int64), want, exact())
    colours = label_space("cityscapes19").palette
    yield Check("gta_colors", colours[case.outputs["gta_train_ids"]], case.outputs["gta_colors"], exact())
