"""AdaptSegNet, AdvEnt and MinEnt: who gets which gradient, levels, losses."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from udalib.methods import LocalRuntime, create_method
from udalib.ops import gan_loss, mean_entropy, resize, self_information

ADVERSARIAL = ("adaptsegnet", "advent")
METHODS = (*ADVERSARIAL, "minent")
ONE_LEVEL = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}


def gradients(module):
    return [None if p.grad is None else p.grad.clone() for p in module.parameters()]


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return all((x is None) == (y is None) and (x is None or torch.equal(x, y)) for x, y in zip(a, b, strict=True))


class Watcher(LocalRuntime):
    """Keeps the gradients of network and discriminators after every backward."""

    def __init__(self, method):
        self.method, self.seen = method, []

    def backward(self, loss):
        super().backward(loss)
        self.seen.append((gradients(self.method.network), gradients(self.method.discriminators)))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_each_player_s_gradient_comes_from_its_own_passes(toy, name):
    """After parts 1 and 2 the discriminators have no gradient; part 3 leaves the network's as it was."""
    method = toy.method(name)
    method.runtime = watcher = Watcher(method)
    method.step(toy.batches(), 0)
    segmentation, deceiving, *discriminating = watcher.seen
    assert len(discriminating) == 4  # two levels, two domains
    assert all(g is None for g in segmentation[1] + deceiving[1])
    assert not same(segmentation[0], deceiving[0])
    assert all(same(network, deceiving[0]) for network, _ in discriminating)
    assert all(g is not None for g in discriminating[-1][1])
    assert all(p.requires_grad for p in method.discriminators.parameters())


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_one_step_is_the_sum_of_the_equations(toy, name):
    """The whole step once more in plain torch, from a copy; both optimisers included."""
    method, data = toy.method(name, lambda_adv=0.3, lambda_adv_aux=0.2, lambda_seg=0.5), toy.batches()
    twin = copy.deepcopy(method)
    logs = method.step(data, 0)
    network, discriminators = twin.network, twin.discriminators
    look = {"adaptsegnet": lambda z: z.softmax(1), "advent": lambda z: self_information(z.softmax(1))}[name]

    def up(images):
        return [resize(z, images.shape[-2:], True) for z in network.decode_all(network.features(images))]

    source, target = up(data["source"]["image"]), up(data["target"]["image"])
    label = data["source"]["label"]
    seg = [F.cross_entropy(z, label, ignore_index=255) for z in source]
    adv = [gan_loss(d(look(z)), 0) for d, z in zip(discriminators.values(), target, strict=True)]
    loss = seg[0] + 0.5 * seg[1] + 0.3 * adv[0] + 0.2 * adv[1]
    loss.backward()
    discriminators.zero_grad()
    for d, s, t in zip(discriminators.values(), source, target, strict=True):
        (gan_loss(d(look(s.detach())), 0) / 2 + gan_loss(d(look(t.detach())), 1) / 2).backward()
    for optimizer in twin.optimizers().values():
        optimizer.step()
    for got, want in zip(method.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got, want)
    torch.testing.assert_close(logs["loss"], loss.detach())
    for i, level in enumerate(("main", "aux")):
        torch.testing.assert_close(logs[f"loss_seg_{level}"], seg[i].detach())
        torch.testing.assert_close(logs[f"loss_adv_{level}"], adv[i].detach())


def test_minent_s_step_is_the_sum_of_its_equations(toy):
    method, data = toy.method("minent", lambda_ent=0.3, lambda_ent_aux=0.2, lambda_seg=0.5), toy.batches()
    network = copy.deepcopy(method.network)
    logs = method.step(data, 0)
    heads = {}
    for domain, batch in data.items():
        images = batch["image"]
        heads[domain] = [resize(z, images.shape[-2:], True) for z in network.decode_all(network.features(images))]
    seg = [F.cross_entropy(z, data["source"]["label"], ignore_index=255) for z in heads["source"]]
    entropy = [mean_entropy(z.softmax(1)) for z in heads["target"]]
    loss = seg[0] + 0.5 * seg[1] + 0.3 * entropy[0] + 0.2 * entropy[1]
    loss.backward()
    torch.testing.assert_close(logs["loss"], loss.detach())
    torch.testing.assert_close(logs["loss_ent_aux"], entropy[1].detach())
    for got, want in zip(method.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(got.grad, want.grad)


@pytest.mark.parametrize("name", METHODS)
def test_batch_norm_sees_source_and_target_one_after_the_other(toy, name):
    method, data = toy.method(name, toy.network(norm=True, dropout=0.0)), toy.batches()
    apart, together = copy.deepcopy(method.network), copy.deepcopy(method.network)
    method.step(data, 0)
    both = [data[domain]["image"] for domain in ("source", "target")]
    for images in both:
        apart(images)
    together(torch.cat(both))
    assert torch.equal(method.network.encoder.norm[0].running_mean, apart.encoder.norm[0].running_mean)
    assert torch.equal(method.network.encoder.norm[0].running_var, apart.encoder.norm[0].running_var)
    assert method.network.encoder.norm[0].num_batches_tracked == 2
    assert not torch.allclose(together.encoder.norm[0].running_var, apart.encoder.norm[0].running_var, rtol=1e-3)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_control_sees_the_target_and_trains_its_discriminator_but_not_by_it(toy, name):
    data = toy.batches()
    control = toy.method(name, toy.network(1, norm=True, dropout=0.0), **ONE_LEVEL, lambda_adv=0.0)
    net = toy.network(1, norm=True, dropout=0.0)
    alone = create_method("supervised", net, torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-2))
    before = weights(control.discriminators)
    logs = control.step(data, 0)
    alone.step(data, 0)
    for got, want in zip(control.network.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(got, want)
    assert not torch.equal(control.network.encoder.norm[0].running_mean, net.encoder.norm[0].running_mean)
    assert all(not torch.equal(v, before[k]) for k, v in control.discriminators.state_dict().items())
    assert logs["loss"] == logs["loss_seg_main"]
    assert "loss_adv_main" in logs


def test_levels_without_weight_are_left_out_unless_official(toy):
    data = toy.batches()
    for name in ADVERSARIAL:
        default, official = (toy.method(name, **ONE_LEVEL, official=o) for o in (False, True))
        assert set(default.discriminators) == {"main"}
        assert set(default.optimizers()) == {"main", "discriminator_main"}
        assert set(official.optimizers()) == {"main", "discriminator_main", "discriminator_aux"}
        assert "loss_seg_aux" not in default.step(data, 0)
        assert "loss_d_aux_source" in official.step(data, 0)
    without = toy.method("minent", lambda_seg=0.0, lambda_ent_aux=0.0)
    assert "loss_ent_aux" not in without.step(data, 0)
    assert "loss_ent_aux" in toy.method("minent", lambda_seg=0.0, lambda_ent_aux=0.0, official=True).step(data, 0)


def test_an_auxiliary_loss_on_the_source_alone_needs_no_discriminator(toy):
    method = toy.method("adaptsegnet", lambda_adv_aux=0.0)
    logs = method.step(toy.batches(), 0)
    assert set(method.discriminators) == {"main"}
    assert "loss_seg_aux" in logs
    assert "loss_adv_aux" not in logs


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_weight_0_officially_changes_no_number_of_the_main_level(toy, name):
    """One level is the multi-level step with zero weights; the auxiliary head only decays, its discriminator trains."""
    single, official = (toy.method(name, **ONE_LEVEL, official=o) for o in (False, True))
    official.discriminators["main"].load_state_dict(single.discriminators["main"].state_dict())
    aux, judge = official.network.decoder.aux.weight.detach().clone(), weights(official.discriminators["aux"])
    for i in range(3):
        one, all_levels = (m.step(toy.batches(seed=i), i) for m in (single, official))
        assert all(torch.equal(value, all_levels[key]) for key, value in one.items())
    for key, value in single.network.state_dict().items():
        assert key.startswith("decoder.aux") or torch.equal(value, official.network.state_dict()[key]), key
    shrunk = official.network.decoder.aux.weight.detach() / aux
    torch.testing.assert_close(shrunk, torch.full_like(shrunk, float(shrunk.flatten()[0])))
    assert 0.9 < float(shrunk.flatten()[0]) < 1.0
    assert torch.equal(single.network.decoder.aux.weight, aux)  # outside: no gradient, no decay
    assert any(not torch.equal(v, judge[k]) for k, v in official.discriminators["aux"].state_dict().items())


@pytest.mark.parametrize("name", METHODS)
def test_official_on_a_network_with_one_output(toy, name):
    """ADVENT's setting for SYNTHIA: no auxiliary head to run, so none is asked for."""
    options = {"lambda_seg": 0.0, "lambda_ent_aux" if name == "minent" else "lambda_adv_aux": 0.0}
    logs = toy.method(name, toy.network(1), **options, official=True).step(toy.batches(), 0)
    assert not any("aux" in key for key in logs)


@pytest.mark.parametrize("name", METHODS)
def test_a_batch_without_labels_trains_the_rest_of_the_step(toy, name):
    method, data = toy.method(name, lr=1e-2), toy.batches()
    before = weights(method)
    assert method.step(data, 0)["unlabelled_batches"] == 0
    method.load_state_dict(before)
    data["source"]["label"] = torch.where(data["source"]["label"] > 0, 255, -1)
    logs = method.step(data, 0)
    assert logs["unlabelled_batches"] == 1
    assert logs["loss_seg_main"] == logs["loss_seg_aux"] == 0
    assert logs["loss"] > 0
    assert all(g.abs().sum() > 0 for g in gradients(method))
    assert all(value.isfinite().all() for value in method.state_dict().values())
