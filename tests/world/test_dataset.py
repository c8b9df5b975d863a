import pickle

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.world import STYLES, Streets, render

SIZE = (32, 64)

_BUILD = """
import hashlib, os, pathlib
cache, digest = ARGUMENTS
os.environ["UDALIB_CACHE"] = cache
from udalib.world import Streets
streets = Streets("target", length=40, size=(32, 64))
pathlib.Path(digest).write_text(hashlib.blake2b(streets.arrays().tobytes(), digest_size=8).hexdigest())
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path))
    return tmp_path


def test_cached_and_rendered_samples_are_the_same():
    cached, live = (Streets("target", length=5, size=SIZE, cache=c) for c in (True, False))
    for i in range(5):
        assert torch.equal(cached[i]["image"], live[i]["image"])
        assert torch.equal(cached[i]["label"], live[i]["label"])
        assert cached[i]["name"] == live[i]["name"]


def test_sample_is_the_rendered_scene():
    sample = Streets("source", split="val", length=3, size=SIZE)[2]
    scene = render(10_000_002, "source", size=SIZE)
    assert torch.equal(sample["image"], scene["image"])
    assert torch.equal(sample["label"], scene["label"])


def test_cache_is_used_again(own_cache):
    first = Streets("source", length=3, size=SIZE)
    first.arrays()
    stamp = first.cache_file().stat().st_mtime_ns
    Streets("source", length=3, size=SIZE)[1]
    assert first.cache_file().stat().st_mtime_ns == stamp
    assert isinstance(Streets("source", length=3, size=SIZE).arrays(), np.memmap)


def test_what_pictures_depend_on_is_in_the_name_of_the_file():
    base = {"style": "source", "split": "train", "length": 3, "size": SIZE, "seed": 0}
    changes = [{"style": "target"}, {"split": "val"}, {"length": 4}, {"size": (32, 48)}, {"seed": 1}]
    files = {Streets(**{**base, **change}).cache_file() for change in [{}, *changes]}
    assert len(files) == 6
    assert all("streets-v" in str(file) for file in files)


def test_a_damaged_cache_is_made_again():
    streets = Streets("source", length=3, size=SIZE)
    good = streets.arrays().copy()
    data = streets.cache_file().read_bytes()
    for damaged in (b"", data[: len(data) // 2], b"nonsense"):
        streets.cache_file().write_bytes(damaged)
        assert np.array_equal(Streets("source", length=3, size=SIZE).arrays(), good)


def test_a_failed_write_leaves_nothing(own_cache, monkeypatch):
    streets = Streets("source", length=3, size=SIZE)
    monkeypatch.setattr(streets, "full", lambda index: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        streets.arrays()
    assert [p for p in own_cache.rglob("*") if p.is_file()] == []


def test_two_processes_may_start_at_once(own_cache, tmp_path_factory, start_script):
    folder = tmp_path_factory.mktemp("processes")
    (folder / "build.py").write_text(_BUILD)
    processes = [start_script(folder / "build.py", str(own_cache), str(folder / name)) for name in "ab"]
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (folder / "a").read_text() == (folder / "b").read_text() != ""
    assert len([p for p in own_cache.rglob("*") if p.is_file()]) == 1


def test_splits_share_no_scene():
    sets = [Streets("source", split=s, length=50, size=SIZE) for s in ("train", "val", "test")]
    scenes = [s.scene(i) for s in sets for i in range(50)]
    assert len(set(scenes)) == 150


def test_travels_to_a_worker_process():
    streets = Streets("source", length=3, size=SIZE)
    streets.arrays()
    copy = pickle.loads(pickle.dumps(streets))
    assert torch.equal(copy[1]["image"], streets[1]["image"])


def test_indices_follow_sequence_rules():
    streets = Streets("source", length=3, size=SIZE, cache=False)
    assert streets[-1]["name"] == streets[2]["name"]
    with pytest.raises(IndexError):
        streets[3]


def test_full_sample_and_clip():
    streets = Streets("target", split="test", length=2, size=SIZE, cache=False)
    assert "boxes" in streets.full(1)
    assert torch.equal(streets.clip(1, 2)["label"][0], streets[1]["label"])


def test_takes_a_style_that_is_not_registered():
    from dataclasses import replace

    style = replace(STYLES.get("target"), name="mine", surface=replace(STYLES.get("target").surface, texture=0.3))
    assert Streets(style, length=2, size=SIZE)[0]["name"].startswith("streets-v1_mine")


def test_errors_name_the_remedy():
    with pytest.raises(UnknownNameError, match="Did you mean: train"):
        Streets("source", split="trian")
    with pytest.raises(UnknownNameError, match="Did you mean: night"):
        Streets("nigth")
    with pytest.raises(ConfigError, match="length must be from 1"):
        Streets("source", length=0)
    with pytest.raises(ConfigError, match="size must be"):
        Streets("source", size=(64, 128, 3))
