"""What folders hold before anybody has named their ids; folders written from any data set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from udalib.core.errors import ConfigError, DataError
from udalib.data import SegmentationFolder
from udalib.data.sets.survey import infer_ids, survey_folder
from udalib.data.sets.writing import coded, write_folders
from udalib.world import Streets


def test_sizes_ids_and_where_each_id_stands_first(tmp_path, write):
    write.image(tmp_path / "p/a.png", size=(4, 6))
    write.image(tmp_path / "p/b.png", size=(4, 6))
    write.image(tmp_path / "p/c.jpg", size=(8, 2))
    write.label(tmp_path / "l/a.png", [0, 255], size=(4, 6))
    Image.fromarray(np.full((4, 6), 40000, np.uint16)).save(tmp_path / "l/b.png")
    write.label(tmp_path / "l/c.png", [0], size=(8, 2), palette=True)
    found = survey_folder(tmp_path / "p", tmp_path / "l")
    assert (dict(found.sizes), found.images) == ({(4, 6): 2, (8, 2): 1}, 3)
    assert dict(found.ids) == {0: 12 + 16, 255: 12, 40000: 24}
    assert [found.first[raw].name for raw in (0, 255, 40000)] == ["a.png", "a.png", "b.png"]
    assert found.pixels == pytest.approx((24 + 24 + 16) / 3)


def test_images_without_labels_have_sizes_alone(tmp_path, write):
    write.image(tmp_path / "a.png", size=(4, 6))
    found = survey_folder(tmp_path)
    assert (dict(found.sizes), dict(found.ids)) == ({(4, 6): 1}, {})


def test_label_suffixes_are_followed(tmp_path, write):
    write.image(tmp_path / "p/a.png")
    write.label(tmp_path / "l/a_mask.png", [3])
    assert list(survey_folder(tmp_path / "p", tmp_path / "l", label_suffix="_mask.png").ids) == [3]
    with pytest.raises(DataError, match="a.png: this label does not exist"):
        survey_folder(tmp_path / "p", tmp_path / "l")


@given(st.sets(st.integers(0, 65535), min_size=1, max_size=20), st.sets(st.integers(0, 65535), max_size=5))
def test_inferred_ids_number_what_is_not_ignored_in_order(found, ignore):
    ids = infer_ids(found, ignore)
    assert list(ids) == sorted(found)
    kept = [train for train in ids.values() if train != 255]
    assert kept == list(range(len(kept)))
    assert all(ids[raw] == 255 for raw in found & ignore)


def test_a_data_set_written_and_read_is_the_same(tmp_path):
    streets = Streets(length=3, size=(16, 32), cache=False)
    codes = {train: 1000 + train for train in range(19)}
    assert write_folders(streets, tmp_path / "p", tmp_path / "l", codes=codes, bits=16) == 3
    ids = {code: train for train, code in codes.items()}
    mine = SegmentationFolder(tmp_path / "p", tmp_path / "l", ids=ids, decode="ids16")
    for i in range(3):
        assert (mine[i]["image"] == streets[i]["image"]).all()
        assert (mine[i]["label"] == streets[i]["label"]).all()


def test_codes_that_are_missing_or_too_large():
    label = np.array([[0, 1, 2, 255]])
    assert coded(label).tolist() == [[0, 1, 2, 255]]
    assert coded(label, {0: 7, 255: 9}).tolist() == [[7, 255, 255, 9]]
    with pytest.raises(ConfigError, match="300 does not fit into 8 bits; use 16"):
        coded(label, {0: 300})
    with pytest.raises(ConfigError, match="labels of 12 bits"):
        write_folders(Streets(length=1, size=(16, 32), cache=False), "nowhere", bits=12)
