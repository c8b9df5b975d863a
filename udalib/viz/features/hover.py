"""One picture of the atlas to point at: under the mouse, or clicked, each point shows its crop. HTML and CSS alone.

It needs no kernel and no widget, so it works in a page that was saved too. For the keyboard there is the slider of
:class:`udalib.viz.features.FeatureExplorer`.
"""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from udalib.analysis.features import Atlas, PixelFeatures
from udalib.core.seeding import derive_seed
from udalib.viz.features.atlas import atlas_figure
from udalib.viz.features.crops import located, point_lines
from udalib.viz.theme import Picture, to_png

STYLE = """#{id}{{position:relative;display:inline-block;margin-bottom:9em}}
#{id} a{{position:absolute;width:10px;height:10px;margin:-5px;border-radius:50%;cursor:pointer}}
#{id} a:hover,#{id} a:focus{{outline:2px solid black;box-shadow:0 0 0 4px white}}
#{id} span{{display:none;position:absolute;left:14px;top:-8px;z-index:9;padding:5px;width:max-content;
font:12px sans-serif;color:black;background:white;border:1px solid black;white-space:pre;pointer-events:none}}
#{id} a:hover span,#{id} a:focus span{{display:block}}
#{id} span img{{display:block}}"""
SIDE = 120
"""Longer side of a crop, in pixels of the page."""


@dataclass(frozen=True)
class HoverMap:
    """A picture whose points show where they come from; a notebook shows it as HTML."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def hover_map(atlas: Atlas, run: str, layer: str, *, color: str = "class", classes: tuple[str, ...] = ()) -> HoverMap:
    """Make the picture of one layer of one run; 2 to 10 kB a point.

    Args:
        atlas: what is shown.
        run: one of its runs.
        layer: one of its layers.
        color: see :func:`atlas_figure`.
        classes: names; none given = all.

    Raises:
        UnknownNameError: a run, layer, class or view that is not there.
    """
    features = atlas.features
    figure = atlas_figure(atlas, color=color, runs=[run], layers=[layer], classes=classes or None)
    picture = to_png(figure)
    names = classes or features.space.names
    shown = np.flatnonzero(np.isin(features.points.label, [features.space.index(name) for name in names]))
    places = _places(figure, atlas.coordinates[run, layer][shown])
    key = f"hover{derive_seed('hover map', run, layer, color, *names)}"
    points = "".join(
        f'<a tabindex="-1" style="left:{100 * x:.2f}%;top:{100 * y:.2f}%"><span>{_card(features, n, run)}</span></a>'
        for n, (x, y) in zip(shown.tolist(), places.tolist(), strict=True)
    )
    image = f'<img alt="{html.escape(f"{run}, {layer}")}" src="{_data(picture)}">'
    return HoverMap(f'<style>{STYLE.format(id=key)}</style><div id="{key}">{image}{points}</div>')


def _places(figure: Picture, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where points lie in a drawn figure, (n, 2): parts of its width from the left and of its height from the top."""
    pixels = figure.axes[0].transData.transform(coordinates) / (figure.get_size_inches() * figure.dpi)
    return np.stack([pixels[:, 0], 1 - pixels[:, 1]], axis=1)


def _card(features: PixelFeatures, point: int, run: str) -> str:
    image, box, window = located(features, point)
    top, bottom, left, right = (round(edge) for edge in window)
    factor = SIDE / max(bottom - top, right - left)
    size = (round(factor * (right - left)), round(factor * (bottom - top)))
    crop = Image.fromarray(image[top:bottom, left:right]).resize(size, Image.Resampling.NEAREST)
    cell = [factor * (box[2] - left), factor * (box[0] - top), factor * (box[3] - left), factor * (box[1] - top)]
    for grown, ink in ((1, "black"), (0, "white")):
        ImageDraw.Draw(crop).rectangle(
            [cell[0] - grown, cell[1] - grown, cell[2] + grown, cell[3] + grown], outline=ink
        )
    buffer = io.BytesIO()
    crop.save(buffer, format="PNG")
    name = features.images[features.points.image[point]].name
    lines = [f"point {point}: {name}", *point_lines(features, point, [run])]
    return f'<img alt="" src="{_data(buffer.getvalue())}">{html.escape(chr(10).join(lines))}'


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
