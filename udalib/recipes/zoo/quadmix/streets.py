"""QuadMix on the embedded streets, and what each of its parts does there.

``streets/quadmix`` is ``streets/mic`` with QuadMix's mixed passes in place of DACS's one: same images, sampling,
schedule and masked pass. Patches of rare classes come from a stream of their own, source images by Rare Class Sampling,
one for each source image. The rare classes are those of the published GTA setting.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.methods.shared.quad_mixer import PATHS
from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import MethodSpec, Recipe
from udalib.recipes.zoo.self_training.streets import LADDER
from udalib.recipes.zoo.self_training.streets_hrda import HRDA, two_scales
from udalib.recipes.zoo.streets import NOT_CITYSCAPES, WHAT, world_presets

RARE_CLASSES = (3, 4, 5, 6, 12, 15, 16, 17, 18)
PATCHES: dict[str, Any] = {"rare_stream": "rare", "rare_classes": RARE_CLASSES, "rare_pixels": 12}
WITHOUT: dict[str, dict[str, Any]] = {
    **{f"without-{path.replace('_', '-')}": {"paths": tuple(p for p in PATHS if p != path)} for path in PATHS},
    "without-templates": {"templates": "batch"},
    "without-features": {"feature_mix": 0.0},
}
"""Ablations and their options; the patches are taken out by a recipe without their stream."""
SUMMARIES = {
    "without-source-to-source": "QuadMix without the source template on source images.",
    "without-target-to-target": "QuadMix without the target template on target images.",
    "without-target-to-source": "QuadMix without the target template on source images.",
    "without-source-to-target": "QuadMix without the source template on target images.",
    "without-templates": "QuadMix whose templates are cut from the next sample of the batch, not from a bank.",
    "without-features": "QuadMix without feature-level mixing.",
    "without-patches": "QuadMix without patches of rare classes.",
}


def quadmix(name: str, summary: str, *, patches: bool = True, **options: Any) -> Recipe:
    """The rung ``mic`` with QuadMix's mixing."""
    rung = LADDER["mic"]
    source = rung.streams[0]
    method = MethodSpec.of("quadmix", **rung.method.options, **(PATCHES if patches else {}), **options)
    recipe = replace(rung, name=f"streets/{name}", summary=summary, method=method)
    if not patches:
        return recipe
    rare = replace(source, name="rare")
    presets = {key: {**more, **rung.presets[key]} for key, more in world_presets((rare,)).items()}
    presets["paper"] |= {"streams.rare.sampler.min_pixels": 48, "method.rare_pixels": 48}
    return replace(recipe, streams=(*rung.streams, rare), presets=Options(presets))


register(quadmix("quadmix", "QuadMix: four mixing paths with templates of the last iteration, on streets/mic."))
for _name, _options in WITHOUT.items():
    register(quadmix(f"quadmix-{_name}", SUMMARIES[_name], **_options))
register(quadmix("quadmix-without-patches", SUMMARIES["without-patches"], patches=False))
register(
    two_scales(
        "streets/quadmix-hrda",
        "QuadMix on HRDA's two scales, without patches of rare classes.",
        MethodSpec.of("quadmix-hrda", mask_block=32, **HRDA),
        **{"method.mask_block": 16},
    )
)

register_comparison(
    Comparison(
        "streets-quadmix",
        recipes=("streets/source-only", "streets/dacs-rcs", "streets/daformer", "streets/mic", "streets/quadmix"),
        baselines=("streets/source-only", "streets/mic"),
        seeds=(0, 1, 2, 3, 4),
        what=f"{WHAT}, student. quadmix is mic with another mixing; the others are rungs of streets-self-training. "
        f"{NOT_CITYSCAPES}",
    )
)
register_comparison(
    Comparison(
        "streets-quadmix-ablation",
        recipes=("streets/mic", "streets/quadmix", *(f"streets/quadmix-{name}" for name in SUMMARIES)),
        baselines=("streets/mic", "streets/quadmix"),
        seeds=(0, 1, 2, 3, 4),
        what=f"{WHAT}, student. Each row leaves one part of streets/quadmix out. {NOT_CITYSCAPES}",
    )
)
