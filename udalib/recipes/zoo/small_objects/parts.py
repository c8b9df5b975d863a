"""What the recipes of small objects are made of."""

from __future__ import annotations

from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    ScheduleSpec,
    StartSpec,
    StreamSpec,
    TransformSpec,
)

NO_DECAY = tuple(Rule(name, decay_mult=0.0) for name in ("absolute_position_bias", "relative_position_bias", "norm"))
"""Weight decay is left out for positions and norms; the BatchNorms called ``bn`` get it (cfpt sheet, 3)."""

NECKS: dict[str, tuple[str, Options]] = {name: (name, Options()) for name in ("none", "fpn", "pafpn", "afpn", "cfpt")}
ABLATIONS: dict[str, tuple[str, Options]] = {
    "cca": ("cfpt", Options(order="cca")),
    "csa": ("cfpt", Options(order="csa")),
    "csa-cca": ("cfpt", Options(order="csa_cca")),
    "parallel": ("cfpt", Options(order="parallel")),
    "no-ccpe": ("cfpt", Options(positions=False)),
    "two-cams": ("cfpt", Options(num_cam=2)),
}


def small_network(neck: str, options: Options, channels: int = 48) -> NetworkSpec:
    """The streets encoder (strides 2 to 16), levels at strides 4 to 64, a RetinaNet head of two blocks."""
    given: dict[str, Any] = {"encoder": "streets", "neck": neck, "channels": channels, "depth": 2, "base_scale": 2.0}
    return NetworkSpec.of("detector", **given, neck_options=options)


def small_recipe(
    name: str,
    summary: str,
    space: str,
    stream: StreamSpec,
    evaluation: EvaluationSpec,
    network: NetworkSpec,
    **more: Any,
) -> Recipe:
    """A small detector trained with AdamW from the encoder of ``pretrain/streets-things``."""
    settings: dict[str, Any] = {
        "optimizer": OptimizerSpec(kind="adamw", lr=1e-3, weight_decay=0.01, rules=NO_DECAY),
        "schedule": ScheduleSpec.of("warmup_poly", power=0.9, warmup=50),
        "train": TrainConfig(iterations=1500, monitor=f"{evaluation.name}/ap"),
        "start": StartSpec("pretrain/streets-things", part="encoder"),
    }
    return Recipe(
        name=name,
        summary=summary,
        label_space=space,
        streams=(stream,),
        network=network,
        method=MethodSpec.of("detection"),
        evaluations=(evaluation,),
        **{**settings, **more},
    )


def boxes_stream(dataset: DatasetSpec, batch_size: int, *before: TransformSpec, workers: int = 0) -> StreamSpec:
    """Pictures with boxes, flipped at random."""
    flip = (TransformSpec.of("flip"),)
    return StreamSpec("labelled", dataset, batch_size, sample_transforms=before, batch_transforms=flip, workers=workers)
