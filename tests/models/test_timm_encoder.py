"""timm backbones as encoders: any size, output stride, weights from files only, frozen BatchNorm, errors."""

import hashlib
import os
import socket

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from udalib.core.errors import CheckpointError, ConfigError, UnknownNameError
from udalib.core.paths import weights_root
from udalib.models import HALF, IMAGENET, InputStats, create_encoder, create_network
from udalib.models.encoders.timm_encoder import TimmEncoder
from udalib.models.encoders.timm_weights import PRETRAINED
from udalib.models.norm import batch_norms
from udalib.models.weights.load import load_published


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("an encoder tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


BACKBONES = {
    "resnet18": (4, 8, 16, 32),
    "mobilenetv2_100": (4, 8, 16, 32),
    "mobilenetv3_small_050": (4, 8, 16, 32),
    "convnext_atto": (4, 8, 16, 32),
    "pvt_v2_b0": (4, 8, 16, 32),
    "swin_tiny_patch4_window7_224": (4, 8, 16, 32),
    "hrnet_w18_small": (4, 8, 16, 32),
    "vit_tiny_patch16_224": (16, 16, 16, 16),
}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("size", [(64, 96), (70, 101)])
def test_strides_channels_and_any_size(name, size):
    encoder = create_encoder(f"timm:{name}").eval()
    assert encoder.strides == BACKBONES[name]
    with torch.no_grad():
        features = encoder(torch.rand(2, 3, *size))
    for feature, channels, stride in zip(features, encoder.channels, encoder.strides, strict=True):
        assert feature.shape[:2] == (2, channels)
        for got, side in zip(feature.shape[2:], size, strict=True):
            assert side // stride <= got <= -(-side // stride)


def test_padding_for_a_family_that_needs_it_keeps_the_shape_it_would_have():
    encoder = TimmEncoder("hrnet_w18_small").eval()
    assert encoder.size_multiple == 32
    assert [tuple(f.shape[2:]) for f in encoder(torch.rand(1, 3, 33, 65))] == [(9, 17), (5, 9), (3, 5), (2, 3)]


def test_output_stride():
    encoder = TimmEncoder("resnet18", output_stride=8)
    assert encoder.strides == (4, 8, 8, 8)
    assert encoder(torch.rand(1, 3, 64, 64))[-1].shape == (1, 512, 8, 8)


def test_out_indices_and_no_work_beyond_them():
    encoder = TimmEncoder("mobilenetv2_100", out_indices=(0, 1, 2))
    assert encoder.strides == (2, 4, 8)
    encoder(torch.rand(1, 3, 64, 64))[-1].sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_vit_blocks_are_evenly_spaced():
    encoder = TimmEncoder("vit_tiny_patch16_224")
    assert list(encoder.body.feature_info.out_indices) == [2, 5, 8, 11]


def test_freeze_bn():
    encoder = TimmEncoder("mobilenetv2_100", freeze_bn=True).train()
    norms = list(batch_norms(encoder))
    assert len(norms) > 40
    assert not any(bn.training or bn.weight.requires_grad for bn in norms)
    encoder(torch.rand(2, 3, 64, 64))
    assert all(torch.all(bn.running_mean == 0) for bn in norms)


def test_input_stats():
    assert TimmEncoder("resnet18").stats == IMAGENET
    assert create_encoder("mobilenetv2").stats == create_encoder("timm:mobilenetv1_100").stats == HALF
    own = InputStats((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert TimmEncoder("mobilenetv2_100", stats=own).stats == own
    network = create_network("light_fpn-timm:vit_tiny_patch16_224", num_classes=4)
    assert network.stats.mean == (127.5, 127.5, 127.5)
    assert network(torch.rand(1, 3, 40, 56)).shape == (1, 4, 3, 4)


# Weights from a file: timm's parameter names, half precision.


@pytest.mark.parametrize("name", ["resnet18", "convnext_atto", "vit_tiny_patch16_224"])
def test_weights_file_gives_the_features_of_the_whole_model(name, tmp_path, monkeypatch):
    torch.manual_seed(0)
    whole = timm.create_model(name, pretrained=False).eval()
    half = {k: v.half() if v.is_floating_point() else v for k, v in whole.state_dict().items()}
    save_file(half, tmp_path / "file.safetensors")
    whole.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in half.items()})
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    encoder = TimmEncoder(name, weights="file.safetensors").eval()
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        want = whole.forward_intermediates(x, intermediates_only=True)[-1]
        assert torch.allclose(encoder(x)[-1], want, atol=1e-5)


def test_load_published_knows_timm_names():
    whole, encoder = timm.create_model("resnet10t"), TimmEncoder("resnet10t")
    report = load_published(encoder, whole.state_dict())
    assert not report.missing
    assert report.unexpected == ("fc.weight", "fc.bias")
    assert torch.equal(encoder.body.conv1[0].weight, whole.conv1[0].weight)
    assert load_published(encoder, TimmEncoder("resnet10t").state_dict(), strict=True).complete


def test_missing_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"no weights file at mobilenetv2_100_imagenet.*UDALIB_WEIGHTS"):
        create_encoder("mobilenetv2", pretrained=True)
    with pytest.raises(CheckpointError, match="never downloads"):
        TimmEncoder("resnet18", weights=tmp_path / "none.safetensors")


def test_unusable_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    (tmp_path / PRETRAINED["mobilenetv2_100"].file).write_bytes(b"short")
    with pytest.raises(CheckpointError, match="sha256"):
        create_encoder("mobilenetv2", pretrained=True)
    (tmp_path / "text.safetensors").write_text("no weights here")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        TimmEncoder("resnet18", weights="text.safetensors")
    save_file(timm.create_model("resnet10t").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="does not fit timm's 'resnet18'.*entries missing"):
        TimmEncoder("resnet18", weights="other.safetensors")
    state = timm.create_model("resnet18").state_dict()
    save_file(state | {"conv1.weight": torch.zeros(1)}, tmp_path / "shape.safetensors")
    with pytest.raises(CheckpointError, match=r"conv1.weight \(1,\), expected \(64, 3, 7, 7\)"):
        TimmEncoder("resnet18", weights="shape.safetensors")


def test_configuration_errors():
    with pytest.raises(UnknownNameError, match="unknown timm model 'resnet19'. Did you mean"):
        create_encoder("timm:resnet19")
    with pytest.raises(UnknownNameError, match="hf-hub"):
        create_encoder("timm:hf-hub:someone/something")
    with pytest.raises(ConfigError, match="no weights file is listed for 'resnet18', only for mobilenetv1_100"):
        TimmEncoder("resnet18", pretrained=True)
    with pytest.raises(ConfigError, match=r"'resnet18' cannot be built.*pad_type"):
        TimmEncoder("resnet18", pad_type="same")
    with pytest.raises(ConfigError, match=r"'vit_tiny_patch16_224' cannot be built.*output_stride"):
        TimmEncoder("vit_tiny_patch16_224", output_stride=8)
    with pytest.raises(ConfigError, match="cannot be built"):
        TimmEncoder("resnet18", out_indices=(9,))


@pytest.mark.skipif("UDALIB_WEIGHTS" not in os.environ, reason="UDALIB_WEIGHTS names no folder with weight files")
@pytest.mark.parametrize("name", PRETRAINED)
def test_real_weights(name):
    path = weights_root() / PRETRAINED[name].file
    if not path.is_file():
        pytest.skip(f"no {path.name} under UDALIB_WEIGHTS")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == PRETRAINED[name].sha256
    encoder = TimmEncoder(name, pretrained=True).eval()
    whole = timm.create_model(name, pretrained=False, pad_type="same").eval()
    whole.load_state_dict({k: v.float() for k, v in load_file(path).items()}, strict=False)
    if name == "mobilenetv1_100":
        whole.blocks[4][1] = nn.Identity()
    x = torch.rand(1, 3, 96, 128) * 2 - 1  # at 97 x 129 both paddings agree
    with torch.no_grad():
        want = whole.forward_intermediates(x, indices=[1, 2, 3, 4], intermediates_only=True)
        for got, feature in zip(encoder(x), want, strict=True):
            assert torch.allclose(got, feature, atol=1e-5)
        other = TimmEncoder(name, pretrained=True, pad_type="").eval()(x)
    assert not torch.allclose(other[0], encoder(x)[0], atol=0.1)
