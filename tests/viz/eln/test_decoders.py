"""Auxiliary decoders: errors counted by hand, drawn, explored."""

import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.viz.eln import DecodedImages, DecodersExplorer, decoders_figure

SPACE = label_space("cityscapes19")
SIZE = (16, 32)


def decoded(measured=None):
    """The main decoder is right but for 40 pixels; each further one names one more class wrongly."""
    truth = torch.zeros(2, *SIZE, dtype=torch.long)
    truth[:, 8:] = 10
    truth[:, 0] = 255
    main = truth.clone()
    main[0, 1, :20] = main[1, 1, :20] = 5
    first, second = (torch.where(truth == 10, c, main) for c in (8, 11))
    return DecodedImages(torch.rand(2, 3, *SIZE), truth, torch.stack([main, first, second]), measured or {})


def test_shares_and_kinds_of_error_by_hand():
    one = decoded()
    valid = 2 * 15 * 32
    assert one.shares() == pytest.approx([40 / valid, (40 + 2 * 8 * 32) / valid, (40 + 2 * 8 * 32) / valid])
    assert [one.confusions(k) for k in range(3)] == [1, 2, 3]
    assert one.confusions(2, least=200) == 2


def test_the_figure_shows_what_is_used():
    one = decoded({0: [0.4, 0.5], 1: [0.6]})
    figure = decoders_figure(one, SPACE, 0, 1)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["image 0", "main: 4 % wrong", f"auxiliary 0: {100 * one.shares()[1]:.0f} % wrong"]
    assert figure.axes[3].texts[0].get_text() == "auxiliary 1:\nnot used"
    bars = figure.axes[5].patches
    assert [bar.get_height() for bar in bars] == [1, 2, 3]
    assert [bool(bar.get_hatch()) for bar in bars] == [False, False, True]
    numbers = [text.get_text() for text in figure.axes[6].texts]
    assert numbers == ["45", "60", "dots: 2 seeds, diamond: mean"]
    unmeasured = decoders_figure(decoded(), SPACE, 0, 1, errors=True)
    assert "not measured" in [text.get_text() for text in unmeasured.axes[6].texts]


def test_every_control_moves_over_its_whole_range_and_changes_the_picture(draw_over_all_ranges, move_every_control):
    explorer = DecodersExplorer(decoded({0: [0.4]}), SPACE)
    draw_over_all_ranges(explorer)
    move_every_control(explorer)


def test_bad_input_is_refused():
    one = decoded()
    with pytest.raises(ConfigError, match="no auxiliary decoder"):
        DecodedImages(one.images, one.truth, one.predictions[:1])
    with pytest.raises(DataError, match="do not fit"):
        DecodedImages(one.images, one.truth[:1], one.predictions)
