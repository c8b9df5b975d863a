"""ELN's networks: counts and shapes of the sheet, published names, small hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from udalib.core.errors import CheckpointError, ConfigError
from udalib.models import create_network
from udalib.models.dropping import dropout_off
from udalib.models.eln import ErrorLocalizationNetwork, ShortcutResNet, entropy_nats, load_eln_checkpoint
from udalib.models.eln_host import GRID, SegProjDecoder, multi_grid_resnet
from udalib.models.encoders.resnet import ResNet
from udalib.models.weights.load import load_published

HOST = {"decoder_options": {"embedding": 128}, "align_corners": True}
SMALL = {"blocks": (1, 1, 1, 1), "width": 4, "channels": 8, "low_channels": 4, "rates": (2, 3)}


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_as_many_as_published():
    """The sheet, section 2.5."""
    with torch.device("meta"):
        encoders = [multi_grid_resnet(depth) for depth in (50, 101)]
        decoders = [SegProjDecoder(encoders[0].channels, classes, embedding=128) for classes in (21, 19)]
        judges = [ErrorLocalizationNetwork(classes) for classes in (21, 19)]
    assert [count(m) for m in encoders] == [23_508_032, 42_500_160]
    assert [count(m) for m in decoders] == [17_073_909, 17_073_395]
    assert [count(m) for m in judges] == [26_911_265, 26_904_993]
    assert [len(list(m.parameters())) for m in (encoders[0], decoders[0], judges[0])] == [159, 35, 139]


@pytest.mark.parametrize(
    ("size", "fine", "coarse"),
    [((505, 505), (127, 127), (32, 32)), ((512, 1024), (128, 256), (32, 64)), ((97, 97), (25, 25), (7, 7))],
)
def test_shapes_are_those_of_the_sheet(size, fine, coarse):
    with torch.device("meta"):
        network = create_network("seg_proj-resnet50_multigrid", 21, **HOST)
        judge = ErrorLocalizationNetwork(21)
        images = torch.rand(1, 3, *size)
    features = network.features(images)
    assert [tuple(f.shape[1:]) for f in (features[0], features[-1])] == [(256, *fine), (2048, *coarse)]
    logits, embedding = network.decoder.both(features)
    assert (tuple(logits.shape[1:]), tuple(embedding.shape[1:])) == ((21, *fine), (128, *fine))
    assert judge.evidence(images, logits).shape[1] == 25
    assert tuple(judge(images, logits).shape[1:]) == (1, *fine)


@pytest.mark.parametrize(("stride", "base", "strides"), [(16, 2, (4, 8, 16, 16)), (8, 4, (4, 8, 8, 8))])
def test_the_last_stage_is_a_multi_grid(stride, base, strides):
    with torch.device("meta"):
        encoder = multi_grid_resnet(50, stride)
        shapes = [f.shape[-1] for f in encoder(torch.rand(1, 3, 64, 64))]
    assert encoder.strides == strides
    assert shapes == [64 // s for s in strides]
    for block, grid in zip(encoder.layer4, GRID, strict=True):
        assert block.conv2.dilation == block.conv2.padding == (base * grid,) * 2
    third = {block.conv2.dilation[0] for block in encoder.layer3}
    assert third == ({1} if stride == 16 else {2})


def test_published_names_of_the_parts():
    with torch.device("meta"):
        decoder, judge = SegProjDecoder((256, 2048), 21, embedding=128), ErrorLocalizationNetwork(21)
    for name in ("aspp.aspp4.atrous_conv.weight", "aspp.global_avg_pool.1.weight", "decoder.last_conv2.1.weight"):
        assert name in decoder.state_dict()
        assert name in judge.state_dict()
    own = {"cls.classifier.2.bias", "proj.projector.0.weight", "decoder.last_conv3.bias"}
    assert own <= set(decoder.state_dict())
    assert {"classifier.2.bias", "backbone.layer3.0.shortcut.1.running_mean"} <= set(judge.state_dict())
    assert not any("downsample" in name or "aspp.global_avg_pool.1.bias" in name for name in judge.state_dict())


def test_entropy_is_in_nats_and_logits_are_raw():
    flat = torch.zeros(1, 4, 3, 3)
    torch.testing.assert_close(entropy_nats(flat), torch.full((1, 3, 3), torch.log(torch.tensor(4.0)).item()))
    extreme = torch.tensor([200.0, -200.0]).view(1, 2, 1, 1)
    assert float(entropy_nats(extreme)) == 0
    judge = ErrorLocalizationNetwork(4, **SMALL)
    images, logits = torch.rand(1, 3, 16, 16), torch.randn(1, 4, 8, 8).requires_grad_()
    evidence = judge.evidence(images, logits)
    assert not evidence.requires_grad
    assert torch.equal(evidence[:, :3], images)
    assert torch.equal(evidence[:, 4:, 0, 0], logits[..., 0, 0].detach())  # corners are aligned


def test_inputs_may_be_left_out():
    images, logits = torch.rand(2, 3, 16, 16), torch.randn(2, 4, 8, 8)
    for inputs, channels in ((("logits",), 4), (("entropy", "image"), 4), (("image", "entropy", "logits"), 8)):
        judge = ErrorLocalizationNetwork(4, inputs=inputs, **SMALL)
        assert judge.evidence(images, logits).shape[1] == channels == judge.backbone.conv1.in_channels
        assert judge(images, logits).shape == (2, 1, 4, 4)


@pytest.mark.parametrize("encoder", ["streets", "timm:mobilenetv2_100", "mit_b0"])
def test_any_encoder_is_a_host(encoder):
    options = {"channels": 16, "rates": (2, 3), "low_channels": 8, "embedding": 6, "low_level": 1}
    network = create_network(f"seg_proj-{encoder}", 5, decoder_options=options).train()
    images = torch.rand(2, 3, 64, 96)
    logits, embedding = network.decoder.both(network.features(images))
    stride = network.encoder.strides[1]
    assert logits.shape == (2, 5, 64 // stride, 96 // stride)
    assert embedding.shape[1] == 6
    fresh = network.decoder.fresh()
    assert fresh.state_dict().keys() == network.decoder.state_dict().keys()
    assert not torch.equal(fresh.cls.classifier[0].weight, network.decoder.cls.classifier[0].weight)


def test_dropout_can_be_switched_off_and_comes_back():
    decoder = SegProjDecoder((4, 6), 3, channels=8, rates=(2,), low_channels=4).train()
    features = [torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4)]
    with dropout_off(decoder):
        assert torch.equal(decoder(features), decoder(features))
        assert decoder.aspp.bn1.training
    assert not torch.equal(decoder(features), decoder(features))
    assert all(m.training for m in decoder.modules())


def test_imagenet_weights_leave_the_projections_out_only_if_official(tmp_path: Path):
    """The published code looks for ``shortcut`` where the file says ``downsample``."""
    resnet, expected = ResNet(18), {}
    for i, p in enumerate(resnet.parameters()):
        p.data.fill_(i + 1)
    torch.save({**resnet.state_dict(), "fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet18.pth")
    for official in (True, False):
        backbone = ShortcutResNet(9, (2, 2, 2, 2), 64)
        before = {n: v.clone() for n, v in backbone.state_dict().items()}
        backbone.load_pretrained(tmp_path / "resnet18.pth", official=official)
        state = backbone.state_dict()
        assert torch.equal(state["layer3.1.conv2.weight"], resnet.state_dict()["layer3.1.conv2.weight"])
        assert torch.equal(state["conv1.weight"], before["conv1.weight"])
        expected = before if official else resnet.state_dict()
        other = "shortcut" if official else "downsample"
        assert torch.equal(state["layer2.0.shortcut.0.weight"], expected[f"layer2.0.{other}.0.weight"])


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path):
    torch.save([1, 2], tmp_path / "list.pth")
    judge = ErrorLocalizationNetwork(4, **SMALL)
    with pytest.raises(ConfigError, match="holds a list"):
        load_eln_checkpoint({"eln_state_dict": judge}, tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="do not fit"):
        state = {n: v for n, v in judge.state_dict().items() if not n.startswith("aspp.")}
        load_eln_checkpoint({"eln_state_dict": judge}, {"eln_state_dict": state})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: multi_grid_resnet(50, 32), "output_stride is 32"),
        (lambda: ErrorLocalizationNetwork(4, inputs=("image", "depth")), "choose from"),
        (lambda: ErrorLocalizationNetwork(4, inputs=("image", "image")), "choose from"),
        (lambda: ShortcutResNet(4, (1, 1, 1), 8), "4 stages"),
        (lambda: ShortcutResNet(4, (1, 1, 1, 1), 8, 32), "output stride 8 or 16"),
        (lambda: SegProjDecoder((4, 6), 3, channels=8).both([]), "no projection head"),
    ],
)
def test_what_cannot_be_built_is_refused(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_the_encoder_loads_under_its_published_prefix():
    encoder = create_network("seg_proj-streets", 3).encoder
    state = {f"backbone.{n}": v + 1 for n, v in encoder.state_dict().items()}
    assert load_published(encoder, state, prefix="backbone.", strict=True).complete
    assert isinstance(encoder, nn.Module)
