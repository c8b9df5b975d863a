"""Self-training with a mean teacher: who learns, who follows, what is mixed and what it weighs."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from udalib.core.errors import ConfigError
from udalib.methods import LocalRuntime
from udalib.methods.shared.teacher import Teacher
from udalib.ops import cross_entropy, pseudo_labels, resize

NAMES = ("dacs", "daformer", "hrda", "mic", "mic-hrda")
PLAIN = {"jitter_probability": 0.0, "blur_probability": 0.0}


class Later(LocalRuntime):
    """A micro-batch after the first of its iteration."""

    is_first = False


class Bfloat16(LocalRuntime):
    """Autocast on the CPU."""

    def autocast(self):
        return torch.autocast("cpu", torch.bfloat16)


class DropPath(nn.Module):
    """Fails where it would drop; known by its name."""

    def forward(self, x):
        assert not self.training
        return x


def parameters(module):
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def equal(got, want):
    return got.keys() == want.keys() and all(torch.equal(got[key], value) for key, value in want.items())


def close(got, want, **limits):
    assert got.keys() == want.keys()
    for key, value in want.items():
        torch.testing.assert_close(got[key], value, msg=lambda m, key=key: f"{key}: {m}", **limits)


def teachers(method):
    return [m for m in (method.teacher, getattr(method, "mask_teacher", None)) if m is not None]


@pytest.mark.parametrize("name", ["mic", "mic-hrda"])
def test_only_the_student_learns(toy, name):
    """With every network there is: two teachers and a reference. The conformance suite asks each recipe's method."""
    method = toy.method(name, mask_alpha=0.5).train()
    frozen = [p for module in teachers(method) for p in module.parameters()]
    kept = copy.deepcopy(method.reference.state_dict())
    frozen += method.reference.parameters()
    before = parameters(method.network)
    for i in range(2):
        method.step(toy.batches(seed=i), i)
    assert not any(p.requires_grad or p.grad is not None for p in frozen)
    own = {id(p) for p in method.network.parameters()}
    assert {id(p) for group in method.optimizers()["main"].param_groups for p in group["params"]} == own
    learned = {n: p for n, p in method.network.named_parameters() if "aux." not in n}
    assert all(p.grad.abs().sum() > 0 for p in learned.values())
    assert not any(torch.equal(p, before[n]) for n, p in learned.items())
    assert equal(method.reference.state_dict(), kept)


@pytest.mark.parametrize("name", NAMES)
def test_the_teacher_follows_at_the_start(toy, name):
    """A copy of the student at iteration 0, the mean of both at 1, whatever the step then does."""
    method = toy.method(name).train()
    with torch.no_grad():
        for p in method.teacher.parameters():
            p.add_(1)
    first = parameters(method.network)
    method.step(toy.batches(), 0)
    assert equal(parameters(method.teacher.network), first)
    second = parameters(method.network)
    assert not equal(second, first)
    method.step(toy.batches(), 1)
    close(parameters(method.teacher.network), {n: (first[n] + second[n]) / 2 for n in first})


@pytest.mark.parametrize(("alpha", "share"), [(0.25, 0.25), (0.0, 0.0)])
def test_alpha_is_the_cap(toy, alpha, share):
    method = toy.method("dacs", alpha=alpha).train()
    method.step(toy.batches(), 0)
    old, student = parameters(method.teacher.network), parameters(method.network)
    method.step(toy.batches(), 1000)
    close(parameters(method.teacher.network), {n: share * old[n] + (1 - share) * student[n] for n in old})


def test_later_micro_batches_move_no_teacher(toy):
    method = toy.method("mic", mask_alpha=0.5).train()
    method.runtime = Later()
    with torch.no_grad():
        for teacher in teachers(method):
            for p in teacher.parameters():
                p.add_(1)
    before = [parameters(teacher) for teacher in teachers(method)]
    method.step(toy.batches(), 0)
    assert all(equal(parameters(t), want) for t, want in zip(teachers(method), before, strict=True))


def test_the_teachers_statistics_are_its_own(toy):
    """One update a step, by the target images alone; the student's come from the source and the mixed ones."""
    method, data = toy.method("dacs", toy.network(1, norm=True), mix="none", **PLAIN).train(), toy.batches()
    student, teacher = method.network.encoder.norm[0], method.teacher.network.encoder.norm[0]
    inputs = [method.network.encoder.first(method.network.normalise(data[d]["image"])) for d in ("source", "target")]
    source, target = (0.1 * x.detach().mean((0, 2, 3)) for x in inputs)
    method.step(data, 0)
    torch.testing.assert_close(teacher.running_mean, target)
    torch.testing.assert_close(student.running_mean, 0.9 * source + target)
    assert (int(teacher.num_batches_tracked), int(student.num_batches_tracked)) == (1, 2)


def test_the_teacher_drops_nothing_and_normalises_with_the_batch(toy):
    net, images = toy.network(1, norm=True), toy.batches()["target"]["image"]
    net.encoder.norm.append(DropPath())
    net.encoder.norm.append(nn.Dropout(0.5))
    method = toy.method("dacs", net)
    for teacher in (Teacher(net, 0.9), method.teacher, method.train().teacher):  # called by hand, without .train() too
        norm, *droppers = teacher.network.encoder.norm
        assert norm.training
        assert not any(m.training for m in droppers)
        logits = teacher(images)
        assert torch.equal(teacher(images), logits)
        assert not logits.requires_grad
        assert not torch.allclose(teacher(images[:1]), logits[:1])  # another batch, other statistics
    assert not any(m.training for m in method.eval().teacher.modules())
    assert method.teacher.train(True).training


def test_logits_of_the_teacher_have_the_size_of_the_images(toy):
    method, images = toy.method("dacs"), toy.batches()["target"]["image"]
    want = resize(method.network(images), (16, 16), method.network.align_corners).detach()
    assert torch.equal(method.teacher(images), want)
    assert torch.equal(method.predict(images), want)


def test_losses_are_means_over_all_pixels_and_add_up(toy):
    method, data = toy.method("dacs").train(), toy.batches()
    logits = method.predict(data["source"]["image"]).detach()
    logs = method.step(data, 0)
    assert list(logs) == ["loss", "loss_source", "loss_mixed", "pseudo_weight"]
    assert not any(value.requires_grad for value in logs.values())
    torch.testing.assert_close(logs["loss"], logs["loss_source"] + logs["loss_mixed"])
    valid = cross_entropy(logits, data["source"]["label"])
    torch.testing.assert_close(logs["loss_source"], valid * 15 / 16)  # one row of 16 is ignored


@pytest.mark.parametrize("mix", ["class", "cut", "cow"])
def test_mixed_pixels_are_the_sources_with_weight_one(toy, mix):
    method, data = toy.method("dacs", mix=mix, **PLAIN).train(), toy.batches()
    seen, pseudo = toy.watched(method), pseudo_labels(method.teacher(data["target"]["image"]))
    logs = method.step(data, 3)
    image, label, weight = seen["mixed"][:3]
    mask = method.mixing_mask(data["source"]["label"], 3)
    assert 0 < mask.float().mean() < 1
    fraction = (pseudo.confidence >= method.threshold).float().mean()
    assert 0.1 < fraction < 0.9
    assert torch.equal(logs["pseudo_weight"], fraction)
    assert torch.equal(label, torch.where(mask, data["source"]["label"], pseudo.label))
    assert torch.equal(weight, torch.where(mask, 1.0, fraction))
    assert torch.equal(image, torch.where(mask[:, None], data["source"]["image"], data["target"]["image"]))
    logits = method.network.decode(method.network.features(image))
    assert logits.shape[-2:] == (4, 4)


def test_the_mixed_loss_is_the_weighted_cross_entropy(toy):
    method, data = toy.method("dacs", toy.network(1), lr=0.0).train(), toy.batches()
    seen = toy.watched(method)
    logs = method.step(data, 0)
    image, label, weight = seen["mixed"][:3]
    want = cross_entropy(method.predict(image).detach(), label, weight, reduction="all_mean")
    torch.testing.assert_close(logs["loss_mixed"], want)


def test_without_mixing_the_target_is_learned(toy):
    method, data = toy.method("dacs", mix="none", **PLAIN).train(), toy.batches()
    seen, pseudo = toy.watched(method), pseudo_labels(method.teacher(data["target"]["image"]))
    data["source"] = toy.batches(1, 20, 12)["source"]  # need not fit the target then
    method.step(data, 0)
    assert torch.equal(seen["mixed"].image, data["target"]["image"])
    assert torch.equal(seen["mixed"].label, pseudo.label)


@pytest.mark.parametrize("mix", ["class", "cut", "cow"])
def test_what_is_mixed_depends_on_iteration_and_sample(toy, mix):
    method, label = toy.method("dacs", mix=mix), toy.batches()["source"]["label"][:1].expand(6, 16, 16)
    first, again, second = (method.mixing_mask(label, i) for i in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert len({mask.numpy().tobytes() for mask in first}) > 2
    assert torch.equal(method.mixing_mask(label[:3], 0), first[:3])


def label_of_bands(*ids):
    return torch.stack([torch.tensor(row).repeat_interleave(16 // len(row))[:, None].expand(16, 16) for row in ids])


def test_by_default_an_image_chooses_among_its_own_classes_and_never_the_ignored(toy):
    method, label = toy.method("dacs"), label_of_bands([0, 0], [1, 255], [0, 1, 2, 255])
    for i in range(30):
        mask = method.mixing_mask(label, i)
        assert mask[0].all()  # ceil(1 / 2): the one class there is
        assert torch.equal(mask[1], label[1] == 1)
        assert mask[2].sum() == 2 * 4 * 16  # ceil(3 / 2) classes of four bands
        assert not mask[label == 255].any()


def test_official_draws_from_the_ids_of_the_whole_batch(toy):
    """Half of {0, 1, 2, 255} for each sample, so an image may give nothing, everything, or ignored pixels."""
    method, label = toy.method("dacs", official=True), label_of_bands([0, 0], [1, 255], [0, 1, 2, 255])
    masks = torch.stack([method.mixing_mask(label, i) for i in range(60)])
    assert (masks[:, 2].sum((1, 2)) == 2 * 4 * 16).all()
    assert 10 < masks[:, 0].all((1, 2)).sum() < 50
    assert (masks[:, 0].all((1, 2)) | ~masks[:, 0].any((1, 2))).all()
    assert masks[:, label == 255].any()
    assert (masks[:, 1].flatten(1).float().mean(1) == 0).any()


def test_rows_and_valid_pixels_of_pseudo_labels(toy):
    method, data = toy.method("dacs", ignore_top=2, ignore_bottom=3, mix="cut").train(), toy.batches()
    valid = torch.ones(2, 16, 16, dtype=torch.uint8)
    valid[1, :, 4:8] = 0
    data["target"]["valid"] = valid
    seen, target = toy.watched(method), method.label_target(data["target"])
    inside = valid.bool().clone()
    inside[:, :2], inside[:, -3:] = False, False
    fraction = (pseudo_labels(method.teacher(data["target"]["image"])).confidence >= 0.367).float().mean()
    assert torch.equal(target.weight, inside * fraction)  # the fraction itself is that of all pixels
    assert target.weight.dtype == torch.float32
    assert (target.label < 3).all()
    logs = method.step(data, 0)
    mask = method.mixing_mask(data["source"]["label"], 0)
    assert torch.equal(seen["mixed"].weight, torch.where(mask, 1.0, inside * fraction))
    torch.testing.assert_close(logs["pseudo_weight"], fraction * inside.float().mean())


def test_weights_by_pixel(toy):
    method, data = toy.method("dacs", weighting="pixel"), toy.batches()
    confidence = pseudo_labels(method.teacher(data["target"]["image"])).confidence
    weight = method.label_target(data["target"]).weight
    assert torch.equal(weight, (confidence >= 0.367).float())
    assert 0 < weight.mean() < 1


@pytest.mark.parametrize("weighting", ["fraction", "pixel"])
@pytest.mark.parametrize(("threshold", "weight"), [(None, 1.0), (0.0, 1.0), (1.0, 0.0)])
def test_thresholds_at_the_ends(toy, weighting, threshold, weight):
    method, data = toy.method("dacs", weighting=weighting, threshold=threshold).train(), toy.batches()
    target = method.label_target(data["target"])
    assert (target.weight == weight).all()
    assert target.weight.shape == (2, 16, 16)
    assert method.step(data, 0)["pseudo_weight"] == weight


def test_pixels_of_weight_zero_teach_nothing(toy):
    method, data = toy.method("dacs", threshold=1.0, mix="none").train(), toy.batches()
    other = toy.method("dacs", threshold=1.0, mix="none").train()
    method.step(data, 0)
    other.step({**data, "target": {"image": torch.rand(2, 3, 16, 16)}}, 0)
    assert equal(parameters(method.network), parameters(other.network))


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (PLAIN, False),
        ({**PLAIN, "jitter_probability": 1.0}, True),
        ({**PLAIN, "blur_probability": 1.0}, True),
        ({**PLAIN, "jitter_probability": 1.0, "jitter_strength": 0.0}, False),
    ],
)
def test_options_of_the_strong_augmentation(toy, options, changed):
    method, images = toy.method("dacs", **options), torch.rand(4, 3, 32, 32)
    got = method.strongly_augmented(images, "mixed", 0)
    assert torch.equal(got, images) is not changed
    assert torch.equal(method.strongly_augmented(images, "mixed", 0), got)
    if changed:
        assert not torch.equal(method.strongly_augmented(images, "mixed", 1), got)
        alone = method.strongly_augmented(images[:1].expand(2, -1, -1, -1), "mixed", 0)
        assert torch.equal(alone[0], got[0])  # what a sample draws is its own
        assert not torch.equal(alone[0], alone[1])


def test_the_teacher_sees_the_images_as_they_are(toy):
    method, data, seen = toy.method("dacs", jitter_probability=1.0).train(), toy.batches(), []
    method.teacher.register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
    method.step(data, 0)
    assert len(seen) == 1
    assert torch.equal(seen[0], data["target"]["image"])


def test_either_network_predicts(toy):
    images = toy.batches()["target"]["image"]
    for who in ("student", "teacher"):
        method = toy.method("dacs", predict_with=who).eval()
        with torch.no_grad():
            method.teacher.network.decoder.main.bias.add_(1)
        network = method.network if who == "student" else method.teacher.network
        got = method(images)
        assert got.shape == (2, 3, 16, 16)
        assert torch.equal(got, resize(network(images), (16, 16), True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mix": "classmix"}, "mix is 'classmix'; choose class, cut, cow or none"),
        ({"weighting": "batch"}, "weighting is 'batch'; choose fraction or pixel"),
        ({"predict_with": "both"}, "predict_with is 'both'; choose student or teacher"),
        ({"alpha": 1.0}, r"alpha of a teacher is 1.0; the share of the old teacher must lie in \[0, 1\)"),
        ({"alpha": -0.1}, "alpha of a teacher is -0.1"),
        ({"threshold": 96.8}, "threshold is 96.8; a confidence lies between 0 and 1, None counts every pixel"),
        ({"threshold": -0.5}, "threshold is -0.5"),
        ({"jitter_strength": 0.7}, "jitter_strength is 0.7"),
        ({"jitter_probability": 2.0}, "jitter_probability is 2.0"),
        ({"blur_probability": -1.0}, "blur_probability is -1.0"),
    ],
)
def test_options_that_make_no_sense(toy, options, words):
    with pytest.raises(ConfigError, match=words):
        toy.method("dacs", **options)


def test_errors_in_a_step_say_how_to_mend_them(toy):
    for other in (toy.batches(1), toy.batches(2, 16, 12)):  # one target image must not be mixed with all the sources
        data = {**toy.batches(), "target": other["target"]}
        with pytest.raises(ConfigError, match="cannot be mixed; give both streams one batch size and one crop"):
            toy.method("dacs").step(data, 0)
    with pytest.raises(ConfigError, match="neither may be negative"):
        toy.method("dacs", ignore_top=-1).step(toy.batches(), 0)


@pytest.mark.parametrize("name", ["mic", "mic-hrda"])
def test_dropout_and_a_teacher_for_masks_go_on_after_a_reload(toy, name):
    """As the conformance suite asks of each recipe's method, none of which has these two."""

    def steps(method, numbers):
        for i in numbers:
            torch.manual_seed(i)  # dropout
            logs = method.step(toy.batches(seed=i), i)
        return logs

    unbroken = toy.method(name, toy.network_of(name, norm=True), mask_alpha=0.5).train()
    steps(unbroken, range(2))
    state = copy.deepcopy([unbroken.state_dict(), unbroken.optimizer.state_dict()])
    want = steps(unbroken, range(2, 4))
    other = toy.network_of(name, norm=True)
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(2)
    resumed = toy.method(name, other, mask_alpha=0.5).train()
    resumed.load_state_dict(state[0])
    resumed.optimizer.load_state_dict(state[1])
    assert equal(steps(resumed, range(2, 4)), want)
    assert equal(resumed.state_dict(), unbroken.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_a_step_in_bfloat16(toy, name):
    """Without threshold: near it, rounding decides for many of the pixels of this network."""
    low, full = (toy.method(name, threshold=None).train() for _ in range(2))
    data, low.runtime = toy.batches(), Bfloat16()
    seen = toy.watched(low)
    logs, want = low.step(data, 0), full.step(data, 0)
    for key, value in logs.items():
        assert value.dtype == torch.float32, key
        # 8 bits of mantissa; a label that flips between two classes of nearly one probability costs nearly the same
        torch.testing.assert_close(value, want[key], rtol=0.03, atol=0.01, msg=lambda m, key=key: f"{key}: {m}")
    assert all(batch.weight is None or batch.weight.dtype == torch.float32 for batch in seen.values())
    assert all(p.isfinite().all() and p.dtype == torch.float32 for p in low.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_a_step_in_channels_last(toy, name):
    method, plain, data = toy.method(name).train(), toy.method(name).train(), toy.batches()
    method.to(memory_format=torch.channels_last)
    nhwc = {d: {**b, "image": b["image"].contiguous(memory_format=torch.channels_last)} for d, b in data.items()}
    close(method.step(nhwc, 0), plain.step(data, 0), rtol=1e-4, atol=1e-5)
    close(method.state_dict(), plain.state_dict(), rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=10)
@given(st.integers(4, 30), st.integers(4, 30), st.integers(1, 3), st.sampled_from(["class", "cut", "cow"]))
def test_images_of_any_size(toy, height, width, samples, mix):
    method, data = toy.method("dacs", mix=mix).train(), toy.batches(samples, height, width)
    logs = method.step(data, 0)
    assert all(torch.isfinite(value) for value in logs.values())
    assert method.predict(data["source"]["image"]).shape == (samples, 3, height, width)


def blocks(toy, domain, i, size=4):
    samples = [toy.Blocks(domain)[(i * size + k) % 16] for k in range(size)]
    image = torch.stack([s["image"] for s in samples]).float() / 255
    return {"image": image, "label": torch.stack([s["label"] for s in samples]).long()}


@pytest.mark.parametrize("name", NAMES)
def test_learning_on_two_domains(toy, name):
    """The loss falls, and the teacher's labels of the target get better, though no target label is shown."""
    method = toy.method(name, lr=0.3, **({} if name == "dacs" else {"lambda_fd": 1e-3}))
    target = blocks(toy, "target", 0, 16)

    def right():
        return float((pseudo_labels(method.teacher(target["image"])).label == target["label"]).float().mean())

    method.train()
    before, losses = right(), []
    for i in range(60):
        logs = method.step(
            {"source": blocks(toy, "source", i), "target": {"image": blocks(toy, "target", i)["image"]}}, i
        )
        losses.append(float(sum(v for k, v in logs.items() if k.startswith("loss_source"))))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert right() > before + 0.15
