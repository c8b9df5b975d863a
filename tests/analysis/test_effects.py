"""Paired effects against values worked out by hand: for 1 and 2 degrees of freedom t has a closed form."""

import itertools
import math

import pytest

from udalib.analysis import holm, paired_effect, sign_flip_test
from udalib.core.errors import ConfigError


def effect_of(*differences):
    baseline = {seed: 10.0 * seed for seed in range(len(differences))}
    return paired_effect({seed: baseline[seed] + d for seed, d in enumerate(differences)}, baseline)


def test_three_seeds_by_hand():
    effect = effect_of(1.0, 2.0, 3.0)
    t = 2 / (1 / math.sqrt(3))
    assert (effect.n, effect.mean, effect.std, effect.wins) == (3, 2.0, 1.0, 3)
    assert effect.p_t == pytest.approx(
        0.5 - t / (2 * math.sqrt(2 + t * t))
    )  # upper tail of t with 2 degrees of freedom
    assert effect.p_permutation == 1 / 8
    quantile = 4.302653  # t at 0.975 with 2 degrees of freedom, from a printed table
    assert effect.interval == pytest.approx((2 - quantile / math.sqrt(3), 2 + quantile / math.sqrt(3)))


def test_two_seeds_by_hand():
    effect = effect_of(1.0, 3.0)
    assert effect.p_t == pytest.approx(0.5 - math.atan(2) / math.pi)  # with 1 degree of freedom t is Cauchy; here t = 2
    assert effect.interval == pytest.approx((2 - 12.7062, 2 + 12.7062), rel=1e-5)


def test_a_loss_is_not_significant_in_the_one_sided_test():
    effect = effect_of(-1.0, -2.0, -3.0)
    assert effect.wins == 0
    assert effect.p_t == pytest.approx(1 - effect_of(1.0, 2.0, 3.0).p_t)
    assert effect.p_permutation == 1.0


def test_seeds_are_paired_by_name_not_by_place():
    assert paired_effect({2: 5.0, 0: 3.0}, {0: 1.0, 2: 1.0}) == paired_effect({0: 3.0, 2: 5.0}, {2: 1.0, 0: 1.0})


@pytest.mark.parametrize("differences", [(1.5,), (3, 2, -1), (1, 1, -1), (0.3, -0.2, 0.1, 0.4), (0, 0, 2), (0.1,) * 6])
def test_sign_flips_agree_with_going_through_all_patterns(differences):
    patterns = list(itertools.product((1, -1), repeat=len(differences)))
    observed = sum(differences) - 1e-12
    at_least = [sum(s * d for s, d in zip(signs, differences, strict=True)) >= observed for signs in patterns]
    assert sign_flip_test(differences) == sum(at_least) / len(patterns)
    assert sign_flip_test(differences) >= 2.0 ** -len(differences)


def test_equal_differences_leave_the_t_test_undefined_but_not_the_permutation():
    for step, p in ((0.1, 1 / 8), (0.0, 1.0)):
        effect = paired_effect({s: 0.3 * s + step for s in range(3)}, {s: 0.3 * s for s in range(3)})
        assert (effect.p_t, effect.interval) == (None, None)
        assert effect.p_permutation == p


def test_the_smallest_p_that_the_seeds_allow():
    for n in (2, 5, 20):
        assert effect_of(*(1.0 + i for i in range(n))).p_permutation == 2.0**-n


def test_holm_by_hand_keeps_the_order_given():
    assert holm({"b": 0.04, "a": 0.01, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"b": 0.06, "a": 0.03, "c": 0.06, "d": 0.02}
    )
    assert list(holm({"b": 0.04, "a": 0.01})) == ["b", "a"]
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@pytest.mark.parametrize(
    ("values", "baseline", "message"),
    [
        ({0: 1.0, 1: 2.0}, {0: 1.0}, "the baseline lacks seed 1;"),
        ({0: 1.0}, {0: 1.0, 3: 2.0, 4: 1.0}, "the values lack seed 3, 4;"),
        ({0: 1.0}, {0: 2.0}, "2 to 20 paired seeds and got 1"),
        ({}, {}, "got 0"),
        (dict.fromkeys(range(21), 1.0), dict.fromkeys(range(21), 0.0), "got 21"),
        ({0: 1.0, 1: math.nan}, {0: 1.0, 1: 2.0}, "seed 1 has the scores nan and 2.0"),
    ],
)
def test_what_cannot_be_paired_is_refused(values, baseline, message):
    with pytest.raises(ConfigError, match=message):
        paired_effect(values, baseline)


def test_wrong_p_values_and_too_many_patterns_are_refused():
    with pytest.raises(ConfigError, match="the p value of 'x' is 1.2"):
        holm({"x": 1.2})
    for count in (0, 21):
        with pytest.raises(ConfigError, match=f"1 to 20 differences and got {count}"):
            sign_flip_test([1.0] * count)
