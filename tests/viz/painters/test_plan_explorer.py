"""The explorer of plans over its range, on a network small enough to run under each of them."""

import pytest
import torch
from torch import nn

from udalib.analysis.layers import create_plan, planned
from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space
from udalib.ops import resize
from udalib.viz.painters import PlanExplorer

SPACE = label_space("cityscapes19")
SIZE = (16, 32)


class ShiftBlock(nn.Module):
    """Turns and shifts the channels of a state: what a run of these gives depends on which, how often and when."""

    def __init__(self, random):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(19, 19, generator=random) / 4)

    def forward(self, state):
        return state + torch.einsum("bchw,cd->bdhw", state, self.weight).sin()


class Network(nn.Module):
    def __init__(self, depth=7):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.blocks = nn.ModuleList(ShiftBlock(random) for _ in range(depth))

    def forward(self, images):
        state = nn.functional.avg_pool2d(images, 2).repeat(1, 7, 1, 1)[:, :19]
        for block in self.blocks:
            state = block(state)
        return state


def sample(seed=0):
    random = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 19, SIZE, generator=random, dtype=torch.uint8)
    return {"image": torch.rand(3, *SIZE, generator=random), "label": label}


@pytest.fixture
def explorer():
    return PlanExplorer(Network().eval(), [sample(0), sample(1)], SPACE, loops=3, seeds=4)


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer, at_once=True)


def test_the_picture_shows_the_plan_the_prediction_and_the_scores(explorer):
    figure = explorer.draw(plan="loop_parallel", start=1, loops=2)
    strip, _, untouched, shown, bars = figure.axes
    assert strip.get_title() == "parallel, 2 loops: runs 11 layers in 5 steps (blocks has 7)"
    assert [int(t.get_text()) for t in strip.texts if t.get_text().isdigit()] == [0, 1, *[2, 3, 4, 5] * 2, 6]
    assert untouched.get_title().startswith("untouched: mIoU ")
    labels = [label.get_text() for label in bars.get_yticklabels()]
    assert labels[0] == "untouched"
    assert labels[4:] == ["random, seed 0", "parallel", "parallel, 2 loops"]
    score = float(shown.get_title().split("mIoU ")[1].removesuffix(" %"))
    assert bars.patches[-1].get_width() == pytest.approx(score, abs=0.05)
    assert bars.get_xlabel().endswith("the truth")


def test_a_middle_has_a_length_and_ends_with_the_stack(explorer):
    strip = explorer.draw(plan="skip", start=1, length=2).axes[0]
    assert [t.get_text() for t in strip.texts] == ["0", "1", "4", "5", "6"]
    for length in (3, 6):
        strip = explorer.draw(plan="reverse", start=3, length=length).axes[0]
        assert [t.get_text() for t in strip.texts] == ["0", "1", "2", "3", "6", "5", "4"]


def test_without_labels_plans_are_compared_with_the_untouched_network():
    network, image = Network().eval(), sample()["image"]
    calls = []

    def predict(images):
        calls.append(len(images))
        return network(images)

    explorer = PlanExplorer(network, [{"image": image}], SPACE, predict=predict)
    bars = explorer.draw(start=1).axes[-1]
    assert bars.get_xlabel().endswith("the untouched prediction")
    assert bars.patches[0].get_width() == pytest.approx(100)
    with torch.no_grad(), planned(network, create_plan("skip", 7, 1)):
        skipped = resize(network(image[None]), SIZE).argmax(1)
    untouched = resize(network(image[None]), SIZE).argmax(1)
    ious = [
        ((skipped == c) & (untouched == c)).sum() / ((skipped == c) | (untouched == c)).sum()
        for c in untouched.unique()
    ]
    assert bars.patches[1].get_width() == pytest.approx(100 * float(torch.stack(ious).mean()), abs=1e-3)
    assert calls == [1] * 7
    explorer.draw(start=1, plan="skip")
    assert calls == [1] * 7


def test_the_contact_sheet_has_a_panel_a_plan(explorer):
    sheet = explorer.contact_sheet(plan=["skip", "parallel"])
    assert [axes.get_title() for axes in sheet.axes] == ["Plan: skip", "Plan: parallel"]


def test_bad_input_is_refused():
    network = Network().eval()
    with pytest.raises(ConfigError, match="no image"):
        PlanExplorer(network, [], SPACE)
    with pytest.raises(DataError, match="one shape"):
        PlanExplorer(network, [sample(), {"image": torch.rand(3, 8, 8)}], SPACE)
    with pytest.raises(UnknownNameError, match="Did you mean: blocks"):
        PlanExplorer(network, [sample()], SPACE, stack="block")
    with pytest.raises(ConfigError, match="'blocks' has 3 layers; plans are explored on 4 or more"):
        PlanExplorer(Network(3), [sample()], SPACE)
