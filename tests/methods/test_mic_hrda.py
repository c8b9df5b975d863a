"""Masked image consistency and two scales: what each adds to the step of its host."""

from __future__ import annotations

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.methods import METHODS, LocalRuntime, Method
from udalib.methods.daformer import DAFormer
from udalib.methods.hrda import HRDA
from udalib.methods.mic import MIC, MICHRDA, MaskedConsistency
from udalib.methods.shared.labelled import Labelled, pixel_weight
from udalib.models import CAFFE
from udalib.ops import cross_entropy, mask_images, pseudo_labels, resize

MASKED = ("mic", "mic-hrda")
PLAIN = {"jitter_probability": 0.0, "blur_probability": 0.0}


def gradients(method):
    return {name: p.grad.clone() for name, p in method.network.named_parameters() if p.grad is not None}


def parameters(module):
    return [p.detach().clone() for p in module.parameters()]


def masked_batch(toy, method, data=None, iteration=0):
    """The batch of the masked pass of one step, and the step's logs."""
    seen = toy.watched(method)
    logs = method.train().step(toy.batches() if data is None else data, iteration)
    return seen["masked"], logs


def holes(method, images, masked):
    """Pixels that show the mean colour where the image shows something else, (B, H, W)."""
    return ((masked == method.network.mean_color) & (images != masked)).all(1)


def test_composition():
    assert [METHODS.get(name) for name in MASKED] == [MIC, MICHRDA]
    assert MIC.__mro__[1:3] == (MaskedConsistency, DAFormer)
    assert MICHRDA.__mro__[1:4] == (MaskedConsistency, HRDA, DAFormer)
    assert issubclass(MaskedConsistency, Method)


@pytest.mark.parametrize("name", MASKED)
def test_the_masked_pass_learns_the_teachers_word_on_the_whole_image(toy, name):
    method, data = toy.method(name, mask_augment=False), toy.batches()
    pseudo = pseudo_labels(method.train().teacher(data["target"]["image"]))
    batch, logs = masked_batch(toy, method, data)
    fraction = (pseudo.confidence >= method.threshold).float().mean()
    assert torch.equal(batch.label, pseudo.label)
    assert torch.equal(batch.weight, fraction.expand(2, 16, 16))
    image = data["target"]["image"]
    hole = holes(method, image, batch.image)
    assert 0 < hole.float().mean() < 1
    assert torch.equal(batch.image, mask_images(image, ~hole[:, None], method.network.mean_color))
    cells = hole.unfold(1, 4, 4).unfold(2, 4, 4).flatten(3)
    assert (cells.all(3) | ~cells.any(3)).all()  # whole blocks of mask_block pixels
    assert torch.equal(logs["pseudo_weight"], fraction)
    assert {"loss_masked", "loss_masked_fused"} & set(logs)
    torch.testing.assert_close(logs["loss"], sum(v for k, v in logs.items() if k.startswith("loss_")))


def test_holes_become_zeros_for_the_encoder_whatever_its_statistics(toy):
    for stats in (toy.network(1).stats, CAFFE):
        base = toy.network(1)
        net = type(base)(base.encoder, base.decoder, stats, align_corners=True)
        method = toy.method("mic", net, mask_ratio=1.0)
        batch, _ = masked_batch(toy, method)
        torch.testing.assert_close(net.normalise(batch.image), torch.zeros(2, 3, 16, 16), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("ratio", "share"), [(0.0, 0.0), (0.7, 0.7), (1.0, 1.0)])
def test_ratio_and_block(toy, ratio, share):
    method, images = toy.method("mic", mask_ratio=ratio, mask_augment=False, mask_block=2), torch.rand(8, 3, 64, 64)
    masked = method.masked(images, 0)
    assert holes(method, images, masked).float().mean() == pytest.approx(share, abs=0.02)  # 8,192 cells
    assert torch.equal(method.masked(images, 0), masked)
    if ratio == 0.7:
        assert not torch.equal(method.masked(images, 1), masked)
        first = holes(method, images, masked)
        assert not torch.equal(first[0], first[1])  # each image its own holes


@pytest.mark.parametrize("augment", [True, False])
def test_augmentation_comes_before_the_holes(toy, augment):
    options = {"mask_augment": augment, "jitter_probability": 1.0, "blur_probability": 1.0}
    method, images = toy.method("mic", **options), torch.rand(3, 3, 32, 32)
    masked = method.masked(images, 0)
    hole = (masked == method.network.mean_color).all(1)
    assert 0 < hole.float().mean() < 1
    unchanged = (masked == images).all(1)[~hole].float().mean()
    assert unchanged < 0.1 if augment else unchanged == 1


@pytest.mark.parametrize("name", MASKED)
def test_lambda_scales_the_gradient_of_the_masked_pass(toy, name):
    """Networks without dropout and BatchNorm: gradients of the passes add up."""
    found, losses = [], []
    for weight in (0.0, 1.0, 2.0):
        method = toy.method(name, lambda_mask=weight)
        _, logs = masked_batch(toy, method)
        found.append(gradients(method))
        losses.append(sum(v for k, v in logs.items() if k.startswith("loss_masked")))
    assert losses[0] == 0
    torch.testing.assert_close(losses[2], 2 * losses[1])
    for key, none in found[0].items():
        torch.testing.assert_close(found[2][key] - none, 2 * (found[1][key] - none), rtol=1e-3, atol=1e-5)
    assert any((found[1][key] - none).abs().max() > 1e-3 for key, none in found[0].items())
    host = toy.method("daformer" if name == "mic" else "hrda").train()
    host.step(toy.batches(), 0)
    for key, value in gradients(host).items():
        torch.testing.assert_close(found[0][key], value)


def test_source_images_are_masked_with_their_labels(toy):
    data = toy.batches()
    batch, _ = masked_batch(toy, toy.method("mic", mask_domains="source", lambda_mask=0.5, mask_augment=False), data)
    assert torch.equal(batch.label, data["source"]["label"])
    assert (batch.weight == 0.5).all()
    seen = ~holes(toy.method("mic"), data["source"]["image"], batch.image)
    assert torch.equal(batch.image.movedim(1, 3)[seen], data["source"]["image"].movedim(1, 3)[seen])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_half_of_each_domain(toy, size):
    method, data = toy.method("mic", mask_domains="both", mask_ratio=0.0, mask_augment=False), toy.batches(size)
    target = method.train().label_target(data["target"])
    batch, _ = masked_batch(toy, method, data)
    half = (size + 1) // 2
    for got, parts in (
        (batch.image, (data["source"]["image"], target.image)),
        (batch.label, (data["source"]["label"], target.label)),
        (batch.weight, (torch.ones(size, 16, 16), target.weight)),
    ):
        assert torch.equal(got, torch.cat([part[:half] for part in parts]))


def test_the_hosts_teacher_serves_unless_an_option_needs_another(toy):
    assert toy.method("mic").mask_teacher is None
    method = toy.method("mic", mask_alpha=0.3)
    assert method.mask_teacher.alpha == 0.3
    assert toy.method("mic", mask_confidence=False, alpha=0.6).mask_teacher.alpha == 0.6
    assert {"mask_teacher.network.decoder.main.weight"} <= method.state_dict().keys()


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_a_mask_teacher_follows_at_its_own_pace(toy, alpha):
    method = toy.method("mic", mask_alpha=alpha, alpha=0.9).train()
    first = parameters(method.network)
    method.step(toy.batches(), 0)
    second = parameters(method.network)
    assert all(torch.equal(p, q) for p, q in zip(method.mask_teacher.parameters(), first, strict=True))
    seen, data = toy.watched(method), toy.batches()
    method.step(data, 1000)
    want = [alpha * p + (1 - alpha) * q for p, q in zip(first, second, strict=True)]
    for got, value in zip(method.mask_teacher.parameters(), want, strict=True):
        torch.testing.assert_close(got, value)
    own = pseudo_labels(method.mask_teacher(data["target"]["image"]))
    assert torch.equal(seen["masked"].label, own.label)
    fraction = (own.confidence >= method.threshold).float().mean()
    assert torch.equal(seen["masked"].weight, fraction.expand(2, 16, 16))


def test_the_mask_teacher_is_asked_and_not_the_host(toy):
    method, data = toy.method("mic", mask_alpha=0.5).train(), toy.batches()
    with torch.no_grad():
        for bias, teacher in ((100.0, method.teacher), (-100.0, method.mask_teacher)):
            teacher.network.decoder.main.bias[0] = bias
    method.runtime = Later()
    seen = toy.watched(method)
    method.step(data, 5)
    outside = ~method.mixing_mask(data["source"]["label"], 5)
    assert (seen["mixed"].label[outside] == 0).all()
    assert (seen["masked"].label != 0).all()


class Later(LocalRuntime):
    """A later micro-batch, in which no teacher moves."""

    is_first = False


def test_without_confidence_every_pixel_weighs_one_but_for_what_is_cropped(toy):
    method, data = toy.method("mic", mask_confidence=False, ignore_top=2, lambda_mask=3.0), toy.batches()
    data["target"]["valid"] = torch.ones(2, 16, 16, dtype=torch.uint8)
    data["target"]["valid"][:, :, 0] = 0
    want = torch.full((2, 16, 16), 3.0)
    want[:, :2], want[:, :, 0] = 0, 0
    batch, logs = masked_batch(toy, method, data)
    assert torch.equal(batch.weight, want)
    assert logs["pseudo_weight"] < 0.9  # the host's weight is as before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mask_domains": "all"}, "mask_domains is 'all'; choose target, source or both"),
        ({"mask_ratio": 1.1}, "mask_ratio is 1.1; the share of holes must lie between 0 and 1"),
        ({"mask_ratio": -0.1}, "mask_ratio is -0.1"),
        ({"mask_alpha": 1.5}, "alpha of a teacher is 1.5"),
        ({"alpha": 2.0}, "alpha of a teacher is 2.0"),
        ({"mix": "blend"}, "mix is 'blend'"),
    ],
)
@pytest.mark.parametrize("name", MASKED)
def test_options_that_make_no_sense(toy, name, options, words):
    with pytest.raises(ConfigError, match=words):
        toy.method(name, **options)


def test_a_block_larger_than_the_image_is_refused(toy):
    with pytest.raises(ConfigError, match="mask block 64 does not fit an image of 16 x 16; choose a smaller one"):
        toy.method("mic", mask_block=64).step(toy.batches(), 0)


@pytest.mark.parametrize("name", ["hrda", "mic-hrda"])
def test_two_scales_need_a_network_of_two(toy, name):
    with pytest.raises(ConfigError, match=r"needs a network of two resolutions, got .*; set network.multi_resolution"):
        toy.method(name, toy.network(1))


def boxes_of(method):
    """The detail boxes of the student's passes, in order."""
    found, forward = [], method.network.forward_scales

    def watching(images, box):
        found.append(box)
        return forward(images, box)

    method.network.forward_scales = watching
    return found


def test_every_pass_draws_its_own_box(toy):
    method = toy.method("mic-hrda").train()
    method.network.divisible = 1
    boxes = boxes_of(method)
    for i in range(10):
        method.step(toy.batches(2, 32, 32), i)
    passes = [tuple(boxes[i::3]) for i in range(3)]
    assert len(boxes) == 30
    assert len(set(boxes)) > 15
    assert len(set(passes)) == 3
    assert all(box.size == (8, 8) for box in boxes)


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_losses_of_fusion_and_detail(toy, weight):
    method, data = toy.method("hrda", detail_weight=weight, lr=0.0).train(), toy.batches()
    boxes, seen = boxes_of(method), toy.watched(method)
    logs = method.step(data, 0)
    for (name, batch), box in zip(seen.items(), list(boxes), strict=True):
        run = method.network.forward_scales(batch.image, box)
        fused = cross_entropy(resize(run.fused, (16, 16)), batch.label, batch.weight, reduction="all_mean")
        label, pixel = box.cut(batch.label), box.cut(pixel_weight(batch))
        detail = cross_entropy(resize(run.detail, (8, 8)), label, pixel, reduction="all_mean")
        torch.testing.assert_close(logs[f"loss_{name}_fused"], (1 - weight) * fused.detach())
        torch.testing.assert_close(logs[f"loss_{name}_detail"], weight * detail.detach())


def test_the_feature_distance_is_that_of_the_context(toy):
    method, data = toy.method("hrda", lambda_fd=1.0, fd_everywhere=True).train(), toy.batches()
    with torch.no_grad():
        method.network.encoder.first.bias.add_(0.1)
    net, images = method.network, data["source"]["image"]
    own = net.features(net.context(images))[-1]
    reference = method.reference(net.context(net.normalise(images)))
    assert own.shape[-2:] == (2, 2)
    want = (own - reference).norm(dim=1).mean().detach()
    torch.testing.assert_close(method.step(data, 0)["loss_fd"], want, rtol=1e-4, atol=1e-6)


def test_at_the_start_the_distance_is_zero_and_pulls_nowhere(toy):
    """Student and reference see the same numbers: the gradient of a rounding error would have length 1."""
    logs, found = {}, {}
    for weight in (0.0, 1.0):
        method = toy.method("hrda", lambda_fd=weight, fd_everywhere=True).train()
        logs[weight], _ = method.step(toy.batches(), 0), found.update({weight: gradients(method)})
    assert logs[1.0]["loss_fd"] == 0
    for key, value in found[0.0].items():
        torch.testing.assert_close(found[1.0][key], value)


def test_things_at_the_scale_of_the_context(toy):
    """Blocks of 8 x 8 pixels of the full label for each position of a feature of stride 4 at half the scale."""
    method, label = toy.method("hrda", lambda_fd=1.0, fd_classes=(1,)), torch.zeros(1, 16, 16, dtype=torch.int64)
    label[:, 8:, 8:] = 1
    with torch.no_grad():
        method.network.encoder.first.bias.add_(0.1)
    image = torch.rand(1, 3, 16, 16)
    run = method.segment(Labelled(image, label), "source", 0)
    reference = method.reference(method.seen(method.network.normalise(image)))
    want = (run.features[-1] - reference)[0, :, 1, 1].norm()
    torch.testing.assert_close(method.source_terms(Labelled(image, label), run)["fd"], want)


def test_pseudo_labels_come_from_windows_all_over_the_image(toy):
    method, images = toy.method("hrda").train(), torch.rand(2, 3, 16, 24)
    want = resize(method.network.predict_scales(images).fused, (16, 24)).detach()
    torch.testing.assert_close(method.teacher(images), want)
    torch.testing.assert_close(method.predict(images).detach(), want)


def test_defaults_are_those_of_the_paper(toy):
    net = toy.two_scales()
    method = toy.create_method("mic-hrda", net, torch.optim.SGD(net.parameters(), 0.1), 3)
    assert (method.mask_ratio, method.lambda_mask, method.mask_domains, method.mask_augment) == (0.7, 1, "target", True)
    assert (method.detail_weight, method.teacher.alpha, method.mask_threshold) == (0.1, 0.999, 0.968)
