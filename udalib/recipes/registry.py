"""Recipes by name, and the presets that scale them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from udalib.core.errors import ConfigError, unknown_name
from udalib.core.registry import Registry
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.specs import Recipe

RECIPES: Registry[Recipe] = Registry("recipe")

PRESETS: dict[str, str] = {
    "quick": "seconds to a minute; shows that everything works, says nothing about quality",
    "laptop": "minutes on a CPU; the effect is visible",
    "paper": "the published setting (or, for the embedded world, the size for a GPU)",
}


FIXED = ("name", "summary", "published", "presets", "preset")


@cache
def import_zoo() -> None:
    """Import every module of ``udalib.recipes.zoo`` once, so that a new file there needs no edit elsewhere."""
    package = importlib.import_module("udalib.recipes.zoo")
    for module in pkgutil.walk_packages(package.__path__, "udalib.recipes.zoo."):
        importlib.import_module(module.name)


def register(recipe: Recipe) -> Recipe:
    """Make ``recipe`` known to :func:`get_recipe`, ``udalib list`` and ``udalib run``."""
    return RECIPES.add(recipe.name, recipe)


def list_recipes(pattern: str = "*") -> list[str]:
    """Sorted names of the recipes that match a shell-style ``pattern``."""
    import_zoo()
    return RECIPES.names(pattern)


def get_recipe(name: str, preset: str = "laptop", overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Return the recipe ``name`` scaled by ``preset``, then changed by ``overrides`` (dotted path to value).

    Raises:
        UnknownNameError: for an unknown recipe, preset or parameter, with the nearest known names.
        ConfigError: for a value of the wrong type.
    """
    import_zoo()
    recipe = RECIPES.get(name)
    if preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    for key in overrides or {}:
        if key.split(".")[0] in FIXED:
            raise ConfigError(f"{key} names the recipe and is no parameter of it; `udalib show {name}` lists those.")
    scaled = apply_overrides(recipe, recipe.presets.get(preset, {}))
    return apply_overrides(dataclasses.replace(scaled, preset=preset), overrides or {})
