import re

import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data import (
    Clips,
    CutBottom,
    Draws,
    HorizontalFlip,
    PreviousFrames,
    RandomCrop,
    SegmentationFiles,
    Stream,
    check_dataset,
    create_dataset,
    label_space,
    mapping,
)
from udalib.data.sets.clips import frame_key
from udalib.data.sets.files import Item, LabelForm
from udalib.data.sets.reading import read_image


def test_clips_stay_within_gapless_runs(mini):
    files = create_dataset("mini")
    clips = Clips(files, 2, 1)
    assert [clips[i]["frame_names"] for i in range(len(clips))] == [["1", "2"], ["2", "3"]]
    clip = clips[1]
    assert clip["name"] == "3"
    assert torch.equal(clip["frames"], torch.stack([files[1]["image"], files[2]["image"]]))
    assert torch.equal(clip["frame_labels"], torch.stack([files[1]["label"], files[2]["label"]]))
    assert torch.equal(clip["image"], clip["frames"][-1])


def test_geometry_moves_all_frames_alike(mini):
    stream = Stream(
        "video", Clips(create_dataset("mini"), 3, 1), 2, sample_transforms=[RandomCrop((4, 5)), HorizontalFlip()]
    )
    batch = stream.finish(stream.load(0), "cpu", 0)
    assert batch["frames"].shape == (2, 3, 3, 4, 5)
    assert batch["frames"].dtype == torch.float32
    assert torch.equal(batch["frames"][:, -1], batch["image"])
    assert torch.equal(batch["frame_labels"][:, -1], batch["label"].to(torch.uint8))
    assert len(Draws([])) == 0


@pytest.mark.parametrize(
    ("name", "key"), [("0016E5_07959", ("0016E5", 7959)), ("Seq05VD_f00030", ("Seq05VD", 30)), ("000012", ("", 12))]
)
def test_frame_key(name, key):
    assert frame_key(name) == key


def test_errors(mini):
    files = create_dataset("mini")
    with pytest.raises(DataError, match="no clips of 2 frames"):
        create_dataset("mini", frames=2)
    with pytest.raises(DataError, match="no 3 consecutive frames with step 2"):
        Clips(files, 3, 2)
    with pytest.raises(DataError, match="no frame number"):
        frame_key("street")


def sequence(root, write, frames, labels):
    """Frames and labels of the layout of the manifest "mini", by number."""
    for number in frames:
        write.image(root / f"img/train/a/a_{number:05d}.png", seed=number)
    for number in labels:
        write.label(root / f"lab/train/a/a_{number:05d}.png", [number % 11])


def previous(tmp_path, write, frames=(8, 9, 10), labels=(10,), length=3, listed=10):
    sequence(tmp_path, write, frames, labels)
    place = f"train/a/a_{listed:05d}.png"
    item = Item(f"a_{listed:05d}", tmp_path / "img" / place, tmp_path / "lab" / place)
    space = label_space("camvid11")
    form = LabelForm("ids", mapping("camvid_ids", "camvid11"), frozenset(range(12)), space)
    return PreviousFrames(SegmentationFiles("seq", [item], space, form, tmp_path), length, r"_(\d{5})\.")


def test_a_listed_frame_comes_with_those_before_it(tmp_path, write):
    clips = previous(tmp_path, write)
    clip = clips[0]
    assert clip["frame_names"] == ["a_00008", "a_00009", "a_00010"]
    assert torch.equal(
        clip["frames"], torch.stack([read_image(tmp_path / f"img/train/a/{n}.png") for n in clip["frame_names"]])
    )
    assert torch.equal(clip["image"], clip["frames"][-1])
    assert clip["label"].unique().tolist() == [10]
    assert "frame_labels" not in clip
    assert clips.read_label(0).equal(clip["label"])
    assert (len(clips), clips.label_file(0)) == (1, "lab/train/a/a_00010.png")


def test_labels_of_all_frames_where_there_are_some(tmp_path, write):
    clip = previous(tmp_path, write, labels=(8, 9, 10))[0]
    assert [x.unique().tolist() for x in clip["frame_labels"]] == [[8], [9], [10]]


def test_a_missing_frame_is_named(tmp_path, write):
    with pytest.raises(DataError, match=r"a_00009\.png: this frame is missing, .* ends with a_00010\.png"):
        previous(tmp_path, write, frames=(8, 10))[0]
    with pytest.raises(DataError, match="no frame 2 before frame 00001"):
        previous(tmp_path, write, frames=(0, 1), listed=1, labels=(1,))[0]
    with pytest.raises(DataError, match="no clips of 1 frames"):
        previous(tmp_path, write, length=1)
    clips = previous(tmp_path, write)
    clips.pattern = re.compile(r"#(\d+)")
    with pytest.raises(DataError, match="does not hold a frame number"):
        clips[0]


def test_video_sets_list_what_is_labelled(tmp_path, write):
    name = "leftImg8bit_sequence/val/bonn/bonn_000000_{:06d}_leftImg8bit.png"
    for number in (17, 18, 19, 20):
        write.image(tmp_path / name.format(number), seed=number)
    with pytest.raises(DataError, match="none of its 4 frames has a label"):
        create_dataset("cityscapes_seq", "val", tmp_path)
    write.label(tmp_path / "gtFine/val/bonn/bonn_000000_000019_gtFine_labelIds.png", [7, 26])
    clips = create_dataset("cityscapes_seq", "val", tmp_path, frames=3, labels=False)
    assert len(clips) == 1
    assert clips[0]["frames"].shape == (3, 3, 6, 8)
    assert clips[0]["name"] == "bonn_000000_000019_leftImg8bit"
    report = check_dataset("cityscapes_seq", splits=["val"], root=tmp_path)
    assert {defect.kind for defect in report.defects} == {"count", "size"}


def test_bottom_rows_are_cut_from_everything():
    batch = {"image": torch.rand(1, 3, 6, 4), "label": torch.ones(1, 6, 4), "flow": torch.rand(1, 2, 6, 4)}
    cut = CutBottom(2)(batch, Draws([]))
    assert torch.equal(cut["image"], batch["image"][:, :, :4])
    assert torch.equal(cut["flow"], batch["flow"][:, :, :4])
    with pytest.raises(ConfigError, match="leaves nothing"):
        CutBottom(6)(batch, Draws([]))
