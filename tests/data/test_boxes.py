"""Sets of boxes: COCO files, tiles and their merge, defects; the streets with boxes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from udalib.core.errors import DataError
from udalib.data import CocoBoxes, create_dataset, label_space
from udalib.data.sets.boxes.check import check_boxes
from udalib.data.sets.boxes.erased import erase_ignored
from udalib.data.sets.boxes.files import Box, BoxItem
from udalib.data.sets.boxes.reading import visdrone_boxes
from udalib.data.sets.boxes.tiles import cut_sample, merge, tiles
from udalib.data.sets.reading import picture_size, read_image
from udalib.world.boxes import StreetBoxes, packed, unpacked


def coco(folder, boxes=((2, 3, 10, 5),), category=1):
    Image.fromarray(np.zeros((40, 60, 3), dtype=np.uint8)).save(folder / "a.png")
    notes = [{"image_id": 7, "category_id": category, "bbox": list(b)} for b in boxes]
    data = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": notes, "categories": [{"id": 1, "name": "x"}]}
    (folder / "file.json").write_text(json.dumps(data))
    return folder / "file.json"


def test_coco_file(tmp_path):
    sample = CocoBoxes(coco(tmp_path, [(2, 3, 10, 5), (0, 0, 0, 4), (55, 30, 20, 20)]), tmp_path)[0]
    assert sample["boxes"].tolist() == [[2, 3, 12, 8], [55, 30, 60, 40]]
    assert sample["box_labels"].tolist() == [0, 0]
    assert CocoBoxes(coco(tmp_path, []), tmp_path)[0]["boxes"].shape == (0, 4)


def test_broken_files_are_named(tmp_path):
    with pytest.raises(DataError, match="unlisted category 9"):
        CocoBoxes(coco(tmp_path, category=9), tmp_path)
    (tmp_path / "file.json").write_text("{}")
    with pytest.raises(DataError, match="COCO's format"):
        CocoBoxes(tmp_path / "file.json", tmp_path)


def test_check_names_every_kind(tmp_path):
    coco(tmp_path)
    boxes = (Box((5, 5, 5, 9), "x"), Box((50, 30, 90, 39), "x"), Box((1, 1, 3, 3), "y"))
    kinds = [d.kind for d in check_boxes(BoxItem("a", tmp_path / "a.png", boxes), ["x"])]
    assert kinds == ["degenerate-box", "box-outside", "unknown-category"]


def test_visdrone_text(tmp_path):
    (tmp_path / "a.txt").write_text("1,2,3,4,1,4,0,0\n1,2,3,4,0,0,0,0\n1,2,3,4,1,11,0,0,\n")
    assert [b.category for b in visdrone_boxes(tmp_path / "a.txt")] == ["car"]


def test_tiles_cover_and_merge_back():
    places = tiles((700, 1500), (512, 640), 0.3)
    seen = torch.zeros(700, 1500)
    for top, left, height, width in places:
        seen[top : top + height, left : left + width] += 1
    assert (seen > 0).all()
    sample = {"image": torch.zeros(3, 700, 1500), "boxes": torch.tensor([[500.0, 300, 520, 330]])}
    sample["box_labels"] = torch.tensor([0])
    cut = [cut_sample(sample, place) for place in places]
    found = [{"boxes": c["boxes"], "scores": torch.ones(len(c["boxes"])), "labels": c["box_labels"]} for c in cut]
    assert sum(len(f["boxes"]) for f in found) > 1
    assert merge(found, places)["boxes"].tolist() == [[500, 300, 520, 330]]


def test_packed_boxes_come_back_and_streets_have_small_ones():
    boxes, labels = np.array([[1, 2, 5, 9], [0, 0, 300, 40]], dtype=np.float32), np.array([3, 9])
    got, kinds = unpacked(packed(boxes, labels, (16, 32)))
    assert got.tolist() == boxes[::-1].tolist()
    assert kinds.tolist() == [9, 3]
    above = StreetBoxes("above", "val", length=2, size=(64, 128), cache=False)
    assert sum(len(above[i]["boxes"]) for i in range(2)) > 5
    assert above[0]["box_labels"].max() < 10


def write_coco(root, file, picture, category):
    for path in (root / file, root / picture):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((40, 60, 3), dtype=np.uint8)).save(root / picture)
    note = {"image_id": 1, "category_id": 5, "bbox": [2, 3, 10, 5]}
    images = [{"id": 1, "file_name": (root / picture).name}]
    data = {"images": images, "annotations": [note], "categories": [{"id": 5, "name": category}]}
    (root / file).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("name", "split", "file", "picture", "category", "label"),
    [
        ("visdrone", "train", "annotations/instances_UAVtrain.json", "images/instances_UAVtrain/a.jpg", "car", 3),
        ("visdrone", "val", "annotations/instances_UAVval.json", "images/instances_UAVval/images/a.jpg", "motor", 9),
        ("tinyperson", "test", "annotations/test.json", "test/a.jpg", "earth_person", 0),
    ],
)
def test_layouts_of_coco_files(tmp_path, name, split, file, picture, category, label):
    write_coco(tmp_path, file, picture, category)
    sample = create_dataset(name, split, tmp_path)[0]
    assert sample["boxes"].tolist() == [[2, 3, 12, 8]]
    assert sample["box_labels"].tolist() == [label]


def test_layouts_of_visdrone_s_text_and_of_bccd(tmp_path):
    drone, cells = tmp_path / "VisDrone2019-DET-val", tmp_path / "images"
    for folder in (drone / "images", drone / "annotations", cells):
        folder.mkdir(parents=True)
    for picture in (drone / "images/a.jpg", cells / "b.jpg"):
        Image.fromarray(np.zeros((40, 60, 3), dtype=np.uint8)).save(picture)
    (drone / "annotations/a.txt").write_text("2,3,10,5,1,4,0,0\n")
    assert create_dataset("visdrone", "val", tmp_path)[0]["box_labels"].tolist() == [3]
    names = {"classes": ["WBC", "Platelets", "RBC"], "split": {"val": ["b"]}}
    names["images"] = {"b": {"size": [60, 40], "boxes": [[1, 2, 3, 12, 8]]}}
    (tmp_path / "annotations.json").write_text(json.dumps(names))
    sample = create_dataset("bccd", "val", tmp_path)[0]
    assert sample["boxes"].tolist() == [[2, 3, 12, 8]]
    assert sample["box_labels"].tolist() == [label_space("bccd3").names.index("Platelets")]
    with pytest.raises(DataError, match="no split 'test'"):
        create_dataset("bccd", "test", tmp_path)


def test_ignored_boxes_are_painted_over_and_learned_ones_are_not():
    image = torch.zeros(3, 20, 30, dtype=torch.uint8)
    image[:, :, :15] = 200
    sample = {"image": image, "boxes": torch.tensor([[0.0, 0, 10, 10], [4, 4, 8, 8]]), "name": "a"}
    sample |= {"box_labels": torch.tensor([0, 0]), "box_ignore": torch.tensor([True, False])}
    erased = erase_ignored(sample)
    assert set(erased) == {"image", "boxes", "box_labels", "name"}
    assert erased["boxes"].tolist() == [[4, 4, 8, 8]]
    assert erased["image"][0, 0, 0] == 100
    assert (erased["image"][:, 4:8, 4:8] == 200).all()
    assert torch.equal(erased["image"][:, 10:], image[:, 10:])
    assert image.max() == 200, "the sample that was given is left as it was"
    nothing = erase_ignored({**sample, "box_ignore": torch.tensor([False, False])})
    assert torch.equal(nothing["image"], image)


def test_tinyperson_in_pieces_has_every_box_and_no_ignored_one(tmp_path):
    write_coco(tmp_path, "annotations/train.json", "train/a.png", "sea_person")
    data = json.loads((tmp_path / "annotations/train.json").read_text())
    data["annotations"] += [{"image_id": 1, "category_id": 5, "bbox": [30, 20, 8, 8], "uncertain": True}]
    data["annotations"] += [{"image_id": 1, "category_id": 5, "bbox": [45, 30, 6, 6]}]
    (tmp_path / "annotations/train.json").write_text(json.dumps(data))
    pieces = create_dataset("tinyperson", "train", tmp_path, piece=(20, 30), overlap=0.3)
    assert len(pieces) == 3 * 3
    assert {tuple(pieces[i]["image"].shape) for i in range(9)} == {(3, 20, 30)}
    seen = set()
    for i, (_, (top, left, _, _)) in enumerate(pieces.places):
        seen |= {tuple(box.tolist()) for box in pieces[i]["boxes"] + torch.tensor([left, top] * 2)}
    assert seen >= {(2, 3, 12, 8), (45, 30, 51, 36)}
    assert all("box_ignore" not in pieces[i] for i in range(9))


def test_the_size_of_a_picture_is_that_of_its_pixels(tmp_path):
    for orientation, size in ((1, (40, 60)), (6, (60, 40))):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.zeros((40, 60, 3), dtype=np.uint8)).save(tmp_path / "a.jpg", exif=exif)
        assert picture_size(tmp_path / "a.jpg") == size
        assert tuple(read_image(tmp_path / "a.jpg").shape[1:]) == size
