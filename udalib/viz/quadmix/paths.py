"""The four paths of QuadMix as a film strip: images, labels, or where each pixel came from."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from torch import Tensor

from udalib.core.errors import unknown_name
from udalib.data.labels import LabelSpace
from udalib.ops.clips import Clip
from udalib.ops.quad_mixing import Template
from udalib.viz.pictures.labels import colorize, to_hwc, write_names
from udalib.viz.pictures.regions import hatch, outline, write_inside
from udalib.viz.quadmix.pair import QuadPair
from udalib.viz.theme import Picture, new_figure, show_image

VIEWS = ("images", "labels", "origin")
SHADES = (0.85, 0.55, 0.85, 0.55)
"""Grey of each of :data:`udalib.analysis.crossings.ORIGINS`; the earlier samples are hatched besides."""
PATTERNS = ("", "", "///", "xx")
SHORT = ("S", "T", "S'", "T'")
"""What is written in each; longer names would be cut off in regions at the border."""


def paths_figure(pair: QuadPair, space: LabelSpace, *, view: str = "images", title: str = "") -> Picture:
    """Draw two rows of four: the sample, the template over it, what lies under the other template, the result.

    Args:
        pair: what is drawn.
        space: of its labels.
        view: "images", "labels" (the names are written), or "origin": which sample each pixel came from.
        title: above all.

    Raises:
        UnknownNameError: another view.
    """
    if view not in VIEWS:
        raise unknown_name("view of the paths", view, VIEWS)
    height, width = pair.source.size
    figure, axes = new_figure(12.6, 2 * (12.0 / 4 * height / width + 0.35) + 0.4, 2, 4)
    mixed = pair.mixed
    rows = (
        ("source", pair.source, "S", pair.source_template, "S to S", mixed.ss, "T to (S to S)", mixed.tss),
        ("target", pair.target, "T", pair.target_template, "S to T", mixed.st, "T to (S to T)", mixed.tst),
    )
    for place, (name, sample, letter, template, under, first, over, last) in enumerate(rows):
        own = axes[4 * place : 4 * place + 4]
        masks = (pair.source_template.mask[0, 0], pair.target_template.mask[0, 0])
        _clip(own[0], sample, space, view, name)
        _template(own[1], template, space, view, f"template of {letter}, earlier {name}")
        _clip(own[2], first, space, view, under)
        _learned(own[3], last, pair.origin[place], space, view, f"{over}: learned")
        if view == "images":
            _outline_pasted(own[2], masks[0], first, sample)
    for panel in axes:
        panel.title.set_fontsize(9)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def origin_picture(axes: Axes, origin: Tensor, title: str = "") -> None:
    """Grey by domain, hatched where an earlier sample was pasted (S', T'), the origin written where it is."""
    shades = np.asarray(SHADES)[origin.numpy()]
    show_image(axes, shades, title, cmap="gray", vmin=0, vmax=1)
    for number, name in enumerate(SHORT):
        if PATTERNS[number]:
            hatch(axes, origin == number, PATTERNS[number])
        write_inside(axes, origin == number, name)


def _clip(axes: Axes, clip: Clip, space: LabelSpace, view: str, title: str) -> None:
    if view == "labels":
        show_image(axes, colorize(clip.label[0], space), title)
        write_names(axes, clip.label[0], space)
    else:
        show_image(axes, to_hwc(clip.image[0]), title)


def _template(axes: Axes, template: Template, space: LabelSpace, view: str, title: str) -> None:
    """What is cut out in its own colours; the rest of the sample pale, or black on a label map."""
    mask = template.mask[0, 0]
    if view == "labels":
        label = template.clip.label[0].masked_fill(~mask, 255)
        show_image(axes, colorize(label, space), title)
        write_names(axes, label, space)
        return
    image = template.clip.image[0]
    show_image(axes, to_hwc(image * mask + (0.2 * image + 0.8) * ~mask), title)
    outline(axes, mask)


def _learned(axes: Axes, clip: Clip, origin: Tensor, space: LabelSpace, view: str, title: str) -> None:
    if view == "origin":
        origin_picture(axes, origin[0], f"{title} (': earlier)")
        return
    _clip(axes, clip, space, view, title)
    if view == "images":
        outline(axes, origin[0] >= 2, 0.8)


def _outline_pasted(axes: Axes, mask: Tensor, mixed: Clip, sample: Clip) -> None:
    """The border of the template, if it was pasted at all."""
    if mixed is not sample:
        outline(axes, mask, 0.8)
