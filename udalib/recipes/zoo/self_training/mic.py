"""MIC's recipes: masked image consistency on HRDA, on DAFormer and on DeepLab-v2 (mic_hrda sheet, sections 4 to 6).

Hoyer et al., "MIC", CVPR 2023. Blocks are 64 pixels at full resolution and 32 at half. Synthetic sources: augmented
target images are masked. ACDC and Dark Zurich: one image of each domain, without augmentation. The published number of
MIC is HRDA's; the other two hosts have none in our sources.

The authors' study of blocks and ratios at half resolution, 16 to 128 by 0.3 to 0.9, is
``udalib run gta2cityscapes/mic-daformer --preset paper --set method.mask_block=16 method.mask_ratio=0.3`` and so on.
"""

from __future__ import annotations

from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.specs import NetworkSpec, Recipe
from udalib.recipes.zoo.self_training.dacs import DEEPLAB
from udalib.recipes.zoo.self_training.daformer import daformer_method
from udalib.recipes.zoo.self_training.hrda import at_full_resolution, hrda_method
from udalib.recipes.zoo.self_training.setting import ADVERSE, PAIRS, SYNTHETIC, Pair, rare_classes, self_training
from udalib.recipes.zoo.synthetic_to_real import deeplabv2, mit_b5


def masks(pair: Pair, block: int) -> dict[str, Any]:
    """Options of the masked pass."""
    both = pair in ADVERSE
    which = {"mask_domains": "both", "mask_augment": False} if both else {"mask_domains": "target"}
    return {"mask_block": block, "mask_ratio": 0.7, "lambda_mask": 1.0, **which}


def at_half_resolution(pair: Pair, name: str, title: str, network: NetworkSpec) -> Recipe:
    """MIC on DAFormer's strategies."""
    method = daformer_method("mic", **pair.ignored_rows, **masks(pair, 32))
    return self_training(pair, name, f"MIC on {title}.", network, method, sampler=rare_classes())


for _pair in PAIRS:
    _method = hrda_method("mic-hrda", **masks(_pair, 64))
    register(at_full_resolution(_pair, "mic-hrda", "MIC on HRDA (MiT-B5).", _method))
    register(at_half_resolution(_pair, "mic-daformer", "DAFormer (MiT-B5)", mit_b5("daformer")))
for _pair in SYNTHETIC:
    register(at_half_resolution(_pair, "mic-deeplabv2", f"DAFormer's strategies, {DEEPLAB}", deeplabv2()))
