"""Whole training iterations of DAFormer, DAFormer + MIC and HRDA + MIC, run by the methods themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from harness import Case, Check, absolute, agreement, exact, handles, relative, relmax, to_numpy
from published_networks import build_encoder, build_head, hrda_network
from self_training_script import Script, normalised
from torch import Tensor, nn

from udalib.engine.optim.build import OptimizerSpec, Rule, build_optimizer
from udalib.methods import create_method
from udalib.methods.daformer import DAFormer
from udalib.models import InputStats
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.models.network import SegmentationNetwork
from udalib.ops import batch_accuracy, cross_entropy, thing_mask

PASSES = {"": "source", "mix.": "mixed", "masked.": "masked"}
STATE = {  # output: (part, what)
    "cls_bias_after_step": ("network", "decoder.conv_seg.bias"),
    "teacher_cls_bias": ("teacher.network", "decoder.conv_seg.bias"),
    "patch_embed1_norm_after_step": ("network", "encoder.patch_embed1.norm.weight"),
}


@handles("daformer", "train_steps_*")
@handles("mic_hrda", "mic_*")
def train_steps(case: Case) -> Iterator[Check]:
    """Iterations t0, t1, ... on the recorded images, with the recorded choices."""
    method = build(case)
    script = Script(case, method)
    for t in script.iterations:
        accuracies = Accuracies()
        for group in method.optimizer.param_groups:
            group["lr"] = script.rates(t)[group["initial_lr"] > 1e-4]
        with accuracies.recorded():
            logs = method.step(script.batches(t), t)
        yield from loss_checks(case, f"t{t}_", logs, accuracies.values)
        yield from seen_checks(case, f"t{t}_", script)
        yield from gradient_checks(case, f"t{t}_", method)
        yield from state_checks(case, f"t{t}_", method)
        yield from mask_checks(case, f"t{t}_", method, script)


def build(case: Case) -> DAFormer:
    """The method with student, teacher and frozen encoder of the file."""
    config, uda = case.config, case.config["uda"]
    network = student(config)
    rules = (Rule("decoder.", lr_mult=10.0), Rule("norm", decay_mult=0.0))
    spec = OptimizerSpec("adamw", lr=6e-5, weight_decay=0.01, rules=rules)
    optimizer = build_optimizer(spec, network.named_parameters())
    options: dict[str, Any] = {
        "alpha": uda["alpha"],
        "threshold": uda["pseudo_threshold"],
        "lambda_fd": uda["imnet_feature_dist_lambda"],
        "fd_classes": uda["imnet_feature_dist_classes"],
        "fd_min_ratio": uda["imnet_feature_dist_scale_min_ratio"],
        "ignore_top": uda.get("pseudo_weight_ignore_top", 0),
        "ignore_bottom": uda.get("pseudo_weight_ignore_bottom", 0),
    }
    two_scales, masked = isinstance(network, MultiResolutionNetwork), "mask_generator" in uda
    if masked:
        generator = uda["mask_generator"]
        options |= {"mask_block": generator["mask_block_size"], "mask_ratio": generator["mask_ratio"]}
        options |= {"lambda_mask": uda["mask_lambda"], **mask_mode(uda["mask_mode"])}
    if two_scales:
        options["detail_weight"] = config["model"]["decode_head"]["hr_loss_weight"]
    name = {(False, False): "daformer", (False, True): "mic", (True, False): "hrda", (True, True): "mic-hrda"}
    method = create_method(name[two_scales, masked], network, optimizer, network.num_classes, official=True, **options)
    assert isinstance(method, DAFormer)
    fill(case, method)
    return method.train()


def student(config: dict[str, Any]) -> SegmentationNetwork:
    """The network of a configuration, at one scale or two."""
    stats = InputStats(tuple(config["mean"]), tuple(config["std"]))
    model = config.get("model") or {
        "type": "",
        "backbone": _backbone(config["backbone"]),
        "decode_head": config["head"],
    }
    if model["type"].startswith("HRDA"):
        return hrda_network(model, stats=stats)
    head = build_head(model["decode_head"], config.get("neck"))
    return SegmentationNetwork(build_encoder(model["backbone"]), head, stats)


def _backbone(words: str) -> dict[str, Any]:
    """A backbone that is described in words: "mit_b0, drop_path_rate 0"."""
    kind, *settings = words.split(", ")
    return {"type": kind, **{key: float(value) for key, value in (setting.split() for setting in settings)}}


def mask_mode(name: str) -> dict[str, Any]:
    """Our options for a published mask mode: separate, separatesrc, separatetrg, each with or without "aug"."""
    domains = {"separatetrg": "target", "separatesrc": "source", "separate": "both"}
    return {"mask_domains": domains[name.removesuffix("aug")], "mask_augment": name.endswith("aug")}


def fill(case: Case, method: DAFormer) -> None:
    """Give the three networks their recorded weights; of the ImageNet model only the encoder exists here."""
    for prefix, network in (("model.", method.network), ("ema_model.", method.teacher.network)):
        case.fill(network.encoder, f"{prefix}backbone.")
        case.fill(network.decoder, f"{prefix}decode_head.")
    assert method.reference is not None
    case.fill(method.reference.encoder, "imnet_model.backbone.")


class Accuracies:
    """Share of the pixels that each labelled output of the student gets right, in percent, in order."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def recorded(self) -> ExitStack:
        stack = ExitStack()
        for module in ("self_training", "hrda"):
            stack.enter_context(patch(f"udalib.methods.{module}.cross_entropy", self._cross_entropy))
        return stack

    def _cross_entropy(self, logits: Tensor, label: Tensor, *rest: Any, **options: Any) -> Tensor:
        self.values.append(100 * float(batch_accuracy(logits, label)))
        return cross_entropy(logits, label, *rest, **options)


def loss_checks(case: Case, at: str, logs: Any, accuracies: list[float]) -> Iterator[Check]:
    limit = relative(1e-4 if at == "t0_" else 1e-3)
    correct = iter(accuracies)
    for theirs, ours in PASSES.items():
        for scale, term in (("", "fused"), ("hr.", "detail")):
            name = f"{at}{theirs}decode.{scale}"
            if f"{name}loss_seg" not in case.outputs:
                continue
            value = logs[f"loss_{ours}_{term}"] if f"loss_{ours}_{term}" in logs else logs[f"loss_{ours}"]
            yield Check(f"{name}loss_seg", value, case.outputs[f"{name}loss_seg"], limit)
            # one pixel of the mixed labels may differ (tie at the teacher), 0.1 % as for the labels
            yield Check(f"{name}acc_seg", next(correct), case.outputs[f"{name}acc_seg"], absolute(0.1))
    yield Check(f"{at}fd", logs["loss_fd"], case.outputs[f"{at}src.loss_imnet_feat_dist"], limit)


def seen_checks(case: Case, at: str, script: Script) -> Iterator[Check]:
    """What the student was shown, and what the teacher said."""
    seen = script.seen
    values = {
        "ema_logits": (seen["logits"], relmax(1e-3)),
        "pseudo_label": (seen["pseudo"].label, agreement(0.999)),
        "mixed_label": (seen["mixed"].label, agreement(0.999)),
        "mixed_weight": (seen["mixed"].weight, absolute(2e-3)),
        "mixed_img": (normalised(case, seen["mixed"].image), relmax(1e-4)),
    }
    if "masked" in seen:
        values |= {
            "masked_label": (seen["masked"].label[:, None], agreement(0.999)),
            "masked_weight": (seen["masked"].weight, absolute(2e-3)),
            "masked_img": (normalised(case, seen["masked"].image), relmax(1e-4)),
        }
    for name, (value, limit) in values.items():
        if at + name in case.outputs:
            want = case.outputs[at + name]
            step = max(value.shape[-1] // want.shape[-1], 1)
            yield Check(at + name, value[..., ::step, ::step], want, limit)
    if f"{at}confidence" in case.outputs:
        fraction = (seen["pseudo"].confidence >= script.method.threshold).float().mean()
        yield Check(f"{at}confidence", fraction, case.outputs[f"{at}confidence"], absolute(2e-3))
    if f"{at}min_margin_to_threshold" in case.outputs:
        case.skip(f"{at}min_margin_to_threshold", "information only: how close a pixel is to the threshold")


def mask_checks(case: Case, at: str, method: DAFormer, script: Script) -> Iterator[Check]:
    if f"{at}fd_mask" in case.outputs:
        want, label = case.outputs[f"{at}fd_mask"], script.source["label"]
        mask = thing_mask(label, want.shape[-2:], method.fd_classes, method.fd_min_ratio)
        yield Check(f"{at}fd_mask", mask[:, None], want, exact())


def gradient_checks(case: Case, at: str, method: DAFormer) -> Iterator[Check]:
    """Norms above 1e-4 of the largest, by the tolerance the file states."""
    found = re.search(r"gradient norms rtol (\S+)", case.meta["tolerance"])
    assert found is not None
    view = nn.ModuleDict({"backbone": method.network.encoder, "decode_head": method.network.decoder})
    gradients = {name: p.grad for name, p in view.named_parameters()}
    want = case.outputs[f"{at}grad_norm"]
    norms = torch.stack([_norm(gradients[name]) for name in case.meta["grad_names"]])
    large = want > 1e-4 * want.max()
    yield Check(f"{at}grad_norm", to_numpy(norms)[large], want[large], relative(float(found[1])))
    entries = f"{at}grad_patch_embed1_bias"
    if entries in case.outputs:
        yield Check(entries, gradients["backbone.patch_embed1.proj.bias"], case.outputs[entries], relmax(1e-2))


def _norm(gradient: Tensor | None) -> Tensor:
    return torch.zeros((), dtype=torch.float64) if gradient is None else gradient.double().norm()


def state_checks(case: Case, at: str, method: DAFormer) -> Iterator[Check]:
    for name, (part, parameter) in STATE.items():
        if at + name in case.outputs:
            value = method.get_submodule(part).state_dict()[parameter]
            yield Check(at + name, value, case.outputs[at + name], relmax(1e-4))
    for who, network in (("student", method.network), ("teacher", method.teacher.network)):
        name = f"{at}{who}_last_bn_mean"
        if name in case.outputs:
            last = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)][-1]
            yield Check(name, last.running_mean, case.outputs[name], relmax(1e-4))
