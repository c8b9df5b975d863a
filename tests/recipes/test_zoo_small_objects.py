"""The recipes of TinyPerson: from a tree of files to scores, in pieces all along."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from udalib.recipes import get_recipe, list_recipes
from udalib.recipes.build import build_evaluator, build_stream
from udalib.recipes.runner import execute
from udalib.recipes.spec.specs import NetworkSpec


@pytest.fixture
def tinyperson(tmp_path, monkeypatch):
    """Two pictures of 90 x 130 a split, each with a person and an uncertain one."""
    root, random = tmp_path / "data/tinyperson", np.random.default_rng(0)
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "test"):
        (root / split).mkdir()
        names = ["a.png", "b.png"]
        for name in names:
            Image.fromarray(random.integers(0, 255, (90, 130, 3), dtype=np.uint8)).save(root / split / name)
        notes = [{"image_id": i, "category_id": 1, "bbox": [20 + 60 * i, 30, 9, 12]} for i in range(2)]
        notes += [{"image_id": i, "category_id": 2, "bbox": [100, 70, 8, 8], "uncertain": True} for i in range(2)]
        data = {"images": [{"id": i, "file_name": name} for i, name in enumerate(names)], "annotations": notes}
        data["categories"] = [{"id": 1, "name": "sea_person"}, {"id": 2, "name": "earth_person"}]
        (root / f"annotations/{split}.json").write_text(json.dumps(data))
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path / "data"))
    return tmp_path


CHANGES = {
    "train.iterations": 1,
    "train.progress": False,
    "streams.labelled.dataset.piece": (64, 128),
    "evaluations.test.inference.crop": (64, 128),
    "evaluations.test.inference.stride": (44, 89),
}


def test_published_pieces_share_thirty_percent_in_training_and_test():
    for name in list_recipes("tinyperson/*"):
        recipe = get_recipe(name, "paper")
        assert dict(recipe.streams[0].dataset.options) == {"piece": (512, 640), "overlap": 0.3}
        assert dict(recipe.evaluations[0].inference.options) == {"crop": (512, 640), "stride": (358, 448)}
        assert recipe.evaluations[0].task == "tiny_detection"
        assert recipe.published == ()


def test_pieces_are_learned_and_whole_pictures_are_scored(tinyperson):
    recipe = get_recipe("tinyperson/gfl-cfpt-r50", "quick", CHANGES)
    small = NetworkSpec.of("detector", encoder="streets", neck="cfpt", head="gfl", channels=32, depth=1, official=True)
    recipe = replace(recipe, network=small, train=replace(recipe.train, device="cpu"))
    batch = next(iter(build_stream(recipe.streams[0], recipe.label_space, 0).batches()))
    assert tuple(batch["image"].shape) == (1, 3, 64, 128)
    evaluator = build_evaluator(recipe.evaluations[0], recipe.label_space)
    assert tuple(evaluator.dataset[0]["image"].shape) == (3, 90, 130)
    assert evaluator.dataset[0]["box_ignore"].tolist() == [False, True]
    assert evaluator.inference.crop == (64, 128)
    run = execute(recipe, out=tinyperson / "runs")
    assert run.results["test/images"] == 2
    assert run.results["test/ap50_tiny"] is not None
