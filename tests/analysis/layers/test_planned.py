"""A network under a plan, against its layers called by hand; and that nothing of it stays."""

import copy

import pytest
import torch
from torch import nn

from udalib.analysis.layers import PLANS, Plan, Stack, create_plan, layer_states, planned, score_plans
from udalib.core.errors import ConfigError, UnknownNameError
from udalib.methods.supervised import Supervised
from udalib.models import create_encoder

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
STREETS = torch.rand(1, 3, 32, 64, generator=torch.Generator().manual_seed(2))
MIDDLE = ("skip", "middle_repeat", "reverse", "random", "parallel")


def by_hand(layers, plan, state, *args):
    for step in plan.steps:
        state = torch.stack([layers[i](state, *args) for i in step]).mean(0)
    return state


def plans(layers, start):
    return [create_plan(name, layers, start, loops=2, seed=3) for name in PLANS.names()]


def snapshot(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


@torch.no_grad()
def test_a_vit_runs_the_plan_and_nothing_of_it_stays(vit):
    before, weights = vit(IMAGES), snapshot(vit)
    embedded = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(IMAGES))))
    outputs = []
    for plan in plans(8, 1):
        blocks = list(vit.blocks)
        with planned(vit, plan) as stack:
            outputs.append(vit(IMAGES))
            assert [id(p) for p in vit.blocks.parameters()] == [id(p) for b in blocks for p in b.parameters()]
            assert vit.state_dict().keys() == weights.keys()
        assert stack.layers == tuple(blocks)
        assert all("forward" not in vars(block) for block in blocks)
        expected = vit.forward_head(vit.norm(by_hand(blocks, plan, embedded)))
        assert torch.allclose(outputs[-1], expected, atol=1e-5), plan.name
        assert torch.equal(outputs[-1], before) is (plan.name == "baseline"), plan.name
    assert torch.equal(vit(IMAGES), before)
    assert all(torch.equal(value, weights[name]) for name, value in vit.state_dict().items())
    distinct = {tuple(output.flatten().tolist()) for output in outputs}
    assert len(distinct) == len(outputs)


@torch.no_grad()
def test_a_stage_of_a_mix_transformer_runs_the_plan(segformer):
    encoder, before = segformer.encoder, segformer(STREETS)
    features = encoder(segformer.normalise(STREETS))
    tokens, size = encoder.patch_embed3(features[1])
    for plan in plans(7, 1):
        with planned(segformer, plan, stack="block3"):
            planned_features = encoder(segformer.normalise(STREETS))
            logits = segformer(STREETS)
        expected = encoder.norm3(by_hand(encoder.block3, plan, tokens, size))
        assert torch.allclose(planned_features[2].flatten(2).transpose(1, 2), expected, atol=1e-5), plan.name
        assert torch.equal(planned_features[1], features[1])
        assert torch.equal(logits, before) is (plan.name == "baseline"), plan.name


def test_a_method_predicts_with_the_plan(segformer):
    method = Supervised(segformer, lambda module: torch.optim.SGD(module.parameters(), lr=0.1))
    before = method.predict(STREETS)
    with planned(method.network, create_plan("skip", 7, 0), stack="encoder.block3"):
        skipped = method.predict(STREETS)
    assert not torch.equal(skipped, before)
    assert torch.equal(method.predict(STREETS), before)


@torch.no_grad()
def test_a_vit_that_gives_four_maps_keeps_those_of_the_prefix():
    torch.manual_seed(0)
    options = {"embed_dim": 32, "depth": 12, "num_heads": 2, "mlp_ratio": 1}
    encoder = create_encoder("timm:vit_tiny_patch16_224", **options).eval()
    before = encoder(STREETS)
    assert len(before) == 4
    with planned(encoder, create_plan("skip", 12, 2), stack="blocks"):
        skipped = encoder(STREETS)
    assert torch.equal(skipped[0], before[0])
    assert torch.equal(skipped[1], skipped[2])
    assert torch.equal(skipped[1], skipped[0])
    with planned(encoder, create_plan("parallel", 12, 2), stack="blocks"):
        parallel = encoder(STREETS)
    assert torch.equal(parallel[1], parallel[2])
    assert not torch.equal(parallel[1], parallel[0])


@torch.no_grad()
def test_parallel_is_the_state_plus_the_mean_update(vit):
    states = layer_states(vit, lambda: vit(IMAGES))
    middle = [vit.blocks[i](states[2]) - states[2] for i in range(2, 7)]
    with planned(vit, create_plan("parallel", 8, 1)):
        run = layer_states(vit, lambda: vit(IMAGES))
    assert torch.allclose(run[3], states[2] + torch.stack(middle).mean(0), atol=1e-5)
    assert torch.equal(run[:3], states[:3])


@torch.no_grad()
def test_with_one_layers_weights_everywhere_repeating_and_reordering_change_nothing(vit):
    centre = vit.blocks[4].state_dict()
    for i in range(2, 7):
        vit.blocks[i].load_state_dict(centre)
    before = vit(IMAGES)
    for name in ("middle_repeat", "reverse", "random"):
        with planned(vit, create_plan(name, 8, 1)):
            assert torch.equal(vit(IMAGES), before)


@torch.no_grad()
def test_everything_is_restored_after_an_exception(vit):
    before = vit(IMAGES)

    def fail(_module, _inputs):
        raise RuntimeError("in the middle of the stack")

    hook = vit.blocks[4].attn.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="middle of the stack"), planned(vit, create_plan("reverse", 8, 1)):
        vit(IMAGES)
    hook.remove()
    with pytest.raises(KeyboardInterrupt), planned(vit, create_plan("reverse", 8, 1)):
        raise KeyboardInterrupt
    assert torch.equal(vit(IMAGES), before)
    own = lambda state: state  # noqa: E731
    vit.blocks[3].forward = own
    with planned(vit, create_plan("reverse", 8, 1)):
        vit(IMAGES)
    assert vit.blocks[3].forward is own


@torch.no_grad()
def test_plans_nest_on_different_stacks_only(segformer):
    skip = create_plan("skip", 7, 1)
    with planned(segformer, skip, stack="block3"):
        alone = segformer(STREETS)
        with pytest.raises(ConfigError, match="'encoder.block3' runs under a plan already"):
            planned(segformer, skip, stack="block3").__enter__()
        assert torch.equal(segformer(STREETS), alone)
        with planned(segformer, Plan(2, (("seq", (1, 0)),)), stack="block1"):
            assert not torch.equal(segformer(STREETS), alone)
        assert torch.equal(segformer(STREETS), alone)


def test_gradients_reach_the_layers_that_run_and_the_mode_stays(vit):
    vit.train()
    with planned(vit, create_plan("middle_repeat", 8, 1)):
        assert vit.training
        vit.eval()
        assert not any(module.training for module in vit.modules())
        vit(IMAGES).square().sum().backward()
    reached = [block.mlp.fc1.weight.grad is not None for block in vit.blocks]
    assert reached == [i in (0, 1, 4, 7) for i in range(8)]


class TupleLayer(nn.Module):
    """As in older versions of transformers: the state comes first in a tuple."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def forward(self, state, mask=None, past=None):
        return state + self.shift * (1 if mask is None else mask), "attention"


class TupleModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.ModuleList(TupleLayer(10.0**i) for i in range(4))

    def forward(self, state, **options):
        for layer in self.layer:
            state = layer(state, **options)[0]
        return state


def test_layers_that_return_tuples_and_take_more_than_a_state():
    model, zero = TupleModel(), torch.zeros(1, 1)
    stack = Stack("mine", tuple(model.layer))
    for segments, total in [
        ((("seq", (3, 0)),), 1001),
        ((("seq", (1, 2, 3)),), 1110),
        ((("par", (0, 2)), ("seq", (3,))), 1050.5),
        ((("seq", (0, 0, 0, 0, 0, 1)),), 15),
    ]:
        with planned(model, Plan(4, segments), stack=stack):
            assert model(zero).item() == total
            assert model(zero, mask=2.0).item() == 2 * total
            assert layer_states(model, lambda: model(zero), stack=stack).shape == (5, 1, 1)


def test_bad_input_is_refused(vit, segformer):
    with pytest.raises(ConfigError, match="'skip' is for 6 layers, stack 'blocks' has 8"):
        planned(vit, create_plan("skip", 6, 1)).__enter__()
    with pytest.raises(UnknownNameError, match="Did you mean: .*block3"):
        planned(segformer, create_plan("skip", 7, 1), stack="blok3").__enter__()
    compiled = copy.copy(vit)
    compiled._compiled_call_impl = vit.forward
    with pytest.raises(ConfigError, match="compiled"):
        planned(compiled, create_plan("skip", 8, 1)).__enter__()


def test_scores_are_taken_under_each_plan(vit):
    made = [create_plan(name, 8, 1) for name in MIDDLE]
    with torch.no_grad():
        scores = score_plans(vit, made, lambda: vit(IMAGES).sum())
        assert len(set(scores)) == len(made)
        with planned(vit, made[2]):
            assert scores[2] == vit(IMAGES).sum()


def test_a_key_value_cache_is_refused():
    transformers = pytest.importorskip("transformers", reason="needs the extra 'language'")
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 4}
    model = transformers.LlamaModel(transformers.LlamaConfig(vocab_size=9, **sizes)).eval()
    ids = torch.tensor([[1, 5, 3]])
    with torch.no_grad(), planned(model, create_plan("reverse", 4, 0)):
        with pytest.raises(ConfigError, match="use_cache=False"):
            model(ids)
        states = layer_states(model, lambda: model(ids, use_cache=False))
        seen = model(ids, use_cache=False, output_hidden_states=True).hidden_states
    assert torch.equal(seen[1], states[1])
    assert states.shape == (5, 1, 3, 8)
