"""From finished runs to effects: which recipes of a report beat a baseline, as JSON values and as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from udalib.analysis.runs.effects import holm, paired_effect
from udalib.core.errors import ConfigError
from udalib.recipes.report.groups import Group, Report
from udalib.recipes.report.text import markdown_table
from udalib.recipes.spec.specs import Recipe

NOTE = (
    "Scores and differences in percent points over paired seeds; the interval is two-sided, both p values one-sided "
    "and uncorrected; Holm corrects the t-test's p for the recipes of one table. With n seeds the sign-flip p cannot "
    "be below 1/2^n."
)


def effects_over(
    report: Report, recipes: Mapping[str, Recipe], baseline: str, names: Sequence[str], metric: str = "target/miou"
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Effect of each recipe of ``names`` over ``baseline``, in percent, over the seeds that both have.

    Args:
        report: one group a recipe, as :func:`udalib.recipes.summarise` makes them.
        recipes: by name, for a look at what they are tested on.
        baseline: name of a recipe.
        names: the recipes; they are one family for Holm's correction.
        metric: "evaluation/key", higher is better.

    Returns:
        The effects: recipe, baseline, metric, seeds, differences (rounded to 0.001), the fields of
        :class:`~udalib.analysis.runs.effects.Effect` and, beside each plain p, the corrected ``p_..._holm``. And
        the recipes without an effect, each with its ``reason``: tested on other images or classes, or fewer than two
        common seeds.
    """
    groups = {group.first.recipe: group for group in report.groups}
    found: list[dict[str, Any]] = []
    without: list[dict[str, str]] = []
    for name in names:
        key = {"recipe": name, "baseline": baseline, "metric": metric}
        if not same_test(recipes[name], recipes[baseline], metric):
            without.append({**key, "reason": "the two are not tested on the same images and classes"})
            continue
        try:
            found.append(key | effect_values(_scores(groups.get(name), metric), _scores(groups.get(baseline), metric)))
        except ConfigError as error:
            without.append({**key, "reason": str(error)})
    for kind in ("p_t", "p_permutation"):
        corrected = holm({e["recipe"]: e[kind] for e in found if e[kind] is not None})
        for effect in found:
            effect[f"{kind}_holm"] = rounded(corrected.get(effect["recipe"]))
    return found, without


def same_test(one: Recipe, other: Recipe, metric: str) -> bool:
    """True if both score ``metric`` on the same images and classes; else a difference would mean nothing."""
    name = metric.partition("/")[0]
    first, second = ([e.dataset for e in recipe.evaluations if e.name == name] for recipe in (one, other))
    return bool(first) and first == second and one.label_space == other.label_space


def rounded(value: Any) -> Any:
    """Four significant digits, also inside tuples; anything but floats as it is.

    >>> rounded((0.037091, 5, None))
    [0.03709, 5, None]
    """
    if isinstance(value, tuple | list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def effects_markdown(record: Mapping[str, Any]) -> str:
    """One Markdown table for each metric and baseline of ``record`` ("groups", "effects", "not_compared")."""
    means = {(g["recipe"], metric): spread for g in record["groups"] for metric, spread in g["ours"].items()}
    families: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for effect in record["effects"]:
        families.setdefault((effect["metric"], effect["baseline"]), []).append(effect)
    parts = []
    for (metric, baseline), family in families.items():
        header = [
            "recipe",
            metric,
            f"over {baseline}",
            "95 % interval",
            "wins",
            "p (t)",
            "p (t), Holm",
            "p (sign flips)",
        ]
        base = [baseline, _score(means.get((baseline, metric))), *[""] * (len(header) - 2)]
        parts.append(markdown_table(header, [base, *(_row(e, means.get((e["recipe"], metric))) for e in family)]))
    lines = [f"- no effect of {w['recipe']} over {w['baseline']} in {w['metric']}: {w['reason']}"
             for w in record["not_compared"]]  # fmt: skip
    return "\n\n".join([*parts, *([NOTE] if parts else []), *(["\n".join(lines)] if lines else [])])


def effect_values(ours: Mapping[int, float], base: Mapping[int, float]) -> dict[str, Any]:
    """Seeds, differences (rounded to 0.001) and the rounded fields of :class:`~udalib.analysis.runs.effects.Effect`.

    Both arguments map a seed to a score in percent; only the seeds that both have are compared.

    Raises:
        ConfigError: fewer than two common seeds.
    """
    seeds = sorted(set(ours) & set(base))
    effect = paired_effect({s: ours[s] for s in seeds}, {s: base[s] for s in seeds})
    values = {name: rounded(value) for name, value in asdict(effect).items()}
    return {"seeds": seeds, "differences": [round(ours[s] - base[s], 3) for s in seeds], **values}


def _scores(group: Group | None, metric: str) -> dict[int, float]:
    """Seed to score in percent; empty if nothing finished or the runs lack the metric."""
    spread = group.spread(metric) if group else None
    return dict(zip(group.seeds, spread.values, strict=True)) if group and spread else {}


def _score(spread: Mapping[str, Any] | None) -> str:
    if spread is None:
        return ""
    return f"{spread['mean']:.1f}" + ("" if spread["std"] is None else f" ± {spread['std']:.1f}")


def _row(effect: Mapping[str, Any], spread: Mapping[str, Any] | None) -> list[str]:
    interval = effect["interval"]
    return [
        effect["recipe"],
        _score(spread),
        f"{effect['mean']:+.1f} ± {effect['std']:.1f}",
        "" if interval is None else f"{interval[0]:+.1f} to {interval[1]:+.1f}",
        f"{effect['wins']} of {effect['n']}",
        *("" if effect[key] is None else f"{effect[key]:.3g}" for key in ("p_t", "p_t_holm", "p_permutation")),
    ]
