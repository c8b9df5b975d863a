"""HRDA's recipes: DAFormer at full resolution, with a context and a detail crop (mic_hrda sheet, sections 2, 3 and 6).

Hoyer et al., "HRDA", ECCV 2022. Published numbers are means over three seeds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.specs import MethodSpec, MultiResolutionSpec, NetworkSpec, Recipe
from udalib.recipes.zoo.self_training.daformer import daformer_method
from udalib.recipes.zoo.self_training.setting import PAIRS, Pair, rare_classes, self_training
from udalib.recipes.zoo.synthetic_to_real import mit_b5


def hrda_network() -> NetworkSpec:
    """DAFormer's network at two scales: 1024 x 1024 seen at half resolution, and 512 x 512 inside it."""
    scales = MultiResolutionSpec(detail=(512, 512), context_scale=0.5, divisible=8, attention="classwise", overlap=True)
    return replace(mit_b5("daformer"), multi_resolution=scales)


def hrda_method(name: str = "hrda", **options: Any) -> MethodSpec:
    """HRDA's step, or that of ``name`` with it as host; what gets no pseudo label is marked in the loader."""
    return daformer_method(name, detail_weight=0.1, **options)


def at_full_resolution(pair: Pair, name: str, summary: str, method: MethodSpec) -> Recipe:
    """Training of HRDA's network on ``pair``."""
    return self_training(pair, name, summary, hrda_network(), method, sampler=rare_classes(scale=2), scale=2)


for _pair in PAIRS:
    register(at_full_resolution(_pair, "hrda", "HRDA on DAFormer's network (MiT-B5).", hrda_method()))
