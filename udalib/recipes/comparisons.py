"""Recipes that are measured together, by name: what ``python benchmarks/effect.py NAME`` runs and compares."""

from __future__ import annotations

from dataclasses import dataclass

from udalib.core.registry import Registry
from udalib.recipes.registry import import_zoo


@dataclass(frozen=True)
class Comparison:
    """A table of effects.

    Attributes:
        name: of the table, and of its record in ``benchmarks/results``.
        recipes: the rows, in order.
        baselines: recipes that the rows are compared with; of two baselines the later is compared with the earlier.
        seeds: of every recipe; effects are paired over them.
        what: what the numbers are, in a sentence or two for the record.
        metrics: "evaluation/key" of what is compared, higher is better.
    """

    name: str
    recipes: tuple[str, ...]
    baselines: tuple[str, ...]
    seeds: tuple[int, ...]
    what: str
    metrics: tuple[str, ...] = ("target/miou",)


COMPARISONS: Registry[Comparison] = Registry("comparison")


def register_comparison(comparison: Comparison) -> Comparison:
    """Make ``comparison`` known to :func:`get_comparison` and ``benchmarks/effect.py``."""
    return COMPARISONS.add(comparison.name, comparison)


def get_comparison(name: str) -> Comparison:
    """Return the comparison ``name``; an unknown one raises :class:`UnknownNameError` with the nearest names."""
    import_zoo()
    return COMPARISONS.get(name)


def list_comparisons(pattern: str = "*") -> list[str]:
    """Sorted names of the comparisons that match a shell-style ``pattern``."""
    import_zoo()
    return COMPARISONS.names(pattern)
