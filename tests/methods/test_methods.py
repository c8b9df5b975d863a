"""The method base, supervised training and AdaBN."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.methods import (
    METHODS,
    AdaBN,
    LocalRuntime,
    Method,
    Runtime,
    Supervised,
    count_parameters,
    create_method,
    list_methods,
)


def network(classes=3, stride=2):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=stride, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(6, classes, 1),
    )


def batch(seed=0, size=4, side=8):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 3, (size, side, side), generator=generator)
    label[:, :2] = 255
    return {"image": torch.rand(size, 3, side, side, generator=generator), "label": label}


def sgd(net, lr=0.1):
    return torch.optim.SGD(net.parameters(), lr)


class TwoHeads(nn.Module):
    """Main and auxiliary head, as DeepLab-v2 with two levels."""

    align_corners = True

    def __init__(self):
        super().__init__()
        self.body, self.main, self.auxiliary = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 3, 1), nn.Conv2d(4, 3, 1)

    def features(self, images):
        return [self.body(images)]

    def decode_all(self, features):
        return self.main(features[0]), self.auxiliary(features[0])

    def forward(self, images):
        return self.main(self.body(images))


@pytest.mark.parametrize("name", list_methods())
def test_every_method_declares_what_it_is(name):
    method = METHODS.get(name)
    assert issubclass(method, Method)
    assert method.__doc__
    assert method.title


def test_unknown_method_lists_near_names():
    assert isinstance(create_method("supervised", network(), sgd(network())), Supervised)
    with pytest.raises(UnknownNameError, match="Did you mean: supervised"):
        create_method("supervisd")


def test_the_base_says_what_is_missing():
    for call in (lambda m: m.optimizers(), lambda m: m.step({}, 0), lambda m: m.predict(torch.zeros(1))):
        with pytest.raises(NotImplementedError, match="Method must define"):
            call(Method())


def test_a_local_runtime_runs_a_step_by_hand():
    assert isinstance(LocalRuntime(), Runtime)
    net = network()
    method = Supervised(net, sgd(net))
    before = [p.clone() for p in net.parameters()]
    logs = method.step({"source": batch()}, 0)
    assert logs["loss"].requires_grad is False
    assert all(not torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
    assert count_parameters(method) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("loss", ["mean", "official"])
def test_supervised_loss_is_cross_entropy_at_the_size_of_the_label(loss):
    net = network().eval()
    method, data = Supervised(net, sgd(net), loss=loss), batch()
    logits = F.interpolate(net(data["image"]), size=(8, 8), mode="bilinear", align_corners=False)
    want = F.cross_entropy(logits, data["label"], ignore_index=255)
    if loss == "official":
        want = want * (data["label"] != 255).float().mean()  # all pixels in the divisor
    torch.testing.assert_close(method.step({"source": data}, 0)["loss"], want.detach())


def test_supervised_updates_as_plain_torch_does():
    net, reference = network().eval(), network().eval()
    optimizer = sgd(reference)
    method, data = Supervised(net, sgd(net), stream="target"), batch()
    assert method.streams == ("target",)
    for _ in range(3):
        method.step({"target": data}, 0)
        optimizer.zero_grad()
        logits = F.interpolate(reference(data["image"]), size=(8, 8), mode="bilinear", align_corners=False)
        F.cross_entropy(logits, data["label"], ignore_index=255).backward()
        optimizer.step()
    assert all(torch.allclose(p, q) for p, q in zip(net.parameters(), reference.parameters(), strict=True))


def test_supervised_auxiliary_head_and_corner_convention():
    torch.manual_seed(0)
    net, data = TwoHeads(), batch()
    method = Supervised(net, sgd(net, 1e-9), auxiliary_weight=0.1)
    logs = method.step({"source": data}, 0)
    heads = [
        F.interpolate(x, size=(8, 8), mode="bilinear", align_corners=True)
        for x in net.decode_all(net.features(data["image"]))
    ]
    for name, logits in zip(("loss", "loss_auxiliary"), heads, strict=True):
        torch.testing.assert_close(logs[name], F.cross_entropy(logits, data["label"], ignore_index=255).detach())
    assert net.auxiliary.weight.grad is not None
    torch.testing.assert_close(method.predict(data["image"]), heads[0])
    assert "loss_auxiliary" not in Supervised(net, sgd(net)).step({"source": data}, 0)


def test_supervised_refuses_an_unknown_loss():
    with pytest.raises(ConfigError, match="loss is 'sum'; choose mean or official"):
        Supervised(network(), sgd(network()), loss="sum")  # type: ignore[arg-type]


def test_adabn_pools_batches_to_the_statistics_of_all_pixels():
    net = network()
    method, images = AdaBN(net), torch.cat([batch(i)["image"] for i in range(5)])
    weights = [p.clone() for p in net.parameters()]
    for chunk in images.split(4):
        method.step({"target": {"image": chunk}}, 0)
    inputs = net[0](images).detach()
    want_mean = inputs.mean((0, 2, 3))
    torch.testing.assert_close(net[1].running_mean, want_mean, rtol=1e-5, atol=1e-6)
    # torch's running variance is unbiased within a batch: n / (n - 1) with n = 4 * 4 * 4 pixels
    within = torch.stack([net[0](c).detach().var((0, 2, 3)) for c in images.split(4)]).mean(0)
    between = torch.stack([net[0](c).detach().mean((0, 2, 3)) for c in images.split(4)]).var(0, unbiased=False)
    torch.testing.assert_close(net[1].running_var, within + between, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(net[1].running_var, inputs.var((0, 2, 3)), rtol=0.02, atol=1e-4)
    assert int(method.batches_seen) == 5
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), weights, strict=True))
    assert all(p.grad is None for p in net.parameters())


def test_adabn_forgets_the_source_and_settles():
    net = network()
    nn.init.constant_(net[1].running_mean, 100.0)
    method = AdaBN(net)
    assert method.optimizers() == {}
    shifts = [float(method.step({"target": batch(i)}, i)["mean_shift"]) for i in range(20)]
    assert net[1].running_mean.abs().max() < 2
    assert shifts[0] > 50 * shifts[1]
    assert sum(shifts[15:]) < 0.5 * sum(shifts[1:6])


def test_adabn_leaves_modes_momentum_and_dropout_as_they_were():
    net = network().train()
    net[1].momentum = 0.3
    method = AdaBN(net)
    first = {k: v.clone() for k, v in net.state_dict().items()}
    method.step({"target": batch()}, 0)
    assert net.training
    assert net[3].training
    assert net[1].momentum == 0.3
    again = AdaBN(network())
    again.network.load_state_dict(first)
    again.step({"target": batch()}, 0)
    assert torch.equal(again.network[1].running_mean, net[1].running_mean)


def test_adabn_says_why_it_cannot_help():
    with pytest.raises(ConfigError, match="Sequential has no BatchNorm layer with running statistics"):
        AdaBN(nn.Sequential(nn.Conv2d(3, 3, 1), nn.GroupNorm(1, 3)))
