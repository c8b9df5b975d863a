"""Rank correlation by hand, against SciPy, and its interval."""

import numpy as np
import pytest
from scipy import stats

from udalib.analysis.features import correlate, spearman
from udalib.core.errors import DataError


def random():
    return np.random.default_rng(0)


def test_order_alone_counts():
    found = spearman([1, 2, 3, 100], [10, 11, 12, 13], random())
    assert (found.n, found.rho) == (4, pytest.approx(1.0))
    assert found.interval == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.undefined == pytest.approx(4 / 4**4, abs=0.02)  # the same run four times
    assert spearman([1, 2, 3], [3, 2, 1], random()).rho == pytest.approx(-1.0)


def test_ties_as_in_scipy_and_an_interval_that_holds_it():
    x, y = random().integers(0, 5, 30), random().normal(size=30)
    y += 0.3 * x
    found = spearman(x, y, random())
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    low, high = found.interval
    assert -1 <= low < found.rho < high <= 1
    assert found == spearman(x, y, random())
    assert high - low > np.subtract(*spearman(x, y, random(), level=0.5).interval[::-1])


def test_few_runs_get_no_interval_and_a_constant_no_correlation():
    assert spearman([1, 2, 3], [1, 3, 2], random()).interval is None
    constant = spearman([1, 1, 1, 1], [1, 2, 3, 4], random())
    assert constant.rho is None
    assert constant.interval is None


def test_every_measure_over_the_runs_that_have_it():
    measured = {f"run {i}": {"gap": 5.0 - i, "ece": None if i else 0.1, "open": np.inf} for i in range(5)}
    found = correlate(measured, {f"run {i}": 10.0 * i for i in range(4)}, random())
    assert list(found) == ["gap"]
    assert (found["gap"].n, found["gap"].rho) == (4, pytest.approx(-1.0))


@pytest.mark.parametrize(("x", "y"), [([1], [1]), ([1, 2], [1]), ([1, np.nan], [1, 2])])
def test_what_cannot_be_ranked_is_refused(x, y):
    with pytest.raises(DataError, match="two or more pairs of finite numbers"):
        spearman(x, y, random())
