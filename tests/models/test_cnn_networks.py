"""CNN encoders, DeepLab networks, heads and discriminators: counts, sizes, gradients, freezing, errors."""

import math

import pytest
import torch
from torch import nn

from udalib.core.errors import ConfigError
from udalib.models import create_decoder, create_encoder, create_network, list_encoders, list_networks
from udalib.models.deeplab_v2 import DeepLabV2, DeepLabV2VGG, MultiRateClassifier
from udalib.models.discriminator import FCDiscriminator
from udalib.models.encoders.resnet import ResNet, resnet101_caffe_d8
from udalib.models.heads.danet import ChannelAttention, DAHead, PositionAttention
from udalib.models.heads.deeplab_v3plus import DeepLabV3PlusHead
from udalib.models.heads.dlv2 import DLV2Head
from udalib.models.heads.isanet import ISAHead
from udalib.models.named import deeplab_v3plus
from udalib.models.norm import batch_norms
from udalib.models.weights.load import load_published


def on_meta(build, *args, **kwargs):
    with torch.device("meta"):
        return build(*args, **kwargs)


def count(module, trainable=False):
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable)


# Counts of the facts sheets (adaptsegnet 2.3-2.5, 3, 8; advent 2).


@pytest.mark.parametrize(
    ("build", "options", "parameters", "entries"),
    [
        (DeepLabV2, {}, 44_601_560, 640),
        (DeepLabV2, {"multi_level": False}, 43_901_068, 632),
        (DeepLabV2, {"multi_level": False, "main": "layer6"}, 43_901_068, 632),
        (DeepLabV2VGG, {}, 29_573_004, 38),
        (FCDiscriminator, {}, 2_781_121, 10),
        (FCDiscriminator, {"names": "advent"}, 2_781_121, 10),
        (FCDiscriminator, {"channels": 2048}, 4_858_817, 10),
    ],
)
def test_published_parameter_counts(build, options, parameters, entries):
    module = on_meta(build, **options)
    assert count(module) == parameters
    assert len(module.state_dict()) == entries


def test_published_counts_of_the_parts():
    network = on_meta(DeepLabV2)
    assert count(network, trainable=True) == 44_496_216
    assert count(network.decoder.layer5) == 700_492
    assert count(network.decoder.layer6) == 1_400_908


def test_head_name_of_single_level_networks():
    for options, name in (({}, "layer5"), ({"main": "layer6"}, "layer6")):
        network = on_meta(DeepLabV2, multi_level=False, **options)
        assert {n.split(".")[0] for n, _ in network.decoder.named_parameters()} == {name}


@pytest.mark.parametrize("build", [DeepLabV2, DeepLabV2VGG])
def test_every_state_entry_has_a_published_name(build):
    network = on_meta(build)
    for key in network.state_dict():
        prefixes = [p for p, ours in network.published_prefixes.items() if key.startswith(ours)]
        assert len(prefixes) == 1, key


@pytest.mark.parametrize("beginning", ["", "Scale.", "module."])
def test_published_names_load(beginning):
    """AdaptSegNet's start weights carry one component more and a 21-class classifier of 2048 channels as layer5."""
    ours = DeepLabV2(19, depth=50)
    view = {}
    for key, value in ours.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            view[beginning + key.partition(".")[2]] = torch.full_like(value, 0.5)
    view[beginning + "layer5.conv2d_list.0.weight"] = torch.zeros(21, 2048, 3, 3)
    other = DeepLabV2(19, depth=50)
    report = load_published(other, view, skip=("layer5.",))
    assert report.prefix == beginning
    assert not report.shape_mismatch
    assert not report.unexpected
    loaded = {name for name, value in other.state_dict().items() if value.numel() > 1 and torch.all(value == 0.5)}
    assert {name.split(".")[1] for name in loaded} == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "layer6"}


def test_v3plus_enlarges_to_stride_8():
    for name, scale in (("dlv3p-resnet101_v1c_d8", 1), ("dlv3p-mit_b0", 4), ("deeplab_v3plus", 1)):
        assert on_meta(create_network, name).decoder.top_scale == scale
    assert on_meta(create_network, "dlv3p-mit_b0", decoder_options={"top_scale": 2}).decoder.top_scale == 2


@pytest.mark.parametrize(("side", "positions"), [(321, 41), (512, 65), (720, 91), (760, 96), (1024, 129), (1280, 161)])
def test_deeplab_output_size(side, positions):
    network = on_meta(DeepLabV2, depth=50)
    out = network(torch.empty(1, 3, side, 65, device="meta"))
    assert out.shape == (1, 19, positions, 9)


@pytest.mark.parametrize(
    ("size", "positions"),
    [((512, 1024), (16, 32)), ((720, 1280), (22, 40)), ((760, 1280), (23, 40)), ((32, 33), (1, 1))],
)
def test_discriminator_output_size(size, positions):
    assert on_meta(FCDiscriminator, 3)(torch.empty(2, 3, *size, device="meta")).shape == (2, 1, *positions)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("names", ["adaptsegnet", "advent"])
def test_a_shallower_discriminator_sees_smaller_patches(depth, names):
    """Output stride 2^depth; the pixels that one position depends on number 3 (2^depth - 1) + 1 a side."""
    torch.manual_seed(0)
    module = FCDiscriminator(2, width=2, depth=depth, names=names).double()
    side = 4 * 2**5
    maps = torch.randn(1, 2, side, side, dtype=torch.float64, requires_grad=True)
    verdict = module(maps)
    assert verdict.shape == (1, 1, side // 2**depth, side // 2**depth)
    middle = verdict.shape[-1] // 2
    verdict[0, 0, middle, middle].backward()
    seen = maps.grad.abs().sum((0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [3 * (2**depth - 1) + 1] * 2


def test_a_discriminator_s_layers_double_in_width_and_end_in_raw_logits():
    module = on_meta(FCDiscriminator, 7, width=10, depth=4)
    convolutions = [m for m in module if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [(7, 10), (10, 20), (20, 40), (40, 1)]
    assert {(c.kernel_size, c.stride, c.padding) for c in convolutions} == {((4, 4), (2, 2), (1, 1))}
    assert [m.negative_slope for m in module if isinstance(m, nn.LeakyReLU)] == [0.2] * 3
    assert isinstance(module[-1], nn.Conv2d)
    assert [name for name, _ in module.named_children() if "relu" not in name] == [
        "conv1",
        "conv2",
        "conv3",
        "classifier",
    ]


@pytest.mark.parametrize(("depth", "least"), [(5, 32), (2, 4)])
def test_discriminator_errors(depth, least):
    small = torch.empty(1, 3, least - 1, 64, device="meta")
    with pytest.raises(ConfigError, match=rf"at least {least} pixels and got a map of {least - 1} x 64; .*_depth"):
        on_meta(FCDiscriminator, 3, depth=depth)(small)
    assert on_meta(FCDiscriminator, 3, depth=depth)(torch.empty(1, 3, least, 64, device="meta")).shape[2] == 1
    with pytest.raises(ConfigError, match="made for 3 channels and got a map of 4; .*same classes"):
        on_meta(FCDiscriminator, 3, depth=depth)(torch.empty(1, 4, 64, 64, device="meta"))


def test_discriminator_options_are_checked():
    with pytest.raises(ConfigError, match="'adaptsegnet' or 'advent'"):
        FCDiscriminator(3, names="other")
    with pytest.raises(ConfigError, match="at least one convolution, got depth 0; published: 5"):
        FCDiscriminator(3, depth=0)


# Every registered entry, unasked.


@pytest.mark.parametrize("name", [n for n in list_encoders() if n not in ("timm", "vit_pyramid")])
def test_encoder_contract(name):
    encoder = on_meta(create_encoder, name)
    size = (192, 224) if name.startswith("vig") else (64, 96)  # a graph needs patches to choose neighbours from
    features = encoder(torch.empty(2, 3, *size, device="meta"))
    assert len(features) == len(encoder.channels) == len(encoder.strides)
    assert list(encoder.strides) == sorted(encoder.strides)
    for feature, channels, stride in zip(features, encoder.channels, encoder.strides, strict=True):
        assert feature.shape[:2] == (2, channels)
        for got, side in zip(feature.shape[2:], size, strict=True):
            assert math.ceil(side / stride) <= got <= math.ceil(side / stride) + 1  # ceil-mode pooling adds one


@pytest.mark.parametrize("name", list_networks())
def test_network_contract(name):
    network = on_meta(create_network, name, num_classes=7).eval()
    size = (192, 224) if name == "gkgnet" else (71, 99)
    features = network.features(torch.empty(2, 3, *size, device="meta"))
    outputs = network.decode_all(features)
    assert network.num_classes == 7
    assert {out.shape[:2] for out in outputs} == {(2, 7)}
    assert network.decode(features).shape == outputs[0].shape


# DeepLab-v2.


def test_inactive_branches_get_no_gradient():
    for active in (2, 4):
        head = MultiRateClassifier(4, 3, active)
        head(torch.rand(1, 4, 9, 9)).sum().backward()
        assert [conv.weight.grad is not None for conv in head.conv2d_list] == [i < active for i in range(4)]


def test_auxiliary_output_and_active_branches():
    torch.manual_seed(0)
    two = DeepLabV2(5, depth=50, active_branches=2).eval()
    four = DeepLabV2(5, depth=50, active_branches=4).eval()
    four.load_state_dict(two.state_dict())
    images = torch.rand(1, 3, 40, 48)
    with torch.no_grad():
        features = two.features(images)
        main, auxiliary = two.decode_all(features)
        assert torch.equal(main, two(images))
        assert main.shape == auxiliary.shape == (1, 5, 6, 7)
        assert not torch.allclose(main, four(images), atol=1e-3 * main.abs().max().item(), rtol=0)
    assert two.align_corners


def test_deeplab_input_is_bgr_minus_the_caffe_mean():
    red = torch.zeros(1, 3, 2, 2)
    red[:, 0] = 1.0
    got = on_meta(DeepLabV2, depth=50).to_empty(device="cpu").stats
    assert got.bgr
    network = DeepLabV2VGG(3)
    channels = network.normalise(red)[0, :, 0, 0]
    want = torch.tensor([0 - 104.00698793, 0 - 116.66876762, 255 - 122.67891434])
    assert torch.allclose(channels, want, atol=1e-4)


def test_affine_frozen_but_statistics_follow():
    encoder = resnet101_caffe_d8(depth=50).train()
    assert not any(p.requires_grad for bn in batch_norms(encoder) for p in bn.parameters())
    before = encoder.bn1.running_mean.clone()
    encoder(torch.rand(1, 3, 33, 33))
    assert not torch.equal(before, encoder.bn1.running_mean)


def test_freeze_bn_survives_train_of_an_enclosing_network():
    encoder = ResNet(18, freeze_bn=True)
    network = nn.Sequential(encoder).train()
    assert network.training
    assert not any(bn.training for bn in batch_norms(network))
    assert not any(p.requires_grad for bn in batch_norms(encoder) for p in bn.parameters())
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(encoder(x)[-1], encoder.eval()(x)[-1])
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())


# ResNet.


def test_caffe_and_torch_strides_share_names_but_not_the_function():
    torch.manual_seed(0)
    ours, caffe = ResNet(50).eval(), ResNet(50, caffe=True).eval()
    caffe.load_state_dict(ours.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        a, b = ours(x), caffe(x)
    assert torch.equal(a[0], b[0])
    assert not torch.allclose(a[1], b[1], atol=1e-2)


def test_contracted_dilations():
    with_contraction = on_meta(create_encoder, "resnet50_v1c_d8")
    dilations = [[block.conv2.dilation[0] for block in getattr(with_contraction, f"layer{i}")] for i in (3, 4)]
    assert dilations == [[1] + [2] * 5, [2, 4, 4]]
    full = on_meta(resnet101_caffe_d8, depth=50)
    assert {block.conv2.dilation[0] for block in full.layer4} == {4}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ResNet(77), "depth 77.*choose one of"),
        (lambda: ResNet(50, strides=(1, 2)), "4 stages"),
        (lambda: MultiRateClassifier(4, 3, 5), "active_branches=5.*AdaptSegNet"),
        (lambda: create_decoder("deeplab_v2", (4, 8), 3, main="layer5"), "layer6"),
    ],
)
def test_errors_say_what_to_do(call, words):
    with torch.device("meta"), pytest.raises(ConfigError, match=words):
        call()


# Heads.

CHANNELS = (8, 12, 16, 24)


def features(strides=(4, 8, 8, 8), size=(44, 60)):
    torch.manual_seed(1)
    maps = zip(CHANNELS, strides, strict=True)
    return [torch.rand(2, c, -(-size[0] // s), -(-size[1] // s), requires_grad=True) for c, s in maps]


HEADS = [
    (DLV2Head, {}, -1),
    (DLV2Head, {"dilations": (6, 12, 18, 24)}, -1),
    (DeepLabV3PlusHead, {"channels": 32}, 0),
    (DeepLabV3PlusHead, {"channels": 32, "norm": False, "low_level": 1}, 1),
    (DeepLabV3PlusHead, {"channels": 32, "low_level": None}, -1),
    (DAHead, {"channels": 16, "attention_channels": 4}, -1),
    (DAHead, {"channels": 16, "attention_channels": 4, "norm": False}, -1),
    (ISAHead, {"channels": 16, "attention_channels": 8}, -1),
    (ISAHead, {"channels": 16, "attention_channels": 8, "norm": False}, -1),
]


@pytest.mark.parametrize(("build", "options", "level"), HEADS)
def test_head_shape_gradient_and_norm(build, options, level):
    head = build(CHANNELS, 5, **options)
    maps = features()
    logits = head(maps)
    assert logits.shape == (2, 5, *maps[level].shape[2:])
    outputs = head.forward_all(maps) if hasattr(head, "forward_all") else (logits,)
    sum((o * torch.rand_like(o)).sum() for o in outputs).backward()
    assert all(p.grad is not None for p in head.parameters())
    assert maps[-1].grad is not None
    has_norm = any(True for _ in batch_norms(head))
    assert has_norm == (options.get("norm", True) and build is not DLV2Head)


def test_danet_has_three_outputs_and_starts_without_attention():
    head = DAHead(CHANNELS, 5, channels=16, attention_channels=4).eval()
    maps = features()
    main, position, channel = head.forward_all(maps)
    assert torch.equal(main, head(maps))
    assert position.shape == channel.shape == main.shape
    x = torch.rand(2, 16, 5, 7)
    for attention in (PositionAttention(16, 4), ChannelAttention()):
        assert torch.equal(attention(x), x)
        nn.init.ones_(attention.gamma.scale)
        assert not torch.allclose(attention(x), x)


def test_position_attention_is_not_scaled():
    torch.manual_seed(0)
    layer = PositionAttention(6, 4)
    nn.init.ones_(layer.gamma.scale)
    x = torch.randn(1, 6, 3, 4)
    q, k, v = (p(x).flatten(2)[0] for p in (layer.query_project, layer.key_project, layer.value_project))
    want = x + (v @ torch.softmax(q.T @ k, dim=-1).T).reshape(1, 6, 3, 4)
    assert torch.allclose(layer(x), want, atol=1e-5)


def test_channel_attention_survives_half_precision():
    layer = ChannelAttention()
    nn.init.ones_(layer.gamma.scale)
    x = 8 * torch.rand(1, 6, 64, 64)  # energies of about 9e4, above float16's largest number
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        got = layer(x.half())
    assert torch.allclose(got.float(), layer(x), rtol=1e-2)


def test_v3plus_enlarges_the_coarsest_mix_transformer_level():
    maps = features(strides=(4, 8, 16, 32), size=(64, 96))
    head = DeepLabV3PlusHead(CHANNELS, 5, channels=16, top_scale=4).eval()
    seen = []
    head.aspp_modules[0].register_forward_hook(lambda _m, inputs, _o: seen.append(tuple(inputs[0].shape[2:])))
    assert head(maps).shape == (2, 5, 16, 24)
    assert seen == [(8, 12)]


@pytest.mark.parametrize("encoder", ["mobilenetv2", "streets", "timm:resnet18", "timm:vit_tiny_patch16_224", "mit_b0"])
def test_v3plus_on_any_encoder(encoder):
    options = {"channels": 16, "norm": False}
    network = deeplab_v3plus(5, encoder=encoder, decoder_options=options).train()
    logits = network(torch.rand(1, 3, 70, 54))
    logits.sum().backward()
    fine = 16 if "vit" in encoder else 2 if encoder == "streets" else 4
    assert logits.shape == (1, 5, -(-70 // fine), -(-54 // fine))
    used = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert used == {"encoder", "decoder"}
