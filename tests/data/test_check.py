import json
import shutil

import numpy as np
import pytest
from PIL import Image

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data import KINDS, Clips, check_dataset, create_dataset


def test_an_intact_tree_has_no_defect(mini):
    report = check_dataset("mini")
    assert report.ok
    assert str(report) == "mini: 4 images checked, no defect."


def truncate(path, missing=40):
    path.write_bytes(path.read_bytes()[:-missing])


def link(path):
    path.unlink()
    path.symlink_to(path.with_name("gone.png"))


def clear(folder):
    shutil.rmtree(folder)
    folder.mkdir()


# what is done to the tree: (kind of defect, file it must name, how to break it with (tree, writers))
BREAKS = {
    "label deleted": ("missing-label", "lab/train/a/2.png", lambda r, w: (r / "lab/train/a/2.png").unlink()),
    "label without image": ("extra-label", "lab/train/a/7.png", lambda r, w: w.label(r / "lab/train/a/7.png", [0])),
    "stray text": ("extra-file", "img/train/a/notes.txt", lambda r, w: (r / "img/train/a/notes.txt").write_text("x")),
    "stray picture": ("extra-file", "img/train/a/1.jpg", lambda r, w: w.image(r / "img/train/a/1.jpg")),
    "label of another size": (
        "size-mismatch",
        "lab/train/b/3.png",
        lambda r, w: w.label(r / "lab/train/b/3.png", [0], size=(6, 9)),
    ),
    "unknown id": ("unknown-id", "lab/train/a/1.png", lambda r, w: w.label(r / "lab/train/a/1.png", [0, 12])),
    "only void": ("no-class", "lab/train/a/1.png", lambda r, w: w.label(r / "lab/train/a/1.png", [11])),
    "16-bit label": (
        "bit-depth",
        "lab/val/a/9.png",
        lambda r, w: w.png16(r / "lab/val/a/9.png", np.zeros((6, 8, 1), np.uint16)),
    ),
    "16-bit image": (
        "bit-depth",
        "img/val/a/9.png",
        lambda r, w: w.png16(r / "img/val/a/9.png", np.zeros((6, 8, 1), np.uint16)),
    ),
    "cut image": ("truncated", "img/train/a/1.png", lambda r, w: truncate(r / "img/train/a/1.png")),
    "cut label": ("truncated", "lab/train/a/1.png", lambda r, w: truncate(r / "lab/train/a/1.png")),
    "label without its end": ("truncated", "lab/train/a/1.png", lambda r, w: truncate(r / "lab/train/a/1.png", 8)),
    "empty image": ("zero-byte", "img/train/a/1.png", lambda r, w: (r / "img/train/a/1.png").write_bytes(b"")),
    "empty label": ("zero-byte", "lab/train/a/1.png", lambda r, w: (r / "lab/train/a/1.png").write_bytes(b"")),
    "image is a dead link": ("broken-symlink", "img/train/a/1.png", lambda r, w: link(r / "img/train/a/1.png")),
    "label is a dead link": ("broken-symlink", "lab/train/a/1.png", lambda r, w: link(r / "lab/train/a/1.png")),
    "colour label": ("color-label", "lab/train/b/3.png", lambda r, w: w.image(r / "lab/train/b/3.png")),
    "text as image": ("unreadable", "img/train/b/3.png", lambda r, w: (r / "img/train/b/3.png").write_text("no" * 99)),
    "split emptied": ("empty-split", "", lambda r, w: clear(r / "img/val")),
    "tree gone": ("missing-root", "mini", lambda r, w: shutil.rmtree(r)),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKS)
def test_every_break_is_named(mini, write, case):
    kind, file, spoil = BREAKS[case]
    spoil(mini, write)
    report = check_dataset("mini", workers=1)
    assert report.counts() == {kind: 1}
    defect = report.defects[0]
    assert str(defect.path).endswith(file)
    assert kind in KINDS
    assert len(defect.what) > 10
    assert len(defect.remedy) > 5
    assert str(defect) in str(report)


@pytest.mark.parametrize("name", ["a/4.png", "b/2.png"])
def test_one_pair_too_many_and_names_used_twice(mini, write, name):
    write.image(mini / "img/train" / name)
    write.label(mini / "lab/train" / name, [0])
    counts = check_dataset("mini").counts()
    assert counts == ({"count": 1} if name == "a/4.png" else {"count": 1, "duplicate-name": 1})


def test_images_of_a_wrong_size(mini, write):
    write.image(mini / "img/train/a/1.png", size=(12, 16))
    write.label(mini / "lab/train/a/1.png", [0], size=(12, 16))
    defect = check_dataset("mini").defects[0]
    assert (defect.kind, defect.path.name) == ("size", "1.png")
    assert "16 x 12 pixels, the data set has 8 x 6" in defect.what


def test_an_image_in_two_splits(mini):
    shutil.copy(mini / "img/train/a/1.png", mini / "img/val/a/9.png")
    shutil.move(mini / "img/val/a/9.png", mini / "img/val/a/1.png")
    shutil.move(mini / "lab/val/a/9.png", mini / "lab/val/a/1.png")
    assert check_dataset("mini").counts() == {"shared-name": 1}
    assert check_dataset("mini", splits=["train"]).ok


def test_listed_images_may_be_missing(tmp_path, write):
    write.image(tmp_path / "JPEGImages/a.jpg")
    write.label(tmp_path / "SegmentationClass/a.png", [0, 255])
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    for split, text in (("train", "a\n"), ("val", "a\nb\n"), ("trainaug", "")):
        (tmp_path / f"ImageSets/Segmentation/{split}.txt").write_text(text)
    counts = check_dataset("voc2012", root=tmp_path).counts()
    assert counts == {"empty-split": 1, "missing-image": 1, "missing-label": 1, "count": 1}


def test_files_that_belong_beside_labels_are_no_defects(tmp_path, write):
    stem = "bonn/bonn_000000_000019"
    write.image(tmp_path / f"leftImg8bit/val/{stem}_leftImg8bit.png", size=(1024, 2048))
    for kind in ("labelIds", "labelTrainIds"):
        write.label(tmp_path / f"gtFine/val/{stem}_gtFine_{kind}.png", [0], size=(1024, 2048))
    write.image(tmp_path / f"gtFine/val/{stem}_gtFine_color.png")
    (tmp_path / f"gtFine/val/{stem}_gtFine_polygons.json").write_text("{}")
    assert check_dataset("cityscapes", splits=["val"], root=tmp_path).counts() == {"count": 1}
    report = check_dataset(create_dataset("cityscapes", "val", tmp_path))
    assert report.ok, str(report)


def test_objects_and_clips(mini):
    files = create_dataset("mini")
    clips = Clips(create_dataset("mini"), 2, 1)
    assert check_dataset(files).checked == check_dataset(clips).checked == 3
    (mini / "lab/train/a/1.png").write_bytes(b"")
    assert check_dataset(files).counts() == check_dataset(clips).counts() == {"zero-byte": 1}


def test_long_reports_are_shortened(mini):
    for i in range(9):
        (mini / f"img/train/a/x{i}.txt").write_text("")
    report = check_dataset("mini")
    assert len(report.defects) == 9
    lines = report.text(limit=2).splitlines()
    assert len(lines) == 4
    assert lines[2] == "extra-file: ... and 7 more"
    assert lines[3] == "mini: 4 images checked, 9 defects."


def test_what_cannot_be_checked_is_refused(mini):
    with pytest.raises(ConfigError, match="a list has no files to check"):
        check_dataset([])
    with pytest.raises(UnknownNameError, match="Did you mean: mini"):
        check_dataset("minni")
    with pytest.raises(UnknownNameError, match="unknown split"):
        check_dataset("mini", splits=["tran"])


def test_progress_bar(mini, capsys):
    check_dataset("mini", progress=True)
    assert "check mini" in capsys.readouterr().err


def test_json_beside_labels_is_allowed_by_the_manifest(mini):
    (mini / "lab/train/a/note.json").write_text(json.dumps({}))
    assert check_dataset("mini").ok


def test_a_fully_grey_picture_is_an_image(mini):
    Image.new("L", (8, 6)).save(mini / "img/train/a/1.png")
    assert check_dataset("mini").ok
