"""Options of the adversarial methods: precision, sizes, spaces, priors, what they refuse."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.methods import LocalRuntime, create_method
from udalib.methods.shared.alignment import weighted
from udalib.ops import class_ratio_loss, resize, self_information

ADVERSARIAL = ("adaptsegnet", "advent")
METHODS = (*ADVERSARIAL, "minent")
ONE_LEVEL = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}


class Bfloat16(LocalRuntime):
    """Autocast on the CPU."""

    def autocast(self):
        return torch.autocast("cpu", torch.bfloat16)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("prior", [0.0, 0.1])
def test_a_step_in_bfloat16(toy, name, prior):
    options = {} if name == "adaptsegnet" else {"lambda_prior": prior}
    low, full, data = toy.method(name, **options), toy.method(name, **options), toy.batches()
    low.runtime = Bfloat16()
    shown = []
    for discriminator in getattr(low, "discriminators", {}).values():
        discriminator.register_forward_pre_hook(lambda _m, args: shown.append(args[0].dtype))
    logs, want = low.step(data, 0), full.step(data, 0)
    assert all(dtype == torch.float32 for dtype in shown)
    for key, value in logs.items():
        assert value.dtype == torch.float32, key
        torch.testing.assert_close(value, want[key], rtol=0.03, atol=0.01, msg=key)  # 8 bits of mantissa
    assert all(p.isfinite().all() and p.dtype == torch.float32 for p in low.parameters())


@settings(deadline=None, max_examples=15)
@given(st.integers(4, 40), st.integers(4, 40), st.integers(4, 40), st.sampled_from(METHODS))
def test_images_of_any_size_and_of_another_size_in_each_domain(toy, height, width, other, name):
    method, data = toy.method(name), toy.batches(1, height, width)
    data["target"] = toy.batches(2, other, width)["target"]
    logs = method.step(data, 0)
    assert all(torch.isfinite(value) for value in logs.values())
    assert method.predict(data["source"]["image"]).shape == (1, 3, height, width)


@pytest.mark.parametrize("space", ["output", "feature"])
@pytest.mark.parametrize("gan", ["vanilla", "ls"])
def test_verdicts_are_probabilities_of_the_target(toy, gan, space):
    options = {} if space == "output" else {"lambda_adv_aux": 0.0, "lambda_seg": 0.0}
    method, images = toy.method("adaptsegnet", gan=gan, space=space, **options), toy.batches()["target"]["image"]
    with torch.no_grad():
        for scale in (-100.0, 0.0, 100.0):
            method.discriminators["main"].classifier.bias.fill_(scale)
            verdict = method.verdict(images)
            assert verdict.shape == (2, 1, 4, 4)
            assert verdict.min() >= 0
            assert verdict.max() <= 1
            assert scale == 0 or verdict.round().eq(scale > 0).all()
    assert not verdict.requires_grad


@pytest.mark.parametrize("name", ADVERSARIAL)
@pytest.mark.parametrize("gan", ["vanilla", "ls"])
def test_a_discriminator_alone_learns_to_tell_the_domains_apart(toy, name, gan):
    method, data = toy.method(name, lr=0.0, gan=gan, **ONE_LEVEL), toy.batches()
    with torch.no_grad():
        method.network.decoder.main.weight *= 20  # confident, so that predictions differ with the domain
    first = method.step(data, 0)
    for i in range(100):
        last = method.step(data, i)
    both = [logs["loss_d_main_source"] + logs["loss_d_main_target"] for logs in (first, last)]
    assert both[1] < 0.8 * both[0]
    assert method.verdict(data["target"]["image"]).mean() > method.verdict(data["source"]["image"]).mean() + 0.2
    assert last["loss_adv_main"] > first["loss_adv_main"]


def test_the_feature_space_shows_the_last_feature(toy):
    method = toy.method("adaptsegnet", space="feature", lambda_adv_aux=0.0, lambda_adv=0.5)
    shown = []
    method.discriminators["main"].register_forward_pre_hook(lambda _m, args: shown.append(args[0]))
    data = toy.batches()
    want = [resize(method.network.features(data[d]["image"])[-1], (16, 16), True) for d in ("target", "source")]
    logs = method.step(data, 0)
    assert "loss_seg_aux" in logs  # lambda_seg keeps the auxiliary head on the source
    assert set(method.discriminators) == {"main"}
    for got, expected in zip(shown, want, strict=False):
        torch.testing.assert_close(got, expected)
    assert method.network.decoder.main.weight.grad is not None


def test_evidence_is_what_the_two_methods_differ_in(toy):
    logits = torch.randn(1, 3, 4, 4)
    adaptsegnet, advent = (toy.method(name) for name in ADVERSARIAL)
    torch.testing.assert_close(adaptsegnet.evidence(logits), logits.softmax(1))
    torch.testing.assert_close(advent.evidence(logits), self_information(logits.softmax(1)))
    low = logits.bfloat16()
    for method in (adaptsegnet, advent):  # the soft-max too is taken in float32
        assert torch.equal(method.evidence(low), method.evidence(low.float()))
    assert next(iter(adaptsegnet.discriminators["main"].state_dict())) == "conv1.weight"
    assert next(iter(advent.discriminators["main"].state_dict())) == "0.weight"


@pytest.mark.parametrize("name", ["advent", "minent"])
def test_the_class_ratio_prior_counts_source_labels_and_pulls_on_the_target(toy, name):
    method, data = toy.method(name, lambda_prior=2.0, prior_mu=0.8), toy.batches()
    network = copy.deepcopy(method.network)
    logs = method.step(data, 0)
    label = data["source"]["label"]
    counts = torch.stack([(label == c).sum() for c in range(3)]).float()
    torch.testing.assert_close(method.prior.counts, counts)
    logits = resize(network(data["target"]["image"]), (16, 16), True)
    want = class_ratio_loss(logits.softmax(1), counts / counts.sum(), 0.8)
    torch.testing.assert_close(logs["loss_class_ratio"], want.detach())
    without = toy.method(name).step(data, 0)
    assert "loss_class_ratio" not in without
    torch.testing.assert_close(logs["loss"] - without["loss"], 2 * want.detach(), rtol=1e-4, atol=1e-5)
    method.step(data, 1)
    torch.testing.assert_close(method.prior.counts, 2 * counts)
    assert toy.method(name).prior.counts.sum() == 0


def test_entropy_range_reaches_the_loss(toy):
    methods = [toy.method("minent", entropy_range=r) for r in ((0.0, 1.0), (0.9, 1.0))]
    for method in methods:
        with torch.no_grad():
            method.network.decoder.main.weight *= 10
    every, some = (method.step(toy.batches(), 0)["loss_ent_main"] for method in methods)
    assert every < 0.9
    assert some >= 0.9


def test_weighted_keeps_zero_weights_in_the_graph():
    x = torch.ones((), requires_grad=True)
    weighted({"main": 2 * x, "aux": x}, {"main": 0.5, "aux": 0.0}).backward()
    assert x.grad == 1.0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda toy: toy.method("adaptsegnet", toy.network(1)), "network has one output; set network.auxiliary"),
        (lambda toy: toy.method("advent", toy.network(1), lambda_seg=0.0), r"\(lambda_seg and those that end in _aux"),
        (lambda toy: toy.method("minent", toy.network(1)), "a weight of the auxiliary level is positive"),
        (lambda toy: toy.method("adaptsegnet", gan="wgan"), "unknown adversarial loss 'wgan'"),
        (lambda toy: toy.method("advent", gan="wgan"), "choose vanilla or ls"),
        (lambda toy: toy.method("adaptsegnet", space="input"), "space is 'input'; choose output or feature"),
        (lambda toy: toy.method("adaptsegnet", space="feature"), "feature space has one level; set it to 0"),
        (lambda toy: toy.method("adaptsegnet", discriminator_depth=0), "at least one convolution, got depth 0"),
        (lambda toy: toy.method("minent", entropy_range=(0.5, 0.2)), "0 <= low < high <= 1"),
        (lambda toy: toy.method("advent", discriminator_depth=5).step(toy.batches(), 0), "at least 32 .* 16 x 16;"),
        (lambda toy: other_classes(toy).step(toy.batches(), 0), "made for 5 channels and got a map of 3"),
    ],
)
def test_errors_say_how_to_mend_them(toy, build, words):
    with pytest.raises(ConfigError, match=words):
        build(toy)


def other_classes(toy):
    network = toy.network()
    return create_method("adaptsegnet", network, torch.optim.SGD(network.parameters(), 0.1), 5, discriminator_depth=2)
