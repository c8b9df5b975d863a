"""Whole iterations of Pin the Memory's trainer, run by the method itself, in the file's precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from eln_parts import within
from harness import Case, Check, handles
from pin_parts import ITEMS, network_of, published_view
from torch import Tensor

from udalib.engine.optim.build import set_learning_rates
from udalib.engine.optim.schedules import Exponential
from udalib.methods.pin_memory import Named, PinMemory, Split
from udalib.models.dropping import drop_nothing

Domains = tuple[str, ...]


@handles("pin_memory", "meta_step*")
def meta_step(case: Case) -> Iterator[Check]:
    """One iteration for each ``images_k``; losses and gradients are those of the last, the rest is what is left."""
    method, rates = build(case)
    start = {name: p.detach().clone() for name, p in parameters(method).items()}
    seen: dict[str, Any] = {}
    watch(method, seen)
    count = len([name for name in case.inputs if name.startswith("images_")])
    for k in range(count):
        set_learning_rates(method.optimizer, rates, k)
        seen["logs"] = method.step(batches(case, k), k)
    limits = case.meta["tolerance"][precision(case)]
    for name in case.outputs:
        if name.startswith("loss_"):
            yield within(name, loss(seen["logs"], name), case.outputs[name], limits)
    names = case.meta.get("grad_names") or list(start)
    own = parameters(method)
    norms = {
        "inner_grad_norms": [norm(seen["inner"].get(name)) for name in names],
        "grad_norms": [norm(own[name].grad) for name in names],
        "delta_norms": [norm(own[name].detach() - start[name]) for name in names],
    }
    found: dict[str, Any] = {**norms, **left_over(case, method, rates, count), "meta_test_memory": seen["items"]}
    for name in sorted(found.keys() & case.outputs.keys()):
        yield within(name, np.asarray(to_array(found[name])), case.outputs[name], limits)


def left_over(case: Case, method: PinMemory, rates: Exponential, count: int) -> dict[str, Any]:
    """Items, running statistics and rates for the next iteration."""
    state = published_view(method.network).state_dict()
    rate = rates(case.config["lr"], count)
    rates_after = {"lr_after": rate, "inner_lr_after": method.inner_rate(rate, count)}
    entries = {
        "memory": ITEMS,
        "bn1_running_mean": "layer0.1.running_mean",
        "writenet_bn_running_mean": "memory.writenet.writefeat.1.running_mean",
    }
    return rates_after | {name: state[entry] for name, entry in entries.items() if entry in state}


def build(case: Case) -> tuple[PinMemory, Exponential]:
    """The method with the file's weights, items and split, and the published schedule."""
    config = case.config
    network = network_of(case)
    options = {"momentum": config["momentum"], "weight_decay": config["weight_decay"]}
    domains = range(case.inputs["images_0"].shape[1])
    method = PinMemory(
        network,
        torch.optim.SGD(network.parameters(), lr=config["lr"], **options),
        domain_streams=tuple(map(str, domains)),
        inner_lr=config["inner_lr"],
        inner_share=0.25 if config.get("inner_lr_anneal", True) else None,
        lambda_aux=config.get("w_aux", 0.4),
        lambda_read=config.get("w_read", 0.02),
        lambda_div=config.get("w_div", 0.4),
        lambda_cls=config.get("w_cls", 0.2),
        augment=False,
        gumbel="off",
        official=True,
    )
    method.to(getattr(torch, precision(case))).train()
    drop_nothing(method)
    method.split = split_of(case)  # type: ignore[method-assign]
    return method, Exponential(config.get("horizon", 120_000))


def precision(case: Case) -> str:
    return "float64" if "float64" in case.meta.get("dtype", "") else "float32"


def batches(case: Case, k: int) -> dict[str, dict[str, Tensor]]:
    """Iteration ``k`` by domain."""
    images, label = case.tensor(f"images_{k}"), case.tensor(f"labels_{k}").long()
    images = images.to(getattr(torch, precision(case)))
    return {str(d): {"image": images[:, d], "label": label[:, d]} for d in range(images.shape[1])}


def watch(method: PinMemory, seen: dict[str, Any]) -> None:
    """Note the inner gradients and the items of meta-test."""
    gradients, rewritten = method.inner_gradients, method.rewritten
    names = {id(p): name for name, p in parameters(method).items()}

    def noting_gradients(total: Tensor, named: Named) -> Named:
        found = gradients(total, named)
        seen["inner"] = {names[id(named[name])]: g for name, g in found.items()}
        return found

    def noting_items(*arguments: Any) -> Tensor | None:
        seen["items"] = rewritten(*arguments)
        return seen["items"]

    method.inner_gradients, method.rewritten = noting_gradients, noting_items  # type: ignore[method-assign]


def parameters(method: PinMemory) -> Named:
    """By published name."""
    return dict(published_view(method.network).named_parameters())


def loss(logs: Any, name: str) -> float:
    """A logged term under its published name; the write terms are 0 in meta-test."""
    return float(logs.get(name.removeprefix("loss_"), 0.0))


def norm(tensor: Tensor | None) -> float:
    return 0.0 if tensor is None else float(tensor.norm())


def to_array(value: Any) -> Any:
    return value.detach().numpy() if isinstance(value, Tensor) else value


def split_of(case: Case) -> Any:
    """The file's domains by iteration: one list for all, or a list of lists."""

    def of(key: str, iteration: int) -> Domains:
        listed = case.config[key]
        return tuple(map(str, listed[iteration] if isinstance(listed[0], list) else listed))

    return lambda iteration: Split(of("meta_train_domains", iteration), of("meta_test_domains", iteration))
