"""Results in words, made from the numbers, so that a text says what its record holds, whatever that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from udalib.analysis.runs.onset import OnsetCorrelation
from udalib.analysis.runs.sweeps import Sweep, Variant
from udalib.core.errors import ConfigError
from udalib.viz.charts.effects import verdict

IN_WORDS = {
    "better": "The interval lies above 0: a gain.",
    "worse": "The interval lies below 0: a loss.",
    "unclear": "The interval holds 0: no effect is shown.",
}


def effect_sentence(effect: Mapping[str, Any]) -> str:
    """One entry of a record's "effects" (``benchmarks/effect.py``) as a sentence, with its verdict.

    >>> print(effect_sentence({"recipe": "a", "baseline": "b", "metric": "target/miou", "n": 3, "mean": 2.04, "wins": 3,
    ...                        "interval": [0.5, 3.5], "p_permutation": 0.125}))
    a over b: +2.0 points of target/miou (95 % interval +0.5 to +3.5; ahead in 3 of 3 seeds; sign-flip p 0.125). \
The interval lies above 0: a gain.
    """
    interval = effect["interval"]
    spread = f"95 % interval {interval[0]:+.1f} to {interval[1]:+.1f}" if interval else "no interval"
    return (
        f"{effect['recipe']} over {effect['baseline']}: {effect['mean']:+.1f} points of {effect['metric']} ({spread}; "
        f"ahead in {effect['wins']} of {effect['n']} seeds; sign-flip p {effect['p_permutation']:.3g}). "
        f"{IN_WORDS[verdict(effect)]}"
    )


def late_sentence(late: OnsetCorrelation, recipe: str, seeds: int) -> str:
    """Do runs of one recipe that learn a class late end lower in it, as DAFormer's authors argue?

    >>> print(late_sentence(OnsetCorrelation({"bus": -0.9, "train": -0.7}, -0.8, 0.01), "r", 5))
    r: over 2 classes that its 5 seeds learn at different times, the rank correlation of that time with the final IoU \
is -0.80 on average (exact one-sided p 0.01). Late means low here.
    """
    if not late.by_class:
        return f"{recipe}: its {seeds} seeds learn every class at the same time, so nothing can be said."
    verdict = "Late means low here." if late.p < 0.05 else "That late means low is not shown here."
    return (
        f"{recipe}: over {len(late.by_class)} classes that its {seeds} seeds learn at different times, the rank "
        f"correlation of that time with the final IoU is {late.mean:+.2f} on average (exact one-sided p {late.p:.2g}). "
        f"{verdict}"
    )


def sensitivity_sentence(sweep: Sweep) -> str:
    """Is the output space less sensitive to lambda than the feature space, as AdaptSegNet's authors say?

    Both with one level and the vanilla loss, over the weights that both have and the seeds that were run with all of
    these: the span is the best final target mIoU over lambda minus the worst.

    Raises:
        ConfigError: fewer than two common weights, or no seed that was run with all of them.
    """
    spaces = Variant(space="output"), Variant(space="feature")
    weights = [w for w in sweep.weights_of(spaces[0]) if w in sweep.weights_of(spaces[1])]
    cells = [{run.seed: run.miou[-1] for run in sweep.select(v, w)} for v in spaces for w in weights]
    common = set.intersection(*map(set, cells)) if len(weights) > 1 else set()
    if not common:
        raise ConfigError("the sweep needs two or more values of lambda that both spaces share, with a common seed.")
    scores = np.asarray([[cell[seed] for seed in sorted(common)] for cell in cells])
    one, other = scores[: len(weights)], scores[len(weights) :]
    spans = [float(np.ptp(each.mean(axis=1))) for each in (one, other)]
    seeds = len(common)
    more = int((np.ptp(other, axis=0) > np.ptp(one, axis=0)).sum())
    agreement = {
        seeds: "All seeds agree with the paper's claim that the output space is less sensitive.",
        0: "No seed agrees with the paper's claim that the output space is less sensitive.",
    }
    return (
        f"From lambda {weights[0]:g} to {weights[-1]:g} the mean target mIoU spans {spans[0]:.1f} points in the output "
        f"space and {spans[1]:.1f} in the feature space; the feature space spans more in {more} of {seeds} seeds. "
        + agreement.get(more, "The seeds disagree, so the paper's claim is neither confirmed nor refuted here.")
    )


def selection_sentence(sweep: Sweep) -> str:
    """What choosing each run's best evaluation by the target's labels would add to its last one."""
    bonus = [max(run.miou) - run.miou[-1] for run in sweep.runs]
    places = len(sweep.runs[0].miou)
    return (
        f"Over {len(bonus)} runs with {places} evaluations each, the best one lies {np.mean(bonus):.1f} points above "
        f"the last on average, and {max(bonus):.1f} at most."
    )
