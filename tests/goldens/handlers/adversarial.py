"""Whole training steps of AdaptSegNet and ADVENT, run by their methods; ADVENT's entropy map and loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from harness import Case, Check, exact, handles, relative, relmax
from official_steps import Steps, images, number, official_optimizer, parameter_checks, run

from udalib.data import mapping
from udalib.methods.adaptsegnet import AdaptSegNet
from udalib.methods.advent import AdvEnt, MinEnt
from udalib.methods.adversarial import SOURCE, TARGET
from udalib.methods.shared.alignment import LEVELS, Alignment
from udalib.models.deeplab_v2 import DeepLabV2
from udalib.ops import mean_entropy, self_information

LOSSES = relative(1e-4)  # files: 2e-5 between float32 and float64
LOGITS = relmax(1e-3)  # single values after 101 layers: 1e-4 between 1 and 2 threads
GAN = {"Vanilla": "vanilla", "LS": "ls"}


@handles("adaptsegnet", "train_step_*")
def train_step_adaptsegnet(case: Case) -> Iterator[Check]:
    """The published script's ``main()`` on one image a domain; D1 judges the auxiliary head, D2 the main one."""
    config, classes = case.config, case.config["num_classes"]
    network = DeepLabV2(classes, active_branches=2)
    network.align_corners = config["align_corners"]
    method = AdaptSegNet(
        network,
        official_optimizer(case, network),
        classes,
        lambda_seg=config["lambda_seg"],
        lambda_adv=config["lambda_adv_target2"],
        lambda_adv_aux=config["lambda_adv_target1"],
        gan=GAN[config["gan"]],
        discriminator_lr=config["learning_rate_D"],
        discriminator_betas=tuple(config["betas"]),
        official=True,
    )
    source = images(case, "source_image", config["input_size"])
    ids = torch.from_numpy(mapping("gta5_ids", "cityscapes19")[case.inputs["source_label"]])
    label = ids[None].repeat(len(source), 1, 1)
    yield Check("train_labels", label, case.outputs["train_labels"], exact())
    target = images(case, "target_image", config["input_size_target"])
    batches = {"source": {"image": source, "label": label.long()}, "target": {"image": target}}
    prefixes = {"network": "model.", "aux": "D1.", "main": "D2."}
    steps = run(case, method, prefixes, batches, iterations=len(case.outputs["losses"]))
    yield Check("domain labels", [SOURCE, TARGET], [config["source_label"], config["target_label"]], exact())
    yield from _adaptsegnet_checks(case, steps)
    yield from parameter_checks(case, steps, prefixes)


def _adaptsegnet_checks(case: Case, steps: Steps) -> Iterator[Check]:
    digits = {"1": "aux", "2": "main"}
    loss = {"seg": "loss_seg_{}", "adv_target": "loss_adv_{}"}
    loss |= {f"D{k}_{domain}": f"loss_d_{{}}_{domain}" for k in digits for domain in ("source", "target")}

    def ours(name: str) -> str:
        kind = name.removeprefix("loss_")
        level = digits["".join(c for c in kind if c.isdigit())]
        return loss[kind if kind.startswith("D") else kind.rstrip("12")].format(level)

    got = [[logs[ours(name)] for name in case.meta["loss_names"]] for logs in steps.losses]
    yield Check("losses", got, case.outputs["losses"], LOSSES)
    for digit, level in digits.items():
        step, head = number(case, r"rows and columns ::(\d+)"), steps.heads[0][LEVELS.index(level)]
        yield Check(f"pred{digit}", head[..., ::step, ::step], case.outputs[f"pred{digit}_sub"], LOGITS)
        again, source, target = steps.verdicts[level][:3]
        yield Check(f"D_out{digit}_source", source, case.outputs[f"D_out{digit}_source"], LOGITS)
        for verdict in (again, target):  # the discriminator has not moved between the two passes
            yield Check(f"D_out{digit}_target", verdict, case.outputs[f"D_out{digit}_target"], LOGITS)


@handles("advent", "train_step_*")
def train_step_advent(case: Case) -> Iterator[Check]:
    """The published training functions of AdvEnt and MinEnt."""
    config, classes, levels = case.config, case.config["num_classes"], case.config["multi_level"]
    network = DeepLabV2(classes, multi_level=levels, main="layer6", active_branches=4)
    network.align_corners = config.get("align_corners", True)
    optimizer, aux = official_optimizer(case, network), 1.0 if levels else 0.0
    main = config["lambda_seg_main"]  # the methods' is 1: the other weights are relative to it
    weights = (config["lambda_main"] / main, aux * config["lambda_aux"] / main)
    common: dict[str, Any] = {"lambda_seg": aux * config["lambda_seg_aux"] / main, "official": True}
    method: Alignment
    if config["method"] == "MinEnt":
        method = MinEnt(network, optimizer, classes, lambda_ent=weights[0], lambda_ent_aux=weights[1], **common)
    else:
        common |= {"discriminator_lr": config["learning_rate_D"], "discriminator_betas": tuple(config["betas"])}
        method = AdvEnt(network, optimizer, classes, lambda_adv=weights[0], lambda_adv_aux=weights[1], **common)
    source = images(case, "source_image", config["input_size_source"])
    label = case.tensor("labels").long()[None].repeat(len(source), 1, 1)
    target = images(case, "target_image", config["input_size_target"])
    batches = {"source": {"image": source, "label": label}, "target": {"image": target}}
    prefixes = {"network": "model.", "aux": "d_aux.", "main": "d_main."}
    steps = run(case, method, prefixes, batches, iterations=len(np.atleast_2d(case.outputs["losses"])))
    yield from _advent_checks(case, steps)
    yield from parameter_checks(case, steps, prefixes)


def _advent_checks(case: Case, steps: Steps) -> Iterator[Check]:
    """Losses as printed (of a discriminator its halved target part), every BCE value and verdict in call order."""

    def printed(name: str, logs: dict[str, float]) -> float:
        _, kind, *_, level = name.split("_")
        if kind == "d":
            return logs.get(f"loss_d_{level}_target", 0.0) / 2
        return logs.get(f"loss_{kind}_{level}", 0.0)  # a level that is not there prints 0

    got = [[printed(name, logs) for name in case.meta["loss_names"]] for logs in steps.losses]
    yield Check("losses", np.reshape(got, case.outputs["losses"].shape), case.outputs["losses"], LOSSES)
    levels = [level for level in ("aux", "main") if level in steps.verdicts]
    names = ("loss_adv_{}", "loss_d_{}_source", "loss_d_{}_target")
    if "bce_calls" in case.outputs:
        got = [[logs[name.format(level)] for name in names for level in levels] for logs in steps.losses]
        yield Check("bce_calls", np.ravel(got), case.outputs["bce_calls"], LOSSES)
    for i, (call, level) in enumerate((call, level) for call in range(3) for level in levels):
        if f"d_out_{i}" in case.outputs:
            yield Check(f"d_out_{i}", steps.verdicts[level][call], case.outputs[f"d_out_{i}"], LOGITS)


@handles("advent", "entropy_map_and_loss*")
def entropy_map_and_loss(case: Case) -> Iterator[Check]:
    """Weighted self-information, mean entropy, the gradients of both; a one-hot and a uniform pixel."""
    tolerance = relmax(case.meta["tolerance"]["rel_to_max"])
    logits = case.tensor("logits").requires_grad_()
    information, loss = self_information(logits.softmax(1)), mean_entropy(logits.softmax(1))
    scalars = {"loss": loss, "map": (case.tensor("weight") * information).sum()}
    yield Check("info", information, case.outputs["info"], tolerance)
    yield Check("loss", loss, case.outputs["loss"], tolerance)
    for name, scalar in scalars.items():
        (gradient,) = torch.autograd.grad(scalar, logits, retain_graph=True)
        yield Check(f"grad_logits_{name}", gradient, case.outputs[f"grad_logits_{name}"], tolerance)
    classes = case.config["num_classes"]
    extreme = torch.full((1, classes, 1, 2), 1 / classes)
    extreme[..., 0] = torch.eye(classes)[0][None, :, None]
    yield Check("info_extreme", self_information(extreme), case.outputs["info_extreme"], tolerance)
    yield Check("loss_extreme", mean_entropy(extreme), case.outputs["loss_extreme"], tolerance)
