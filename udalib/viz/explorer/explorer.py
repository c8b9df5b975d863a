"""Explorers: a pure function ``figure(**state) -> Figure`` with controls, live in Jupyter and static elsewhere.

The pure function can be called, tested and printed without any widget. ``widget()`` puts labelled ipywidgets in front
of it; ``contact_sheet()`` is its twin for headless runs and paper.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from udalib.core.errors import ConfigError, unknown_name
from udalib.viz.explorer.controls import (
    Choice,
    Control,
    Several,
    Slider,
    Stops,
    Toggle,
    accepts,
    describe_range,
    make_front,
    value_text,
)
from udalib.viz.theme import Picture, new_figure, show_image, to_array, to_png

__all__ = ["Choice", "Control", "Explorer", "Several", "Slider", "State", "Stops", "Toggle"]

State = Mapping[str, Any]


@dataclass(frozen=True)
class Explorer:
    """A pure figure function and the controls of its keyword arguments.

    Args:
        title: heading of the panel.
        figure: ``figure(**state) -> Figure``; it draws from its arguments only.
        controls: the name of each keyword argument and its control.
        sheet_columns: pictures beside one another on a contact sheet; 1 for wide pictures.
    """

    title: str
    figure: Callable[..., Figure]
    controls: Mapping[str, Control]
    sheet_columns: int = 2

    @property
    def defaults(self) -> dict[str, Any]:
        """The state that the explorer opens with."""
        return {name: control.default for name, control in self.controls.items()}

    def draw(self, **state: Any) -> Figure:
        """Draw one state; controls left out keep their default. An unknown name or value is refused."""
        for name, value in state.items():
            if name not in self.controls:
                raise unknown_name("control", name, self.controls)
            if not accepts(self.controls[name], value):
                raise ConfigError(
                    f"control {name!r} cannot be {value!r}; it takes {describe_range(self.controls[name])}."
                )
        return self.figure(**{**self.defaults, **state})

    def sweep(self) -> Iterator[dict[str, Any]]:
        """States that move each control over its whole range, the others at their defaults."""
        for name, control in self.controls.items():
            for value in control.sweep():
                yield {**self.defaults, name: value}

    def contact_sheet(self, *, columns: int | None = None, **values: Sequence[Any]) -> Picture:
        """Draw the figure for every combination of ``values`` (control name = list) on one sheet, captioned.

        ``columns`` beside one another, by default :attr:`sheet_columns`.
        """
        names = list(values)
        states = [dict(zip(names, combination, strict=True)) for combination in itertools.product(*values.values())]
        images = [to_array(self.draw(**state)) for state in states]
        captions = [
            ", ".join(f"{self.controls[n].label}: {value_text(v)}" for n, v in state.items()) for state in states
        ]
        columns = min(columns or self.sheet_columns, len(images))
        rows = -(-len(images) // columns)
        height, across = np.max([image.shape[:2] for image in images], axis=0)
        width = 12.0 / columns
        sheet, axes = new_figure(12.0, (width * height / across + 0.3) * rows, rows, columns)
        for panel, image, caption in zip(axes, images, captions, strict=False):
            show_image(panel, image, caption, interpolation="antialiased")
        for panel in axes[len(images) :]:
            panel.axis("off")
        return sheet

    def widget(self) -> Any:
        """Return the live panel (an ipywidgets box); needs the extra ``notebooks``."""
        widgets = _ipywidgets()
        fronts = {name: make_front(widgets, control) for name, control in self.controls.items()}
        # A box stretches its children: without align_self a small picture is drawn larger than it is, and blurred.
        picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", align_self="flex-start"))
        message = widgets.HTML()

        def refresh(_: Any = None) -> None:
            # An exception in an observer would vanish into the log: show it where the reader looks.
            try:
                picture.value = to_png(self.figure(**{name: front.value for name, front in fronts.items()}))
                message.value = ""
            except Exception as error:
                message.value = f"<b>Traceback: {type(error).__name__}</b>: {error}"

        for front in fronts.values():
            front.observe(refresh, names="value")
        refresh()
        heading = widgets.HTML(f"<b>{self.title}</b>")
        return widgets.VBox([heading, *fronts.values(), message, picture])


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError as error:
        raise ConfigError(
            "live explorers need ipywidgets: pip install 'udalib[notebooks]'. contact_sheet() works without."
        ) from error
    return ipywidgets
