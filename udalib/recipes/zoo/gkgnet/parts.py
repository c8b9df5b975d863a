"""What the recipes of GKGNet share: optimiser, data of a multi-label set, presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)

NORMS = ("fc1.1.weight", "fc2.1.weight", "nn.1.weight", ".conv.1.weight", *(f"convs.{i}.weight" for i in (1, 4, 7)))
"""Norm layers of GKGNet by the endings of their names."""
NO_DECAY = tuple(Rule(pattern, decay_mult=0.0) for pattern in (".bias", *NORMS))
"""Neither norms nor biases decay; positions and label embeddings do (gkgnet sheet, section 5)."""
JITTER = TransformSpec.of("jitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.0)
FLIP = TransformSpec.of("flip")
AUGMENTED = (FLIP, TransformSpec.of("random_erasing"), JITTER, TransformSpec.of("trivial_augment"))
"""What follows CropMix, in the published order (gkgnet sheet, 5.1)."""


def adamw(lr: float) -> OptimizerSpec:
    """AdamW at decay 0.05, none on norms and biases."""
    return OptimizerSpec("adamw", lr=lr, weight_decay=0.05, rules=NO_DECAY)


def photographs(
    name: str,
    *,
    summary: str,
    dataset: str,
    splits: tuple[str, str],
    label_space: str,
    network: NetworkSpec,
    size: int,
    batch: int,
    images: int,
    epochs: int,
    published: tuple[Published, ...] = (),
    method: MethodSpec | None = None,
    sampler: SamplerSpec | None = None,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recipe:
    """A recipe on photographs that are resized to a square, without regard of their shape, augmented as published."""
    resize = TransformSpec.of("pil_resize", size=(size, size))
    epoch = -(-images // batch)
    stream = StreamSpec(
        "labelled",
        DatasetSpec(dataset, split=splits[0]),
        batch,
        sampler=sampler or SamplerSpec(),
        sample_transforms=(TransformSpec.of("crop_mixup", size=(size, size)),),
        batch_transforms=AUGMENTED,
        workers=4,
    )
    evaluation = EvaluationSpec(
        "test",
        DatasetSpec(dataset, split=splits[1]),
        batch_size=16,
        sample_transforms=(resize,),
        task="multi-label",
    )
    return Recipe(
        name=name,
        summary=summary,
        label_space=label_space,
        streams=(stream,),
        network=network,
        method=method or MethodSpec.of("multi-label"),
        optimizer=adamw(1e-4),
        schedule=ScheduleSpec.of("warmup_steps", milestones=(10 * epoch, 50 * epoch), warmup=5 * epoch, ratio=1e-3),
        train=TrainConfig(iterations=epochs * epoch, clip=5.0, evaluate_every=epoch, monitor="test/map"),
        evaluations=(evaluation,),
        published=published,
        presets=Options(presets or small_presets()),
    )


def small_presets(variant: str = "t", size: int = 128, k: int = 4) -> dict[str, dict[str, Any]]:
    """``quick`` and ``laptop`` for a machine without a GPU: a few pictures, small."""
    small: dict[str, Any] = {
        "network.weights": None,
        "network.variant": variant,
        "network.size": size,
        "network.k": k,
        "streams.labelled.sample_transforms.crop_mixup.size": (size, size),
        "streams.labelled.batch_size": 4,
        "streams.labelled.workers": 0,
        "evaluations.test.sample_transforms.pil_resize.size": (size, size),
        "schedule.milestones": (),
        "schedule.warmup": 0,
        "train.evaluate_every": None,
    }
    quick = {**small, "train.iterations": 3, "train.log_every": 1, "evaluations.test.dataset.limit": 4}
    quick |= {"streams.labelled.dataset.limit": 8}
    laptop = {**small, "train.iterations": 200, "evaluations.test.dataset.limit": 200}
    return {"quick": quick, "laptop": laptop, "paper": {}}
