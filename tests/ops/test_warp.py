"""Warping by optical flow: shifts, borders, sizes, mirrors, compositions, and what both frames show."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops.warp import (
    compose_flows,
    consistency_mask,
    inside,
    mirror_flow,
    resize_flow,
    warp,
    warp_labels,
)
from udalib.world import StreetClips


def constant(u, v, size=(5, 7), batch=1):
    return torch.tensor([float(u), float(v)]).view(1, 2, 1, 1).expand(batch, 2, *size).clone()


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_no_flow_changes_nothing():
    x = noise(2, 3, 5, 7)
    torch.testing.assert_close(warp(x, constant(0, 0, batch=2)), x)


@settings(max_examples=20, deadline=None)
@given(st.integers(-9, 9), st.integers(-7, 7))
def test_a_whole_flow_is_a_shift_that_repeats_the_border(u, v):
    x, (height, width) = noise(1, 2, 5, 7), (5, 7)
    rows = (torch.arange(height) + v).clamp(0, height - 1)
    columns = (torch.arange(width) + u).clamp(0, width - 1)
    want = x[:, :, rows][..., columns]
    torch.testing.assert_close(warp(x, constant(u, v)), want, rtol=0, atol=1e-5)  # rounding of the grid
    assert torch.equal(warp(x, constant(u, v), "nearest"), want)


def test_between_pixels_it_is_bilinear_and_nearest_rounds_up():
    x = torch.tensor([[[[0.0, 10.0, 20.0]]]])
    assert warp(x, constant(0.25, 0, (1, 3))).flatten().tolist() == pytest.approx([2.5, 12.5, 20.0], abs=1e-4)
    assert warp(x, constant(0.5, 0, (1, 3)), "nearest").flatten().tolist() == [10, 20, 20]


def test_labels_keep_their_type():
    label = torch.tensor([[[3, 255, 7]]])
    assert warp_labels(label, constant(1, 0, (1, 3))).tolist() == [[[255, 7, 7]]]
    assert warp_labels(label == 3, constant(-1, 0, (1, 3))).tolist() == [[[True, True, False]]]


def test_both_inputs_get_gradients_and_half_precision_is_widened():
    x, flow = noise(1, 2, 5, 7).requires_grad_(), constant(0.3, 0.2).requires_grad_()
    warp(x, flow).square().sum().backward()
    assert x.grad.abs().sum() > 0
    assert flow.grad.abs().sum() > 0
    assert warp(x.detach().bfloat16(), flow.detach()).dtype == torch.float32


def test_a_flow_of_another_size_is_refused():
    with pytest.raises(ConfigError, match=r"expected \(1, 2, 5, 7\). Resize it with udalib.ops.warp.resize_flow"):
        warp(noise(1, 3, 5, 7), constant(0, 0, (4, 7)))
    with pytest.raises(ConfigError, match=r"expected \(1, 2, 5, 7\)"):
        warp(noise(1, 3, 5, 7), noise(1, 3, 5, 7))


def test_a_resized_flow_moves_a_resized_picture_alike():
    x = torch.linspace(0, 1, 65)[None, None, None].expand(1, 1, 33, 65)
    small = torch.nn.functional.interpolate(x, (9, 17), mode="bilinear", align_corners=True)
    flow = constant(8, 4, (33, 65))
    resized = resize_flow(flow, (9, 17))
    torch.testing.assert_close(resized, constant(2, 1, (9, 17)))
    inner = (slice(None), slice(None), slice(None, 7), slice(None, 14))
    big = torch.nn.functional.interpolate(warp(x, flow), (9, 17), mode="bilinear", align_corners=True)
    torch.testing.assert_close(warp(small, resized)[inner], big[inner])
    torch.testing.assert_close(resize_flow(flow, (16, 65), align_corners=False)[:, 0], flow[:, 0, :16])


def test_the_published_resize_scales_u_by_the_heights():
    resized = resize_flow(constant(8, 8, (32, 64)), (16, 16), official=True)
    torch.testing.assert_close(resized, constant(4, 4, (16, 16)))
    same = constant(8, 8, (32, 64))
    assert resize_flow(same, (32, 64), official=True) is same


def test_the_flow_of_mirrored_frames_turns_u():
    x, flow = noise(1, 3, 5, 7), torch.cat([noise(1, 1, 5, 7) * 3, noise(1, 1, 5, 7, seed=1) * 3], 1)
    want = warp(x, flow).flip(-1)
    torch.testing.assert_close(warp(x.flip(-1), mirror_flow(flow)), want, rtol=0, atol=1e-5)
    assert (warp(x.flip(-1), mirror_flow(flow, official=True)) - want).abs().max() > 0.1


def test_composed_flows_go_both_ways():
    torch.testing.assert_close(compose_flows(constant(2, 1), constant(-1, 3)), constant(1, 4))


def test_what_leaves_the_frame_is_not_inside():
    assert inside(constant(2, 0, (1, 4))).tolist() == [[[True, True, False, False]]]


def test_hidden_pixels_of_the_streets_fail_the_check():
    """Where both directions agree, the previous label is the current one far more often than where they do not."""
    clips = StreetClips("source", length=6, size=(64, 128), cache=False, frames=2)
    samples = [clips[i] for i in range(6)]
    back, forth = (torch.cat([s[key] for s in samples]) for key in ("flow_backward", "flow_forward"))
    labels = torch.stack([s["frame_labels"] for s in samples])
    seen = consistency_mask(back, forth)
    right = warp_labels(labels[:, 0], back) == labels[:, 1]
    assert 0.5 < seen.float().mean() < 1
    assert right[seen].float().mean() > 0.97
    assert right[~seen].float().mean() < right[seen].float().mean() - 0.1
