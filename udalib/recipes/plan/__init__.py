"""What a recipe will take on a graphics card, before it is run: ``udalib plan``."""

from udalib.recipes.plan.cards import CARDS, Card
from udalib.recipes.plan.fitting import fits, ways_to_fit
from udalib.recipes.plan.planning import Plan, plan_recipe

__all__ = ["CARDS", "Card", "Plan", "fits", "plan_recipe", "ways_to_fit"]
