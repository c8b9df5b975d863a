"""A plan in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from udalib.core.errors import UdalibError
from udalib.recipes.plan.cards import CARDS, Card
from udalib.recipes.plan.fitting import CARDS_GIB, RESERVE, fits
from udalib.recipes.plan.planning import Plan
from udalib.recipes.report.text import plain_table

MEMORY_NOTE = (
    "Peak: tensors alive at once, as torch.cuda.max_memory_allocated counts them, without scratch space of libraries. "
    f"A card counts as large enough if the peak takes {RESERVE:.0%} of its memory or less."
)
TIME_NOTE = (
    "Time: every operation alone at the card's stated rate of arithmetic or memory, whichever limits it; loading, "
    "launches and what falls short of the stated rates come on top, so take it as the least to expect."
)


def plan_text(plan: Plan) -> str:
    """Return what one iteration takes, in lines."""
    recipe = plan.recipe
    shapes = ", ".join(f"{name} {' x '.join(map(str, shape))}" for name, shape in plan.images.items())
    parts = f", {recipe.train.accumulate} micro-batches" if recipe.train.accumulate > 1 else ""
    lines = [
        f"{recipe.name} at {recipe.preset or 'its own scale'}, {recipe.train.precision}{parts}",
        f"  images             {shapes}",
        f"  parameters         {plan.trainable / 1e6:.2f} million trained",
        f"  networks in memory {plan.held / 1024:.2f} GiB, optimiser states {plan.states / 1024:.2f} GiB",
        f"  peak memory        {plan.peak / 1024:.2f} GiB",
        f"  arithmetic         {plan.flops / 1e12:.2f} TFLOP an iteration in {len(plan.work)} operations",
    ]
    return "\n".join(lines) + "\n"


def time_text(plan: Plan, names: Sequence[str]) -> str:
    """Return the table of times on the cards ``names``."""
    rows = [_times(plan, CARDS.get(name)) for name in names]
    header = ["card", "memory GiB", "fits", "ms an iteration", f"hours for {plan.recipe.train.iterations}"]
    return plain_table(header, rows) + "\n" + TIME_NOTE + "\n"


def _times(plan: Plan, card: Card) -> list[str]:
    seconds = plan.recipe.train.accumulate * card.seconds(plan.work)
    hours = seconds * plan.recipe.train.iterations / 3600
    return [card.title, f"{card.memory:g}", _yes(fits(plan, card.memory)), f"{1000 * seconds:.0f}", f"{hours:.1f}"]


def fitting_text(
    ways: Sequence[tuple[Mapping[str, Any], Plan | UdalibError]], sizes: Sequence[float] = CARDS_GIB
) -> str:
    """Return the table of changes and the cards that are large enough then."""
    header = ["change", "peak GiB", *(f"{size:g} GB" for size in sizes)]
    body, reasons = [], []
    for overrides, plan in ways:
        what = " ".join(f"{key}={_value(value)}" for key, value in overrides.items()) or "as it is"
        if isinstance(plan, Plan):
            body.append([what, f"{plan.peak / 1024:.2f}", *(_yes(fits(plan, size)) for size in sizes)])
        else:
            body.append([what, "-", *("-" for _ in sizes)])
            reasons.append(f"- {what}: {plan}")
    return "\n".join([plain_table(header, body), *reasons, MEMORY_NOTE]) + "\n"


def _value(value: Any) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)


def _yes(fitting: bool) -> str:
    return "yes" if fitting else "no"
