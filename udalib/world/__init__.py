"""The embedded street world: procedural scenes in several styles (domains), with labels, boxes, depth, exact flow."""

from udalib.world.boxes import StreetBoxes
from udalib.world.classes import StreetClasses
from udalib.world.clips import StreetClips
from udalib.world.dataset import Streets
from udalib.world.long_tail import ThingsLongTail
from udalib.world.render import WORLD_VERSION, render, render_clip
from udalib.world.styles import STYLES, Layout, Photo, Style, Surface, style_names
from udalib.world.things import Things

__all__ = [
    "STYLES",
    "WORLD_VERSION",
    "Layout",
    "Photo",
    "StreetBoxes",
    "StreetClasses",
    "StreetClips",
    "Streets",
    "Style",
    "Surface",
    "Things",
    "ThingsLongTail",
    "render",
    "render_clip",
    "style_names",
]
