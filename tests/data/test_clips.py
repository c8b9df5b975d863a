import pytest
import torch

from udalib.core.errors import DataError
from udalib.data import Clips, Draws, HorizontalFlip, RandomCrop, Stream, create_dataset
from udalib.data.sets.clips import frame_key


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
