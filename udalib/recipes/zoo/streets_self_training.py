"""The self-training ladder on the embedded streets, 1000 iterations from scratch like the source-only recipe.

RCS counts a class from 12 of the 64 x 128 pixels on (3000 of a GTA image is the same share). The feature distance
starts from, and is measured to, an encoder that has learned to name things (``pretrain/streets-things``);
``dacs-rcs-pretrained`` is the control that starts there too, without the distance. The coarsest feature has stride 16,
and a thing must cover half of such a block.
"""

from __future__ import annotations

from udalib.recipes.registry import register
from udalib.recipes.specs import SamplerSpec
from udalib.recipes.zoo.self_training_parts import ladder, self_trained
from udalib.recipes.zoo.streets import SOURCE_ONLY, world_presets, world_stream

TARGET = world_stream("target")
SAMPLER = SamplerSpec.of("rare_class", temperature=0.01, min_pixels=12)
FEATURE_DISTANCE = {"lambda_fd": 0.005, "fd_min_ratio": 0.5}
PRESETS = {**world_presets((TARGET,))}
PRESETS["paper"] = {**PRESETS["paper"], "streams.source.sampler.min_pixels": 48}

LADDER = {
    name: register(self_trained(SOURCE_ONLY, name, rung, TARGET, SAMPLER, PRESETS))
    for name, rung in ladder("pretrain/streets-things", FEATURE_DISTANCE, mask_block=16).items()
}
