"""CropMix, random erasing and TrivialAugment: what is drawn, what is mixed by hand, what is refused."""

import math

import pytest
import torch

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data.transforms import CropMixup, PilResize, RandomErasing, TrivialAugment
from udalib.ops.crop_mix import crop_scales, mix_views
from udalib.ops.trivial_augment import OPERATIONS, trivial_augment


def draws(count, iteration=0):
    return Draws.for_batch(0, "x", iteration, range(count))


def bytes_of(count=1, height=40, width=60):
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), generator=random, dtype=torch.uint8)


def floats(count=1, height=20, width=30):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("number", "scales"), [
    (2, [(0.01, 1.0), (0.99, 1.0)]),
    (3, [(0.01, 0.34), (0.34, 0.67), (0.99, 1.0)]),
    (4, [(0.01, 0.2575), (0.2575, 0.505), (0.505, 0.7525), (0.99, 1.0)]),
])  # fmt: skip
def test_scales_of_the_crops(number, scales):
    assert crop_scales(number, 0.01) == scales


def test_views_are_folded_from_the_left_and_the_weaker_one_is_permuted():
    views = [torch.tensor([a, a + 1.0, a + 2.0]).view(3, 1, 1) for a in (0.0, 10.0, 20.0)]
    order = [2, 0, 1]
    first = 0.75 * views[0] + 0.25 * views[1][order]
    want = 0.2 * first[order] + 0.8 * views[2]
    assert torch.allclose(mix_views(views, [0.75, 0.2], [order, order]), want)
    with pytest.raises(ConfigError, match="2 views, 2 shares and 1 orders do not fit"):
        mix_views(views[:2], [0.5, 0.5], [order])


def test_a_mixture_is_whole_numbers_of_the_wanted_size_and_each_picture_has_its_own():
    image = bytes_of().expand(6, -1, -1, -1)
    mixed = CropMixup((16, 24), p=1.0)({"image": image, "classes": torch.ones(6, 4)}, draws(6))
    assert mixed["image"].shape == (6, 3, 16, 24)
    assert mixed["image"].dtype == torch.uint8
    assert len({tuple(x.flatten().tolist()) for x in mixed["image"]}) == 6
    assert mixed["classes"].equal(torch.ones(6, 4))
    second = CropMixup((16, 24), p=1.0)({"image": image[:1]}, Draws.for_batch(0, "x", 0, [2]))["image"]
    assert second[0].equal(mixed["image"][2])


def test_half_of_the_pictures_are_resized_alone():
    image = bytes_of(height=12, width=12).expand(200, -1, -1, -1)
    plain = PilResize((8, 8))({"image": image[:1]}, draws(1))["image"][0]
    mixed = CropMixup((8, 8))({"image": image}, draws(200))["image"]
    share = (mixed == plain).flatten(1).all(1).float().mean()
    assert abs(float(share) - 0.5) < 0.12


def test_shares_of_a_mixture_come_from_the_beta_distribution():
    """Mean 1/2 and variance 1 / (4 (2 a + 1)), each within four standard errors of 4000 draws."""
    for a in (0.1, 0.2, 1.0):
        drawn = draws(4000).beta(a, a)
        variance = 1 / (4 * (2 * a + 1))
        assert 0 <= float(drawn.min()) <= float(drawn.max()) <= 1
        assert float(drawn.mean()) == pytest.approx(0.5, abs=4 * math.sqrt(variance / 4000))
        assert float(drawn.var()) == pytest.approx(variance, rel=0.08)
    assert float(draws(4000).beta(0.2, 0.6).mean()) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ConfigError, match=r"Beta\(0, 1\) does not exist"):
        draws(1).beta(0, 1)


def test_one_box_is_erased_and_the_rest_stays():
    image = torch.full((300, 3, 40, 60), 2.0)
    erased = RandomErasing(p=1.0)({"image": image}, draws(300))["image"]
    inside = (erased != 2.0).any(1)
    rows, columns = inside.any(2).sum(1), inside.any(1).sum(1)
    assert (inside.sum((1, 2)) == rows * columns).all()
    share = (rows * columns) / (40 * 60)
    assert 0.015 < float(share.min()) < 0.05
    assert 0.28 < float(share.max()) < 0.36
    assert (columns / rows).min() >= 0.25
    assert image.eq(2.0).all()


def test_the_noise_has_mean_and_spread_of_the_normalisation():
    image = torch.zeros(1, 3, 200, 200)
    erased = RandomErasing(p=1.0, area=(1.0, 1.0), aspect=(1.0, 1.0), std=(20.0, 20.0, 20.0))(
        {"image": image}, draws(1)
    )
    values = 255 * erased["image"][0].flatten(1)
    assert torch.allclose(values.mean(1), torch.tensor([123.675, 116.28, 103.53]), atol=0.5)
    assert torch.allclose(values.std(1), torch.full((3,), 20.0), atol=0.5)


def test_erasing_has_its_probability():
    image = floats(400, 8, 8)
    changed = (RandomErasing(p=0.25)({"image": image}, draws(400))["image"] != image).flatten(1).any(1)
    assert abs(float(changed.float().mean()) - 0.25) < 0.07


def test_there_are_fourteen_operations_and_level_0_of_those_with_a_strength_changes_nothing():
    image = floats()[0]
    assert len(OPERATIONS) == 14
    for name in set(OPERATIONS) - {"autocontrast", "equalise"}:
        assert torch.allclose(trivial_augment(image, name, 0), image, atol=0.004), name  # 8 bits round down by 1/256
        if name != "identity":
            assert not torch.allclose(trivial_augment(image, name, 30), image, atol=0.01), name


def test_geometry_by_hand():
    image = floats(height=20, width=40)[0]
    moved = trivial_augment(image, "translate x", 30)
    assert torch.allclose(moved[:, :, 10:], image[:, :, :-10], atol=1e-5)
    assert torch.allclose(moved[:, :, :9], torch.full((3, 20, 9), 0.5), atol=1e-5)
    assert torch.allclose(trivial_augment(image, "translate y", 15, -1)[:, :-5], image[:, 5:], atol=1e-5)
    square = torch.zeros(3, 41, 41)
    square[:, 20, 35] = 1
    turned = trivial_augment(square, "rotate", 30)[0, 5:-5, 5:-5]
    row, column = divmod(int(turned.argmax()), 31)
    assert (abs(row - 15), column - 15) == (round(15 * math.sin(math.pi / 6)), round(15 * math.cos(math.pi / 6)))
    sheared = trivial_augment(square.roll(-5, 2), "shear y", 30)[0, 5:-5, 5:-5]
    row, column = divmod(int(sheared.argmax()), 31)
    assert (abs(row - 15), column) == (3, 25)


def test_trivial_augment_uses_every_operation_and_stays_in_range():
    image = floats().expand(120, -1, -1, -1)
    changed = TrivialAugment()({"image": image}, draws(120))["image"]
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert len({tuple(x.flatten().tolist()) for x in changed}) > 60
    assert image.equal(floats().expand(120, -1, -1, -1))


def test_what_is_refused():
    label = {"image": floats(), "label": torch.zeros(1, 20, 30)}
    for transform in (RandomErasing(), TrivialAugment(), CropMixup((8, 8))):
        with pytest.raises(ConfigError, match=f"{type(transform).__name__} handles images alone.*label"):
            transform(label, draws(1))
    with pytest.raises(ConfigError, match="1 crops of at least 0.01"):
        CropMixup((8, 8), numbers=(1,))
    with pytest.raises(ConfigError, match="ratio 0 must be positive"):
        CropMixup((8, 8), ratio=0)
    with pytest.raises(ConfigError, match="CropMixup works on uint8 images"):
        CropMixup((8, 8))({"image": floats()}, draws(1))
    with pytest.raises(ConfigError, match="smaller one first"):
        RandomErasing(area=(0.5, 0.1))
    with pytest.raises(UnknownNameError, match="operation of TrivialAugment 'invert'"):
        trivial_augment(floats()[0], "invert", 3)
