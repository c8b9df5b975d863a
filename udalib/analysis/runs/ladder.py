"""A ladder of recipes in a record: what each rung gains over any other, over the seeds that both have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udalib.analysis.runs.comparison import effect_values


def seed_scores(record: Mapping[str, Any], recipe: str, metric: str = "target/miou") -> dict[int, float]:
    """Seed to score in percent of ``recipe`` in a record of ``benchmarks/effect.py``; empty if it holds none.

    Metrics that no table of the record shows are taken from its single runs, where it keeps them.
    """
    found = (group for group in record["groups"] if group["recipe"] == recipe and metric in group["ours"])
    group = next(found, None)
    if group is not None:
        return dict(zip(group["seeds"], group["ours"][metric]["values"], strict=True))
    runs = {
        run["seed"]: run.get("metrics", {}).get(metric) for run in record.get("runs", ()) if run["recipe"] == recipe
    }
    return {seed: 100 * float(value) for seed, value in sorted(runs.items()) if value is not None}


def effect_between(
    record: Mapping[str, Any], recipe: str, baseline: str, metric: str = "target/miou"
) -> dict[str, Any] | None:
    """Paired effect of ``recipe`` over any ``baseline`` whose scores the record holds, in the form of its "effects".

    The record's own effects are over the baselines it was made with; two neighbours on a ladder need this one. Its p
    values are not corrected for several comparisons. None if fewer than two seeds have both scores.
    """
    ours, base = (seed_scores(record, name, metric) for name in (recipe, baseline))
    if len(set(ours) & set(base)) < 2:
        return None
    return {"recipe": recipe, "baseline": baseline, "metric": metric, **effect_values(ours, base)}
