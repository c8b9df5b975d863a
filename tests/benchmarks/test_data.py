"""Both ways count and score alike; the record has a rate and a ratio a part."""

import argparse
import json

import numpy as np
import pytest

SMALL = argparse.Namespace(size=(90, 160), files=2)


def test_both_ways_count_the_same_pixels(data, tmp_path):
    ours, peer, files = data.counts(tmp_path, SMALL)
    assert [counts for _, counts in ours().images] == peer()
    assert files == 2


def test_both_ways_find_the_same_mean_iou(data, tmp_path):
    ours, peer, _ = data.scores(tmp_path, SMALL)
    assert ours() == pytest.approx(peer(), abs=1e-3)  # a pixel on the edge of two classes may fall to either side


def test_both_ways_load_crops_of_one_size(data, tmp_path):
    ours, peer, _ = data.load(tmp_path, SMALL)
    batch, (images, labels) = ours(), peer()
    assert batch["image"].shape == images.shape
    assert batch["label"].shape == labels.shape[:1] + labels.shape[-2:]
    assert batch["image"].dtype == images.dtype


def test_record(data, tmp_path):
    out = tmp_path / "data.json"
    words = ["--size", "90", "160", "--files", "2", "--rounds", "1", "--least", "0", "--out", str(out)]
    assert data.main(words) == 0
    parts = json.loads(out.read_text())["parts"]
    assert [p["part"] for p in parts] == ["load", "strong", "statistics", "scores"]
    assert all(np.isfinite(p["peer_over_ours"]["median"]) for p in parts)
