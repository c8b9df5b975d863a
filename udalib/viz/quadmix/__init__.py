"""Figures and the explorer of QuadMix on images: the four paths, where pixels come from, what is never seen."""

from udalib.viz.quadmix.holes import holes_figure
from udalib.viz.quadmix.pair import QuadPair, one_clip, quad_pair
from udalib.viz.quadmix.paths import origin_picture, paths_figure
from udalib.viz.quadmix.paths_explorer import QuadMixExplorer

__all__ = [
    "QuadMixExplorer",
    "QuadPair",
    "holes_figure",
    "one_clip",
    "origin_picture",
    "paths_figure",
    "quad_pair",
]
