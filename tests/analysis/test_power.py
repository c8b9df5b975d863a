"""The chance to find a difference, against simulation and against limits that are known."""

from __future__ import annotations

import pytest

from udalib.analysis.runs.effects import paired_effect
from udalib.analysis.runs.power import critical_t, power, simulated_means
from udalib.core.errors import ConfigError


@pytest.mark.parametrize(("difference", "spread", "seeds"), [(2.0, 2.0, 3), (1.0, 1.0, 5), (0.0, 1.0, 4)])
def test_power_is_the_share_of_experiments_that_find_it(difference: float, spread: float, seeds: int) -> None:
    means, accepted = simulated_means(difference, spread, seeds, 20_000)
    assert accepted.mean() == pytest.approx(power(difference, spread, seeds), abs=0.012)  # three standard errors
    assert means.mean() == pytest.approx(difference, abs=0.05)


def test_the_critical_value_is_where_the_t_test_of_the_effects_says_so() -> None:
    base = {0: 0.0, 1: 0.0, 2: 0.0}
    shape = {0: -1.0, 1: 0.0, 2: 1.0}  # standard deviation 1, so t = mean * sqrt(3)
    for factor, below in ((0.99, False), (1.01, True)):
        mean = factor * critical_t(3) / 3**0.5
        effect = paired_effect({seed: mean + value for seed, value in shape.items()}, base)
        assert effect.p_t is not None
        assert (effect.p_t < 0.05) == below


def test_more_seeds_find_more() -> None:
    chances = [power(2.0, 2.0, seeds) for seeds in range(2, 12)]
    assert chances == sorted(chances)
    assert power(50.0, 1.0, 4) == pytest.approx(1.0)


def test_what_has_no_spread_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2"):
        power(1.0, 1.0, 1)
    with pytest.raises(ConfigError, match="positive standard deviation"):
        power(1.0, 0.0, 3)
