"""Controls of an explorer: what values each can take, and the ipywidget that stands in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slider:
    """A number from ``low`` to ``high`` in steps of ``step``; an integer slider has three integers."""

    label: str
    low: float
    high: float
    step: float
    default: float

    def sweep(self) -> list[float]:
        """Every value the control can take."""
        count = round((self.high - self.low) / self.step)
        values = [self.low + i * self.step for i in range(count + 1)]
        return [int(v) for v in values] if self.whole else [round(v, 10) for v in values]

    @property
    def whole(self) -> bool:
        """Whether the slider gives integers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step, self.default))


@dataclass(frozen=True)
class Choice:
    """One of some named options."""

    label: str
    options: tuple[str, ...]
    default: str

    def sweep(self) -> list[str]:
        """Every option."""
        return list(self.options)


@dataclass(frozen=True)
class Stops:
    """One of some numbers in any spacing, on a slider that stops at each of them."""

    label: str
    values: tuple[float, ...]
    default: float

    def sweep(self) -> list[float]:
        """Every value."""
        return list(self.values)


@dataclass(frozen=True)
class Toggle:
    """On or off."""

    label: str
    default: bool = False

    def sweep(self) -> list[bool]:
        """Both values."""
        return [False, True]


@dataclass(frozen=True)
class Several:
    """Any number of some named options, none included; its value is a tuple in the order of ``options``."""

    label: str
    options: tuple[str, ...]
    default: tuple[str, ...] = ()

    def sweep(self) -> list[tuple[str, ...]]:
        """None, each option alone, and all of them."""
        return [(), *((option,) for option in self.options), *([self.options] if len(self.options) > 1 else [])]


Control = Slider | Stops | Choice | Toggle | Several


def accepts(control: Control, value: Any) -> bool:
    """Whether ``control`` can take ``value``."""
    if isinstance(control, Several):
        return isinstance(value, tuple) and all(option in control.options for option in value)
    return value in control.sweep()


def describe_range(control: Control) -> str:
    """The values that ``control`` takes, in words."""
    values: Sequence[Any] = control.sweep()
    if isinstance(control, Several):
        return f"a tuple of any of {list(control.options)}"
    return f"{values[0]} to {values[-1]} in steps of {control.step}" if isinstance(control, Slider) else str(values)


def value_text(value: Any) -> str:
    """A control's value as a caption."""
    if isinstance(value, tuple):
        return " + ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def make_front(widgets: Any, control: Control) -> Any:
    """The ipywidget of ``control``; ``widgets`` is the module."""
    look = {"style": {"description_width": "20em"}, "layout": widgets.Layout(width="46em")}
    if isinstance(control, Choice):
        return widgets.Dropdown(options=control.options, value=control.default, description=control.label, **look)
    if isinstance(control, Several):
        rows = {"options": control.options, "value": control.default, "rows": min(8, len(control.options))}
        return widgets.SelectMultiple(description=control.label, **rows, **look)
    if isinstance(control, Stops):
        options = [(f"{value:g}", value) for value in control.values]
        limits = {"options": options, "value": control.default, "continuous_update": False}
        return widgets.SelectionSlider(description=control.label, **limits, **look)
    if isinstance(control, Toggle):
        return widgets.Checkbox(value=control.default, description=control.label, **look)
    kind = widgets.IntSlider if control.whole else widgets.FloatSlider
    limits = {"min": control.low, "max": control.high, "step": control.step, "value": control.default}
    return kind(description=control.label, continuous_update=False, **limits, **look)
