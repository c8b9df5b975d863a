"""Goldens of DSCL: both losses, the queue, a training step, schedules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from eln_parts import within
from harness import Case, Check, exact, handles
from published_networks import NORMALISED
from torch import Tensor, nn

from udalib.engine.optim.warmups import WarmupCosine, WarmupSteps
from udalib.methods.dscl import DSCL
from udalib.metrics.long_tail import top_accuracy
from udalib.models.encoders.resnet import ResNet
from udalib.models.feature_queue import FeatureQueue
from udalib.models.heads.pooled import Pooled
from udalib.models.network import SegmentationNetwork
from udalib.ops.contrast_views import Views
from udalib.ops.decoupled_contrast import alpha_of, contrast_loss, patch_distillation


def limits(case: Case, kind: str = "") -> dict[str, float]:
    """Tolerances from the file's sentence: "rtol 1e-4, atol 1e-6", or "losses rtol 1e-3; features atol 1e-4" by
    kind."""
    text = str(case.meta["tolerance"])
    clauses = [clause for clause in text.split(";") if kind in clause] or [text]
    found = {key: float(value) for key, value in re.findall(r"([ra]tol) ([\d.e+-]+)", clauses[0])}
    if kind == "grad norms":  # one limit an architecture
        by_name = {b: float(a) for a, b in re.findall(r"([\d.e+-]+) \((\w+)\)", clauses[0])}
        found = {"rtol": by_name.get(case.config["arch"], max(by_name.values(), default=2e-3)), "atol": 1e-6}
    return found


def double(case: Case, name: str) -> Tensor:
    return torch.from_numpy(np.array(case.inputs[name], dtype=np.float64))


@handles("dscl", "loss*")
def decoupled(case: Case) -> Iterator[Check]:
    config, labels = case.config, case.tensor("labels")
    for beta in config["betas"]:
        features = double(case, "features").requires_grad_()
        options = {"temperature": config["temperature"], "alpha": alpha_of(beta)}
        loss = contrast_loss(features, labels, config["B"], **options)
        loss.backward()
        yield within(f"loss_beta{beta:g}", loss, case.outputs[f"loss_beta{beta:g}"], limits(case))
        yield within(f"grad_beta{beta:g}", features.grad, case.outputs[f"grad_beta{beta:g}"], limits(case))
    count = config["B"]
    same = (labels[:count, None] == labels[None]).sum(1) - 2
    yield Check("n_pos_excl_own_key", same, case.outputs["n_pos_excl_own_key"], exact())


@handles("dscl", "pbsd*")
def distillation(case: Case) -> Iterator[Check]:
    roi, small = double(case, "roi").requires_grad_(), double(case, "small").requires_grad_()
    queue = double(case, "queue").T
    loss = patch_distillation(roi, small, double(case, "k"), queue, case.config["temperature"])
    loss.backward()
    yield within("loss", loss, case.outputs["loss"], limits(case))
    yield within("grad_small", small.grad, case.outputs["grad_small"], limits(case))
    has = [roi.grad is not None] * len(roi)
    yield Check("roi_has_grad", has, case.outputs["roi_has_grad"], exact())


@handles("dscl", "queue*")
def queue(case: Case) -> Iterator[Check]:
    config = case.config
    own = FeatureQueue(config["dim"], config["K"])
    own.queue.copy_(case.tensor("queue0"))
    own.main_label_queue.copy_(case.tensor("labels0"))
    pointers = []
    for step in range(config["steps"]):
        own.enqueue(case.tensor("keys")[step], case.tensor("key_labels")[step])
        pointers.append(int(own.queue_ptr))
        yield Check(f"queue_{step}", own.queue.clone(), case.outputs[f"queue_{step}"], exact())
        yield Check(f"labels_{step}", own.main_label_queue.clone(), case.outputs[f"labels_{step}"], exact())
    yield Check("ptr", pointers, case.outputs["ptr"], exact())


@handles("dscl", "schedules*")
def schedules(case: Case) -> Iterator[Check]:
    config = case.config
    first = WarmupCosine(config["epochs"], config["warmup"])
    second = WarmupSteps(tuple(config["milestones"]))
    rates = [first(config["lr"], float(e)) for e in case.inputs["epochs1"]]
    yield within("lr1", rates, case.outputs["lr1"], {**limits(case), "atol": 1e-12})
    later = [second(config["lr2"], int(e)) for e in case.inputs["epochs2"]]
    yield within("lr2", later, case.outputs["lr2"], limits(case))
    logits, target = case.tensor("logits"), case.tensor("target")
    accuracy = [100 * top_accuracy(logits, target, top) for top in (1, 5)]
    yield within("acc", accuracy, case.outputs["acc"], limits(case))


def method_of(case: Case) -> DSCL:
    """The method in float64 with the file's weights and queue, both encoders filled by themselves."""
    config = case.config
    encoder = ResNet(int(config["arch"].removeprefix("resnet")))
    network = SegmentationNetwork(encoder, Pooled(encoder.channels, config["num_classes"]), NORMALISED)
    method = DSCL(
        network,
        torch.optim.SGD(network.parameters(), 0.1),
        config["num_classes"],
        dim=config["dim"],
        queue=config["K"],
        temperature=config["T"],
        momentum=config["momentum"],
        beta=config["beta"],
        patch_weight=config["pbsd_weight"],
        patches=config["L"],
    )
    params = [entry for entry in case.meta["params"] if entry[0].startswith("encoder_")]
    Case(case.path, {**case.meta, "params": params}, case.inputs, case.outputs).fill(published_view(method))
    method.queue.queue.copy_(case.tensor("queue0"))
    method.queue.main_label_queue.copy_(case.tensor("queue_labels0"))
    return method.double().train()


def published_view(method: DSCL) -> nn.Module:
    """Both embeddings under the published names."""
    view = nn.Module()
    for name, embedding in (("encoder_q", method.query), ("encoder_k", method.key.network)):
        children = dict(embedding.network.encoder.named_children())
        view.add_module(name, nn.ModuleDict({**children, "fc": embedding.fc}))
    return view


@handles("dscl", "train_step*")
def training_step(case: Case) -> Iterator[Check]:
    method = method_of(case)
    view = published_view(method)
    views = Views(*(double(case, name) for name in ("im_q", "im_k", "patches", "boxes")))
    labels = case.tensor("labels")
    seen = method.embed(views)
    contrast, patches = method.losses(seen, labels)
    method.queue.enqueue(seen["key"], labels)
    total = contrast + method.patch_weight * patches
    total.backward()
    losses: dict[str, Any] = {"loss_contrastive": contrast, "loss_pbsd": patches, "loss_total": total}
    for name, value in losses.items():
        yield within(name, value, case.outputs[name], limits(case, "losses"))
    named = {"q": "query", "k": "key", "roi": "regions", "small": "patches"}
    features = {name: seen[own] for name, own in named.items()} | {"queue1": method.queue.queue}
    last = list(method.query.network.encoder.layer4[-1].named_children())  # type: ignore[index]
    norm = [name for name, child in last if isinstance(child, nn.BatchNorm2d)][-1]
    for letter, embedding in (("q", method.query), ("k", method.key.network)):
        statistics = getattr(embedding.network.encoder.layer4[-1], norm).running_mean  # type: ignore[index]
        name = f"layer4_bn_running_mean_{letter}"
        features[name] = statistics[: len(case.outputs[name])]
    for name, value in features.items():
        yield within(name, value, case.outputs[name], limits(case, "features"))
    own = dict(view.named_parameters())
    norms = [float(own[name].grad.norm()) for name in case.meta["grad_norm_names"]]  # type: ignore[union-attr]
    yield within("grad_norms", norms, case.outputs["grad_norms"], limits(case, "grad norms"))
    keys = [float(own[f"encoder_k.{name}"].norm()) for name in case.meta["encoder_k_names"]]
    yield within("encoder_k_l2_after", keys, case.outputs["encoder_k_l2_after"], {"rtol": 1e-5})
    yield Check("queue_labels1", method.queue.main_label_queue, case.outputs["queue_labels1"], exact())
    yield Check("ptr1", method.queue.queue_ptr, case.outputs["ptr1"], exact())
