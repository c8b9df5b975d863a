from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data import ColorJitter, HorizontalFlip, RandomCrop, Resize, Stream, collate
from udalib.data.sampling.samplers import SequentialSampler
from udalib.data.sets.files import FileError


class Numbered:
    """Item i: random pixels that depend on i; every third item is larger."""

    def __init__(self, length=7, broken=None):
        self.length, self.broken = length, broken

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        if i == self.broken:
            raise FileError("truncated", Path("x.png"), "this image file is damaged", "Copy it again.")
        size = (12, 20) if i % 3 == 0 else (10, 16)
        image = torch.randint(0, 256, (3, *size), generator=torch.Generator().manual_seed(i)).to(torch.uint8)
        return {"image": image, "label": image[0] % 19, "name": str(i), "boxes": torch.full((i, 4), 2.0), "extra": i}


def make(**changes):
    options = {
        "sample_transforms": (Resize((11, 17)), RandomCrop((8, 12))),
        "batch_transforms": (HorizontalFlip(), ColorJitter()),
        "seed": 3,
    }
    return Stream("source", Numbered(), 4, **{**options, **changes})


def finished(stream, start=0, count=4, rank=0, world=1):
    batches = stream.batches(start, rank, world)
    return [stream.finish(b, "cpu", start + i, rank, world) for i, b in enumerate(islice(batches, count))]


def assert_equal(a, b):
    assert a["name"] == b["name"]
    assert torch.equal(a["image"], b["image"])
    assert torch.equal(a["label"], b["label"])


def test_batches_carry_floats_and_int64_labels():
    batch = finished(make(), count=1)[0]
    assert batch["image"].shape == (4, 3, 8, 12)
    assert batch["image"].dtype == torch.float32
    assert 0.0 <= float(batch["image"].min()) < float(batch["image"].max()) <= 1.0
    assert batch["label"].shape == (4, 8, 12)
    assert batch["label"].dtype == torch.int64
    assert [len(b) <= int(n) for b, n in zip(batch["boxes"], batch["name"], strict=True)] == [True] * 4
    assert next(make().batches())["image"].dtype == torch.uint8


def test_resumes_where_it_stopped():
    whole = finished(make(), count=6)
    for a, b in zip(whole[4:], finished(make(), start=4, count=2), strict=True):
        assert_equal(a, b)


def test_two_processes_load_and_draw_what_one_does():
    halves = [finished(make(), rank=rank, world=2) for rank in (0, 1)]
    for whole, a, b in zip(finished(make()), *halves, strict=True):
        joined = {"name": a["name"] + b["name"]} | {k: torch.cat([a[k], b[k]]) for k in ("image", "label")}
        assert_equal(whole, joined)


def test_loader_processes_change_nothing_and_leave_the_random_state_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    for a, b in zip(finished(make()), finished(make(workers=2)), strict=True):
        assert_equal(a, b)
    assert torch.rand(1) == expected


def test_streams_of_other_names_and_seeds_differ():
    names = [b["name"] for b in finished(make())]
    assert names != [b["name"] for b in finished(make(seed=4))]
    other = Stream("target", Numbered(), 4, sample_transforms=(Resize((11, 17)),), seed=3)
    assert names != [b["name"] for b in finished(other)]


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_loader_arrives_as_it_was_raised(workers):
    stream = Stream("s", Numbered(broken=2), 1, sampler=SequentialSampler(7), workers=workers)
    batches = stream.batches()
    assert [next(batches)["name"], next(batches)["name"]] == [["0"], ["1"]]
    with pytest.raises(FileError) as error:
        next(batches)
    assert str(error.value) == "x.png: this image file is damaged. Copy it again."


def test_batch_size_is_checked():
    with pytest.raises(ConfigError, match="cannot be divided among 3 processes"):
        make().batches(0, 0, 3)
    with pytest.raises(ConfigError, match="must be at least 1"):
        Stream("s", Numbered(), 0)


def test_collate_explains_different_sizes_and_missing_labels():
    samples = [Numbered()[0], Numbered()[1]]
    with pytest.raises(DataError, match=r"0 \(3, 12, 20\), 1 \(3, 10, 16\).*RandomCrop"):
        collate(samples)
    del samples[1]["label"]
    with pytest.raises(DataError, match="no label for 1"):
        collate(samples)


def test_collate_drops_other_keys_that_are_not_in_every_sample():
    samples = [Numbered()[1], Numbered()[2]]
    del samples[1]["extra"]
    batch = collate(samples)
    assert "extra" not in batch
    assert [len(b) for b in batch["boxes"]] == [1, 2]


@dataclass(frozen=True)
class Recorder:
    seen: list

    def __call__(self, batch, draws):
        self.seen.append(float(draws.uniform()[0]))
        return batch


def test_sample_and_batch_transforms_have_draws_of_their_own():
    sample, batch = Recorder([]), Recorder([])
    stream = Stream("s", Numbered(1), 1, sample_transforms=(sample,), batch_transforms=(batch,))
    stream.finish(stream.load(0), "cpu", 0)
    assert sample.seen[0] != batch.seen[0]
