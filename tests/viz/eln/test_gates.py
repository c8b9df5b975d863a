"""Gates of auxiliary decoders: played on toy pixels, drawn, explored."""

import math

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.viz.eln import GateRun, GatesExplorer, gates_figure, main_curve, play_gates


def pixels(classes=4, count=400):
    random = torch.Generator().manual_seed(0)
    label = torch.randint(classes, (count,), generator=random)
    return torch.eye(classes)[label] + 0.3 * torch.randn(count, classes, generator=random), label


def test_the_made_up_loss_falls_from_ln_c_to_where_it_settles():
    curve = main_curve(300, 0.1, 19)
    assert curve[0] == pytest.approx(math.log(19), rel=0.5)
    assert curve[200:].mean() == pytest.approx(0.1, rel=0.1)
    assert np.array_equal(curve, main_curve(300, 0.1, 19))
    assert not np.array_equal(curve, main_curve(300, 0.1, 19, seed=1))


def test_a_gate_that_never_opens_leaves_its_decoder_where_it_is():
    x, y = pixels()
    run = play_gates(x, y, np.full(60, 0.2), (1.0, 1000.0), num_classes=4, batch=400)
    assert run.opened[:, 0].any()
    assert not run.opened[:, 1].any()
    assert run.auxiliary[-1, 0] < 0.6 * run.auxiliary[0, 0]
    assert np.ptp(run.auxiliary[:, 1]) < 0.2, "only the batches differ"


def test_a_decoder_is_held_near_its_limit():
    """Adam's momentum carries it below the limit, and nothing brings it back; far below it does not get."""
    x, y = pixels()
    run = play_gates(x, y, np.full(200, 0.2), (1.5, 3.0, 1e-6), num_classes=4, lr=0.005)
    late = run.auxiliary[150:].mean(0)
    assert late[2] < late[0] < late[1]
    assert late[:2] == pytest.approx(run.limits[-1, :2], rel=0.3)


def test_the_figure_draws_losses_limits_and_open_gates():
    run = GateRun(np.array([1.0, 0.5, 0.1]), np.array([[2.0, 3.0], [2.0, 3.0], [2.0, 3.0]]), (2.0, 20.0))
    assert run.opened.tolist() == [[True, False], [True, False], [True, True]]
    figure = gates_figure(run, start=7, title="gates")
    labels = [tick.get_text() for tick in figure.axes[1].get_yticklabels()]
    assert labels == ["aux 0: 100 %", "aux 1: 33 %"]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [7, 8, 9]
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names[1:3] == ["2 x main: limit of aux 0", "auxiliary decoder 0"]


def test_every_control_moves_over_its_whole_range_and_changes_the_picture(draw_over_all_ranges, move_every_control):
    explorer = GatesExplorer(*pixels(), 4, iterations=40)
    draw_over_all_ranges(explorer)
    move_every_control(explorer)


def test_bad_input_is_refused():
    x, y = pixels()
    for parts in ((x[:0], y[:0], np.ones(3), (1.0,)), (x, y, np.ones(0), (1.0,)), (x, y, np.ones(3), ())):
        with pytest.raises(ConfigError, match="give one or more"):
            play_gates(*parts)
