"""Pictures of a sweep over lambda, the weight of the adversarial loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from udalib.analysis.runs.sweeps import Sweep, SweepRun, Variant
from udalib.core.errors import ConfigError
from udalib.viz.adversarial.games import SOURCE_HALF, TARGET_HALF
from udalib.viz.charts.curves import add_curve, add_reference
from udalib.viz.theme import MARKERS, Picture, line_style, new_figure, tidy


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
        ConfigError: a variant has no run in the sweep, or there is none.
    """
    chosen = _chosen(sweep, variants)
    positive = [weight for weight in sweep.weights if weight > 0]
    figure, (axes,) = new_figure(9.0, 4.8)
    for index, variant in enumerate(chosen):
        _line(axes, sweep, variant, index, len(chosen))
    zero = positive[0] / 3
    references = {name: float(np.mean(scores)) for name, scores in sweep.reference.items()}
    control = [run.miou[-1] for run in sweep.select(chosen[0], 0.0)]
    if control:
        axes.scatter([zero] * len(control), control, marker="_", s=90, color="black", zorder=3)
        references["lambda = 0:\nno adversary"] = float(np.mean(control))
    _references(axes, references)
    axes.set_xscale("log")
    axes.set_xticks([zero, *positive], ["0", *(f"{weight:g}" for weight in positive)])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="lambda (logarithmic; 0 at the left)", ylabel="target mIoU in percent", title=title)
    handles = axes.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8, title="dots: seeds; lines: their mean")
    tidy(axes, grid="y")
    return figure


def _chosen(sweep: Sweep, variants: Sequence[Variant] | None) -> list[Variant]:
    chosen = list(sweep.variants if variants is None else variants)
    for variant in chosen:
        if not sweep.weights_of(variant):
            known = "; ".join(map(str, sweep.variants)) or "none"
            raise ConfigError(f"the sweep has no run of {variant}. It has: {known}.")
    if not chosen:
        raise ConfigError("there is no variant to draw; give at least one.")
    return chosen


def _references(axes: Axes, references: Mapping[str, float]) -> None:
    """Dotted horizontal lines, their names right of the frame and apart from one another."""
    low, high = axes.get_ylim()
    low, high = min([low, *(v - 1 for v in references.values())]), max([high, *(v + 1 for v in references.values())])
    axes.set_ylim(low, high)
    place = -np.inf
    for name, value in sorted(references.items(), key=lambda item: item[1]):
        axes.axhline(value, color="#555555", linewidth=1.0, linestyle=(0, (1, 2)))
        place = max(value, place + 0.1 * (high - low))  # a name of two lines takes a tenth of the height
        axes.annotate(
            f"{name} ({value:.1f})",
            (1.0, value),
            (1.02, place),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": "#555555", "linewidth": 0.8},
        )


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
    _miou(axes[0], sweep, variant, weight)
    add_curve(axes[1], 1, "L_adv: the network deceives D", _losses(runs, "loss_adv_main"))
    add_curve(axes[2], 2, "D on source", _losses(runs, SOURCE_HALF))
    add_curve(axes[2], 3, "D on target", _losses(runs, TARGET_HALF))
    for panel, title in zip(axes, ("target mIoU", "adversarial loss", "discriminator's losses"), strict=True):
        panel.set(xlabel="iteration")
        panel.set_title(title, fontsize=10)
        panel.legend(fontsize=8)
        tidy(panel, grid="y")
    for panel in axes[1:]:
        panel.set_ylim(0, None)
    what = "lambda = 0: the control, the same for every variant" if weight == 0 else f"{variant}, lambda = {weight:g}"
    figure.suptitle(what, fontsize=11)
    return figure


def _miou(axes: Axes, sweep: Sweep, variant: Variant, weight: float) -> None:
    """Target mIoU over the iterations, beside the control and the references, on one scale for the whole sweep."""
    for index, each in ((0, weight), (6, 0.0)):
        runs = sweep.select(variant, each)
        if runs and (index == 0 or weight > 0):
            add_curve(axes, index, f"lambda = {each:g}", [(run.evaluated, run.miou) for run in runs])
    for name, scores in sweep.reference.items():
        add_reference(axes, name, float(np.mean(scores)))
    axes.set(ylabel="percent", ylim=_limits(sweep))


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
