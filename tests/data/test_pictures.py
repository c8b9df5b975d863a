"""Pictures with classes: every layout in miniature, profiles of long tails, samplers by class, bad input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from udalib.core.errors import ConfigError, DataError
from udalib.core.profiles import exponential_profile
from udalib.data import check_dataset, create_dataset
from udalib.data.sampling.class_table import ClassBalancedSampler, RepeatSampler, class_table, targets
from udalib.world import StreetClasses, Things, ThingsLongTail


def jpeg(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        jpeg(tmp_path / f"train2014/{name}.jpg")
    content = {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
        "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}],
        "annotations": [
            {"image_id": 7, "category_id": 90, "area": 5.0},
            {"image_id": 7, "category_id": 90, "area": 9.0},
        ],
    }
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_train2014.json").write_text(json.dumps(content))
    return tmp_path


def test_coco_keeps_images_without_a_label(coco: Path) -> None:
    dataset = create_dataset("coco2014", "train", coco)
    assert dataset.class_table().sum(1).tolist() == [1, 0]
    sample = dataset[0]
    assert (int(sample["classes"][79]), float(sample["areas"][79])) == (1, 9.0)
    assert sample["image"].shape == (3, 8, 10)
    report = check_dataset("coco2014", splits=["train"], root=coco)
    assert [d.kind for d in report.defects] == ["count"]
    (coco / "annotations/instances_train2014.json").write_text("{}")
    with pytest.raises(DataError, match="has no images, annotations, categories"):
        create_dataset("coco2014", "train", coco)


def test_voc_tells_difficult_from_absent(tmp_path: Path) -> None:
    jpeg(tmp_path / "JPEGImages/a.jpg")
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/test.txt").write_text("a\n")
    (tmp_path / "Annotations").mkdir()
    objects = (("cat", 1), ("dog", 1), ("dog", 0), ("dog", 1), ("person", 0))
    text = "".join(f"<object><name>{n}</name><difficult>{d}</difficult></object>" for n, d in objects)
    (tmp_path / "Annotations/a.xml").write_text(f"<annotation>{text}</annotation>")
    dataset = create_dataset("voc2007", "test", tmp_path)
    row = dict(zip(dataset.label_space.names, dataset[0]["classes"].tolist(), strict=True))
    assert (row["cat"], row["dog"], row["person"], row["bus"]) == (-1, 1, 1, 0)
    (tmp_path / "Annotations/a.xml").write_text("<annotation>")
    with pytest.raises(DataError, match=r"a\.xml cannot be read"):
        create_dataset("voc2007", "test", tmp_path)


def test_coco128_leaves_out_what_has_no_boxes(tmp_path: Path) -> None:
    for name in ("1", "2"):
        jpeg(tmp_path / f"images/train2017/{name}.jpg")
    images = {
        "train2017/1": {"size": [10, 8], "boxes": [[0, 0.5, 0.5, 0.5, 0.5], [1, 0.1, 0.1, 0.1, 0.1]]},
        "train2017/2": {"size": [10, 8], "boxes": None},
    }
    (tmp_path / "annotations.json").write_text(json.dumps({"classes": ["person", "kite"], "images": images}))
    dataset = create_dataset("coco128", "train", tmp_path)
    assert len(dataset) == 1
    assert dataset[0]["classes"].tolist() == [1] + [0] * 9
    assert float(dataset[0]["areas"][0]) == 20.0


def test_cifar_is_thinned_to_a_profile(tmp_path: Path) -> None:
    records = np.random.default_rng(0).integers(0, 255, (2000, 3073), dtype=np.uint8)
    records[:, 0] = np.arange(2000) % 10
    records.tofile(tmp_path / "data_batch_1.bin")
    records[:20].tofile(tmp_path / "test_batch.bin")
    dataset = create_dataset("cifar10", "train", tmp_path, imbalance=20)
    assert np.bincount(dataset.targets()).tolist() == dataset.class_counts == exponential_profile(200, 10, 20)
    again = create_dataset("cifar10", "train", tmp_path, imbalance=20)
    assert dataset[5]["image"].equal(again[5]["image"])
    assert len(create_dataset("cifar10", "test", tmp_path, imbalance=20)) == 20
    (tmp_path / "test_batch.bin").write_bytes(b"123")
    with pytest.raises(DataError, match="whole records of 3073 bytes"):
        create_dataset("cifar10", "test", tmp_path)


def test_cifar10_lt_decodes_its_archive(tmp_path: Path) -> None:
    files = []
    for value in (0, 200, 90):
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), (value,) * 3).save(buffer, "JPEG")
        files.append(buffer.getvalue())
    offset = np.cumsum([0, *map(len, files)])
    joined = np.frombuffer(b"".join(files), dtype=np.uint8)
    label = np.array([0, 0, 9], dtype=np.uint8)
    for name in ("train_lt100", "test"):
        np.savez(tmp_path / f"{name}.npz", jpeg=joined, offset=offset, label=label)
    dataset = create_dataset("cifar10_lt", "test", tmp_path)
    assert dataset.class_counts == [2, *[0] * 8, 1]
    assert [int(dataset[i]["target"]) for i in range(3)] == [0, 9, 0], "classes take turns"
    assert abs(int(dataset[2]["image"].float().mean()) - 200) < 3
    (tmp_path / "test.npz").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read"):
        create_dataset("cifar10_lt", "test", tmp_path)


def test_lists_and_folders(tmp_path: Path) -> None:
    jpeg(tmp_path / "x/a.JPEG")
    entries = [{"fpath": "x/a.JPEG", "category_id": 3}]
    for split in ("train", "test"):
        (tmp_path / f"{split}.json").write_text(json.dumps({"annotations": entries}))
    dataset = create_dataset("imagenet_lt", "test", tmp_path)
    assert (int(dataset[0]["target"]), dataset.class_counts[3], len(dataset.class_counts)) == (3, 1, 1000)
    (tmp_path / "test.json").write_text(json.dumps({"annotations": [{"fpath": "a", "category_id": 1000}]}))
    with pytest.raises(DataError, match="has classes 1000"):
        create_dataset("imagenet_lt", "test", tmp_path)
    jpeg(tmp_path / "val/n01/a.JPEG")
    with pytest.raises(DataError, match="has 1 folders of images; expected 1000"):
        create_dataset("imagenet", "val", tmp_path)


def test_profiles() -> None:
    assert exponential_profile(7, 1, 5) == [7]
    assert exponential_profile(10, 3, 100) == [10, 1, 1]
    with pytest.raises(ConfigError, match="imbalance 0.5"):
        exponential_profile(10, 3, 0.5)


def test_images_of_rare_classes_are_repeated() -> None:
    table = np.zeros((100, 2), dtype=np.int8)
    table[:, 0], table[3, 1] = 1, 1
    sampler = RepeatSampler(table, threshold=0.04)
    epoch = sampler.indices(0, len(sampler.items))
    assert len(epoch) == 101
    assert epoch.count(3) == 2
    with pytest.raises(ConfigError, match="threshold is 0"):
        RepeatSampler(table, 0)


def test_classes_are_drawn_alike_even_one_with_one_image() -> None:
    classes = np.array([0] * 99 + [4])
    drawn = ClassBalancedSampler(classes).indices(0, 1000)
    assert 400 < sum(i == 99 for i in drawn) < 600
    assert ClassBalancedSampler(classes).indices(10, 5) == drawn[10:15]
    with pytest.raises(DataError, match="at least one item"):
        ClassBalancedSampler(np.array([], dtype=np.int64))


def test_the_streets_things_and_their_long_tail() -> None:
    streets = StreetClasses("target", length=4, size=(32, 64), cache=False)
    assert streets.class_table().shape == (4, 10)
    assert class_table(streets).tolist() == [s["classes"].tolist() for s in (streets[i] for i in range(4))]
    crops = ThingsLongTail(largest=8, imbalance=8, size=(16, 16), cache=False)
    assert np.bincount(crops.targets(), minlength=10).tolist() == crops.class_counts
    assert (max(crops.class_counts), min(crops.class_counts)) == (8, 1)
    things = Things(length=100, size=(16, 16), cache=False)
    assert crops[3]["image"].equal(things[crops.numbers[3]]["image"])
    val = ThingsLongTail("val", largest=2, train_largest=8, imbalance=8, size=(16, 16), cache=False)
    assert np.bincount(val.targets()).tolist() == [2] * 10
    assert val.class_counts == crops.class_counts
    with pytest.raises(DataError, match="has no target"):
        targets(StreetClasses(length=1, size=(32, 64), cache=False))
