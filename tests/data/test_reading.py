import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from udalib.core.errors import ConfigError, DataError
from udalib.data import label_space
from udalib.data.sets.reading import FileError, read_ids, read_image, without_ego_vehicle

SPACE = label_space("cityscapes19")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_label_files_keep_their_first_channel(tmp_path, write, channels):
    pixels = np.random.default_rng(0).integers(0, 65536, (11, 7, channels), dtype=np.uint16)
    pixels[..., 0] = np.random.default_rng(1).integers(0, 23, (11, 7))
    pixels[0, 0, 0] = 1000
    got = read_ids(write.png16(tmp_path / "label.png", pixels), "first16", SPACE)
    want = pixels[..., 0].copy()
    want[0, 0] = 255
    assert got.dtype == np.uint8
    assert np.array_equal(got, want)


def test_palette_labels_keep_their_indices(tmp_path, write):
    got = read_ids(write.label(tmp_path / "x.png", [0, 3, 26, 255], palette=True), "ids", SPACE)
    assert got[0].tolist() == [0, 3, 26, 255, 0, 3, 26, 255]


def test_few_bit_labels(tmp_path):
    Image.fromarray(np.array([[0, 3], [11, 2]], dtype=np.uint8)).convert("P").save(tmp_path / "x.png", bits=4)
    assert read_ids(tmp_path / "x.png", "ids", SPACE).tolist() == [[0, 3], [11, 2]]


def test_colour_labels(tmp_path):
    pixels = np.concatenate([SPACE.palette, np.array([[1, 2, 3]], dtype=np.uint8)])[None]
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert read_ids(tmp_path / "x.png", "color", SPACE)[0].tolist() == [*range(19), 255]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_images_of_other_modes_become_rgb(tmp_path, mode):
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.new("RGB", (5, 4), (200, 200, 200)).convert(mode).save(path)
    image = read_image(path)
    assert (image.shape, image.dtype) == ((3, 4, 5), torch.uint8)
    assert (image.float() - 200).abs().max() <= 5


def test_a_cameras_rotation_is_honoured(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 4)).save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").shape == (3, 5, 4)


def cut(path, share=0.6):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def linked(path):
    path.symlink_to(path.with_name("nowhere"))
    return path


def deep(path):
    Image.fromarray(np.zeros((4, 5), dtype=np.uint16)).save(path)
    return path


def written(path, content):
    path.write_bytes(content)
    return path


IMAGE_FAULTS = {
    "missing-image": (lambda p, w: p, "does not exist. Complete the download"),
    "broken-symlink": (lambda p, w: linked(p), "Mend the link"),
    "zero-byte": (lambda p, w: written(p, b""), "empty. Copy or download it again"),
    "truncated": (lambda p, w: cut(w.image(p, size=(60, 80))), "truncated or damaged"),
    "unreadable": (lambda p, w: written(p, b"hello" * 100), "not an image"),
    "bit-depth": (lambda p, w: deep(p), "Convert it to 8-bit RGB"),
}


@pytest.mark.parametrize("kind", IMAGE_FAULTS)
def test_faulty_images_are_named(tmp_path, write, kind):
    make, words = IMAGE_FAULTS[kind]
    path = make(tmp_path / "x.png", write)
    with pytest.raises(DataError) as error:
        read_image(path)
    assert error.value.kind == kind
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


def test_truncated_jpeg(tmp_path, write):
    with pytest.raises(FileError, match="truncated or damaged") as error:
        read_image(cut(write.image(tmp_path / "x.jpg", size=(60, 80))))
    assert error.value.kind == "truncated"


LABEL_FAULTS = {
    "missing": ("ids", lambda p, w: p, "missing-label", "run the converter"),
    "colour": ("ids", lambda p, w: w.image(p), "color-label", "decode='color'"),
    "deep": ("ids", lambda p, w: deep(p), "bit-depth", "decode='first16'"),
    "cut": ("ids", lambda p, w: cut(w.label(p, range(200), size=(60, 80))), "truncated", "again"),
    "8 bit": ("first16", lambda p, w: w.label(p, [1]), "bit-depth", "Use the original files"),
    "16 cut": ("first16", lambda p, w: cut(w.png16(p, np.ones((9, 9, 3), np.uint16))), "truncated", "again"),
    "16 empty": ("first16", lambda p, w: written(p, b""), "zero-byte", "again"),
    "16 text": ("first16", lambda p, w: written(p, b"hello"), "truncated", "cannot be decoded as PNG"),
}


@pytest.mark.parametrize("fault", LABEL_FAULTS)
def test_faulty_labels_are_named(tmp_path, write, fault):
    decode, make, kind, words = LABEL_FAULTS[fault]
    path = make(tmp_path / "x.png", write)
    with pytest.raises(FileError) as error:
        read_ids(path, decode, SPACE)
    assert error.value.kind == kind
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_unknown_decoding(tmp_path):
    with pytest.raises(ConfigError, match="choose one of ids, first16, color"):
        read_ids(tmp_path / "x.png", "bits", SPACE)


def test_file_errors_survive_pickling(tmp_path):
    with pytest.raises(FileError) as error:
        read_image(tmp_path / "x.png")
    copy = pickle.loads(pickle.dumps(error.value))
    assert (str(copy), copy.kind, copy.path) == (str(error.value), "missing-image", tmp_path / "x.png")


def test_the_ego_vehicle_of_viper_is_the_part_that_touches_the_middle_of_the_bottom(tmp_path):
    rows = ["..#..##", "..##..#", "#..###.", "#.##.##"]
    ids = np.array([[24 if c == "#" else 3 for c in row] for row in rows], dtype=np.uint8)
    Image.fromarray(ids).save(tmp_path / "label.png")
    left = read_ids(tmp_path / "label.png", "viper", SPACE)
    want = ["..o..##", "..oo..#", "#..ooo.", "#.oo.oo"]  # by sides: the upper right part only touches by a corner
    assert left.tolist() == [[{"o": 0, "#": 24, ".": 3}[c] for c in row] for row in want]
    nothing = np.full((4, 7), 3, dtype=np.uint8)
    assert (without_ego_vehicle(nothing) == nothing).all()
    assert (read_ids(tmp_path / "label.png", "ids", SPACE) == ids).all()
