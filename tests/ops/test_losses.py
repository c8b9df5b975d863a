"""The averaging rules of the cross-entropy, each against its formula."""

import pytest
import torch
import torch.nn.functional as F

from udalib.core.errors import ConfigError
from udalib.ops import batch_accuracy, cross_entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 6, generator=generator)
    label = torch.randint(0, 4, (2, 5, 6), generator=generator)
    label[0, :2] = 255
    label[1, 0, 0] = -1
    return logits.requires_grad_(), label, torch.rand(2, 5, 6, generator=generator)


def pixel_losses(logits, label):
    """-log p of the true class, 0 where ignored."""
    valid = (label >= 0) & (label != 255)
    picked = logits.log_softmax(1).gather(1, label.clamp(0, 3)[:, None])[:, 0]
    return torch.where(valid, -picked, 0.0), valid


def test_valid_mean(batch):
    logits, label, weight = batch
    losses, valid = pixel_losses(logits, label)
    torch.testing.assert_close(cross_entropy(logits, label), losses.sum() / valid.sum())
    torch.testing.assert_close(cross_entropy(logits, label, weight), (weight * losses).sum() / valid.sum())
    want = F.cross_entropy(logits, label.where(label >= 0, 255), ignore_index=255)
    torch.testing.assert_close(cross_entropy(logits, label), want)


def test_all_mean(batch):
    logits, label, weight = batch
    losses, _ = pixel_losses(logits, label)
    torch.testing.assert_close(cross_entropy(logits, label, reduction="all_mean"), losses.mean())
    torch.testing.assert_close(cross_entropy(logits, label, weight, reduction="all_mean"), (weight * losses).mean())


def test_class_weights_divide_by_their_own_sum(batch):
    logits, label, _ = batch
    class_weight = torch.tensor([0.5, 1.0, 2.0, 0.0])
    want = F.cross_entropy(logits, label.where(label >= 0, 255), class_weight, ignore_index=255)
    torch.testing.assert_close(cross_entropy(logits, label, class_weight=class_weight), want)


def test_everything_ignored_is_zero_or_officially_nan(batch):
    logits, label, _ = batch
    nothing = torch.full_like(label, 255)
    loss = cross_entropy(logits, nothing)
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()
    assert cross_entropy(logits, nothing, official=True).isnan()
    assert cross_entropy(logits, nothing, reduction="all_mean", official=True) == 0


def test_small_integers_and_half_precision(batch):
    logits, label, _ = batch
    label = label.where(label >= 0, 255)
    want = cross_entropy(logits, label)
    assert cross_entropy(logits, label.to(torch.uint8)) == want
    low = cross_entropy(logits.to(torch.bfloat16), label)
    assert low.dtype == torch.float32
    # bfloat16 keeps 8 bits of each logit (|z| < 4: error below 0.016), the sums are in float32.
    torch.testing.assert_close(low, want, atol=0.01, rtol=0)


def test_other_ignore_index(batch):
    logits, label, _ = batch
    moved = label.where((label >= 0) & (label != 255), 3)
    losses = F.cross_entropy(logits, moved, reduction="none")[moved != 3]
    torch.testing.assert_close(cross_entropy(logits, moved, ignore_index=3), losses.mean())


def test_accuracy_counts_ignored_pixels_as_wrong():
    logits = torch.tensor([[[[2.0, 2.0, 0.0, 0.0]], [[0.0, 0.0, 1.0, 1.0]]]])
    assert batch_accuracy(logits, torch.tensor([[[0, 1, 1, 255]]])) == 0.5


def test_messages(batch):
    logits, label, _ = batch
    with pytest.raises(ConfigError, match="do not fit the label"):
        cross_entropy(logits, label[:, 1:])
    with pytest.raises(ConfigError, match="choose valid_mean or all_mean"):
        cross_entropy(logits, label, reduction="mean")
