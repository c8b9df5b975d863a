"""The explorer of rare class sampling: every control over its range, and what it says where nothing can be drawn."""

import math

import pytest
from matplotlib.text import Text

from udalib import viz
from udalib.core.errors import ConfigError
from udalib.data import ClassStatistics, compute_class_statistics, label_space
from udalib.viz.daformer import Collection, RareClassExplorer, known_collections
from udalib.viz.daformer.rare_class_explorer import ANY
from udalib.world import Streets

SPACE = label_space("cityscapes19")


@pytest.fixture(scope="module")
def explorer():
    streets = Collection.of_dataset(Streets("source", length=12, size=(32, 64)))
    bare = Collection(ClassStatistics((("a", {0: 4000, 17: 50}), ("b", {0: 5000, 8: 300}))), SPACE)
    return RareClassExplorer({"streets": streets, "statistics": bare}, min_pixels=10)


def texts(figure):
    """Every text that a figure shows."""
    return [text.get_text() for text in figure.findobj(Text)]


def test_every_control_moves_over_its_whole_range(explorer, draw_over_all_ranges):
    draw_over_all_ranges(explorer)


@pytest.mark.parametrize("picked", [ANY, "motorcycle", "train"])
@pytest.mark.parametrize("min_pixels", [0, 300, 10000])
@pytest.mark.parametrize("temperature", [0.001, math.inf])
def test_controls_move_together_where_only_statistics_are_given(explorer, picked, min_pixels, temperature):
    state = {"picked": picked, "min_pixels": min_pixels, "temperature": temperature}
    assert viz.to_png(explorer.draw(collection="statistics", draws=10, **state))


def test_every_control_of_the_widget_changes_the_picture(explorer, move_every_control):
    move_every_control(explorer, at_once=True)


def test_the_contact_sheet_is_for_headless_runs(explorer):
    assert len(explorer.contact_sheet(temperature=[0.01, math.inf]).axes) == 2


def test_a_picked_class_is_marked_and_its_candidates_are_shown(explorer):
    figure = explorer.draw(picked="road")
    assert "12 of 12 images may be drawn for road (outlined); some of them" in texts(figure)
    bold = [t.get_text() for t in figure.axes[0].get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["road"]
    shown = [t for t in texts(figure) if t.startswith("road: ") and t.endswith(" pixels")]
    assert len(shown) == 8


def test_min_pixels_that_no_image_has_is_said_in_the_picture(explorer):
    said = " ".join(texts(explorer.draw(min_pixels=10000))).replace("\n", " ")
    assert "no image has more than min_pixels=10000 pixels of any class" in said


def test_a_class_without_enough_pixels_is_said_in_its_row(explorer):
    figure = explorer.draw(collection="statistics", min_pixels=300)
    assert texts(figure).count("no image has enough of it") == 2


def test_statistics_without_images_and_classes_that_do_not_occur_are_said(explorer):
    assert any("there are no images to show" in t for t in texts(explorer.draw(collection="statistics")))
    alone = RareClassExplorer({"a": Collection(ClassStatistics((("a", {0: 4000}),)), SPACE)})
    assert alone.controls["picked"].sweep() == ["any class", "road"]
    two = {"streets": Streets("source", length=1, size=(32, 64)), "more": Streets("source", length=12, size=(32, 64))}
    both = RareClassExplorer({name: Collection.of_dataset(streets) for name, streets in two.items()}, min_pixels=10)
    only_more = both.controls["picked"].sweep()[-1]
    assert f"{only_more} does not occur in these labels" in texts(both.draw(picked=only_more))


def test_a_folder_of_statistics_can_be_explored(tmp_path):
    compute_class_statistics(Streets(length=3, size=(32, 64)), tmp_path, progress=False)
    explorer = RareClassExplorer({"folder": Collection.of_folder(tmp_path, SPACE)}, min_pixels=10)
    assert "road" in explorer.controls["picked"].sweep()
    assert explorer.draw(draws=10).axes


def test_known_collections_have_both_styles_and_camvid_only_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    assert list(known_collections(length=2, size=(32, 64))) == ["streets, source", "streets, target"]


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="nothing to sample from"):
        RareClassExplorer({})
    with pytest.raises(ConfigError, match="min_pixels"):
        RareClassExplorer({"a": Collection(ClassStatistics((("a", {0: 4000}),)), SPACE)}, min_pixels=7)
