"""Mixed images: what came from where, with which label and weight, and one step of DACS as a film strip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from matplotlib.axes import Axes
from torch import Tensor

from udalib.core.errors import DataError, unknown_name
from udalib.data.labels import LabelSpace
from udalib.ops import PseudoLabels, confident_fraction, mix
from udalib.ops.augmentation import Choices, augment
from udalib.viz.pictures.labels import colorize, present_ids, to_hwc, write_names
from udalib.viz.pictures.regions import hatch, outline, write_inside
from udalib.viz.pictures.uncertainty import SCALE
from udalib.viz.theme import Picture, new_figure, show_image

Weighting = Literal["fraction", "pixel"]


@dataclass(frozen=True)
class MixedPair:
    """A source image laid over a target image.

    Attributes:
        source, target: float (3, H, W) in [0, 1].
        source_label: train ids (H, W), 255 = ignore.
        pseudo: the target's pseudo labels and confidences, (H, W) each.
        mask: bool (H, W), true where the source shows.
        image, label, weight: what the student learns from: (3, H, W), (H, W) and (H, W).
        threshold: confidence from which a pixel is sure.
        weighting: "fraction" weighs every target pixel by the share of sure ones, "pixel" keeps the sure ones only.
    """

    source: Tensor
    target: Tensor
    source_label: Tensor
    pseudo: PseudoLabels
    mask: Tensor
    image: Tensor
    label: Tensor
    weight: Tensor
    threshold: float
    weighting: Weighting


def mix_pair(
    source: Tensor,
    source_label: Tensor,
    target: Tensor,
    pseudo: PseudoLabels,
    mask: Tensor,
    *,
    threshold: float = 0.968,
    weighting: Weighting = "fraction",
    augmentation: Choices | None = None,
) -> MixedPair:
    """Mix one pair as DACS does: images, labels and weights by one mask, then jitter and blur of the image alone.

    See :class:`MixedPair` for shapes; ``augmentation`` holds the choices for a batch of one.

    Raises:
        DataError: the parts differ in size.
        UnknownNameError: an unknown ``weighting``.
    """
    if weighting not in ("fraction", "pixel"):
        raise unknown_name("weighting", weighting, ("fraction", "pixel"))
    parts = {"source": source, "target": target, "source label": source_label, "pseudo label": pseudo.label}
    if len({tuple(part.shape[-2:]) for part in (*parts.values(), mask)}) > 1:
        sizes = ", ".join(f"{name} {tuple(part.shape[-2:])}" for name, part in {**parts, "mask": mask}.items())
        raise DataError(f"a pair to mix must share one size, got {sizes}; crop or resize the larger one.")
    sure = pseudo.confidence >= threshold
    weight = (
        sure.float() if weighting == "pixel" else confident_fraction(pseudo.confidence, threshold).expand(sure.shape)
    )
    image, label, weights = (
        mix(mask[None], inside[None], outside[None])[0]
        for inside, outside in (
            (source, target),
            (source_label.long(), pseudo.label.long()),
            (torch.ones_like(weight), weight),
        )
    )
    image = image if augmentation is None else augment(image[None], augmentation)[0]
    return MixedPair(source, target, source_label, pseudo, mask, image, label, weights, threshold, weighting)


def mixing_figure(pair: MixedPair, space: LabelSpace, *, title: str = "", origin: str = "a model") -> Picture:
    """Draw source, target and mixed image, and below what came from where, the mixed label and the pixel weights.

    The white line is the border of what came from the source. ``origin`` says where the pseudo labels come from.
    """
    figure, axes = new_figure(12.6, 2 * (12.0 / 3 * _ratio(pair) + 0.35) + 0.5, 2, 3)
    _source(axes[0], pair)
    show_image(axes[1], to_hwc(pair.target), "target")
    _mixed_image(axes[2], pair)
    _origin(axes[3], pair)
    _mixed_label(axes[4], pair, space)
    _weights(axes[5], pair)
    _finish(figure, axes, title, origin)
    return figure


def dacs_step(pair: MixedPair, space: LabelSpace, *, title: str = "", origin: str = "a model") -> Picture:
    """Draw one step of DACS in eight pictures: what is given, what the teacher says, and what the student learns from.

    ``origin`` says where the pseudo labels come from.
    """
    figure, axes = new_figure(12.6, 2 * (12.0 / 4 * _ratio(pair) + 0.4) + 0.5, 2, 4)
    _source(axes[0], pair, "1. source")
    show_image(axes[1], to_hwc(pair.target), "2. target")
    show_image(axes[2], colorize(pair.pseudo.label, space), "3. teacher: pseudo label")
    write_names(axes[2], pair.pseudo.label, space)
    _confidence(axes[3], pair)
    _origin(axes[4], pair, "5. mask")
    _mixed_image(axes[5], pair, "6. mixed image")
    _mixed_label(axes[6], pair, space, "7. mixed label")
    _weights(axes[7], pair, "8. weight of each pixel")
    _finish(figure, axes, title, origin)
    return figure


def _finish(figure: Picture, axes: list[Axes], title: str, origin: str) -> None:
    for panel in axes:
        panel.title.set_fontsize(9)
    figure.suptitle("\n".join(part for part in (title, f"pseudo labels of the target: {origin}") if part), fontsize=10)


def _ratio(pair: MixedPair) -> float:
    height, width = pair.mask.shape
    return float(height / width)


def _source(axes: Axes, pair: MixedPair, name: str = "source") -> None:
    """Pasted pixels in colour, the others pale."""
    pale = pair.source * 0.25 + 0.75
    show_image(axes, to_hwc(mix(pair.mask[None], pair.source[None], pale[None])[0]), f"{name}; pale: not taken")
    outline(axes, pair.mask)


def _mixed_image(axes: Axes, pair: MixedPair, name: str = "mixed image, as the student sees it") -> None:
    show_image(axes, to_hwc(pair.image), name)


def _origin(axes: Axes, pair: MixedPair, name: str = "what came from where") -> None:
    """Source pixels in colour inside the line, target pixels grey and hatched."""
    grey = pair.target.mean(0, keepdim=True).expand(3, -1, -1) * 0.6 + 0.2
    share = 100 * pair.mask.float().mean()
    picture = to_hwc(mix(pair.mask[None], pair.source[None], grey[None])[0])
    show_image(axes, picture, f"{name}: {share:.0f} % source, hatched: target")
    hatch(axes, ~pair.mask)
    outline(axes, pair.mask)


def _mixed_label(axes: Axes, pair: MixedPair, space: LabelSpace, name: str = "mixed label") -> None:
    show_image(axes, colorize(pair.label, space), f"{name}; hatched: pseudo label")
    hatch(axes, ~pair.mask, "/")
    outline(axes, pair.mask)
    write_names(axes, pair.label, space)


def _confidence(axes: Axes, pair: MixedPair) -> None:
    title = f"4. teacher: confidence; line: {pair.threshold:g}"
    shown = show_image(axes, pair.pseudo.confidence.numpy(), title, **SCALE)
    outline(axes, pair.pseudo.confidence >= pair.threshold, 0.8)
    axes.figure.colorbar(shown.images[0], ax=axes, shrink=0.8)


def _weights(axes: Axes, pair: MixedPair, name: str = "weight of each pixel") -> None:
    share = float(confident_fraction(pair.pseudo.confidence, pair.threshold))
    shown = show_image(axes, pair.weight.numpy(), f"{name}; {100 * share:.0f} % of target sure", **SCALE)
    outline(axes, pair.mask)
    write_inside(axes, pair.mask, "1")
    if pair.weighting == "fraction":
        write_inside(axes, ~pair.mask, f"{share:.2f}")
    axes.figure.colorbar(shown.images[0], ax=axes, shrink=0.8)


def chosen_names(label: Any, chosen: Tensor, space: LabelSpace) -> str:
    """The names of the ids ``chosen``, bool (256,), that occur in ``label``: "road, car"; "none" if there are none."""
    names = [space.names[i] for i in present_ids(label, space) if bool(chosen[i])]
    return ", ".join(names) or "none"
