"""GKGNet on MS-COCO and VOC 2007, and group k-NN in Pyramid ViG-Ti, with the published numbers (gkgnet sheet, 5 to 8).

What differs from the published training, which ours therefore does not repeat to the letter:

 - Augmentation: the published five steps in their order, on floats where theirs are on whole numbers; what our sources
   do not give (shape of the erased box, some strengths of TrivialAugment, grey at the borders) is ours, and every
   picture draws its own number of crops, not every loader process.
 - Start weights: the published Pyramid ViG-S file, positions left at zero because it was trained at 224.
 - Epochs are counted over the images; the repetition of rare images makes the sampler's own epochs longer.
 - Precision: float32 here, mixed there (``train.precision=16-mixed``).

The numbers of training images of ImageNet (1,281,167) and Flowers-102 (2,040), which set the length of an epoch here,
are common knowledge of the data sets, in none of our sources. VOC and ImageNet settings were not released: resolution,
epochs and rates of those recipes are guesses of ours, each number carries that note.
"""

from __future__ import annotations

from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StreamSpec,
    TransformSpec,
    WeightsSpec,
)
from udalib.recipes.zoo.gkgnet.parts import FLIP, photographs

WEIGHTS = WeightsSpec("pvig_s_82.1.pth", skip=("pos_embed",))
BOARD, THIRD = "public leaderboard entry and a third-party summary", "third-party summary of the paper"
UNRELEASED = "the configuration was not released: resolution, epochs and rates here are ours"

COCO: dict[str, tuple[int, dict[str, Any], tuple[Published, ...]]] = {
    "gkgnet-576": (
        576,
        {},
        (
            Published(87.65, "test/map", "README of the official repository", "the released checkpoint"),
            Published(87.7, "test/map", BOARD, "the paper's number"),
        ),
    ),
    "gkgnet-448": (448, {}, (Published(86.7, "test/map", BOARD),)),
    "gkgnet-224": (224, {}, (Published(82.0, "test/map", "public leaderboard entry", "given as 82"),)),
    "gkgnet-448-knn": (448, {"groups": 1}, (Published(85.5, "test/map", THIRD, "row P + C of the ablation"),)),
    "gkgnet-448-patch": (
        448,
        {"groups": 1, "cross": False},
        (Published(82.5, "test/map", THIRD, "row P of the ablation; that its k-NN is a plain one is our reading"),),
    ),
}

for _name, (_size, _options, _numbers) in COCO.items():
    register(
        photographs(
            f"coco/{_name}",
            summary=f"MS-COCO 2014 at {_size} pixels: "
            + ("GKGNet." if not _options else f"GKGNet with {', '.join(f'{k}={v}' for k, v in _options.items())}."),
            dataset="coco2014",
            splits=("train", "val"),
            label_space="coco80",
            network=NetworkSpec(
                "gkgnet", Options(variant="s", size=_size, k=9, k_label=9, official=True, **_options), weights=WEIGHTS
            ),
            size=_size,
            batch=128,
            images=82_783,
            epochs=80,
            published=_numbers,
            sampler=SamplerSpec.of("repeat", threshold=0.01),
        )
    )

register(
    photographs(
        "voc2007/gkgnet",
        summary="VOC 2007, trainval to test: GKGNet.",
        dataset="voc2007",
        splits=("trainval", "test"),
        label_space="voc20",
        network=NetworkSpec("gkgnet", Options(variant="s", size=448, k=9, k_label=9, official=True), weights=WEIGHTS),
        size=448,
        batch=128,
        images=5_011,
        epochs=80,
        published=(Published(96.8, "test/map", BOARD, UNRELEASED),),
    )
)


def single_label(dataset: str, test: str, classes: str, groups: int, number: float, images: int, epochs: int) -> Recipe:
    """Pyramid ViG-Ti as a classifier at 224 pixels, with plain (``groups=1``) or group k-NN, nothing else changed."""
    resize = TransformSpec.of("pil_resize", size=(224, 224))
    epoch, kind = -(-images // 256), "group-knn" if groups > 1 else "knn"
    stream = StreamSpec("labelled", DatasetSpec(dataset), 256, sample_transforms=(resize,), batch_transforms=(FLIP,))
    evaluation = EvaluationSpec(
        "test", DatasetSpec(dataset, split=test), batch_size=64, sample_transforms=(resize,), task="classification"
    )
    small: dict[str, Any] = {
        "network.encoder.size": 128,
        "network.encoder.k": 4,
        "streams.labelled.sample_transforms.pil_resize.size": (128, 128),
        "evaluations.test.sample_transforms.pil_resize.size": (128, 128),
        "streams.labelled.batch_size": 4,
        "schedule.warmup": 1,
    }
    quick = {"train.iterations": 3, "streams.labelled.dataset.limit": 8, "evaluations.test.dataset.limit": 4}
    laptop = {"train.iterations": 200, "evaluations.test.dataset.limit": 200}
    return Recipe(
        name=f"{dataset}/vig-ti-{kind}",
        summary=f"{dataset}: Pyramid ViG-Ti with {kind.replace('-', ' ')}.",
        label_space=classes,
        streams=(stream,),
        network=NetworkSpec.pair(
            EncoderSpec.of("vig_t", size=224, k=9, groups=groups, official=True), DecoderSpec.of("pooled")
        ),
        method=MethodSpec.of("classification"),
        optimizer=OptimizerSpec("adamw", lr=5e-4, weight_decay=0.05),
        schedule=ScheduleSpec.of("warmup_cosine", warmup=5 * epoch),
        train=TrainConfig(iterations=epochs * epoch, evaluate_every=epoch, monitor="test/accuracy"),
        evaluations=(evaluation,),
        published=(Published(number, "test/accuracy", THIRD, UNRELEASED),),
        presets=Options(quick={**small, **quick}, laptop={**small, **laptop}, paper={}),
    )


for _groups, _number in ((1, 78.2), (2, 79.3)):
    register(single_label("imagenet", "val", "imagenet1000", _groups, _number, images=1_281_167, epochs=300))
for _groups, _number in ((1, 83.6), (2, 87.2)):
    register(single_label("flowers102", "test", "flowers102", _groups, _number, images=2_040, epochs=300))
