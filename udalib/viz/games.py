"""Curves of the game between a segmentation network and its discriminator, and of sweeps over lambda."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from udalib.analysis.sweeps import LOSSES, Sweep, SweepRun, Variant
from udalib.core.errors import ConfigError
from udalib.viz.curves import add_curve, add_reference
from udalib.viz.theme import MARKERS, Picture, line_style, new_figure, tidy

History = Mapping[str, Sequence[float]]
"""Columns of one run: ``iteration``, ``loss_seg_main``, ``loss_adv_main`` and the two halves of D's loss."""

SOURCE_HALF, TARGET_HALF = "loss_d_main_source", "loss_d_main_target"
UNDECIDED = float(np.log(2))


def game_curves(
    history: Mapping[str, History | Sequence[History]], healthy: tuple[float, float] = (0.2, 0.5)
) -> Picture:
    """Draw L_seg, L_adv and L_D over the iterations, one line a run title, or thin lines and their mean for seeds.

    L_D is the mean of the source and the target half, as the published code prints it. The band ``healthy`` is what
    the maintainers of AdaptSegNet report of good runs with the vanilla loss (issue 22); the dotted line at log 2 is a
    vanilla discriminator that is undecided.

    Args:
        history: run title -> columns of one run, or of one run a seed.
        healthy: of L_D.

    Raises:
        ConfigError: nothing to draw, or a run lacks a column or has columns of unlike length.
    """
    if not history:
        raise ConfigError("there is no run to draw; give at least one.")
    figure, axes = new_figure(12.0, 3.6, 1, 3)
    for index, (name, runs) in enumerate(history.items()):
        seeds = [_columns(name, run) for run in ([runs] if isinstance(runs, Mapping) else runs)]
        for panel, column in zip(axes, ("loss_seg_main", "loss_adv_main", "loss_d"), strict=True):
            add_curve(panel, index, name, [(run["iteration"], run[column]) for run in seeds])
    axes[2].axhspan(*healthy, color="#009E73", alpha=0.15, linewidth=0)
    axes[2].text(
        0.02,
        healthy[0],
        "healthy, say the maintainers",
        transform=axes[2].get_yaxis_transform(),
        fontsize=7,
        va="bottom",
    )
    for panel in axes[1:]:
        add_reference(panel, "undecided (vanilla)", UNDECIDED)
    titles = ("segmentation, source: L_seg", "deceiving D, target: L_adv", "discriminator: L_D")
    for panel, title in zip(axes, titles, strict=True):
        panel.set(xlabel="iteration", ylim=(0, None))
        panel.set_title(title, fontsize=10)
        tidy(panel, grid="y")
    axes[0].legend(fontsize=7)
    return figure


def _columns(name: str, run: History) -> dict[str, NDArray[np.float64]]:
    """Columns of a run as arrays, with ``loss_d``, the mean of D's halves."""
    missing = [column for column in ("iteration", *LOSSES) if column not in run]
    if missing:
        raise ConfigError(f"run {name!r} has no {', '.join(missing)}; give the columns of an adversarial training.")
    columns = {column: np.asarray(run[column], float) for column in ("iteration", *LOSSES)}
    if len({len(values) for values in columns.values()}) > 1:
        raise ConfigError(f"run {name!r} has columns of unlike length; give one value an iteration in each.")
    return {**columns, "loss_d": (columns[SOURCE_HALF] + columns[TARGET_HALF]) / 2}


def sweep_lines(
    sweep: Sweep, variants: Sequence[Variant] | None = None, *, title: str = "Final target mIoU over lambda"
) -> Picture:
    """Draw final target mIoU against lambda, a line of means a variant and every seed as a dot.

    lambda = 0 stands at the left of the logarithmic axis; its mean (the control: the same training without the
    adversary) and the references, such as source-only, are labelled horizontal lines.

    Args:
        sweep: from :func:`udalib.analysis.load_sweep`.
        variants: which to draw; by default all in the file.
        title: above the picture.

    Raises:
        ConfigError: a variant has no run in the sweep.
    """
    chosen = list(sweep.variants if variants is None else variants)
    for variant in chosen:
        if not sweep.weights_of(variant):
            known = "; ".join(map(str, sweep.variants)) or "none"
            raise ConfigError(f"the sweep has no run of {variant}. It has: {known}.")
    positive = [weight for weight in sweep.weights if weight > 0]
    if not chosen or not positive:
        raise ConfigError("there is no variant to draw; give at least one.")
    figure, (axes,) = new_figure(9.0, 4.4)
    for index, variant in enumerate(chosen):
        _line(axes, sweep, variant, index, len(chosen))
    zero = positive[0] / 3
    control = [run.miou[-1] for run in sweep.select(chosen[0], 0.0)]
    if control:
        axes.scatter([zero] * len(control), control, marker="_", s=90, color="black", zorder=3)
        add_reference(axes, "lambda = 0: the same training without the adversary", float(np.mean(control)))
    for name, scores in sweep.reference.items():
        add_reference(axes, f"{name}, mean of {len(scores)} seeds", float(np.mean(scores)))
    axes.set_xscale("log")
    axes.set_xticks([zero, *positive], ["0", *(f"{weight:g}" for weight in positive)])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="lambda (logarithmic; 0 at the left)", ylabel="target mIoU in percent", title=title)
    axes.legend(fontsize=8, title="mean; dots: seeds", title_fontsize=8)
    tidy(axes, grid="y")
    return figure


def _line(axes: Axes, sweep: Sweep, variant: Variant, index: int, count: int) -> None:
    """One variant: its means as a line, its seeds as dots a little apart from those of the others."""
    weights = sweep.weights_of(variant)
    scores = [[run.miou[-1] for run in sweep.select(variant, weight)] for weight in weights]
    places = np.asarray(weights) * 10 ** (0.03 * (index - (count - 1) / 2))
    style = line_style(index)
    axes.plot(places, [np.mean(s) for s in scores], **{**style, "marker": None}, linewidth=1.8, label=str(variant))
    for place, values in zip(places, scores, strict=True):
        axes.scatter([place] * len(values), values, s=22, marker=MARKERS[index], color=style["color"], alpha=0.8)


def sweep_curves(
    sweep: Sweep, *, weight: float, space: str = "output", levels: str = "single", gan: str = "vanilla"
) -> Picture:
    """Draw one variant at one lambda: target mIoU and the losses of both players over the iterations, seeds thin.

    lambda = 0 shows the control whatever the variant. A combination that was not run is said in the picture.
    """
    variant = Variant(space, levels, gan)
    runs = sweep.select(variant, weight)
    if not runs:
        return _absent(sweep, variant, weight)
    figure, axes = new_figure(12.0, 3.6, 1, 3)
    add_curve(axes[0], 0, "target mIoU", [(run.evaluated, run.miou) for run in runs])
    for name, scores in sweep.reference.items():
        add_reference(axes[0], name, float(np.mean(scores)))
    add_curve(axes[1], 1, "L_adv: the network deceives D", _losses(runs, "loss_adv_main"))
    add_curve(axes[2], 2, "D on source", _losses(runs, SOURCE_HALF))
    add_curve(axes[2], 3, "D on target", _losses(runs, TARGET_HALF))
    axes[0].set(ylabel="percent", ylim=_limits(sweep))
    what = "lambda = 0 (control)" if weight == 0 else f"{variant}, lambda = {weight:g}"
    for panel, title in zip(axes, ("target mIoU", "adversarial loss", "discriminator's losses"), strict=True):
        panel.set(xlabel="iteration")
        panel.set_title(title, fontsize=10)
        panel.legend(fontsize=8)
        tidy(panel, grid="y")
    for panel in axes[1:]:
        panel.set_ylim(0, None)
    figure.suptitle(what, fontsize=11)
    return figure


def _losses(runs: Sequence[SweepRun], name: str) -> list[tuple[Sequence[float], Sequence[float]]]:
    return [(run.iteration, run.losses[name]) for run in runs]


def _limits(sweep: Sweep) -> tuple[float, float]:
    """Limits of mIoU that hold every run, so that pictures of different states can be compared."""
    values = [*(v for run in sweep.runs for v in run.miou), *(v for s in sweep.reference.values() for v in s)]
    return min(values) - 1, max(values) + 1


def _absent(sweep: Sweep, variant: Variant, weight: float) -> Picture:
    known = [f"{v}: {', '.join(f'{w:g}' for w in sweep.weights_of(v))}" for v in sweep.variants]
    figure, (axes,) = new_figure(12.0, 3.6)
    axes.axis("off")
    text = "\n".join(
        [f"Not run: {variant}, lambda = {weight:g}.", "", "The sweep holds, each with its lambdas:", *known]
    )
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=10, transform=axes.transAxes)
    return figure
