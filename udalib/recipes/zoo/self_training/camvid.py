"""The self-training ladder on photographs: CamVid's day to its dusk, and the drawn streets to CamVid; 400 iterations.

The encoder is an ImageNet MobileNetV2 everywhere, so every rung starts pretrained and the feature distance is to the
encoder that all start from. Things are signs, cars, pedestrians and bicyclists. RCS counts a class from 260 of the
360 x 480 label pixels on (180 x 240 drawn: 65), the share that 3000 pixels have of a GTA image. Images are resized, not
cropped, so no crop is drawn again.
"""

from __future__ import annotations

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.spec.specs import SamplerSpec
from udalib.recipes.zoo.camvid import (
    DAY2DUSK_SOURCE_ONLY,
    FULL_SIZE,
    FULL_SIZE_STREAM,
    STREETS2CAMVID_SOURCE_ONLY,
    WHAT,
    camvid_stream,
)
from udalib.recipes.zoo.self_training.parts import ladder, self_trained

FEATURE_DISTANCE = {"lambda_fd": 0.005, "fd_classes": (6, 8, 9, 10), "fd_min_ratio": 0.5}
PRESETS: dict[str, dict[str, object]] = {
    "quick": {"streams.target.batch_size": 4, "streams.target.dataset.limit": 8},
    "paper": {"streams.target.workers": 4, FULL_SIZE_STREAM.format("target"): FULL_SIZE},
}

for _source_only, _domain, _pixels in ((DAY2DUSK_SOURCE_ONLY, "dusk", 260), (STREETS2CAMVID_SOURCE_ONLY, None, 65)):
    _target = camvid_stream("target", _domain, labels=False)
    _sampler = SamplerSpec.of("rare_class", temperature=0.01, min_pixels=_pixels, min_crop_ratio=0.0)
    for _name, _rung in ladder(None, FEATURE_DISTANCE, mask_block=24).items():
        register(self_trained(_source_only, _name, _rung, _target, _sampler, PRESETS))

MEASURED = ("source-only", "dacs", "dacs-rcs", "daformer", "mic")
"""Rungs that are measured on photographs, after their baseline."""

for _domains in ("camvid-day2dusk", "streets2camvid"):
    register_comparison(
        Comparison(
            f"{_domains.removesuffix('-day2dusk')}-self-training",
            recipes=tuple(f"{_domains}/{name}" for name in MEASURED),
            baselines=(f"{_domains}/source-only", f"{_domains}/dacs"),
            seeds=(0, 1, 2),
            what=WHAT,
        )
    )
