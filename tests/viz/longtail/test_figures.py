"""Pictures of long tails: what they show, and what they refuse."""

import pytest
import torch
import torch.nn.functional as F

from udalib.analysis.longtail import Gallery, Part, Probe, pulls, random_anchors, settle
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data.labels import label_space
from udalib.viz.longtail import (
    circle_figure,
    lift_figure,
    neighbours_figure,
    precision_figure,
    profile_figure,
    retrieval_figure,
    shares_figure,
)
from udalib.viz.longtail.shares_explorer import queue_counts

SPACE = label_space("cityscapes_things")


def gallery():
    features = F.normalize(torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    return Gallery(torch.rand(12, 3, 8, 8), torch.arange(12) % 10, features)


def probe(label=3):
    found = gallery()
    part = Part((2.0, 0.0, 6.0, 4.0), torch.rand(3, 4, 4), found.features[label], found.features[0])
    return Probe(torch.rand(3, 8, 8), label, {"left": part})


def test_classes_stand_from_head_to_tail_in_their_groups():
    (axes,) = profile_figure([5, 100, 20], ["a", "b", "c"], (50, 10), title="t", line=[100, 22, 5]).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["b", "c", "a"]
    assert [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes.patches] == [
        (0, 100),
        (1, 20),
        (2, 5),
    ]
    assert axes.get_title() == "t; the largest class holds 80 % of 125"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(labels) == ["exponential profile", "few: 1 class", "many: 1 class", "medium: 1 class"]
    many = profile_figure(list(range(100, 70, -1)), ["x"] * 30, (50, 10)).axes[0]
    assert len(many.texts) == 0
    assert many.get_xlabel() == "30 classes, the largest first"
    with pytest.raises(ConfigError, match="2 names for 3 counts"):
        profile_figure([1, 2, 3], ["a", "b"], (50, 10))


def test_the_ratio_s_marks_and_lines_are_those_of_both_losses():
    drawn = [random_anchors([30, 3, 0], seed, dim=8) for seed in (0, 1)]
    given = {k: [pulls(a, temperature=0.2, alpha=0.2, positives=k) for a in drawn] for k in ("alike", "decoupled")}
    left, right = shares_figure(given, alpha=0.2, temperature=0.2, queue=33).axes
    scl, dscl = (line.get_ydata() for line in left.lines)
    assert (scl[0], scl[-1]) == (1.0, pytest.approx(1 / 33))
    assert set(dscl) == {0.25}
    assert [len(marks.get_offsets()) for marks in left.collections] == [2, 2, 2, 2]  # the class without P is left out
    wanted = [(int(n), float(r)) for n, r in zip(given["alike"][0].count, given["alike"][0].ratio, strict=True)]
    assert left.collections[0].get_offsets()[0].tolist() == pytest.approx(wanted[0])
    assert len(right.lines) == 4
    with pytest.raises(ConfigError, match="nothing to draw"):
        shares_figure({}, alpha=0.2, temperature=0.2, queue=33)
    with pytest.raises(ConfigError, match=r"alpha is 1\.0"):
        shares_figure(given, alpha=1.0, temperature=0.2, queue=33)


def test_a_queue_is_filled_as_the_profile_says():
    counts = queue_counts(4096, 100.0)
    assert abs(sum(counts) - 4096) <= 5
    assert counts[0] == pytest.approx(100 * counts[-1], rel=0.05)
    assert min(queue_counts(16, 100.0)) == 1


def test_a_circle_says_where_its_entries_came_to_rest():
    figure = circle_figure({"one": settle(2, 3, seed=0), "none": settle(0, 3, seed=0)}, title="t")
    assert len(figure.axes) == 2
    assert figure.axes[0].get_xlabel().startswith("p(own view) = 0.100\np(each of P) = 0.450")
    assert figure.axes[1].get_xlabel() == "p(own view) = 1.000\np(each of P) = none"
    assert [len(c.get_offsets()) for c in figure.axes[0].collections] == [3, 2, 1, 1]
    with pytest.raises(ConfigError, match="no circle"):
        circle_figure({})


def test_neighbours_carry_their_class_and_a_sign():
    found = gallery()
    queries = {"mine": (torch.rand(3, 8, 8), 4, found.features[4]), "not": (torch.rand(3, 8, 8), 4, found.features[5])}
    axes = retrieval_figure(queries, found, SPACE, count=3).axes
    assert len(axes) == 8
    assert (axes[0].get_title(), axes[1].get_title(), axes[1].get_xlabel()) == ("mine", "car \N{CHECK MARK}", "1.000")
    assert axes[5].get_title() == "truck \N{BALLOT X}"
    with pytest.raises(ConfigError, match="no picture to look for"):
        retrieval_figure({}, found, SPACE)


def test_a_part_is_outlined_and_seen_in_two_ways():
    figure = neighbours_figure(gallery(), probe(), "left", SPACE, count=2, temperature=0.1)
    first, near, _, bars, cut, other, *_ = figure.axes
    assert [patch.get_xy() for patch in first.patches] == [(1.5, -0.5)] * 2
    assert cut.get_title() == "cut out (student)"
    assert near.get_title() == "rider \N{CHECK MARK}"
    assert other.get_title() == "t. light \N{BALLOT X}"
    widths = [patch.get_width() for patch in bars.patches]
    assert sum(widths) == pytest.approx(1, abs=1e-5)
    p = (gallery().features[3] @ gallery().features.T / 0.1).softmax(0)
    assert widths[0] == pytest.approx(float(p[0] + p[10]), abs=1e-5)
    assert figure._suptitle.get_text() == "rider, left"
    with pytest.raises(UnknownNameError, match="part of the picture"):
        neighbours_figure(gallery(), probe(), "right", SPACE)


def test_a_score_by_class_runs_from_head_to_tail_with_every_seed():
    seeds = [torch.tensor([0.1, 0.9, 0.5]), torch.tensor([0.3, 0.7, 0.5])]
    (axes,) = precision_figure({"a": seeds}, [5, 100, 20], ["x", "y", "z"], ylabel="%").axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["y\n100", "z\n20", "x\n5"]
    assert axes.lines[-1].get_ydata().tolist() == pytest.approx([80, 50, 20])
    assert len(axes.lines) == 3
    with pytest.raises(ConfigError, match="seeds of 3 classes"):
        precision_figure({"a": [torch.zeros(2)]}, [5, 100, 20], ["x", "y", "z"], ylabel="%")


def test_lifts_stand_from_head_to_tail_with_their_numbers():
    lift = torch.tensor([[1.0, 4.0], [0.5, 0.0]])
    axes = lift_figure(lift, [5, 100], ["few", "many"], title="t").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["many", "few"]
    assert [text.get_text() for text in axes.texts] == ["0.00", "0.50", "4.00", "1.00"]
    assert axes.images[0].get_array().tolist() == [[-6.0, -1.0], [2.0, 0.0]]
    with pytest.raises(ConfigError, match=r"\(3, 3\), got \(2, 2\)"):
        lift_figure(lift, [1, 2, 3], ["a", "b", "c"])


def test_chance_is_drawn_without_a_count_of_seeds():
    series = {"a": [torch.zeros(2)] * 2, "chance": [torch.ones(2)]}
    (axes,) = precision_figure(series, [3, 2], ["x", "y"], ylabel="%").axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a (2 seeds)", "chance"]
