"""Both corner conventions of the bilinear resize."""

import torch

from udalib.ops import resize


def test_corner_conventions_on_a_ramp():
    ramp = torch.arange(3.0).view(1, 1, 1, 3)
    assert resize(ramp, (1, 5), align_corners=True).flatten().tolist() == [0, 0.5, 1, 1.5, 2]
    # Pixel centres: output pixel i looks at (i + 0.5) * 3 / 6 - 0.5, clamped to the border.
    assert resize(ramp, (1, 6)).flatten().tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2]


def test_same_size_costs_nothing():
    x = torch.rand(2, 3, 4, 5)
    assert resize(x, x.shape[-2:]) is x


def test_gradient_flows():
    x = torch.rand(1, 1, 2, 2, requires_grad=True)
    resize(x, (8, 8)).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((1, 1, 2, 2), 16.0))
