"""Miniature trees of real data sets, each in its own layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import save


@pytest.fixture
def real_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four images each of GTA5, SYNTHIA, Cityscapes, ACDC, Dark Zurich, Cross-City and CamVid, by split or sequence."""
    root, rng = tmp_path / "data", np.random.default_rng(0)

    def pair(image: str, label: str, ids: list[int], size: tuple[int, int] = (64, 128)) -> None:
        save(root / image, rng.integers(0, 255, (*size, 3)))
        if label:
            save(root / label, rng.choice(ids, size))

    for i in range(4):
        pair(f"gta/images/{i:05d}.png", f"gta/labels/{i:05d}.png", [7, 8, 11, 23, 26], (60, 110))
        pair(f"synthia/RGB/{i:07d}.png", f"synthia/parsed_LABELS/{i:07d}.png", [1, 2, 3, 8, 14, 16], (60, 100))
        for split in ("train", "val"):
            place, name = f"cityscapes/{{}}/{split}/town", f"town_{i:06d}_000019_{{}}.png"
            image = place.format("leftImg8bit") + "/" + name.format("leftImg8bit")
            pair(image, place.format("gtFine") + "/" + name.format("gtFine_labelIds"), [7, 11, 22, 26, 27])
            pair(
                f"acdc/rgb_anon/fog/{split}/G/{i}_rgb_anon.png",
                f"acdc/gt/fog/{split}/G/{i}_gt_labelTrainIds.png",
                [0, 2],
            )
            label = f"dark_zurich/gt/{split}/night/G/{i}_gt_labelTrainIds.png" if split == "val" else ""
            pair(f"dark_zurich/rgb_anon/{split}/night/G/{i}_rgb_anon.png", label, [0, 2, 13])
        for city in ("Rome", "Rio", "Tokyo", "Taipei"):
            pair(f"crosscity/{city}/Images/Train/{i}.png", "", [])
            pair(f"crosscity/{city}/Images/Test/{i}.png", f"crosscity/{city}/Labels/Test/{i}_eval.png", [7, 12, 26])
        for split, sequence in (("train", "0016E5"), ("train", "0001TP"), ("test", "0001TP"), ("test", "Seq05VD")):
            name = f"{split}/{sequence}_{i + 10:05d}.png"
            pair(f"camvid/images/{name}", f"camvid/labels/{name}", [0, 3, 5, 11], (48, 64))
    monkeypatch.setenv("UDALIB_DATA", str(root))
    return root
