"""Presets of the self-training recipes for machines without a GPU.

Images, crops and everything that is measured in pixels of a crop shrink together; weights are random. That shows that
data is read and networks train, and is not to be held against published numbers. Rare Class Sampling counts the labels
of its data set once (``udalib data stats``), which takes minutes for a whole one.
"""

from __future__ import annotations

from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import Recipe

CROP = (128, 128)
SIZES = {"gta5": (180, 320), "synthia": (180, 320), "cityscapes": (128, 256), "acdc": (135, 240)}
SIZES["dark_zurich"] = SIZES["acdc"]

OPTIONS = {"ignore_top": 4, "ignore_bottom": 30, "mask_block": 8}
"""Options of methods in pixels of a crop, which has a quarter of its published side (HRDA: an eighth)."""
RARE_PIXELS = 0.03
"""Share of ``min_pixels`` that is asked of a crop: images of 320 columns have 1/36 of GTA5's pixels."""


def small_presets(recipe: Recipe) -> Options:
    """``quick`` and ``laptop`` for ``recipe``; ``paper`` is the recipe as it is."""
    warm = "warmup" in recipe.schedule.options
    small = {**_small_network(recipe), **_small_images(recipe), **_small_method(recipe)}
    quick: dict[str, object] = {**small, "train.iterations": 4, "train.log_every": 1}
    quick |= {f"streams.{stream.name}.dataset.limit": 4 for stream in recipe.streams}
    quick |= {f"evaluations.{evaluation.name}.dataset.limit": 2 for evaluation in recipe.evaluations}
    laptop: dict[str, object] = {**small, "train.iterations": 200}
    laptop |= {f"evaluations.{evaluation.name}.dataset.limit": 50 for evaluation in recipe.evaluations}
    if warm:
        quick["schedule.warmup"], laptop["schedule.warmup"] = 2, 50
    return Options(quick=quick, laptop=laptop, paper={})


def _small_network(recipe: Recipe) -> dict[str, object]:
    network = recipe.network
    in_encoder = network.encoder is not None and "weights" in network.encoder.options
    small: dict[str, object] = {"network.encoder.weights" if in_encoder else "network.weights": None}
    if network.multi_resolution is not None:
        small["network.multi_resolution.detail"] = (CROP[0] // 2, CROP[1] // 2)
    return small


def _small_images(recipe: Recipe) -> dict[str, object]:
    small: dict[str, object] = {}
    for stream in recipe.streams:
        place = f"streams.{stream.name}"
        small |= {f"{place}.workers": 0, f"{place}.sample_transforms.resize.size": SIZES[stream.dataset.name]}
        small |= {f"{place}.sample_transforms.{part}.size": CROP for part in ("crop", "pad")}
        if stream.sampler.name == "rare_class":
            small[f"{place}.sampler.min_crop_ratio"] = RARE_PIXELS
    for evaluation in recipe.evaluations:
        place = f"evaluations.{evaluation.name}"
        small[f"{place}.transforms.resize.size"] = SIZES[evaluation.dataset.name]
        if evaluation.inference.name == "sliding":
            half = (CROP[0] // 2, CROP[1] // 2)
            small |= {f"{place}.inference.crop": CROP, f"{place}.inference.stride": half}
    return small


def _small_method(recipe: Recipe) -> dict[str, object]:
    return {f"method.{key}": value for key, value in OPTIONS.items() if key in recipe.method.options}
