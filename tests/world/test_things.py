"""Crops of single things: what is in them, that they are pure functions of seed and index, the data set around them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data import label_space
from udalib.world import Things
from udalib.world import crops as crops_module
from udalib.world.crops import THINGS, draw_crop
from udalib.world.drawing.view import view

SIZE = (32, 40)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path))
    return tmp_path


def test_the_classes_are_the_things_of_cityscapes() -> None:
    assert THINGS == (6, 7, 11, 12, 13, 14, 15, 16, 17, 18)
    cityscapes = label_space("cityscapes19")
    assert label_space("cityscapes_things").names == tuple(cityscapes.names[i] for i in THINGS)


def test_a_crop_shows_its_thing_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(*arguments: object) -> object:
        seen.append(view(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(crops_module, "view", watched)
    shares = []
    for index in range(40):
        draw_crop(index, 0, SIZE)
        label = np.take(seen[-1].scene.part_class, seen[-1].parts)
        others = set(THINGS) - {THINGS[index % 10], 17, 18}  # a rider sits on a bicycle or a motorcycle
        assert not np.isin(label, list(others)).any()
        shares.append(np.mean(label == THINGS[index % 10]))
    assert min(shares) >= 0.03
    assert np.mean(shares) > 0.15


def test_a_thing_that_is_hidden_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def watched(*arguments: object) -> object:
        drawn.append(arguments)
        return view(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(crops_module, "view", watched)
    monkeypatch.setattr(crops_module, "_VISIBLE", 0.3)
    draw_crop(0, 0, SIZE)
    assert len(drawn) > 1


def test_a_crop_is_a_pure_function_of_seed_and_index() -> None:
    a, b = draw_crop(7, 0, SIZE), draw_crop(7, 0, SIZE)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, draw_crop(17, 0, SIZE))
    assert not np.array_equal(a, draw_crop(7, 1, SIZE))


def test_colours_differ_from_crop_to_crop() -> None:
    means = np.stack([draw_crop(i, 0, SIZE).mean((1, 2)) for i in range(4, 404, 10)])
    assert (means.std(0) > 15).all()


def test_samples_and_classes_in_balance() -> None:
    things = Things("val", length=20, size=SIZE, cache=False)
    sample = things[13]
    assert (sample["image"].dtype, tuple(sample["image"].shape)) == (torch.uint8, (3, *SIZE))
    assert (sample["target"].dtype, sample["target"].shape) == (torch.int64, ())
    assert [int(things[i]["target"]) for i in range(20)] == [*range(10), *range(10)]
    assert things[-1]["name"] == things[19]["name"] == "streets-v1_things-v2_s0_10000019"
    with pytest.raises(IndexError):
        things[20]


def test_cached_and_drawn_samples_are_the_same(own_cache: Path) -> None:
    cached, live = (Things(length=4, size=SIZE, cache=c) for c in (True, False))
    for i in range(4):
        assert torch.equal(cached[i]["image"], live[i]["image"])
    assert [p for p in own_cache.rglob("*") if p.is_file()] == [cached.cache_file()]
    stamp = cached.cache_file().stat().st_mtime_ns
    again = pickle.loads(pickle.dumps(cached))
    assert torch.equal(again[3]["image"], live[3]["image"])
    assert cached.cache_file().stat().st_mtime_ns == stamp


def test_what_pictures_depend_on_is_in_the_name_of_the_file() -> None:
    base = {"split": "train", "length": 3, "size": SIZE, "seed": 0}
    changes = [{}, {"split": "val"}, {"length": 4}, {"size": (32, 32)}, {"seed": 1}]
    assert len({Things(**{**base, **change}).cache_file() for change in changes}) == 5  # type: ignore[arg-type]


def test_splits_share_no_picture() -> None:
    train, val = (Things(split, length=1, size=SIZE, cache=False) for split in ("train", "val"))
    assert not torch.equal(train[0]["image"], val[0]["image"])


def test_errors_name_the_remedy() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean: train"):
        Things("trian")
    with pytest.raises(ConfigError, match="length must be from 1"):
        Things(length=0)
    with pytest.raises(ConfigError, match="size must be"):
        Things(size=(8, 8))
