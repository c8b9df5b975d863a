"""HRDA's network: shapes, alignment of the two scales, gradients, what it says of sizes that do not fit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.engine.evaluation.inference import Sliding, resize_logits
from udalib.models import InputStats, MultiResolutionNetwork, at_two_scales, create_network, load_published
from udalib.models.auxiliary import attach_auxiliary
from udalib.models.hrda import attention_decoder
from udalib.models.registry import combine
from udalib.ops.resize import resize
from udalib.ops.scales import Box, window_boxes
from udalib.recipes import DecoderSpec, EncoderSpec, MultiResolutionSpec, NetworkSpec, apply_overrides
from udalib.recipes.build import check
from udalib.recipes.networks import build_network
from udalib.recipes.registry import get_recipe
from udalib.recipes.spec.serialise import from_plain, to_plain

SMALL = {"channels": 8, "embed_dims": 8}
PAIRS = {  # decoder, encoder, options of the decoder, stride of the logits
    "fpn": ("light_fpn", "streets", {"width": 8}, 2),
    "daformer": ("daformer", "mit_b0", SMALL, 4),
    "dlv2": ("dlv2red", "mit_b0", {}, 32),
}
PLAIN = InputStats((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))


def images(batch=2, height=128, width=192):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def build(pair="fpn", **options):
    decoder, encoder, decoder_options, stride = PAIRS[pair]
    torch.manual_seed(0)
    options = {"detail": (64, 96), "divisible": 2 * stride, "attention_channels": 8, **options}
    return at_two_scales(
        combine(decoder, encoder, 5, decoder_options=decoder_options), decoder, decoder_options, **options
    )


@pytest.mark.parametrize("attention", ["classwise", "single", "fixed"])
@pytest.mark.parametrize("pair", list(PAIRS))
def test_shapes(pair, attention):
    stride = PAIRS[pair][-1]
    detail = (64, 96) if stride <= 8 else (64, 128)
    network = build(pair, attention=attention, detail=detail).eval()
    with torch.no_grad():
        out = network.forward_scales(images(), Box(64, 128, 64, 64 + detail[1]))
        logits = network(images())
    maps = {"classwise": 5, "single": 1, "fixed": 1}[attention]
    assert out.fused.shape == logits.shape == (2, 5, 128 // stride, 192 // stride)
    assert out.detail.shape == (2, 5, detail[0] // stride, detail[1] // stride)
    assert out.attention.shape == (2, maps, 64 // stride, 96 // stride)
    assert out.weighted_context.shape == (2, 5, 64 // stride, 96 // stride)
    assert [f.shape[1] for f in out.context_features] == list(network.feature_channels)
    assert out.context_features[-1].shape[-2:] == network.features(images(1, 64, 96))[-1].shape[-2:]
    if attention == "fixed":
        assert torch.equal(out.attention, torch.full_like(out.attention, 0.5))


class Pool(nn.Module):
    """An encoder without weights: the mean of every 4 x 4 block."""

    channels, strides, num_classes = (3,), (4,), 3

    def forward(self, x):
        return [nn.functional.avg_pool2d(x, 4)] if isinstance(x, torch.Tensor) else x[0]


class Constant(nn.Module):
    """A scale attention that is the same everywhere."""

    def __init__(self, logit, outputs=1):
        super().__init__()
        self.logit = nn.Parameter(torch.full((1, outputs, 1, 1), float(logit)))

    def forward(self, features):
        return self.logit.expand(len(features[0]), -1, *features[0].shape[-2:])


def pooling(logit=0.0, **options):
    options = {"detail": (32, 48), "stats": PLAIN, **options}
    return MultiResolutionNetwork(Pool(), Pool(), Constant(logit), **options)


def ramp(height=96, width=128):
    """Images that grow linearly along both axes: every resize and every mean of them is exact but at the border."""
    y, x = torch.arange(height) / height, torch.arange(width) / width
    return torch.stack([y[:, None] + 0 * x, 0 * y[:, None] + x, y[:, None] + x])[None]


def interior(x, cells=2):
    return x[..., cells:-cells, cells:-cells]


@pytest.mark.parametrize("logit", [-3.0, 0.0, 3.0])
def test_both_scales_show_the_same_place(logit):
    """On a ramp context and detail agree, so a mixture of aligned maps is the map of the whole image, whatever a is."""
    whole = nn.functional.avg_pool2d(ramp(), 4)
    network = pooling(logit)
    torch.testing.assert_close(interior(network(ramp())), interior(whole), atol=1e-5, rtol=0)
    out = network.forward_scales(ramp(), Box(40, 72, 24, 72))
    torch.testing.assert_close(out.detail, whole[..., 10:18, 6:18])
    # Away from the box's border, where the masked attention bleeds by half a cell and the detail does not.
    torch.testing.assert_close(out.fused[..., 12:16, 8:16], whole[..., 12:16, 8:16], atol=1e-5, rtol=0)
    torch.testing.assert_close(out.fused[..., 2:-2, 20:-2], whole[..., 2:-2, 20:-2], atol=1e-5, rtol=0)


def test_a_box_between_the_cells_shifts_the_detail():
    whole = nn.functional.avg_pool2d(ramp(), 4)
    out = pooling(3.0).forward_scales(ramp(), Box(43, 75, 24, 72))
    error = (out.fused - whole)[0, 0, 12:16, 8:16]
    assert error.mean() > 0.9 * torch.sigmoid(torch.tensor(3.0)) * 3 / 96  # placed 3 pixels too high


def test_the_detail_counts_inside_the_box_and_the_context_outside():
    x, box, network = images(1, 96, 128), Box(32, 64, 16, 64), pooling(20.0)  # trusts the detail alone
    fused = network.forward_scales(x, box).fused
    context = resize(nn.functional.avg_pool2d(network.context(x), 4), (24, 32))
    sharp = nn.functional.avg_pool2d(x, 4)
    for cells, want in ((Box(9, 15, 5, 15), sharp), (Box(0, 7, 0, 32), context), (Box(0, 24, 17, 32), context)):
        torch.testing.assert_close(cells.cut(fused), cells.cut(want), atol=1e-6, rtol=0)


def test_attention_bleeds_by_half_a_cell_and_the_detail_does_not():
    """Just outside the box the context keeps 3 / 4 of its weight and nothing replaces the rest, as published."""
    fused = pooling(20.0).forward_scales(torch.ones(1, 3, 96, 128), Box(32, 64, 16, 80)).fused[0, 0]
    assert torch.allclose(fused[12, 18:23], torch.tensor([1, 1, 0.75, 1, 1]), atol=1e-5)


def test_inference_by_hand():
    """Windows one by one, averaged where they overlap; then the formula."""
    network, x = build("daformer").eval(), images()
    total, count = torch.zeros(2, 5, 32, 48), torch.zeros(32, 48)
    with torch.no_grad():
        for top in (0, 32, 64):
            for left in (0, 48, 96):
                rows, columns = slice(top // 4, top // 4 + 16), slice(left // 4, left // 4 + 24)
                total[..., rows, columns] += network.decode(network.features(x[..., top : top + 64, left : left + 96]))
                count[rows, columns] += 1
        features = network.features(network.context(x))
        a = network.decoder.scale_attention(features).sigmoid()
        want = resize(a, (32, 48)) * total / count + resize((1 - a) * network.decode(features), (32, 48))
        out = network.predict_scales(x)
        torch.testing.assert_close(network(x), want, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(out.detail, total / count, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(out.attention, a)


def test_a_detail_as_large_as_the_image_is_the_same_in_training_and_inference():
    network, x = build("daformer", detail=(128, 192)).eval(), images()
    box = network.crop_box((128, 192), Draws.for_batch(0, "x", 0, [0]))
    assert box == (0, 128, 0, 192)
    with torch.no_grad():
        torch.testing.assert_close(network.forward_scales(x, box).fused, network(x), atol=1e-5, rtol=1e-4)


def test_windows_without_overlap():
    assert len(window_boxes((128, 192), (64, 96), overlap=False)) == 4
    network, x = build(overlap=False).eval(), images()
    with torch.no_grad():
        corner = network.decode(network.features(x[..., 64:, 96:]))
        torch.testing.assert_close(network.predict_scales(x).detail[..., 32:, 48:], corner, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(build().eval().predict_scales(x).detail[..., 32:, 48:], corner, atol=1e-3)


@pytest.mark.parametrize("attention", ["classwise", "single"])
def test_gradients_reach_all_parts_through_the_fused_logits(attention):
    network = build("daformer", attention=attention)
    network.forward_scales(images(), Box(32, 96, 64, 160)).fused.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_gradient_of_a_constant_attention():
    """Worked by hand: d fused / d a = z_detail - z_context inside the box, so equal images give none there."""
    network, box = pooling(0.0), Box(0, 96, 0, 128)
    network.detail = (96, 128)
    interior(network.forward_scales(ramp(), box).fused).sum().backward()
    assert abs(network.decoder.scale_attention.logit.grad.item()) < 1e-3
    network.zero_grad()
    network.forward_scales(ramp(), Box(32, 64, 32, 80)).fused.sum().backward()
    assert abs(network.decoder.scale_attention.logit.grad.item()) > 0.1  # the border of the box


@pytest.mark.parametrize(("height", "width"), [(61, 99), (64, 97), (57, 130)])
@pytest.mark.parametrize("pair", ["fpn", "daformer"])
def test_odd_sizes_in_inference(pair, height, width):
    network, x, stride = build(pair).eval(), images(1, height, width), PAIRS[pair][-1]
    with torch.no_grad():
        logits = network(x)
        assert logits.shape == (1, 5, -(-height // stride), -(-width // stride))
        assert network.predict_scales(x).detail.shape == logits.shape
        assert network.decode(network.features(x)).shape == logits.shape  # what one scale gives
    assert logits.isfinite().all()


def test_an_image_smaller_than_the_detail_is_its_own_detail():
    network, x = build("daformer", detail=(80, 96)).eval(), images(1, 64, 160)
    draws = Draws.for_batch(0, "x", 0, [0])
    boxes = [network.crop_box((64, 160), draws) for _ in range(40)]
    assert {(box.top, box.bottom) for box in boxes} == {(0, 64)}
    assert {box.left for box in boxes} == set(range(0, 64, 8))
    with torch.no_grad():
        assert network.forward_scales(x, boxes[0]).detail.shape == (1, 5, 16, 24)
        whole = network.decode(network.features(x[..., :96]))
        torch.testing.assert_close(network.predict_scales(x).detail[..., :12], whole[..., :12], atol=1e-5, rtol=1e-4)


def test_boxes_are_uniform_and_repeatable():
    network = build()
    draw = lambda i: network.crop_box((128, 128), Draws.for_batch(3, "x", i, [0]))  # noqa: E731
    boxes = [draw(i) for i in range(600)]
    assert boxes[:20] == [draw(i) for i in range(20)]
    tops = torch.bincount(torch.tensor([box.top for box in boxes]), minlength=65)
    assert set(tops.nonzero().flatten().tolist()) == set(range(0, 64, 4))
    assert tops.max() < 600 / 16 * 2
    assert {box.left for box in boxes} == set(range(0, 32, 4))
    assert len({(box.top, box.left) for box in boxes}) > 100


def test_outer_windows_batched_or_one_by_one():
    network, x = build("daformer", detail=(32, 32)).eval(), images(2, 64, 192)
    with torch.no_grad():
        one, all_at_once = (Sliding((64, 64), (32, 32), max_batch=n)(network, x) for n in (1, 99))
        torch.testing.assert_close(one, all_at_once, atol=1e-5, rtol=1e-4)
        first = resize_logits(network(x[..., :64]), (64, 64))
        torch.testing.assert_close(one[..., :32], first[..., :32], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("attention", ["classwise", "fixed"])
def test_published_names_load(attention):
    source, network = build("daformer", attention=attention), build("daformer", attention=attention)
    state = {}
    for name, value in source.state_dict().items():
        theirs = name.replace("encoder.", "backbone.", 1).replace("decoder.", "decode_head.", 1)
        state |= {f"model.{theirs}": value + 1, f"ema_model.{theirs}": value + 2, f"imnet_model.{theirs}": value + 3}
    names = {name.split(".")[2] for name in state if "decode_head" in name}
    assert names == {"head", "scale_attention"} if attention == "classwise" else names == {"head"}
    report = load_published(network, {"state_dict": state})
    assert report.prefix == "model."
    assert not report.missing
    assert not report.shape_mismatch
    for name, value in network.state_dict().items():
        assert torch.equal(value, source.state_dict()[name] + 1), name
    load_published(network, state, prefix="ema_model.", strict=True)
    assert torch.equal(network.encoder.norm1.bias, source.encoder.norm1.bias + 2)


def test_the_attention_of_daformer_is_a_small_head_with_1x1_fusion():
    with torch.device("meta"):
        network = create_network("hrda-mit_b5", multi_resolution={"attention": "single"})
        head, attention = network.decoder.head, network.decoder.scale_attention
        assert type(attention) is type(head)
        assert attention.fuse_layer.conv.kernel_size == (1, 1)
        assert attention.num_classes == 1
        assert not any("aspp" in name for name, _ in attention.named_modules())
        narrow = attention_decoder("daformer", (8, 16), 5, {"norm": False, "dropout": 0.3, "embed_dims": 99}, 12)
        assert narrow.fuse_layer.conv.out_channels == narrow.embed_layers[0].proj.out_features == 12
        assert narrow.fuse_layer.bn is None
        assert narrow.dropout.p == 0.3
        same = attention_decoder("dlv2red", (8, 16), 5, {"dilations": (1, 2, 3)})
        assert len(same.aspp_modules) == 3


def test_the_house_s_doors_stay_open():
    """Copies, compiled parts, low precision, an auxiliary head."""
    network, x = build().eval(), images(1)
    with torch.no_grad():
        want = network(x)
        assert torch.equal(copy.deepcopy(network)(x), want)
        compiled = copy.deepcopy(network)
        compiled.compile(backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(x), want)
        assert compiled.decoder.scale_attention._compiled_call_impl is not None
        with torch.autocast("cpu", torch.bfloat16):
            low = network(x)
            assert network.forward_scales(x, Box(0, 64, 0, 96)).fused.dtype == torch.bfloat16
        assert (low - want).abs().max() < 0.05 * want.abs().max()
    attach_auxiliary(network, -2)
    assert network.has_auxiliary
    features = network.features(x)
    assert network.decode_all(features)[1].shape == (1, 5, *features[-2].shape[-2:])
    assert not build().has_auxiliary


def spec(**fields):
    small = {"width": 8}
    return NetworkSpec.pair(EncoderSpec.of("streets"), DecoderSpec.of("light_fpn", **small), **fields)


def test_a_recipe_s_network():
    scales = MultiResolutionSpec(detail=(32, 48), attention="single", divisible=4)
    network = build_network(spec(multi_resolution=scales, auxiliary=-2), 5)
    assert isinstance(network, MultiResolutionNetwork)
    assert (network.detail, network.divisible, network.overlap) == ((32, 48), 4, True)
    assert network.decoder.scale_attention.num_classes == 1
    assert network.auxiliary is not None
    assert not isinstance(build_network(spec(), 5), MultiResolutionNetwork)
    assert from_plain(NetworkSpec, to_plain(spec(multi_resolution=scales))) == spec(multi_resolution=scales)
    changed = apply_overrides(
        spec(multi_resolution=scales), {"multi_resolution.detail": "16,32", "multi_resolution.overlap": "off"}
    )
    assert changed.multi_resolution == MultiResolutionSpec((16, 32), attention="single", divisible=4, overlap=False)


def test_only_pairs_have_two_scales():
    words = "multi_resolution works on pairs.*the network is 'streets'. Write NetworkSpec.pair"
    named = NetworkSpec("streets", multi_resolution=MultiResolutionSpec())
    with pytest.raises(ConfigError, match=words):
        build_network(named, 5)
    recipe = get_recipe("streets/source-only", "quick")
    with pytest.raises(ConfigError, match=words):
        check(apply_overrides(recipe, {"network": named}))


WHOLE = Box(0, 64, 0, 96)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: build(detail=(0, 4)), "the detail needs at least one pixel"),
        (lambda: build(context_scale=1.5), r"the scale lies in \(0, 1\]"),
        (lambda: build(divisible=0), "multiples of at least 1"),
        (lambda: build().crop_box((64, 64), Draws.for_batch(0, "x", 0, [0, 1])), "not of 2; take runtime.shared_draws"),
        (lambda: build().forward_scales(images(), Box(80, 144, 0, 96)), "does not lie inside images of 128 x 192"),
        (lambda: build().forward_scales(images(), Box(8, 8, 0, 96)), "does not lie inside"),
        (lambda: build().forward_scales(images(1, 130, 192), WHOLE), "a training image of 130 x 192.*multiples of 4 "),
        (lambda: build("daformer").forward_scales(images(1, 132, 192), WHOLE), "make both sides multiples of 8 "),
        (lambda: build().forward_scales(images(), Box(0, 63, 0, 95)), "no whole stride; make both sides of the detail"),
        (lambda: build("daformer", divisible=2)(images(1, 70, 96)), r"choose divisible as a multiple of 4 \(it is 2\)"),
        (lambda: build()(torch.zeros(1, 3, 64, 96, dtype=torch.uint8)), r"images must be float \(B, 3, H, W\)"),
        (lambda: build().forward_scales(torch.zeros(3, 64, 96), WHOLE), r"images must be float \(B, 3, H, W\)"),
    ],
)
def test_messages(call, words):
    with pytest.raises(ConfigError, match=words):
        call()


def test_an_unknown_attention():
    with pytest.raises(UnknownNameError, match="unknown attention 'classwide'.*classwise"):
        build(attention="classwide")
