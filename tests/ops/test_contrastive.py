"""The pixel contrastive loss: equal to its plain form, its limits, its windows."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.contrastive import draw_windows, pixel_contrast

CLASSES = 4


def plain(teacher, student, label, windows, window, tau):
    """The loss as the sheet writes it: every pair, class by class."""
    losses = []
    for top, left in windows:
        cut = (slice(None), slice(None), slice(top, top + window), slice(left, left + window))
        t, s = (x[cut].permute(0, 2, 3, 1).flatten(0, 2) for x in (teacher, student))
        y = label[:, None][cut].flatten()
        terms = []
        for c in y[y != 255].unique():
            similar = torch.exp(F.cosine_similarity(t[y == c][:, None], s[None], dim=2, eps=1e-8) / tau)
            positive = similar[:, y == c].sum().clamp(min=1e-8)
            negative = similar[:, (y != c) & (y != 255)].sum().clamp(min=1e-8)
            terms.append(-torch.log(positive / (positive + negative)) / (y == c).sum())
        losses.append(torch.stack(terms).mean() if terms else t.new_zeros(()))
    return torch.stack(losses).mean()


def inputs(seed=0, batch=2, size=(10, 12), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    teacher, student = torch.randn(2, batch, 5, *size, generator=generator, dtype=dtype)
    label = torch.randint(0, CLASSES + 1, (batch, *size), generator=generator)
    return teacher.requires_grad_(), student.requires_grad_(), torch.where(label == CLASSES, 255, label)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 8), st.sampled_from([1, 7, 32, 1024]), st.floats(0.1, 2.0))
def test_blocks_of_anchors_equal_all_pairs(seed, window, chunk, tau):
    """Value and both gradients, in float64: only the order of sums differs, 1e-10."""
    teacher, student, label = inputs(seed)
    windows = [(0, 0), (10 - window, 12 - window), (1, 2)]
    want = plain(teacher, student, label, windows, window, tau)
    got = pixel_contrast(teacher, student, label, windows, CLASSES, window=window, temperature=tau, chunk=chunk)
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-12)
    if want.requires_grad:
        wanted = torch.autograd.grad(want, (teacher, student), retain_graph=True)
        found = torch.autograd.grad(got, (teacher, student))
        for a, b in zip(found, wanted, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-12)


def test_memory_grows_with_the_anchors_and_not_with_their_square():
    """What autograd keeps for the backward pass: twice the pixels, about twice the numbers."""

    def kept(side):
        teacher, student, label = inputs(0, 1, (side, 2 * side), torch.float32)
        total = 0

        def pack(x):
            nonlocal total
            total += x.numel()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            pixel_contrast(teacher, student, label, [(0, 0)], CLASSES, window=side, chunk=64)
        return total

    assert kept(32) < 4.5 * kept(16)  # 4 times the pixels; with N x N kept it would be 16


def test_a_window_without_valid_pixels_counts_zero():
    teacher, student, label = inputs()
    nothing = torch.full_like(label, 255)
    loss = pixel_contrast(teacher, student, nothing, [(0, 0)], CLASSES, window=8)
    loss.backward()
    assert float(loss.detach()) == 0
    assert student.grad.abs().max() == 0
    half = torch.cat([label[:, :5], nothing[:, 5:]], dim=1)
    both = pixel_contrast(teacher, student, half, [(0, 0), (5, 0)], CLASSES, window=5)
    one = pixel_contrast(teacher, student, half, [(0, 0)], CLASSES, window=5)
    torch.testing.assert_close(both, one / 2)


def test_one_class_alone_costs_nothing_and_apart_classes_cost_little():
    teacher, _, label = inputs()
    one = pixel_contrast(teacher, teacher, torch.zeros_like(label), [(0, 0)], CLASSES, window=8)
    assert 0 <= float(one.detach()) < 1e-9  # the clamp of the empty negatives
    apart = F.one_hot(label.clamp(max=CLASSES - 1), 5).permute(0, 3, 1, 2).double()
    mixed = apart.flip(-1)
    options = {"window": 8, "temperature": 0.1}
    near, far = (pixel_contrast(x, x, label, [(0, 0)], CLASSES, **options) for x in (apart, mixed))
    assert float(near) < 0.01 * float(far)


def test_scale_of_the_embeddings_does_not_matter_and_zero_is_no_nan():
    teacher, student, label = inputs()
    want = pixel_contrast(teacher, student, label, [(1, 1)], CLASSES, window=8)
    torch.testing.assert_close(pixel_contrast(3 * teacher, 7 * student, label, [(1, 1)], CLASSES, window=8), want)
    silent = torch.zeros_like(student).requires_grad_()
    pixel_contrast(teacher, silent, label, [(1, 1)], CLASSES, window=8).backward()
    assert silent.grad.isfinite().all()


def test_half_precision_is_computed_in_float32():
    teacher, student, label = inputs(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = pixel_contrast(teacher, student, label, [(0, 0)], CLASSES, window=8)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, pixel_contrast(teacher, student, label, [(0, 0)], CLASSES, window=8))


def test_windows_are_uniform_over_all_positions_and_shared():
    draws = Draws.for_batch(0, "contrast", 0, [-1])
    corners = draw_windows((2, 34, 33), 32, 3000, draws)
    counts = Counter(corners)
    assert set(counts) == {(y, x) for y in range(3) for x in range(2)}
    assert min(counts.values()) > 400  # 500 expected, 20 standard deviation
    again = draw_windows((34, 33), 32, 3000, Draws.for_batch(0, "contrast", 0, [-1]))
    assert again == corners


@pytest.mark.parametrize(("size", "window", "count"), [((31, 40), 32, 8), ((40, 40), 0, 8), ((40, 40), 32, 0)])
def test_windows_that_do_not_fit_are_refused(size, window, count):
    with pytest.raises(ConfigError, match="Set contrast_window"):
        draw_windows(size, window, count, Draws.for_batch(0, "x", 0, [-1]))


def test_maps_of_different_size_are_refused():
    teacher, student, label = inputs()
    with pytest.raises(ConfigError, match="do not fit"):
        pixel_contrast(teacher, student[..., 1:], label, [(0, 0)], CLASSES)
