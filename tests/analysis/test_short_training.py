"""The first steps of a training, looked at on their way."""

import pytest
import torch

from udalib.analysis.short_training import first_steps
from udalib.core.errors import ConfigError


def rates(method):
    return [group["lr"] for group in method.optimizer.param_groups]


def test_it_looks_at_every_nth_step_and_obeys_the_schedule(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_RUNS", str(tmp_path))
    options = {"seed": 0, "steps": 2, "every": 2, "overrides": {"method.lambda_fd": 0.0}}
    arms = {w: first_steps("streets/daformer", "quick", look, warmup=w, **options) for w in (0, 100)}
    assert all([t for t, _ in path] == [0, 2] for path in arms.values())
    (start, _), (same, _) = ([seen for _, seen in path] for path in arms.values())
    assert torch.equal(start[0], same[0])  # one start for both
    cold, warm = (path[1][1][1] for path in arms.values())
    assert max(warm) < max(cold) / 10  # the second step of a warm-up over 100


def look(method):
    return next(method.network.parameters()).detach().clone(), rates(method)


def test_a_recipe_without_a_start_is_refused():
    with pytest.raises(ConfigError, match="must start from a trained network"):
        first_steps("streets/dacs", "quick", rates, seed=0, steps=2, every=1, warmup=0)
