"""Blood cells: real photographs with one small class (platelets) and two large ones, at 240 x 320."""

from __future__ import annotations

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import DatasetSpec, EvaluationSpec, Recipe, TransformSpec
from udalib.recipes.zoo.small_objects.parts import NECKS, boxes_stream, small_network, small_recipe

SIZE = (224, 320)
RESIZE = TransformSpec.of("resize", size=SIZE)
PRESETS = Options(
    quick={
        "train.iterations": 6,
        "train.log_every": 3,
        "schedule.warmup": 2,
        "streams.labelled.batch_size": 2,
        "evaluations.cells.dataset.limit": 4,
    },
    laptop={},
    paper={"train.iterations": 6000, "train.evaluate_every": 1000, "streams.labelled.workers": 4},
)


def bccd(name: str) -> Recipe:
    """One neck on BCCD's training split."""
    return small_recipe(
        f"bccd/{name}",
        f"RetinaNet with the neck {name!r} on blood cells, photographs.",
        "bccd3",
        boxes_stream(DatasetSpec.of("bccd"), 4, RESIZE),
        EvaluationSpec("cells", DatasetSpec("bccd", split="test"), transforms=(RESIZE,), task="detection"),
        small_network(*NECKS[name]),
        presets=PRESETS,
    )


for _name in ("fpn", "cfpt"):
    register(bccd(_name))

register_comparison(
    Comparison(
        "bccd",
        ("bccd/fpn", "bccd/cfpt"),
        ("bccd/fpn",),
        (0, 1, 2),
        "FPN and CFPT in one detector on BCCD's test split, at an equal schedule; COCO's AP, by size.",
        ("cells/ap", "cells/ap50", "cells/ap_small"),
    )
)
