import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError, DataError
from udalib.data import Draws, SequentialSampler, ShuffleSampler


def every_draw(draws):
    return torch.cat(
        [
            draws.uniform(2.0, 3.0)[:, None],
            draws.integers(3, 9)[:, None].float(),
            draws.bernoulli(0.5)[:, None].float(),
            draws.permutation(5).float(),
            draws.normal()[:, None],
        ],
        dim=1,
    )


def test_n_processes_draw_what_one_draws():
    whole = every_draw(Draws.for_batch(1, "source", 5, range(6)))
    parts = [every_draw(Draws.for_batch(1, "source", 5, positions)) for positions in (range(2), range(2, 6))]
    assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize("other", [(2, "source", 5), (1, "target", 5), (1, "source", 6)])
def test_every_key_changes_the_draws(other):
    same = Draws.for_batch(1, "source", 5, range(8)).uniform()
    assert torch.equal(same, Draws.for_batch(1, "source", 5, range(8)).uniform())
    assert not torch.isclose(same, Draws.for_batch(*other, range(8)).uniform()).any()


def test_distributions():
    draws = Draws.for_batch(0, "x", 0, range(4000))
    uniform, integers = draws.uniform(2.0, 4.0), draws.integers(3, 5)
    assert 2.0 <= float(uniform.min()) < 2.01
    assert 3.99 < float(uniform.max()) < 4.0
    assert abs(float(uniform.mean()) - 3.0) < 0.05
    assert torch.bincount(integers).tolist()[:3] == [0, 0, 0]
    assert (torch.bincount(integers, minlength=6)[3:] > 1200).all()
    assert abs(float(draws.bernoulli(0.3).float().mean()) - 0.3) < 0.03
    assert (draws.permutation(4).sort(1).values == torch.arange(4)).all()
    assert (uniform.dtype, integers.dtype) == (torch.float32, torch.int64)


def test_bounds_of_each_sample():
    bounds = torch.tensor([0, 10, 100])
    values = Draws.for_batch(0, "x", 0, range(3)).integers(bounds, bounds + 1)
    assert ((values == bounds) | (values == bounds + 1)).all()
    with pytest.raises(ConfigError, match="every upper bound"):
        Draws.for_batch(0, "x", 0, range(3)).integers(1, torch.tensor([1, 0, 1]))


@settings(max_examples=50, deadline=None)
@given(length=st.integers(1, 40), start=st.integers(0, 100), count=st.integers(0, 50), seed=st.integers(0, 3))
def test_samplers_are_pure_functions_of_the_position(length, start, count, seed):
    for sampler in (ShuffleSampler(length, seed), SequentialSampler(length)):
        whole = sampler.indices(0, start + count)
        assert sampler.indices(start, count) == whole[start:]
        full = [whole[i : i + length] for i in range(0, len(whole) - length + 1, length)]
        assert all(sorted(epoch) == list(range(length)) for epoch in full)


def test_shuffle_changes_with_seed_and_epoch():
    first = ShuffleSampler(50, 0).indices(0, 100)
    assert first[:50] != first[50:]
    assert first != ShuffleSampler(50, 1).indices(0, 100)
    assert first[:50] != list(range(50))


@pytest.mark.parametrize("sampler", [ShuffleSampler, SequentialSampler])
def test_an_empty_data_set_is_refused(sampler):
    with pytest.raises(DataError, match="at least one item"):
        sampler(0)
