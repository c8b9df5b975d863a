"""What a training sees of a label file: names, what is ignored, what a size leaves; the explorer over its range."""

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.viz.own_domains import LabelExplorer, label_figure, seen

IDS = np.zeros((32, 64), np.uint16)
IDS[16:] = 300
IDS[20:22, 10:12] = 26000
IMAGE = torch.rand(3, 32, 64, generator=torch.Generator().manual_seed(0)).mul(255).byte()
NAMES = {0: "sky", 300: "road", 26000: "car"}
READINGS = {"three": NAMES, "road or not": {0: "rest", 300: "road", 26000: "rest"}}


@pytest.fixture
def explorer():
    return LabelExplorer([IMAGE, IMAGE.flip(-1)], [IDS, IDS[:, ::-1].copy()], READINGS, sides=(8, 16, 32))


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_shares_are_those_of_the_file_and_of_the_size_of_training():
    view = seen(IMAGE, IDS, NAMES, 32)
    assert view.label.shape == (32, 64)
    assert view.stored.tolist() == [0.5, 0.5 - 4 / 2048, 4 / 2048, 0.0]
    assert view.trained.tolist() == view.stored.tolist()
    small = seen(IMAGE, IDS, NAMES, 4)
    assert small.image.shape == (3, 4, 8)
    assert small.trained[2] == 0.0
    assert seen(IMAGE, IDS, NAMES).label.shape == IDS.shape


def test_ignored_ids_keep_the_colours_of_the_others():
    view = seen(IMAGE, IDS, NAMES, ignored=[0])
    assert view.space.names == ("sky", "road", "car")
    assert view.stored[[0, 3]].tolist() == [0.0, 0.5]
    assert set(view.label.unique().tolist()) == {1, 2, 255}


def test_the_bars_carry_their_numbers():
    bars = label_figure(IMAGE, IDS, seen(IMAGE, IDS, NAMES, 4)).axes[3]
    assert [text.get_text() for text in bars.texts] == ["50", "50", "0.2", "0", "50", "50", "0", "0"]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["sky", "road", "car", "ignored"]


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="0 images and 1 labels"):
        LabelExplorer([], [IDS], READINGS)
    with pytest.raises(ConfigError, match="at least one class"):
        LabelExplorer([IMAGE], [IDS], {"none": {}})
    with pytest.raises(DataError, match="do not belong"):
        seen(IMAGE, IDS[:10], NAMES)
