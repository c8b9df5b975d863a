"""Nearest neighbours as pictures: of whole pictures, a row each, and of a part seen in two ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from udalib.analysis.longtail.retrieval import Gallery, class_mass, nearest
from udalib.analysis.longtail.views import Probe
from udalib.core.errors import ConfigError, unknown_name
from udalib.data.labels import LabelSpace
from udalib.viz.pictures.labels import to_hwc
from udalib.viz.theme import Picture, bar_style, new_figure, shorten, show_image, tidy

RIGHT, WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"


def retrieval_figure(
    queries: Mapping[str, tuple[Tensor, int, Tensor]], gallery: Gallery, space: LabelSpace, *, count: int = 6
) -> Picture:
    """One row a query: the picture, then its nearest in the gallery with class, cosine, and whether the class is right.

    Args:
        queries: text -> picture (3, H, W), class, feature (D,).
        gallery: where neighbours are looked for.
        space: of the classes.
        count: neighbours.

    Raises:
        ConfigError: no query.
    """
    if not queries:
        raise ConfigError("there is no picture to look for; give one at least.")
    figure, axes = new_figure(1.45 * (count + 1), 1.75 * len(queries), len(queries), count + 1)
    for row, (text, (image, label, feature)) in enumerate(queries.items()):
        first, *rest = axes[row * (count + 1) : (row + 1) * (count + 1)]
        show_image(first, to_hwc(image), text)
        draw_nearest(rest, feature, label, gallery, space)
    return figure


def draw_nearest(panels: Sequence[Axes], feature: Tensor, label: int, gallery: Gallery, space: LabelSpace) -> None:
    """As many neighbours as there are panels; the class of each with a sign, its cosine below."""
    places, cosines = nearest(feature, gallery, len(panels))
    for panel, place, cosine in zip(panels, places.tolist(), cosines.tolist(), strict=True):
        found = int(gallery.labels[place])
        sign, color = (RIGHT, "#00664B") if found == label else (WRONG, "#B34700")
        show_image(panel, to_hwc(gallery.images[place]))
        panel.set_title(f"{shorten([space.names[found]], 11)[0]} {sign}", fontsize=9, color=color)
        panel.set_xlabel(f"{cosine:.3f}", fontsize=8, labelpad=2)


def neighbours_figure(
    gallery: Gallery,
    probe: Probe,
    part: str,
    space: LabelSpace,
    *,
    temperature: float = 0.1,
    count: int = 5,
    title: str = "",
) -> Picture:
    """Two rows: the part as a region of the whole picture (the target), and cut out by itself (the student).

    Each: what is looked at, its nearest pictures, and the probability of each class among all of the gallery.

    Raises:
        UnknownNameError: the picture has no such part.
    """
    if part not in probe.parts:
        raise unknown_name("part of the picture", part, probe.parts)
    found = probe.parts[part]
    wide = {"width_ratios": [1.0] * (count + 1) + [1.9]}
    figure, axes = new_figure(1.5 * (count + 1) + 3.4, 4.3, 2, count + 2, gridspec_kw=wide)
    rows = ((probe.image, found.region, "region (target)"), (found.cut, found.alone, "cut out (student)"))
    for number, (image, feature, text) in enumerate(rows):
        first, *rest, bars = axes[number * (count + 2) : (number + 1) * (count + 2)]
        show_image(first, to_hwc(image), text)
        if number == 0:
            _outline(first, found.box)
        draw_nearest(rest, feature, probe.label, gallery, space)
        _draw_mass(bars, class_mass(feature, gallery, temperature, space.num_classes), probe.label, space)
    figure.suptitle(title or f"{space.names[probe.label]}, {part}", fontsize=11)
    return figure


def _outline(axes: Axes, box: Sequence[float]) -> None:
    x1, y1, x2, y2 = box
    for color, width in (("white", 3.2), ("black", 1.4)):
        axes.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=width))


def _draw_mass(axes: Axes, mass: Tensor, label: int, space: LabelSpace) -> None:
    for c, value in enumerate(mass.tolist()):
        axes.barh(c, value, **bar_style(1 if c == label else 0))
    axes.set_yticks(range(space.num_classes), shorten(space.names, 11), fontsize=6.5)
    axes.tick_params(axis="x", labelsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_title("probability of the class", fontsize=8)
    tidy(axes, grid="x")
