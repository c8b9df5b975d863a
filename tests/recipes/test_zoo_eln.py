"""Recipes of ELN and its baselines: what they answer to, what they share, that they run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from udalib.core.errors import DataError
from udalib.engine import read_metrics
from udalib.recipes import get_recipe, list_recipes, run_recipe
from udalib.recipes.build import build_stream

VOC = [f"voc/{kind}-r{depth}-1_{d}" for kind in ("eln", "supervised") for depth in (50, 101) for d in (20, 8, 4)]
CITY = [f"cityscapes/{kind}-r50-1_{d}" for kind in ("eln", "supervised") for d in (8, 4, 2)]
STREETS = [f"streets/{kind}-1_8" for kind in ("eln", "control", "threshold", "s-ecn")]
STARTS = ["streets/supervised-1_8", "camvid/supervised-1_8", "camvid/supervised-1_4"]
CAMVID = [f"camvid/{kind}-1_{d}" for kind in ("eln", "control", "threshold") for d in (8, 4)]
ALL = [*VOC, *CITY, *STREETS, *CAMVID, *STARTS]


def test_all_are_registered() -> None:
    assert set(ALL) <= set(list_recipes())


def test_published_numbers_are_those_of_the_sheet_and_no_others() -> None:
    values = {name: [p.value for p in get_recipe(name, "paper").published] for name in ALL}
    assert {name: v for name, v in values.items() if v} == {
        "voc/eln-r50-1_8": [73.2],
        "voc/eln-r101-1_8": [75.1],
        "voc/eln-r101-1_4": [76.6],
        "cityscapes/eln-r50-1_8": [70.33],
        "cityscapes/eln-r50-1_4": [73.52],
    }


@pytest.mark.parametrize(("name", "epochs", "batch"), [(VOC[1], (70, 50), 6), (CITY[0], (100, 58), 4)])
def test_the_published_setting(name: str, epochs: tuple[int, int], batch: int) -> None:
    """The table of hyper-parameters, section 4 of the sheet."""
    recipe = get_recipe(name, "paper")
    method, optimizer = recipe.method.options, recipe.optimizer
    assert (method["pretrain_iterations"], method["eln_iterations"]) == tuple(266 * e for e in epochs)
    assert method["official"] is True
    defaults = recipe.method.defaults()
    assert (defaults["alpha"], defaults["alphas"], defaults["temperature"]) == (0.995, (20.0, 50.0), 0.5)
    assert (defaults["contrast_windows"], defaults["contrast_window"], defaults["epoch_iterations"]) == (8, 32, 266)
    assert (defaults["eln_lr"], defaults["eln_backbone_lr_mult"], defaults["eln_weight_decay"]) == (1e-4, 0.1, 1e-5)
    assert (optimizer.kind, optimizer.lr, optimizer.weight_decay) == ("adamw", 1e-4, 1e-5)
    assert [(r.pattern, r.lr_mult) for r in optimizer.rules] == [("encoder", 0.1)]
    assert (recipe.schedule.name, recipe.train.iterations) == ("constant", 133_000)
    assert [(s.name, s.batch_size) for s in recipe.streams] == [("labelled", batch), ("unlabelled", batch)]
    assert not recipe.streams[1].dataset.options["labels"]


@pytest.mark.parametrize("family", ["streets", "camvid"])
@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_kinds_differ_in_the_method_alone(family: str, preset: str) -> None:
    """Same labelled images, network, start, training and evaluation; stage 2 begins at the same iteration."""
    recipes = [get_recipe(name, preset) for name in (STREETS if family == "streets" else CAMVID[::2])]
    first = recipes[0]
    for recipe in recipes:
        assert recipe.streams[0] == first.streams[0]
        assert (recipe.network, recipe.optimizer, recipe.schedule) == (first.network, first.optimizer, first.schedule)
        assert (recipe.train, recipe.evaluations, recipe.start) == (first.train, first.evaluations, first.start)
        options = recipe.method.options
        if recipe.method.name != "supervised":
            begin = options["pretrain_iterations"] + options.get("eln_iterations", 0)
            assert begin < recipe.train.iterations
            want = first.method.options
            assert begin == want["pretrain_iterations"] + want["eln_iterations"]


def test_streams_split_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path))
    recipe = get_recipe("streets/eln-1_8", "laptop", {f"streams.{n}.dataset.length": 240 for n in NAMES})
    items = {s.name: set(build_stream(s, "cityscapes19", 3).sampler.items) for s in recipe.streams}  # type: ignore[attr-defined]
    assert (len(items["labelled"]), len(items["unlabelled"])) == (30, 210)
    assert not items["labelled"] & items["unlabelled"]
    tiny = get_recipe("streets/eln-1_8", "laptop", {f"streams.{n}.dataset.length": 16 for n in NAMES})
    with pytest.raises(DataError, match="2 labelled images cannot show all"):
        build_stream(tiny.streams[0], "cityscapes19", 0)


@pytest.mark.parametrize("name", list_recipes("streets/eln-1_8-*"))
def test_an_ablation_changes_one_option(name: str) -> None:
    whole, changed = get_recipe("streets/eln-1_8", "laptop"), get_recipe(name, "laptop")
    method = changed.method.options
    assert len([key for key, value in method.items() if whole.method.options.get(key) != value]) == 1
    assert replace(changed, name=whole.name, summary=whole.summary, method=whole.method) == whole


NAMES = ("labelled", "unlabelled")
TINY = {"train.iterations": 5, "train.progress": False, "train.log_every": 1}


@pytest.mark.parametrize("name", STREETS)
def test_streets_run_through_all_stages(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    changes: dict[str, Any] = {**TINY, **{f"evaluations.{name}.dataset.length": 2 for name in ("val", "localization")}}
    if name != "streets/control-1_8":
        changes["method.pretrain_iterations"] = 1 if name != "streets/threshold-1_8" else 3
    if name in ("streets/eln-1_8", "streets/s-ecn-1_8"):
        changes["method.eln_iterations"] = 2
    result = run_recipe(name, "quick", 0, "cpu", changes, tmp_path / "runs")
    assert 0 <= result.results["val/miou"] <= 1
    assert 0 < result.results["localization/wrong_share"] <= 1
    assert result.results["localization/images"] == 2
    lines = [line for line in read_metrics(result.folder / "metrics.jsonl") if line["kind"] == "train"]
    assert len(lines) == 5
    assert ("loss_contrast_plain" in lines[-1]) == (name != "streets/control-1_8")
    assert "loss_contrast_plain" not in lines[2]


@pytest.fixture
def voc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images of VOC with published-style lists of two and four of them."""
    root, rng = tmp_path / "data" / "VOCdevkit" / "VOC2012", np.random.default_rng(0)
    names = [f"2008_{i:06d}" for i in range(6)]
    for folder in ("JPEGImages", "SegmentationClassAug", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name in names:
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)).save(root / f"JPEGImages/{name}.jpg")
        label = rng.choice(np.array([0, 3, 15, 255], dtype=np.uint8), (60, 80))
        Image.fromarray(label).save(root / f"SegmentationClassAug/{name}.png")
    lists = {"8_labeled_0": names[:2], "8_unlabeled_0": names[2:], "val": names[:2]}
    for split, members in lists.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("\n".join(members))
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path / "data"))
    return root


@pytest.mark.slow
def test_voc_reads_the_published_lists(voc: Path, tmp_path: Path) -> None:
    changes = {"train.progress": False, "network.encoder.name": "streets", "method.contrast_window": 8}
    result = run_recipe("voc/eln-r50-1_8", "quick", 0, "cpu", changes, tmp_path / "runs")
    assert result.results["val/images"] == result.results["val505/images"] == 2
    scored = [sum(map(sum, result.results[f"{name}/confusion"])) for name in ("val", "val505")]
    assert 2 * 60 * 80 > scored[0] > 0
    assert 2 * 505 * 505 > scored[1] > 2 * 60 * 80  # one label in four is void
    lines = [line for line in read_metrics(result.folder / "metrics.jsonl") if line["kind"] == "train"]
    assert "loss_pseudo_strong" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cityscapes/eln-r50-1_2", {"streams.labelled.dataset.limit": 4, "streams.unlabelled.dataset.limit": 4}),
        ("camvid/eln-1_4", {"network.encoder.pretrained": False, "start": None}),
    ],
)
def test_photographs_run_on_miniature_trees(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, changes: dict[str, Any]
) -> None:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    changes = {**changes, "train.progress": False, "method.contrast_window": 5}
    if name.startswith("cityscapes"):
        changes["network.encoder.name"] = "streets"
        changes |= {f"streams.{n}.sample_transforms.crop.size": (64, 96) for n in NAMES}
    result = run_recipe(name, "quick", 0, "cpu", changes, tmp_path / "runs")
    assert 0 <= next(iter(result.results.values())) <= 1
