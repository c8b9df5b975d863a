"""Whole iterations of ELN's trainer, run by the method itself: stage 1 and stage 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from eln_parts import decoder_of, encoder_of, judge_of, set_mode, within
from harness import Case, Check, handles
from published_networks import NORMALISED
from torch import Tensor, nn

from udalib.methods.eln import ELN
from udalib.models.network import SegmentationNetwork

Corners = list[tuple[int, int]]


@handles("eln", "stage*_step*", "*_step_*")
def step(case: Case) -> Iterator[Check]:
    """One iteration with the recorded images, and in stage 2 the recorded second view and windows."""
    method = build(case)
    batches = {"labelled": {"image": images(case, labelled_name(case)), "label": case.tensor("labels_l").long()}}
    second = stage(case) == 2
    if second:
        plain, strong = (images(case, name) for name in unlabelled_names(case))
        batches["unlabelled"] = {"image": plain}
        script(case, method, strong)
    seen = watched(method)
    logs = method.step(batches, method.stage2_from if second else method.judged_from)
    limits = case.meta["tolerance"][precision(case)]
    yield within("total", logs["loss"], case.outputs["total"], limits["losses"])
    for name in case.outputs:
        if name.startswith("loss_"):
            value = logs[log_name(case, name.removeprefix("loss_"))]
            yield within(name, value, case.outputs[name], limits["losses"])
        elif name in seen:
            yield within(name, seen[name], case.outputs[name], limits.get(name, limits["losses"]))
    norms = gradient_norms(method, case.meta["grad_names"])
    yield within("grad_norms", norms, case.outputs["grad_norms"], limits["grad_norms"])


def precision(case: Case) -> str:
    return "float64" if "float64" in case.meta.get("dtype", "") else "float32"


def stage(case: Case) -> int:
    """Stage 2 shows unlabelled images."""
    return 2 if unlabelled_names(case) else 1


def labelled_name(case: Case) -> str:
    return next(n for n in case.inputs if n.startswith("image") and n.endswith("_l"))


def unlabelled_names(case: Case) -> tuple[str, ...]:
    """Names of the plain and of the augmented unlabelled images."""
    names = [n for n in case.inputs if n.startswith("image") and n != labelled_name(case)]
    return tuple(sorted(names, key=lambda n: any(word in n for word in ("aug", "strong", "jit"))))


def images(case: Case, name: str) -> Tensor:
    return case.tensor(name).to(getattr(torch, precision(case)))


def build(case: Case) -> ELN:
    """The method with the recorded weights, in train mode, without dropout."""
    config = case.config
    encoder = encoder_of(config)
    network = SegmentationNetwork(encoder, decoder_of(config, encoder), NORMALISED, align_corners=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-5)
    method = ELN(
        network,
        optimizer,
        config["num_classes"],
        pretrain_iterations=0,
        eln_iterations=1,
        alphas=tuple(config["alphas"]),
        temperature=config.get("temperature", 0.5),
        contrast_window=config.get("crop", 32),
        official=True,
    )
    method.eln = judge_of(config)
    for prefix, module in parts(method).items():
        case.fill(module, f"{prefix}.")
        state = module.state_dict()
        for name, factor in config.get("scaled_after_fill", {}).items():
            if name.startswith(f"{prefix}."):
                state[name.removeprefix(f"{prefix}.")] *= factor
    method.to(getattr(torch, precision(case)))
    set_mode(method, "train")
    for module in parts(method).values():
        module.requires_grad_(True)  # norms take no part in the update, but the file has their gradients
    return method


def parts(method: ELN) -> dict[str, nn.Module]:
    """Modules by the prefix of their listed names."""
    decoders = {f"dec_{k}": decoder for k, decoder in enumerate(method.auxiliary)}
    host = {"enc": nn.ModuleDict({"backbone": method.network.encoder}), "dec": method.network.decoder}
    return {**host, "eln": method.eln, **decoders}


def script(case: Case, method: Any, strong: Tensor) -> None:
    """Let the method see the recorded second view and windows."""
    windows = dict(zip(("strong", "plain"), corners(case), strict=True))
    method.strong_view = lambda images, iteration: strong
    method.windows = lambda view, label, iteration: windows[view]


def corners(case: Case) -> tuple[Corners, Corners]:
    """Windows of the augmented and of the plain view: one list, augmented first, or one for each."""
    found = {**{n: a for n, a in case.inputs.items() if "crop" in n}}
    for place in (case.config, case.meta):
        found |= {n: np.array(v) for n, v in place.items() if "crop" in n and isinstance(v, list)}
    if len(found) == 1:
        (every,) = found.values()
        every = np.reshape(every, (-1, 2))
        halves = (every[: len(every) // 2], every[len(every) // 2 :])
    else:
        names = sorted(found, key=lambda n: not any(word in n for word in ("aug", "strong")))
        halves = (found[names[0]], found[names[1]])
    first, second = ([(int(top), int(left)) for top, left in half] for half in halves)
    return first, second


def watched(method: Any) -> dict[str, Tensor]:
    """Fills, in the step, with the pseudo labels and the verdict they are filtered by."""
    seen: dict[str, Tensor] = {}
    label, verdict = method.pseudo_label, method.verdict

    def watching_label(*arguments: Any) -> Tensor:
        seen["pseudo"] = label(*arguments)
        return seen["pseudo"]

    def watching_verdict(*arguments: Any) -> Tensor:
        seen["eln_map"] = verdict(*arguments)
        return seen["eln_map"]

    method.pseudo_label, method.verdict = watching_label, watching_verdict
    return seen


def log_name(case: Case, theirs: str) -> str:
    """Our log for one of the trainer's: decoders are named after their factor alpha, the main one after a third."""
    numbers = [str(alpha) for alpha in case.config["alphas"]]
    stem, _, number = theirs.rpartition("_")
    if theirs == "sup_loss":
        return "loss_sup"
    if number.isdigit():
        decoder = f"aux_{numbers.index(number)}" if number in numbers else "main"
        return f"ce_{decoder}" if stem == "sup_loss" else f"eln_{decoder}"
    kind = "pseudo" if "pseudo" in theirs else "contrast"
    return f"loss_{kind}_{'strong' if 'aug' in theirs else 'plain'}"


def gradient_norms(method: ELN, names: list[str]) -> list[float]:
    """L2 norms by listed name, 0 where there is no gradient."""
    gradients = {f"{k}.{n}": p.grad for k, module in parts(method).items() for n, p in module.named_parameters()}
    return [0.0 if (g := gradients[name]) is None else float(g.double().norm()) for name in names]
