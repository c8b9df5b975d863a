"""Sliding windows: where they lie, and that their mean is right."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.engine.evaluation.inference import Sliding, Whole, resize_logits

sides = st.integers(1, 24)


@st.composite
def windows(draw):
    crop = (draw(sides), draw(sides))
    return Sliding(crop, (draw(st.integers(1, crop[0])), draw(st.integers(1, crop[1]))), draw(st.integers(1, 9)))


@settings(max_examples=60, deadline=None)
@given(windows(), sides, sides, st.integers(1, 3))
def test_a_pixelwise_function_is_unchanged(sliding, height, width, batch):
    images = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))
    pixelwise = lambda x: torch.cat([x.sum(1, keepdim=True), x[:, :1] - 2 * x[:, 1:2]], 1)  # noqa: E731
    torch.testing.assert_close(sliding(pixelwise, images), Whole()(pixelwise, images))


@settings(max_examples=60, deadline=None)
@given(windows(), sides, sides)
def test_windows_cover_everything_and_end_at_the_border(sliding, height, width):
    tops, lefts = sliding.origins(height, width)
    for starts, crop, stride, side in zip((tops, lefts), sliding.crop, sliding.stride, (height, width), strict=True):
        size = min(crop, side)
        assert set().union(*(range(s, s + size) for s in starts)) == set(range(side))
        assert starts[-1] + size == side
        assert all(0 < b - a <= stride for a, b in itertools.pairwise(starts))
        # The number of windows of the published rule.
        assert len(starts) == max(side - crop + stride - 1, 0) // stride + 1


def test_published_window_counts():
    assert Sliding((1024, 1024), (512, 512)).origins(1024, 2048) == ([0], [0, 512, 1024])
    assert Sliding((512, 512), (256, 256)).origins(1024, 1024) == ([0, 256, 512], [0, 256, 512])
    assert Sliding((4, 4), (3, 3)).origins(9, 4) == ([0, 3, 5], [0])


def test_overlaps_are_averaged_by_hand():
    sliding, calls = Sliding((1, 4), (1, 2)), []

    def predict(crops):
        calls.append(len(crops))
        return torch.arange(len(crops)).view(-1, 1, 1, 1) * torch.ones(len(crops), 1, 1, 4)

    logits = sliding(predict, torch.zeros(1, 3, 1, 7))
    # Windows 0, 1, 2 start at 0, 2, 3 and answer 0, 1, 2.
    assert logits.flatten().tolist() == [0, 0, 0.5, 1, 1.5, 1.5, 2]
    assert calls == [3]


def test_batches_are_window_major_and_limited():
    images = torch.stack([torch.zeros(3, 2, 6), torch.ones(3, 2, 6)])
    seen = []
    Sliding((2, 2), (2, 2), max_batch=5)(lambda x: seen.append(x[:, 0, 0, 0].tolist()) or x, images)
    assert seen == [[0, 1, 0, 1], [0, 1]]


def test_low_resolution_logits_are_resized_to_the_window():
    coarse = lambda x: torch.nn.functional.avg_pool2d(x, 4)  # noqa: E731
    images = torch.full((1, 3, 16, 24), 0.25)
    torch.testing.assert_close(Sliding((8, 8), (4, 4))(coarse, images), images)


def test_low_precision_is_widened():
    half = lambda x: x.to(torch.bfloat16)  # noqa: E731
    assert Sliding((2, 2), (1, 1))(half, torch.rand(1, 3, 4, 4)).dtype == torch.float32
    assert resize_logits(torch.rand(1, 3, 2, 2, dtype=torch.float16), (4, 4)).dtype == torch.float32


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Sliding((4, 4), (5, 4)), "stride .* does not fit the crop"),
        (lambda: Sliding((4, 4), (4, 0)), "between 1 and the crop's side"),
        (lambda: Sliding((4, 4), (4, 4), max_batch=0), "max_batch is 0"),
    ],
)
def test_messages(build, words):
    with pytest.raises(ConfigError, match=words):
        build()
