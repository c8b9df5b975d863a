"""The mean teacher's memory: its decay over the iterations, and how far it lags behind a student on a toy problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.core.seeding import numpy_generator
from udalib.ops import ema_decay
from udalib.viz.charts.curves import add_curve
from udalib.viz.theme import COLORS, Picture, line_style, new_figure, tidy

Floats = NDArray[np.float64]


def ema_decay_figure(alphas: Sequence[float] = (0.9, 0.99, 0.999), iterations: int = 5000) -> Picture:
    """Draw a(t) = min(1 - 1 / (t + 1), alpha), the share of the old teacher, and how many students it averages.

    A dot marks the iteration at which a(t) reaches its cap alpha. The second panel draws 1 / (1 - a(t)): until the cap
    a plain mean of all students so far, then the time constant of an exponential one.
    """
    if not alphas or not all(0 < alpha < 1 for alpha in alphas):
        raise ConfigError(f"alphas are {tuple(alphas)}; give one or more between 0 and 1.")
    figure, axes = new_figure(12.0, 3.8, 1, 2)
    steps = np.unique(np.geomspace(1, iterations, 200).round().astype(int))
    for index, alpha in enumerate(alphas):
        values = np.asarray([ema_decay(int(t), alpha) for t in steps])
        style = {**line_style(index), "marker": None, "linewidth": 1.8}
        cap = alpha / (1 - alpha)
        label = f"alpha = {alpha:g}, reached at t = {cap:.0f}"
        axes[0].plot(steps, values, **style, label=label)
        axes[1].plot(steps, 1 / (1 - values), **style, label=label)
        if cap <= iterations:
            for panel, height in zip(axes, (alpha, 1 / (1 - alpha)), strict=True):
                panel.plot(cap, height, **{**line_style(index), "markersize": 7})
    axes[0].set(title="share of the old teacher in the new one", ylabel="a(t); a(0) = 0, a copy", ylim=(0.45, 1.02))
    axes[1].set(title="students that the teacher averages", ylabel="1 / (1 - a(t)), iterations", yscale="log")
    axes[1].yaxis.set_major_formatter("{x:g}")
    for panel in axes:
        _iterations(panel)
    return figure


def _iterations(axes: Axes) -> None:
    axes.set(xscale="log", xlabel="iteration t (logarithmic)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize=8)
    tidy(axes, grid="both")


def toy_run(
    alpha: float, iterations: int, seed: int, *, rate: float = 0.02, noise: float = 0.5, dimensions: int = 20
) -> dict[str, Floats]:
    """Distances to the optimum, each (iterations + 1,), of a student and of two teachers that follow it.

    The student descends |x|^2 / 2 in ``dimensions`` dimensions from a random point, root mean square 1, with gradients
    disturbed by normal noise of standard deviation ``noise`` a dimension. Distance: root mean square of x. One teacher
    warms alpha up (:func:`udalib.ops.ema_decay`), the other has it constant and starts as a copy of the student.
    """
    random = numpy_generator("toy quadratic", seed)
    student = random.standard_normal(dimensions)
    student /= np.sqrt(np.mean(student**2))
    teachers = {"warm-up": student.copy(), "constant": student.copy()}
    path: dict[str, list[float]] = {"student": [], "warm-up": [], "constant": []}
    for t in range(iterations + 1):
        for name, teacher in teachers.items():
            decay = ema_decay(t, alpha) if name == "warm-up" or t == 0 else alpha
            teachers[name] = decay * teacher + (1 - decay) * student
        for name, point in (("student", student), *teachers.items()):
            path[name].append(float(np.sqrt(np.mean(point**2))))
        student = student - rate * (student + noise * random.standard_normal(dimensions))
    return {name: np.asarray(values) for name, values in path.items()}


def teacher_lag_figure(alpha: float = 0.99, iterations: int = 800, seeds: int = 3) -> Picture:
    """Draw :func:`toy_run`: how far the student, and teachers with and without the warm-up of alpha, are from the goal.

    With warm-up the teacher leaves the random start at once; later both average the student's noise away.
    """
    runs = [toy_run(alpha, iterations, seed) for seed in range(seeds)]
    names = {
        "student": "student",
        "warm-up": "teacher, alpha warmed up",
        "constant": f"teacher, alpha = {alpha:g} always",
    }
    figure, (axes,) = new_figure(8.0, 4.0)
    steps = np.arange(iterations + 1, dtype=np.float64)
    for index, (key, name) in enumerate(names.items()):
        add_curve(axes, index, name, [(steps, run[key]) for run in runs])
    axes.axvline(alpha / (1 - alpha), color=COLORS[6], linewidth=1, linestyle=":")
    axes.annotate(
        " warm-up ends", (alpha / (1 - alpha), 0.98), xycoords=("data", "axes fraction"), fontsize=8, va="top"
    )
    axes.set(yscale="log", xlabel="iteration", ylabel="distance to the optimum (start = 1)")
    axes.set_title(f"noisy quadratic: how far a teacher with alpha = {alpha:g} lags behind", fontsize=10)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize=8)
    tidy(axes, grid="both")
    return figure
