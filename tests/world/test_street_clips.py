"""Clips of the streets: the rendered frames with exact flow, kept or drawn, named and counted like stills."""

import pickle

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.recipes.spec.datasets import dataset_factory
from udalib.world import StreetClips, Streets, render_clip

SIZE = (32, 64)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path))


def clips(**options):
    return StreetClips("target", split="val", length=3, size=SIZE, frames=3, **options)


def test_a_clip_is_the_rendered_one():
    want = render_clip(10_000_001, 3, "target", size=SIZE)
    got = clips(cache=False)[1]
    assert torch.equal(got["frames"], want["image"])
    assert torch.equal(got["frame_labels"], want["label"])
    assert torch.equal(got["image"], want["image"][-1])
    assert torch.equal(got["label"], want["label"][-1])
    for key in ("flow_backward", "flow_forward"):
        torch.testing.assert_close(got[key], want[key], rtol=2**-11, atol=1e-4)  # 11 bits


def test_kept_clips_are_drawn_ones():
    kept, drawn = clips(), clips(cache=False)
    assert kept.cache_file().name.endswith("_3f.npy")
    for i in range(3):
        for key, value in drawn[i].items():
            assert torch.equal(kept[i][key], value) if isinstance(value, torch.Tensor) else kept[i][key] == value
    assert pickle.loads(pickle.dumps(kept))[2]["frames"].equal(kept[2]["frames"])
    assert kept.read_label(2).equal(kept[2]["label"])
    assert len({kept.label_file(i) for i in range(3)}) == 3
    with pytest.raises(IndexError):
        kept[3]


def test_recipes_ask_for_frames():
    factory = dataset_factory("streets/target")
    options = {"split": "val", "length": 3, "size": SIZE, "cache": False}
    assert isinstance(factory(**options), Streets)
    assert isinstance(factory(frames=2, **options), StreetClips)
    with pytest.raises(ConfigError, match="clips of 0 frames have no flow"):
        factory(frames=0, **options)
