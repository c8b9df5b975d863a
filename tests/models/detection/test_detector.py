"""Detectors of every neck and head: gradients, no box at all, padding, what they refuse."""

import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.models.detection.assign import assign_max_iou
from udalib.models.detection.detector import create_detector, load_all
from udalib.models.detection.registry import HEADS, NECKS

load_all()


def detector(neck="cfpt", head="retina"):
    return create_detector(3, "streets", neck, head, channels=32, depth=1)


BOXES = [torch.tensor([[4.0, 4, 20, 24], [30, 10, 60, 50]]), torch.zeros(0, 4)]
LABELS = [torch.tensor([0, 2]), torch.zeros(0, dtype=torch.int64)]


@pytest.mark.parametrize("head", HEADS.names())
@pytest.mark.parametrize("neck", NECKS.names())
def test_losses_and_detections(neck, head):
    torch.manual_seed(0)
    network = detector(neck, head).train()
    images = torch.rand(2, 3, 64, 96)
    losses = network.losses(images, BOXES, LABELS)
    assert all(v.shape == (5,) and v.isfinite().all() for v in losses.values())
    torch.stack([v.sum() for v in losses.values()]).sum().backward()
    found = network.eval().detect(images)
    assert len(found) == 2
    assert found[0].keys() == {"boxes", "scores", "labels"}


@pytest.mark.parametrize("head", HEADS.names())
def test_no_box_at_all_is_background(head):
    losses = detector(head=head).losses(torch.rand(2, 3, 64, 64), 2 * BOXES[1:], 2 * LABELS[1:])
    assert losses["loss_bbox"].sum() == 0
    assert 0 < losses["loss_cls"].sum() < float("inf")


def test_sides_that_do_not_fit_are_padded_and_said_once():
    network = detector().eval()
    with pytest.warns(UserWarning, match="padded to"), torch.no_grad():
        levels = network.levels(torch.rand(1, 3, 50, 70))
    assert levels[0].shape[-2:] == (16, 24)


def test_later_box_takes_an_anchor_that_two_want():
    anchors = torch.tensor([[0.0, 0, 10, 10], [100, 100, 110, 110]])
    boxes = torch.tensor([[0.0, 0, 5, 4], [0, 0, 4, 5]])
    assert assign_max_iou(anchors, boxes).tolist() == [1, -1]


def test_wrong_names_and_images():
    with pytest.raises(UnknownNameError, match="neck"):
        create_detector(3, "streets", "cfp")
    with pytest.raises(ConfigError, match="RGB"):
        detector()(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
