"""The explorer of execution plans: what runs, what a network then sees in an image, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor, nn

from udalib.analysis.layers.planned import planned
from udalib.analysis.layers.plans import create_plan, largest_start
from udalib.analysis.layers.segments import Plan
from udalib.analysis.layers.stacks import find_stack
from udalib.core.errors import ConfigError
from udalib.data.labels import LabelSpace
from udalib.viz.explorer.explorer import Choice, Control, Explorer, Slider
from udalib.viz.explorer.inputs import Segment, as_float, as_label, check_images, run_model
from udalib.viz.painters.planned_view import PlannedView, planned_figure

OFFERED = ("skip", "middle_repeat", "reverse", "random", "parallel", "loop_parallel")


class PlanExplorer(Explorer):
    """A network that segments an image under an execution plan, beside what the other plans would do to it.

    Args:
        network: in eval mode, on the CPU.
        images: samples with ``image`` ((3, H, W), uint8 or float in [0, 1]), all of one size, and ``label`` (H, W) if
            the predictions are to be judged; else they are compared with the untouched network's.
        space: of the predicted ids.
        stack: name of the stack in ``network``; see :func:`udalib.analysis.layers.find_stack`.
        predict: what runs the network, such as ``method.predict``; by default the network itself. Called once a plan
            and image.
        loops: most loops on the slider.
        seeds: random orders on the slider.

    Controls: ``plan``, ``start``, ``length`` of the middle, ``loops``, ``seed``, ``index`` of the image. A middle that
    would run over the end of the stack stops there. Loops and seed tell in one plan each, and in its bar whatever plan
    is shown.

    Raises:
        ConfigError: no image, or a stack too short to have a middle; see also
            :func:`udalib.analysis.layers.find_stack`.
        DataError: images of unlike sizes.
    """

    def __init__(
        self,
        network: nn.Module,
        images: Sequence[Mapping[str, Any]],
        space: LabelSpace,
        *,
        stack: str | None = None,
        predict: Segment | None = None,
        loops: int = 4,
        seeds: int = 10,
    ) -> None:
        pictures = [as_float(sample["image"]) for sample in images]
        check_images(pictures)
        labels = [as_label(sample) if "label" in sample else None for sample in images]
        found = find_stack(network, stack)
        layers = len(found)
        if layers < 4:
            raise ConfigError(f"stack {found.name!r} has {layers} layers; plans are explored on 4 or more.")

        @cache
        def predicted(plan: Plan, index: int) -> Tensor:
            with planned(network, plan, stack=found):
                return run_model(predict or network, pictures[index][None]).argmax(1)[0]

        def figure(plan: str, start: int, length: int, loops: int, seed: int, index: int) -> Figure:
            fitting = min(length, layers - 1 - start)
            options = {"length": fitting, "loops": loops, "seed": seed}
            made = {name: create_plan(name, layers, start, **options) for name in OFFERED}
            names = {"random": f"random, seed {seed}", "loop_parallel": f"parallel, {loops} loop{'s' * (loops > 1)}"}
            view = PlannedView(
                pictures[index],
                predicted(create_plan("baseline", layers), index),
                {names.get(name, name): predicted(each, index) for name, each in made.items()},
                labels[index],
            )
            return planned_figure(view, names.get(plan, plan), made[plan], space, stack=found.name)

        start = largest_start(layers) // 2
        controls: dict[str, Control] = {
            "plan": Choice("Plan", OFFERED, "random"),
            "start": Slider("Start: last layer before the middle", 0, layers - 2, 1, start),
            "length": Slider("Length: layers in the middle", 1, layers - 1, 1, layers - 2 * start - 1),
            "loops": Slider("Loops of the parallel middle", 1, loops, 1, 2),
            "seed": Slider("Seed of the random order", 0, seeds - 1, 1, 0),
            "index": Slider("Image", 0, len(images) - 1, 1, 0),
        }
        super().__init__("Layers as painters", figure, controls, sheet_columns=1)
