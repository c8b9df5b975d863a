"""DACS in DAFormer's setting: the self-training that DAFormer starts from, with its warm-up (daformer sheet, 12.4).

Tranheden et al., "DACS", WACV 2021, trained with other networks, sizes and rates; its own numbers are marked as such.
"""

from __future__ import annotations

from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.specs import MethodSpec, NetworkSpec, ScheduleSpec
from udalib.recipes.zoo.self_training.setting import SYNTHETIC, self_training
from udalib.recipes.zoo.synthetic_to_real import deeplabv2, mit_b5

DEEPLAB, SEGFORMER = "DeepLab-v2 on ResNet-101", "SegFormer MiT-B5"
NETWORKS: dict[str, tuple[str, NetworkSpec]] = {
    "deeplabv2": (DEEPLAB, deeplabv2()),
    "segformer-mit_b5": (SEGFORMER, mit_b5("segformer")),
}

POLY10 = ScheduleSpec.of("poly", power=1.0, min_lr=1e-4)
"""The published schedule without warm-up (daformer sheet, section 8)."""


def dacs(**options: Any) -> MethodSpec:
    """DACS as released: EMA 0.99, batch-wide weight at confidence 0.968, all rows."""
    return MethodSpec.of("dacs", **{"alpha": 0.99, "threshold": 0.968, "official": True, **options})


for _pair in SYNTHETIC:
    for _name, (_title, _network) in NETWORKS.items():
        register(self_training(_pair, f"dacs-{_name}", f"DACS with warm-up, {_title}.", _network, dacs()))
    register(
        self_training(
            _pair,
            "daformer-ablation-no-warmup",
            f"DACS without warm-up, {SEGFORMER}; as released, with a least rate of 1e-4 for all groups, to which the "
            "encoder's rate RISES from 6e-5 (schedule.min_lr=0 mends that).",
            mit_b5("segformer"),
            dacs(),
            schedule=POLY10,
        )
    )
