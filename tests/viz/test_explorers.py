"""Explorers: every control over its whole range on the pure function; the widget shows what the function draws."""

import numpy as np
import pytest

from udalib import viz
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.viz.explorer.explorer import _ipywidgets


def draw(shift, name, on):
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, shift] = 255 if on else 100
    return viz.beside({name: image})


CONTROLS = {
    "shift": viz.Slider("Shift in pixels", 0, 15, 5, 0),
    "name": viz.Choice("Name", ("left", "right"), "left"),
    "on": viz.Toggle("Bright"),
}


@pytest.fixture
def explorer():
    return viz.Explorer("Shift", draw, CONTROLS)


def test_sliders_list_their_values():
    assert viz.Slider("a", 0, 15, 5, 0).sweep() == [0, 5, 10, 15]
    assert viz.Slider("a", 0.0, 0.3, 0.1, 0.1).sweep() == [0.0, 0.1, 0.2, 0.3]


def test_sweep_moves_each_control_over_its_range(explorer):
    states = list(explorer.sweep())
    assert len(states) == 4 + 2 + 2
    assert {s["shift"] for s in states} == {0, 5, 10, 15}
    for state in states:
        assert explorer.draw(**state).axes


def test_unknown_control_and_value_are_refused(explorer):
    with pytest.raises(UnknownNameError, match="shift"):
        explorer.draw(shft=1)
    with pytest.raises(ConfigError, match="0 to 15 in steps of 5"):
        explorer.draw(shift=3)
    with pytest.raises(ConfigError, match="left"):
        explorer.draw(name="middle")


def test_several_takes_any_of_its_options():
    control = viz.Several("Classes", ("road", "car", "sky"), ("car",))
    assert control.sweep() == [(), ("road",), ("car",), ("sky",), ("road", "car", "sky")]
    seen = []

    def pick(classes):
        seen.append(classes)
        return draw(0, "a", True)

    explorer = viz.Explorer("Pick", pick, {"classes": control})
    explorer.draw(classes=("road", "sky"))
    with pytest.raises(ConfigError, match=r"'classes' cannot be \('raod',\); it takes a tuple of any of"):
        explorer.draw(classes=("raod",))
    with pytest.raises(ConfigError, match="cannot be 'road'"):
        explorer.draw(classes="road")
    sheet = explorer.contact_sheet(classes=[(), ("road", "sky")])
    assert [axes.get_title() for axes in sheet.axes] == ["Classes: none", "Classes: road + sky"]
    assert seen[0] == ("road", "sky")


def test_several_is_a_list_that_takes_many(explorer):
    pytest.importorskip("ipywidgets")
    control = viz.Several("Classes", ("road", "car"), ("car",))
    box = viz.Explorer("Pick", lambda classes: draw(len(classes) * 5, "a", True), {"classes": control}).widget()
    before = box.children[-1].value
    assert box.children[1].value == ("car",)
    box.children[1].value = ("road", "car")
    assert box.children[-2].value == ""
    assert box.children[-1].value != before


def test_contact_sheet_has_a_captioned_panel_for_each_combination(explorer):
    sheet = explorer.contact_sheet(shift=[0, 15], name=["left", "right"], columns=3)
    titles = [axes.get_title() for axes in sheet.axes if axes.get_title()]
    assert titles[0] == "Shift in pixels: 0, Name: left"
    assert len(titles) == 4


def test_every_control_has_a_label_in_the_widget(explorer):
    pytest.importorskip("ipywidgets")
    fronts = explorer.widget().children[1:4]
    assert [front.description for front in fronts] == ["Shift in pixels", "Name", "Bright"]


def test_moving_a_control_redraws(explorer):
    pytest.importorskip("ipywidgets")
    box = explorer.widget()
    slider, picture = box.children[1], box.children[-1]
    before = picture.value
    slider.value = 10
    assert picture.value != before
    assert bytes(picture.value).startswith(b"\x89PNG")


def test_an_exception_is_shown_to_the_reader():
    pytest.importorskip("ipywidgets")

    def broken(shift):
        if shift:
            raise ValueError("no such shift")
        return draw(0, "a", True)

    box = viz.Explorer("Broken", broken, {"shift": viz.Slider("Shift", 0, 2, 1, 0)}).widget()
    message = box.children[-2]
    assert message.value == ""
    box.children[1].value = 2
    assert "Traceback: ValueError" in message.value
    assert "no such shift" in message.value


def test_missing_ipywidgets_says_how_to_get_it(monkeypatch):
    import builtins

    original = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "ipywidgets":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError, match=r"udalib\[notebooks\]"):
        _ipywidgets()
