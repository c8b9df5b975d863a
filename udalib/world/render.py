"""Stills and clips of the streets, each a pure function of (index, style, seed, size)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from udalib.core.errors import ConfigError
from udalib.core.seeding import derive_seed
from udalib.core.types import Sample
from udalib.world.dice import Dice
from udalib.world.drawing import palette
from udalib.world.drawing.flow import flow
from udalib.world.drawing.shading import NUMBERS, locate, paint
from udalib.world.drawing.view import REACH, View, view
from udalib.world.drawing.weather import develop
from udalib.world.ground import build_sides, lay_ground
from udalib.world.kit import kit
from udalib.world.layout import CHUNK, populate
from udalib.world.plan import Plan, Street, make_camera
from udalib.world.scene import Scene, assemble
from udalib.world.styles import STYLES, Style

WORLD_VERSION = "streets-v1"
NUM_CLASSES = 19
_SMALLEST, _LARGEST = 16, 4096


def render(index: int, style: str | Style = "source", seed: int = 0, size: tuple[int, int] = (128, 256)) -> Sample:
    """Draw still ``index`` of a style.

    Returns:
        ``image`` uint8 (3, H, W); ``label`` uint8 (H, W) of the 19 Cityscapes train ids; ``instances`` int32 (H, W),
        0 for none; ``boxes`` float32 (N, 4) x0 y0 x1 y1 in pixels around the visible pixels of each instance;
        ``box_labels`` int64 (N,); ``box_instances`` int64 (N,); ``depth`` float32 (H, W) in metres, 1000 for the sky
        and the hills; ``multilabel`` uint8 (19,), which classes are visible; ``name`` str.

    Raises:
        UnknownNameError: no style of that name is registered.
        ConfigError: the size cannot be drawn.

    >>> sample = render(3, "source", size=(64, 128))
    >>> tuple(sample["image"].shape), sample["label"].dtype
    ((3, 64, 128), torch.uint8)
    """
    look = check_style(style)
    check_size(size)
    scene = build_scene(index, look, seed, 0.0)
    arrays = _frame(view(scene, 0, size), look, seed, index)
    arrays |= find_boxes(arrays["instances"], arrays["label"])
    arrays["multilabel"] = np.bincount(arrays["label"].reshape(-1), minlength=NUM_CLASSES).astype(bool).astype(np.uint8)
    sample: Sample = {key: torch.from_numpy(value) for key, value in arrays.items()}
    sample["name"] = sample_name(look.name, seed, index)
    return sample


def render_clip(
    index: int, length: int, style: str | Style = "source", seed: int = 0, size: tuple[int, int] = (128, 256)
) -> Sample:
    """Draw ``length`` frames at 17 frames a second; frame 0 is the still of the same index.

    Returns:
        ``image`` uint8 (T, 3, H, W), ``label`` uint8 (T, H, W), ``instances`` int32 (T, H, W) numbered alike in all
        frames, ``depth`` float32 (T, H, W), ``flow_forward`` float32 (T - 1, 2, H, W) from frame t to t + 1 in t's
        pixels, ``flow_backward`` float32 (T - 1, 2, H, W) from frame t + 1 to t in (t + 1)'s pixels, ``name`` str.
        Flow is (u, v) in pixels, right and down, of the point that is visible in the pixel's centre.
    """
    look = check_style(style)
    check_size(size)
    if not isinstance(length, int) or length < 1:
        raise ConfigError(f"a clip's length must be a whole number of frames, at least 1; got {length!r}.")
    scene = build_scene(index, look, seed, scene_travel(index, look, seed, length))
    views = [view(scene, t, size) for t in range(length)]
    frames = [_frame(v, look, seed, index) for v in views]
    sample: Sample = {key: torch.from_numpy(np.stack([f[key] for f in frames])) for key in frames[0]}
    pairs = list(pairwise(views))
    empty = np.zeros((0, 2, *size), dtype=np.float32)
    forward = np.stack([flow(a, b.pose, b.frame) for a, b in pairs]) if pairs else empty
    backward = np.stack([flow(b, a.pose, a.frame) for a, b in pairs]) if pairs else empty
    sample["flow_forward"], sample["flow_backward"] = torch.from_numpy(forward), torch.from_numpy(backward)
    sample["name"] = f"{sample_name(look.name, seed, index)}_{length}f"
    return sample


def build_scene(index: int, style: Style, seed: int, travel: float) -> Scene:
    """Plan the street of a sample, as far as a camera that travels so many metres can see."""
    layout, surface = style.layout, style.surface
    dice = _dice("street", layout.stream, seed, index, 0)
    street = Street(dice, layout)
    camera = make_camera(dice, layout, street)
    plan, shapes = Plan(dice, surface), kit(layout.kit)
    chunks = 1 + int((travel + REACH) / CHUNK)
    lay_ground(plan, street)
    for chunk in range(chunks):
        plan.dice = _dice("chunk", layout.stream, seed, index, chunk)
        build_sides(plan, street, layout, shapes, chunk)
        populate(plan, street, layout, shapes, chunk)
    rows = palette.rows()
    dice = _dice("backdrop", layout.stream, seed, index, 0)
    return assemble(camera, plan.placements, NUMBERS, dice.pick(rows["sky"]), dice.pick(rows["terrain"]))


def scene_travel(index: int, style: Style, seed: int, length: int) -> float:
    """Metres the camera goes in a clip."""
    dice = _dice("street", style.layout.stream, seed, index, 0)
    camera = make_camera(dice, style.layout, Street(dice, style.layout)) if length else None
    return camera.pose(length - 1).z if camera else 0.0


def find_boxes(instances: NDArray[np.int32], label: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Tight boxes (x0, y0, x1, y1; x1 and y1 exclusive) around the visible pixels of each instance."""
    height, width = instances.shape
    y, x = np.nonzero(instances)
    ids = instances[y, x]
    n = int(np.max(ids)) + 1 if ids.size else 1
    rows, columns = np.zeros((n, height), dtype=bool), np.zeros((n, width), dtype=bool)
    rows[ids, y] = True
    columns[ids, x] = True
    classes = np.zeros(n, dtype=np.int64)
    classes[ids] = label[y, x]
    seen = np.flatnonzero(rows.any(axis=1))
    rows, columns = rows[seen], columns[seen]
    box = [columns.argmax(1), rows.argmax(1), width - columns[:, ::-1].argmax(1), height - rows[:, ::-1].argmax(1)]
    return {
        "boxes": np.stack(box, axis=1).astype(np.float32).reshape(-1, 4),
        "box_labels": classes[seen],
        "box_instances": seen.astype(np.int64),
    }


def sample_name(style: str, seed: int, index: int) -> str:
    """Name of a sample: world version, style, seed, index."""
    return f"{WORLD_VERSION}_{style}_s{seed}_{index:08d}"


def check_style(style: str | Style) -> Style:
    """The style itself, or the one registered under the name."""
    return style if isinstance(style, Style) else STYLES.get(style)


def check_size(size: tuple[int, int]) -> None:
    """Refuse a size that is not (height, width) within limits."""
    good = len(size) == 2 and all(isinstance(n, int) and _SMALLEST <= n <= _LARGEST for n in size)
    if not good:
        raise ConfigError(
            f"size must be (height, width), whole numbers from {_SMALLEST} to {_LARGEST}, for example (128, 256); "
            f"got {size!r}."
        )


def _dice(purpose: str, stream: str, seed: int, index: int, part: int) -> Dice:
    return Dice(_generator(purpose, stream, seed, index, part))


def _generator(purpose: str, stream: str, seed: int, index: int, part: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(derive_seed(WORLD_VERSION, purpose, stream, seed, index, part)))


def _frame(seen: View, style: Style, seed: int, index: int) -> dict[str, NDArray[Any]]:
    """Image, label, instances and depth of one view."""
    scene = seen.scene
    inverse = seen.inverse_depth()
    places = locate(seen, inverse)
    shared = _generator("light", style.name, seed, index, 0)
    own = _generator("sensor", style.name, seed, index, seen.frame)
    image = paint(seen, places, style, (0.45, 0.8, -0.4))
    return {
        "image": develop(image, seen, places, style.photo, shared, own),
        "label": np.take(scene.part_class, seen.parts),
        "instances": np.take(scene.part_instance, seen.parts),
        "depth": places.depth,
    }
