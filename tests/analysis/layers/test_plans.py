"""Plans against the orders of the sheet's section 8.1, and their counts over all sizes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udalib.analysis.layers import PLANS, Plan, create_plan, largest_start, positions, split
from udalib.core.errors import ConfigError, UnknownNameError

OF_THE_MIDDLE = ["baseline", "skip", "middle_repeat", "reverse", "random", "parallel", "loop_parallel"]


@st.composite
def places(draw):
    layers = draw(st.integers(1, 41))
    return layers, draw(st.integers(0, largest_start(layers)))


@pytest.mark.parametrize(
    ("name", "layers", "start", "text"),
    [
        ("baseline", 8, 1, "0 1 2 3 4 5 6 7"),
        ("skip", 8, 1, "0 1 7"),
        ("skip", 8, 2, "0 1 2 6 7"),
        ("skip", 7, 0, "0"),
        ("middle_repeat", 8, 1, "0 1 4 4 4 4 4 7"),
        ("middle_repeat", 7, 0, "0 3 3 3 3 3 3"),
        ("reverse", 8, 1, "0 1 6 5 4 3 2 7"),
        ("random", 8, 1, "0 1 4 3 2 6 5 7"),
        ("parallel", 8, 1, "0 1 (2 3 4 5 6) 7"),
        ("loop_parallel", 8, 1, "0 1 (2 3 4 5 6) (2 3 4 5 6) (2 3 4 5 6) 7"),
        ("loop_parallel", 8, 3, "0 1 2 3 4 4 4 5 6 7"),
        ("skip_layer", 6, 1, "0 2 3 4 5"),
        ("switch_layers", 6, 1, "0 2 1 3 4 5"),
    ],
)
def test_the_orders_of_the_sheet(name, layers, start, text):
    assert str(create_plan(name, layers, start, loops=3)) == text


def test_the_middle_of_the_large_models():
    assert split(24, 9).middle == (10, 11, 12, 13, 14)
    assert split(32, 14).middle == (15, 16, 17)
    assert create_plan("middle_repeat", 32, 14).executed[15:18] == (16, 16, 16)
    assert create_plan("middle_repeat", 24, 9).executed[10:15] == (12,) * 5


def test_every_plan_is_listed():
    assert PLANS.names() == sorted([*OF_THE_MIDDLE, "skip_layer", "switch_layers"])


@given(places(), st.integers(1, 5), st.integers(0, 10**6))
def test_executed_layers_and_depth(place, loops, seed):
    layers, start = place
    middle = layers - 2 * start - 1
    count = dict.fromkeys(OF_THE_MIDDLE, layers) | {"skip": 2 * start + 1}
    count["loop_parallel"] = 2 * start + 1 + loops * middle
    depth = {**count, "parallel": 2 * start + 1 + (middle > 0), "loop_parallel": 2 * start + 1 + loops * (middle > 0)}
    for name in OF_THE_MIDDLE:
        plan = create_plan(name, layers, start, loops=loops, seed=seed)
        assert (len(plan.executed), plan.sequential_depth) == (count[name], depth[name]), name
        assert plan.executed[: start + 1] == tuple(range(start + 1))
        assert plan.executed[len(plan.executed) - start :] == tuple(range(layers - start, layers))
    assert create_plan("skip", layers, start).unused == split(layers, start).middle


@given(st.integers(0, 20), st.integers(1, 4), st.integers(0, 99))
def test_at_the_largest_start_all_plans_are_the_baseline(half, loops, seed):
    odd, even = 2 * half + 1, 2 * half + 2
    for name in OF_THE_MIDDLE:
        plan = create_plan(name, odd, half, loops=loops, seed=seed)
        assert plan.steps == create_plan("baseline", odd).steps
        if name not in ("skip", "loop_parallel"):
            assert create_plan(name, even, half, seed=seed).steps == create_plan("baseline", even).steps
    assert create_plan("loop_parallel", even, half).steps == create_plan("baseline", even).steps
    assert len(create_plan("loop_parallel", even, half, loops=2).executed) == even + 1
    assert create_plan("skip", even, half).unused == (half + 1,)


@given(places(), st.integers(0, 10**6))
def test_the_random_order_is_that_of_pythons_global_generator(place, seed):
    layers, start = place
    state = random.getstate()
    random.seed(seed)
    middle = list(range(start + 1, layers - start))
    random.shuffle(middle)
    random.setstate(state)
    parts = split(layers, start)
    assert create_plan("random", layers, start, seed=seed).executed == (*parts.prefix, *middle, *parts.suffix)
    assert random.getstate() == state


@st.composite
def any_plan(draw):
    layers = draw(st.integers(1, 9))
    indices = st.lists(st.integers(0, layers - 1), min_size=1, max_size=10)
    return Plan(layers, draw(st.lists(st.tuples(st.sampled_from(["seq", "par"]), indices), min_size=1, max_size=6)))


@given(any_plan())
def test_positions_hold_every_step_in_order_and_the_first_is_never_empty(plan):
    dealt = positions(plan)
    assert len(dealt) == plan.layers
    assert tuple(step for place in dealt for step in place) == plan.steps
    assert dealt[0]
    assert Plan(plan.layers, plan.segments, name="another") == plan


@given(places(), st.integers(1, 9))
def test_prefix_and_suffix_keep_their_places(place, loops):
    layers, start = place
    for name in OF_THE_MIDDLE:
        dealt = positions(create_plan(name, layers, start, loops=loops))
        for index in (*range(start + 1), *range(layers - start, layers)):
            assert dealt[index][0 if index <= start else -1] == (index,)
    assert [len(steps) for steps in positions(create_plan("skip_layer", 4, 0))] == [1, 0, 1, 1]
    early = positions(create_plan("loop_parallel", 11, 1, loops=3))
    assert [len(steps) for steps in early[2:10]] == [1, 0, 1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("name", "layers", "start", "words"),
    [
        ("skip", 8, 4, "start 4 does not fit a stack of 8 layers; it takes 0 to 3"),
        ("reverse", 7, 4, "it takes 0 to 3"),
        ("random", 8, -1, "start -1"),
        ("baseline", 8, 5, "overlap"),
        ("skip_layer", 6, 6, "takes 0 to 5, got 6"),
        ("switch_layers", 6, 5, "takes 0 to 4, got 5"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(name, layers, start, words):
    with pytest.raises(ConfigError, match=words):
        create_plan(name, layers, start)


@pytest.mark.parametrize(
    ("name", "start", "length", "text"),
    [
        ("skip", 2, 2, "0 1 2 5 6 7"),
        ("skip", 0, 0, "0 1 2 3 4 5 6 7"),
        ("middle_repeat", 0, 3, "0 2 2 2 4 5 6 7"),
        ("reverse", 3, 4, "0 1 2 3 7 6 5 4"),
        ("random", 1, 5, "0 1 4 3 2 6 5 7"),
        ("loop_parallel", 4, 2, "0 1 2 3 4 (5 6) (5 6) 7"),
        ("parallel", 4, 3, "0 1 2 3 4 (5 6 7)"),
        ("skip_layer", 4, 3, "0 1 2 3 5 6 7"),
    ],
)
def test_a_middle_may_have_another_length(name, start, length, text):
    assert str(create_plan(name, 8, start, length=length, loops=2)) == text


@given(places(), st.sampled_from(OF_THE_MIDDLE), st.integers(1, 3), st.integers(0, 99))
def test_the_published_length_is_the_default(place, name, loops, seed):
    layers, start = place
    options = {"loops": loops, "seed": seed}
    whole = create_plan(name, layers, start, length=layers - 2 * start - 1, **options)
    assert whole == create_plan(name, layers, start, **options)


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (8, 0), (3, 5), (0, 8), (2, -1)])
def test_a_middle_that_does_not_fit_is_refused(start, length):
    with pytest.raises(ConfigError, match=f"a middle of {length} layers after layer {start} does not fit a stack of 8"):
        create_plan("skip", 8, start, length=length)


def test_bad_plans_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean: reverse"):
        create_plan("revers", 8, 1)
    with pytest.raises(ConfigError, match="at least once, got loops=0"):
        create_plan("loop_parallel", 8, 1, loops=0)
    with pytest.raises(ConfigError, match="runs layer 8, but its stack has 8 layers: 0 to 7"):
        Plan(8, (("seq", (0, 8)),))
    with pytest.raises(ConfigError, match="'seq' or 'par', got 'parallel'"):
        Plan(8, (("parallel", (0, 1)),))
    for nothing in ((), (("par", ()),)):
        with pytest.raises(ConfigError, match="each name a layer"):
            Plan(8, nothing)
