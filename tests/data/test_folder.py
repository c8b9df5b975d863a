import numpy as np
import pytest
from PIL import Image

from udalib.core.errors import ConfigError, DataError
from udalib.data import (
    HorizontalFlip,
    RandomCrop,
    SegmentationFolder,
    Stream,
    check_dataset,
    create_dataset,
    custom_space,
    label_space,
)


@pytest.fixture
def folder(tmp_path, write):
    for name in ("a", "sub/b"):
        write.image(tmp_path / f"photos/{name}.jpg", size=(40, 50))
        write.label(tmp_path / f"masks/{name}.png", [1, 2, 0], size=(40, 50))
    return tmp_path


def test_own_photographs_in_ten_lines(folder):
    space = custom_space("mine", ["road", "other"])
    mine = SegmentationFolder(folder / "photos", folder / "masks", space, ids={0: 255, 1: 0, 2: 1})
    stream = Stream("source", mine, 4, sample_transforms=[RandomCrop((32, 32)), HorizontalFlip()])
    batch = stream.finish(next(stream.batches()), "cpu", 0)
    assert batch["image"].shape == (4, 3, 32, 32)
    assert set(batch["label"].unique().tolist()) == {0, 1, 255}
    assert check_dataset(mine).ok


def test_images_without_labels(folder):
    assert [set(s) for s in SegmentationFolder(folder / "photos")] == [{"image", "name"}] * 2


def test_named_id_tables_and_suffixes(folder, write):
    for name in ("a", "sub/b"):
        write.label(folder / f"masks/{name}_gt_labelIds.png", [7, 26, 4], size=(40, 50))
    mine = SegmentationFolder(
        folder / "photos", folder / "masks", ids="cityscapes_ids", label_suffix="_gt_labelIds.png", name="mine"
    )
    assert mine[1]["label"][0, :3].tolist() == [0, 13, 255]
    assert mine.name == "mine"


def test_colour_labels(folder):
    space = label_space("camvid11")
    for name in ("a", "sub/b"):
        Image.fromarray(np.tile(space.palette[[3, 8]], (40, 25, 1))).save(folder / f"masks/{name}.png")
    mine = SegmentationFolder(folder / "photos", folder / "masks", space, decode="color")
    assert mine[0]["label"][0, :2].tolist() == [3, 8]
    assert not check_dataset(SegmentationFolder(folder / "photos", folder / "masks", space)).ok


def test_by_name(tmp_path, write):
    for split in ("train", "val"):
        write.image(tmp_path / f"images/{split}/a.png")
        write.label(tmp_path / f"labels/{split}/a.png", [0])
    assert create_dataset("folder", "val", tmp_path).label_file(0).endswith("labels/val/a.png")
    with pytest.raises(DataError, match="needs root="):
        create_dataset("folder")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: SegmentationFolder(f / "nowhere"), "the folder of images, .*nowhere, does not exist"),
        (lambda f: SegmentationFolder(f / "photos", f / "nowhere"), "the folder of labels"),
        (lambda f: SegmentationFolder(f / "empty"), "there is no image under .*empty"),
        (
            lambda f: SegmentationFolder(f / "photos", f / "masks", "camvid11", ids={0: 12}),
            r"train ids 0 \.\. 10 and 255",
        ),
        (lambda f: SegmentationFolder(f / "photos", f / "empty")[0], "a.png: this label does not exist"),
    ],
)
def test_errors(folder, call, words):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=words):
        call(folder)


def test_a_folder_divided_for_scoring(tmp_path, write):
    for i in range(5):
        write.image(tmp_path / f"photos/{i}.png")
    parts = {s: SegmentationFolder(tmp_path / "photos", hold_out=2, split=s) for s in ("train", "val")}
    assert {s: [item.name for item in part.items] for s, part in parts.items()} == {
        "train": ["1", "3"],
        "val": ["0", "2", "4"],
    }
    assert len(SegmentationFolder(tmp_path / "photos", split="val")) == 5
    with pytest.raises(ConfigError, match="hold_out is 1; 5 keeps every fifth"):
        SegmentationFolder(tmp_path / "photos", hold_out=1)


def test_folders_below_the_data_root(tmp_path, write, monkeypatch):
    write.image(tmp_path / "mine/photos/a.png")
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    assert len(SegmentationFolder("mine/photos")) == 1
    assert len(create_dataset("folder", "train", images="mine/photos")) == 1


def test_labels_of_sixteen_bits(folder):
    Image.fromarray(np.full((40, 50), 26000, np.uint16)).save(folder / "masks/a.png")
    options = {"label_space": custom_space("mine", ["car", "rest"]), "ids": {"26000": 0, "1": 1}}
    mine = SegmentationFolder(folder / "photos", folder / "masks", decode="ids16", **options)
    assert mine[0]["label"].unique().tolist() == [0]
    assert mine[1]["label"].unique().tolist() == [1, 255]  # 8 bits beside 16
    assert [d.kind for d in check_dataset(mine).defects] == ["unknown-id"]  # 0 and 2 of the second
    eight = SegmentationFolder(folder / "photos", folder / "masks", custom_space("mine", ["car"]), ids={1: 0})
    with pytest.raises(DataError, match="more than 8 bits a pixel .* decode='ids16'"):
        eight[0]
    Image.fromarray(np.full((40, 50), 70000, np.int32)).save(folder / "masks/a.tif")
    (folder / "masks/a.png").unlink()
    with pytest.raises(DataError, match="ids 70000 to 70000; expected 0 to 65535"):
        SegmentationFolder(folder / "photos", folder / "masks", decode="ids16", **options)[0]
