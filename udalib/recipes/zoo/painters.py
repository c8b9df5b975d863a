"""A small vision transformer on the embedded streets whose eight blocks can be executed in another order.

The layers of "Transformer Layers as Painters" (Sun et al., AAAI 2025) map a state to one of the same shape. Those of
the streets' own network do not, so these two recipes train a plain transformer: patches of 8 pixels, width 96, 8
blocks, from scratch. Its head reads the states after blocks 1, 3, 5 and 7 (numbered from 0). AdamW 1e-3, warm-up, poly
0.9. Shorter than the other recipes on the streets, whose numbers therefore say nothing about these.
"""

from __future__ import annotations

from dataclasses import replace

from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.registry import register
from udalib.recipes.spec.specs import DecoderSpec, EncoderSpec, MethodSpec, NetworkSpec
from udalib.recipes.zoo.self_training.parts import Rung, self_trained
from udalib.recipes.zoo.self_training.streets import PRESETS, SAMPLER, TARGET
from udalib.recipes.zoo.streets import world_recipe, world_stream

ITERATIONS = 400
NETWORK = NetworkSpec.pair(
    EncoderSpec.of("timm:vit_tiny_patch16_224", patch_size=8, embed_dim=96, depth=8, num_heads=3),
    DecoderSpec.of("light_fpn"),
)

SOURCE_ONLY = register(
    replace(
        world_recipe(
            "streets/painters-source-only",
            "A transformer of eight equal blocks on the source style: what execution plans are applied to.",
            (world_stream("source"),),
            MethodSpec.of("supervised"),
            ITERATIONS,
        ),
        network=NETWORK,
        optimizer=OptimizerSpec(kind="adamw", lr=1e-3, weight_decay=0.01),
    )
)
DACS = register(
    replace(
        self_trained(SOURCE_ONLY, "dacs", Rung(MethodSpec.of("dacs")), TARGET, SAMPLER, PRESETS),
        name="streets/painters-dacs",
        summary="The same transformer with DACS: does adaptation change what its blocks can be asked to do?",
    )
)
