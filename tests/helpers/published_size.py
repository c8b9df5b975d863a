"""Recipes at their published setting, and their methods in published size with parameters that have no values."""

from typing import Any

from shapes import shapes_only

from udalib.methods import Method
from udalib.recipes import Recipe, get_recipe
from udalib.recipes.build import build_method

_BUILT: dict[Any, Method] = {}


def paper(name: str) -> Recipe:
    return get_recipe(name, "paper")


def published_size(name: str) -> Method:
    """The method on the meta device, built once for all recipes that differ in their data or schedule alone."""
    recipe = paper(name)
    key = (recipe.network, recipe.method, recipe.optimizer, recipe.label_space)
    if key not in _BUILT:
        with shapes_only():
            _BUILT[key] = build_method(recipe, pretrained=False)
    return _BUILT[key]
