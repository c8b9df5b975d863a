"""The real CamVid: skipped where it is not on the disk."""

import pytest
import torch

from udalib.core.errors import DataError
from udalib.core.paths import data_root
from udalib.data import HorizontalFlip, RandomCrop, Stream, check_dataset, compute_class_statistics, create_dataset

pytestmark = pytest.mark.skipif(
    not any((data_root() / name).is_dir() for name in ("camvid", "CamVid")),
    reason=f"CamVid is not under {data_root()}; set UDALIB_DATA to the folder of your data sets",
)


@pytest.mark.parametrize(
    ("split", "domain", "count"),
    [
        ("train", None, 367),
        ("val", None, 101),
        ("test", None, 233),
        ("train", "day", 305),
        ("train", "dusk", 62),
        ("test", "dusk", 62),
        ("test", "control", 171),
    ],
)
def test_splits_and_domains(split, domain, count):
    assert len(create_dataset("camvid", split, domain=domain)) == count


def test_dusk_is_darker_than_day():
    day, dusk = (create_dataset("camvid", domain=d) for d in ("day", "dusk"))
    light = [sum(float(d[i]["image"].float().mean()) for i in range(0, 60, 20)) / 3 for d in (day, dusk)]
    assert light[0] > 1.5 * light[1]


def test_samples():
    sample = create_dataset("camvid", "test", domain="control")[0]
    assert sample["image"].shape == (3, 360, 480)
    assert sample["label"].shape == (360, 480)
    assert set(sample["label"].unique().tolist()) <= {*range(11), 255}
    assert sample["name"].startswith("Seq05VD_")


def test_the_clip_has_consecutive_frames():
    clips = create_dataset("camvid", "val", frames=3)
    assert len(clips) == 99
    sample = clips[0]
    assert sample["frame_names"] == ["0016E5_07959", "0016E5_07961", "0016E5_07963"]
    assert sample["frames"].shape == (3, 3, 360, 480)
    near = (sample["frames"][0].float() - sample["frames"][1].float()).abs().mean()
    far = (sample["frames"][0].float() - clips[60]["image"].float()).abs().mean()
    assert near < 0.5 * far
    with pytest.raises(DataError, match="consecutive frames"):
        create_dataset("camvid", "train", frames=3)


def test_a_stream_of_it():
    stream = Stream("source", create_dataset("camvid"), 2, sample_transforms=[RandomCrop((128, 160)), HorizontalFlip()])
    batch = stream.finish(stream.load(0), "cpu", 0)
    assert batch["image"].shape == (2, 3, 128, 160)
    assert batch["label"].dtype == torch.int64


def test_no_defect():
    report = check_dataset("camvid")
    assert report.ok, str(report)
    assert report.checked == 701


def test_class_shares_are_those_of_the_readme(tmp_path):
    """Percent of all pixels of the training part, void included, as the README of the data lists them."""
    statistics = compute_class_statistics(create_dataset("camvid"), tmp_path, progress=False)
    shares = [round(100 * n / (367 * 480 * 360), 2) for n in statistics.totals().values()]
    assert shares == [16.85, 23.26, 0.98, 31.66, 4.49, 9.72, 1.17, 1.13, 5.87, 0.64, 0.29]
