"""AdaptSegNet and ADVENT on CamVid: 200 iterations from the source-only model; the target's labels stay unread.

Day to dusk adapts to one evening drive (62 frames), the drawn streets to all 367 training frames. BatchNorm is frozen
in this network, so that target images change nothing by passing through it: the control shows longer training alone.
Discriminators of depth 4 judge patches of 46 pixels, a quarter of the image's height of 180.
"""

from __future__ import annotations

from udalib.recipes.comparisons import Comparison, register_comparison
from udalib.recipes.registry import register
from udalib.recipes.zoo.adversarial.parts import adapted, adversary, min_entropy
from udalib.recipes.zoo.camvid import (
    DAY2DUSK_SOURCE_ONLY,
    FULL_SIZE,
    FULL_SIZE_STREAM,
    STREETS2CAMVID_SOURCE_ONLY,
    WHAT,
    camvid_stream,
)

DEPTH = 4
METHODS = {
    "adversarial-control": adversary("adaptsegnet", DEPTH, 0.0),
    "adaptsegnet-single": adversary("adaptsegnet", DEPTH, 0.03),
    "advent": adversary("advent", DEPTH, 0.01),
    "minent": min_entropy(0.03),
}
PRESETS: dict[str, dict[str, object]] = {
    "quick": {"streams.target.batch_size": 4, "streams.target.dataset.limit": 8},
    "paper": {"streams.target.workers": 4, FULL_SIZE_STREAM.format("target"): FULL_SIZE},
}

for _source_only, _domain in ((DAY2DUSK_SOURCE_ONLY, "dusk"), (STREETS2CAMVID_SOURCE_ONLY, None)):
    _target = camvid_stream("target", _domain, labels=False)
    for _name, _method in METHODS.items():
        register(adapted(_source_only, _name, _method, _target, iterations=200, lr=1e-3, presets=PRESETS))

register_comparison(
    Comparison(
        "camvid-adversarial",
        recipes=tuple(f"camvid-day2dusk/{name}" for name in ("source-only", *METHODS)),
        baselines=("camvid-day2dusk/source-only", "camvid-day2dusk/adversarial-control"),
        seeds=(0, 1, 2),
        what=WHAT,
    )
)
