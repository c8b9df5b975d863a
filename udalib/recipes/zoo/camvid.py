"""Real photographs that fit on a laptop: CamVid by day and at dusk, and the embedded streets as a source for CamVid.

The encoder is MobileNetV2 with ImageNet weights; its BatchNorm is frozen, because the statistics in that file were
measured afterwards, on other photographs. Nobody has published numbers for this set-up: ours stand alone. Dusk is one
drive, cut into a training and a test part: this is adapting to one evening, not to any.
"""

from __future__ import annotations

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec, Rule
from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
)

SIZE = (180, 240)
FULL_SIZE = (360, 480)
RESIZE = TransformSpec.of("resize", size=SIZE)
NETWORK = NetworkSpec.pair(
    EncoderSpec.of("timm:mobilenetv2_100", pretrained=True, freeze_bn=True),
    DecoderSpec.of("light_fpn", width=64),
)


def camvid_stream(name: str, domain: str | None, *, labels: bool = True) -> StreamSpec:
    """Training frames of one light, or all of them, resized, flipped."""
    options = Options(labels=labels) if domain is None else Options(domain=domain, labels=labels)
    dataset = DatasetSpec("camvid", options)
    return StreamSpec(
        name, dataset, batch_size=8, sample_transforms=(RESIZE,), batch_transforms=(TransformSpec.of("flip"),)
    )


def camvid_evaluation(name: str, domain: str | None) -> EvaluationSpec:
    """Test frames of one light, predicted at the training size and scored at 360 x 480."""
    options = Options() if domain is None else Options(domain=domain)
    return EvaluationSpec(name, DatasetSpec("camvid", options, split="test"), transforms=(RESIZE,))


def camvid_recipe(
    name: str,
    summary: str,
    stream: StreamSpec,
    evaluations: tuple[EvaluationSpec, ...],
    presets: Options,
) -> Recipe:
    """Supervised training of MobileNetV2 on one stream."""
    return Recipe(
        name=name,
        summary=summary,
        label_space="camvid11",
        streams=(stream,),
        network=NETWORK,
        method=MethodSpec.of("supervised", stream=stream.name),
        optimizer=OptimizerSpec(kind="adamw", lr=4e-3, weight_decay=0.01, rules=(Rule("encoder", lr_mult=0.1),)),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=50),
        train=TrainConfig(iterations=400, channels_last=True),
        evaluations=evaluations,
        presets=presets,
    )


def camvid_presets(stream: str, evaluations: tuple[str, ...]) -> Options:
    """Presets of a CamVid recipe: a few frames for ``quick``, full resolution and longer training for ``paper``."""
    quick: dict[str, object] = {"train.iterations": 10, "train.log_every": 5, "schedule.warmup": 2}
    quick |= {f"streams.{stream}.batch_size": 4}
    paper: dict[str, object] = {"train.iterations": 6000, "train.evaluate_every": 1000}
    paper |= {f"streams.{stream}.workers": 4}
    for name in evaluations:
        quick[f"evaluations.{name}.dataset.limit"] = 4
        paper[f"evaluations.{name}.transforms.resize.size"] = FULL_SIZE
    return Options(quick=quick, laptop={}, paper=paper)


DAY2DUSK = (camvid_evaluation("target", "dusk"), camvid_evaluation("control", "control"))
FULL_SIZE_STREAM = "streams.{}.sample_transforms.resize.size"


def day2dusk_presets(stream: str) -> Options:
    """Presets of a day-to-dusk recipe."""
    presets = camvid_presets(stream, ("target", "control"))
    quick = {**presets["quick"], f"streams.{stream}.dataset.limit": 8}
    return Options(quick=quick, laptop={}, paper={**presets["paper"], FULL_SIZE_STREAM.format(stream): FULL_SIZE})


DAY2DUSK_SOURCE_ONLY = register(
    camvid_recipe(
        "camvid-day2dusk/source-only",
        "Real to real: trained on labelled day frames, tested at dusk (target) and on another drive by day (control).",
        camvid_stream("source", "day"),
        DAY2DUSK,
        day2dusk_presets("source"),
    )
)
register(
    camvid_recipe(
        "camvid-day2dusk/oracle",
        "Trained on the 62 labelled dusk frames: the upper reference of day to dusk, on one evening.",
        camvid_stream("target", "dusk"),
        DAY2DUSK,
        day2dusk_presets("target"),
    )
)


def streets2camvid() -> Recipe:
    """Drawn to real: trained on the embedded streets, tested on all CamVid test frames and on held-out streets."""
    length = 1000
    options = Options(length=length, size=SIZE)
    stream = StreamSpec(
        "source", DatasetSpec("streets/source", options), batch_size=8, batch_transforms=(TransformSpec.of("flip"),)
    )
    held_out = EvaluationSpec(
        "source", DatasetSpec("streets/source", Options(length=100, size=SIZE), split="val"), batch_size=8
    )
    presets = camvid_presets("source", ("target",))
    quick = {**presets["quick"], "streams.source.dataset.length": 16, "evaluations.source.dataset.length": 4}
    full = {"streams.source.dataset.size": FULL_SIZE, "evaluations.source.dataset.size": FULL_SIZE}
    return camvid_recipe(
        "streets2camvid/source-only",
        "Drawn to real: trained on the embedded streets (labels mapped to 11 classes), tested on CamVid.",
        stream,
        (camvid_evaluation("target", None), held_out),
        Options(quick=quick, laptop={}, paper={**presets["paper"], **full}),
    )


STREETS2CAMVID_SOURCE_ONLY = register(streets2camvid())

WHAT = (
    "CamVid, 11 classes, mIoU in percent at 360 x 480. target: the 62 dusk test frames (day2dusk) or all 233 test "
    "frames (streets2camvid); control: 171 test frames of another drive by day; source: held-out streets. Dusk "
    "training and test frames are one drive. Nobody has published numbers for this set-up."
)
"""What the numbers of comparisons on photographs are."""

register_comparison(
    Comparison(
        "camvid",
        recipes=("camvid-day2dusk/source-only", "camvid-day2dusk/oracle", "streets2camvid/source-only"),
        baselines=("camvid-day2dusk/source-only",),
        seeds=(0, 1, 2),
        what=WHAT,
    )
)
