"""The explorer of pixel features over the range of its controls, and the picture to point at."""

import re

import numpy as np
import pytest
from blocks import CLASSES, SPACE, atlas, features

from udalib.core.errors import UnknownNameError
from udalib.viz.features import FeatureExplorer, atlas_figure, hover_map
from udalib.viz.theme import to_array

NAMES = tuple(SPACE.names[c] for c in CLASSES)


def test_every_control_moves_over_its_whole_range_and_changes_the_picture(draw_over_all_ranges, move_every_control):
    explorer = FeatureExplorer(atlas())
    assert explorer.defaults == {
        "runs": ("run 0", "run 1"), "layers": ("decoder",), "classes": NAMES, "color": "class", "point": 0
    }  # fmt: skip
    short = FeatureExplorer(atlas())
    short.controls["point"] = type(short.controls["point"])("Point", 0, 4, 1, 0)
    draw_over_all_ranges(short)
    move_every_control(explorer)
    advice = explorer.draw(layers=())
    assert advice.axes[0].texts[0].get_text() == "Choose one or more runs, layers and classes."


def test_the_contact_sheet_shows_the_views():
    sheet = FeatureExplorer(atlas()).contact_sheet(color=["class", "error"], runs=[("run 1",)])
    assert [axes.get_title() for axes in sheet.axes] == [
        "Colour stands for: class, Runs: run 1",
        "Colour stands for: error, Runs: run 1",
    ]


def test_pointing_shows_the_crop_where_the_point_is_drawn():
    html = hover_map(atlas(), "run 1", "decoder", classes=("road", "sky"))._repr_html_()
    places = re.findall(r'<a tabindex="-1" style="left:([\d.]+)%;top:([\d.]+)%">', html)
    assert len(places) == 48
    assert html.count("data:image/png;base64,") == 1 + 48
    assert "source0" in html
    figure = atlas_figure(atlas(), runs=["run 1"], layers=["decoder"], classes=("road", "sky"))
    picture = to_array(figure)
    names = [SPACE.names[c] for c in features().points.label]
    first = next(n for n, name in enumerate(names) if name in ("road", "sky"))
    x, y = (float(part) / 100 for part in places[0])
    patch = picture[round(y * picture.shape[0]) - 1 :][:3, round(x * picture.shape[1]) - 1 :][:, :3]
    color = SPACE.palette[features().points.label[first]]
    assert np.abs(patch.astype(int) - color).max(axis=2).min() < 60
    with pytest.raises(UnknownNameError, match="unknown layer"):
        hover_map(atlas(), "run 1", "logits")
