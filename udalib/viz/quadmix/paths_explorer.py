"""The explorer of QuadMix on images: templates and paths to choose, every intermediate image and label to see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from udalib.core.draws import Draws
from udalib.core.types import IGNORE_INDEX
from udalib.data.labels import LabelSpace
from udalib.ops import PseudoLabels
from udalib.ops.mixing import IDS, present_classes
from udalib.ops.quad_mixing import Paths, choose_some
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Several, Slider, Stops
from udalib.viz.explorer.inputs import Segment, as_float, as_label, check_images
from udalib.viz.pictures.labels import present_ids
from udalib.viz.quadmix.pair import QuadPair, one_clip, quad_pair
from udalib.viz.quadmix.paths import VIEWS, paths_figure
from udalib.viz.self_training.mixing import chosen_names
from udalib.viz.self_training.mixing_explorer import CELL, teacher
from udalib.viz.self_training.stand_in import STAND_IN

PASTES = {
    "S on S": "source_to_source",
    "S on T": "source_to_target",
    "T on S": "target_to_source",
    "T on T": "target_to_target",
}
"""Names of the four paths on the control -> fields of :class:`udalib.ops.quad_mixing.Paths`."""
THRESHOLDS = (0.0, 0.5, 0.9, 0.99)
AT_RANDOM = 2


class QuadMixExplorer(Explorer):
    """Templates of an earlier pair pasted into a later one along the paths that are chosen.

    Args:
        sources: samples with ``image`` (uint8 or float in [0, 1], (3, H, W)) and ``label`` (H, W), two or more.
        targets: as many, with ``image``; with ``label`` too where there is no ``model``.
        space: of the labels.
        model: labels the targets; without one the pseudo labels are a degraded truth, and the picture says so.
        name: of the model, as the picture calls it.

    Controls: ``pair`` of this iteration (its templates come from the pair before it, of the first from the last),
    ``source_classes`` and ``target_classes`` of the templates (none picked: two at random, those of the target not
    among the source's), ``draw``, ``threshold`` of the target template, ``pastes`` that are made, ``view``.

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
        images = [torch.as_tensor(sample["image"]) for sample in (*sources, *targets)]
        check_images(images if sources and targets else [])
        labels = [as_label(sample) for sample in sources]
        pseudo = teacher(targets, space, model)
        origin = STAND_IN.format(scale=CELL) if model is None else name
        pairs = min(len(sources), len(targets))

        def figure(pair: int, view: str, **state: Any) -> Figure:
            samples = [(sources[i], labels[i], targets[i], pseudo(i)) for i in (pair, (pair - 1) % pairs)]
            mixed, title = _mixed(samples, space, state)
            return paths_figure(mixed, space, view=view, title=f"{title}\npseudo labels of the target: {origin}")

        super().__init__("The four paths of QuadMix", figure, _controls(labels, pairs, space), sheet_columns=1)


Sample = tuple[Mapping[str, Any], Tensor, Mapping[str, Any], PseudoLabels]


def _controls(labels: Sequence[Tensor], pairs: int, space: LabelSpace) -> dict[str, Control]:
    names = tuple(space.names[i] for i in sorted({i for label in labels for i in present_ids(label, space)}))
    return {
        "pair": Slider("Pair of this iteration", 0, pairs - 1, 1, 0),
        "source_classes": Several("Source template (none: two at random)", names),
        "target_classes": Several("Target template (none: two at random)", names),
        "draw": Slider("Another draw", 0, 9, 1, 0),
        "threshold": Stops("Confidence of the target template", THRESHOLDS, 0.9),
        "pastes": Several("Paths", tuple(PASTES), tuple(PASTES)),
        "view": Choice("View", VIEWS, VIEWS[0]),
    }


def _mixed(samples: Sequence[Sample], space: LabelSpace, state: Mapping[str, Any]) -> tuple[QuadPair, str]:
    (source, label, target, pseudo), (old_source, old_label, old_target, old_pseudo) = samples
    order = Draws.for_batch(0, "quadmix explorer", state["draw"], [0]).noise(2, IDS)
    first = _chosen(old_label, state["source_classes"], order[:, 0], space)
    second = _chosen(old_pseudo.label, state["target_classes"], order[:, 1], space, first)
    pair = quad_pair(
        (one_clip(as_float(source["image"]), label), one_clip(as_float(target["image"]), pseudo.label)),
        (one_clip(as_float(old_source["image"]), old_label), one_clip(as_float(old_target["image"]), old_pseudo.label)),
        (first, second),
        (old_pseudo.confidence >= state["threshold"])[None, None],
        paths=Paths(**{field: name in state["pastes"] for name, field in PASTES.items()}),
    )
    taken = (
        ("source", chosen_names(old_label, first[0], space), pair.source_template.mask),
        ("target", chosen_names(old_pseudo.label, second[0], space), pair.target_template.mask),
    )
    return pair, "; ".join(f"{name} template: {classes} ({int(mask.sum())} pixels)" for name, classes, mask in taken)


def _chosen(
    label: Tensor, names: Sequence[str], order: Tensor, space: LabelSpace, taken: Tensor | None = None
) -> Tensor:
    """Classes of a template, bool (1, 256): those named, else two at random that are not ``taken``."""
    chosen = torch.zeros(1, IDS, dtype=torch.bool)
    if names:
        chosen[0, [space.index(name) for name in names]] = True
        return chosen
    present = present_classes(label[None])
    present[:, IGNORE_INDEX] = False
    return choose_some(present if taken is None else present & ~taken, order, AT_RANDOM)
