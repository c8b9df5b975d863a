"""The two photometric views of a source domain."""

from __future__ import annotations

import pytest
import torch

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.domain_views import DomainViews


def draws(iteration: int = 0, count: int = 8) -> Draws:
    return Draws.for_batch(0, "view", iteration, range(count))


IMAGES = torch.rand(8, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def test_the_strong_view_changes_every_image_and_the_ordinary_one_some() -> None:
    views = DomainViews(sigma=None)
    changed = [(views(IMAGES, draws(i)) != IMAGES).flatten(1).any(1) for i in range(10)]
    assert 0.3 < torch.stack(changed).float().mean() < 0.7
    assert (views(IMAGES, draws(), strong=True) != IMAGES).flatten(1).any(1).all()


def test_the_strong_view_is_farther_away() -> None:
    views = DomainViews(probability=1.0, sigma=None)
    far, near = (sum((views(IMAGES, draws(i), strong=s) - IMAGES).abs().mean() for i in range(8)) for s in (1, 0))
    assert far > 1.3 * near


def test_a_sample_s_view_does_not_depend_on_its_neighbours() -> None:
    whole = DomainViews()(IMAGES, draws(), strong=True)
    alone = DomainViews()(IMAGES[5:6], Draws.for_batch(0, "view", 0, [5]), strong=True)
    assert torch.allclose(whole[5:6], alone, atol=1e-6)
    assert whole.min() >= 0
    assert whole.max() <= 1 + 1e-6


def test_blur_is_always_on() -> None:
    views = DomainViews(probability=0.0)
    assert (views(IMAGES, draws()) - IMAGES).abs().amax((1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"probability": 1.5}, "jitter_probability is 1.5"),
        ({"strong": (0.8, 0.8, 0.8, 0.6)}, "the hue at most 0.5"),
        ({"jitter": (-1, 0.4, 0.4, 0.1)}, "at least 0"),
    ],
)
def test_bad_options(options: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        DomainViews(**options)
