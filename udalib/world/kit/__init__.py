"""The shapes that streets are built from: vehicles, people, houses and street furniture, in one kit per look."""

from udalib.world.kit.kits import Kit, kit, kit_names
from udalib.world.kit.shapes import Mould, Shape

__all__ = ["Kit", "Mould", "Shape", "kit", "kit_names"]
