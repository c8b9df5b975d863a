"""Losses of multi-label recognition: unknown entries, empty batches, what is refused."""

from __future__ import annotations

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.ops.multi_label import asymmetric_loss, smoothed_bce

LOSSES = [smoothed_bce, asymmetric_loss]


@pytest.mark.parametrize("loss", LOSSES)
def test_unknown_entries_and_images_without_a_label(loss) -> None:
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target = torch.tensor([[1, 0, -1], [0, 0, 0]])
    value = loss(logits, target)
    value.backward()
    assert value > 0
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert (logits.grad[1] != 0).any()
    known = loss(logits[:, :2], target[:, :2]) + loss(logits[1:, 2:], target[1:, 2:]) / 2
    assert torch.allclose(value, known)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("reduction", ["images", "mean"])
def test_nothing_labelled_gives_zero(loss, reduction) -> None:
    logits = torch.randn(2, 3).requires_grad_()
    value = loss(logits, torch.full((2, 3), -1), reduction=reduction)
    value.backward()
    assert value == 0
    assert not logits.grad.any()


def test_wrong_shapes_and_smoothing_are_named() -> None:
    with pytest.raises(ConfigError, match=r"logits \(2, 3\) and classes \(2,\) do not fit"):
        asymmetric_loss(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ConfigError, match="smoothing is 0.5"):
        smoothed_bce(torch.zeros(2, 3), torch.zeros(2, 3), 0.5)
