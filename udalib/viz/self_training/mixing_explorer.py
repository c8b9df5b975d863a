"""The explorer of mixed images: two pictures, a way to mix them, and what the student learns from."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import torch
from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops import PseudoLabels, choose_half, class_mask, present_classes, pseudo_labels
from udalib.ops.augmentation import StrongAugmentation
from udalib.ops.mixing import RANDOM_MASKS
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Several, Slider, Stops
from udalib.viz.explorer.inputs import Segment, as_float, as_label, check_images, run_model
from udalib.viz.pictures.labels import present_ids
from udalib.viz.self_training.mixing import MixedPair, Weighting, chosen_names, dacs_step, mix_pair, mixing_figure
from udalib.viz.self_training.stand_in import STAND_IN, stand_in_logits

THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.968, 0.99, 0.999)
METHODS = {"class": "ClassMix", "cut": "CutMix", "cow": "CowMix"}
CELL = 8
"""Pixels a side of the stand-in teacher's cells."""


class MixingExplorer(Explorer):
    """Two images mixed by ClassMix, CutMix or CowMix: image, label, weights, and what came from where.

    Args:
        sources: samples with ``image`` (uint8 or float in [0, 1], (3, H, W)) and ``label`` (H, W).
        targets: samples with ``image``; with ``label`` too where there is no ``model``.
        space: of the labels.
        model: labels the targets, called once an image; without one the pseudo labels are a degraded truth
            (:func:`udalib.viz.stand_in_logits`), and the picture says so.
        name: of the model, as the picture calls it.

    Controls: ``source`` and ``target`` image, ``mix`` ("class", "cut", "cow"), ``classes`` taken from the source (none
    picked: half of them at random), ``draw`` (each number another random choice, as each iteration makes one),
    ``jitter`` strength, ``blur`` in pixels, ``threshold`` of the confidence, ``weighting`` ("fraction", "pixel"),
    ``view`` ("result" or "film strip").

    Raises:
        ConfigError: no image, or a label is missing.
        DataError: images of unlike sizes.
    """

    def __init__(
        self,
        sources: Sequence[Mapping[str, Any]],
        targets: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        model: Segment | None = None,
        name: str = "the model given",
    ) -> None:
        check_images([torch.as_tensor(sample["image"]) for sample in (*sources, *targets)] if sources else [])
        check_images([torch.as_tensor(sample["image"]) for sample in targets])
        labels = [as_label(sample) for sample in sources]
        origin = STAND_IN.format(scale=CELL) if model is None else name

        pseudo = teacher(targets, space, model)

        def figure(source: int, target: int, view: str, **state: Any) -> Figure:
            pair, title = _mixed(sources[source], labels[source], targets[target], pseudo(target), space, state)
            return (dacs_step if view == "film strip" else mixing_figure)(pair, space, title=title, origin=origin)

        super().__init__(
            "What a mixed image is made of", figure, _controls(labels, len(targets), space), sheet_columns=1
        )


def teacher(
    targets: Sequence[Mapping[str, Any]], space: LabelSpace, model: Segment | None
) -> Callable[[int], PseudoLabels]:
    """A function from the index of a target to its pseudo labels, (H, W) each; every image is labelled once.

    Without a ``model`` they are degraded truth (:func:`udalib.viz.stand_in_logits`), and every target needs a label.
    """
    truths = [as_label(sample) for sample in targets] if model is None else []

    @cache
    def label(index: int) -> PseudoLabels:
        if model is None:
            logits = stand_in_logits(truths[index][None], space.num_classes, scale=CELL)
        else:
            logits = run_model(model, as_float(targets[index]["image"])[None])
        return PseudoLabels(*(part[0] for part in pseudo_labels(logits)))

    return label


def _controls(labels: Sequence[Tensor], targets: int, space: LabelSpace) -> dict[str, Control]:
    ids = sorted({i for label in labels for i in present_ids(label, space)})
    return {
        "source": Slider("Source image", 0, len(labels) - 1, 1, 0),
        "target": Slider("Target image", 0, targets - 1, 1, 0),
        "mix": Choice("Mixed by", tuple(METHODS), "class"),
        "classes": Several("Classes (none: half, at random)", tuple(space.names[i] for i in ids)),
        "draw": Slider("Iteration (another draw)", 0, 9, 1, 0),
        "jitter": Slider("Jitter strength", 0.0, 0.5, 0.05, 0.2),
        "blur": Slider("Blur: sigma in pixels", 0.0, 2.0, 0.25, 0.5),
        "threshold": Stops("Threshold on the confidence", THRESHOLDS, 0.968),
        "weighting": Choice("Weight of target pixels", ("fraction", "pixel"), "fraction"),
        "view": Choice("View", ("result", "film strip"), "result"),
    }


def _mixed(
    source: Mapping[str, Any],
    label: Tensor,
    target: Mapping[str, Any],
    pseudo: PseudoLabels,
    space: LabelSpace,
    state: Mapping[str, Any],
) -> tuple[MixedPair, str]:
    draws = Draws.for_batch(0, "mixing explorer", state["draw"], [0])
    mask, taken = mixing_mask(label, state["mix"], draws, space, state["classes"])
    blur, jitter = state["blur"], state["jitter"]
    augmentation = StrongAugmentation(jitter, float(jitter > 0), float(blur > 0), (blur, blur)).draw(draws, draws)
    pair = mix_pair(
        as_float(source["image"]),
        label,
        as_float(target["image"]),
        pseudo,
        mask,
        threshold=state["threshold"],
        weighting=cast(Weighting, state["weighting"]),
        augmentation=augmentation,
    )
    return pair, textwrap.fill(f"{METHODS[state['mix']]}, iteration {state['draw']}; from the source: {taken}", 130)


def mixing_mask(
    label: Tensor, kind: str, draws: Draws, space: LabelSpace, classes: Sequence[str] = ()
) -> tuple[Tensor, str]:
    """Mask bool (H, W) of one source ``label`` (H, W) and what it takes, in words.

    Args:
        label: int64 (H, W).
        kind: "class", "cut" or "cow".
        draws: one generator.
        space: of the label.
        classes: names to take with "class"; none: half of those in the label, at random.
    """
    size = (label.shape[0], label.shape[1])
    if kind != "class":
        return RANDOM_MASKS[kind](size, draws)[0], {"cut": "a box", "cow": "spots"}[kind]
    present = present_classes(label[None])
    present[:, IGNORE_INDEX] = False
    chosen = choose_half(present, draws.noise(present.shape[1]))
    if classes:
        chosen = torch.zeros_like(present)
        chosen[0, [space.index(name) for name in classes]] = True
    taken = f"{int((chosen & present).sum())} of {int(present.sum())} classes: {chosen_names(label, chosen[0], space)}"
    return class_mask(label[None], chosen)[0], taken
