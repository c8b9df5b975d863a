import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.world import render, render_clip
from udalib.world.drawing.flow import flow
from udalib.world.drawing.view import view
from udalib.world.render import build_scene, check_style

SIZE = (96, 192)


def landing(flow_uv):
    """Where each pixel's centre lands, and the upper left of the four pixel centres around it."""
    height, width = flow_uv.shape[1:]
    y, x = np.mgrid[:height, :width] + 0.5
    x, y = x + flow_uv[0], y + flow_uv[1]
    inside = (x > 0.5) & (x < width - 0.5) & (y > 0.5) & (y < height - 0.5)
    x0 = np.clip(np.floor(x - 0.5), 0, width - 2).astype(int)
    y0 = np.clip(np.floor(y - 0.5), 0, height - 2).astype(int)
    return inside, x0, y0


def around(values, x0, y0):
    """The four values around each landing place, stacked."""
    return np.stack([values[y0 + dy, x0 + dx] for dy in (0, 1) for dx in (0, 1)])


def pairs(clip):
    for t in range(clip["label"].shape[0] - 1):
        yield clip["flow_forward"][t].numpy(), t, t + 1, clip["flow_backward"][t].numpy()
        yield clip["flow_backward"][t].numpy(), t + 1, t, clip["flow_forward"][t].numpy()


@pytest.mark.parametrize("style", ["source", "target"])
def test_labels_follow_the_flow_where_nothing_hides_them(style):
    agreed, moving_agreed = [], []
    for index in range(6):
        clip = render_clip(index, 3, style, size=SIZE)
        label, instances, depth = (clip[k].numpy() for k in ("label", "instances", "depth"))
        for uv, a, b, _ in pairs(clip):
            inside, x0, y0 = landing(uv)
            nearer = around(depth[b], x0, y0).min(axis=0) < 0.85 * depth[a] - 0.6
            visible = inside & ~nearer
            same = (around(label[b], x0, y0) == label[a]).any(axis=0)
            agreed.append(same[visible])
            thing = visible & (instances[a] > 0)
            moving_agreed.append((around(instances[b], x0, y0) == instances[a]).any(axis=0)[thing])
    assert np.concatenate(agreed).mean() >= 0.99
    assert np.concatenate(moving_agreed).mean() >= 0.99


def test_flow_is_the_motion_of_the_corners_of_moving_things():
    """Independent of depth maps: corners of moving things, projected at both times, move as the flow around says."""
    checked, errors = 0, []
    for index in range(12):
        scene = build_scene(index, check_style("target"), 0, 20.0)
        a, b = view(scene, 0, SIZE), view(scene, 1, SIZE)
        uv = flow(a, b.pose, 1)
        speed = np.abs(scene.part_velocity).sum(axis=1)
        for part in np.unique(a.parts):
            y, x = np.nonzero(a.parts == part)
            if speed[part] == 0 or len(x) < 12:
                continue
            corners = np.flatnonzero(scene.polygon_part[scene.polygon] == part)
            at = [project(scene, v, corners) for v in (a, b)]
            for px, py, qx, qy in zip(*at[0], *at[1], strict=True):
                k = np.argmin((x + 0.5 - px) ** 2 + (y + 0.5 - py) ** 2)
                if (x[k] + 0.5 - px) ** 2 + (y[k] + 0.5 - py) ** 2 < 0.8:
                    errors.append(np.hypot(uv[0, y[k], x[k]] - (qx - px), uv[1, y[k], x[k]] - (qy - py)))
                    checked += 1
    assert checked > 100
    assert np.quantile(errors, 0.95) < 0.3  # the nearest pixel centre is up to 0.9 pixel from the corner


def project(scene, seen, corners):
    moved = scene.group_velocity[scene.polygon_group[scene.polygon[corners]]] * (seen.frame / 17.0)
    x, y, z = seen.pose.to_camera(scene.x[corners] + moved[:, 0], scene.y[corners], scene.z[corners] + moved[:, 1])
    focal, cx, cy = seen.lens
    return cx + focal * x / z, cy + focal * y / z


def test_there_and_back_again():
    gaps = []
    for index in range(5):
        clip = render_clip(index, 3, "target", size=SIZE)
        instances, depth = clip["instances"].numpy(), clip["depth"].numpy()
        for uv, a, b, back in pairs(clip):
            inside, x0, y0 = landing(uv)
            same = inside & (around(instances[b], x0, y0) == instances[a]).all(axis=0)
            flat = np.ptp(around(depth[b], x0, y0), axis=0) < 0.05 * depth[a]
            returned = np.stack([around(back[c], x0, y0).mean(axis=0) for c in (0, 1)])
            gaps.append(np.hypot(*(uv + returned))[same & flat & (depth[a] < 60)])
    gap = np.concatenate(gaps)
    assert np.median(gap) < 0.1
    assert np.quantile(gap, 0.99) < 1.0


def test_camera_and_things_move():
    clip = render_clip(0, 5, "source", size=SIZE)
    assert float(clip["flow_forward"].abs().amax()) > 2.0
    assert not torch.equal(clip["label"][0], clip["label"][-1])


@pytest.mark.parametrize("style", ["source", "night"])
def test_frame_zero_is_the_still(style):
    clip, still = render_clip(6, 2, style, size=SIZE), render(6, style, size=SIZE)
    for key in ("image", "label", "instances", "depth"):
        assert torch.equal(clip[key][0], still[key])


def test_a_longer_clip_begins_with_the_shorter_one():
    short, long = render_clip(2, 3, "target", size=(48, 96)), render_clip(2, 40, "target", size=(48, 96))
    for key in ("image", "label", "depth", "instances"):
        assert torch.equal(long[key][:3], short[key])
    assert torch.equal(long["flow_forward"][:2], short["flow_forward"])


def test_a_long_clip_never_leaves_the_street():
    clip = render_clip(1, 200, "source", size=(16, 32))
    road = (clip["label"] == 0).float().mean(dim=(1, 2))
    building = (clip["label"] == 2).float().mean(dim=(1, 2))
    assert float(road[-50:].mean()) > 0.15
    assert float(building[-50:].mean()) > 0.05


def test_one_frame_has_no_flow():
    assert render_clip(0, 1, size=(32, 64))["flow_forward"].shape == (0, 2, 32, 64)


@pytest.mark.parametrize("length", [0, -3, 2.5])
def test_bad_length_is_refused(length):
    with pytest.raises(ConfigError, match="whole number of frames"):
        render_clip(0, length)
