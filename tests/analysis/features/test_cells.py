"""Pure cells by hand and against a plain loop; features of boxes; balanced draws."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.analysis.features import Sampling, box_means, cell_boxes, draw_cells, plan, pure_cells
from udalib.core.errors import ConfigError, DataError
from udalib.ops import pool_label

LABEL = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 255], [2, 2, 2, 2], [2, 0, 2, 2]])[None]


def test_cells_that_show_one_class_by_hand():
    assert pure_cells(LABEL, (2, 2), 3).tolist() == [[[0, 255], [255, 2]]]
    assert pure_cells(LABEL, (2, 2), 3, purity=0.75).tolist() == [[[0, 1], [2, 2]]]
    assert pure_cells(LABEL, (4, 4), 2).tolist() == [[[0, 0, 1, 1], [0, 0, 1, 255], [255] * 4, [255, 0, 255, 255]]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.6, 0.8, 1.0]))
def test_any_grid_agrees_with_a_loop_over_boxes(seed, rows, columns, purity):
    random = np.random.default_rng(seed)
    label = random.choice([0, 1, 255], (2, 7, 8), p=[0.7, 0.2, 0.1])
    found = pure_cells(torch.from_numpy(label), (rows, columns), 2, purity).numpy()
    cells = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=2).reshape(-1, 2)
    for (i, j), (top, bottom, left, right) in zip(cells, cell_boxes(cells, (rows, columns), (7, 8)), strict=True):
        for image in range(2):
            box = label[image, top:bottom, left:right]
            shares = [(box == c).mean() for c in (0, 1)]
            wanted = int(np.argmax(shares)) if max(shares) >= purity else 255
            assert found[image, i, j] == wanted


def test_cells_of_whole_pixels_are_those_of_the_pooled_label():
    label = torch.randint(0, 2, (3, 16, 24), generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 2)
    assert torch.equal(pure_cells(label, (4, 24), 19, 0.75), pool_label(label, 19, 4, 0.75))


@pytest.mark.parametrize("purity", [0.5, 1.1])
def test_a_purity_that_leaves_two_classes_is_refused(purity):
    with pytest.raises(ConfigError, match=r"above 0.5, up to 1"):
        pure_cells(LABEL, (2, 2), 3, purity)


def test_features_of_boxes_are_means_over_the_cells_they_touch():
    maps = torch.arange(16.0).view(1, 1, 4, 4).repeat(2, 1, 1, 1)
    maps[1] += 100
    boxes = np.array([[0, 4, 0, 4], [0, 2, 2, 4], [6, 8, 6, 8], [0, 8, 0, 8], [1, 3, 0, 2]])
    found = box_means(maps, np.array([0, 0, 1, 1, 0]), boxes, (8, 8))
    assert found[:, 0].tolist() == [2.5, 1.0, 115.0, 107.5, 2.0]
    coarse = torch.tensor([[[[3.0]]]])
    assert box_means(coarse, np.array([0]), np.array([[2, 3, 5, 6]]), (8, 8)).tolist() == [[3.0]]
    assert box_means(maps, np.zeros(0, int), np.zeros((0, 4), int), (8, 8)).shape == (0, 1)


COUNTS = {"source": np.array([50, 7, 3, 0]), "target": np.array([20, 40, 9, 30])}
NAMES = ("road", "car", "pole", "sky")


def test_a_plan_takes_equally_many_from_both_domains_and_says_what_is_short():
    made = plan(COUNTS, NAMES, per_class=15, minimum=5)
    assert made.takes == {0: 15, 1: 7}
    assert made.short == (1,)
    assert made.left_out == {2: (3, 9), 3: (0, 30)}
    assert plan(COUNTS, NAMES, per_class=15, minimum=3, classes=[2]).takes == {2: 3}


def test_a_class_asked_for_without_enough_cells_is_refused_with_what_was_found():
    with pytest.raises(DataError, match=r"fewer than 5 pure cells of pole \(source 3, target 9\).*smaller cells"):
        plan(COUNTS, NAMES, per_class=15, minimum=5, classes=[0, 2])
    with pytest.raises(DataError, match="fewer than 60 pure cells of road"):
        plan(COUNTS, NAMES, per_class=60, minimum=60)
    with pytest.raises(DataError, match="no class at all"):
        plan({"source": np.zeros(4, int), "target": np.zeros(4, int)}, NAMES)
    with pytest.raises(ConfigError, match="per_class 5 and minimum 10"):
        plan(COUNTS, NAMES, per_class=5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_draws_are_balanced_over_images_and_depend_on_the_generator_alone(seed, count):
    random = np.random.default_rng(seed)
    classes, images = random.integers(0, 3, 80), random.integers(0, 5, 80)
    takes = {c: min(count, int((classes == c).sum())) for c in range(3)}
    drawn = draw_cells(classes, images, takes, np.random.default_rng(seed))
    assert len(set(drawn.tolist())) == len(drawn) == sum(takes.values())
    assert np.array_equal(drawn, draw_cells(classes, images, takes, np.random.default_rng(seed)))
    for c, wanted in takes.items():
        mine = drawn[classes[drawn] == c]
        assert len(mine) == wanted
        there = np.bincount(images[classes == c], minlength=5)
        taken = np.bincount(images[mine], minlength=5)
        exhausted = taken == there
        assert taken.max() - taken[~exhausted].min(initial=taken.max()) <= 1


def test_sampling_is_immutable():
    with pytest.raises(AttributeError):
        Sampling().seed = 3
