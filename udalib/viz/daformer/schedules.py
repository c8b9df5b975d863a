"""Learning-rate schedules over the whole training, and their first iterations beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from udalib.core.errors import ConfigError
from udalib.engine.optim.schedules import Schedule
from udalib.viz.theme import TEXT_COLOR, Picture, line_style, new_figure, tidy


def schedule_figure(
    schedules: Mapping[str, Schedule],
    base_lr: float,
    iterations: int,
    *,
    zoom: int,
    marks: Sequence[int] = (),
    title: str = "",
) -> Picture:
    """Draw learning rates over ``iterations``, and the first ``zoom`` of them in a second panel.

    Args:
        schedules: name to schedule.
        base_lr: of the parameter group shown, drawn as a dotted line.
        iterations: length of the training.
        zoom: iterations of the second panel.
        marks: iterations at which the rate of the first schedule is written into the second panel.
        title: above both.

    Raises:
        ConfigError: no schedule, or ``zoom`` or a mark outside the training.
    """
    if not schedules:
        raise ConfigError("there is no schedule to draw; give at least one.")
    if not 0 < zoom <= iterations or any(not 0 <= mark <= zoom for mark in marks):
        raise ConfigError(f"zoom={zoom} must lie in 1 to {iterations} and marks {list(marks)} in 0 to {zoom}.")
    figure, (whole, first) = new_figure(10.5, 3.5, 1, 2)
    for axes, length in ((whole, iterations), (first, zoom)):
        places = np.unique(np.linspace(0, length, 400).round().astype(int))
        for index, (name, schedule) in enumerate(schedules.items()):
            rates = [schedule(base_lr, int(t)) for t in places]
            axes.plot(places, rates, **line_style(index), markevery=40, markersize=4, label=name)
        axes.axhline(base_lr, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
        axes.set(xlabel="iteration", ylim=(0, None))
        tidy(axes, grid="y")
    whole.set_ylabel(f"learning rate (dotted: base, {base_lr:g})")
    whole.legend(fontsize=8)
    first.set_title(f"the first {zoom} iterations", fontsize=9)
    _write_marks(first, next(iter(schedules.values())), base_lr, marks)
    figure.suptitle(title, fontsize=11)
    return figure


def _write_marks(axes: Axes, schedule: Schedule, base_lr: float, marks: Sequence[int]) -> None:
    for mark in marks:
        rate = schedule(base_lr, mark)
        axes.plot(mark, rate, marker="o", markersize=7, color="black", markerfacecolor="white")
        text = f"lr({mark}) = {rate:.4g}"
        place = (14, -3) if mark < axes.get_xlim()[1] / 4 else (4, -18)  # beside a steep start, below what comes later
        axes.annotate(text, (mark, rate), place, textcoords="offset points", fontsize=8, color=TEXT_COLOR)
