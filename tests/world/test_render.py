import hashlib
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy._core._multiarray_umath import __cpu_dispatch__

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.world import render, style_names
from udalib.world.layout import ROAD
from udalib.world.render import build_scene, check_style
from udalib.world.scene import STANDING

SMALL = (64, 128)


def digest():
    """Of what two styles draw; run as a script by the test below."""
    found = hashlib.blake2b(digest_size=8)
    for style in ("source", "target"):
        sample = render(5, style, seed=2, size=(48, 96))
        for key in ("label", "instances", "boxes", "depth"):
            found.update(sample[key].numpy().tobytes())
    return found.hexdigest()


def test_another_process_with_other_processor_instructions_draws_the_same():
    """Without the wide vector units NumPy takes other code paths, as on an older machine."""
    script = f"import hashlib\nfrom udalib.world import render\n{inspect.getsource(digest)}\nprint(digest())"
    plain = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=plain)
    assert done.stdout.strip() == digest()


def test_samples_do_not_depend_on_what_was_drawn_before():
    first = render(7, "target", size=SMALL)
    render(8, "source", size=(32, 48))
    again = render(7, "target", size=SMALL)
    assert all(torch.equal(first[k], again[k]) for k in first if k != "name")


@pytest.mark.parametrize("style", style_names())
def test_every_style_draws_every_key(style):
    sample = render(1, style, size=SMALL)
    assert sample["image"].shape == (3, *SMALL)
    assert sample["image"].dtype == torch.uint8
    assert sample["label"].shape == SMALL
    assert sample["label"].dtype == torch.uint8
    assert sample["instances"].dtype == torch.int32
    assert sample["depth"].dtype == torch.float32
    assert sample["boxes"].shape == (len(sample["box_labels"]), 4)
    assert torch.equal(sample["multilabel"].nonzero()[:, 0], sample["label"].unique().long())
    assert sample["image"].float().std() > 10


@pytest.mark.parametrize("size", [(16, 16), (37, 91), (64, 64), (200, 120), (128, 256)])
def test_size_is_free(size):
    sample = render(3, "target", size=size)
    assert sample["image"].shape == (3, *size)
    assert sample["label"].shape == sample["depth"].shape == size


def test_size_changes_the_sampling_not_the_scene():
    coarse, fine = (render(4, "source", size=s)["label"].numpy() for s in ((64, 128), (128, 256)))
    corners = [fine[dy::2, dx::2] == coarse for dy in (0, 1) for dx in (0, 1)]
    assert np.mean(np.any(corners, axis=0)) > 0.98


def test_all_classes_occur_and_their_tail_is_long():
    counts = np.zeros(19)
    for index in range(150):
        counts += np.bincount(render(index, "source", size=(32, 64))["label"].reshape(-1).numpy(), minlength=19)
    share = np.sort(counts / counts.sum())
    assert (counts > 0).all()
    assert share[-3:].sum() > 0.55
    assert share[:6].sum() < 0.03


@pytest.mark.parametrize("index", range(6))
def test_boxes_are_tight_around_visible_pixels(index):
    sample = render(index, "target", size=(96, 192))
    instances = sample["instances"].numpy()
    assert sample["box_instances"].tolist() == [i for i in np.unique(instances) if i > 0]
    for box, number, cls in zip(sample["boxes"], sample["box_instances"], sample["box_labels"], strict=True):
        y, x = np.nonzero(instances == int(number))
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert set(sample["label"][instances == int(number)].tolist()) == {int(cls)}


@pytest.mark.parametrize("style", ["source", "target"])
def test_things_and_only_things_are_instances(style):
    for index in range(30):
        sample = render(index, style, size=SMALL)
        assert bool(((sample["label"] >= 11) == (sample["instances"] > 0)).all())


@pytest.mark.parametrize("style", ["source", "target"])
def test_depth_of_the_road_is_the_ground_plane(style):
    size = (64, 128)
    sample = render(2, style, size=size)
    camera = build_scene(2, check_style(style), 0, 0.0).camera
    focal, _, cy = camera.lens(size)
    rows = torch.arange(size[0])[:, None].expand(size)
    road = (sample["label"] == ROAD) & (rows > cy + 4)
    expected = camera.height * focal / (rows + 0.5 - cy)
    assert int(road.sum()) > 500
    assert torch.allclose(sample["depth"][road], expected[road].float(), rtol=1e-4)
    sky = sample["label"] == 10
    assert bool((sample["depth"][sky] == 1000.0).all())
    assert float(sample["depth"].min()) >= 0.4


def test_nobody_stands_inside_a_vehicle():
    for style in ("source", "target"):
        for index in range(60):
            scene = build_scene(index, check_style(style), 0, 0.0)
            owners = np.unique(scene.part_group[scene.part_instance > 0])
            boxes = scene.group_box[owners] + np.array([0.2, -0.2, 0.2, -0.2])
            assert (scene.group_layer[owners] == STANDING).all()
            for k, box in enumerate(boxes):
                rest = np.delete(boxes, k, axis=0)
                inside = (box[0] < rest[:, 1]) & (rest[:, 0] < box[1]) & (box[2] < rest[:, 3]) & (rest[:, 2] < box[3])
                assert not inside.any()


def test_night_is_dark_but_readable():
    for index in range(5):
        night, day = (render(index, s, size=SMALL)["image"].float() for s in ("night", "target"))
        assert 18 < night.mean() < 0.7 * day.mean()
        assert torch.quantile(night, 0.95) > 60


def test_weather_keeps_the_scene():
    day = render(9, "target", size=SMALL)
    for style in ("night", "fog", "rain"):
        other = render(9, style, size=SMALL)
        assert torch.equal(other["label"], day["label"])
        assert not torch.equal(other["image"], day["image"])


def test_unknown_style_lists_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown style 'sorce'. Did you mean: source"):
        render(0, "sorce")


@pytest.mark.parametrize("size", [(8, 64), (64,), (64.0, 128.0), (64, 5000)])
def test_bad_size_says_what_is_expected(size):
    with pytest.raises(ConfigError, match=r"size must be \(height, width\)"):
        render(0, "source", size=size)
