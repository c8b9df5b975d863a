"""QuadMix's recipes: against the facts sheet (quadmix), and runs on miniature trees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import save
from published_size import paper, published_size

from udalib.data import label_space
from udalib.methods.shared.quad_mixer import PATHS
from udalib.recipes import get_recipe, list_recipes, run_recipe
from udalib.recipes.build import build_method, check
from udalib.recipes.comparisons import get_comparison

IMAGES = [
    f"{family}/quadmix-hrda{end}" for family in ("gta2cityscapes", "synthia2cityscapes") for end in ("", "-deeplabv2")
]
FAMILIES = ("viper2cityscapes-seq", "synthia-seq2cityscapes-seq")
KINDS = ("source-only", "source-only-daformer", "quadmix-video", "quadmix-video-daformer")
VIDEO = [f"{family}/{kind}" for family in FAMILIES for kind in KINDS]

MIOU11 = "target/subsets/synthia11"
PUBLISHED = {
    "gta2cityscapes/quadmix-hrda-deeplabv2": [(66.8, "target/miou")],
    "gta2cityscapes/quadmix-hrda": [(76.1, "target/miou")],
    "synthia2cityscapes/quadmix-hrda-deeplabv2": [
        (62.6, "target/subsets/cityscapes16"),
        (72.3, "target/subsets/cityscapes13"),
    ],
    "synthia2cityscapes/quadmix-hrda": [(67.5, "target/subsets/cityscapes16"), (74.3, "target/subsets/cityscapes13")],
    "synthia-seq2cityscapes-seq/source-only": [(38.3, MIOU11)],
    "synthia-seq2cityscapes-seq/source-only-daformer": [],
    "synthia-seq2cityscapes-seq/quadmix-video": [(61.5, MIOU11)],
    "synthia-seq2cityscapes-seq/quadmix-video-daformer": [(67.2, MIOU11)],
    "viper2cityscapes-seq/source-only": [(37.1, "target/miou")],
    "viper2cityscapes-seq/source-only-daformer": [],
    "viper2cityscapes-seq/quadmix-video": [(56.2, "target/miou")],
    "viper2cityscapes-seq/quadmix-video-daformer": [(58.2, "target/miou")],
}
"""Quadmix sheet, section 5."""


@pytest.mark.parametrize("name", [*IMAGES, *VIDEO])
def test_published_numbers_are_those_of_the_sheet(name: str) -> None:
    recipe = paper(name)
    assert [(p.value, p.metric) for p in recipe.published] == PUBLISHED[name]
    for number in recipe.published:
        if number.classes:
            mean = sum(number.classes.values()) / len(number.classes)
            assert mean == pytest.approx(number.value, abs=0.11)  # a mean of rounded numbers, rounded
            names = label_space(recipe.label_space).names
            assert [n for n in names if n in number.classes] == list(number.classes)


@pytest.mark.parametrize(
    ("name", "first", "classes", "pixels"),
    [
        ("gta2cityscapes/quadmix-hrda", 6000, (3, 4, 5, 6, 12, 15, 16, 17, 18), 50),
        ("gta2cityscapes/quadmix-hrda-deeplabv2", 7000, (3, 4, 5, 6, 12, 15, 16, 17, 18), 50),
        ("synthia2cityscapes/quadmix-hrda", 6000, (3, 3, 4, 4, 4, 4, 5, 5, 6, 7, 12, 13, 18), 10),
        ("synthia2cityscapes/quadmix-hrda-deeplabv2", 6001, (3, 3, 4, 4, 4, 4, 5, 5, 6, 7, 12, 13, 18), 10),
    ],
)
def test_images_are_mixed_as_published(name: str, first: int, classes: tuple[int, ...], pixels: int) -> None:
    recipe = paper(name)
    options = recipe.method.options
    assert (options["quad_from"], options["rare_classes"], options["rare_pixels"]) == (first, classes, pixels)
    assert (options["mask_block"], options["mask_ratio"], options["mask_domains"]) == (64, 0.7, "target")
    assert (options["official"], options["alpha"], options["threshold"]) == (True, 0.999, 0.968)
    batches = {stream.name: stream.batch_size for stream in recipe.streams}
    assert batches == {"source": 2, "target": 2, "rare": 8}  # two images, two patches, two paths
    method: Any = published_size(name)
    assert method.template_confidence == 0.9
    assert (method.mixer.source_classes, method.mixer.target_classes) == (2, 2)
    encoder = recipe.network.encoder
    assert encoder is not None
    assert encoder.name == ("resnet101_v1c_d8" if name.endswith("deeplabv2") else "mit_b5")


@pytest.mark.parametrize("name", [name for name in VIDEO if "quadmix" in name])
def test_clips_are_mixed_as_published(name: str) -> None:
    recipe, viper = paper(name), name.startswith("viper")
    options, vit = recipe.method.options, name.endswith("daformer")
    assert options["rare_classes"] == ((3, 4, 5, 7, 13, 14) if viper else (3, 4, 5, 6, 10))
    assert options.get("lambda_target", 1.0) == (0.2 if viper else 1.0)
    assert options.get("window_rows") == ((100, 128) if viper else None)
    assert options["frozen_until"] == (4000 if vit else 8000)
    assert (options["official"], options["alpha"], options["template_rare"]) == (True, 0.0, True)
    assert {s.name: s.batch_size for s in recipe.streams} == {"source": 1, "target": 1, "rare": 3 if viper else 2}
    frames = {s.name: s.dataset.options.get("frames", 1) for s in recipe.streams}
    assert frames == {"source": 2, "target": 3, "rare": 1}
    assert recipe.streams[1].dataset.options["labels"] is False
    method: Any = published_size(name)
    assert method.weights == {
        "trg": options.get("lambda_target", 1.0),
        "trg_aux": options.get("lambda_target", 1.0) * 0.1,
        "tar_p": options.get("lambda_target", 1.0),
        "src_p": 1.0,
        "src": 1.0,
        "src_aux": 0.1,
        "mmd": 0.01,
    }
    assert method.network.has_auxiliary is not vit
    assert method.num_classes == (15 if viper else 12)
    rates = {n: g["lr"] for g in method.optimizer.param_groups for n in g["parameter_names"]}
    base = (1e-4 if viper else 2.5e-4) if not vit else 6e-5
    assert rates["sf_layer.weight"] == pytest.approx(base * (1 if vit else 10))
    heads = [rate for key, rate in rates.items() if key.startswith("decoder.")]
    assert all(rate == pytest.approx(10 * base) for rate in heads)
    assert recipe.start is not None
    assert recipe.start.recipe == name.replace("quadmix-video", "source-only")
    assert paper(recipe.start.recipe).network == recipe.network


def test_ablations_leave_one_thing_out() -> None:
    whole = get_recipe("streets/quadmix").method.options
    for path in PATHS:
        options = get_recipe(f"streets/quadmix-without-{path.replace('_', '-')}").method.options
        assert options == {**whole, "paths": tuple(p for p in PATHS if p != path)}
    assert get_recipe("streets/quadmix-without-templates").method.options == {**whole, "templates": "batch"}
    assert get_recipe("streets/quadmix-without-features").method.options == {**whole, "feature_mix": 0.0}
    bare = get_recipe("streets/quadmix-without-patches")
    assert bare.method.options == {k: v for k, v in whole.items() if not k.startswith("rare_")}
    assert [s.name for s in bare.streams] == ["source", "target"]
    video = get_recipe("streets-clips/quadmix-video").method.options
    without = get_recipe("streets-clips/quadmix-video-without-flow-guidance").method.options
    assert without == {**video, "flow_guidance": False}


@pytest.mark.parametrize("name", ["streets-quadmix", "streets-quadmix-ablation", "streets-clips", "camvid-clip"])
def test_comparisons_name_recipes_that_exist(name: str) -> None:
    comparison = get_comparison(name)
    assert set(comparison.recipes) <= set(list_recipes())
    assert set(comparison.baselines) <= set(comparison.recipes)
    clips = "clip" in name
    assert ("target/temporal_consistency" in comparison.metrics) is clips
    assert len(comparison.seeds) == (3 if name == "camvid-clip" else 5)


def test_rows_of_a_clip_comparison_start_alike() -> None:
    rows = [get_recipe(name) for name in get_comparison("streets-clips").recipes]
    assert len({row.network for row in rows}) == 1
    assert {row.start.recipe for row in rows if row.start} == {"streets-clips/source-only"}
    assert len({(row.train.iterations, row.optimizer) for row in rows[1:]}) == 1
    assert all(row.evaluations == rows[0].evaluations for row in rows)


@pytest.fixture
def video_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two labelled frames, with those before them, of VIPER, SYNTHIA-Seq and Cityscapes-Seq."""
    root, rng = tmp_path / "data", np.random.default_rng(0)

    def frame(image: str, label: str | None, ids: list[int], size: tuple[int, int] = (64, 128)) -> None:
        save(root / image, rng.integers(0, 255, (*size, 3)))
        if label is not None:
            save(root / label, rng.choice(ids, size))

    for number in (9, 10, 19, 20):
        frame(f"viper/train/img/001/001_{number:05d}.png", f"viper/train/cls/001/001_{number:05d}.png", [3, 9, 11, 13])
    for number in range(3):
        place = f"synthia_seq/{{}}/{number:06d}.png"
        frame(place.format("rgb"), place.format("parsed_label"), [3, 2, 5, 10], (184, 128))
    for split in ("train", "val"):
        for snippet in (0, 1):
            for number in (17, 18, 19):
                name = f"town_{snippet:06d}_{number:06d}"
                label = f"cityscapes/gtFine/{split}/town/{name}_gtFine_labelIds.png" if number == 19 else None
                image = f"cityscapes/leftImg8bit_sequence/{split}/town/{name}_leftImg8bit.png"
                frame(image, label, [7, 11, 22, 24, 26])
    for path in (root / "viper/train/img").rglob("*.png"):
        path.rename(path.with_suffix(".jpg"))
    monkeypatch.setenv("UDALIB_DATA", str(root))
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    return root


TINY: dict[str, Any] = {"train.iterations": 2, "train.progress": False}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_video_recipes_run_on_miniature_trees(video_data: Path, tmp_path: Path, family: str) -> None:
    """The ViT with a small encoder; the CNN's network is a golden's, its parts those of the ViT's recipe."""
    name = f"{family}/quadmix-video-daformer"
    narrow = {"network.decoder.channels": 16, "network.decoder.embed_dims": 16, "network.encoder.name": "mit_b0"}
    rare = {"streams.rare.sampler.min_pixels": 20, "method.frozen_until": 0}
    result = run_recipe(name, "quick", 0, "cpu", {**TINY, **narrow, **rare, "start": None}, tmp_path / "runs")
    assert result.results["target/images"] == 2
    assert 0 <= result.results["target/temporal_consistency"] <= 1
    logged = (result.folder / "metrics.jsonl").read_text()
    assert all(term in logged for term in ("loss_src_p", "loss_tar_p", "loss_trg", "loss_mmd"))
    if family.startswith("synthia"):
        assert "synthia11" in result.results["target/subsets"]


@pytest.mark.parametrize("name", [*IMAGES, *VIDEO])
def test_paper_recipes_are_complete(name: str) -> None:
    check(paper(name))


def test_the_cnn_of_the_video_recipes_has_two_frames_and_two_levels() -> None:
    method: Any = published_size("viper2cityscapes-seq/quadmix-video")
    names = set(dict(method.network.named_parameters()))
    assert {"decoder.layer5.conv2d_list.0.weight", "decoder.layer7.head.1.weight", "sf_layer.weight"} <= names
    small = get_recipe("streets-clips/single-frame", "quick")
    assert build_method(small, pretrained=False).network.sf_layer.weight.shape == (19, 38, 1, 1)
