"""Folders of one's own as data of the recipes own/...: what is found, what is refused, and runs on odd miniatures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from udalib.core.errors import ConfigError, DataError
from udalib.core.types import Sample
from udalib.data.sets.writing import write_folders
from udalib.recipes import get_recipe, list_recipes, run_recipe
from udalib.recipes.apply.predictor import find_images, load_predictor, predict_files
from udalib.recipes.build import build_dataset, build_stream
from udalib.recipes.own_domains import OwnDomains, name_ids, own_domains
from udalib.world import Streets

ROAD, CAR = 0, 13
BINARY = {train: 255 * (train == ROAD) for train in range(19)}
WIDE = dict.fromkeys(range(19), 1000) | {ROAD: 7000, CAR: 26000}
CLASSES = {1000: "other", 7000: "road", 26000: "car"}
TINY = {"train.iterations": 2, "train.progress": False, "schedule.warmup": 1}
TINY |= {"streams.source.batch_size": 2}
ADAPTED = {**TINY, "streams.target.batch_size": 2}


def unlike(index: int, sample: Sample) -> Sample:
    """Another size for each image, one of them longer than twice its height."""
    height, width = ((64, 96), (40, 120), (96, 64), (50, 50))[index % 4]
    return {"image": sample["image"][:, :height, :width], "label": sample["label"][:height, :width]}


def streets(home: Path, codes: dict[int, int], count: int = 4, **options: Any) -> list[Path]:
    """Folders of source images, their labels, target images and theirs, drawn from the embedded streets."""
    for style in ("source", "target"):
        drawn = Streets(style, length=count, size=(96, 128), cache=False)
        write_folders(drawn, home / style, home / f"{style}_labels", codes=codes, **options)
    return [home / name for name in ("source", "source_labels", "target", "target_labels")]


def labels_of(folder: Path, target: Path) -> list[torch.Tensor]:
    predictor = load_predictor(folder, "cpu")
    labels = [p.label for p in predict_files(predictor, find_images([target]))]
    assert all(label is not None for label in labels)
    return [label for label in labels if label is not None]


def check_run(domains: OwnDomains, out: Path, recipe: str = "own/dacs") -> None:
    """A run ends with scores of both domains, and predicts every target image at its own size from its folder alone."""
    overrides = TINY if recipe.endswith("source-only") else ADAPTED
    run = domains.run(recipe, "quick", device="cpu", overrides=overrides, out=out)
    assert {"source/miou", "target/miou"} <= set(run.results)
    assert run.recipe.label_space == "classes:" + ",".join(domains.names)
    predicted = labels_of(run.folder, domains.target.folder)
    sizes = [Image.open(path).size[::-1] for path, _ in find_images([domains.target.folder])]
    assert [tuple(label.shape) for label in predicted] == sizes
    assert max(int(label.max()) for label in predicted) < len(domains.names)


def test_a_mask_in_black_and_white_has_two_classes(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY))
    assert (dict(domains.ids), domains.names) == ({0: 0, 255: 1}, ("id 0", "id 255"))
    assert "class 1 id 255: id 255, " in domains.text()
    check_run(domains, tmp_path / "runs")


def test_ids_of_sixteen_bits_are_read_whole(tmp_path: Path) -> None:
    places = streets(tmp_path, WIDE, bits=16)
    domains = own_domains(*places, classes=CLASSES)
    assert dict(domains.source.ids).keys() == CLASSES.keys()
    assert domains.names == ("other", "road", "car")
    check_run(domains, tmp_path / "runs", "own/source-only")


def test_images_of_all_sizes_and_kinds(tmp_path: Path) -> None:
    places = streets(tmp_path, BINARY, change=unlike)
    for place, mode in ((places[0] / "0001.png", "L"), (places[2] / "0002.png", "RGBA")):
        Image.open(place).convert(mode).save(place)
    domains = own_domains(*places, classes={0: "other", 255: "road"})
    assert len(domains.source.sizes) == 4
    check_run(domains, tmp_path / "runs")
    check_run(domains, tmp_path / "runs", "own/dacs-rcs")
    check_run(domains, tmp_path / "runs", "own/mic")


def test_a_padded_rim_gets_no_pseudo_label(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY, change=unlike))
    recipe = get_recipe("own/dacs", "quick", domains.overrides("own/dacs", "quick"))
    batches = [build_stream(spec, recipe.label_space, 0).load(0) for spec in recipe.streams]
    source, target = batches
    assert source["image"].shape == target["image"].shape == (4, 3, 64, 64)
    assert "label" not in target
    rims = (target["image"] == torch.tensor([124, 116, 104]).view(3, 1, 1)).all(1).all(2).sum(1)  # rows of the padding
    long = [i for i, name in enumerate(target["name"]) if name == "0001"]
    for i in range(4):
        assert int((target["valid"][i] == 0).sum()) == 64 * int(rims[i])
    assert all(rims[i] > 0 for i in long)


def test_an_image_turned_by_its_camera_is_upright(tmp_path: Path) -> None:
    places = streets(tmp_path, BINARY)
    picture = Image.open(places[0] / "0000.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    (places[0] / "0000.png").unlink()
    turned.save(places[0] / "0000.jpg", exif=exif)
    domains = own_domains(*places)
    assert dict(domains.source.sizes) == {(96, 128): 4}
    label = Image.open(places[1] / "0000.png").transpose(Image.Transpose.ROTATE_90)
    label.save(places[1] / "0000.png")
    with pytest.raises(DataError, match="rotation tag turns the image upright, turn the label"):
        own_domains(*places)


def test_without_labels_of_the_target_the_source_alone_is_scored(tmp_path: Path) -> None:
    places = streets(tmp_path, BINARY)
    domains = own_domains(*places[:3])
    overrides = domains.overrides("own/dacs", "quick")
    recipe = get_recipe("own/dacs", "quick", overrides)
    assert [evaluation.name for evaluation in recipe.evaluations] == ["source"]
    assert recipe.streams[1].dataset.options["hold_out"] == 0
    run = domains.run("own/dacs", "quick", device="cpu", overrides=ADAPTED, out=tmp_path / "runs")
    assert [key for key in run.results if key.endswith("/miou")] == ["source/miou"]


def test_held_out_images_are_not_trained_on(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY, count=7), hold_out=3)
    recipe = get_recipe("own/dacs", "quick", domains.overrides("own/dacs", "quick"))
    for spec in (*recipe.streams, *recipe.evaluations):
        names = [item.name for item in build_dataset(spec.dataset, recipe.label_space).items]
        assert names == (["0000", "0003", "0006"] if spec in recipe.evaluations else ["0001", "0002", "0004", "0005"])


def test_rare_class_sampling_counts_by_the_size_of_the_labels(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY))
    overrides = domains.overrides("own/dacs-rcs", "quick")
    assert overrides["streams.source.sampler.min_pixels"] == round(0.0015 * 96 * 128)
    assert overrides["streams.source.sampler.min_crop_ratio"] == pytest.approx(0.5 * 64 * 128 / (96 * 128), abs=1e-6)


def test_classes_by_name() -> None:
    found = {0: 5, 3: 1, 7: 2, 255: 9}
    assert name_ids(found, ("a", "b", "c")) == ({0: 0, 3: 1, 7: 2, 255: 255}, ("a", "b", "c"))
    ids, names = name_ids(found, {0: "a", 3: "b", 7: "a"}, ignore=[9])
    assert (ids[7], ids[9], ids[255], names) == (0, 255, 255, ("a", "b"))
    assert name_ids(found, None, ignore=[0])[0] == {0: 255, 3: 0, 7: 1, 255: 255}
    assert name_ids({0: 1, 255: 1}, None, ignore=[255])[0] == {0: 0, 255: 255}
    with pytest.raises(ConfigError, match=r"2 names were given \(a, b\), but the labels hold 3 classes, ids 0, 3, 7"):
        name_ids(found, ("a", "b"))
    with pytest.raises(DataError, match="298 different ids, more than there can be classes. Masks that were resized"):
        name_ids(dict.fromkeys(range(300), 1), None)


def save(place: Path, pixels: Any) -> None:
    Image.fromarray(np.asarray(pixels, np.uint8)).save(place)


SPOILED: list[tuple[Callable[[list[Path]], Any], dict[str, Any], str]] = [
    (lambda p: (p[1] / "0002.png").unlink(), {}, "source_labels/0002.png: this label does not exist"),
    (
        lambda p: save(p[1] / "0001.png", np.zeros((9, 8))),
        {},
        r"0001.png: this label is 8 x 9 pixels while its image 0001.png is 128 x 96",
    ),
    (lambda p: save(p[1] / "0001.png", np.zeros((96, 128, 3))), {}, "colour image .* Save it as one grey channel"),
    (lambda p: save(p[0] / "0003.png", np.zeros((96, 127, 3))), {}, "while its image 0003.png is 127 x 96"),
    (
        lambda p: save(p[1] / "0002.png", np.full((96, 128), 9)),
        {"classes": {0: "other", 255: "road"}},
        r"source_labels/0002.png: this label has the unknown id 9; the classes are ids 0, 255. Name them",
    ),
    (lambda p: save(p[3] / "0001.png", np.full((96, 128), 9)), {}, "target_labels/0001.png: .*unknown id 9"),
    (lambda p: [path.unlink() for path in p[0].iterdir()], {}, "there is no image under .*source"),
    (lambda p: [path.unlink() for path in p[2].iterdir()], {}, "there is no image under .*target"),
    (lambda p: None, {"classes": {0: "all", 255: "all"}}, r"show one class only \('all'; ids 0, 255\)"),
    (lambda p: (p[0] / "0001.png").write_bytes(b""), {}, "0001.png: this image file is empty"),
    (lambda p: [save(path, np.zeros((96, 128))) for path in p[1].iterdir()], {}, r"one class only \('id 0'; id 0\)"),
]


@pytest.mark.parametrize(("spoil", "options", "message"), SPOILED)
def test_what_is_wrong_is_named(
    tmp_path: Path, spoil: Callable[[list[Path]], Any], options: dict[str, Any], message: str
) -> None:
    places = streets(tmp_path, BINARY)
    spoil(places)
    with pytest.raises(DataError, match=message):
        own_domains(*places, **options)


def test_many_defects_are_counted_and_strays_are_remarks(tmp_path: Path) -> None:
    places = streets(tmp_path, BINARY, count=6)
    (places[0] / "notes.txt").write_text("x")
    assert "remark: extra-file" in own_domains(*places).text()
    for path in sorted(places[1].iterdir())[:5]:
        path.unlink()
    with pytest.raises(DataError, match="And 2 more"):
        own_domains(*places)


def test_one_image_cannot_be_divided(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY, count=1))
    with pytest.raises(DataError, match="holds one image: none is left to train on"):
        domains.run("own/source-only", "quick", device="cpu", overrides=TINY, out=tmp_path / "runs")


def test_a_recipe_with_data_of_its_own_is_refused(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY, count=2))
    with pytest.raises(ConfigError, match="'streets/dacs' has data of its own; choose one of own/"):
        domains.overrides("streets/dacs")


def test_an_unfilled_recipe_says_who_fills_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`udalib adapt` sets all that a recipe own/... needs"):
        run_recipe("own/source-only", "quick", device="cpu", out=tmp_path)


def test_both_families_have_the_ladder_and_shrink_together() -> None:
    assert {*list_recipes("own/*")} == {f"own/{n}" for n in ("source-only", "dacs", "dacs-rcs", "mic")}
    assert {*list_recipes("own-pretrained/*")} == {
        f"own-pretrained/{n}" for n in ("source-only", "dacs", "dacs-rcs", "mic", "daformer")
    }
    for name in list_recipes("own*/*"):
        for preset, side in (("quick", 64), ("laptop", 128), ("paper", 512)):
            recipe = get_recipe(name, preset)
            for spec in (*recipe.streams, *recipe.evaluations):
                steps = spec.transforms if spec in recipe.evaluations else spec.sample_transforms  # type: ignore[union-attr]
                sizes = {step.name: step.options["size"] for step in steps if "size" in step.options}
                assert sizes.pop("same_area") == (side, 2 * side)
                assert set(sizes.values()) <= {(side, side)}
    assert get_recipe("own-pretrained/daformer").method.options["fd_everywhere"] is True


def test_the_pretrained_family_runs_with_its_feature_distance(tmp_path: Path) -> None:
    domains = own_domains(*streets(tmp_path, BINARY))
    overrides = {**ADAPTED, "network.encoder.pretrained": False}  # the file of weights is not needed to see it run
    run = domains.run("own-pretrained/daformer", "quick", device="cpu", overrides=overrides, out=tmp_path / "runs")
    assert 0 <= run.results["target/miou"] <= 1
    logged = (run.folder / "metrics.jsonl").read_text()
    assert "loss_fd" in logged or '"fd"' in logged
