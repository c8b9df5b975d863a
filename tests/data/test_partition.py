"""Labelled and unlabelled parts: drawn with every class, read from lists, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError, DataError
from udalib.data.sampling.partition import (
    Partition,
    PartitionSampler,
    Subset,
    draw_partition,
    listed_partition,
    partition_of,
    read_list,
    require_classes,
)
from udalib.data.sampling.stats import ClassStatistics
from udalib.recipes.spec.factories import sampler_factory
from udalib.world import Streets

CITY = "gtFine/train/{0}/{0}_{1:06d}_000019_gtFine_labelIds.png"


def statistics(images):
    return ClassStatistics(tuple((str(i), dict.fromkeys(classes, 5)) for i, classes in enumerate(images)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=2, max_size=30), st.integers(0, 50), st.integers(1, 30)
)
def test_a_drawn_part_has_its_size_and_every_class_or_says_why_not(images, seed, labelled):
    stats = statistics(images)
    try:
        part = draw_partition(stats, labelled, seed)
    except DataError:
        # impossible, or the greedy choice needs more: never more than one image a class
        assert labelled < len(stats.totals()) or labelled >= len(images)
        return
    assert len(part.labelled) == labelled
    assert sorted(part.labelled + part.unlabelled) == list(range(len(images)))
    assert {c for i in part.labelled for c in images[i]} == set(stats.totals())
    assert draw_partition(stats, labelled, seed) == part


def test_seeds_differ_and_rare_classes_are_found():
    stats = statistics([{0, 1}] * 50 + [{0, 2}] + [{0, 1}] * 49)
    parts = [draw_partition(stats, 10, seed) for seed in range(3)]
    assert all(50 in part.labelled for part in parts)
    assert len({part.labelled for part in parts}) == 3


def test_what_cannot_be_covered_or_split_is_refused():
    stats = statistics([{0}, {1}, {2}, {0}])
    with pytest.raises(DataError, match="2 labelled images cannot show all 3 classes: the seed 0 needs 3"):
        draw_partition(stats, 2)
    with pytest.raises(DataError, match="has no unlabelled one"):
        draw_partition(stats, 4)
    with pytest.raises(DataError, match="has no labelled one"):
        Partition.of([], 4)
    with pytest.raises(ConfigError, match="part is 'both'"):
        Partition((0,), (1,)).part("both")


def test_published_lists_are_matched_by_name(tmp_path, monkeypatch):
    files = [CITY.format(city, i) for city in ("aachen", "bonn") for i in range(3)]
    (tmp_path / "labeled.txt").write_text("aachen/aachen_000001_000019\n\nbonn/bonn_000002_000019 extra\n")
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    names = read_list("labeled.txt")
    assert listed_partition(files, names) == Partition((1, 5), (0, 2, 3, 4))
    assert listed_partition(files, ["bonn_000000_000019"]).labelled == (3,)
    with pytest.raises(DataError, match="1 of 1 listed names are of no file"):
        listed_partition(files, ["aachen/aachen_000009_000019"])
    with pytest.raises(DataError, match="more than one file"):
        listed_partition(files, ["bonn"])
    with pytest.raises(DataError, match="is not there"):
        read_list("nothing.txt")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match="names no image"):
        read_list(tmp_path / "empty.txt")


def test_a_listed_part_must_show_every_class_unless_told(tmp_path):
    with pytest.raises(DataError, match=r"none of the 1 labelled images shows the classes \[1\]"):
        require_classes(Partition((0,), (1,)), statistics([{0}, {0, 1}]))
    require_classes(Partition((1,), (0,)), statistics([{0}, {0, 1}]))


@pytest.fixture
def streets(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path))
    return Streets("source", length=24, size=(32, 64))


def test_a_data_set_is_split_by_share_seed_or_list(streets, tmp_path):
    covered = partition_of(streets, denominator=2)
    assert (len(covered.labelled), len(covered.unlabelled)) == (12, 12)
    assert partition_of(streets, denominator=2) == covered
    assert partition_of(streets, denominator=2, seed=1) != covered
    free = partition_of(streets, denominator=5, cover_classes=False)
    assert len(free.labelled) == 4
    (tmp_path / "list.txt").write_text("\n".join(streets.label_file(i) for i in range(20)))
    listed = partition_of(streets, list_file=str(tmp_path / "list.txt"), cover_classes=False)
    assert listed.labelled == tuple(range(20))
    with pytest.raises(ConfigError, match="denominator is 0"):
        partition_of(streets, denominator=0)
    with pytest.raises(DataError, match="no unlabelled one"):
        partition_of(streets, denominator=1)


def test_two_streams_share_a_partition_and_never_meet(streets):
    parts = {name: sampler_factory("partition")(streets, 7, name, denominator=3) for name in ("labelled", "unlabelled")}
    seen = {name: sampler.indices(0, 48) for name, sampler in parts.items()}
    assert not set(seen["labelled"]) & set(seen["unlabelled"])
    assert set(seen["labelled"]) | set(seen["unlabelled"]) == set(range(24))
    assert sorted(seen["labelled"][:8]) == sorted(set(seen["labelled"]))  # an epoch has each item once
    again = PartitionSampler(parts["labelled"].items, 7)
    assert again.indices(5, 9) == seen["labelled"][5:14]
    assert PartitionSampler(parts["labelled"].items, 8).indices(0, 8) != seen["labelled"][:8]
    rest = Subset(streets, partition_of(streets, denominator=3).unlabelled)
    assert len(rest) == 16
    assert rest[0]["name"] == streets[parts["unlabelled"].items[0]]["name"]
    assert rest.label_space is streets.label_space
