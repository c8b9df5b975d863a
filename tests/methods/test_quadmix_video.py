"""QuadMix on clips: the passes of a step, labels along the flow, what stands in for what is missing, and bad input."""

import pytest
import torch

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.methods import create_method
from udalib.methods.shared.carried import Labeller
from udalib.methods.shared.clip_batches import flow_of, labelled_clip, still_clip, window
from udalib.methods.shared.clip_losses import total_loss, video_losses, weights_of
from udalib.models.auxiliary import attach_auxiliary
from udalib.models.clip_network import at_two_frames
from udalib.ops.clips import image_clip
from udalib.ops.histogram_matching import match_histograms

PLAIN = {"jitter_probability": 0.0, "blur_probability": 0.0, "template_confidence": 0.0}
TERMS = {"loss_src", "loss_trg", "loss_mmd"}
MIXED = {"loss_src_p", "loss_tar_p"}


def make(toy, *, aux=False, **options):
    network = toy.network(1, norm=True)
    network = at_two_frames(attach_auxiliary(network) if aux else network).train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    return create_method("quadmix-video", network, optimizer, toy.CLASSES, **{**PLAIN, **options})


def clip(frames, seed=0, size=(16, 16), batch=2, *, labels=True):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(batch, frames, 3, *size, generator=generator)
    flows = torch.rand(2, batch, frames - 1, 2, *size, generator=generator) * 4 - 2
    result = {"image": images[:, -1], "frames": images, "flow_backward": flows[0], "flow_forward": flows[1]}
    if labels:
        ids = torch.randint(0, 3, (batch, frames, *size), generator=generator)
        result |= {"label": ids[:, -1], "frame_labels": ids.to(torch.uint8)}
    return result


def batches(frames=3, seed=0, **options):
    return {"source": clip(2, seed, **options), "target": clip(frames, seed + 50, labels=False, **options)}


def test_the_first_step_fills_the_bank_and_the_second_mixes(toy):
    method = make(toy)
    assert method.step(batches(seed=0), 0).keys() >= TERMS
    logs = method.step(batches(seed=1), 1)
    assert logs.keys() >= TERMS | MIXED
    total = sum(value for name, value in logs.items() if name.startswith("loss_"))
    torch.testing.assert_close(logs["loss"], total)


def test_auxiliary_outputs_are_learned_from_source_and_target(toy):
    logs = make(toy, aux=True).step(batches(), 0)
    assert {"loss_src_aux", "loss_trg_aux"} <= logs.keys()


def test_the_weights_are_the_published_ones():
    terms = {name: torch.tensor(float(i + 1)) for i, name in enumerate(weights_of(0.2))}
    one = {name: float(value) for name, value in terms.items()}
    want = 0.2 * (one["trg"] + 0.1 * one["trg_aux"] + one["tar_p"]) + one["src_p"]
    want += one["src"] + 0.1 * one["src_aux"] + 0.01 * one["mmd"]
    assert total_loss(terms, 0.2) == pytest.approx(want)


def test_labels_without_a_class_cost_nothing():
    scores = {name: torch.randn(1, 3, 4, 4) for name in ("src", "src_aux", "tss", "tst", "trg", "trg_aux", "da")}
    names = ("label_src", "label_tss", "label_tst", "pseudo_trg", "pseudo_trg_aux")
    nothing = video_losses(scores, {name: torch.full((1, 4, 4), 255) for name in names})
    assert all(nothing[name] == 0 for name in ("src", "src_aux", "src_p", "tar_p", "trg", "trg_aux"))
    assert nothing["mmd"].isfinite()


@pytest.mark.parametrize(("frames", "second_pair", "pairs"), [(2, True, 1), (3, True, 2), (3, False, 1)])
def test_three_frames_give_a_second_temporal_pair(toy, frames, second_pair, pairs):
    method = make(toy, second_pair=second_pair)
    data = batches(frames)
    carried = method.label_target_clip(data["target"], 0)
    seen = method.look_at_target(data["target"]["frames"], data["target"]["flow_backward"], carried.clip, carried)
    assert len(seen.scores) == pairs


def test_what_the_labeller_says_of_the_last_frame_comes_from_the_frame_before(toy):
    """Its own pixels have no part in its label, unless guidance is off."""
    network = make(toy).student.eval()
    batch, draws = clip(3, labels=False), Draws.for_batch(0, "test", 0, range(2))
    other = {**batch, "frames": torch.cat([batch["frames"][:, :2], clip(1, seed=9)["frames"]], 1)}
    for guided in (True, False):
        labeller = Labeller(guided=guided, mirror=False)
        one, two = (labeller(network, each, draws) for each in (batch, other))
        assert torch.equal(one.clip.labels[:, -1], two.clip.labels[:, -1]) is guided
        assert torch.equal(one.clip.labels[:, 0], two.clip.labels[:, 0])
        assert torch.equal(one.clip.frames, batch["frames"][:, -2:])


def test_hidden_pixels_have_no_label_and_official_ones_have(toy):
    network, draws = make(toy).student.eval(), Draws.for_batch(0, "test", 0, range(2))
    batch = clip(2, labels=False)
    batch["flow_backward"].zero_()
    batch["flow_forward"].zero_()
    batch["flow_forward"][..., :8] = 9  # the left half goes elsewhere
    carried = Labeller(mirror=False)(network, batch, draws)
    assert (carried.clip.label[..., :8] == 255).all()
    assert (carried.confidence[:, -1, :, :8] == 0).all()
    assert (carried.clip.label[..., 8:] != 255).all()
    assert (carried.low[0][..., : carried.low[0].shape[-1] // 2] == 255).all()
    assert (Labeller(mirror=False, official=True)(network, batch, draws).clip.label != 255).all()
    del batch["flow_forward"]
    assert (Labeller(mirror=False)(network, batch, draws).clip.label != 255).all()


def test_mirroring_the_earlier_frames_is_undone(toy):
    """A network that looks at single pixels says the same of a mirrored frame; the published order does not."""
    network = at_two_frames(toy.network(1, dropout=0.0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network.encoder.first = torch.nn.Conv2d(3, 6, 1)
        network.encoder.second = torch.nn.Conv2d(6, 8, 1)
    network.eval()
    batch, draws = clip(3, labels=False), Draws.for_batch(0, "test", 0, range(2))
    batch.pop("flow_forward")
    plain = Labeller(mirror=False)(network, batch, draws)
    turned = [Draws.for_batch(seed, "test", 0, range(2)) for seed in range(6)]
    for each in turned:
        mirrored = Labeller()(network, batch, each)
        torch.testing.assert_close(mirrored.confidence, plain.confidence)
        assert (mirrored.clip.labels == plain.clip.labels).float().mean() > 0.99  # but for ties
    official = [Labeller(official=True)(network, batch, each).confidence for each in turned]
    straight = Labeller(mirror=False, official=True)(network, batch, draws).confidence
    assert max(float((each[:, 1] - straight[:, 1]).abs().max()) for each in official) > 0.01


def test_a_frozen_labeller_waits(toy):
    method = make(toy, frozen_until=1, alpha=0.0)
    start = {name: value.clone() for name, value in method.teacher.state_dict().items()}
    method.step(batches(), 0)
    trained = dict(method.network.named_parameters())
    frozen = {name: torch.equal(p, start[f"network.{name}"]) for name, p in method.teacher.network.named_parameters()}
    assert all(frozen.values())
    assert any(not torch.equal(p, start[f"network.{name}"]) for name, p in trained.items())
    before = {name: p.clone() for name, p in trained.items()}
    method.step(batches(seed=1), 1)
    for name, parameter in method.teacher.network.named_parameters():
        assert torch.equal(parameter, before[name])


def test_source_frames_get_the_colours_of_the_target_frame(toy):
    method, data = make(toy), batches()
    seen = []
    run = method.run
    method.run = lambda clip, *rest, **more: seen.append(clip) or run(clip, *rest, **more)
    method.step(data, 0)
    want = match_histograms(data["source"]["frames"][:, 0], data["target"]["frames"][:, -1])
    assert torch.equal(seen[0].frames[:, 0], want)


def test_source_images_stand_still(toy):
    source = {key: clip(2)[key] for key in ("image", "label")}
    still = labelled_clip(source)
    assert torch.equal(still.frames[:, 0], still.frames[:, 1])
    assert torch.equal(still.labels[:, 0], source["label"])
    assert not still.flow.any()
    method = make(toy)
    for i in range(2):
        logs = method.step({**batches(seed=i), "source": source}, i)
    assert logs.keys() >= MIXED


def test_larger_source_clips_are_cut_to_a_window(toy):
    method = make(toy, rare_stream="rare", rare_classes=(1, 2), rare_pixels=0, window_rows=(3, 4))
    for i in range(2):
        data = {**batches(seed=i), "source": clip(2, i, size=(24, 20)), "rare": clip(2, i, size=(24, 20))}
        logs = method.step(data, i)
    assert logs.keys() >= MIXED
    assert method.bank.clips()[0].size == (16, 16)
    large = image_clip(torch.rand(1, 3, 24, 20), torch.zeros(1, 24, 20, dtype=torch.int64))
    places = {window(large, (16, 16), Draws.for_batch(s, "test", 0, [-1]), (3, 4))[:2] for s in range(60)}
    assert {top for top, _ in places} == {3, 4}
    assert {left for _, left in places} == {0, 1, 2, 3, 4}
    with pytest.raises(ConfigError, match="smaller than target clips"):
        window(large, (32, 16), Draws.for_batch(0, "test", 0, [-1]))
    with pytest.raises(ConfigError, match=r"window_rows are \(4, 3\)"):
        window(large, (16, 16), Draws.for_batch(0, "test", 0, [-1]), (4, 3))


def test_feature_mixing_changes_the_second_mixed_pass(toy):
    logs = {}
    for weight in (0.0, 0.3):
        method = make(toy, feature_mix=weight)
        torch.manual_seed(0)  # dropout
        method.step(batches(seed=0), 0)
        logs[weight] = method.step(batches(seed=1), 1)
    torch.testing.assert_close(logs[0.0]["loss_src_p"], logs[0.3]["loss_src_p"])
    assert logs[0.0]["loss_tar_p"] != logs[0.3]["loss_tar_p"]


def test_official_takes_published_choices(toy):
    method = make(toy, official=True, aux=True)
    assert (method.trust, method.feature_weight, method.labeller.official) == ("equal", 0.0, True)
    assert make(toy).trust == "sure"
    for i in range(2):
        logs = method.step(batches(seed=i), i)
    assert all(torch.as_tensor(value).isfinite() for value in logs.values())


def test_clips_of_any_length_are_predicted(toy):
    method = make(toy).eval()
    data = clip(3, labels=False)
    with torch.no_grad():
        two = method.predict_clip(data)
        last = {key: data[key][:, -2:] if key == "frames" else data[key][:, -1:] for key in ("frames", "flow_backward")}
        assert torch.equal(two, method.predict_clip(last))
        alone = method.predict_clip({"frames": data["frames"][:, -1:]})
        assert torch.equal(alone, method.predict(data["frames"][:, -1]))
    assert two.shape == (2, 3, 16, 16)


def test_other_methods_predict_the_last_frame(toy):
    method = toy.method("dacs", toy.network(1)).eval()
    data = clip(2, labels=False)
    assert torch.equal(method.predict_clip(data), method.predict(data["frames"][:, -1]))


def without(batch, *keys):
    return {key: value for key, value in batch.items() if key not in keys}


BAD = {
    "images": (lambda b: without(b["target"], "frames"), "target", "brings single images, clips are needed"),
    "one frame": (lambda b: {**b["target"], "frames": b["target"]["frames"][:, :1]}, "target", "clips are needed"),
    "no flow": (lambda b: without(b["target"], "flow_backward"), "target", "come without flow_backward; give"),
    "flow of another size": (
        lambda b: {**b["target"], "flow_backward": torch.zeros(2, 2, 2, 8, 8)},
        "target",
        r"flow_backward has shape \(2, 2, 2, 8, 8\), frames have .* Resize it",
    ),
    "a frame is missing": (
        lambda b: {**b["target"], "frames": b["target"]["frames"][:, 1:]},
        "target",
        r"expected a flow of \(2, 1, 2, 16, 16\)",
    ),
    "unlabelled frames": (lambda b: without(b["source"], "frame_labels"), "source", "need a label for every frame"),
    "labels of another size": (
        lambda b: {**b["source"], "frame_labels": torch.zeros(2, 2, 8, 8)},
        "source",
        "labels of clips .* has shape",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_clips_are_refused(toy, case):
    change, stream, message = BAD[case]
    data = batches()
    data[stream] = change(data)
    with pytest.raises(ConfigError, match=message):
        make(toy).step(data, 0)


def test_other_networks_are_refused(toy):
    with pytest.raises(
        ConfigError, match="needs a network of two frames, got SegmentationNetwork; set network.two_frames"
    ):
        toy.method("quadmix-video", toy.network(1))


def test_pieces_of_batches():
    data = clip(3)
    assert flow_of(data).shape == (2, 2, 2, 16, 16)
    assert labelled_clip(data).frames.shape == (2, 2, 3, 16, 16)
    assert torch.equal(labelled_clip(data).flow[:, 0], data["flow_backward"][:, -1])
    assert still_clip(data["image"], data["label"], 3).flow.shape == (2, 2, 2, 16, 16)
