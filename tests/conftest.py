"""A synthetic sweep over lambda, in the form that benchmarks/adversarial_sweep.py writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

VARIANTS = (("output", "single", "vanilla"), ("feature", "single", "vanilla"), ("output", "multi", "vanilla"))


def sweep_run(space: str, levels: str, gan: str, weight: float, seed: int) -> dict[str, Any]:
    """One entry of "runs"; its final mIoU is 30 + 100 lambda + seed, 10 less in the feature space."""
    final = 30 + 100 * weight + seed - 10 * (space == "feature")
    losses = {"loss_seg_main": 0.5, "loss_adv_main": 0.8, "loss_d_main_source": 0.4, "loss_d_main_target": 0.6}
    return {
        "space": space,
        "levels": levels,
        "gan": gan,
        "lambda": weight,
        "seed": seed,
        "iteration": [50, 100],
        "evaluated": [100],
        "target/miou": [final],
        **{name: [value, value + 0.1 * weight] for name, value in losses.items()},
    }


@pytest.fixture
def sweep_data() -> dict[str, Any]:
    """Three variants at two lambdas, and the control, with seeds 1 and 0."""
    weights = dict.fromkeys(VARIANTS, (0.01, 0.1))
    weights[VARIANTS[0]] = (0.0, 0.01, 0.1)
    runs = [sweep_run(*variant, weight, seed) for variant in VARIANTS for weight in weights[variant] for seed in (1, 0)]
    reference = {"streets/source-only": {"target/miou": [28.0, 29.0]}}
    return {"what": "made up", "command": "none", "reference": reference, "runs": runs}


@pytest.fixture
def sweep_file(sweep_data: dict[str, Any], tmp_path: Path) -> Path:
    """The same as a file."""
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(sweep_data), encoding="utf-8")
    return path
