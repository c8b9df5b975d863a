"""The recoloured view: torchvision's colour jitter and grey scale, drawn a sample, nothing moved."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.views import PhotometricView


def draws(seed=0, samples=4):
    return Draws.for_batch(seed, "view", 0, range(samples))


def test_a_view_is_drawn_a_sample_and_moves_nothing():
    images = torch.rand(4, 3, 8, 10)
    images[:, :, :4] = 0
    view = PhotometricView(grey=0.5)
    whole = view(images, draws())
    assert whole.shape == images.shape
    assert (whole >= 0).all()
    assert (whole <= 1).all()
    assert torch.equal(view(images[2:3], draws().select([2])), whole[2:3])
    assert whole[:, :, 4:].std() > 0.05
    flat = whole[:, :, :4]  # black stays one colour, whatever it is
    assert torch.allclose(flat, flat[..., :1, :1].expand_as(flat), atol=1e-6)


def test_a_strength_of_zero_changes_nothing_and_grey_is_grey():
    images = torch.rand(3, 3, 4, 4)
    nothing = PhotometricView(0, 0, 0, 0, 0)
    assert torch.equal(nothing(images, draws(samples=3)), images)
    grey = PhotometricView(0, 0, 0, 0, 1)(images, draws(samples=3))
    assert torch.equal(grey, tv.rgb_to_grayscale(images, 3))


def test_brightness_multiplies_within_its_range():
    """Torchvision's, not the additive one of DAFormer."""
    images = torch.full((200, 3, 1, 1), 0.5)
    factors = PhotometricView(0.4, 0, 0, 0, 0)(images, draws(samples=200))[:, 0, 0, 0] / 0.5
    assert 0.6 <= float(factors.min()) < 0.65
    assert 1.35 < float(factors.max()) <= 1.4
    share = PhotometricView(0, 0, 0, 0, 0.2)(torch.rand(400, 3, 1, 1), draws(samples=400))
    grey = (share[:, 0] == share[:, 1]).float().mean()
    assert 0.14 < float(grey) < 0.26  # 3 standard deviations


@pytest.mark.parametrize("options", [{"hue": 0.6}, {"contrast": -0.1}, {"grey": 1.2}])
def test_what_is_out_of_range_is_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        PhotometricView(**options)
