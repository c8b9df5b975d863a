"""Optical flow as pictures: hue is direction, lightness is speed, and arrows say the same without colour."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from numpy.typing import NDArray

from udalib.core.errors import DataError
from udalib.viz.pictures.labels import to_hwc, to_numpy
from udalib.viz.theme import Picture, new_figure, show_image


def flow_to_rgb(flow: Any, max_speed: float | None = None) -> NDArray[np.uint8]:
    """Colour a flow field (2, H, W) in pixels (u right, v down): uint8 (H, W, 3).

    Standing pixels are white; the hue turns with the direction; ``max_speed`` pixels or more are fully coloured
    (default: the 99th percentile of the speed).
    """
    field = to_numpy(flow).astype(np.float64)
    if field.ndim != 3 or field.shape[0] != 2:
        raise DataError(f"a flow field must be (2, H, W), got shape {tuple(field.shape)}.")
    speed = np.hypot(field[0], field[1])
    limit = max_speed if max_speed is not None else float(np.percentile(speed, 99))
    hue = np.arctan2(field[1], field[0]) / (2 * np.pi) % 1.0
    saturation = np.clip(speed / max(limit, 1e-9), 0.0, 1.0)
    hsv = np.stack([hue, saturation, 1.0 - 0.25 * saturation], axis=-1)
    return np.asarray((hsv_to_rgb(hsv) * 255).round().astype(np.uint8))


def flow_wheel(size: int = 101) -> NDArray[np.uint8]:
    """Legend of :func:`flow_to_rgb`: the colour of each direction and speed, uint8 (size, size, 3), white outside."""
    axis = np.linspace(-1.0, 1.0, size)
    u, v = np.meshgrid(axis, axis)
    wheel = flow_to_rgb(np.stack([u, v]), max_speed=1.0)
    wheel[np.hypot(u, v) > 1.0] = 255
    return wheel


def add_arrows(axes: Axes, flow: Any, step: int = 16) -> None:
    """Draw one arrow every ``step`` pixels, from a pixel to where it goes, in image pixels."""
    field = to_numpy(flow)
    rows = np.arange(step // 2, field.shape[1], step)
    columns = np.arange(step // 2, field.shape[2], step)
    u, v = field[0][np.ix_(rows, columns)], field[1][np.ix_(rows, columns)]
    axes.quiver(columns, rows, u, v, angles="xy", scale_units="xy", scale=1.0, width=0.004, color="black")


def flow_figure(first: Any, second: Any, flow: Any, *, step: int = 16) -> Picture:
    """Two frames (3, H, W), the flow between them (2, H, W) with arrows, and the wheel that explains its colours."""
    speed = np.hypot(*to_numpy(flow))
    height, across = speed.shape
    figure, axes = new_figure(
        13.2, 4.0 * height / across + 0.3, 1, 4, gridspec_kw={"width_ratios": [3, 3, 3, 3 * height / across * 0.8]}
    )
    show_image(axes[0], to_hwc(first), "frame t")
    show_image(axes[1], to_hwc(second), "frame t + 1")
    show_image(
        axes[2], flow_to_rgb(flow), f"flow t to t + 1 (median {np.median(speed):.1f}, largest {speed.max():.1f} px)"
    )
    add_arrows(axes[2], flow, step)
    show_image(axes[3], flow_wheel(), "direction and speed")
    return figure
