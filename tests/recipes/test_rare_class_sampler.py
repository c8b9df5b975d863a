"""The sampler "rare_class" of recipes: streets, real label files, limits, given statistics, and what is kept."""

import json

import pytest

from udalib.core.errors import DataError
from udalib.data import SegmentationFolder, custom_space
from udalib.data.sampling.stats import PER_IMAGE, compute_class_statistics, count_classes
from udalib.data.sampling.stats_cache import cached_statistics, statistics_folder
from udalib.recipes.build import build_stream
from udalib.recipes.spec.datasets import First, in_label_space
from udalib.recipes.spec.specs import DatasetSpec, SamplerSpec, StreamSpec
from udalib.world import Streets

SIZE = (32, 64)
OPTIONS = {"length": 12, "size": SIZE}
RARE = SamplerSpec.of("rare_class", min_pixels=10)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))


def spec(sampler=RARE, limit=None, **options):
    dataset = DatasetSpec.of("streets/source", **{**OPTIONS, **options})
    return StreamSpec("source", DatasetSpec(dataset.name, dataset.options, limit=limit), 2, sampler)


def kept():
    return sorted(p.name for p in statistics_folder(Streets(**OPTIONS)).parent.glob("*/*"))


def test_streets_are_counted_once_and_kept(monkeypatch):
    sampler = build_stream(spec(), "cityscapes19", 0).sampler
    streets = Streets(**OPTIONS)
    assert sampler.statistics == count_classes(streets)
    assert [file for file, _ in sampler.statistics.images] == [streets[i]["name"] for i in range(12)]
    assert kept() == [PER_IMAGE]
    monkeypatch.setattr("udalib.data.sampling.stats_cache.count_classes", lambda *a, **k: pytest.fail("counted again"))
    again = build_stream(spec(), "cityscapes19", 0).sampler
    assert again.statistics == sampler.statistics
    assert again.indices(0, 20) == sampler.indices(0, 20)


@pytest.mark.parametrize(
    "other", [{"length": 11}, {"size": (32, 96)}, {"seed": 1}, {"split": "val"}, {"style": "target"}, {"limit": 5}]
)
def test_another_data_set_has_statistics_of_its_own(other):
    limit = other.pop("limit", None)
    streets = Streets(**{**OPTIONS, **other})
    dataset = streets if limit is None else First(streets, limit)
    assert statistics_folder(dataset) != statistics_folder(Streets(**OPTIONS))


def test_another_world_version_has_statistics_of_its_own(monkeypatch):
    before = statistics_folder(Streets(**OPTIONS))
    monkeypatch.setattr("udalib.world.dataset.WORLD_VERSION", "streets-v0")
    assert statistics_folder(Streets(**OPTIONS)) != before


def test_a_limit_restricts_what_is_drawn():
    stream = build_stream(spec(limit=5), "cityscapes19", 0)
    assert len(stream.sampler.statistics.images) == 5
    assert set(stream.sampler.indices(0, 200)) <= set(range(5))
    assert stream.load(0)["image"].shape == (2, 3, *SIZE)


def test_a_damaged_file_is_counted_again():
    streets = Streets(**OPTIONS)
    cached_statistics(streets)
    path = statistics_folder(streets) / PER_IMAGE
    path.write_text(path.read_text()[:50])
    assert cached_statistics(streets) == count_classes(streets)
    assert len(json.loads(path.read_text())) == 12


def test_classes_are_those_of_the_recipes_label_space():
    streets = in_label_space(Streets(**OPTIONS), "camvid11")
    statistics = build_stream(spec(), "camvid11", 0).sampler.statistics
    assert statistics == count_classes(streets)
    assert set(statistics.totals()) <= set(range(11))
    assert statistics != count_classes(Streets(**OPTIONS))
    assert statistics_folder(streets) != statistics_folder(Streets(**OPTIONS))


def files(root, ids, labels, space="cityscapes19"):
    from PIL import Image

    for i, values in enumerate(labels):
        for folder, image in (("images", Image.new("RGB", (8, 6))), ("labels", Image.new("L", (8, 6), values))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            image.save(root / folder / f"{i}.png")
    return SegmentationFolder(root / "images", root / "labels", space, ids=ids)


def test_label_files_are_counted_without_decoding_images_and_again_when_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr("udalib.data.sets.files.read_image", lambda path: pytest.fail("an image was decoded"))
    dataset = files(tmp_path, None, [3, 18])
    limited = First(in_label_space(dataset, "camvid11"), 2)
    assert len(cached_statistics(limited).images) == 2
    assert [f for f, _ in cached_statistics(dataset).images] == [dataset.label_file(0), dataset.label_file(1)]
    assert cached_statistics(dataset).totals() == {3: 48, 18: 48}
    files(tmp_path, None, [3, 7])
    assert cached_statistics(dataset).totals() == {3: 48, 7: 48}


def test_other_meanings_of_the_same_ids_have_statistics_of_their_own(tmp_path):
    one, other = (files(tmp_path, {3: train_id}, [3]) for train_id in (0, 5))
    files(tmp_path, None, [3])
    assert cached_statistics(one).totals() == {0: 48}
    assert cached_statistics(other).totals() == {5: 48}


def test_a_data_set_that_does_not_say_what_it_is_is_counted_each_time():
    class Plain:
        name = "plain"

        def __len__(self):
            return 1

        def __getitem__(self, i):
            return Streets(**OPTIONS)[i]

    assert statistics_folder(Plain()) is None
    assert statistics_folder(First(_with_space(Plain()), 1)) is None
    assert cached_statistics(Plain()).totals() == dict(sorted(count_classes(Plain()).images[0][1].items()))


def _with_space(dataset):
    dataset.label_space = custom_space("two", ["a", "b"])
    return dataset


def given(place):
    return SamplerSpec.of("rare_class", min_pixels=10, temperature=0.5, statistics=str(place))


def test_given_statistics_are_used(tmp_path):
    compute_class_statistics(Streets(**OPTIONS), tmp_path / "stats", progress=False)
    counted = build_stream(
        spec(SamplerSpec.of("rare_class", min_pixels=10, temperature=0.5)), "cityscapes19", 0
    ).sampler
    for place in (tmp_path / "stats", tmp_path / "stats" / PER_IMAGE):
        sampler = build_stream(spec(given(place)), "cityscapes19", 0).sampler
        assert sampler.indices(0, 50) == counted.indices(0, 50)


def test_given_statistics_may_lie_below_the_root_of_the_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    compute_class_statistics(Streets(**OPTIONS), tmp_path / "udalib_stats_here", progress=False)
    assert build_stream(spec(given("udalib_stats_here")), "cityscapes19", 0).sampler.classes


def test_statistics_of_another_data_set_are_refused(tmp_path):
    compute_class_statistics(Streets("target", **OPTIONS), tmp_path, progress=False)
    with pytest.raises(DataError, match=r"12 of the data set's 12 label files.*streets-v1_source.*udalib data stats"):
        build_stream(spec(given(tmp_path)), "cityscapes19", 0)


def test_statistics_of_another_label_space_are_refused(tmp_path):
    compute_class_statistics(Streets(**OPTIONS), tmp_path, progress=False)
    with pytest.raises(DataError, match=r"train ids \[1.*camvid11 has 11 classes"):
        build_stream(spec(given(tmp_path)), "camvid11", 0)


def test_missing_statistics_are_explained(tmp_path):
    with pytest.raises(DataError, match="no usable class statistics.*udalib data stats"):
        build_stream(spec(given(tmp_path / "nowhere")), "cityscapes19", 0)
