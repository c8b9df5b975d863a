"""The explorers of detection over their ranges, with levels small enough to sweep."""

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.data.labels import label_space
from udalib.models.cfpt.attention import CrossLayerChannelAttention, CrossLayerSpatialAttention
from udalib.viz.detection import DetectionsExplorer, GroupsExplorer, ReachExplorer, stand_in_detections

SPACE = label_space("cityscapes_things")


def sample(seed):
    random = torch.Generator().manual_seed(seed)
    corner = torch.rand(9, 2, generator=random) * torch.tensor([100.0, 40])
    extent = 4 + torch.linspace(0, 40, 9)[:, None] * torch.rand(9, 2, generator=random)
    return {
        "image": torch.randint(256, (3, 64, 128), generator=random, dtype=torch.uint8),
        "boxes": torch.cat([corner, corner + extent], 1),
        "box_labels": torch.randint(10, (9,), generator=random),
        "name": str(seed),
    }


def detections():
    samples = [sample(0), sample(1)]
    found = {n: [stand_in_detections(s, 10, skill=k) for s in samples] for n, k in (("good", 0.95), ("bad", 0.3))}
    return DetectionsExplorer(samples, found, SPACE, threshold=0.2)


def groups():
    torch.manual_seed(0)
    levels = [torch.randn(1, 16, 8 >> i, 16 >> i) for i in range(4)]
    blocks = {"CSA": CrossLayerSpatialAttention(16).eval(), "CCA": CrossLayerChannelAttention(16).eval()}
    return GroupsExplorer(sample(0)["image"], {k: (b, levels) for k, b in blocks.items()}, (8, 16, 32, 64))


def reach():
    return ReachExplorer((4, 4, 4, 4), finest=(16, 32), seeds=(0,))


@pytest.mark.parametrize("make", [detections, groups, reach])
def test_every_control_moves_over_its_whole_range(make, draw_over_all_ranges):
    draw_over_all_ranges(make())


@pytest.mark.parametrize("make", [detections, groups, reach])
def test_every_control_of_the_widget_changes_the_picture(make, move_every_control):
    move_every_control(make())


def test_a_group_is_drawn_with_its_token_and_its_padding():
    figure = groups().draw(row=0, column=0)
    assert figure._suptitle.get_text() == "CSA: token of cell (0, 0) on L0, stride 8, channel 0 of q"
    assert [axes.get_title() for axes in figure.axes[1:5]] == ["L0: 9 x 9", "L1: 5 x 5", "L2: 3 x 3", "L3: 1 x 1"]
    assert len(figure.axes[1].lines) == 17  # a row and a column of padding, marked
    assert figure.axes[1].patches[0].get_xy() == (0.5, 0.5)
    shares = [float(axes.get_xlabel().split(" %")[0]) for axes in figure.axes[1:5]]
    assert sum(shares) == pytest.approx(100, abs=0.3)
    channelwise = groups().draw(attention="CCA", row=3, column=10)
    assert [axes.get_title() for axes in channelwise.axes[1:3]] == ["L0: 8 x 8 + 1", "L1: 4 x 4 + 1"]
    assert channelwise.axes[1].patches[0].get_xy() == (1.5, 2.5)


def test_the_reach_explorer_says_what_it_draws():
    figure = reach().draw(order="CSA alone", num_cam=2, output="P4")
    assert figure._suptitle.get_text().startswith("CSA alone, 2 times, reduction 4: what moves a cell of P4")
    alone = [patch.get_height() for patch in reach().draw(order="no attention", output="P5").axes[3].patches]
    assert alone == [0, 0, 1]


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match=r"each of the 1 pictures; got \{'a': 2\}"):
        DetectionsExplorer([sample(0)], {"a": [{}, {}]}, SPACE)
    block = CrossLayerSpatialAttention(16)
    with pytest.raises(ConfigError, match="3 levels"):
        GroupsExplorer(sample(0)["image"], {"CSA": (block, [torch.zeros(1, 16, 8, 8)])}, (8, 16, 32))
