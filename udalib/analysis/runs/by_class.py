"""What a recipe gains over another class by class, over the seeds that both have in a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udalib.analysis.runs.comparison import effect_values


def class_values(record: Mapping[str, Any], recipe: str, evaluation: str = "target") -> dict[str, dict[int, float]]:
    """Class to seed to IoU in percent of ``recipe`` in a record of ``benchmarks/effect.py``; empty if it holds none.

    A class without a score in some seed (it neither occurs nor is predicted) is left out there.
    """
    group = next((group for group in record["groups"] if group["recipe"] == recipe), None)
    if group is None:
        return {}
    spreads = group["classes"][evaluation].items()
    pairs = {name: zip(group["seeds"], spread["values"], strict=True) for name, spread in spreads}
    return {name: {seed: value for seed, value in each if value is not None} for name, each in pairs.items()}


def class_effects(
    record: Mapping[str, Any], recipe: str, baseline: str, evaluation: str = "target"
) -> list[dict[str, Any]]:
    """Paired effect of ``recipe`` over ``baseline`` on each class, in the form of a record's "effects".

    "recipe" is the class and "metric" is "IoU", so that ``effects_figure({"effects": ...}, metric="IoU")`` draws a row
    a class. Not corrected for the number of classes. Classes with fewer than two common seeds are left out.
    """
    ours, base = (class_values(record, name, evaluation) for name in (recipe, baseline))
    common = {name: set(ours[name]) & set(base[name]) for name in ours if name in base}
    key = {"baseline": baseline, "metric": "IoU"}
    return [{"recipe": n, **key, **effect_values(ours[n], base[n])} for n, seeds in common.items() if len(seeds) > 1]
