"""The self-training ladder on the embedded streets, 1000 iterations from scratch like the source-only recipe.

RCS counts a class from 12 of the 64 x 128 pixels on (3000 of a GTA image is the same share). The feature distance
starts from, and is measured to, an encoder that has learned to name things (``pretrain/streets-things``);
``dacs-rcs-pretrained`` is the control that starts there too, without the distance. The coarsest feature has stride 16,
and a thing must cover half of such a block.
"""

from __future__ import annotations

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.specs import SamplerSpec
from udalib.recipes.zoo.self_training.parts import ladder, self_trained
from udalib.recipes.zoo.streets import NOT_CITYSCAPES, SOURCE_ONLY, WHAT, world_presets, world_stream

TARGET = world_stream("target")
SAMPLER = SamplerSpec.of("rare_class", temperature=0.01, min_pixels=12)
FEATURE_DISTANCE = {"lambda_fd": 0.005, "fd_min_ratio": 0.5}
PRESETS = {**world_presets((TARGET,))}
PRESETS["paper"] = {**PRESETS["paper"], "streams.source.sampler.min_pixels": 48}

LADDER = {
    name: register(self_trained(SOURCE_ONLY, name, rung, TARGET, SAMPLER, PRESETS))
    for name, rung in ladder("pretrain/streets-things", FEATURE_DISTANCE, mask_block=16).items()
}

register_comparison(
    Comparison(
        "streets-self-training",
        recipes=("streets/source-only", "streets/jitter", *(rung.name for rung in LADDER.values())),
        baselines=("streets/source-only", "streets/jitter", "streets/dacs", "streets/dacs-rcs"),
        seeds=(0, 1, 2, 3, 4),
        what=f"{WHAT}, student. dacs-rcs-pretrained is daformer without the feature distance, mic-no-holes is mic "
        f"without holes. {NOT_CITYSCAPES}",
    )
)
