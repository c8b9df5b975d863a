"""Rules by name, grouping, and the optimisers they build."""

import contextlib
import itertools
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.engine.optim.build import OptimizerSpec, Rule, Settings, build_optimizer, set_learning_rates
from udalib.engine.optim.repeated_sgd import RepeatedSGD
from udalib.engine.optim.schedules import Poly

DAFORMER = (Rule("head", lr_mult=10), Rule("pos_block", decay_mult=0), Rule("norm", decay_mult=0))


def parameters(*names):
    return [(name, nn.Parameter(torch.ones(2))) for name in names]


def by_name(optimizer, key):
    return {name: group[key] for group in optimizer.param_groups for name in group["parameter_names"]}


def test_longest_pattern_first_and_one_rule_only():
    spec = OptimizerSpec(lr=1.0, weight_decay=0.5, rules=DAFORMER)
    assert spec.settings("backbone.norm1.weight") == Settings(1.0, 0.0)
    assert spec.settings("decode_head.norm.weight") == Settings(10.0, 0.5), "head and norm tie: alphabetical"
    assert spec.settings("head.pos_block.weight") == Settings(1.0, 0.0), "pos_block is longer than head"
    assert spec.settings("backbone.fc.bias") == Settings(1.0, 0.5)


@given(st.permutations(DAFORMER))
def test_order_of_the_rules_does_not_matter(rules):
    names = ["".join(p) for p in itertools.permutations(["head", "norm", "pos_block", "x"], 2)]
    a, b = OptimizerSpec(rules=DAFORMER), OptimizerSpec(rules=tuple(rules))
    assert [a.settings(n) for n in names] == [b.settings(n) for n in names]


def test_equal_settings_share_a_group_and_every_parameter_has_one():
    names = [f"{part}.{i}.{kind}" for part in ("backbone", "head") for i in range(5) for kind in ("fc", "norm")]
    random.Random(0).shuffle(names)
    spec = OptimizerSpec(lr=1e-3, rules=DAFORMER)
    optimizer = build_optimizer(spec, parameters(*names))
    assert len(optimizer.param_groups) == 3
    assert sorted(by_name(optimizer, "lr")) == sorted(names)
    for group in optimizer.param_groups:
        assert group["lr"] == group["initial_lr"]
        assert len(group["params"]) == len(group["parameter_names"])
    assert len({group["name"] for group in optimizer.param_groups}) == 3


def test_frozen_and_repeated_tensors_are_left_out():
    (name, p), (_, q) = parameters("a", "b")
    q.requires_grad_(False)
    optimizer = build_optimizer(OptimizerSpec("sgd"), [(name, p), ("again", p), ("b", q)])
    assert by_name(optimizer, "name").keys() == {"a"}


@pytest.mark.parametrize("kind", ["adamw", "adam", "sgd"])
def test_steps_like_the_torch_optimiser(kind):
    spec = OptimizerSpec(kind, lr=0.1, weight_decay=0.2, betas=(0.8, 0.9), momentum=0.7, eps=1e-3)
    (_, p), (_, q) = parameters("a", "a")
    reference = {
        "adamw": lambda: torch.optim.AdamW([q], 0.1, (0.8, 0.9), 1e-3, 0.2),
        "adam": lambda: torch.optim.Adam([q], 0.1, (0.8, 0.9), 1e-3, 0.2),
        "sgd": lambda: torch.optim.SGD([q], 0.1, 0.7, weight_decay=0.2),
    }[kind]()
    for optimizer in (build_optimizer(spec, [("a", p)]), reference):
        for _ in range(3):
            for parameter in (p, q):
                parameter.grad = torch.tensor([1.0, -2.0])
            optimizer.step()
    assert torch.equal(p, q)
    assert not torch.equal(p, torch.ones(2))


def test_schedule_reaches_every_group():
    optimizer = build_optimizer(OptimizerSpec(lr=1.0, rules=DAFORMER), parameters("backbone.fc", "head.fc"))
    set_learning_rates(optimizer, Poly(total=4, power=1.0), 1)
    assert by_name(optimizer, "lr") == {"backbone.fc": 0.75, "head.fc": 7.5}
    assert by_name(optimizer, "initial_lr") == {"backbone.fc": 1.0, "head.fc": 10.0}


def test_visits_build_the_repeated_sgd():
    spec = OptimizerSpec("sgd", lr=0.1, weight_decay=0.0, momentum=0.0, rules=(Rule("backbone", visits=3),))
    named = parameters("backbone.conv", "head.conv")
    optimizer = build_optimizer(spec, named)
    assert isinstance(optimizer, RepeatedSGD)
    for _, p in named:
        p.grad = torch.ones(2)
    optimizer.step()
    torch.testing.assert_close(named[0][1].detach(), torch.full((2,), 0.7))
    torch.testing.assert_close(named[1][1].detach(), torch.full((2,), 0.9))


def test_one_visit_is_ordinary_sgd_and_the_state_survives_a_reload():
    (_, p), (_, q) = parameters("a", "a")
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}
    ours, reference = RepeatedSGD([p], **options), torch.optim.SGD([q], **options)
    for step in range(4):
        if step == 2:
            saved = ours.state_dict()
            ours = RepeatedSGD([p], lr=1.0)
            ours.load_state_dict(saved)
        for parameter, optimizer in ((p, ours), (q, reference)):
            parameter.grad = torch.tensor([1.0, -0.5]) * (step + 1)
            optimizer.step()
    torch.testing.assert_close(p, q)


def test_repeated_sgd_leaves_gradients_and_gradientless_parameters_alone():
    (_, p), (_, q) = parameters("a", "b")
    p.grad = torch.ones(2)
    RepeatedSGD([p, q], lr=0.1, weight_decay=0.5, visits=3).step()
    assert torch.equal(p.grad, torch.ones(2))
    assert torch.equal(q, torch.ones(2))


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: OptimizerSpec("adamww"), UnknownNameError, "Did you mean: adamw"),
        (lambda: OptimizerSpec(lr=-1.0), ConfigError, "must not be negative"),
        (lambda: OptimizerSpec("adamw", rules=(Rule("x", visits=2),)), ConfigError, "need kind 'sgd'"),
        (lambda: build_optimizer(OptimizerSpec(), []), ConfigError, "no parameter requires a gradient"),
    ],
)
def test_messages(build, error, words):
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize("visits", [1, 3])
def test_todays_torch_with_a_tensor_listed_several_times(visits):
    """The parameter lists of the published code under the installed torch, which warns of duplicates."""
    (_, p), (_, q) = parameters("a", "b")
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.5}
    ours = RepeatedSGD([p], visits=visits, inplace_decay=False, fresh_start=True, **options)
    with pytest.warns(UserWarning, match="duplicate") if visits > 1 else contextlib.nullcontext():
        official = torch.optim.SGD([q] * visits, foreach=False, **options)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        p.grad = torch.randn(2, generator=generator)
        q.grad = p.grad.clone()
        ours.step()
        official.step()
        torch.testing.assert_close(p, q)


def test_a_checkpoint_from_before_an_option_still_steps():
    (_, p), (_, q) = parameters("a", "b")
    old, new = RepeatedSGD([p], lr=0.1, visits=3), RepeatedSGD([q], lr=0.1, visits=3)
    state = old.state_dict()
    del state["param_groups"][0]["fresh_start"]
    new.load_state_dict(state)
    for optimizer, parameter in ((old, p), (new, q)):
        parameter.grad = torch.ones(2)
        optimizer.step()
    assert torch.equal(p, q)


def test_a_constant_group_keeps_its_rate_whatever_the_schedule_says():
    rules = (Rule("fixed", lr_mult=10.0, constant=True), Rule("moving", lr_mult=10.0))
    names = ("fixed.weight", "moving.weight", "rest.weight")
    spec = OptimizerSpec("sgd", lr=0.1, rules=rules)
    optimizer = build_optimizer(spec, [(name, torch.nn.Parameter(torch.zeros(1))) for name in names])
    set_learning_rates(optimizer, Poly(10, power=1.0), 5)
    rates = {name: group["lr"] for group in optimizer.param_groups for name in group["parameter_names"]}
    assert rates == pytest.approx({"fixed.weight": 1.0, "moving.weight": 0.5, "rest.weight": 0.05})
