"""HRDA's two scales in a picture, and the explorer of the detail box over its range."""

import numpy as np
import pytest
import torch
from torch import nn

from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space
from udalib.models.multi_resolution import MultiResolutionNetwork
from udalib.ops.scales import Box
from udalib.viz.context import DetailExplorer, scales_figure, view_scales

SPACE = label_space("cityscapes19")
SIZE, DETAIL = (32, 64), (16, 32)
IMAGE = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))


class Encoder(nn.Module):
    channels, strides = (3,), (2,)

    def forward(self, images):
        return [nn.functional.avg_pool2d(images, 2)]


class Head(nn.Module):
    """Sky where it is bright, road where it is dark; ``scale`` 0 gives an attention of 0.5 everywhere."""

    def __init__(self, outputs=19, scale=9.0):
        super().__init__()
        self.num_classes, self.scale = outputs, scale

    def forward(self, features):
        shade = features[0].mean(1, keepdim=True) * self.scale
        logits = torch.zeros(len(shade), self.num_classes, *shade.shape[-2:])
        logits[:, :1] = -shade
        if self.num_classes > 10:
            logits[:, 10:11] = shade
        return logits


def network(attention=None):
    return MultiResolutionNetwork(Encoder(), Head(), attention, detail=DETAIL, divisible=4).eval()


def sample(seed=0):
    random = np.random.default_rng(seed)
    label = torch.from_numpy(random.choice([0, 10, 255], SIZE).astype(np.uint8))
    return {"image": torch.from_numpy(random.integers(0, 256, (3, *SIZE), dtype=np.uint8)), "label": label}


@pytest.fixture(scope="module")
def explorer():
    return DetailExplorer(network(Head()), [sample(0), sample(1)], SPACE, shown="sky")


def test_a_view_holds_what_the_network_says_at_both_scales():
    net, box = network(), Box(8, 24, 12, 44)
    view = view_scales(net, IMAGE, box)
    run = net.forward_scales(IMAGE[None], box)
    assert torch.equal(view.fused, upsampled(run.fused, SIZE))
    assert torch.equal(view.detail, upsampled(run.detail, box.size))
    assert view.context.shape == view.fused.shape == SIZE
    assert tuple(view.small.shape) == (3, 16, 32)
    assert tuple(view.attention.shape) == (1, *SIZE)
    assert view.attention.unique().tolist() == [0.5]


def upsampled(logits, size):
    return nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False).argmax(1)[0]


def test_right_counts_labelled_pixels_of_the_box_alone():
    box = Box(0, 16, 0, 32)
    view = view_scales(network(), IMAGE, box)
    truth = torch.full(SIZE, 255)
    truth[:16, :32] = view.detail
    truth[20:] = 3
    context, detail, fused = view.right(truth)
    assert detail == 1.0
    assert context == pytest.approx(float((view.context[:16, :32] == view.detail).float().mean()))
    assert 0 < fused <= 1


def test_the_figure_names_sizes_shares_and_the_attention():
    view = view_scales(network(Head()), IMAGE, Box(8, 24, 12, 44))
    figure = scales_figure(view, SPACE, SPACE.index("sky"), truth=torch.zeros(SIZE), title="a title")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "image, 32 x 64; the box"
    assert titles[1] == "context: all of it, 16 x 32"
    assert titles[2] == "detail: the box, 16 x 32"
    mean = float(view.attention[10, 8:24, 12:44].mean())
    assert titles[3] == f"attention, sky: {mean:.2f} in the box"
    assert titles[4] == "truth"
    shares = view.right(torch.zeros(SIZE))
    assert titles[5:8] == [
        f"{n}, {100 * s:.0f} % right in the box" for n, s in zip(("context", "detail", "fused"), shares, strict=True)
    ]
    plain = [axes.get_title() for axes in scales_figure(view_scales(network(), IMAGE, view.box), SPACE).axes]
    assert "attention, all classes: 0.50 in the box" in plain
    assert "truth" not in plain
    assert "fused" in plain


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_the_box_opens_in_the_middle_on_the_grid_and_stays_inside(explorer):
    assert explorer.defaults | {"shown": "", "index": 0} == {
        "top": 8,
        "left": 16,
        "height": 16,
        "shown": "",
        "index": 0,
    }
    assert explorer.controls["height"].sweep() == [8, 16, 24]
    text = explorer.draw(top=16, left=32, height=24).get_suptitle()
    assert text == f"detail in {Box(8, 32, 16, 64)}"


def test_without_labels_nothing_is_judged():
    explorer = DetailExplorer(network(), [{"image": IMAGE}], SPACE)
    assert not any("right" in axes.get_title() for axes in explorer.draw().axes)


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="no image"):
        DetailExplorer(network(), [], SPACE)
    with pytest.raises(ConfigError, match=r"no box of .* fits images of 32 x 64"):
        DetailExplorer(network(), [sample()], SPACE, shares=(3.0,))
    with pytest.raises(UnknownNameError, match="sky"):
        DetailExplorer(network(), [sample()], SPACE, shown="skyy")
    with pytest.raises(DataError, match="one shape"):
        DetailExplorer(network(), [sample(), {"image": IMAGE[:, :16]}], SPACE)
