"""Small things of the embedded streets, from above: necks at an equal schedule, and what CFPT is without a part.

``official`` is off: these answer to no published number.
"""

from __future__ import annotations

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import DatasetSpec, EvaluationSpec, Recipe
from udalib.recipes.zoo.small_objects.parts import ABLATIONS, NECKS, boxes_stream, small_network, small_recipe

SIZE = (128, 256)
TRAIN, VAL = "streams.labelled", "evaluations.boxes"
PRESETS = Options(
    quick={
        "train.iterations": 8,
        "train.log_every": 4,
        "schedule.warmup": 2,
        f"{TRAIN}.batch_size": 2,
        f"{TRAIN}.dataset.length": 16,
        f"{VAL}.dataset.length": 6,
    },
    laptop={},
    paper={
        "train.iterations": 12000,
        "train.evaluate_every": 3000,
        f"{TRAIN}.workers": 4,
        f"{TRAIN}.dataset.length": 8000,
        f"{TRAIN}.dataset.size": (256, 512),
        f"{VAL}.dataset.size": (256, 512),
        f"{VAL}.dataset.length": 500,
    },
)
METRICS = ("boxes/ap", "boxes/ap50", "boxes/ap_small", "boxes/ap_medium")


def streets_boxes(name: str, neck: str, options: Options) -> Recipe:
    """One neck on the streets from above."""
    return small_recipe(
        f"streets-boxes/{name}",
        f"RetinaNet with the neck {name!r} on small things of the streets from above.",
        "cityscapes_things",
        boxes_stream(DatasetSpec.of("streets/boxes-above", length=2000, size=SIZE), 8),
        EvaluationSpec(
            "boxes",
            DatasetSpec("streets/boxes-above", Options(length=200, size=SIZE), split="val"),
            task="detection",
        ),
        small_network(neck, options),
        presets=PRESETS,
    )


RECIPES = {name: register(streets_boxes(name, *parts)) for name, parts in {**NECKS, **ABLATIONS}.items()}

register_comparison(
    Comparison(
        "streets-boxes",
        tuple(f"streets-boxes/{name}" for name in NECKS),
        ("streets-boxes/none", "streets-boxes/fpn"),
        (0, 1, 2),
        "Necks of one detector on the embedded streets from above, at an equal schedule; COCO's AP, by size.",
        METRICS,
    )
)
register_comparison(
    Comparison(
        "streets-boxes-ablation",
        tuple(f"streets-boxes/{name}" for name in ("none", "cfpt", *ABLATIONS)),
        ("streets-boxes/none", "streets-boxes/cfpt"),
        (0, 1, 2),
        "CFPT without one attention, in other orders, without positions, twice; the embedded streets from above.",
        METRICS,
    )
)
