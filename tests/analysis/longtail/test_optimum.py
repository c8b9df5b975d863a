"""The optimum of one anchor: the formula against training on a circle, its limits, and its bounds."""

import pytest
import torch

from udalib.analysis.longtail import best_own, settle
from udalib.core.errors import ConfigError


@pytest.mark.parametrize("positives", ["alike", "decoupled"])
@pytest.mark.parametrize("count", [0, 1, 12])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_training_on_a_circle_ends_where_the_formula_says(positives, count, temperature):
    options = {"alpha": 0.1, "temperature": temperature, "positives": positives}
    for seed in (0, 1):
        found = settle(count, 15, seed=seed, **options)
        assert float(found.probability[0]) == pytest.approx(best_own(count, 15, **options), abs=2e-3)
        assert float(found.probability.sum()) == pytest.approx(1.0)
        assert found.count == count
        assert found.angles.shape == (16 + count,)


def test_with_cosines_free_enough_it_is_the_paper_s():
    low = {"alpha": 0.3, "temperature": 0.05}  # the weights are float32: 1e-5
    for count in (1, 9, 99):
        assert best_own(count, 500, **low, positives="alike") == pytest.approx(1 / (count + 1), rel=1e-5)
        assert best_own(count, 500, **low, positives="decoupled") == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("count", [1, 40])
def test_no_cosines_in_reach_do_better(alpha, count):
    """A grid over the cosines of z+ and P; the other classes lie opposite."""
    best = best_own(count, 30, alpha=alpha, temperature=0.4, positives="decoupled")
    cosine = torch.linspace(-1, 1, 801, dtype=torch.float64)
    own, rest = torch.meshgrid(cosine / 0.4, cosine / 0.4, indexing="ij")
    total = torch.log(own.exp() + count * rest.exp() + 30 * torch.tensor(-1 / 0.4).exp())
    loss = -(alpha * own + (1 - alpha) * rest - total)
    at = loss.flatten().argmin()
    assert best == pytest.approx(float((own - total).exp().flatten()[at]), abs=4e-3)


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"\|P\| = -1 and 3 others"):
        best_own(-1, 3, alpha=0.1, temperature=0.1, positives="alike")
    with pytest.raises(ConfigError, match=r"alpha 1\.5"):
        settle(1, 3, seed=0, alpha=1.5)
    with pytest.raises(ConfigError, match=r"temperature 0\.001 not fall below"):
        best_own(1, 3, alpha=0.1, temperature=0.001, positives="alike")
