"""Official training iterations, run by a method's own step: what happened inside, and its comparison with a file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import Case, Check, Tolerance, absolute, exact, relative, relmax, to_numpy
from published_names import official_view
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.engine.optim.build import OptimizerSpec, Rule, build_optimizer, set_learning_rates
from udalib.engine.optim.schedules import Poly
from udalib.methods import LocalRuntime
from udalib.methods.shared.alignment import Alignment

FLIPS = 0.05  # relative L2 of a discriminator's first layer: units that change sign at rounding, 0.02 between threads


class Recorder(LocalRuntime):
    """Keeps each optimiser's gradients as they were when it first stepped.

    Args:
        sub_steps: calls of the method's step that make one update (iter_size), every loss divided by it.
        factor: of the network's gradients, for a weight of the main segmentation loss other than 1.
    """

    def __init__(self, main: Optimizer, sub_steps: int = 1, factor: float = 1.0) -> None:
        self.main, self.sub_steps, self.factor = main, sub_steps, factor
        self.sub_step = 0
        self.gradients: dict[Tensor, Tensor] = {}
        self.updates: dict[Tensor, Tensor] = {}

    def zero_grad(self, optimizer: Optimizer) -> None:
        if self.sub_step == 0:
            super().zero_grad(optimizer)

    def backward(self, loss: Tensor) -> None:
        super().backward(loss / self.sub_steps)

    def optimizer_step(self, optimizer: Optimizer) -> None:
        if self.sub_step < self.sub_steps - 1:
            return
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for p in parameters:
            assert p.grad is not None
            p.grad *= self.factor if optimizer is self.main else 1.0
        before = {p: p.detach().clone() for p in parameters}
        first = {p: p.grad.clone() for p in parameters if p.grad is not None}
        super().optimizer_step(optimizer)
        for p in parameters:
            self.gradients.setdefault(p, first[p])
            self.updates.setdefault(p, p.detach() - before[p])


@dataclass
class Steps:
    """What was seen of an official run: of its first update, but for ``losses`` and ``state``.

    Attributes:
        gradients, updates: by full listed name, such as "model.conv1.weight".
        state: parameters and buffers at the end, by full listed name.
        heads: up-sampled logits of each forward pass (source, then target), main first.
        verdicts: raw outputs of each discriminator: on the target in the adversarial pass, the source, the target.
        losses: one entry an iteration, the method's logs averaged over sub-steps.
    """

    gradients: dict[str, Tensor]
    updates: dict[str, Tensor]
    state: dict[str, Tensor]
    heads: list[tuple[Tensor, ...]]
    verdicts: dict[str, list[Tensor]]
    losses: list[dict[str, float]]


def official_optimizer(case: Case, network: nn.Module) -> Optimizer:
    """SGD of the published code under today's PyTorch, with the repeated updates of the backbone."""
    stages = tuple(Rule(f"layer{stage}.", visits=3) for stage in range(1, 5))
    rules = (Rule("decoder.", lr_mult=10.0), *stages, Rule("downsample.", visits=4))
    keys = {"lr": "learning_rate", "momentum": "momentum", "weight_decay": "weight_decay"}
    spec = OptimizerSpec("sgd", rules=rules, **{ours: case.config[theirs] for ours, theirs in keys.items()})
    optimizer = build_optimizer(spec, network.named_parameters())
    for group in optimizer.param_groups:
        group.update(inplace_decay=False, fresh_start=True)
    return optimizer


def images(case: Case, name: str, size: list[int]) -> Tensor:
    """Input ``name`` (H, W, 3) uint8 as a batch in [0, 1]; it has the configured ``size`` (w, h) already."""
    picture = case.tensor(name)
    if list(picture.shape[:2]) != size[::-1]:
        raise ValueError(f"{name} is {tuple(picture.shape)}, expected (w, h) = {size}")
    return picture.permute(2, 0, 1)[None].float().div(255).repeat(case.config.get("batch_size", 1), 1, 1, 1)


def run(case: Case, method: Alignment, prefixes: dict[str, str], batches: dict[str, Any], iterations: int = 1) -> Steps:
    """Fill ``method`` and train it; ``prefixes`` are those of the listed names, by part ("network" or a level)."""
    config = case.config
    parts = {prefixes["network"]: official_view(method.network)}
    discriminators: dict[str, Any] = dict(getattr(method, "discriminators", {}))
    parts |= {prefixes[level]: module for level, module in discriminators.items()}
    for prefix, module in parts.items():
        case.fill(module, prefix)
    runtime = Recorder(method.optimizers()["main"], config.get("iter_size", 1), config.get("lambda_seg_main", 1.0))
    method.train().runtime = runtime
    heads, verdicts = _watch(method, discriminators)
    schedule = Poly(config.get("num_steps") or config["max_iters"], config.get("power", 0.9))
    losses = []
    for i in range(iterations):
        for optimizer in method.optimizers().values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
            set_learning_rates(optimizer, schedule, i)
        logs = []
        for k in range(runtime.sub_steps):
            runtime.sub_step = k
            logs.append(method.step(batches, i))
        losses.append({name: sum(float(each[name]) for each in logs) / len(logs) for name in logs[0]})
    names = {p: prefix + name for prefix, module in parts.items() for name, p in module.named_parameters()}
    return Steps(
        {names[p]: gradient for p, gradient in runtime.gradients.items()},
        {names[p]: update for p, update in runtime.updates.items()},
        {prefix + name: value for prefix, module in parts.items() for name, value in module.state_dict().items()},
        heads,
        verdicts,
        losses,
    )


def _watch(method: Any, discriminators: dict[str, Any]) -> tuple[list[Any], dict[str, list[Tensor]]]:
    """Lists that fill with the up-sampled heads and the discriminators' outputs of every pass."""
    heads: list[tuple[Tensor, ...]] = []
    verdicts: dict[str, list[Tensor]] = defaultdict(list)
    compute = method.heads

    def recorded(features: list[Tensor], size: Any) -> tuple[Tensor, ...]:
        heads.append(compute(features, size))
        return heads[-1]

    method.heads = recorded
    for level, module in discriminators.items():
        module.register_forward_hook(lambda _m, _i, out, level=level: verdicts[level].append(out.detach().clone()))
    return heads, verdicts


def parameter_checks(case: Case, steps: Steps, prefixes: dict[str, str]) -> Iterator[Check]:
    """Names, norms and values of gradients, updates and BatchNorm statistics, whatever of them the file holds."""
    limits = case.meta["tolerance"]
    for part, prefix in prefixes.items():
        key = "model_grad_norms" if part == "network" else f"{prefix[:-1]}_grad_norms"
        if key not in case.outputs:
            continue
        names = case.meta["model_grad_names" if part == "network" else "D_grad_names"]
        trained = [name.removeprefix(prefix) for name in steps.gradients if name.startswith(prefix)]
        yield Check(f"{part}: who has a gradient", sorted(trained), sorted(names), exact())
        norms = [float(steps.gradients[prefix + name].double().norm()) for name in names]
        yield Check(key, norms, case.outputs[key], relative(limits["grad_norm_rtol"]))
    entries = relmax(limits.get("classifier_and_D_grad_rtol") or limits["head_grad_rtol"])
    for name in case.outputs:
        kind, _, full = name.partition("__")
        if kind == "bn":
            state = steps.state[prefixes["network"] + full][: number(case, r"first (\d+) channels")]
            yield Check(name, state, case.outputs[name], relmax(limits["bn_rtol"]))
        elif kind in ("grad", "update"):
            values = steps.gradients if kind == "grad" else steps.updates
            yield _entry_check(case, name, full, values, entries)


def _entry_check(case: Case, name: str, full: str, values: dict[str, Tensor], tolerance: Tolerance) -> Check:
    """One gradient or update: its norm, or its (thinned) entries; first layers, which are noisy, by their distance."""
    want, limits = case.outputs[name], case.meta["tolerance"]
    if full.endswith("_norm"):
        return Check(name, values[full.removesuffix("_norm")].double().norm(), want, relative(limits["grad_norm_rtol"]))
    value = values[full.removesuffix("_sub")]
    model = full.startswith("model.")
    if full.endswith("_sub"):
        value = value[:, :: number(case, r"input channels ::(\d+)" if model else r"or ::(\d+) \(discriminator\)")]
    limit = limits["conv1_grad_relative_l2"] if model else FLIPS
    if name.startswith("grad") and full.partition(".")[2].startswith(("conv1.", "0.")):
        distance = np.linalg.norm(to_numpy(value) - want) / np.linalg.norm(want)
        return Check(f"{name}, relative L2", distance, 0.0, absolute(limit))
    gradient = case.outputs.get(f"grad__{full}")
    if name.startswith("update") and not model and gradient is not None:
        # Adam's first step is the gradient's sign: of one that is 0 but for the first layer's noise it is no fact.
        sure = np.abs(gradient) > FLIPS * np.abs(gradient).max()
        return Check(name, to_numpy(value)[sure], want[sure], tolerance)
    return Check(name, value, want, tolerance)


def number(case: Case, pattern: str) -> int:
    """Number that the file's rule of thinning states."""
    found = re.search(pattern, case.meta["subsample"])
    if found is None:
        raise ValueError(f"no {pattern!r} in {case.meta['subsample']!r}")
    return int(found[1])
