"""The world is frozen: change what it draws only together with WORLD_VERSION, and then make new pins.

Labels, instances, depth and flow are pinned exactly, pictures by their channel means: on another machine a picture may
differ by one grey level in some pixels, which moves a mean by far less than the tolerance of 0.2.
"""

import hashlib

import pytest
import torch

from udalib.world import WORLD_VERSION, render, render_clip

OTHER = 10_000_003
# style, index, seed, size, label, instances, depth, channel means
STILLS = [
    ("source", 0, 0, (64, 128), "720ec29fc8c2bb2e", "9508a7cb607a2c56", "55e98666923f9bec", (96.15, 114.85, 122.86)),
    (
        "source",
        OTHER,
        1,
        (48, 80),
        "0b67d7ca7ed7fcf9",
        "18ea8f7d5b095dac",
        "2fe35c3327fc1114",
        (89.77, 117.19, 134.52),
    ),
    ("target", 0, 0, (64, 128), "19556b4e0913d1db", "932f15c9b4e5a872", "c925911638cdf77f", (116.1, 118.15, 125.55)),
    (
        "target",
        OTHER,
        1,
        (48, 80),
        "33450c493af8a7b5",
        "9673cab7f69cb6fd",
        "55871574b0357dde",
        (113.24, 116.96, 115.78),
    ),
    ("night", 0, 0, (64, 128), "19556b4e0913d1db", "932f15c9b4e5a872", "c925911638cdf77f", (55.24, 59.12, 71.72)),
    ("fog", 0, 0, (64, 128), "19556b4e0913d1db", "932f15c9b4e5a872", "c925911638cdf77f", (148.88, 152.4, 156.47)),
    ("rain", 0, 0, (64, 128), "19556b4e0913d1db", "932f15c9b4e5a872", "c925911638cdf77f", (95.28, 105.72, 118.06)),
]
CLIP = {
    "label": "da49266553fd78e6",
    "instances": "d11e63eb8115f6e7",
    "flow_forward": "f4fad7adf03d3b41",
    "flow_backward": "1c9f182d6b5c2797",
}


def digest(values):
    return hashlib.blake2b(values.contiguous().numpy().tobytes(), digest_size=8).hexdigest()


def test_version_of_the_pins():
    assert WORLD_VERSION == "streets-v1"


@pytest.mark.parametrize(("style", "index", "seed", "size", "label", "instances", "depth", "means"), STILLS)
def test_stills_are_what_they_were(style, index, seed, size, label, instances, depth, means):
    sample = render(index, style, seed, size)
    assert [digest(sample[k]) for k in ("label", "instances", "depth")] == [label, instances, depth]
    assert torch.allclose(sample["image"].float().mean(dim=(1, 2)), torch.tensor(means), atol=0.2)


def test_clip_is_what_it_was():
    clip = render_clip(5, 3, "target", 0, (64, 128))
    assert {key: digest(clip[key]) for key in CLIP} == CLIP
