"""Gate, balanced loss, filtered labels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from udalib.core.errors import ConfigError
from udalib.ops.error_localization import (
    accepted_pixels,
    correct_pixels,
    filtered_labels,
    gated_sum,
    gates_open,
    localization_loss,
)


def scalars(*values):
    return [torch.tensor(v, requires_grad=True) for v in values]


@pytest.mark.parametrize(
    ("reference", "open_gates"), [(0.01, (1, 1)), (0.08, (1, 1)), (0.14, (1, 0)), (0.3, (0, 0)), (0.1529, (1, 0))]
)
def test_a_gate_is_open_from_alpha_times_the_main_loss_on(reference, open_gates):
    """The sheet's anchors: one of the losses is 3.059, the sum 7.860 (sheet, section 10)."""
    losses = scalars(3.059, 4.801)
    main = torch.tensor(reference, requires_grad=True)
    gates = gates_open(losses, main, (20, 50))
    assert [int(g) for g in gates] == list(open_gates)
    total = gated_sum(losses, gates)
    assert float(total.detach()) == pytest.approx(sum(x.item() * g for x, g in zip(losses, open_gates, strict=True)))
    total.backward()
    assert [float(x.grad) for x in losses] == list(open_gates)
    assert main.grad is None


def test_a_gate_for_each_loss():
    with pytest.raises(ConfigError, match="2 auxiliary losses and 1 factors alpha"):
        gates_open(scalars(1.0, 2.0), torch.tensor(1.0), (20,))


def case(seed=0):
    generator = torch.Generator().manual_seed(seed)
    verdict = torch.randn(2, 1, 4, 6, generator=generator).requires_grad_()
    label = torch.randint(0, 3, (2, 8, 12), generator=generator)
    logits = torch.randn(2, 3, 4, 6, generator=generator)
    label[:, :2] = 255
    return verdict, correct_pixels(logits, label), label


@pytest.mark.parametrize("void_is_wrong", [True, False])
def test_the_balanced_loss_is_that_of_the_sheet(void_is_wrong):
    """(1 / N) (sum over right + n1 / n0 sum over wrong) = n1 / N (mean over right + mean over wrong)."""
    verdict, correct, label = case()
    loss = localization_loss(verdict, correct, label, void_is_wrong=void_is_wrong)
    large = F.interpolate(verdict, label.shape[-2:], mode="bilinear", align_corners=True)[:, 0]
    bce = F.binary_cross_entropy_with_logits(large, correct.float(), reduction="none")
    counted = torch.ones_like(correct) if void_is_wrong else label != 255
    right, wrong = bce[counted & correct], bce[counted & ~correct]
    want = len(right) / int(counted.sum()) * (right.mean() + wrong.mean())
    torch.testing.assert_close(loss, want)
    assert not correct[label == 255].any()


def test_void_pixels_take_no_part_by_default():
    verdict, correct, label = case()
    plain, official = (localization_loss(verdict, correct, label, void_is_wrong=v) for v in (False, True))
    assert abs(float((plain - official).detach())) > 1e-3
    (gradient,) = torch.autograd.grad(plain, verdict, retain_graph=True)
    nothing_above = label.clone()
    nothing_above[:, :6] = 255
    (less,) = torch.autograd.grad(localization_loss(verdict, correct & (nothing_above != 255), nothing_above), verdict)
    assert gradient[:, :, 0].abs().max() > 0
    assert less[:, :, :2].abs().max() == 0


@pytest.mark.parametrize("official", [True, False])
@pytest.mark.parametrize("kind", ["no wrong pixel", "no right pixel", "void"])
def test_one_sided_batches_give_zero_and_never_nan(kind, official):
    verdict, correct, label = case()
    label = torch.full_like(label, 255) if kind == "void" else label.clamp(max=2)
    correct = torch.full_like(correct, kind == "no wrong pixel")
    loss = localization_loss(verdict, correct, label, void_is_wrong=official)
    loss.backward()
    assert float(loss) == 0
    assert verdict.grad.abs().max() == 0


def test_the_loss_is_float32_whatever_came():
    verdict, correct, label = case()
    for dtype in (torch.float64, torch.bfloat16):
        assert localization_loss(verdict.to(dtype), correct, label).dtype == torch.float32


def test_zero_and_below_are_rejected():
    verdict = torch.tensor([-3.0, -1e-3, 0.0, 1e-3, 3.0]).view(1, 1, 1, 5)
    accepted = accepted_pixels(verdict)
    assert accepted.flatten().tolist() == [False, False, False, True, True]
    label = torch.tensor([[[4, 4, 4, 4, 0]]])
    assert filtered_labels(label, accepted).flatten().tolist() == [255, 255, 255, 4, 0]
