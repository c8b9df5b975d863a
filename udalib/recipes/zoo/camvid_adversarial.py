"""AdaptSegNet and ADVENT on CamVid, each from the source-only model of the same seed; the target's labels stay unread.

Day to dusk adapts to one evening drive (62 frames), the drawn streets to all 367 training frames. BatchNorm is frozen
in this network, so that target images change nothing by passing through it. ``.../adversarial-control`` is the same
training with a weight of 0, which is here longer training alone: the difference to it is what the adversary does.
Discriminators of depth 4 judge patches of 46 pixels, a quarter of the image's height of 180.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.options import Options
from udalib.recipes.registry import register
from udalib.recipes.specs import MethodSpec, Recipe, ScheduleSpec, StartSpec, StreamSpec
from udalib.recipes.zoo.camvid import (
    DAY2DUSK_SOURCE_ONLY,
    FULL_SIZE,
    FULL_SIZE_STREAM,
    STREETS2CAMVID_SOURCE_ONLY,
    camvid_stream,
)

ONE_LEVEL: dict[str, Any] = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}
DISCRIMINATOR: dict[str, Any] = {"discriminator_depth": 4, "discriminator_lr": 1e-3}

VARIANTS: dict[str, tuple[str, MethodSpec]] = {
    "adversarial-control": (
        "The adversarial training with weight 0: longer training alone.",
        MethodSpec.of("adaptsegnet", **ONE_LEVEL, **DISCRIMINATOR, lambda_adv=0.0),
    ),
    "adaptsegnet-single": (
        "AdaptSegNet on one level: soft-max maps of the target are to look like those of the source.",
        MethodSpec.of("adaptsegnet", **ONE_LEVEL, **DISCRIMINATOR, lambda_adv=0.01),
    ),
    "advent": (
        "AdvEnt on one level: maps of weighted self-information of the target are to look like those of the source.",
        MethodSpec.of("advent", **ONE_LEVEL, **DISCRIMINATOR, lambda_adv=0.01),
    ),
    "minent": (
        "MinEnt on one level: low entropy of target predictions, no discriminator.",
        MethodSpec.of("minent", lambda_seg=0.0, lambda_ent=0.01, lambda_ent_aux=0.0),
    ),
}


def adapted(source_only: Recipe, target: StreamSpec, variant: str) -> Recipe:
    """200 iterations from the model of ``source_only``, on unlabelled ``target`` images beside its source."""
    summary, method = VARIANTS[variant]
    family = source_only.name.split("/")[0]
    return replace(
        source_only,
        name=f"{family}/{variant}",
        summary=summary,
        streams=(*source_only.streams, target),
        method=method,
        optimizer=replace(source_only.optimizer, lr=1e-3),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=20),
        train=replace(source_only.train, iterations=200),
        start=StartSpec(source_only.name),
        presets=with_target(source_only.presets),
    )


def with_target(presets: Options) -> Options:
    """The presets of a source-only recipe, and what they mean for the target stream."""
    quick = {"streams.target.batch_size": 4, "streams.target.dataset.limit": 8}
    paper = {"streams.target.workers": 4, FULL_SIZE_STREAM.format("target"): FULL_SIZE}
    return Options(quick={**presets["quick"], **quick}, laptop=presets["laptop"], paper={**presets["paper"], **paper})


for _variant in VARIANTS:
    register(adapted(DAY2DUSK_SOURCE_ONLY, camvid_stream("target", "dusk", labels=False), _variant))
    register(adapted(STREETS2CAMVID_SOURCE_ONLY, camvid_stream("target", None, labels=False), _variant))
