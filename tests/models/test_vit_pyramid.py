"""A plain vision transformer with a pyramid: strides, alignment with the image, gradients, weights, what is refused."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.models import create_encoder, create_network
from udalib.models.encoders.vit_pyramid import Pyramid, ViTPyramid

SMALL = {
    "vit_small_patch14_dinov2": {"embed_dim": 48, "num_heads": 2},
    "vit_small_patch16_dinov3": {"embed_dim": 128, "num_heads": 2},
    "vit_tiny_patch16_224": {},
}


def small(name, **options):
    return create_encoder(f"vit_pyramid:{name}", depth=4, **SMALL[name], **options)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(512, 512), (70, 101), (40, 56)])
def test_strides_and_channels_at_any_size(name, size):
    encoder = small(name).eval()
    width = SMALL[name].get("embed_dim", 192)
    assert encoder.strides == (4, 8, 16, 32)
    assert encoder.channels == (width // 4, width // 2, width, width)
    with torch.no_grad():
        features = encoder(torch.rand(1, 3, *size))
    wanted = [
        (1, c, -(-size[0] // s), -(-size[1] // s)) for c, s in zip(encoder.channels, encoder.strides, strict=True)
    ]
    assert [tuple(f.shape) for f in features] == wanted


class Positions(torch.nn.Module):
    """A backbone of patch 14 whose only features are the mean x and y of each patch."""

    def forward(self, x):
        return [torch.nn.functional.avg_pool2d(x, 14)] * 4


@pytest.mark.parametrize("side", [512, 100])
def test_maps_are_aligned_with_the_image(side):
    encoder = small("vit_small_patch14_dinov2")
    encoder.body = Positions()
    encoder.neck.fine = encoder.neck.middle = torch.nn.Upsample(scale_factor=2, mode="bilinear")
    centres = torch.arange(side) + 0.5
    image = torch.stack([centres.repeat(side, 1), centres.repeat(side, 1).T, torch.zeros(side, side)])[None]
    for stride, feature in zip(encoder.strides, encoder(image), strict=True):
        step = side / feature.shape[-1]
        wanted = (torch.arange(feature.shape[-1]) + 0.5) * step
        inner = slice(14 // stride + 2, -14 // stride - 2) if stride < 14 else slice(1, -1)
        # overlapping windows of a mean are off by up to half a patch, and by nothing on average
        worst = 1.0 if stride < 32 else 7.0
        assert (feature[0, 0, 0] - wanted)[inner].abs().max() <= worst
        assert (feature[0, 1, :, 0] - wanted)[inner].abs().max() <= worst
        assert (feature[0, 0, 0] - wanted)[inner].mean().abs() <= 1.0


def test_the_coarsest_map_holds_no_weights_of_the_pyramid():
    encoder = small("vit_tiny_patch16_224").eval()
    with torch.no_grad():
        last = encoder(torch.ones(1, 3, 64, 96))[-1]
        deepest = encoder.body(torch.ones(1, 3, 64, 96))[-1]
    assert torch.allclose(last, torch.nn.functional.avg_pool2d(deepest, 2), atol=1e-6)


def test_every_parameter_of_the_pyramid_learns():
    network = create_network(
        "daformer-vit_pyramid:vit_small_patch16_dinov3",
        num_classes=5,
        encoder_options={"depth": 4, **SMALL["vit_small_patch16_dinov3"], "drop_path_rate": 0.1},
        decoder_options={"channels": 16, "embed_dims": 16},
    )
    logits = network(torch.rand(2, 3, 70, 101))
    assert logits.shape == (2, 5, 18, 26)
    logits.square().mean().backward()
    untrained = [n for n, p in network.named_parameters() if p.grad is None]
    assert untrained == []


@pytest.mark.parametrize("name", SMALL)
def test_weights_of_the_backbone_come_from_a_file(tmp_path, name):
    torch.manual_seed(0)
    whole = timm.create_model(name, depth=4, **SMALL[name])
    save_file(whole.state_dict(), tmp_path / "file.safetensors")
    encoder = small(name, weights=tmp_path / "file.safetensors")
    for key, weight in encoder.body.state_dict().items():
        assert torch.equal(weight, whole.state_dict()[key.removeprefix("model.")]), key


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto"])
def test_hierarchical_backbones_are_refused(name):
    with pytest.raises(ConfigError, match=rf"{name}.*strides \(4, 8, 16, 32\).*Use timm:{name}"):
        create_encoder(f"vit_pyramid:{name}")


def test_options_that_it_sets_itself_are_refused():
    with pytest.raises(ConfigError, match="vit_pyramid sets out_indices, output_stride itself"):
        ViTPyramid("vit_tiny_patch16_224", out_indices=(1,), output_stride=8)
    with pytest.raises(UnknownNameError, match="unknown timm model"):
        ViTPyramid("vit_tiny_patch17")


def test_a_pyramid_of_its_own():
    maps = [torch.rand(1, 8, 3, 4)] * 4
    assert [tuple(f.shape[1:]) for f in Pyramid(8)(maps, (48, 64))] == [
        (2, 12, 16),
        (4, 6, 8),
        (8, 3, 4),
        (8, 2, 2),
    ]
