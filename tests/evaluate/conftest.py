"""A finished run on the streets and a miniature Cityscapes with a plain statement of its scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import save

from udalib.recipes import RunResult, run_recipe

TINY = {
    "train.iterations": 12,
    "train.evaluate_every": 4,
    "train.progress": False,
    "streams.source.dataset.length": 8,
    "evaluations.target.dataset.length": 5,
    "evaluations.target.batch_size": 2,
    "evaluations.source.dataset.length": 3,
}
RAW_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
SIZE = (64, 128)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths lead to a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path / "weights"))


@pytest.fixture(scope="session")
def trained(cache: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run on few streets; shared, so tests that write into its folder choose names of their own."""
    return run_recipe("streets/source-only", "quick", 0, "cpu", TINY, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def record() -> Callable[[str | Path], dict[str, Any]]:
    """Reader of the evaluation.json in a folder."""
    return lambda folder: json.loads(Path(folder, "evaluation.json").read_text())


class Town:
    """Five images of a miniature Cityscapes; labels of raw ids, ids that are no class among them."""

    size = SIZE

    def __init__(self, data: Path) -> None:
        rng, root = np.random.default_rng(0), data / "cityscapes"
        self.images = [root / f"leftImg8bit/val/town/town_{i:06d}_000019_leftImg8bit.png" for i in range(5)]
        self.names = [path.name.removesuffix("_leftImg8bit.png") for path in self.images]
        self.labels: list[np.ndarray] = []
        table = np.array([RAW_IDS.index(i) if i in RAW_IDS else 255 for i in range(256)])
        for image, name in zip(self.images, self.names, strict=True):
            raw = rng.choice([*RAW_IDS, 0, 3, 29], (8, 16)).repeat(8, 0).repeat(8, 1)
            save(image, rng.integers(0, 256, (8, 16, 3)).repeat(8, 0).repeat(8, 1))
            save(root / f"gtFine/val/town/{name}_gtFine_labelIds.png", raw)
            self.labels.append(table[raw])

    def iou(self, predicted: Sequence[np.ndarray], classes: int = 19) -> np.ndarray:
        """IoU by class of one histogram over all images, as the published code counts."""
        hist = np.zeros((classes, classes))
        for ids, label in zip(predicted, self.labels, strict=True):
            valid = label < classes
            pairs = classes * label[valid] + ids[valid].astype(int)
            hist += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        with np.errstate(invalid="ignore"):
            return np.diag(hist) / (hist.sum(0) + hist.sum(1) - np.diag(hist))


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The miniature Cityscapes, where data sets are looked for."""
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path / "data"))
    return Town(tmp_path / "data")
