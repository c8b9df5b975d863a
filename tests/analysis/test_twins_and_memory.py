"""The toy world of twins, and what a training pass keeps."""

import pytest
import torch
from torch import nn

from udalib.analysis.networks.memory import forward_cost, pass_cost
from udalib.analysis.twins import CLASSES, twin_scenes
from udalib.core.errors import ConfigError


def test_twins_have_one_colour_and_other_neighbours():
    for domain in ("source", "target"):
        scenes = twin_scenes(domain, 40)
        image, label = scenes["image"], scenes["label"]
        assert image.shape == (40, 3, 32, 64)
        assert label.unique().tolist() == list(range(len(CLASSES)))
        colors = {name: image.movedim(1, 3)[label == i].mean(0) for i, name in enumerate(CLASSES)}
        assert torch.allclose(colors["pavement"], colors["road"], atol=0.02)
        assert (colors["house"] - colors["grass"]).abs().max() > 0.03
        for row in label[:, 5].tolist():  # house beside pavement beside road beside grass, from one side or the other
            order = list(dict.fromkeys(row))
            assert order in ([0, 1, 2, 3], [3, 2, 1, 0])


def test_scenes_follow_their_seed_and_domain():
    one, again, other = (twin_scenes("source", 4, seed) for seed in (0, 0, 1))
    assert torch.equal(one["image"], again["image"])
    assert not torch.equal(one["label"], other["label"])
    assert not torch.equal(one["label"], twin_scenes("target", 4)["label"])


@pytest.mark.parametrize(("domain", "size"), [("dusk", (32, 64)), ("source", (32, 60))])
def test_other_domains_and_narrow_pictures_are_refused(domain, size):
    with pytest.raises(ConfigError, match="take source or target, wider than 60"):
        twin_scenes(domain, 1, size=size)


def test_what_a_pass_keeps_grows_with_the_images_and_leaves_no_gradient():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    costs = []
    for side in (8, 16):
        images = torch.rand(1, 3, side, side)
        costs.append(pass_cost(lambda images=images: network(images).square().mean(), network))
    assert costs[1].kept == 4 * costs[0].kept
    # The input of the first convolution, the ReLU's output (the second one's input) and what is squared.
    assert costs[0].kept == 64 * (3 + 4 + 2)
    assert all(cost.seconds >= 0 for cost in costs)
    assert all(p.grad is None for p in network.parameters())


def test_the_fastest_of_several_keeps_the_same_and_a_forward_pass_keeps_nothing():
    network = torch.nn.Conv2d(3, 4, 3)
    image = torch.rand(1, 3, 8, 8)
    once, often = (pass_cost(lambda: network(image).square().mean(), network, repeats) for repeats in (1, 3))
    assert once.kept == often.kept > 0
    assert forward_cost(lambda: network(image), 3).kept == 0
    modes = []
    forward_cost(lambda: modes.append(torch.is_grad_enabled()), 2)
    assert modes == [False, False]
