"""Moving every control of an explorer, on its pure figure function and on its widget; each state is drawn once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from udalib.viz import Several
from udalib.viz.theme import to_png


def remember(explorer: Any) -> None:
    """Let ``explorer`` draw each state once: its figure is a function of the state alone."""
    if not hasattr(explorer.figure, "cache_info"):
        object.__setattr__(explorer, "figure", cache(explorer.figure))  # a frozen dataclass


@pytest.fixture
def draw_over_all_ranges() -> Callable[[Any], list[Any]]:
    """Figures of an explorer over the whole range of every control; none may be empty."""

    def draw(explorer: Any) -> list[Any]:
        remember(explorer)
        drawn = [explorer.draw(**state) for state in explorer.sweep()]
        assert len(drawn) == sum(len(control.sweep()) for control in explorer.controls.values())
        assert all(figure.axes for figure in drawn)
        return drawn

    return draw


@pytest.fixture
def move_every_control(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Move each control of an explorer's widget away and back: the picture changes, and no error is shown.

    With ``at_once``, the first other value changes it; without, one of the others.
    """

    def move(explorer: Any, at_once: bool = False) -> None:
        pytest.importorskip("ipywidgets")
        monkeypatch.setattr("udalib.viz.explorer.explorer.to_png", cache(to_png))
        remember(explorer)
        box = explorer.widget()
        assert box.children[-2].value == ""
        opened = bytes(box.children[-1].value)
        for front, (key, control) in zip(box.children[1:-2], explorer.controls.items(), strict=True):
            assert front.description == control.label != ""
            values = [*control.sweep(), *([()] if isinstance(control, Several) else [])]
            others = [value for value in values if value != explorer.defaults[key]]
            for value in others[:1] if at_once else others:
                front.value = value
                assert box.children[-2].value == ""
                if bytes(box.children[-1].value) != opened:
                    break
            else:
                pytest.fail(f"{key} changes nothing")
            front.value = explorer.defaults[key]

    return move
