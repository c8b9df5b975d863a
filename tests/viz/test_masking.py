"""Masked images: which pixels are hidden, what is recognised again, and the explorer over its range."""

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.viz.context import MaskingExplorer, draw_masks, mask_gallery, masking_figure, view_masked
from udalib.viz.context.masked_view import FILL

SPACE = label_space("cityscapes19")
SIZE = (32, 64)
LABEL = torch.zeros(SIZE, dtype=torch.uint8)
LABEL[:16] = 10
IMAGE = torch.where(LABEL == 10, 0.9, 0.1).expand(3, *SIZE)


def bright(images):
    """Sky (10) where a pixel is bright, road (0) where it is dark: reads each pixel alone, so a hole becomes road."""
    logits = torch.zeros(len(images), 19, *images.shape[2:])
    logits[:, 10] = 100 * (images.mean(1) - 0.6)
    logits[:, 1:10] = logits[:, 11:] = -100
    return logits


def upper(images):
    """Sky in the upper half, whatever is seen."""
    logits = torch.zeros(len(images), 19, *images.shape[2:])
    logits[:, 10, : images.shape[2] // 2] = 5
    logits[:, 0, images.shape[2] // 2 :] = 5
    return logits


SAMPLES = [{"image": IMAGE, "label": LABEL}, {"image": IMAGE.flip(1), "label": LABEL.flip(0)}]


@pytest.fixture(scope="module")
def explorer():
    return MaskingExplorer({"reads pixels": bright, "knows the layout": upper}, SAMPLES, SPACE, blocks=(4, 8))


def test_masks_hide_blocks_and_a_larger_ratio_hides_more_of_the_same():
    few, many = (draw_masks(SIZE, 8, ratio, 5) for ratio in (0.3, 0.7))
    assert few.shape == (5, *SIZE)
    assert few.dtype == torch.bool
    assert not (many & ~few).any()
    assert (many[:, ::8, ::8].repeat_interleave(8, 1).repeat_interleave(8, 2) == many).all()
    assert not torch.equal(few[0], few[1])
    assert torch.equal(few, draw_masks(SIZE, 8, 0.3, 5))
    assert not torch.equal(few, draw_masks(SIZE, 8, 0.3, 5, seed=1))
    shares = 1 - draw_masks((256, 256), 8, 0.7, 4).float().mean((1, 2))
    assert shares.tolist() == pytest.approx([0.7] * 4, abs=0.05)


def test_holes_have_the_mean_colour():
    kept = draw_masks(SIZE, 8, 0.5, 2)
    view = view_masked(bright, IMAGE, kept)
    hole = view.masked[0][:, ~kept[0]]
    assert hole.unique(dim=1).flatten().tolist() == pytest.approx(FILL)
    assert torch.equal(view.masked[0][:, kept[0]], IMAGE[:, kept[0]])


def test_a_model_that_reads_pixels_loses_the_holes_and_one_that_knows_the_layout_loses_nothing():
    kept = draw_masks(SIZE, 8, 0.5, 3)
    view = view_masked(bright, IMAGE, kept)
    assert view.agreement(kept) == 1.0
    sky = torch.stack([LABEL == 10] * 3)
    assert view.agreement(~kept & sky) == 0.0
    expected = [float((k & (LABEL == 10)).sum() / (LABEL == 10).sum()) for k in kept]
    assert view.iou(LABEL.long())[:, 10].tolist() == pytest.approx(expected)
    constant = view_masked(upper, IMAGE, kept)
    assert constant.agreement(~kept) == 1.0
    assert constant.iou(LABEL.long())[:, [0, 10]].unique().tolist() == [1.0]


def test_the_model_runs_once_a_view_and_the_whole_prediction_can_be_given():
    batches = []

    def counting(images):
        batches.append(len(images))
        return bright(images)

    kept = draw_masks(SIZE, 8, 0.5, 3)
    view = view_masked(counting, IMAGE, kept)
    again = view_masked(counting, IMAGE, kept, whole=view.whole)
    assert batches == [4, 3]
    assert torch.equal(view.predictions, again.predictions)


def test_the_figure_states_shares_and_draws_a_dot_a_mask():
    kept = draw_masks(SIZE, 8, 0.5, 3)
    view = view_masked(bright, IMAGE, kept)
    figure = masking_figure(view, SPACE, title="a title")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[1] == f"masked image: {100 * (1 - kept[0].float().mean()):.0f} % hidden"
    assert "unchanged: 100 % of the visible" in titles[3]
    assert titles[4] == "IoU with the prediction on the whole image"
    bars = figure.axes[4]
    assert [tick.get_text() for tick in bars.get_yticklabels()] == ["mean", "road", "sky"]
    assert len(bars.collections) == 3
    assert bars.patches[2].get_width() == pytest.approx(100 * float(view.iou(view.whole)[:, 10].mean()))
    judged = masking_figure(view, SPACE, truth=LABEL).axes[4]
    assert judged.get_title() == "IoU with the truth"
    assert len(judged.patches) == 6
    nothing = masking_figure(view_masked(bright, IMAGE, draw_masks(SIZE, 8, 0.0, 1)), SPACE)
    assert "of the visible, - of the hidden" in nothing.axes[3].get_title()


def test_the_gallery_has_blocks_by_ratios_and_says_what_is_recognised():
    gallery = mask_gallery(IMAGE, (4, 8), (0.3, 0.9))
    assert [axes.get_title() for axes in gallery.axes] == ["ratio 0.3", "ratio 0.9"] * 2
    assert [axes.get_ylabel() for axes in gallery.axes] == ["block 4 pixels", "", "block 8 pixels", ""]
    for name, best in (("upper", True), ("bright", False)):
        judged = mask_gallery(IMAGE, (8,), (0.3, 0.9), model=globals()[name])
        texts = [axes.get_title() for axes in judged.axes]
        assert ("IoU 100 % (100 to 100)" in texts[1]) is best
    with pytest.raises(ConfigError, match="at least one block"):
        mask_gallery(IMAGE, (), (0.3,))


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer)


def test_without_labels_there_is_no_truth_to_judge_by():
    explorer = MaskingExplorer({"m": bright}, [{"image": (IMAGE * 255).to(torch.uint8)}], SPACE, blocks=(8,))
    assert explorer.controls["against"].sweep() == ["prediction on the whole image"]
    sheet = explorer.contact_sheet(ratio=[0.3, 0.9])
    assert [axes.get_title() for axes in sheet.axes] == ["Ratio hidden: 0.3", "Ratio hidden: 0.9"]


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="no model"):
        MaskingExplorer({}, SAMPLES, SPACE)
    with pytest.raises(ConfigError, match="no image"):
        MaskingExplorer({"m": bright}, [], SPACE)
    with pytest.raises(ConfigError, match="does not fit"):
        MaskingExplorer({"m": bright}, SAMPLES, SPACE, blocks=(128,))
    with pytest.raises(DataError, match=r"logits \(B, C, h, w\)"):
        view_masked(lambda images: np.zeros(3) if images is None else images[0], IMAGE, draw_masks(SIZE, 8, 0.5, 1))
