"""Rare class sampling: its probabilities, its candidates, the sampler in a stream, and the crops it asks for."""

import json
import math
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError, DataError
from udalib.data import (
    ClassRequirement,
    ClassStatistics,
    RandomCrop,
    RareClassSampler,
    Resize,
    SequentialSampler,
    Stream,
    class_probabilities,
)
from udalib.data.sampling.rare_class import candidates, select
from udalib.data.stream import RECROPS

COUNTS = st.lists(st.dictionaries(st.integers(0, 18), st.integers(1, 10**6)), min_size=1, max_size=6)
TEMPERATURES = st.sampled_from([0.002, 0.01, 0.05, 0.5, 5.0, math.inf])


def made(*images):
    return ClassStatistics(tuple((f"labels/{i}.png", counts) for i, counts in enumerate(images)))


STATISTICS = made({0: 900, 1: 90}, {0: 900, 1: 100}, {0: 800, 2: 10}, {0: 950, 2: 40})


@settings(max_examples=80, deadline=None)
@given(images=COUNTS.filter(any), temperature=TEMPERATURES)
def test_probabilities_sum_to_one_and_favour_the_rarer_class(images, temperature):
    statistics = made(*images)
    classes, probabilities = class_probabilities(statistics, temperature)
    totals = [statistics.totals()[c] for c in classes]
    assert totals == sorted(totals)
    assert set(classes) == set(statistics.totals())
    assert probabilities.sum() == pytest.approx(1.0)
    assert (np.diff(probabilities) <= 1e-7).all()


@settings(max_examples=80, deadline=None)
@given(images=COUNTS.filter(any))
def test_a_higher_temperature_is_never_further_from_uniform(images):
    temperatures = [0.002, 0.01, 0.05, 0.5, math.inf]
    each = [class_probabilities(made(*images), t)[1] for t in temperatures]
    rarest, commonest = [p[0] for p in each], [p[-1] for p in each]
    assert (np.diff(rarest) <= 1e-6).all()
    assert (np.diff(commonest) >= -1e-6).all()
    assert each[-1] == pytest.approx(np.full(len(each[-1]), 1 / len(each[-1])))


def test_the_formula():
    classes, probabilities = class_probabilities(STATISTICS, 0.5)
    frequencies = np.array([50, 190, 3550]) / 3790
    weights = np.exp((1 - frequencies) / 0.5)
    assert classes == [2, 1, 0]
    assert probabilities == pytest.approx(weights / weights.sum(), abs=1e-6)


def test_equal_totals_stand_in_order_of_appearance():
    assert class_probabilities(made({5: 7, 3: 7}, {0: 7}), 0.01)[0] == [5, 3, 0]


def test_candidates_have_more_than_min_pixels():
    assert candidates(STATISTICS, 1, 90) == [1]
    assert candidates(STATISTICS, 1, 89) == [0, 1]
    assert candidates(STATISTICS, 7, 0) == []


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, 1e-9])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(ConfigError, match="needs 1e-6 or more"):
        class_probabilities(STATISTICS, temperature)


def test_empty_statistics_are_refused():
    with pytest.raises(DataError, match="no class at all"):
        class_probabilities(made({}, {}))


@pytest.mark.parametrize("options", [{"min_pixels": -1}, {"min_crop_ratio": -0.5}, {"min_crop_ratio": math.nan}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="must be 0 or more"):
        RareClassSampler(STATISTICS, **options)


def test_min_pixels_above_every_count_is_refused():
    with pytest.raises(ConfigError, match="more than min_pixels=3000 pixels of any class, the most is 950"):
        RareClassSampler(STATISTICS)


def test_a_class_without_candidates_is_never_drawn_and_the_others_share_its_probability():
    sampler = RareClassSampler(STATISTICS, min_pixels=50, temperature=0.5)
    full = dict(zip(*class_probabilities(STATISTICS, 0.5), strict=True))
    got = dict(zip(sampler.classes, sampler.probabilities, strict=True))
    assert got[2] == 0.0
    assert got[1] / got[0] == pytest.approx(full[1] / full[0])
    assert sum(got.values()) == pytest.approx(1.0)
    assert {sampler.drawn(p)[0] for p in range(200)} == {0, 1}


def test_the_one_class_with_candidates_is_drawn_even_if_its_own_probability_vanishes():
    sampler = RareClassSampler(STATISTICS, min_pixels=500, temperature=0.001)
    assert dict(zip(*class_probabilities(STATISTICS, 0.001), strict=True))[0] == 0.0
    assert dict(zip(sampler.classes, sampler.probabilities, strict=True)) == {2: 0.0, 1: 0.0, 0: 1.0}


def test_draws_follow_the_probabilities():
    sampler = RareClassSampler(STATISTICS, min_pixels=5, temperature=0.5, seed=3)
    drawn = [sampler.drawn(p) for p in range(4000)]
    shares = [np.mean([c == train_id for c, _ in drawn]) for train_id in sampler.classes]
    assert shares == pytest.approx(sampler.probabilities, abs=0.03)
    items = np.bincount([item for _, item in drawn], minlength=4) / len(drawn)
    assert items == pytest.approx(sampler.item_probabilities(), abs=0.03)
    assert sampler.item_probabilities().sum() == pytest.approx(1.0)
    assert all(item in sampler.candidates[train_id] for train_id, item in drawn)


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 100), count=st.integers(0, 30), seed=st.integers(0, 3))
def test_the_sampler_is_a_pure_function_of_seed_and_position(start, count, seed):
    sampler = RareClassSampler(STATISTICS, seed=seed, min_pixels=5, temperature=0.5)
    assert sampler.indices(start, count) == sampler.indices(0, start + count)[start:]
    assert [sampler.requirement(p).train_id for p in range(5)] == [sampler.drawn(p)[0] for p in range(5)]


def test_another_seed_draws_otherwise():
    first, other = (RareClassSampler(STATISTICS, seed=s, min_pixels=5).indices(0, 50) for s in (0, 1))
    assert first != other


def test_requirement_is_a_share_of_min_pixels_and_none_without_one():
    assert RareClassSampler(STATISTICS, min_pixels=50).requirement(0).more_than == 25.0
    assert RareClassSampler(STATISTICS, min_pixels=50, min_crop_ratio=0).requirement(0) is None
    assert SequentialSampler(3).requirement(0) is None
    label = torch.tensor([[4, 4, 255]])
    assert [ClassRequirement(4, n).met_by(label) for n in (1, 1.5, 2)] == [True, True, False]


class Corner:
    """Item i: class 1 in the upper left corner (more of it in later items), class 0 elsewhere."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        label = torch.zeros(40, 60, dtype=torch.uint8)
        label[: 6 + i, : 6 + i] = 1
        return {"image": label.expand(3, 40, 60), "label": label, "name": f"labels/{i}.png"}


CROP = (RandomCrop((12, 12)),)


def corner_stream(min_crop_ratio=1.0, transforms=CROP, **options):
    images = [{0: 2400 - (6 + i) ** 2, 1: (6 + i) ** 2} for i in range(4)]
    sampler = RareClassSampler(made(*images), min_pixels=20, min_crop_ratio=min_crop_ratio)
    return Stream("source", Corner(), 4, sampler=sampler, sample_transforms=transforms, seed=1, **options)


def shown(stream, iterations=40):
    batches = [stream.load(i) for i in range(iterations)]
    return torch.cat([(b["label"] == 1).flatten(1).sum(1) for b in batches])


def test_crops_are_repeated_until_they_show_the_class():
    without = (shown(corner_stream(min_crop_ratio=0.0)) > 20).float().mean()
    repeated = (shown(corner_stream()) > 20).float().mean()
    assert without < 0.15
    assert repeated > 3 * without


class Counting:
    """A random transform that never shows the class and counts its calls; ``draws`` numbers each."""

    def __init__(self, draws=1):
        self.calls, self.draws = 0, draws

    def __call__(self, batch, draws):
        self.calls += 1
        for _ in range(self.draws):
            draws.uniform()
        return {**batch, "label": torch.full_like(batch["label"], 50 + self.calls)}


def test_the_last_of_eleven_tries_is_accepted():
    count = Counting()
    stream = corner_stream(transforms=(count,))
    stream.batch_size = 1
    assert int(stream.load(0)["label"].max()) == 50 + 11
    assert count.calls == 1 + RECROPS == 11


def test_transforms_that_draw_nothing_run_once():
    count = Counting(draws=0)
    corner_stream(transforms=(Resize((10, 10)), count)).load(0)
    assert count.calls == 4


def test_a_stream_asks_for_the_requirement_of_the_global_position():
    class Asked(SequentialSampler):
        positions = []

        def requirement(self, position):
            self.positions.append(position)

    stream = Stream("source", Corner(), 4, sampler=Asked(4), sample_transforms=CROP)
    stream.load(3, rank=1, world_size=2)
    assert Asked.positions == [14, 15]


def test_without_sample_transforms_nothing_is_repeated():
    stream = corner_stream(transforms=())
    assert stream.load(0)["label"].shape == (4, 40, 60)


def test_resuming_loader_processes_and_ranks_give_the_same_samples():
    whole = [corner_stream().load(i)["label"] for i in range(5)]
    resumed = list(islice(corner_stream(workers=1).batches(3), 2))
    assert all(torch.equal(a, b["label"]) for a, b in zip(whole[3:], resumed, strict=True))
    halves = [torch.cat([corner_stream().load(i, rank, 2)["label"] for rank in (0, 1)]) for i in range(5)]
    assert all(torch.equal(a, b) for a, b in zip(whole, halves, strict=True))


def test_an_unlabelled_sample_is_refused():
    class Bare(Corner):
        def __getitem__(self, i):
            return {"image": torch.zeros(3, 40, 60), "name": f"photo {i}"}

    stream = corner_stream()
    stream.dataset = Bare()
    with pytest.raises(DataError, match=r"photo \d has no label, but its sampler asks for class"):
        stream.load(0)


def test_statistics_are_matched_by_base_name_in_the_data_sets_order():
    given_names = ClassStatistics((("x/b_labelTrainIds.png", {1: 2}), ("x/a_labelTrainIds.png", {0: 1})))
    assert select(given_names, ["y/a.png", "y/b.png"]).images == (("y/a.png", {0: 1}), ("y/b.png", {1: 2}))
    dotted = ClassStatistics((("town_v1.1", {0: 1}), ("town_v1.2", {1: 1})))
    assert select(dotted, ["town_v1.2"]).images == (("town_v1.2", {1: 1}),)


def test_one_base_name_in_two_folders_is_told_apart_by_the_folder_or_refused():
    twice = ClassStatistics((("a/1.png", {0: 1}), ("b/1.png", {1: 1})))
    assert select(twice, ["b/1.png"]).images == (("b/1.png", {1: 1}),)
    with pytest.raises(DataError, match="share a base name"):
        select(twice, ["c/1.png"])


def test_statistics_of_other_files_are_refused():
    with pytest.raises(DataError, match=r"1 of the data set's 2 label files.*'other/9.png'.*udalib data stats"):
        RareClassSampler(STATISTICS, ["labels/1.png", "other/9.png"], min_pixels=5)
    with pytest.raises(DataError, match="those name 0 files, the first is 'none at all'"):
        select(ClassStatistics(()), ["a.png"])


def test_the_published_files_are_read(tmp_path):
    (tmp_path / "sample_class_stats.json").write_text(json.dumps([{"0": 5, "3": 2, "file": "a/1_labelTrainIds.png"}]))
    for place in (tmp_path, tmp_path / "sample_class_stats.json"):
        assert ClassStatistics.load(place).totals() == {0: 5, 3: 2}
