"""Pictures of a memory: what they show, and what they refuse."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space
from udalib.ops.memory import ClassSums
from udalib.viz.memory import (
    Recall,
    cosines_figure,
    exchange_figure,
    exchanged_items,
    nearest_figure,
    nearest_pixels,
    reading_figure,
    replay_writes,
    writes_figure,
)

SPACE = label_space("cityscapes19")


def memory(seed=0):
    return F.normalize(torch.rand(19, 4, generator=torch.Generator().manual_seed(seed)), dim=1)


def recall(best=0.5, place=(1, 2)):
    """Item 3 scores 0 everywhere but at ``place``, where the label is 3 as well; all else is class 0, the sky void."""
    scores, label = torch.zeros(19, 4, 8), torch.zeros(8, 16, dtype=torch.long)
    scores[3, place[0], place[1]] = best
    label[2 * place[0] : 2 * place[0] + 2, 2 * place[1] : 2 * place[1] + 2] = 3
    label[:2, 12:] = 255
    return Recall(torch.rand(3, 8, 16, generator=torch.Generator().manual_seed(1)), label, scores)


def test_reading_weights_sharpen_with_a_low_temperature():
    weights = recall().weights()
    assert torch.allclose(weights.sum(0), torch.ones(4, 8))
    expected = np.exp(0.5) / (np.exp(0.5) + 18)
    assert float(weights[3, 1, 2]) == pytest.approx(expected, abs=1e-6)
    assert float(recall().weights(0.05)[3, 1, 2]) > 0.99
    with pytest.raises(ConfigError, match="temperature is 0; it must be positive"):
        recall().weights(0)


def test_the_bars_are_mean_weights_by_true_class_without_void():
    _, heat, bars, *_ = reading_figure(recall(), 3, SPACE).axes
    assert [label.get_text() for label in bars.get_yticklabels()] == ["road", "wall"]
    widths = [patch.get_width() for patch in bars.patches]
    assert widths == pytest.approx([1 / 19, np.exp(0.5) / (np.exp(0.5) + 18)], abs=1e-6)
    assert heat.get_title() == "weight of item 'wall'"
    assert heat.images[0].get_array().max() == pytest.approx(widths[1], abs=1e-6)


def test_nearest_pixels_come_in_order_one_an_image():
    recalls = [recall(0.2), recall(0.9, (3, 7)), recall(0.5)]
    found = nearest_pixels(recalls, 3, 2)
    assert [(near.image, near.row, near.column, near.label) for near in found] == [(1, 3, 7, 3), (2, 1, 2, 3)]
    figure = nearest_figure(recalls, [3, 0], SPACE, count=2)
    assert len(figure.axes) == 4
    assert figure.axes[0].get_title() == "'wall': 0.90, is wall"
    assert figure.axes[0].patches[0].get_xy() == (13.5, 5.5)
    with pytest.raises(ConfigError, match="0 images and 1 items"):
        nearest_figure([], [3], SPACE)


def test_replayed_writes_follow_the_momentum():
    start, mean = memory(), memory(1)
    weight = torch.zeros(19)
    weight[2] = 0.5
    sums = [ClassSums(mean * weight[:, None], weight)] * 2
    states = replay_writes(start, sums, 0.8)
    assert states.shape == (3, 19, 4)
    assert torch.allclose(states[1, 2], F.normalize(0.8 * start[2] + 0.2 * mean[2], dim=0), atol=1e-6)
    assert torch.allclose(states[2, 3], start[3], atol=1e-6)
    assert torch.allclose(replay_writes(start, sums, 0.0)[-1, 2], mean[2], atol=1e-6)
    axes = writes_figure(start, sums, 2, SPACE, momentum=0.8).axes[0]
    assert "written 2 times" in axes.get_title()
    assert len(axes.lines[2].get_xdata()) == 2
    assert len(writes_figure(start, sums, 3, SPACE).axes[0].lines[2].get_xdata()) == 0
    with pytest.raises(ConfigError, match=r"momentum is 1\.5"):
        replay_writes(start, sums, 1.5)


def test_cosines_of_items_and_of_one_that_was_never_written():
    items = memory()
    items[5] = 0
    shown = cosines_figure({"one": items, "two": memory(1)}, SPACE).axes[0].images[0].get_array()
    assert shown[0, 1] == pytest.approx(float(items[0] @ items[1]), abs=1e-6)
    assert shown[5].max() == 0
    with pytest.raises(ConfigError, match="no memory to draw"):
        cosines_figure({}, SPACE)
    with pytest.raises(DataError, match=r"'one' must be \(19, D\), got shape \(4, 2\)"):
        cosines_figure({"one": torch.zeros(4, 2)}, SPACE)


def test_items_are_exchanged_in_a_copy():
    items = memory()
    before = items.clone()
    changed = exchanged_items(items, "exchange", 1, 4)
    assert torch.equal(changed[[1, 4]], before[[4, 1]])
    assert torch.equal(exchanged_items(items, "overwrite", 1, 4)[[1, 4]], before[[4, 4]])
    assert exchanged_items(items, "remove", 1, 4).abs().sum(1).eq(0).nonzero().tolist() == [[1]]
    assert not exchanged_items(items, "remove all", 1, 4).any()
    assert torch.equal(items, before)
    with pytest.raises(UnknownNameError, match="change of the memory"):
        exchanged_items(items, "forget", 1, 4)


def test_the_figure_counts_turned_labels_and_shows_smaller_changes():
    image, label = torch.rand(3, 8, 16), torch.zeros(8, 16, dtype=torch.long)
    before = torch.zeros(19, 8, 16)
    before[0] = 1.0
    after = before.clone()
    after[1, :4] = 2.0
    titles = [axes.get_title() for axes in exchange_figure(image, label, before, after, SPACE).axes[:4]]
    assert titles[1:3] == ["as stored: 100.0 % right", "changed: 50.0 % right"]
    assert "50.0 % of labels turn" in titles[3]
    slight = before.clone()
    slight[1] = 0.5
    panel = exchange_figure(image, label, before, slight, SPACE).axes[3]
    assert "; 0.0 % of labels turn" in panel.get_title()
    expected = 0.5 * (before.softmax(0) - slight.softmax(0)).abs().sum(0)[0, 0]
    assert panel.images[0].get_array()[0, 0] == pytest.approx(float(expected), abs=1e-6)
