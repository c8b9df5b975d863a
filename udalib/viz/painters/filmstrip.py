"""Execution plans as filmstrips, drawn from the segments that the network runs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from udalib.analysis.layers.segments import Plan, Step
from udalib.core.errors import ConfigError
from udalib.viz.theme import GRID_COLOR, TEXT_COLOR, Picture, new_figure

MAP = "cividis"
TALLEST = 3.0
"""Height of a step of many parallel layers, in heights of one layer's box."""
LABELS, FRAMES = 2.6, 8.6
"""Widths in inches: of the names at the left, and of the longest strip at most."""
BOX = 0.42
"""Width and height in inches of one layer's box where there is room."""


def filmstrip_figure(plans: Sequence[Plan] | Mapping[str, Plan], *, title: str = "") -> Picture:
    """Draw one strip a plan: a column a step, from left to right; layers that run at the same time share a column.

    Colours go with a layer's own place in the stack, so that a new order shows as a jumble. A strip's length is its
    sequential depth. Layers that never run are named at the left.

    Args:
        plans: in order, or by the name to write at the left.
        title: above the strips.

    Raises:
        ConfigError: no plan.
    """
    rows = dict(plans) if isinstance(plans, Mapping) else {f"{i} {plan.name}": plan for i, plan in enumerate(plans)}
    if not rows:
        raise ConfigError("there is no plan to draw; give at least one.")
    longest = max(plan.sequential_depth for plan in rows.values())
    heights = [strip_height(plan) for plan in rows.values()]
    width = min(BOX, FRAMES / longest)
    size = (LABELS + width * longest + 0.3, BOX * sum(heights) + 0.6 + 0.25 * bool(title))
    figure, (axes,) = new_figure(max(size[0], 5.0), size[1])
    top, ticks = 0.0, []
    for plan, height in zip(rows.values(), heights, strict=True):
        ticks.append(top + (height - 0.3) / 2)
        draw_filmstrip(axes, plan, top=top, box=(width, BOX))
        top += height
    names = rows if isinstance(plans, Mapping) else [plan.name for plan in rows.values()]
    labels = [f"{name}\n{describe(plan)}" for name, plan in zip(names, rows.values(), strict=True)]
    axes.set_yticks(ticks, labels, fontsize=8)
    finish_strips(axes, max(longest, (size[0] - LABELS) / BOX if longest < 6 else longest), top)
    if title:
        figure.suptitle(title, fontsize=11, color=TEXT_COLOR)
    return figure


def strip_height(plan: Plan) -> float:
    """Height of a strip in heights of a box, with the gap below it."""
    widest = max(len(step) for step in plan.steps)
    return min(max(1.0, 0.5 * widest), TALLEST) + 0.3 + 0.2 * (widest > 1)


def describe(plan: Plan) -> str:
    """How many layers run, in how many steps, and which never do.

    >>> describe(Plan(6, (("seq", (0, 1)), ("par", (3, 2)))))
    '4 layers in 3 steps, without 4-5'
    """
    count = len(plan.executed)
    text = f"{count} layer{'s' * (count != 1)}"
    text += f" in {plan.sequential_depth} steps" if count > plan.sequential_depth else ""
    return f"{text}, without {ranges(plan.unused)}" if plan.unused else text


def ranges(indices: Sequence[int]) -> str:
    """Ascending numbers in short.

    >>> ranges([0, 2, 3, 4, 7])
    '0, 2-4, 7'
    """
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def draw_filmstrip(axes: Axes, plan: Plan, *, top: float = 0.0, box: tuple[float, float] = (BOX, BOX)) -> None:
    """Draw ``plan`` from x = 0, one unit a step, below ``top`` (the y axis points down).

    Args:
        axes: to draw on.
        plan: what is drawn.
        top: upper edge of the strip in heights of a box.
        box: (width, height) of a box in inches, for the size of the numbers.
    """
    parallel = any(len(step) > 1 for step in plan.steps)
    height = strip_height(plan) - 0.3 - 0.2 * parallel
    for column, step in enumerate(plan.steps):
        tall = 1.0 if len(step) == 1 else height
        _step(axes, plan, step, (column, top + (height - tall) / 2, tall), box)
    column = 0
    for step, same in itertools.groupby(plan.steps):
        count = len(list(same))
        if len(step) > 1:
            text = f"mean of {ranges(sorted(set(step)))}" + (f", {count} times" if count > 1 else "")
            place = (column + count / 2, top + height + 0.04)
            axes.text(*place, text, ha="center", va="top", fontsize=7, color=TEXT_COLOR)
        column += count


def _step(axes: Axes, plan: Plan, step: Step, place: tuple[float, float, float], box: tuple[float, float]) -> None:
    """The layers of a step above one another in a column; ``place`` is (left, top, height)."""
    left, top, tall = place
    share = tall / len(step)
    size = min(9.0, 72 * 0.75 * share * box[1], 72 * 0.45 * box[0])
    readable = size >= 4.5
    gap = 0.04 * share if readable else 0.0
    for row, index in enumerate(step):
        color = matplotlib.colormaps[MAP](index / max(plan.layers - 1, 1))
        corner = (left + 0.06, top + row * share + gap)
        # Thin boxes touch: an edge of their own colour closes the seams that rounding to pixels leaves.
        edge = "none" if readable else color
        axes.add_patch(Rectangle(corner, 0.88, share - 2 * gap, facecolor=color, edgecolor=edge, linewidth=0.5))
        if readable:
            ink = "white" if index < 0.55 * plan.layers else "black"
            middle = (left + 0.5, top + (row + 0.5) * share)
            axes.text(*middle, str(index), ha="center", va="center_baseline", fontsize=size, color=ink)
    if len(step) > 1:
        axes.add_patch(Rectangle((left, top), 1, tall, facecolor="none", edgecolor="#555555", linewidth=1.2))


def finish_strips(axes: Axes, columns: float, bottom: float) -> None:
    """Limits, frame and labels of axes that hold strips of up to ``columns`` steps."""
    axes.set(xlim=(-0.1, columns + 0.1), ylim=(bottom, -0.15))
    axes.set_xlabel("steps in order; layers in one column run on the same input", fontsize=8)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set(visible=True, color=GRID_COLOR)
