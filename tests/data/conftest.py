"""Writers of miniature data set trees."""

import itertools
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = (6, 8)


def picture(seed=0, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def write_image(path, seed=0, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, size)).save(path)
    return path


def id_map(ids, size=SIZE):
    """Columns that cycle through ``ids``."""
    return np.tile(np.resize(np.array(ids, dtype=np.uint8), size[1]), (size[0], 1))


def write_label(path, ids, size=SIZE, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    label = Image.fromarray(id_map(ids, size))
    if palette:
        label.putpalette(bytes(range(255, -1, -1)) * 3)
    label.save(path)
    return path


def write_png16(path, pixels):
    """A 16-bit PNG of (H, W, 1, 3 or 4) that uses each of the five row filters; written without any library."""
    height, width, channels = pixels.shape
    step, raw = channels * 2, pixels.astype(">u2").tobytes()
    rows = [raw[i * width * step : (i + 1) * width * step] for i in range(height)]
    filtered = b""
    for kind, (above, row) in zip(itertools.cycle(range(5)), itertools.pairwise([bytes(width * step), *rows])):
        filtered += bytes([kind]) + bytes(_filtered(kind, row, above, i, step) for i in range(len(row)))
    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))  # noqa: E731
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(filtered)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def _filtered(kind, row, above, i, step):
    left, up = (row[i - step] if i >= step else 0), above[i]
    corner = above[i - step] if i >= step else 0
    estimate = left + up - corner
    nearest = min((left, up, corner), key=lambda v: abs(estimate - v))
    return (row[i] - (0, left, up, (left + up) // 2, nearest)[kind]) % 256


@pytest.fixture
def write():
    """The writers, by name."""

    class Writers:
        image = staticmethod(write_image)
        label = staticmethod(write_label)
        png16 = staticmethod(write_png16)

    return Writers


MINI = {
    "name": "mini",
    "title": "Mini",
    "what": "A miniature tree.",
    "licence": "none",
    "where": "the tests",
    "folders": ["mini"],
    "label_space": "camvid11",
    "layout": ["img/SPLIT/CITY/NAME.png", "lab/SPLIT/CITY/NAME.png"],
    "splits": {
        "train": {"images": ["img/train/*/*.png"], "count": 3, "labelled": True},
        "val": {"images": ["img/val/*/*.png"], "count": 1, "labelled": True},
    },
    "labels": [{"form": "ids", "replace": [["img/", "lab/"]], "ids": "camvid_ids", "max_id": 11}],
    "size_wh": [8, 6],
    "other_files": ["*.json"],
}


@pytest.fixture
def mini(tmp_path, monkeypatch):
    """Root of an intact tree of the manifest "mini": three training pairs in two folders and one of validation."""
    manifests, root = tmp_path / "manifests", tmp_path / "sets" / "mini"
    manifests.mkdir()
    (manifests / "mini.json").write_text(json.dumps(MINI))
    monkeypatch.setenv("UDALIB_MANIFESTS", str(manifests))
    monkeypatch.setenv("UDALIB_DATA", str(root.parent))
    for seed, name in enumerate(("train/a/1", "train/a/2", "train/b/3", "val/a/9")):
        write_image(root / "img" / f"{name}.png", seed)
        write_label(root / "lab" / f"{name}.png", [0, 3, 8, 11], palette=True)
    return Path(root)
