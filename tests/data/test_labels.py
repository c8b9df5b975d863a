import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data import (
    MapLabels,
    custom_space,
    label_space,
    label_space_names,
    listed,
    lookup_table,
    mapping,
    subset,
)

SPACES = {"cityscapes19": 19, "cityscapes16": 16, "cityscapes13": 13, "cityscapes7": 7, "camvid11": 11, "voc21": 21}
SPACES |= {"cityscapes_things": 10, "viper15": 15, "synthia12": 12}
PICTURES = {"coco80": 80, "coco128_frequent": 10, "voc20": 20, "cifar10": 10, "cifar100": 100, "flowers102": 102}
PICTURES |= {"imagenet1000": 1000, "inaturalist2018": 8142}
PICTURES |= {"visdrone10": 10, "tinyperson1": 1, "bccd3": 3}
"""Spaces of whole pictures and of boxes, between which there are no maps."""


@pytest.mark.parametrize(("name", "classes"), [*SPACES.items(), *PICTURES.items()])
def test_every_space_is_complete(name, classes):
    space = label_space(name)
    assert space.num_classes == len(space.names) == len(set(space.names)) == classes
    assert space.palette.shape == (classes, 3)
    assert space.palette.dtype == np.uint8
    assert len({tuple(c) for c in space.palette}) == classes
    assert [space.index(n) for n in space.names[:200]] == list(range(min(classes, 200)))
    assert set(label_space_names()) == {*SPACES, *PICTURES}


def test_subsets_name_the_same_classes_in_every_space():
    cityscapes = label_space("cityscapes19")
    for name in ("cityscapes16", "cityscapes13"):
        names = [cityscapes.names[i] for i in subset(name)]
        assert list(label_space(name).names) == names
    small = label_space("cityscapes16")
    assert [small.names[i] for i in small.subset("cityscapes13")] == list(label_space("cityscapes13").names)
    assert {cityscapes.names[i] for i in cityscapes.things} - {cityscapes.names[i] for i in subset("instances")} == {
        "traffic light",
        "traffic sign",
    }


@pytest.mark.parametrize("name", ["cityscapes16", "cityscapes13", "viper15", "synthia12"])
def test_there_and_back(name):
    classes = label_space(name).num_classes
    table = mapping("cityscapes19", name)[mapping(name, "cityscapes19")]
    assert table[:classes].tolist() == list(range(classes))
    assert (table[classes:] == 255).all()


@pytest.mark.parametrize(
    "src",
    [
        "cityscapes_ids",
        "gta5_ids",
        "synthia_ids",
        "mapillary_v1.2_ids",
        "camvid_ids",
        "viper_ids",
        "synthia_seq_ids",
        *SPACES,
    ],
)
@pytest.mark.parametrize("dst", ["cityscapes19", "cityscapes16", "cityscapes13", "cityscapes7", "camvid11"])
def test_maps_reach_only_classes_of_their_target(src, dst):
    if "voc21" in (src, dst):
        with pytest.raises(UnknownNameError, match="map from voc21 to"):
            mapping(src, dst)
        return
    if (src, dst) == ("cityscapes7", "cityscapes7") or src != "cityscapes7":
        values = set(mapping(src, dst).tolist()) - {255}
        assert values
        assert values <= set(range(label_space(dst).num_classes))


def test_maps_of_known_ids():
    for src, dst, pairs in (
        ("gta5_ids", "cityscapes19", {7: 0, 33: 18, 34: 255, 255: 255}),
        ("synthia_ids", "cityscapes16", {6: 8, 1: 9, 12: 14, 14: 255}),
        ("mapillary_v1.2_ids", "cityscapes19", {24: 0, 21: 12, 65: 255}),
        ("gta5_ids", "camvid11", {7: 3, 28: 8, 33: 10, 31: 255}),
        ("cityscapes19", "cityscapes7", {0: 0, 1: 0, 12: 5, 16: 6}),
        ("camvid_ids", "cityscapes19", {3: 0, 11: 255}),
    ):
        table = mapping(src, dst)
        assert {k: int(table[k]) for k in pairs} == pairs


def test_a_returned_map_may_be_changed_by_its_owner():
    mapping("gta5_ids", "cityscapes19")[:] = 0
    assert mapping("gta5_ids", "cityscapes19")[0] == 255


def test_lookup_table_keeps_or_ignores_unlisted_ids():
    assert lookup_table({7: 0, -1: 255})[[7, 8, 255]].tolist() == [0, 255, 255]
    assert lookup_table({7: 0}, unlisted=None)[[7, 8, 200]].tolist() == [0, 8, 200]


def test_map_labels_transform():
    batch = {"image": torch.zeros(1, 3, 1, 3), "label": torch.tensor([[[0, 13, 255]]])}
    mapped = MapLabels("cityscapes19", "camvid11")(batch, None)
    assert mapped["label"].tolist() == [[[3, 8, 255]]]
    assert mapped["label"].dtype == torch.int64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: label_space("cityscape19"), "unknown label space 'cityscape19'. Did you mean: cityscapes19"),
        (lambda: label_space("camvid11").index("Roads"), "unknown class of camvid11 'Roads'. Did you mean: Road"),
        (lambda: subset("cityscapes14"), "unknown class subset"),
        (lambda: mapping("gta_ids", "cityscapes19"), "Did you mean: gta5_ids"),
        (lambda: mapping("gta5_ids", "cityscapes18"), "unknown label space 'cityscapes18'"),
    ],
)
def test_unknown_names(call, words):
    with pytest.raises(UnknownNameError) as error:
        call()
    assert words in str(error.value)


def test_custom_space():
    space = custom_space("mine", ["road", "other"])
    assert space.names == ("road", "other")
    assert len({c.color for c in space.classes}) == 2
    for names, colors in ((["a", "a"], None), ([], None), (["a"], [(0, 0, 0), (1, 1, 1)])):
        with pytest.raises(ConfigError, match="distinct class names"):
            custom_space("bad", names, colors)


def test_the_class_lists_of_the_video_settings():
    """Quadmix sheet, section 4.3: classes in order, riders of Cityscapes with persons, the 11 of 12 that count."""
    names = "road sidewalk building fence light sign vegetation terrain sky person car truck bus motorcycle bicycle"
    assert [name.split()[-1] for name in label_space("viper15").names] == names.split()
    names = "road sidewalk building fence pole light sign vegetation sky person rider car"
    assert [name.split()[-1] for name in label_space("synthia12").names] == names.split()
    assert label_space("synthia12").subset("synthia11") == (0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
    ids = {
        7: 0,
        8: 1,
        11: 2,
        13: 3,
        19: 4,
        20: 5,
        21: 6,
        22: 7,
        23: 8,
        24: 9,
        25: 9,
        26: 10,
        27: 11,
        28: 12,
        32: 13,
        33: 14,
    }
    table = mapping("cityscapes_ids", "viper15")
    assert {raw: int(table[raw]) for raw in range(34) if table[raw] != 255} == ids
    ids = {7: 0, 8: 1, 11: 2, 13: 3, 17: 4, 19: 5, 20: 6, 21: 7, 23: 8, 24: 9, 25: 10, 26: 11}
    table = mapping("cityscapes_ids", "synthia12")
    assert {raw: int(table[raw]) for raw in range(34) if table[raw] != 255} == ids


def test_a_space_of_ones_own_is_named_by_its_classes():
    name = listed(["road", "the rest"])
    assert name == "classes:road,the rest"
    space = label_space(name)
    assert (space.name, space.names) == (name, ("road", "the rest"))
    assert label_space("classes: road , the rest").names == space.names
    assert mapping(name, name)[:4].tolist() == [0, 1, 255, 255]
    many = label_space(listed([f"class {i}" for i in range(30)]))
    assert (many.num_classes, len({*map(tuple, many.palette.tolist())})) == (30, 30)
    with pytest.raises(UnknownNameError, match="map from classes:a,b to"):
        mapping("classes:a,b", "camvid11")


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a,b", "c"], [" "]])
def test_classes_without_a_name_or_twice_are_refused(names):
    with pytest.raises(ConfigError, match="name"):
        listed(names)


def test_a_table_for_sixteen_bits():
    table = lookup_table({300: 1, 70000: 2}, entries=65536)
    assert (table.shape, table.dtype, table[300], table[44]) == ((65536,), np.uint8, 1, 255)
    assert lookup_table({300: 1}).tolist() == [255] * 256
