"""Pixels sorted by truth and verdict: right or wrong, kept or dropped, in four tones and a hatch."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from udalib.viz.pictures.labels import to_numpy
from udalib.viz.pictures.regions import hatch
from udalib.viz.theme import show_image, whole_percent

GROUPS = (
    ("right, kept", "#F2F2F2", ""),
    ("right, dropped", "#56B4E9", "//////"),
    ("wrong, kept", "#D55E00", ""),
    ("wrong, dropped", "#000000", "//////"),
)
"""Name, colour and hatch of a pixel that is (0, 1) right or (2, 3) wrong and (0, 2) kept or (1, 3) dropped."""
VOID_COLOR = "#9A9A9A"


def sorted_pixels(axes: Axes, rejected: Any, wrong: Any, valid: Any, title: str = "") -> None:
    """Draw maps bool (H, W) as one: grey level says right or wrong, the hatch says dropped; void pixels are grey."""
    dropped, false, known = (to_numpy(each).astype(bool) for each in (rejected, wrong, valid))
    table = np.asarray([to_rgb(color) for color in (*(color for _, color, _ in GROUPS), VOID_COLOR)])
    show_image(axes, table[np.where(known, dropped + 2 * false, len(GROUPS))], title)
    hatch(axes, dropped & known, "//////")


def group_patches(rejected: Any, wrong: Any, valid: Any) -> list[Patch]:
    """Legend entries of :func:`sorted_pixels` with the share of each group in the valid pixels."""
    dropped, false, known = (to_numpy(each).astype(bool) for each in (rejected, wrong, valid))
    group = (dropped + 2 * false)[known]
    shares = 100 * np.bincount(group, minlength=len(GROUPS)) / max(group.size, 1)
    return [
        Patch(label=f"{name}: {whole_percent(share)} %", facecolor=color, hatch=mark, edgecolor="#888888")
        for (name, color, mark), share in zip(GROUPS, shares, strict=True)
    ]
