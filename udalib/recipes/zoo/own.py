"""Recipes for folders of one's own: complete but for the data, which ``udalib adapt`` or ``own_domains`` fills in.

``own/...`` trains the small network of the streets from scratch and needs no file; ``own-pretrained/...`` takes the
ImageNet MobileNetV2 of the CamVid recipes, the better start for photographs. Images of all shapes are brought to one
area and cropped square; what a very long image leaves of the square is padded and gets no pseudo label. Classes are
anybody's, so DAFormer's feature distance is taken everywhere, not on things alone. The settings are those of the
streets and of CamVid; on other data they have not been measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)
from udalib.recipes.zoo.camvid import NETWORK as PRETRAINED
from udalib.recipes.zoo.self_training.parts import ladder, self_trained

SIDES = {"quick": 64, "laptop": 128, "paper": 512}
"""Side of the square crop by preset; images have twice its area."""
RUNGS = ("dacs", "dacs-rcs", "mic")
SAMPLER = SamplerSpec.of("rare_class", temperature=0.01)


def geometry(side: int = SIDES["laptop"]) -> tuple[TransformSpec, ...]:
    """From an image of any size to a square."""
    names = (("same_area", (side, 2 * side)), ("crop", (side, side)), ("pad", (side, side)))
    return tuple(TransformSpec.of(name, size=size) for name, size in names)


def own_stream(name: str) -> StreamSpec:
    """Images of a folder; those of the target say where they are padded."""
    valid = (TransformSpec.of("valid_margins", margins=(0, 0, 0, 0)),) if name == "target" else ()
    transforms = (*valid, *geometry())
    flip = (TransformSpec.of("flip"),)
    return StreamSpec(name, DatasetSpec("folder"), 8, sample_transforms=transforms, batch_transforms=flip)


def own_evaluation(name: str) -> EvaluationSpec:
    """Whole images of a folder at the area of training, scored at the size of their labels."""
    return EvaluationSpec(name, DatasetSpec("folder", split="val"), transforms=geometry()[:1])


def presets(streams: tuple[str, ...], evaluations: tuple[str, ...], paper: int) -> dict[str, dict[str, Any]]:
    """What each preset changes: the size of images and crops, the length of training and the batch."""
    found: dict[str, dict[str, Any]] = {"quick": {}, "laptop": {}, "paper": {}}
    found["quick"] |= {"train.iterations": 30, "train.log_every": 10, "schedule.warmup": 5}
    found["paper"] |= {"train.iterations": paper, "train.evaluate_every": 1000}
    for preset, side in SIDES.items():
        for stream in streams:
            place = f"streams.{stream}.sample_transforms"
            found[preset] |= {f"{place}.{part.name}.size": part.options["size"] for part in geometry(side)}
            found["quick"][f"streams.{stream}.batch_size"] = 4
            found["paper"][f"streams.{stream}.workers"] = 4
        for name in evaluations:
            found[preset][f"evaluations.{name}.transforms.same_area.size"] = (side, 2 * side)
    return found


def source_only(family: str, network: NetworkSpec, optimizer: OptimizerSpec, iterations: int) -> Recipe:
    """Supervised training on the labelled folder."""
    scored = ("target", "source")
    return Recipe(
        name=f"{family}/source-only",
        summary="Your folders: supervised on the labelled images alone, the baseline of adaptation.",
        label_space="classes:class 0,class 1",
        streams=(own_stream("source"),),
        network=network,
        method=MethodSpec.of("supervised"),
        optimizer=optimizer,
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=iterations // 10),
        train=TrainConfig(iterations=iterations, channels_last=True),
        evaluations=tuple(map(own_evaluation, scored)),
        presets=Options(presets(("source",), scored, 8000)),
    )


def register_family(base: Recipe, rungs: Mapping[str, MethodSpec | None]) -> None:
    """The baseline, and each rung of the self-training ladder in its set-up, with another method where one is given."""
    register(base)
    found = ladder(None, {"fd_everywhere": True}, mask_block=16)
    for name, method in rungs.items():
        rung = found[name] if method is None else replace(found[name], method=method)
        recipe = self_trained(base, name, rung, own_stream("target"), SAMPLER, presets(("target",), (), 8000))
        register(replace(recipe, summary=f"Your folders, adapted by {recipe.summary}"))


SMALL = OptimizerSpec(kind="adamw", lr=5e-3, weight_decay=0.01)
FINE = OptimizerSpec(kind="adamw", lr=4e-3, weight_decay=0.01, rules=(Rule("encoder", lr_mult=0.1),))

register_family(source_only("own", NetworkSpec.of("streets"), SMALL, 1000), dict.fromkeys(RUNGS))
register_family(source_only("own-pretrained", PRETRAINED, FINE, 400), dict.fromkeys((*RUNGS, "daformer")))
