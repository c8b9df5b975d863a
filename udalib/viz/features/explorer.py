"""The explorer of pixel features: runs, layers, classes, colours, and where a picked point comes from."""

from __future__ import annotations

from matplotlib.figure import Figure

from udalib.analysis.features import Atlas
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Several, Slider
from udalib.viz.features.atlas import PANEL, choose, draw_atlas
from udalib.viz.features.crops import draw_point
from udalib.viz.features.marks import VIEWS
from udalib.viz.theme import Picture, new_figure

ADVICE = "Choose one or more runs, layers and classes."


class FeatureExplorer(Explorer):
    """Where pixels of two domains lie in the features of several runs.

    Args:
        atlas: what is explored.
        title: heading.

    Controls: ``runs``, ``layers``, ``classes``; ``color`` by class, domain or error; ``point``, ringed in all
    pictures, whose cell is shown in its image below. To point with the mouse, see
    :func:`udalib.viz.features.hover_map`.
    """

    def __init__(self, atlas: Atlas, title: str = "Where do the pixels of two domains lie?") -> None:
        features = atlas.features
        names = tuple(features.space.names[c] for c in features.classes)

        def figure(
            runs: tuple[str, ...], layers: tuple[str, ...], classes: tuple[str, ...], color: str, point: int
        ) -> Figure:
            return _overview(atlas, runs, layers, classes, color, int(point))

        controls: dict[str, Control] = {
            "runs": Several("Runs", features.runs, features.runs[:3]),
            "layers": Several("Layers", features.layers, features.layers[-1:]),
            "classes": Several("Classes", names, names),
            "color": Choice("Colour stands for", VIEWS, VIEWS[0]),
            "point": Slider("Point (ringed, shown below)", 0, len(features.points) - 1, 1, 0),
        }
        super().__init__(title, figure, controls, sheet_columns=1)


def _overview(
    atlas: Atlas, runs: tuple[str, ...], layers: tuple[str, ...], classes: tuple[str, ...], color: str, point: int
) -> Picture:
    """The atlas above, the picked point below; where nothing is chosen, a picture that says so."""
    if not (runs and layers and classes):
        figure, (axes,) = new_figure(12.6, 1.2)
        axes.axis("off")
        axes.text(0.5, 0.5, ADVICE, ha="center", va="center", fontsize=11)
        return figure
    chosen = choose(atlas, runs, layers, classes)
    tall = (max(PANEL, min(4.4, 12.6 / len(runs))) * 0.86 + 0.42) * len(layers) + 0.75
    figure, _ = new_figure(12.6, tall + 2.4, 1, 1)
    figure.clear()
    above, below = figure.subfigures(2, 1, height_ratios=(tall, 2.4), squeeze=False).ravel().tolist()
    draw_atlas(above, atlas, color, chosen, point)
    draw_point(below, atlas.features, point, runs)
    return figure
