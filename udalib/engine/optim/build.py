"""Optimisers described by data: one specification, and rules that scale rate and decay by parameter name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from udalib.core.errors import ConfigError, unknown_name
from udalib.engine.optim.repeated_sgd import RepeatedSGD
from udalib.engine.optim.schedules import Schedule

KINDS: dict[str, Callable[..., Optimizer]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD}


@dataclass(frozen=True)
class Rule:
    """What applies to parameters whose dotted name contains ``pattern``.

    ``visits`` > 1 (SGD only) repeats the update that often a step, see
    :class:`~udalib.engine.optim.repeated_sgd.RepeatedSGD`. ``constant`` keeps the rate whatever the schedule says.
    """

    pattern: str
    lr_mult: float = 1.0
    decay_mult: float = 1.0
    visits: int = 1
    constant: bool = field(default=False, metadata={"later": True})


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimiser and its parameter groups.

    Of the rules whose pattern is a substring of a parameter's name the longest pattern wins, ties go to the
    alphabetically first, and only that one rule applies (the rule of mmcv's optimiser constructor, DAFormer sheet 8).

    Attributes:
        kind: "adamw", "adam" or "sgd".
        lr: base learning rate.
        betas, eps: of Adam and AdamW.
        momentum, nesterov: of SGD.
        weight_decay: decoupled in AdamW, added to the gradient in Adam and SGD.
        rules: multipliers by name.
        fused: True asks torch for its fused kernel; None lets torch choose (foreach on a GPU).
    """

    kind: str = "adamw"
    lr: float = 6e-5
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.01
    rules: tuple[Rule, ...] = ()
    fused: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_name("optimiser", self.kind, KINDS)
        if self.lr < 0 or self.weight_decay < 0:
            raise ConfigError(f"lr {self.lr} and weight_decay {self.weight_decay} must not be negative.")
        if self.kind != "sgd" and any(rule.visits != 1 for rule in self.rules):
            raise ConfigError(f"rules with visits need kind 'sgd', not {self.kind!r}.")

    def rule_for(self, name: str) -> Rule | None:
        """The one rule that applies to the parameter ``name``."""
        matching = [rule for rule in self.rules if rule.pattern in name]
        return min(matching, key=lambda rule: (-len(rule.pattern), rule.pattern), default=None)

    def settings(self, name: str) -> Settings:
        """What the parameter ``name`` is trained with."""
        rule = self.rule_for(name) or Rule("")
        return Settings(self.lr * rule.lr_mult, self.weight_decay * rule.decay_mult, rule.visits, rule.constant)

    def options(self) -> dict[str, Any]:
        """Keyword arguments of the torch optimiser."""
        sgd = {"momentum": self.momentum, "nesterov": self.nesterov}
        adam = {"betas": self.betas, "eps": self.eps}
        return {**(sgd if self.kind == "sgd" else adam), "fused": self.fused}


@dataclass(frozen=True)
class Settings:
    """Learning rate, weight decay, updates per step of one parameter, and whether no schedule changes the rate."""

    lr: float
    weight_decay: float
    visits: int = 1
    constant: bool = False


def build_optimizer(spec: OptimizerSpec, named_parameters: Iterable[tuple[str, nn.Parameter]]) -> Optimizer:
    """Build the optimiser of ``spec`` over ``named_parameters`` (as ``module.named_parameters()`` gives them).

    Parameters with ``requires_grad`` False are left out, a tensor listed twice is taken once, and parameters with equal
    settings share a group, so that multi-tensor kernels see few, long lists. Every group carries ``initial_lr`` (what
    schedules start from), ``name`` and ``parameter_names``.

    Raises:
        ConfigError: nothing is left to train.
    """
    groups: dict[Settings, dict[str, Any]] = {}
    seen: set[int] = set()
    for name, parameter in named_parameters:
        if not parameter.requires_grad or id(parameter) in seen:
            continue
        seen.add(id(parameter))
        settings = spec.settings(name)
        group = groups.setdefault(settings, _new_group(spec, settings))
        group["params"].append(parameter)
        group["parameter_names"].append(name)
    if not groups:
        raise ConfigError("no parameter requires a gradient; unfreeze a part of the network or drop the optimiser.")
    if any(settings.visits > 1 for settings in groups):
        return RepeatedSGD(groups.values(), lr=spec.lr, momentum=spec.momentum)
    return KINDS[spec.kind](list(groups.values()), lr=spec.lr, **spec.options())


def _new_group(spec: OptimizerSpec, settings: Settings) -> dict[str, Any]:
    repeated = f" visits {settings.visits}" if settings.visits > 1 else ""
    fixed = " constant" if settings.constant else ""
    name = f"lr {settings.lr:g} decay {settings.weight_decay:g}{repeated}{fixed}"
    group: dict[str, Any] = {"params": [], "parameter_names": [], "name": name}
    group |= {"lr": settings.lr, "initial_lr": settings.lr, "weight_decay": settings.weight_decay}
    group |= {"constant": True} if settings.constant else {}
    return group | ({"visits": settings.visits} if settings.visits > 1 else {})


def set_learning_rates(optimizer: Optimizer, schedule: Schedule, iteration: int) -> None:
    """Set every group's ``lr`` to ``schedule(initial_lr, iteration)``; call it before the step of ``iteration``.

    Groups of a constant rate (:class:`Rule`) keep theirs.
    """
    for group in optimizer.param_groups:
        initial = group.setdefault("initial_lr", group["lr"])
        group["lr"] = initial if group.get("constant", False) else schedule(initial, iteration)
