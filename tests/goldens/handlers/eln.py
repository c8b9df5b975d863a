"""Pieces of ELN: both networks, gate, balanced loss, contrast, filtered pseudo labels, scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from eln_parts import decoder_of, encoder_of, judge_of, set_mode, thin, within
from harness import Case, Check, exact, handles, relmax
from torch import Tensor, nn

from udalib import metrics
from udalib.models.eln import entropy_nats
from udalib.ops import cross_entropy, resize
from udalib.ops.contrastive import pixel_contrast
from udalib.ops.error_localization import (
    accepted_pixels,
    correct_pixels,
    filtered_labels,
    gated_sum,
    gates_open,
    localization_loss,
)

INNER = ("layer4", "low", "aspp", "x4", "x1")
"""Features inside a network: near a ReLU's zero the float32 noise of the file comes to half its elementwise limit."""


def network_checks(case: Case, seen: dict[str, Tensor]) -> Iterator[Check]:
    """Outputs by the file's limits, features by its relative one against the largest value.

    Our networks run in float64, so that what is measured is the rounding of the published code's float32 alone.
    """
    limits = case.meta["tolerance"]
    for name in case.outputs:
        got, want = thin(case, name, seen[name]), case.outputs[name]
        yield Check(name, got, want, relmax(limits["rtol"])) if name in INNER else within(name, got, want, limits)


@handles("eln", "eln_forward*")
def eln_forward(case: Case) -> Iterator[Check]:
    """The error localisation network."""
    config, dtype = case.config, torch.float64
    network = judge_of(config, config.get("backbone", "resnet34"))
    case.fill(network).to(dtype)
    set_mode(network, config.get("mode", "eval"))
    images, logits = case.tensor("image").to(dtype), case.tensor("logits").to(dtype)
    seen: dict[str, Tensor] = {"entropy": entropy_nats(resize(logits, images.shape[-2:], align_corners=True))}
    network.backbone.register_forward_hook(lambda _m, _i, maps: seen.update(low=maps[0], layer4=maps[-1]))
    network.aspp.register_forward_hook(lambda _m, _i, out: seen.update(aspp=out))
    with torch.no_grad():
        seen["map"] = network(images, logits)
        evidence = network.evidence(images, logits)
    order = torch.cat([images, seen["entropy"][:, None], evidence[:, 4:]], dim=1)
    yield Check("order of the inputs", evidence, order, exact())
    yield from network_checks(case, seen)


@handles("eln", "seg_forward*")
def seg_forward(case: Case) -> Iterator[Check]:
    """Encoder and decoder with both heads; the names of each are its own."""
    config, dtype = case.config, torch.float64
    encoder = encoder_of(config)
    decoder = decoder_of(config, encoder)
    lists = case.meta["params_by_module"]
    for key, module in (("encoder", nn.ModuleDict({"backbone": encoder})), ("decoder", decoder)):
        part = Case(case.path, {**case.meta, "params": lists[key]}, case.inputs, case.outputs)
        part.fill(module).to(dtype)
        set_mode(module, config.get("mode", "eval"))
    seen: dict[str, Tensor] = {}
    decoder.aspp.register_forward_hook(lambda _m, _i, out: seen.update(aspp=out))
    with torch.no_grad():
        features = encoder(case.tensor("image").to(dtype))
        logits, embedding = decoder.both(features)
        yield Check("forward", decoder(features), logits, exact())
    seen |= {"x4": features[-1], "x1": features[0], "cls": logits, "proj": embedding}
    yield from network_checks(case, seen)


@handles("eln", "aux_constraint*")
def aux_constraint(case: Case) -> Iterator[Check]:
    """The gate for several values of the main loss."""
    limits, alphas, label = case.meta["tolerance"], case.config["alphas"], case.tensor("labels")
    names = sorted(n for n in case.inputs if n.startswith("aux_logits_"))
    logits = [case.tensor(n).requires_grad_() for n in names]
    corners, ignored = case.config.get("align_corners", True), case.config.get("ignore_index", 255)
    losses = [cross_entropy(resize(x, label.shape[-2:], corners), label, ignore_index=ignored) for x in logits]
    alphas = alphas[: len(losses)]
    yield within("aux_ce", torch.stack(losses), case.outputs["aux_ce"], limits)
    totals, norms = [], []
    for reference in case.tensor("sup_losses"):
        total = gated_sum(losses, gates_open(losses, reference, alphas))
        totals.append(total.detach())
        norms.append([g.norm() for g in torch.autograd.grad(total, logits, retain_graph=True)])
    yield within("total", totals, case.outputs["total"], limits)
    yield within("grad_norm", np.array(norms, dtype=np.float64), case.outputs["grad_norm"], limits)
    for k, (loss, x) in enumerate(zip(losses, logits, strict=True)):
        (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
        yield within(f"grad_{k}", thin(case, f"grad_{k}", gradient), case.outputs[f"grad_{k}"], limits)


@handles("eln", "eln_wbce*")
def eln_wbce(case: Case) -> Iterator[Check]:
    """The balanced loss with void counted as wrong."""
    verdict, label = case.tensor("eln_map").requires_grad_(), case.tensor("labels").long()
    correct = correct_pixels(case.tensor("logits"), label)
    loss = localization_loss(verdict, correct, label, void_is_wrong=True)
    loss.backward()
    yield Check("target", correct.byte(), case.outputs["target"], exact())
    yield Check("n_correct", correct.sum(), case.outputs["n_correct"], exact())
    yield Check("n_wrong", (~correct).sum(), case.outputs["n_wrong"], exact())
    yield within("loss", loss, case.outputs["loss"], case.meta["tolerance"])
    yield within("grad_map", verdict.grad, case.outputs["grad_map"], case.meta["tolerance"])


@handles("eln", "contrastive*")
def contrastive(case: Case) -> Iterator[Check]:
    """Eight given windows, one by one and together."""
    config, limits = case.config, case.meta["tolerance"]
    teacher, student = (case.tensor(n).requires_grad_() for n in ("teacher", "student"))
    label = filtered_labels(case.tensor("pseudo").long(), case.tensor("valid").bool())
    windows = [(int(top), int(left)) for top, left in case.inputs["crops"]]
    yield Check("windows", len(windows), config.get("crops", len(windows)), exact())
    classes = config.get("num_classes") or int(case.tensor("pseudo").max()) + 1

    def loss_of(chosen: list[tuple[int, int]], chunk: int = 1024) -> Tensor:
        options = {"window": config["crop"], "temperature": config["temperature"], "chunk": chunk}
        return pixel_contrast(teacher, student, label, chosen, classes, **options)

    loss = loss_of(windows)
    loss.backward()
    yield within("loss", loss, case.outputs["loss"], limits["loss"])
    yield within("loss in small blocks", loss_of(windows, 100), case.outputs["loss"], limits["loss"])
    yield within("per_crop", [loss_of([w]).detach() for w in windows], case.outputs["per_crop"], limits["loss"])
    for name, x in (("grad_student", student), ("grad_teacher", teacher)):
        yield within(name, thin(case, name, x.grad), case.outputs[name], limits["grad"])


@handles("eln", "pseudo_label*")
def pseudo_label(case: Case) -> Iterator[Check]:
    """Filtered labels and their cross-entropy; where every pixel is rejected we say 0 and the published code NaN."""
    limits, ignored = case.meta["tolerance"], case.config.get("ignore_index", 255)
    label = filtered_labels(case.tensor("teacher_logits").argmax(1), accepted_pixels(case.tensor("eln_map")))
    yield Check("pseudo", label, case.outputs["pseudo"], exact())
    student = case.tensor("student_logits").requires_grad_()
    loss = cross_entropy(student, label, ignore_index=ignored)
    loss.backward()
    yield within("loss", loss, np.nan_to_num(case.outputs["loss"]), limits)
    yield within("grad_student", student.grad, np.nan_to_num(case.outputs["grad_student"]), limits)


@handles("eln", "confusion_matrix*")
def confusion(case: Case) -> Iterator[Check]:
    """The published read-out: resized logits, arg-max, all labels below C."""
    classes, limits = case.config["num_classes"], case.meta["tolerance"]
    matrix = metrics.ConfusionMatrix(classes)
    batches = sorted(n.removeprefix("labels_") for n in case.inputs if n.startswith("labels_"))
    for batch in batches:
        label = case.tensor(f"labels_{batch}")
        logits = resize(case.tensor(f"logits_{batch}"), label.shape[-2:], align_corners=True)
        matrix.update(logits.argmax(1), label)
    counts = matrix.counts
    yield Check("mat", counts[:, :classes], case.outputs["mat"], exact())
    scores = {"acc_global": metrics.pixel_accuracy(counts), "acc": metrics.class_accuracy(counts)}
    scores["iou"] = metrics.class_iou(counts)
    for name, value in scores.items():
        yield within(name, value, case.outputs[name], limits)
