"""The feature distance in pictures: which positions count, by share and class, and how large it is there."""

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.viz.daformer import FeatureDistanceExplorer, feature_distance_figure

SPACE = label_space("cityscapes19")
LABEL = torch.zeros(32, 64, dtype=torch.uint8)
LABEL[:16, :32] = 13  # two blocks of car
LABEL[:12, 32:48] = 11  # three quarters of a block of person
IMAGE = torch.full((3, 32, 64), 0.5)
SAMPLES = [{"image": IMAGE, "label": LABEL}, {"image": IMAGE * 0.5, "label": LABEL.flip(1)}]
DISTANCE = np.arange(8.0).reshape(2, 4)


def title(figure, panel):
    return figure.axes[panel].get_title()


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 3),  # a share equal to the limit counts
        ({"min_ratio": 0.8}, 2),
        ({"classes": [11]}, 1),
        ({"classes": [0]}, 5),
        ({"scale": 8}, 8 + 2),
    ],
)
def test_positions_that_count(options, count):
    figure = feature_distance_figure(IMAGE, LABEL, SPACE, **{"scale": 16, **options})
    total = (32 * 64) // options.get("scale", 16) ** 2
    assert title(figure, 3) == f"{count} of {total} positions count"
    assert len(figure.axes) == 4


def test_blocks_without_a_class_are_black_and_what_does_not_count_is_pale():
    figure = feature_distance_figure(IMAGE, LABEL, SPACE, scale=16, min_ratio=0.8)
    pooled, things = (np.asarray(figure.axes[i].images[0].get_array()) for i in (2, 3))
    assert pooled[0, 40].tolist() == [0, 0, 0]
    assert pooled[0, 0].tolist() == list(SPACE.classes[13].color)
    assert things[0, 0].tolist() == [128] * 3
    assert things[31, 0].min() > 200


def test_the_distance_is_averaged_over_what_counts_and_drawn_by_class():
    figure = feature_distance_figure(IMAGE, LABEL, SPACE, scale=16, distance=DISTANCE)
    assert title(figure, 4) == "L2 distance, mean: where it counts 1.00, everywhere 3.50"
    rows = [tick.get_text() for tick in figure.axes[5].get_yticklabels()]
    assert rows == ["road", "person", "car"]
    assert [patch.get_hatch() for patch in figure.axes[5].patches] == ["///", "", ""]
    assert [text.get_text() for text in figure.axes[5].texts] == [" 5.00 (5)", " 2.00 (1)", " 0.50 (2)"]
    empty = feature_distance_figure(IMAGE, LABEL, SPACE, scale=16, distance=DISTANCE, classes=[])
    assert title(empty, 3) == "no position counts: the loss is 0"
    assert "nothing counts" in title(empty, 4)


def test_every_control_moves_over_its_whole_range(draw_over_all_ranges):
    drawn = draw_over_all_ranges(FeatureDistanceExplorer(SAMPLES, SPACE, scales=(8, 16)))
    assert all(len(figure.axes) == 4 for figure in drawn)
    explorer = FeatureDistanceExplorer(SAMPLES, SPACE, distances={"a": [DISTANCE] * 2, "b": [DISTANCE / 2] * 2})
    for name in ("index", "min_ratio", "distance"):
        for value in explorer.controls[name].sweep():
            assert len(explorer.draw(**{name: value}).axes) == 7


@pytest.mark.parametrize(
    "options", [{"scales": (8, 16)}, {"distances": {"a": [DISTANCE] * 2, "b": [DISTANCE / 2] * 2}}]
)
def test_every_control_of_the_widget_changes_the_picture(options, move_every_control):
    move_every_control(FeatureDistanceExplorer(SAMPLES, SPACE, **options))


def test_classes_open_with_the_things_and_maps_share_one_scale_of_colours():
    explorer = FeatureDistanceExplorer(SAMPLES, SPACE, distances={"a": [DISTANCE] * 2, "b": [DISTANCE / 2] * 2})
    assert explorer.defaults["classes"] == tuple(SPACE.names[i] for i in SPACE.things)
    tops = [explorer.draw(distance=name).axes[4].images[0].get_clim()[1] for name in ("a", "b")]
    assert tops == [7.0, 7.0]


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="do not divide a label of 32 x 64"):
        feature_distance_figure(IMAGE, LABEL, SPACE, scale=24)
    with pytest.raises(DataError, match=r"do not fit the \(4, 8\) positions"):
        feature_distance_figure(IMAGE, LABEL, SPACE, scale=8, distance=DISTANCE)
    with pytest.raises(ConfigError, match="1 maps for 2 images"):
        FeatureDistanceExplorer(SAMPLES, SPACE, distances={"a": [DISTANCE]})
    with pytest.raises(ConfigError, match="without a label"):
        FeatureDistanceExplorer([{"image": IMAGE}], SPACE)
    with pytest.raises(ConfigError, match="no image"):
        FeatureDistanceExplorer([], SPACE)
