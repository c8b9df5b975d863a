import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from udalib.data import Draws, HorizontalFlip, Pad, RandomCrop, Resize, SameArea
from udalib.data.transforms.geometry import (
    crop,
    crop_each,
    fitted_size,
    hflip,
    nearest_indices,
    pad,
    resize,
    resize_bilinear,
    same_area_size,
)


def coordinates(batch=3, height=10, width=14):
    """Every map holds the same pattern, so that a test can see whether they moved together; flow is a constant."""
    pattern = torch.arange(batch * height * width).view(batch, height, width) % 251
    return {
        "image": pattern[:, None].expand(-1, 3, -1, -1).to(torch.uint8).clone(),
        "label": pattern.to(torch.uint8),
        "depth": pattern.float(),
        "instances": pattern.int(),
        "flow": torch.stack([torch.full_like(pattern, 4.0, dtype=torch.float), pattern.float()], 1),
        "frames": pattern[:, None, None].expand(-1, 2, 3, -1, -1).to(torch.uint8).clone(),
        "frame_labels": pattern[:, None].expand(-1, 2, -1, -1).to(torch.uint8).clone(),
        "boxes": [torch.tensor([[2.0, 3.0, 6.0, 8.0]])] * batch,
        "box_labels": [torch.tensor([5])] * batch,
        "name": [str(i) for i in range(batch)],
    }


def assert_together(batch):
    label = batch["label"].float()
    for name, value in (
        ("image", batch["image"][:, 1]),
        ("frames", batch["frames"][:, 1, 2]),
        ("frame_labels", batch["frame_labels"][:, 1]),
        ("depth", batch["depth"]),
        ("instances", batch["instances"]),
        ("flow", batch["flow"][:, 1]),
    ):
        assert torch.equal(value.float(), label), name


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 12), width=st.integers(1, 16), seed=st.integers(0, 5))
def test_random_crop_and_flip_move_everything_alike(height, width, seed):
    draws = Draws.for_batch(seed, "x", 0, range(3))
    batch = HorizontalFlip()(RandomCrop((height, width))(coordinates(), draws), draws)
    assert batch["label"].shape == (3, min(height, 10), min(width, 14))
    assert_together(batch)
    assert [len(b) for b in batch["boxes"]] == [len(v) for v in batch["box_labels"]]
    if len(set(batch["label"][0].flatten().tolist())) == batch["label"][0].numel():
        signs = batch["flow"][:, 0, 0, 0].sign()
        increasing = batch["label"][:, 0, -1] >= batch["label"][:, 0, 0]
        if width > 1 and (batch["label"] < 250).all():
            assert torch.equal(signs > 0, increasing)


def test_flip_negates_u_and_mirrors_boxes():
    flipped = hflip(coordinates(), torch.tensor([True, False, True]))
    assert flipped["flow"][:, 0, 0, 0].tolist() == [-4.0, 4.0, -4.0]
    assert flipped["boxes"][0].tolist() == [[8.0, 3.0, 12.0, 8.0]]
    assert flipped["boxes"][1].tolist() == [[2.0, 3.0, 6.0, 8.0]]
    assert torch.equal(flipped["label"][0], coordinates()["label"][0].flip(-1))
    assert torch.equal(flipped["label"][1], coordinates()["label"][1])


def test_flip_twice_is_the_identity():
    flip = torch.tensor([True, False, True])
    twice = hflip(hflip(coordinates(), flip), flip)
    for key in ("image", "flow", "label"):
        assert torch.equal(twice[key], coordinates()[key])
    assert torch.equal(twice["boxes"][0], coordinates()["boxes"][0])


def test_flipped_flow_still_points_to_the_same_pixel():
    """A frame shifted right by 2 px: after flipping both frames the flow must describe a shift left."""
    first = torch.rand(1, 3, 4, 9)
    second = torch.roll(first, 2, dims=-1)
    flow = torch.zeros(1, 2, 4, 9)
    flow[:, 0] = 2.0
    both = torch.tensor([True])
    a, b = hflip({"image": first, "flow": flow}, both), hflip({"image": second}, both)
    x = 5
    assert torch.equal(b["image"][..., x + int(a["flow"][0, 0, 0, x])], a["image"][..., x])


def test_crop_clips_boxes_and_drops_those_outside():
    window = crop(coordinates(1), 4, 3, (5, 6))
    assert window["boxes"][0].tolist() == [[0.0, 0.0, 3.0, 4.0]]
    outside = crop(coordinates(1), 0, 7, (5, 6))
    assert (len(outside["boxes"][0]), len(outside["box_labels"][0])) == (0, 0)


def test_each_sample_has_a_window_of_its_own():
    cut = crop_each(coordinates(), [0, 2, 5], [1, 0, 4], (4, 6))
    assert_together(cut)
    assert torch.equal(cut["label"][2], coordinates()["label"][2, 5:9, 4:10])


def test_crop_offsets_reach_both_ends():
    draws = Draws.for_batch(0, "x", 0, range(400))
    label = torch.arange(6, dtype=torch.uint8).expand(400, 1, 6)
    cut = RandomCrop((1, 4))({"image": torch.zeros(400, 3, 1, 6), "label": label}, draws)
    assert torch.bincount(cut["label"][:, 0, 0].long()).tolist() == pytest.approx([133, 133, 133], abs=30)


@pytest.mark.parametrize(
    ("size", "scale", "fitted"),
    [
        ((1052, 1914), (1280, 720), (704, 1280)),
        ((1024, 2048), (512, 1024), (512, 1024)),
        ((500, 333), (60, 40), (60, 40)),
    ],
)
def test_fitted_size_is_rounded_to_nearest(size, scale, fitted):
    assert fitted_size(size, scale) == fitted


@settings(max_examples=200, deadline=None)
@given(old=st.integers(1, 300), new=st.integers(1, 300))
def test_nearest_takes_floor_of_i_old_over_new(old, new):
    """Where i * old / new is whole, OpenCV's rounding may take the pixel before."""
    got, exact = nearest_indices(old, new).numpy(), np.arange(new) * old / new
    whole = np.isclose(exact, exact.round(), atol=1e-9)
    assert (got[~whole] == np.floor(exact[~whole])).all()
    assert (np.abs(got - np.floor(exact + 1e-9)) <= whole).all()
    assert got[0] == 0


@pytest.mark.parametrize("size", [(5, 7), (20, 33), (10, 14)])
def test_bilinear_takes_pixel_centres_without_antialiasing(size):
    image = torch.randint(0, 256, (2, 3, 10, 14), dtype=torch.uint8)
    expected = F.interpolate(image.float(), size=size, mode="bilinear", align_corners=False)
    assert (resize_bilinear(image, size).float() - expected).abs().max() <= 0.51
    assert torch.allclose(resize_bilinear(image.float(), size), expected, atol=1e-4)


def test_resize_scales_flow_and_boxes():
    batch = resize(coordinates(), (20, 7))
    assert torch.allclose(batch["flow"][:, 0], torch.tensor(2.0))
    assert batch["boxes"][0].tolist() == [[1.0, 6.0, 3.0, 16.0]]
    assert batch["frames"].shape == (3, 2, 3, 20, 7)
    assert batch["label"].dtype == torch.uint8
    assert set(batch["label"].unique().tolist()) <= set(coordinates()["label"].unique().tolist())


def test_resize_transform_keeps_the_ratio_or_not():
    assert Resize((5, 8), keep_ratio=True)(coordinates(), None)["image"].shape[-2:] == (5, 7)
    assert Resize((5, 8))(coordinates(), None)["image"].shape[-2:] == (5, 8)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_padding_is_ignored_and_has_the_mean_colour(dtype):
    batch = coordinates()
    batch["image"] = batch["image"].to(dtype)
    padded = Pad((12, 15))(batch, None)
    assert (padded["label"][:, 10:] == 255).all()
    assert (padded["label"][:, :, 14:] == 255).all()
    shade = (
        torch.tensor([124.0, 116.0, 104.0]) if dtype == torch.uint8 else torch.tensor([123.675, 116.28, 103.53]) / 255
    )
    assert torch.allclose(padded["image"][1, :, 11, 14].float(), shade)
    assert torch.equal(padded["image"][..., :10, :14], batch["image"])
    assert padded["frames"].shape[-2:] == padded["flow"].shape[-2:] == (12, 15)
    assert pad(batch, (3, 3))["image"].shape == batch["image"].shape


@given(st.integers(8, 3000), st.integers(8, 3000), st.integers(16, 512))
def test_same_area_keeps_shape_and_area_and_a_square_fits(height, width, side):
    new = same_area_size((height, width), (side, 2 * side))
    exact = (2 * side**2 / (height * width)) ** 0.5
    assert abs(new[0] - height * exact) <= 1
    assert abs(new[1] - width * exact) <= 1
    if max(height, width) <= 2 * min(height, width):
        assert min(new) >= side


def test_same_area_moves_image_and_label_and_averages_what_shrinks():
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::2] = 1.0
    label = torch.arange(64).repeat(64, 1)[None]
    small = SameArea((8, 16))({"image": stripes, "label": label}, None)
    assert small["image"].shape == (1, 3, 11, 11)
    assert small["label"].shape == (1, 11, 11)
    assert (small["image"] - 0.5).abs().max() < 0.2  # without antialiasing some pixels would be black or white
    assert set(small["label"].unique().tolist()) <= set(range(64))
    same = {"image": torch.zeros(1, 3, 8, 16)}
    assert SameArea((8, 16))(same, None)["image"].shape == (1, 3, 8, 16)
