"""Figures draw what they are given: checked on pixels, drawn artists and error messages, not only on 'no exception'."""

import re

import numpy as np
import pytest
import torch

from udalib import viz
from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space
from udalib.viz.pictures.flow import add_arrows
from udalib.viz.pictures.labels import inner_point, to_hwc

SPACE = label_space("cityscapes19")
SMALL = label_space("cityscapes7")


@pytest.fixture
def sample():
    label = np.zeros((32, 64), np.uint8)
    label[:12] = 10
    label[12:20, 30:50] = 13
    label[0, :5] = 255
    image = torch.full((3, 32, 64), 100, dtype=torch.uint8)
    return {
        "image": image,
        "label": torch.from_numpy(label),
        "prediction": torch.zeros(32, 64, dtype=torch.int64),
        "depth": torch.linspace(40, 2, 32)[:, None].expand(32, 64),
        "boxes": torch.tensor([[30.0, 12.0, 50.0, 20.0]]),
        "box_labels": torch.tensor([13]),
        "name": "one",
    }


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts]


def test_colorize_uses_the_palette_and_black_for_ignored():
    picture = viz.colorize(torch.tensor([[0, 13], [255, 10]]), SPACE)
    assert picture.dtype == np.uint8
    assert picture[0, 1].tolist() == list(SPACE.classes[13].color)
    assert picture[1, 0].tolist() == [0, 0, 0]


def test_colorize_takes_negative_and_wide_ids():
    picture = viz.colorize(np.array([[-1, 1000, 2]], dtype=np.int64), SPACE)
    assert picture[0, :2].sum() == 0
    assert picture[0, 2].tolist() == list(SPACE.classes[2].color)


def test_overlay_blends_known_pixels_only(sample):
    picture = viz.overlay(sample["image"], sample["label"], SPACE, alpha=0.25)
    assert picture[0, 0].tolist() == [100, 100, 100]
    expected = 0.75 * 100 + 0.25 * np.array(SPACE.classes[13].color)
    assert np.abs(picture[15, 40] - expected).max() <= 0.51


def test_float_images_are_scaled():
    assert to_hwc(torch.ones(3, 2, 2)).max() == 255
    assert to_hwc(np.full((2, 2, 3), 0.5)).max() == 128


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: viz.colorize(np.zeros((1, 2, 2)), SPACE), "label to show must be"),
        (lambda: to_hwc(np.zeros((2, 2))), "image to show must be"),
        (lambda: viz.overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((3, 3), np.uint8), SPACE), "differ in size"),
        (lambda: viz.flow_to_rgb(np.zeros((3, 4, 4))), "flow field must be"),
        (lambda: viz.attention_figure(np.zeros((4, 4, 3)), {}, (2.0, 0.0)), "fraction of the image"),
    ],
)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_inner_point_lies_deep_inside_the_largest_part():
    mask = np.zeros((40, 60), bool)
    mask[2:4, 2:4] = True
    mask[10:31, 20:51] = True
    row, column = inner_point(mask)
    assert 17 <= row <= 23
    assert 27 <= column <= 43


def test_inner_point_of_a_full_map_is_the_middle():
    row, column = inner_point(np.ones((21, 31), bool))
    assert (row, column) == (10, pytest.approx(15, abs=5))


def test_show_samples_writes_class_names_and_one_axes_a_panel(sample):
    panels = ("image", "label", "overlay", "prediction", "errors", "depth", "instances")
    figure = viz.show_samples([sample, sample], SPACE, panels)
    assert len(figure.axes) == 2 * len(panels)
    assert {"road", "sky", "car"} <= set(texts(figure))


def test_show_samples_names_an_unknown_panel(sample):
    with pytest.raises(UnknownNameError, match="Did you mean: label"):
        viz.show_samples([sample], SPACE, ("image", "lable"))
    with pytest.raises(ConfigError, match="no sample"):
        viz.show_samples([], SPACE)


def test_error_map_is_black_where_right_and_grey_where_ignored():
    label, prediction = np.array([[0, 1, 255]]), np.array([[0, 2, 2]])
    picture = viz.error_map(prediction, label, SPACE)
    assert picture[0].tolist() == [[0, 0, 0], list(SPACE.classes[2].color), [128, 128, 128]]


def test_class_frequencies_sort_by_the_first_domain_and_write_the_number():
    shares = np.array([0.5, 0.25, 0.1, 0.08, 0.05, 0.02, 0.0])
    figure = viz.class_frequencies_figure({"source": shares, "target": shares[::-1]}, SMALL)
    ticks = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert ticks == list(SMALL.names)[::-1]
    assert "50" in texts(figure)
    assert "0" in texts(figure)
    hatches = {patch.get_hatch() for patch in figure.axes[0].patches}
    assert len(hatches) == 2


def test_class_frequencies_refuse_a_wrong_length():
    with pytest.raises(ConfigError, match="expected \\(7,\\)"):
        viz.class_frequencies_figure({"source": np.ones(6)}, SMALL)


def test_confusion_rows_are_percent_of_the_true_class():
    confusion = np.diag(np.full(7, 30.0))
    confusion[0, 1] = 10
    confusion[3] = 0
    figure = viz.confusion_figure(confusion, SMALL)
    shown = figure.axes[0].images[0].get_array()
    assert shown[0, 0] == pytest.approx(75)
    assert shown[3].sum() == 0
    assert "25" in texts(figure)


def test_iou_bars_draw_the_mean_and_a_dot_for_each_seed():
    names = SMALL.names
    seeds = [dict.fromkeys(names, 40.0), dict.fromkeys(names, 60.0) | {names[2]: None}]
    figure = viz.iou_bars({"jitter": seeds}, SMALL)
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert heights[:4] == pytest.approx([50, 50, 50, 40])
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == 2 * (len(names) + 1)
    assert "jitter (2 seeds)" in [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


def test_published_numbers_have_a_panel_of_their_own():
    row = dict.fromkeys(SMALL.names, 36.0)
    figure = viz.iou_bars({"ours": [row]}, SMALL, published={"paper": row})
    assert len(figure.axes) == 2
    assert "on other data" in figure.axes[1].get_title()
    assert [t.get_text() for t in figure.axes[1].get_legend().get_texts()] == ["published: paper"]
    alone = viz.iou_bars({}, SMALL, published={"paper": row})
    assert [axes.get_title() for axes in alone.axes] == ["Published numbers, on other data"]


def test_empty_results_are_refused():
    for call in (lambda: viz.iou_bars({}, SMALL), lambda: viz.curves({}), lambda: viz.curves({"a": []})):
        with pytest.raises(ConfigError, match="at least one"):
            call()


def test_curves_draw_every_seed_and_the_mean():
    x = np.arange(5.0)
    figure = viz.curves({"loss": [(x, x), (x, x + 2)]}, references={"oracle": 3.0})
    lines = [line.get_ydata() for line in figure.axes[0].lines]
    assert any(np.array_equal(line, x + 1) for line in lines[:3])
    assert "oracle" in texts(figure)


def test_curves_of_unlike_length_draw_no_mean():
    figure = viz.curves({"loss": [([0, 1], [0, 1]), ([0, 1, 2], [0, 1, 2])]})
    assert {len(line.get_ydata()) for line in figure.axes[0].lines} == {2, 3}


def test_smooth_is_a_running_mean():
    assert viz.smooth([1, 2, 3, 4], 2).tolist() == [1, 1.5, 2.5, 3.5]


def test_series_differ_in_more_than_colour():
    from udalib.viz.theme import bar_style, line_style

    lines = [line_style(i) for i in range(8)]
    assert len({s["marker"] for s in lines}) == len({str(s["linestyle"]) for s in lines}) == 8
    assert len({bar_style(i)["hatch"] for i in range(8)}) == 8


def test_flow_colours_tell_direction_and_speed():
    flow = np.zeros((2, 1, 4), np.float32)
    flow[:, 0, 1], flow[:, 0, 2], flow[:, 0, 3] = (4, 0), (-4, 0), (2, 0)
    rgb = viz.flow_to_rgb(flow, max_speed=4.0).astype(int)
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert np.abs(rgb[0, 1] - rgb[0, 2]).max() > 100
    assert rgb[0, 3].min() > rgb[0, 1].min()


def test_flow_wheel_matches_flow_to_rgb_and_is_white_outside():
    wheel = viz.flow_wheel(21)
    assert wheel[0, 0].tolist() == [255, 255, 255]
    right = viz.flow_to_rgb(np.array([[[1.0]], [[0.0]]]), max_speed=1.0)[0, 0]
    assert wheel[10, 20].tolist() == right.tolist()


def test_flow_arrows_point_where_the_pixel_goes():
    figure, (axes,) = viz.new_figure(2, 2)
    add_arrows(axes, np.stack([np.full((32, 32), 3.0), np.zeros((32, 32))]), step=16)
    quiver = axes.collections[0]
    assert quiver.U.tolist() == [3.0] * 4
    assert quiver.angles == "xy"
    assert viz.to_array(figure).shape[2] == 3


def test_energy_radius_of_a_disc():
    rows, columns = np.indices((101, 101)) - 50
    disc = (np.hypot(rows, columns) <= 20).astype(float)
    assert viz.energy_radius(disc) == pytest.approx(20 * np.sqrt(0.9), abs=0.5)
    assert viz.energy_radius(np.zeros((5, 5))) == 0


def test_receptive_field_figure_writes_the_radius():
    rows, columns = np.indices((33, 65))
    field = np.exp(-((rows - 16) ** 2 + (columns - 32) ** 2) / 20)
    figure = viz.receptive_field_figure({"net": field})
    assert re.search(r"90 % within [56789] px", figure.axes[0].get_title())


def test_attention_figure_lights_up_the_attended_place():
    attention = np.zeros((4, 8))
    attention[1, 6] = 1
    figure = viz.attention_figure(np.full((32, 64, 3), 128, np.uint8), {"head 1": attention}, (0.25, 0.5))
    shown = figure.axes[1].images[0].get_array().sum(axis=2)
    row, column = np.unravel_index(int(shown.argmax()), shown.shape)
    assert 8 <= row < 16
    assert 48 <= column < 56


def test_even_attention_is_dim_and_says_so():
    figure = viz.attention_figure(np.full((32, 64, 3), 128, np.uint8), {"head 1": np.ones((4, 8))}, (0.25, 0.5))
    assert figure.axes[1].get_title() == "head 1 (peak 1.0 x mean)"
    shown = figure.axes[1].images[0].get_array()
    assert shown[..., 0].max() < 128


def test_legend_and_beside_draw(sample):
    assert "13 car" in [t.get_text() for t in viz.legend(SPACE).axes[0].get_legend().get_texts()]
    figure = viz.beside({"image": sample["image"], "depth": sample["depth"]})
    assert [axes.get_title() for axes in figure.axes] == ["image", "depth"]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_table_prints_aligned_and_escapes_html():
    table = viz.Table(("a", "long name"), [(1, "<b>"), ("xyz", 2)], "a note")
    assert str(table).splitlines() == ["a    long name", "1    <b>", "xyz  2", "a note"]
    assert "&lt;b&gt;" in table._repr_html_()


def test_percent_keeps_absent_classes():
    assert viz.percent({"road": 0.5, "train": None}) == {"road": 50.0, "train": None}


def test_names_of_neighbouring_regions_do_not_overlap():
    label = np.full((128, 256), 2, np.uint8)
    label[40:90, 118:138] = 5  # a pole in the middle of a building: both would be named at the same spot
    figure = viz.show_samples([{"image": np.zeros((3, 128, 256), np.uint8), "label": label, "name": "one"}], SPACE)
    pole, building = figure.axes[1].texts  # the smaller one is placed first
    assert (pole.get_text(), building.get_text()) == ("pole", "building")
    figure.canvas.draw()
    assert not pole.get_window_extent().overlaps(building.get_window_extent())
    x, y = building.get_position()
    assert label[int(y), int(x)] == 2


def test_a_name_at_the_border_stays_inside_the_picture():
    label = np.full((64, 128), 255, np.uint8)
    label[20:50, :4] = 8
    figure = viz.show_samples([{"image": np.zeros((3, 64, 128), np.uint8), "label": label, "name": "one"}], SPACE)
    figure.canvas.draw()
    panel = figure.axes[1]
    assert panel.texts[0].get_window_extent().x0 >= panel.get_window_extent().x0 - 1


def test_grouped_bars_have_one_bar_a_series_and_group():
    figure = viz.grouped_bars({"a": [1, 20], "b": [3, 4]}, ["left", "right"], ylabel="entries", yscale="log")
    (axes,) = figure.axes
    assert [patch.get_height() for patch in axes.patches] == [1, 20, 3, 4]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["left", "right"]
    assert (axes.get_ylabel(), axes.get_yscale()) == ("entries", "log")
    with pytest.raises(ConfigError, match="series of 2 values"):
        viz.grouped_bars({"a": [1]}, ["left", "right"])


def test_a_record_becomes_a_table_with_the_best_target_first():
    def group(recipe, target, std):
        ours = {"target/miou": {"mean": target, "std": std}, "source/miou": {"mean": 70.0, "std": None}}
        return {"recipe": recipe, "preset": "laptop", "seeds": [0, 1], "ours": ours}

    record = {"groups": [group("a", 40.04, 1.25), group("b", 50.0, 2.0)], "what": "Streets.", "command": "python x.py"}
    table = viz.record_table(record)
    assert table.rows[1] == ("a", "70.0", "40.0 ± 1.2", 2, "laptop")
    assert [row[0] for row in table.rows] == ["b", "a"]
    assert table.note.endswith("Streets. Repeat: python x.py")
    assert viz.record_table({"groups": record["groups"]}, "A note.").note.endswith("seeds. A note.")


def test_detections_are_drawn_with_class_and_score(sample):
    found = {"boxes": np.array([[1.0, 2, 9, 8]]), "labels": np.array([13]), "scores": np.array([0.5])}
    figure = viz.show_samples([{**sample, "detections": found}], SPACE, ("detections",))
    assert [t.get_text() for t in figure.axes[0].texts] == ["car 0.50"]
