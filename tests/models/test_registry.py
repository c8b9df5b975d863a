"""Networks by name: what is listed, what any pair gives, what a wrong name says; contracts of every entry."""

import re

import pytest
import torch
from torch import nn

from udalib.core.errors import CheckpointError, ConfigError, UnknownNameError
from udalib.models import (
    CAFFE,
    ENCODERS,
    InputStats,
    SegmentationNetwork,
    create_decoder,
    create_encoder,
    create_network,
    list_decoders,
    list_encoders,
    list_networks,
)

IN_CHANNELS = (8, 16, 24, 32)
LARGE = re.compile("mit_b[1-5]|resnet|vgg|deeplab|^(daformer|dlv3p|hrda)-|^vig|^gkgnet")
"""Entries of more than about 4 million parameters, by name: to build and count all of them takes ten seconds; and those
of a fixed image size, which tests/models/test_gkgnet.py looks at."""

SMALL_ENCODERS = [n for n in list_encoders() if n not in ("timm", "vit_pyramid") and not LARGE.search(n)]
SMALL_NETWORKS = [n for n in list_networks() if not LARGE.search(n)]


def odd_features():
    sizes = ((17, 25), (9, 13), (5, 7), (3, 4))
    return [torch.randn(2, c, *s) for c, s in zip(IN_CHANNELS, sizes, strict=True)]


def assert_gradients(module, outputs):
    sum(out.square().mean() for out in outputs).backward()
    elsewhere = getattr(module, "learned_in_writing", ())
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert (parameter.grad is None) == name.startswith(tuple(elsewhere)), name
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all(), name


def assert_same_after_round_trip(build, module, x):
    other = build()
    other.load_state_dict(module.state_dict(), strict=True)
    with torch.no_grad():
        for got, want in zip(flat(other.eval()(x)), flat(module.eval()(x)), strict=True):
            assert torch.equal(got, want)


def flat(outputs):
    return [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)


def test_lists_have_the_promised_names():
    assert {f"mit_b{i}" for i in range(6)} | {"streets"} <= set(list_encoders())
    assert {"segformer", "daformer", "upernet", "light_fpn"} <= set(list_decoders())
    assert {"streets", "daformer-mit_b5", "segformer-mit_b2"} <= set(list_networks())
    assert list_networks("daformer-*") == [f"daformer-mit_b{i}" for i in range(6)]


@pytest.mark.parametrize("name", SMALL_ENCODERS)
def test_encoder_gradients_and_state(name):
    encoder = create_encoder(name)
    x = torch.randn(2, 3, 65, 97)
    assert_gradients(encoder, encoder.train()(x))
    assert_same_after_round_trip(lambda: create_encoder(name), encoder, x)


@pytest.mark.parametrize("name", list_decoders())
def test_decoder_gradients_and_state(name):
    decoder = create_decoder(name, IN_CHANNELS, 5).train()
    features = odd_features()
    outputs = decoder.forward_all(features) if hasattr(decoder, "forward_all") else [decoder(features)]
    assert decoder.num_classes == 5
    assert outputs[0].shape[:2] == (2, 5)
    assert_gradients(decoder, outputs)
    assert_same_after_round_trip(lambda: create_decoder(name, IN_CHANNELS, 5), decoder, features)


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_network_gradients_and_state(name):
    network = create_network(name, num_classes=4).train()
    x = torch.rand(2, 3, 65, 97)
    assert_gradients(network, network.decode_all(network.features(x)))
    assert_same_after_round_trip(lambda: create_network(name, num_classes=4), network, x)


@pytest.mark.parametrize("decoder", list_decoders())
@pytest.mark.parametrize("encoder", ["streets", "mit_b0"])
def test_any_pair_can_be_created(decoder, encoder):
    network = create_network(f"{decoder}-{encoder}", num_classes=3).eval()
    with torch.inference_mode():
        logits = network(torch.rand(1, 3, 38, 50))
    assert logits.shape[:2] == (1, 3)


def test_options_reach_both_parts():
    network = create_network(
        "daformer-mit_b0",
        num_classes=3,
        encoder_options={"drop_path_rate": 0.0},
        decoder_options={"channels": 8, "embed_dims": 4, "fusion": "conv1"},
        stats=CAFFE,
        align_corners=True,
    )
    assert network.stats is CAFFE
    assert network.align_corners
    assert network.decoder.fuse_layer.conv.out_channels == 8
    assert isinstance(network.encoder.block4[-1].drop_path, nn.Identity)


def test_segformer_width_follows_the_paper():
    with torch.device("meta"):
        widths = [create_network(f"segformer-mit_b{i}").decoder.linear_pred.in_channels for i in range(6)]
        narrow = create_network("segformer-mit_b2", decoder_options={"embed_dim": 32})
    assert widths == [256, 256, 768, 768, 768, 768]
    assert narrow.decoder.linear_pred.in_channels == 32


def test_encoder_weights(tmp_path):
    encoder = create_encoder("mit_b0")
    published = encoder.state_dict() | {"head.weight": torch.zeros(1000, 256), "head.bias": torch.zeros(1000)}
    torch.save(published, tmp_path / "mit_b0.pth")
    network = create_network("segformer-mit_b0", encoder_weights=tmp_path / "mit_b0.pth")
    for name, value in network.encoder.state_dict().items():
        assert torch.equal(value, published[name])
    with pytest.raises(CheckpointError, match="do not fit the encoder 'mit_b1'"):
        create_network("segformer-mit_b1", encoder_weights=tmp_path / "mit_b0.pth")


def test_unknown_names_list_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown network 'daformer_mit_b5'.*daformer-mit_b5"):
        create_network("daformer_mit_b5")
    with pytest.raises(UnknownNameError, match="unknown encoder 'mit_b9'.*mit_b"):
        create_network("daformer-mit_b9")
    with pytest.raises(UnknownNameError, match="unknown decoder 'daforme'.*daformer"):
        create_decoder("daforme", (8,))


def test_encoder_without_channels_is_named():
    ENCODERS.add("toy_without_channels", nn.Identity)
    try:
        with pytest.raises(ConfigError, match="no attribute 'channels'"):
            create_network("daformer-toy_without_channels")
    finally:
        ENCODERS._values.pop("toy_without_channels")


# The network around encoder and decoder.


class Echo(nn.Module):
    num_classes = 3

    def forward(self, x):
        return [x] if isinstance(x, torch.Tensor) else x[0]


def test_input_statistics():
    images = torch.rand(2, 3, 4, 5)
    rgb = SegmentationNetwork(Echo(), Echo(), InputStats((10, 20, 30), (1, 2, 4)))
    mean, std = torch.tensor([10.0, 20, 30]).view(1, 3, 1, 1), torch.tensor([1.0, 2, 4]).view(1, 3, 1, 1)
    assert torch.allclose(rgb(images), (images * 255 - mean) / std, atol=1e-4)
    bgr = SegmentationNetwork(Echo(), Echo(), InputStats((10, 20, 30), (1, 2, 4), bgr=True))
    assert torch.allclose(bgr(images), (images.flip(1) * 255 - mean) / std, atol=1e-4)
    assert rgb.num_classes == 3
    assert not rgb.state_dict(), "statistics are configuration, not weights"


@pytest.mark.parametrize(
    "images", [torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.rand(3, 4, 4), torch.rand(1, 4, 4, 4)]
)
def test_wrong_images_are_named(images):
    network = SegmentationNetwork(Echo(), Echo())
    with pytest.raises(ConfigError, match=r"images must be float \(B, 3, H, W\)"):
        network(images)


def test_channels_last_bfloat16_and_one_graph():
    """The forward pass keeps its numbers under channels_last, runs in bfloat16, and compiles to one graph."""
    torch.manual_seed(0)
    options = {"channels": 16, "embed_dims": 16}
    network = create_network("daformer-mit_b0", num_classes=4, decoder_options=options).eval()
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        want = network(images)
        last = network.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
        assert torch.allclose(last, want, atol=1e-5)
        with torch.autocast("cpu", torch.bfloat16):
            low = network(images)
        assert low.dtype == torch.bfloat16
        assert (low.float() - want).abs().max() < 0.05 * want.abs().max()
        compiled = torch.compile(network, backend="eager", fullgraph=True)
        assert torch.allclose(compiled(images), want, atol=1e-5)
