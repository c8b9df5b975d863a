"""Graders of notebook 17: what ids mean, images of all shapes at one scale, wide ids, a fair split, even frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from udalib.data.sets.survey import infer_ids
from udalib.data.transforms.geometry import same_area_size
from udalib.teach.check import exercise, require, require_function
from udalib.viz.pictures.labels import to_numpy


@exercise("17.1", "write train_ids(found): the set of raw ids in 8-bit labels -> {raw id: train id}, 255 = ignored.")
def _train_ids(answer: Any) -> str:
    require_function(answer)
    got = answer({7, 2, 255})
    require(got != {2: 0, 7: 1, 255: 2}, "255 beside other classes means that nobody knows: its train id is 255.")
    require(got != {2: 1, 7: 0, 255: 255}, "sort the ids: a set has no order, and two runs must number alike.")
    require(got == {2: 0, 7: 1, 255: 255}, f"{{7, 2, 255}} are two classes: {{2: 0, 7: 1, 255: 255}}, got {got}.")
    mask = answer({0, 255})
    require(mask == {0: 0, 255: 1}, f"0 and 255 ALONE are a mask in black and white, {{0: 0, 255: 1}}; got {mask}.")
    for found in ({0, 1, 255}, {3, 9, 4}, {0, 1}):
        require(answer(found) == infer_ids(found), f"{found}: expected {infer_ids(found)}, got {answer(found)}.")
    return "a guess, and it can be wrong: 0 and 255 may mean 'road' and 'nobody looked'. Say what your ids mean."


@exercise("17.2", "write working_size(height, width, side): the size of the same shape with the area 2 * side ** 2.")
def _working_size(answer: Any) -> str:
    require_function(answer)
    got = tuple(int(v) for v in answer(480, 640, 64))
    require(got != (64, 128), "that squeezes every image into one shape; a wheel would become an egg.")
    require(got != (64, 85), "that makes the shorter side 64; then long images have more pixels than square ones.")
    require(got != (105, 78), "the height comes first.")
    for height, width, side in ((480, 640, 64), (640, 480, 64), (300, 300, 128), (1052, 1914, 512)):
        want = same_area_size((height, width), (side, 2 * side))
        got = tuple(int(v) for v in answer(height, width, side))
        near = len(got) == 2 and max(abs(got[0] - want[0]), abs(got[1] - want[1])) <= 1
        require(near, f"{height} x {width} at side {side}: {want}, got {got} (one factor for both sides).")
    return "a square of the side fits into every image that is at most twice as long as it is broad."


@exercise("17.3", "write to_classes(label, classes): uint16 (H, W) and {raw: train id} -> uint8, 255 for all others.")
def _wide(answer: Any) -> str:
    require_function(answer)
    label = np.array([[7000, 26000, 65535], [144, 0, 7000]], dtype=np.uint16)
    before, classes = label.copy(), {7000: 0, 26000: 1}
    got = to_numpy(answer(label, classes))
    require(np.array_equal(label, before), "the label was changed in place; the next reader finds other ids.")
    require(got.shape == label.shape, f"a label map stays {label.shape}, got {got.shape}.")
    require(got[1, 0] == 255, "id 144 became a class: 26000 folded into 8 bits is 144. Map first, then make it uint8.")
    want = np.array([[0, 1, 255], [255, 255, 0]])
    require(np.array_equal(got, want), f"expected {want.tolist()}, got {got.tolist()}.")
    require(
        got.dtype == np.uint8, f"255 classes at most fit into uint8, which is what a label map is; got {got.dtype}."
    )
    return "a table of 65536 entries does it in one indexing step."


@exercise("17.4", "write split(names, k): names SEQUENCE_FRAME -> (train, scored); every k-th SEQUENCE is scored.")
def _split(answer: Any) -> str:
    require_function(answer)
    names = [f"{drive}_{frame:03d}" for drive in ("dawn", "noon", "dusk", "rain") for frame in (1, 2, 3)]
    train, scored = (list(part) for part in answer(list(names), 2))
    require(
        not set(train) & set(scored), "an image is in both parts: the score would praise what was learned by heart."
    )
    require(sorted(train + scored) == sorted(names), "every image belongs to one of the parts.")
    drives = [{name.rsplit("_", 1)[0] for name in part} for part in (train, scored)]
    shared = sorted(drives[0] & drives[1])
    require(not shared, f"frames of {', '.join(shared)} are in both: neighbours in a video are almost one image.")
    require(len(drives[0]) == len(drives[1]) == 2, f"of four drives every second is scored; yours scores {drives[1]}.")
    return "`hold_out` here counts images, not drives: for videos, give the scored drive a folder of its own."


@exercise("17.5", "write even(frame): (H, W, 3) with even sides, the last row and column repeated where one is odd.")
def _even(answer: Any) -> str:
    require_function(answer)
    frame = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    got = to_numpy(answer(frame))
    require(got.shape != (4, 6, 3), "that cuts a row and a column off; the overlay would not fit its frame any more.")
    require(got.shape == (6, 8, 3), f"5 x 7 becomes 6 x 8, got {got.shape}.")
    require(np.array_equal(got[:5, :7], frame), "the frame itself stays as it is, in the upper left corner.")
    require(np.array_equal(got[5, :7], frame[4]), "the added row repeats the last one; black would show as a rim.")
    require(np.array_equal(got[:, 7], got[:, 6]), "the added column repeats the last one.")
    require(to_numpy(answer(frame[:4, :6])).shape == (4, 6, 3), "a frame with even sides stays as it is.")
    return "yuv420p stores the colour of two by two pixels once, so an odd side has no place for its last half."
