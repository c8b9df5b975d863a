"""Recipes at their published setting, and their methods in published size with parameters that have no values."""

from functools import cache

import torch

from udalib.methods import Method
from udalib.recipes import Recipe, get_recipe
from udalib.recipes.build import build_method


def paper(name: str) -> Recipe:
    return get_recipe(name, "paper")


@cache
def published_size(name: str) -> Method:
    """The method on the meta device: parameters that have shapes and no values."""
    with torch.device("meta"):
        return build_method(paper(name), pretrained=False)
