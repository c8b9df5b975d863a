import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tv

from udalib.core.errors import ConfigError
from udalib.data import (
    ColorJitter,
    Draws,
    GaussianBlur,
    HorizontalFlip,
    Pad,
    PilResize,
    RandomCrop,
    RandomScale,
    Resize,
    ValidMargins,
)
from udalib.data.transforms.spatial import varied
from udalib.ops.photometric import blur, jitter, kernel_length


def draws(count, iteration=0):
    return Draws.for_batch(0, "x", iteration, range(count))


def images(batch=4, height=20, width=30):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_category_rule_draws_again_until_the_window_is_varied():
    label = torch.zeros(1, 8, 40, dtype=torch.uint8)
    label[:, :, 30:] = 4
    batch = {"image": torch.zeros(1, 3, 8, 40), "label": label}
    accepted = {}
    for ratio in (0.75, 1.0):
        crops = [RandomCrop((8, 8), ratio)(batch, draws(1, i))["label"][0] for i in range(200)]
        accepted[ratio] = sum(varied(c, 0.75) for c in crops)
    assert accepted[1.0] < 60 < 100 < accepted[0.75]


def test_category_rule_keeps_the_last_of_eleven_draws():
    class Counting:
        drawn = 0

        def __len__(self):
            return 1

        def select(self, samples):
            return self

        def integers(self, lo, hi):
            self.drawn += 1
            return torch.tensor([self.drawn % (hi + 1)])

    counting = Counting()
    batch = {"image": torch.zeros(1, 3, 30, 30), "label": torch.zeros(1, 30, 30, dtype=torch.uint8)}
    RandomCrop((4, 4), 0.75)(batch, counting)
    assert counting.drawn == 2 * 11


@pytest.mark.parametrize(
    ("label", "ratio", "expected"),
    [
        ([0, 0, 0, 1], 0.75, False),
        ([0, 0, 0, 1], 0.76, True),
        ([0, 0, 255, 255], 0.9, False),
        ([0, 1, 255, 255], 0.75, True),
    ],
)
def test_varied_counts_valid_pixels_only(label, ratio, expected):
    assert varied(torch.tensor([label]), ratio) is expected


def test_category_rule_needs_labels():
    with pytest.raises(ConfigError, match="needs labels"):
        RandomCrop((4, 4), 0.75)({"image": images()}, draws(4))


def test_flip_probability():
    batch = {"image": images(400, 2, 2)}
    flipped = HorizontalFlip(0.25)(batch, draws(400))["image"]
    share = (flipped != batch["image"]).flatten(1).any(1).float().mean()
    assert abs(float(share) - 0.25) < 0.07


def test_jitter_is_torchvisions():
    image = images(1)[0]
    got = jitter(image, [2, 0, 3, 1], (1.2, 0.7, 1.5, -0.1))
    want = tv.adjust_contrast(tv.adjust_hue(tv.adjust_brightness(tv.adjust_saturation(image, 1.5), 1.2), -0.1), 0.7)
    assert torch.equal(got, want)
    assert torch.equal(jitter(image, [0, 1, 2, 3], (1.0, 1.0, 1.0, 0.0)), image)


def test_each_image_is_jittered_in_its_own_way_and_alike_in_any_batch():
    same = images(1).expand(4, -1, -1, -1)
    whole = ColorJitter()({"image": same}, draws(4))["image"]
    assert all(not torch.equal(whole[i], whole[j]) for i in range(4) for j in range(i))
    second = ColorJitter()({"image": same[:1]}, Draws.for_batch(0, "x", 0, [2]))["image"]
    assert torch.equal(second[0], whole[2])
    assert 0.0 <= float(whole.min()) <= float(whole.max()) <= 1.0


def test_jitter_probability_zero_changes_nothing():
    batch = {"image": images(), "label": torch.zeros(4, 20, 30)}
    assert torch.equal(ColorJitter(p=0.0)(batch, draws(4))["image"], batch["image"])


def test_blur_is_the_gaussian_mean():
    image, sigma = images(2), torch.tensor([0.6, 1.1])
    got = blur(image, sigma)
    half_y, half_x = kernel_length(20) // 2, kernel_length(30) // 2
    for i in range(2):
        wy, wx = ([np.exp(-(o**2) / (2 * float(sigma[i]) ** 2)) for o in range(-h, h + 1)] for h in (half_y, half_x))
        kernel = torch.tensor(np.outer(wy, wx) / np.outer(wy, wx).sum(), dtype=torch.float32)
        padded = F.pad(image[i : i + 1], [half_x, half_x, half_y, half_y], mode="reflect")
        want = F.conv2d(padded, kernel.expand(3, 1, -1, -1), groups=3)
        assert torch.allclose(got[i : i + 1], want, atol=1e-6)


@pytest.mark.parametrize(("side", "length"), [(512, 51), (64, 7), (200, 19), (5, 1)])
def test_kernel_length(side, length):
    assert kernel_length(side) == length


def test_blur_probability():
    batch = {"image": images(200, 24, 24)}
    got = GaussianBlur(sigma=(1.0, 1.15), p=0.3)(batch, draws(200))["image"]
    assert abs(float((got != batch["image"]).flatten(1).any(1).float().mean()) - 0.3) < 0.1
    assert GaussianBlur(p=0.0)(batch, draws(200))["image"] is batch["image"]


def test_pillow_resize():
    image = (images(1) * 255).to(torch.uint8)
    label = torch.randint(0, 19, (1, 20, 30))
    got = PilResize((8, 12))({"image": image, "label": label, "name": ["a"]}, None)
    want = Image.fromarray(image[0].permute(1, 2, 0).numpy()).resize((12, 8), Image.Resampling.BICUBIC)
    assert np.array_equal(got["image"][0].permute(1, 2, 0).numpy(), np.array(want))
    assert got["label"].dtype == torch.int64
    rows, columns = (torch.arange(8) + 0.5) * 2.5, (torch.arange(12) + 0.5) * 2.5
    assert torch.equal(got["label"][0], label[0][rows.long()][:, columns.long()])


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({"image": torch.zeros(1, 3, 4, 4)}, "uint8 images"),
        ({"image": torch.zeros(1, 3, 4, 4, dtype=torch.uint8), "flow": torch.zeros(1, 2, 4, 4)}, "also has flow"),
    ],
)
def test_pillow_resize_refuses_what_it_cannot_do(batch, words):
    with pytest.raises(ConfigError, match=words):
        PilResize((2, 2))(batch, None)


def test_valid_margins_move_with_the_image():
    """Red marks the valid pixels, so the mask must stay where the red is, whatever follows."""
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    image[:, 0, 4:28, 6:58] = 255
    batch = ValidMargins((4, 12, 6, 2))({"image": image, "label": torch.zeros(1, 40, 60, dtype=torch.uint8)}, draws(1))
    assert batch["valid"].dtype == torch.uint8
    assert torch.equal(batch["valid"] * 255, image[:, 0])
    for transform in (Resize((80, 120)), RandomCrop((70, 90)), HorizontalFlip(p=1.0), Pad((96, 96), color=(0, 0, 0))):
        batch = transform(batch, draws(1))
        assert batch["valid"].shape == batch["label"].shape
        assert torch.equal(batch["valid"] > 0, batch["image"][:, 0] > 127), transform
    assert batch["valid"].max() == 1
    assert not batch["valid"][:, 70:].any(), "padding is not valid"


@pytest.mark.parametrize(
    ("margins", "words"),
    [
        ((1, 2, 3), "margins are .top, bottom, left, right., each at least 0, got"),
        ((0, -1, 0, 0), "at least 0"),
        ((10, 10, 0, 0), "leave nothing of an image of 20 x 30"),
        ((0, 0, 0, 30), "leave nothing"),
    ],
)
def test_valid_margins_that_make_no_sense(margins, words):
    with pytest.raises(ConfigError, match=words):
        ValidMargins(margins)({"image": images()}, draws(4))


def test_random_scale_resizes_both_sides_by_one_factor_truncated():
    image = torch.randint(0, 255, (1, 3, 41, 80), dtype=torch.uint8)
    batch = {"image": image, "label": torch.randint(0, 5, (1, 41, 80), dtype=torch.uint8)}
    factors = []
    for i in range(20):
        draws = Draws.for_batch(0, "scale", i, [0])
        factors.append(float(Draws.for_batch(0, "scale", i, [0]).uniform(0.5, 2.0)))
        scaled = RandomScale()(batch, draws)
        assert scaled["label"].shape == (1, int(41 * factors[-1]), int(80 * factors[-1]))
        assert scaled["image"].shape[-2:] == scaled["label"].shape[-2:]
    assert min(factors) < 0.8
    assert max(factors) > 1.6


def test_random_scale_refuses_batches_and_nonsense():
    with pytest.raises(ConfigError, match="use it in sample_transforms"):
        RandomScale()({"image": torch.zeros(2, 3, 4, 4)}, Draws.for_batch(0, "scale", 0, [0, 1]))
    with pytest.raises(ConfigError, match="give 0 < low <= high"):
        RandomScale(2.0, 0.5)
