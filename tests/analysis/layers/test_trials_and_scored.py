"""Every plan over its range, scored once each, and the record of scores read as shares."""

import copy

import pytest
import torch
from torch import nn

from udalib.analysis.layers import find_stack, largest_start
from udalib.analysis.layers.scored import layer_shares, middle_shares, plan_rows, plans_markdown, shares, spread
from udalib.analysis.layers.trials import LAYER_PLANS, MIDDLE_PLANS, Trial, plan_trials, score_trials
from udalib.core.errors import ConfigError, UnknownNameError


class AddBlock(nn.Module):
    def __init__(self, index):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(index)))

    def forward(self, state):
        return 2 * state + self.weight


def network(depth):
    return nn.Sequential(nn.Sequential(*(AddBlock(i) for i in range(depth))))


@pytest.mark.parametrize("layers", [2, 5, 8])
def test_trials_are_all_plans_at_all_places(layers):
    trials = plan_trials(layers, loops=(2, 5), draws=3)
    assert len(set(trials)) == len(trials)
    assert {trial.plan for trial in trials} == {*MIDDLE_PLANS, *LAYER_PLANS}
    starts = largest_start(layers) + 1
    assert sum(trial.plan == "random" for trial in trials) == 3 * starts
    assert sorted({t.loops for t in trials if t.plan == "loop_parallel"}) == [2, 5]
    assert [t.start for t in trials if t.plan == "switch_layers"] == list(range(layers - 1))
    assert all(trial.build(layers).layers == layers for trial in trials)


@pytest.mark.parametrize("wrong", [{"layers": 1}, {"loops": (1, 2)}, {"draws": 0}])
def test_trials_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match="trials need 2 layers, 2 loops and 1 draw or more"):
        plan_trials(**{"layers": 8, **wrong})


def test_each_trial_gets_the_score_of_its_plan_and_equal_plans_one():
    model, calls = network(4), []

    def score():
        calls.append(float(model(torch.ones(())).detach()))
        return calls[-1]

    trials = [Trial("reverse", 0), Trial("skip", 1), Trial("skip_layer", 2), Trial("parallel", 0)]
    found = score_trials(model, trials, score, stack=find_stack(model))
    by_hand = [float(2 * (2 * (2 * 2 + 3) + 2) + 1), 2 * (2 * 2 + 1) + 3]
    assert found == [*by_hand, by_hand[1], pytest.approx(4 + 2)]
    assert len(calls) == 3, "skip at 1 and skip_layer 2 are one plan of four layers"
    assert model(torch.ones(())) == 2 * (2 * (2 * 2 + 1) + 2) + 3


def trial(plan, start, loops=1, seed=0):
    return {"plan": plan, "start": start, "loops": loops, "seed": seed}


TRIALS = [trial("skip", 0), trial("random", 0), trial("random", 0, seed=1), trial("loop_parallel", 0, loops=2)]
TRIALS += [trial("skip", 1), trial("skip", 2), trial("skip_layer", 3)]


def run(recipe, seed, full, scores):
    rest = {"chance": {"target": 10.0}, "similarity": {}}
    return {"recipe": recipe, "seed": seed, "full": {"target": full}, "scores": {"target": scores}, **rest}


RECORD = {
    "layers": 6,
    "trials": TRIALS,
    "runs": [
        run("a/b", 0, 30.0, [10.0, 20.0, 30.0, 25.0, 5.0, 30.0, 28.0]),
        run("a/b", 1, 50.0, [30.0, 50.0, 30.0, 50.0, 50.0, 50.0, 40.0]),
        run("a/c", 0, 20.0, [20.0] * 7),
    ],
}


def test_shares_are_rescaled_by_each_run_itself():
    assert shares(RECORD, "a/b", "target")[0] == pytest.approx([0, 0.5, 1, 0.75, -0.25, 1, 0.9])
    assert shares(RECORD, "a/b", "target")[1][:2] == pytest.approx([0.5, 1])
    assert layer_shares(RECORD, "a/b", "target", "skip_layer") == {3: pytest.approx([0.9, 0.75])}


def test_middles_are_by_length_draws_are_averaged_and_one_layer_is_no_middle():
    found = middle_shares(RECORD, "a/b", "target")
    assert list(found) == ["skip", "random", "parallel, 2 loops"]
    assert found["skip"] == {5: pytest.approx([0, 0.5]), 3: pytest.approx([-0.25, 1])}
    assert found["random"] == {5: pytest.approx([0.75, 0.75])}


def test_rows_and_table_hold_means_and_deviations_over_seeds():
    rows = plan_rows(RECORD, ("a/b", "a/c"), ("target",), 5)
    assert rows[0] == ("skip", "25 ± 35", "100")
    assert rows[1] == ("random", "75 ± 0", "100")
    table = plans_markdown(RECORD, ("a/b", "a/c"), 5).splitlines()
    assert table[0] == "| plan | a/b, target | a/c, target |"
    assert table[2] == "| untouched: mIoU in percent | 40.0 ± 14.1 | 20.0 |"
    assert table[3] == "| skip | 25 ± 35 | 100 |"
    assert spread([0.5]) == "50"


def test_what_the_record_does_not_hold_is_named():
    with pytest.raises(UnknownNameError, match="a/b"):
        shares(RECORD, "a/x", "target")
    with pytest.raises(UnknownNameError, match="skip_layer"):
        layer_shares(RECORD, "a/b", "target", "skip_layers")
    some = copy.deepcopy(RECORD)
    some["trials"] = [*TRIALS[:1], *TRIALS[4:]]
    with pytest.raises(ConfigError, match="no plans with 4 layers in the middle"):
        plan_rows(some, ("a/c",), ("target",), 4)
