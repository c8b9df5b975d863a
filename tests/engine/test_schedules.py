"""Schedules at the values the papers' sheets state, and as monotone functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.engine.optim.schedules import Constant, Exponential, Poly, WarmupPoly

totals = st.integers(1, 10**6)


def test_daformer_values():
    schedule = WarmupPoly(total=40_000)
    assert schedule(6e-5, 0) == pytest.approx(6e-11)
    assert schedule(6e-5, 49) == pytest.approx(1.958e-6, rel=1e-3)
    assert schedule(6e-5, 1500) == pytest.approx(5.775e-5)


def test_adaptsegnet_values():
    schedule = Poly(total=250_000, power=0.9)
    assert schedule(2.5e-4, 0) == 2.5e-4
    assert schedule(2.5e-4, 150_000) / 2.5e-4 == pytest.approx(0.438, abs=1e-3)


@given(totals, st.floats(0.1, 3), st.integers(0, 10**6), st.floats(0, 1e-3))
def test_poly_falls_monotonically_from_base_to_minimum(total, power, iteration, min_lr):
    schedule = Poly(total, power, min_lr)
    base = 1e-3
    assert schedule(base, 0) == pytest.approx(base)
    assert min_lr * (1 - 1e-12) <= schedule(base, iteration + 1) <= schedule(base, iteration) <= base * (1 + 1e-12)
    assert schedule(base, total) == schedule(base, total + 5) == min_lr


@given(totals, st.integers(0, 2000), st.integers(0, 10**6), st.sampled_from(["linear", "exp", "constant"]))
def test_warm_up_only_lowers_and_then_leaves_alone(total, warmup, iteration, mode):
    schedule, poly = WarmupPoly(total, warmup=warmup, mode=mode, ratio=0.01), Poly(total, 1.0)
    assert schedule(1.0, iteration) <= poly(1.0, iteration)
    assert schedule(1.0, iteration) >= 0.01 * poly(1.0, iteration) * (1 - 1e-9)
    if iteration >= warmup:
        assert schedule(1.0, iteration) == poly(1.0, iteration)


def test_warm_up_modes_at_half_time():
    at = lambda mode: WarmupPoly(10**9, warmup=100, ratio=0.01, mode=mode)(1.0, 50)  # noqa: E731
    assert at("linear") == pytest.approx(0.505)
    assert at("exp") == pytest.approx(0.1)
    assert at("constant") == pytest.approx(0.01)


def test_constant_and_scaling():
    assert Constant()(0.3, 10**6) == 0.3
    assert WarmupPoly(100)(0.2, 7) == pytest.approx(2 * WarmupPoly(100)(0.1, 7))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Poly(0), "at least one iteration"),
        (lambda: WarmupPoly(10, warmup=-1), "warm-up of -1"),
        (lambda: WarmupPoly(10, ratio=0.0), "ratio in"),
        (lambda: WarmupPoly(10, mode="cosine"), "linear, exp or constant"),
    ],
)
def test_messages(build, words):
    with pytest.raises(ConfigError, match=words):
        build()


def test_exponential_has_a_fixed_horizon_and_may_wait() -> None:
    """The published rate after the first of 120000 iterations; a delay shifts the whole curve."""
    plain, late = Exponential(120_000), Exponential(120_000, delay=5)
    assert plain(0.01, 0) == 0.01
    assert plain(0.01, 1) == pytest.approx(0.00999925, abs=1e-9)
    assert plain(1.0, 120_000) == pytest.approx(1.234098e-4, rel=1e-6)  # e^-9
    assert [late(0.01, i) for i in (0, 5, 6)] == [0.01, 0.01, plain(0.01, 1)]
    with pytest.raises(ConfigError, match="delay is -1"):
        Exponential(10, delay=-1)
    with pytest.raises(ConfigError, match="total is 0"):
        Exponential(0)
