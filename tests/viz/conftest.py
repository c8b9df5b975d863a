"""Moving every control of an explorer, on its pure figure function and on its widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from udalib.viz import Several


@pytest.fixture
def draw_over_all_ranges() -> Callable[[Any], list[Any]]:
    """Figures of an explorer over the whole range of every control; none may be empty."""

    def draw(explorer: Any) -> list[Any]:
        drawn = [explorer.draw(**state) for state in explorer.sweep()]
        assert len(drawn) == sum(len(control.sweep()) for control in explorer.controls.values())
        assert all(figure.axes for figure in drawn)
        return drawn

    return draw


@pytest.fixture
def move_every_control() -> Callable[[Any], None]:
    """Move each control of an explorer's widget away and back: the picture changes, and no error is shown."""

    def move(explorer: Any) -> None:
        pytest.importorskip("ipywidgets")
        box = explorer.widget()
        opened = bytes(box.children[-1].value)
        for front, (key, control) in zip(box.children[1:-2], explorer.controls.items(), strict=True):
            assert front.description == control.label
            values = [*control.sweep(), *([()] if isinstance(control, Several) else [])]
            for value in (v for v in values if v != explorer.defaults[key]):
                front.value = value
                assert box.children[-2].value == ""
                if bytes(box.children[-1].value) != opened:
                    break
            else:
                pytest.fail(f"{key} changes nothing")
            front.value = explorer.defaults[key]

    return move
