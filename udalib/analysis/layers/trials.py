"""The plans of the paper over everything that it varies: start, loops, draws of the random order, single layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from udalib.analysis.layers.planned import planned
from udalib.analysis.layers.plans import create_plan, largest_start
from udalib.analysis.layers.segments import Plan
from udalib.analysis.layers.stacks import Stack
from udalib.core.errors import ConfigError

T = TypeVar("T")

MIDDLE_PLANS = ("skip", "middle_repeat", "reverse", "random", "parallel", "loop_parallel")
"""Plans for the middle of a stack, in the paper's order."""
LAYER_PLANS = ("skip_layer", "switch_layers")
"""Plans for one layer, or two neighbours, at every place."""


@dataclass(frozen=True)
class Trial:
    """One plan of a stack, by the arguments of :func:`~udalib.analysis.layers.plans.create_plan`.

    Attributes:
        plan: its name.
        start: last layer before the middle; for :data:`LAYER_PLANS` the layer.
        loops: of loop_parallel.
        seed: of the random order.
    """

    plan: str
    start: int
    loops: int = 1
    seed: int = 0

    def build(self, layers: int) -> Plan:
        """The plan for a stack of ``layers``; names and numbers that do not fit raise here."""
        return create_plan(self.plan, layers, self.start, loops=self.loops, seed=self.seed)


def plan_trials(layers: int, *, loops: Sequence[int] = (2, 3, 4), draws: int = 10) -> list[Trial]:
    """Every plan at every start, and every layer left out or exchanged with the next one.

    Args:
        layers: of the stack, 2 or more.
        loops: numbers of loops of loop_parallel, each 2 or more; one loop is the plan "parallel".
        draws: random orders, seeds 0 to draws - 1.

    >>> [trial.plan for trial in plan_trials(3, loops=(2,), draws=1)][:6]
    ['skip', 'middle_repeat', 'reverse', 'parallel', 'random', 'loop_parallel']

    Raises:
        ConfigError: a stack of fewer than two layers, a number of loops below 2, or no draw.
    """
    if layers < 2 or draws < 1 or min(loops, default=2) < 2:
        raise ConfigError(
            f"trials need 2 layers, 2 loops and 1 draw or more, got layers={layers}, loops={tuple(loops)}, "
            f"draws={draws}; one loop is the plan 'parallel'."
        )
    found: list[Trial] = []
    for start in range(largest_start(layers) + 1):
        found += [Trial(name, start) for name in MIDDLE_PLANS if name not in ("random", "loop_parallel")]
        found += [Trial("random", start, seed=seed) for seed in range(draws)]
        found += [Trial("loop_parallel", start, loops=count) for count in loops]
    found += [Trial("skip_layer", layer) for layer in range(layers)]
    return found + [Trial("switch_layers", layer) for layer in range(layers - 1)]


def score_trials(network: nn.Module, trials: Sequence[Trial], score: Callable[[], T], *, stack: Stack) -> list[T]:
    """What ``score`` returns with ``network`` under each of ``trials``; plans that run the same are scored once."""
    known: dict[Plan, T] = {}
    for plan in (trial.build(len(stack)) for trial in trials):
        if plan not in known:
            with planned(network, plan, stack=stack):
                known[plan] = score()
    return [known[trial.build(len(stack))] for trial in trials]
