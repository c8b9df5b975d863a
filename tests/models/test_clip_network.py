"""Networks of two frames: the identity at first, stills, warping, patches that stand, published sizes and names."""

import pytest
import torch
from shapes import shapes_only

from udalib.core.errors import ConfigError
from udalib.models import StreetsEncoder, create_network, load_published
from udalib.models.auxiliary import attach_auxiliary
from udalib.models.clip_network import ClipNetwork, at_two_frames
from udalib.ops.warp import resize_flow, warp
from udalib.recipes.networks import build_network, check_network
from udalib.recipes.spec.network_specs import DecoderSpec, EncoderSpec, MultiResolutionSpec, NetworkSpec

FRAMES = torch.rand(2, 2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
FLOW = torch.rand(2, 2, 32, 48, generator=torch.Generator().manual_seed(1)) * 6 - 3


def network(*, aux=False, mixed=False):
    torch.manual_seed(0)
    base = create_network("streets", num_classes=5)
    built = at_two_frames(attach_auxiliary(base) if aux else base).eval()
    if mixed:
        torch.nn.init.normal_(built.sf_layer.weight)
    return built


def test_a_fresh_network_predicts_what_its_parts_do():
    plain = create_network("streets", num_classes=5).eval()
    clips = at_two_frames(plain).eval()
    assert torch.equal(clips(FRAMES[:, 1]), plain(FRAMES[:, 1]))
    scores = clips.forward_clip(FRAMES, FLOW)
    assert torch.equal(scores.fused[0], scores.current[0])
    assert torch.equal(scores.current[0], plain(FRAMES[:, 1]))
    assert torch.equal(scores.previous[0], plain(FRAMES[:, 0]))


def test_the_fused_scores_are_those_of_the_warped_previous_frame():
    net = network(aux=True, mixed=True)
    scores = net.forward_clip(FRAMES, FLOW)
    assert len(scores.fused) == 2
    for fused, now, before in zip(scores.fused, scores.current, scores.previous, strict=True):
        flow = resize_flow(FLOW, before.shape[-2:], align_corners=False)
        torch.testing.assert_close(fused, net.sf_layer(torch.cat([now, warp(before, flow)], 1)))


def test_a_still_is_a_clip_of_the_same_frame_twice():
    net, image = network(aux=True, mixed=True), FRAMES[:, :1]
    twice = net.forward_clip(image.expand(-1, 2, -1, -1, -1), torch.zeros_like(FLOW))
    once = net.forward_clip(image)
    for a, b in zip(once.fused, twice.fused, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)  # warping by 0 rounds the grid
    torch.testing.assert_close(net(image[:, 0]), once.fused[0])
    torch.testing.assert_close(net.decode_all(net.features(image[:, 0]))[1], once.fused[1])


def test_of_longer_clips_the_last_two_frames_count():
    net, longer = network(mixed=True), torch.cat([torch.rand(2, 1, 3, 32, 48), FRAMES], 1)
    assert torch.equal(net.forward_clip(longer, FLOW).fused[0], net.forward_clip(FRAMES, FLOW).fused[0])


def test_under_patches_the_current_scores_stand_for_the_previous_ones():
    net, still = network(mixed=True), torch.zeros(2, 32, 48)
    still[:, :8] = 2
    options = {"size": (32, 48), "still": still}
    scores = net.forward_clip(FRAMES, FLOW, **options)
    now, before = scores.current[0], warp(scores.previous[0], FLOW)
    assert now.shape[-2:] == (32, 48)
    covered = torch.cat([before[:, :, :0], now[:, :, :8], before[:, :, 8:]], 2)
    torch.testing.assert_close(scores.fused[0], net.fuse(now, covered))
    official = net.forward_clip(FRAMES, FLOW, official=True, **options)  # 2 cf - kf where two patches overlap
    twice = torch.cat([2 * now[:, :, :8] - before[:, :, :8], before[:, :, 8:]], 2)
    torch.testing.assert_close(official.fused[0], net.fuse(now, twice), rtol=1e-4, atol=1e-4)


def test_the_previous_frame_has_no_graph():
    net = network(mixed=True)
    frames = FRAMES.clone().requires_grad_()
    net.forward_clip(frames, FLOW).fused[0].sum().backward()
    assert frames.grad[:, 1].abs().sum() > 0
    assert frames.grad[:, 0].abs().sum() == 0


def test_what_is_refused():
    with pytest.raises(ConfigError, match="need the flow between them"):
        network().forward_clip(FRAMES)
    with pytest.raises(ConfigError, match=r"set size=\(height, width\)"):
        network().forward_clip(FRAMES, FLOW, still=torch.zeros(2, 32, 48))
    pair = NetworkSpec.pair(EncoderSpec.of("streets"), DecoderSpec.of("light_fpn"))
    scales = NetworkSpec(**{**vars(pair), "multi_resolution": MultiResolutionSpec(detail=(32, 32))})
    with pytest.raises(ConfigError, match="one scale, got MultiResolutionNetwork"):
        at_two_frames(build_network(scales, 5))
    with pytest.raises(ConfigError, match="two_frames works at one scale"):
        check_network(NetworkSpec(**{**vars(scales), "two_frames": True}))
    both = build_network(NetworkSpec(**{**vars(pair), "two_frames": True}), 5)
    assert isinstance(both, ClipNetwork)
    assert isinstance(both.encoder, StreetsEncoder)


@pytest.mark.parametrize(
    ("size", "scores"), [((512, 1024), (65, 129)), ((720, 1280), (91, 161)), ((640, 1280), (81, 161))]
)
def test_published_sizes(size, scores):
    with shapes_only():
        net = create_network("accel_resnet101", num_classes=12)
        main, aux = net.decode_all(net.features(torch.rand(1, 3, *size, device="meta")))
    assert main.shape == aux.shape == (1, 12, *scores)


def test_published_names_load_and_a_teacher_s_file_leaves_layer7():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        student, teacher = (create_network(f"accel_resnet101{end}", num_classes=3) for end in ("", "_teacher"))
    state = {
        key.split(".", 1)[1] if key.startswith(("encoder.", "decoder.")) else key: value
        for key, value in student.state_dict().items()
    }
    assert {"layer7.head.1.weight", "layer7.conv2d_list.0.bias", "sf_layer.weight", "conv1.weight"} <= state.keys()
    assert load_published(student, state, strict=True).complete
    names = {key.split(".", 1)[1] if key.startswith(("encoder.", "decoder.")) else key for key in teacher.state_dict()}
    assert names - state.keys() == {f"layer6.conv2d_list.{i}.{part}" for i in range(4) for part in ("weight", "bias")}
    assert not student.decoder.layer7.head[1].bias
