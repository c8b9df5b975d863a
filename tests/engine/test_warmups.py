"""Schedules with a linear warm-up: steps and half a cosine."""

import pytest

from udalib.core.errors import ConfigError
from udalib.engine.optim.warmups import WarmupCosine, WarmupSteps


def test_steps_fall_at_their_milestones_and_rise_before() -> None:
    schedule = WarmupSteps((10, 50), warmup=5, ratio=0.1)
    assert [round(schedule(1.0, t), 6) for t in (0, 5, 9, 10, 49, 50)] == [0.1, 1.0, 1.0, 0.1, 0.1, 0.01]


def test_the_cosine_begins_and_ends_at_zero() -> None:
    schedule = WarmupCosine(100, 10)
    assert [schedule(2.0, t) for t in (0, 5, 10, 55)] == pytest.approx([0, 1, 2, 1])
    assert schedule(2.0, 100) == schedule(2.0, 500) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WarmupSteps((5, 3)), "ascending order"),
        (lambda: WarmupSteps(warmup=-1), "give 0 or more"),
        (lambda: WarmupSteps(ratio=2.0), r"\[0, 1\]"),
        (lambda: WarmupCosine(10, 10), "leaves nothing of 10"),
    ],
)
def test_what_is_refused(make, message) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
