"""The feature distance in a training step: what it sees, what it weighs, whom it teaches."""

from __future__ import annotations

import copy

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.methods.daformer import Reference
from udalib.methods.shared.labelled import Labelled, Pass
from udalib.ops import THINGS, feature_distance, thing_mask

ALONE = {"threshold": 1.0, "mix": "none", "jitter_probability": 0.0, "blur_probability": 0.0}
"""The target teaches nothing, so that all gradients come from the source images."""


def moved(toy, **options):
    """A method whose student has moved away from the reference."""
    method = toy.method("daformer", **options).train()
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0)))
    return method


def blocks(size=2, ids=(0, 1, 2, 1)):
    """Labels whose 4 x 4 blocks, one for each position of the feature, show one class."""
    return torch.tensor(ids).repeat(4, 1)[None].expand(size, 4, 4).repeat_interleave(4, 1).repeat_interleave(4, 2)


def data_of(toy, label):
    data = toy.batches()
    data["source"]["label"] = label
    return data


def features(method, images):
    return method.network.features(images)[-1]


def gradients(module):
    return {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in module.named_parameters()}


def test_the_loss_is_the_weighted_distance_at_things(toy):
    method, data = moved(toy, lambda_fd=0.5, fd_classes=(2,)), data_of(toy, blocks())
    images = data["source"]["image"]
    want = (features(method, images) - method.reference(method.network.normalise(images))).norm(dim=1)
    logs = method.step(data, 0)
    torch.testing.assert_close(logs["loss_fd"], 0.5 * want[:, :, 2].mean().detach())  # the third of four columns
    assert logs["loss_fd"] > 0.01
    torch.testing.assert_close(logs["loss"], sum(v for k, v in logs.items() if k.startswith("loss_")))


@pytest.mark.parametrize("options", [{"fd_everywhere": True}, {"fd_classes": (0, 1, 2)}, {"fd_min_ratio": 0.5}])
def test_positions_by_option(toy, options):
    method, label = moved(toy, lambda_fd=1.0, **options), blocks().clone()
    label[0, 0:2] = 255
    data = data_of(toy, label)
    images = data["source"]["image"]
    mask = None
    if "fd_everywhere" not in options:
        mask = thing_mask(label, (4, 4), method.fd_classes, method.fd_min_ratio, 3)
        assert mask.sum() == {"fd_classes": 2 * 16 - 4, "fd_min_ratio": 2 * 12}[next(iter(options))]
    reference = method.reference(method.network.normalise(images))
    want = feature_distance(features(method, images), reference, mask).detach()
    torch.testing.assert_close(method.step(data, 0)["loss_fd"], want)


def test_without_weight_there_is_neither_loss_nor_reference(toy):
    method, dacs = toy.method("daformer", lambda_fd=0.0, alpha=0.9), toy.method("dacs", alpha=0.9)
    assert method.reference is None
    logs, want = (m.train().step(toy.batches(), 0) for m in (method, dacs))
    assert logs == want
    assert method.state_dict().keys() == dacs.state_dict().keys()


def test_images_without_things_leave_the_step_as_it_is(toy):
    data = data_of(toy, blocks(ids=(0, 0, 0, 0)))
    method, dacs = moved(toy, lambda_fd=5.0), moved(toy, lambda_fd=0.0)
    logs, want = method.step(data, 0), dacs.step(data, 0)
    assert logs["loss_fd"] == 0
    assert torch.equal(logs["loss"], want["loss"])
    assert all(torch.equal(p, q) for p, q in zip(method.network.parameters(), dacs.network.parameters(), strict=True))


def test_its_gradient_reaches_the_encoder_only(toy):
    found = []
    for weight in (0.0, 1.0):
        method, data = moved(toy, lambda_fd=weight, **ALONE), data_of(toy, blocks())
        method.step(data, 0)
        found.append(gradients(method.network))
    method, data = moved(toy, lambda_fd=1.0), data_of(toy, blocks())
    images = data["source"]["image"]
    reference = method.reference(method.network.normalise(images))
    feature_distance(features(method, images), reference, thing_mask(blocks(), (4, 4), (1, 2), 0.75, 3)).backward()
    for name, want in gradients(method.network).items():
        torch.testing.assert_close(found[1][name] - found[0][name], want, rtol=1e-3, atol=1e-5)
        assert (want.abs().sum() > 0) == name.startswith("encoder.")


def test_the_reference_is_the_encoder_as_it_was_found(toy):
    net = toy.network(1, norm=True)
    with torch.no_grad():
        net.encoder.norm[0].running_mean.fill_(0.3)
    found = copy.deepcopy(net.encoder).eval()
    method, images = toy.method("daformer", net), toy.batches()["source"]["image"]
    for m in (method, method.train(), method.eval(), method.train()):  # in eval mode, also before the first .train()
        assert not any(part.training for part in m.reference.modules())
        assert torch.equal(m.reference(images), found(images)[-1])
    for i in range(2):
        method.step(toy.batches(seed=i), i)
    assert all(torch.equal(v, found.state_dict()[k]) for k, v in method.reference.encoder.state_dict().items())
    assert not torch.equal(net.encoder.first.weight, found.first.weight)


def test_a_reference_by_itself(toy):
    net, images = toy.network(1), toy.batches()["source"]["image"]
    feature = Reference(net)(net.normalise(images))
    assert feature.shape == (2, 8, 4, 4)
    assert not feature.requires_grad
    assert torch.equal(feature, net.features(images)[-1])


def test_labels_beyond_the_classes_of_the_network_are_no_things(toy):
    """``num_classes`` reaches the mask: an id the network does not know is ignored there too."""
    method = moved(toy, lambda_fd=1.0, fd_classes=(1, 13))
    source = data_of(toy, blocks(ids=(13, 13, 13, 13)))["source"]
    run = Pass({}, method.network.features(source["image"]))
    assert method.source_terms(Labelled(source["image"], source["label"]), run)["fd"] == 0


def test_published_settings_are_the_defaults(toy):
    net = toy.network(1)
    method = toy.create_method("daformer", net, torch.optim.SGD(net.parameters(), 0.1), 3)
    assert (method.teacher.alpha, method.threshold) == (0.999, 0.968)
    assert (method.lambda_fd, method.fd_min_ratio, method.fd_everywhere) == (0.005, 0.75, False)
    assert method.fd_classes == THINGS
    assert toy.create_method("dacs", net, torch.optim.SGD(net.parameters(), 0.1), 3).teacher.alpha == 0.99


def test_images_that_do_not_fit_the_stride_are_refused(toy):
    with pytest.raises(ConfigError, match=r"labels of 18 x 18 pooled by 3 give 6 x 6 .* the features have 5 x 5"):
        toy.method("daformer").step(toy.batches(2, 18, 18), 0)
    toy.method("daformer", fd_everywhere=True).step(toy.batches(2, 18, 18), 0)
