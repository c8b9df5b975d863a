"""Stacks are found by name, by the end of a name, or given by hand; what is no stack is refused."""

import pytest
import torch
from torch import nn

from udalib.analysis.layers import Stack, find_stack, find_stacks, layer_states
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.models import create_encoder, create_network


def test_the_stages_of_a_mix_transformer(segformer):
    found = find_stacks(segformer)
    assert {name: len(stack) for name, stack in found.items()} == {"encoder.block1": 2, "encoder.block3": 7}
    assert find_stack(segformer, "block3") == find_stack(segformer, "encoder.block3") == found["encoder.block3"]
    assert find_stack(segformer.encoder, "block3").layers == tuple(segformer.encoder.block3)
    with pytest.raises(ConfigError, match=r"has 2 stacks .* encoder.block1 \(2 layers\), encoder.block3 \(7 layers\)"):
        find_stack(segformer)
    with pytest.raises(UnknownNameError, match="unknown stack 'block5'. Did you mean: block"):
        find_stack(segformer, "block5")


def test_blocks_that_change_the_state_are_no_stack():
    assert find_stacks(create_network("streets")) == {}
    assert list(find_stacks(create_encoder("timm:resnet18"))) == ["body.layer1"]  # the others begin with a stride
    with pytest.raises(ConfigError, match="SegmentationNetwork has 0 stacks .* none"):
        find_stack(create_network("streets"))


def test_a_list_of_layers_is_taken_at_its_word_and_a_layer_is_not(vit):
    model = nn.Module()
    model.add_module("steps", nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)))
    assert find_stacks(model) == {}
    assert len(find_stack(model, "steps")) == 3
    with pytest.raises(ConfigError, match="'steps.0' is a Linear, no list of layers"):
        find_stack(model, "steps.0")
    two = nn.ModuleDict({"student": vit, "teacher": nn.ModuleList([vit.blocks[0], vit.blocks[1]])})
    with pytest.raises(ConfigError, match="Name one of them"):
        find_stack(two)
    with pytest.raises(UnknownNameError):
        find_stack(vit, "")


def test_several_stacks_of_one_ending_are_listed():
    parts = {name: nn.Module() for name in ("student", "teacher")}
    for part in parts.values():
        part.add_module("blocks", create_encoder("mit_b0").block1)
    both = nn.ModuleDict(parts)
    with pytest.raises(ConfigError, match="2 stacks are called 'blocks': student.blocks .* teacher.blocks"):
        find_stack(both, "blocks")
    assert find_stack(both, "teacher.blocks").name == "teacher.blocks"


def test_a_stack_needs_distinct_layers():
    layer = nn.Linear(2, 2)
    for layers in ((), (layer, layer)):
        with pytest.raises(ConfigError, match="each of them once"):
            Stack("mine", layers)


def test_states_of_a_stack(vit):
    images = torch.rand(2, 3, 16, 16)
    states = layer_states(vit, lambda: vit(images))
    assert states.shape == (9, 2, 5, 16)
    assert not states.requires_grad
    assert torch.equal(vit.norm(states[-1]), vit.forward_features(images))
    assert all(not block._forward_hooks for block in vit.blocks)
    for run in (lambda: None, lambda: (vit(images), vit(images))):
        with pytest.raises(ConfigError, match="exactly once"):
            layer_states(vit, run)


def test_a_part_of_a_list_is_a_stack_by_itself(vit):
    assert find_stack(vit, "blocks[1:]").layers == tuple(vit.blocks)[1:]
    assert find_stack(vit, "blocks[:2]").layers == tuple(vit.blocks)[:2]
    with pytest.raises(ConfigError, match=r"stack 'blocks\[9:\]' needs layers"):
        find_stack(vit, "blocks[9:]")
    with pytest.raises(UnknownNameError, match="Did you mean: blocks"):
        find_stack(vit, "block[1:]")
