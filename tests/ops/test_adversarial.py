"""The discriminator's loss by hand, and the switch that keeps gradients from it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from udalib.core.errors import ConfigError
from udalib.ops import frozen, gan_loss
from udalib.ops.adversarial import SOURCE, TARGET, check_gan

VERDICT = torch.tensor([-2.0, 0.0, 3.0]).view(1, 1, 1, 3)


def test_vanilla_by_hand():
    """-log sigmoid(z) for the target, -log(1 - sigmoid(z)) for the source; mean over positions."""
    sigmoid = [1 / (1 + math.exp(-z)) for z in (-2, 0, 3)]
    assert float(gan_loss(VERDICT, TARGET)) == pytest.approx(sum(-math.log(s) for s in sigmoid) / 3)
    assert float(gan_loss(VERDICT, SOURCE)) == pytest.approx(sum(-math.log(1 - s) for s in sigmoid) / 3)


def test_least_squares_takes_the_raw_output():
    assert float(gan_loss(VERDICT, SOURCE, "ls")) == pytest.approx((4 + 0 + 9) / 3)
    assert float(gan_loss(VERDICT, TARGET, "ls")) == pytest.approx((9 + 1 + 4) / 3)


@pytest.mark.parametrize("kind", ["vanilla", "ls"])
@pytest.mark.parametrize("domain", [SOURCE, TARGET])
def test_a_step_down_the_loss_moves_the_verdict_to_its_label(kind, domain):
    verdict = torch.full((1, 1, 2, 2), 0.4, requires_grad=True)
    gan_loss(verdict, domain, kind).backward()
    assert (verdict.grad < 0).all() == (domain == TARGET)
    assert (verdict.grad != 0).all()


@given(st.floats(-30, 30))
def test_the_two_vanilla_losses_differ_by_the_verdict(z):
    """log(1 + e^z) - log(1 + e^-z) = z."""
    verdict = torch.tensor([z], dtype=torch.float64)
    assert float(gan_loss(verdict, SOURCE) - gan_loss(verdict, TARGET)) == pytest.approx(z, abs=1e-9)


@pytest.mark.parametrize("kind", ["vanilla", "ls"])
def test_sixteen_bits_are_computed_in_float32(kind):
    verdict = torch.full((1, 1, 300, 300), 0.3, dtype=torch.bfloat16)
    loss = gan_loss(verdict, TARGET, kind)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, gan_loss(verdict.float(), TARGET, kind))


def test_unknown_kind():
    for call in (lambda: gan_loss(VERDICT, SOURCE, "wgan"), lambda: check_gan("wgan")):
        with pytest.raises(ConfigError, match="unknown adversarial loss 'wgan'; choose vanilla or ls"):
            call()


def flags(module):
    return [p.requires_grad for p in module.parameters()]


def test_frozen_lets_gradients_through_but_not_in():
    module, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    with frozen(module):
        assert flags(module) == [False, False]
        module(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, module.weight.detach())
    assert module.weight.grad is None
    assert flags(module) == [True, True]


def test_frozen_keeps_what_was_frozen_before_and_survives_an_error():
    module = nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match="inside"), frozen(module):
        raise RuntimeError("inside")
    assert flags(module) == [True, False]
    with frozen(module), frozen(module):
        pass
    assert flags(module) == [True, False]


def test_a_graph_built_while_frozen_stays_without_the_parameters():
    module, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    with frozen(module):
        loss = F.softplus(module(x)).sum()
    loss.backward()
    assert module.weight.grad is None
    assert x.grad is not None
