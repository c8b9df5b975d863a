"""QuadMix on images: what its two passes show, what the bank keeps, what is drawn, and what is refused."""

import copy

import pytest
import torch

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.methods import LocalRuntime
from udalib.methods.shared.feature_mixer import FeatureMixer
from udalib.methods.shared.quad_mixer import PATHS, QuadMixer
from udalib.methods.shared.templates import TemplateBank
from udalib.ops.clips import Clip, image_clip
from udalib.ops.feature_mixing import mix_features

PLAIN = {"jitter_probability": 0.0, "blur_probability": 0.0, "template_confidence": 0.0, "feature_mix": 0.0}


def make(toy, name="quadmix-dacs", **options):
    return toy.method(name, toy.network_of(name) if name.endswith("hrda") else toy.network(1), **{**PLAIN, **options})


def two_steps(toy, **options):
    """The passes of the second step, the batches of both, and the method."""
    method = make(toy, **options)
    first, second = toy.batches(seed=0), toy.batches(seed=1)
    if options.get("rare_stream"):
        for batches, seed in ((first, 2), (second, 3)):
            batches["rare"] = toy.batches(4, seed=seed)["source"]
    method.step(first, 0)
    seen = toy.watched(method)
    logs = method.step(second, 1)
    return seen, first, second, method, logs


def origin(image, *candidates):
    """Which of the candidate images each pixel is from, (B, H, W); -1 for none."""
    found = torch.full(image[:, 0].shape, -1)
    for i, candidate in enumerate(candidates):
        found[(image == candidate).all(1)] = i
    return found


def test_the_host_mixes_until_there_are_templates(toy):
    method = make(toy, quad_from=2)
    assert [("loss_mixed" in method.step(toy.batches(seed=i), i)) for i in range(4)] == [True, True, False, False]
    assert "loss_quad_target" in method.step(toy.batches(), 4)


def test_both_passes_show_the_same_templates_of_the_last_iteration(toy):
    seen, first, second, *_ = two_steps(toy)
    before, now = (
        (first["source"]["image"], first["target"]["image"]),
        (second["source"]["image"], second["target"]["image"]),
    )
    source, target = seen["quad_source"], seen["quad_target"]
    one = origin(source.image, now[0], *before)
    two = origin(target.image, now[1], *before)
    assert set(one.unique().tolist()) == set(two.unique().tolist()) == {0, 1, 2}
    assert torch.equal(one, two)
    assert torch.equal(source.label[one == 0], second["source"]["label"][one == 0])
    assert torch.equal(source.label[one == 1], first["source"]["label"][one == 1])
    assert torch.equal(source.label[one > 0], target.label[one > 0])
    assert (source.weight[one < 2] == 0.5).all()  # half of the source's weight 1
    for b in range(2):
        pasted = set(first["source"]["label"][b][one[b] == 1].unique().tolist())
        assert len(pasted) <= 2
        assert 255 not in pasted
        assert not pasted & set(source.label[b][one[b] == 2].unique().tolist())


@pytest.mark.parametrize("path", PATHS)
def test_a_path_can_be_left_out(toy, path):
    seen, first, second, *_ = two_steps(toy, paths=tuple(p for p in PATHS if p != path))
    template, domain = path.split("_to_")
    images = (first["source"]["image"], first["target"]["image"])
    for name in ("source", "target"):
        shown = set(origin(seen[f"quad_{name}"].image, second[name]["image"], *images).unique().tolist())
        missing = {1 if template == "source" else 2} if name == domain else set()
        assert shown == {0, 1, 2} - missing


def test_templates_of_the_batch_need_no_bank(toy):
    method = make(toy, templates="batch")
    seen, batches = toy.watched(method), toy.batches()
    assert "loss_quad_source" in method.step(batches, 0)
    images = (batches["source"]["image"], batches["target"]["image"])
    shown = origin(seen["quad_source"].image, images[0], images[0].roll(1, 0), images[1].roll(1, 0))
    assert set(shown.unique().tolist()) == {0, 1, 2}


def test_patches_of_rare_classes_lie_on_top_of_both(toy):
    rare = {"rare_stream": "rare", "rare_classes": (1, 2), "rare_pixels": 0}
    seen, _, second, method, _ = two_steps(toy, **rare)
    assert method.streams == ("source", "target", "rare")
    images = second["rare"]["image"].view(2, 2, 3, 16, 16)
    labels = second["rare"]["label"].view(2, 2, 16, 16)
    shown = origin(seen["quad_source"].image, images[:, 0], images[:, 1])
    assert torch.equal(shown, origin(seen["quad_target"].image, images[:, 0], images[:, 1]))
    for patch in (0, 1):
        ids = labels[:, patch][shown == patch]
        assert set(ids.tolist()) <= {1, 2}
        assert torch.equal(seen["quad_source"].label[shown == patch], ids)


def test_the_published_paths_have_patches_of_their_own(toy):
    rare = {"rare_stream": "rare", "rare_classes": (1, 2), "rare_pixels": 0, "official": True}
    seen, _, second, *_ = two_steps(toy, **rare)
    images = second["rare"]["image"].view(2, 2, 3, 16, 16)
    for name, patch in (("quad_source", 0), ("quad_target", 1)):
        shown = origin(seen[name].image, images[:, patch], images[:, 1 - patch])
        assert set(shown.unique().tolist()) <= {-1, 0}
        assert (shown == 0).any()
    method = make(toy, **rare)
    method.step(toy.batches() | {"rare": toy.batches(2)["source"]}, 0)
    with pytest.raises(ConfigError, match="which two paths cannot share"):
        method.step(toy.batches() | {"rare": toy.batches(2)["source"]}, 1)


def test_feature_mixing_takes_effect_and_official_has_none(toy):
    """With its weight the second pass and the gradients change; the published code computes it and throws it away."""
    losses = {weight: two_steps(toy, feature_mix=weight)[-1] for weight in (0.0, 0.3)}
    torch.testing.assert_close(losses[0.0]["loss_quad_source"], losses[0.3]["loss_quad_source"])
    assert losses[0.0]["loss_quad_target"] != losses[0.3]["loss_quad_target"]
    assert make(toy, feature_mix=0.3, official=True).feature_weight == 0
    assert make(toy, feature_mix=0.3).feature_weight == 0.3


def test_what_is_mixed_are_the_first_features_of_each_pass(toy):
    encoder = toy.network(1).encoder
    images = torch.rand(3, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 16, 16)
    mask[:, :8] = 1
    mixer = FeatureMixer(encoder, mask, 0.3)
    with pytest.raises(ConfigError, match="run a pass in keeping"), mixer.mixing():
        pass
    with mixer.keeping():
        first = encoder(images[0])
        encoder(images[2])
    with mixer.mixing():
        mixed, alone = encoder(images[1]), encoder(images[2])
    plain = [encoder(x) for x in images]
    for level in range(2):
        assert torch.equal(first[level], plain[0][level])
        torch.testing.assert_close(mixed[level], mix_features(plain[1][level], plain[0][level], mask, 0.3))
        assert torch.equal(alone[level], plain[2][level])
    assert not encoder._forward_hooks


def test_half_of_the_published_mixed_weight_each(toy):
    """A target template of nothing and a source template of nothing leave source and target images: half of each."""
    seen, _, second, *_ = two_steps(toy, template_classes=0)
    assert torch.equal(seen["quad_source"].image, second["source"]["image"])
    assert torch.equal(seen["quad_target"].image, second["target"]["image"])
    assert (seen["quad_source"].weight == 0.5).all()


def test_labels_without_a_class_give_empty_templates(toy):
    method = make(toy)
    for i in range(2):
        batches = toy.batches(seed=i)
        batches["source"]["label"].fill_(255)
        logs = method.step(batches, i)
        assert all(torch.isfinite(torch.as_tensor(value)).all() for value in logs.values())
    assert logs["loss_quad_source"] >= 0


def test_a_batch_of_another_size_falls_back_to_the_host(toy):
    method = make(toy)
    method.step(toy.batches(2), 0)
    assert "loss_mixed" in method.step(toy.batches(4), 1)
    assert "loss_quad_source" in method.step(toy.batches(4), 2)


def test_an_empty_bank_says_so_and_a_full_one_is_restored():
    bank, other = TemplateBank(), TemplateBank()
    assert bank.is_empty
    with pytest.raises(ConfigError, match="the template bank is empty"):
        bank.clips()
    clips = [image_clip(torch.rand(2, 3, 4, 6), torch.randint(0, 5, (2, 4, 6))) for _ in range(2)]
    bank.store(*clips, torch.ones(2, 1, 4, 6, dtype=torch.bool))
    assert bank.fits(clips[1])
    assert not bank.fits(image_clip(torch.rand(1, 3, 4, 6), torch.zeros(1, 4, 6)))
    other.load_state_dict(copy.deepcopy(bank.state_dict()))
    for got, want in zip(other.clips()[:2], clips, strict=True):
        assert isinstance(got, Clip)
        assert torch.equal(got.frames, want.frames)
        assert torch.equal(got.labels, want.labels)
        assert got.flow is None
    other.load_state_dict(TemplateBank().state_dict())
    assert other.is_empty


def templates_of(mixer, source, target, seed=0):
    clips = [image_clip(torch.rand(len(label), 3, *label.shape[1:]), label) for label in (source, target)]
    valid = torch.ones(clips[1].labels.shape, dtype=torch.bool)
    draws = Draws.for_batch(seed, "test", 0, range(len(source)))
    chosen = mixer.templates((*clips, valid), draws)
    return [
        set(label[template.mask[0, 0]].tolist()) for label, template in zip((source[0], target[0]), chosen, strict=True)
    ]


def test_a_target_template_shows_other_classes_than_the_source_s():
    label = torch.arange(6).view(1, 1, 6)
    for seed in range(20):
        source, target = templates_of(QuadMixer(2, 3), label, label, seed)
        assert (len(source), len(target)) == (2, 3)
        assert not source & target
    assert templates_of(QuadMixer(2, 2), label[..., :1], label[..., :1])[1] == set()  # no class is left


def test_the_published_exclusion_is_by_position_and_255_is_a_class():
    source, target = torch.tensor([[[7, 9, 255]]]), torch.tensor([[[0, 1, 2]]])
    shown = set()
    for seed in range(20):
        chosen, rest = templates_of(QuadMixer(1, 3, official=True), source, target, seed)
        assert rest == {0, 1, 2} - {sorted({7, 9, 255}).index(c) for c in chosen}
        shown |= chosen
    assert shown == {7, 9, 255}
    assert templates_of(QuadMixer(3, 3), source, target) == [{7, 9}, {0, 1, 2}]


def test_rare_classes_join_every_source_template_on_request():
    label = torch.arange(6).view(1, 1, 6)
    source, target = templates_of(QuadMixer(1, 6, (4, 5), with_rare=True), label, label)
    assert {4, 5} <= source
    assert len(target) == 5  # only what was drawn is kept out


def test_a_class_that_is_listed_twice_is_drawn_twice_as_often():
    label = torch.tensor([[[3, 8]]]).expand(1200, 1, 2)
    batch = {"image": torch.zeros(1200, 3, 1, 2), "label": label}
    mixer = QuadMixer(rare_classes=(3, 8, 8), rare_pixels=0)
    patches = mixer.patches(batch, 1200, Draws.for_batch(0, "test", 0, range(1200)))
    assert (patches.classes == 8).float().mean() == pytest.approx(2 / 3, abs=0.07)  # 5 standard deviations
    few = QuadMixer(rare_classes=(3,), rare_pixels=1).patches(batch, 1200, Draws.for_batch(0, "test", 0, range(1200)))
    assert (few.classes == -1).all()
    with pytest.raises(ConfigError, match="brings 1200 images for 7 samples; its batch size must be a multiple"):
        mixer.patches(batch, 7, Draws.for_batch(0, "test", 0, range(7)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"paths": ("source_to_sauce",)}, UnknownNameError, "source_to_source"),
        ({"templates": "file"}, ConfigError, "templates is 'file'; choose bank or batch"),
        ({"feature_mix": 1.0}, ConfigError, r"must lie in \[0, 1\)"),
        ({"rare_stream": "rare"}, ConfigError, "rare_classes names none"),
        ({"rare_classes": (255,)}, ConfigError, "train ids from 0 to 254"),
        ({"template_classes": -1}, ConfigError, "none of them may be negative"),
    ],
)
def test_what_is_refused(toy, options, error, message):
    with pytest.raises(error, match=message):
        make(toy, **options)


def test_streams_of_unlike_sizes_are_refused(toy):
    method = make(toy, templates="batch")
    batches = toy.batches()
    batches["target"] = toy.batches(2, 32, 32)["target"]
    with pytest.raises(ConfigError, match="give both streams one batch size, one length and one crop"):
        method.step(batches, 0)


def test_mixing_draws_depend_on_the_seed_alone(toy):
    images = []
    for seed in (0, 0, 1, 2, 3):
        method = make(toy)
        method.runtime = runtime = LocalRuntime()
        runtime.seed = seed
        method.step(toy.batches(seed=0), 0)
        seen = toy.watched(method)
        method.step(toy.batches(seed=1), 1)
        images.append(seen["quad_source"].image)
    assert torch.equal(images[0], images[1])
    assert not all(torch.equal(images[0], other) for other in images[2:])  # few classes: one seed may draw the same


def test_two_scales_mix_features_of_the_context(toy):
    method = make(toy, "quadmix-hrda", feature_mix=0.3, mask_block=4, fd_classes=(1, 2))
    method.step(toy.batches(), 0)
    logs = method.step(toy.batches(seed=1), 1)
    assert {"loss_quad_source_fused", "loss_quad_target_detail", "loss_masked_fused", "loss_fd"} <= logs.keys()
