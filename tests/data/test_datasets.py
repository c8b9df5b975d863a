import json
from pathlib import Path

import numpy as np
import pytest

from udalib.core.errors import DataError, UnknownNameError
from udalib.data import DATASETS, create_dataset, label_space, label_space_names, manifest, manifest_names, mapping
from udalib.data.sets.manifests import manifest_folder
from udalib.data.sets.registry import from_manifest

REAL = [n for n in DATASETS if n != "folder"]
TRAIN_IDS = {0: 0, 13: 13, 18: 18, 255: 255}
CITY_IDS = {7: 0, 26: 13, 33: 18, 1: 255}
CITY13 = {7: 0, 26: 9, 33: 12, 12: 255}  # wall, fence and pole are no classes of it
VISTAS = {24: 0, 55: 13, 52: 18, 65: 255}
VIPER = {3: 0, 27: 11, 13: 4, 0: 255}
SYNTHIA_SEQ = {3: 0, 8: 11, 11: 10, 14: 255}
SYNTHIA = {3: 0, 8: 13, 11: 18, 14: 255}

# data set, split, label form, image file, label file, {raw id: train id}
TREES = [
    ("gta5", "train", "ids", "images/00001.png", "labels/00001.png", CITY_IDS),
    ("gta5", "train", "trainIds", "images/00001.png", "labels/00001_labelTrainIds.png", TRAIN_IDS),
    ("synthia", "train", "trainIds", "RGB/0000000.png", "GT/LABELS/0000000_labelTrainIds.png", TRAIN_IDS),
    ("synthia_seq", "train", "parsed", "rgb/000001.png", "parsed_label/000001.png", SYNTHIA_SEQ),
    ("viper", "train", "cls", "train/img/001/001_00010.jpg", "train/cls/001/001_00010.png", VIPER),
    *(
        ("cityscapes_seq", split, form, f"leftImg8bit_sequence/{split}/bonn/bonn_000000_000019_leftImg8bit.png",
         f"gtFine/{split}/bonn/bonn_000000_000019_gtFine_{form}.png", ids)
        for split in ("train", "val")
        for form, ids in (("labelTrainIds", TRAIN_IDS), ("labelIds", CITY_IDS))
    ),
    ("synthia", "train", "parsed", "RGB/0000000.png", "parsed_LABELS/0000000.png", SYNTHIA),
    *(
        ("cityscapes", split, form, f"{a}leftImg8bit/{split}/bonn/bonn_1_2_leftImg8bit.png",
         f"{b}gtFine/{split}/bonn/bonn_1_2_gtFine_{form}.png", ids)
        for split in ("train", "val")
        for form, ids in (("labelTrainIds", TRAIN_IDS), ("labelIds", CITY_IDS))
        for a, b in (("", ""), ("leftImg8bit_trainvaltest/", "gtFine_trainvaltest/"))
    ),
    ("acdc", "val", "labelTrainIds", "rgb_anon/val/a_rgb_anon.png", "gt/val/a_gt_labelTrainIds.png", TRAIN_IDS),
    ("acdc", "train", "labelIds", "rgb_anon/fog/train/G/a_rgb_anon.png", "gt/fog/train/G/a_gt_labelIds.png", CITY_IDS),
    ("dark_zurich", "val", "labelTrainIds", "rgb_anon/val/night/G1/a_rgb_anon.png",
     "gt/val/night/G1/a_gt_labelTrainIds.png", TRAIN_IDS),
    ("dark_zurich", "val", "labelIds", "rgb_anon/val/a_rgb_anon.png", "gt/val/a_gt_labelIds.png", CITY_IDS),
    ("bdd100k", "val", "train_id", "images/val/a.jpg", "labels/val/a_train_id.png", TRAIN_IDS),
    ("bdd100k", "train", "masks", "images/10k/train/a.jpg", "labels/sem_seg/masks/train/a.png", TRAIN_IDS),
    ("mapillary", "val", "labels", "validation/images/a.jpg", "validation/labels/a.png", VISTAS),
    ("mapillary", "train", "v1.2", "training/images/a.jpg", "training/v1.2/labels/a.png", VISTAS),
    ("idd", "val", "labelcsTrainIds", "leftImg8bit/val/0/a_leftImg8bit.png",
     "gtFine/val/0/a_gtFine_labelcsTrainIds.png", TRAIN_IDS),
    ("camvid", "test", "ids", "images/test/0001TP_1.png", "labels/test/0001TP_1.png", {0: 0, 8: 8, 10: 10, 11: 255}),
    *(
        ("crosscity", "test", "eval", f"{city}/Images/Test/pano.{kind}", f"{city}/Labels/Test/pano_eval.png", CITY13)
        for city, kind in (("Rome", "png"), ("Rio", "jpg"), ("Tokyo", "png"), ("Taipei", "jpg"))
    ),
    ("voc2012", "val", "original", "JPEGImages/a.jpg", "SegmentationClass/a.png", {0: 0, 15: 15, 20: 20, 255: 255}),
    ("voc2012", "my_list", "aug", "JPEGImages/a.jpg", "SegmentationClassAug/a.png", {0: 0, 15: 15, 20: 20, 255: 255}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "split", "form", "image", "label", "ids"), TREES)
def test_every_layout_is_found_and_mapped(tmp_path, write, name, split, form, image, label, ids):
    write.image(tmp_path / image)
    write.label(tmp_path / label, list(ids), palette=True)
    if name == "voc2012":
        (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
        (tmp_path / f"ImageSets/Segmentation/{split}.txt").write_text("a\n\n")
    dataset = create_dataset(name, split, tmp_path)
    sample = dataset[0]
    assert len(dataset) == 1
    assert sample["image"].shape == (3, 6, 8)
    assert sample["name"] == (tmp_path / image).stem
    assert sample["label"][0].tolist() == list(ids.values()) * 2
    assert dataset.label_file(0) == label
    assert (dataset.name, dataset.label_space) == (name, label_space(manifest(name).label_space))
    assert "label" not in create_dataset(name, split, tmp_path, labels=False)[0]
    explicit = from_manifest(name, split, tmp_path, label_form=form)
    assert explicit.read_label(0).equal(sample["label"])


def test_every_data_set_has_a_layout_test():
    # Layouts of pictures with classes are in tests/data/test_pictures.py, those of boxes in tests/data/test_boxes.py.
    assert {t[0] for t in TREES} == {name for name in REAL if any("ids" in form for form in manifest(name).labels)}


def test_synthia_reads_16_bit_labels(tmp_path, write):
    write.image(tmp_path / "RGB/0000000.png")
    pixels = np.random.default_rng(0).integers(0, 65536, (6, 8, 3), dtype=np.uint16)
    pixels[..., 0] = np.tile([3, 8, 11, 14, 0, 1, 22, 17], (6, 1))
    write.png16(tmp_path / "GT/LABELS/0000000.png", pixels)
    label = create_dataset("synthia", root=tmp_path)[0]["label"]
    assert label[5].tolist() == [0, 13, 18, 255, 255, 10, 255, 12]


def test_gta5_colour_labels_on_request(tmp_path, write):
    write.image(tmp_path / "images/1.png")
    from PIL import Image

    (tmp_path / "labels").mkdir()
    Image.fromarray(np.tile(label_space("cityscapes19").palette[[0, 13]], (6, 4, 1))).save(tmp_path / "labels/1.png")
    with pytest.raises(DataError, match="colour image"):
        create_dataset("gta5", root=tmp_path)[0]
    assert create_dataset("gta5", root=tmp_path, label_form="color")[0]["label"][0, :2].tolist() == [0, 13]


def test_unlabelled_splits_and_domains(tmp_path, write):
    for condition in ("fog", "night"):
        write.image(tmp_path / f"rgb_anon/{condition}/test/G/{condition}_rgb_anon.png")
    whole = create_dataset("acdc", "test", tmp_path)
    night = create_dataset("acdc", "test", tmp_path, domain="night")
    assert (len(whole), len(night), night[0]["name"]) == (2, 1, "night_rgb_anon")
    assert "label" not in night[0]
    with pytest.raises(DataError, match="has no label in this split"):
        night.read_label(0)
    with pytest.raises(DataError, match="no image of domain 'snow' .*it has images of fog, night"):
        create_dataset("acdc", "test", tmp_path, domain="snow")


def test_nights_of_dark_zurich_and_its_flattened_form(tmp_path, write):
    for time in ("night", "day", "twilight"):
        write.image(tmp_path / f"a/rgb_anon/train/{time}/G/{time}_rgb_anon.png")
    night = create_dataset("dark_zurich", "train", tmp_path / "a", domain="night", labels=False)
    assert [sample["name"] for sample in night] == ["night_rgb_anon"]
    assert len(create_dataset("dark_zurich", "train", tmp_path / "a")) == 3
    for name in ("acdc", "dark_zurich"):
        root = tmp_path / name
        write.image(root / "rgb_anon/train/b_rgb_anon.png")
        write.image(root / "rgb_anon/val/c_rgb_anon.png")
        write.label(root / "gt/val/c_gt_labelTrainIds.png", [0, 13])
        assert [sample["name"] for sample in create_dataset(name, "train", root, labels=False)] == ["b_rgb_anon"]
        assert create_dataset(name, "val", root)[0]["label"][0, :2].tolist() == [0, 13]
        with pytest.raises(DataError, match="no image of domain 'night'.*images of none of its domains"):
            create_dataset(name, "train", root, domain="night")


def test_the_cities_of_cross_city_are_targets_of_their_own(tmp_path, write):
    for city, kind in (("Rome", "png"), ("Rio", "jpg")):
        write.image(tmp_path / f"{city}/Images/Train/{city}.{kind}")
        write.image(tmp_path / f"{city}/Images/Test/{city}.{kind}")
        write.label(tmp_path / f"{city}/Labels/Test/{city}_eval.png", [7, 26])
    rio = create_dataset("crosscity", "train", tmp_path, city="rio")
    assert [sample["name"] for sample in rio] == ["Rio"]
    assert "label" not in rio[0]
    test = create_dataset("crosscity", "test", tmp_path, city="rome", label_space="cityscapes19")
    assert test[0]["label"][0, :2].tolist() == [0, 13]
    assert len(create_dataset("crosscity", "test", tmp_path)) == 2
    with pytest.raises(DataError, match=r"no image of domain 'tokyo' \(Tokyo/\*\).*it has images of rome, rio"):
        create_dataset("crosscity", "train", tmp_path, city="tokyo")
    with pytest.raises(UnknownNameError, match="unknown city of crosscity 'osaka'. Known: rio, rome, taipei, tokyo"):
        create_dataset("crosscity", "train", tmp_path, city="osaka")


def test_labels_in_another_space(mini):
    dataset = create_dataset("mini", label_space="cityscapes19")
    assert dataset[0]["label"][0, :4].tolist() == [10, 0, 13, 255]
    assert dataset.label_space.name == "cityscapes19"


def test_any_manifest_is_a_data_set(mini):
    assert [create_dataset("mini")[i]["name"] for i in range(3)] == ["1", "2", "3"]
    assert len(create_dataset("mini", "val", mini)) == 1


def test_image_and_label_of_different_size(mini, write):
    write.label(mini / "lab/train/a/1.png", [0], size=(6, 9))
    with pytest.raises(DataError, match=r"lab/train/a/1.png: this label is 9 x 6 pixels while its image 1.png is 8"):
        create_dataset("mini")[0]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mini", {"split": "trian"}, "unknown split of mini 'trian'. Did you mean: train"),
        ("mini", {"domain": "day"}, "unknown domain of mini"),
        ("mini", {"label_form": "id"}, "Did you mean: ids"),
        ("cityscape", {}, "unknown data set 'cityscape'. Did you mean: cityscapes"),
    ],
)
def test_unknown_names(mini, name, options, words):
    with pytest.raises(UnknownNameError) as error:
        create_dataset(name, **options)
    assert words in str(error.value)


def test_a_missing_data_set_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    with pytest.raises(DataError) as error:
        create_dataset("cityscapes")
    for words in (str(tmp_path / "cityscapes"), "UDALIB_DATA", "after registration", "data/cityscapes.json"):
        assert words in str(error.value)
    with pytest.raises(DataError, match="nowhere"):
        create_dataset("cityscapes", root=tmp_path / "nowhere")


def test_an_empty_split_names_its_files(tmp_path):
    with pytest.raises(DataError, match=r"split 'val': no file images/10k/val/\*.jpg"):
        create_dataset("bdd100k", "val", tmp_path)


def test_voc_lists(tmp_path):
    with pytest.raises(DataError, match=r"the list .*val.txt of split 'val' is missing"):
        create_dataset("voc2012", "val", tmp_path)
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/20_labeled_0.txt").write_text("a\n")
    with pytest.raises(UnknownNameError, match="20_labeled_0"):
        create_dataset("voc2012", "20_labeled_1", tmp_path)


@pytest.mark.parametrize("name", REAL)
def test_manifests_are_complete(name):
    facts = manifest(name)
    assert facts.name == name
    assert all(len(text) > 3 for text in (facts.title, facts.what, facts.licence, facts.where, *facts.layout))
    assert facts.folders
    assert facts.checks
    assert facts.label_space in label_space_names()
    maps = [form for form in facts.labels if "ids" in form]
    for form in maps:
        assert mapping(form["ids"], facts.label_space).shape == (256,)
        assert form["ids"] in label_space_names() or form["max_id"] < 255
    for split, spec in facts.splits.items():
        assert not maps or "images" in spec or "{id}" in spec["image"], split
        assert spec["count"] is None or spec["count"] > 0


def test_registry_and_manifests_agree():
    assert set(REAL) == set(manifest_names())


def test_broken_and_missing_manifests(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_MANIFESTS", str(tmp_path))
    for text in ("{", "[]", json.dumps({"name": "bad"})):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError, match=r"bad.json is not a usable manifest"):
            create_dataset("bad")
    monkeypatch.setenv("UDALIB_MANIFESTS", str(tmp_path / "none"))
    with pytest.raises(DataError, match="set UDALIB_MANIFESTS"):
        manifest("gta5")
    monkeypatch.delenv("UDALIB_MANIFESTS")
    assert manifest_folder() == Path(__file__).parents[2] / "data"
