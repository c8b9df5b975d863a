import numpy as np
import pytest

from udalib.world.drawing.raster import clip_near, fill, quantise


def paint(polygons, size=(12, 16)):
    out = np.zeros(size, dtype=np.uint16)
    points = quantise(np.array([p for polygon in polygons for p in polygon], dtype=np.float64))
    following, rank, start = [], [], 0
    for k, polygon in enumerate(polygons):
        n = len(polygon)
        following += [start + (i + 1) % n for i in range(n)]
        rank += [k] * n
        start += n
    values = np.arange(1, len(polygons) + 1, dtype=np.uint16)
    fill(out, points[:, 0], points[:, 1], np.array(following), np.array(rank), values)
    return out


def test_rectangle_covers_the_pixels_whose_centres_it_holds():
    out = paint([[(2.5, 3.0), (7.5, 3.0), (7.5, 6.0), (2.5, 6.0)]])
    expected = np.zeros((12, 16), dtype=np.uint16)
    expected[3:6, 2:7] = 1
    assert np.array_equal(out, expected)


def test_later_ranks_cover_earlier_ones():
    square = [(0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0)]
    out = paint([square, [(x + 4, y + 4) for x, y in square]])
    assert out[5, 5] == 2
    assert out[1, 1] == 1


@pytest.mark.parametrize("seed", range(25))
def test_agrees_with_half_plane_tests(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
    centre, radius = rng.uniform(-4, 20, 2), rng.uniform(1, 14)
    points = quantise(np.stack([centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)], axis=1))
    if seed % 2:
        points = points[::-1]
    out = paint([points.tolist()], (20, 24))
    y, x = np.mgrid[:20, :24] + 0.5
    edges = np.roll(points, -1, axis=0) - points
    sides = np.stack([e[0] * (y - p[1]) - e[1] * (x - p[0]) for p, e in zip(points, edges, strict=True)])
    inside = (sides > 1e-9).all(axis=0) | (sides < -1e-9).all(axis=0)
    near_edge = (np.abs(sides) < 1e-9).any(axis=0)
    assert np.array_equal((out > 0)[~near_edge], inside[~near_edge])


def test_neighbours_share_no_pixel_and_leave_no_gap():
    cut = [(3.3, 0.0), (9.7, 12.0)]
    left = [(0.0, 0.0), cut[0], cut[1], (0.0, 12.0)]
    right = [cut[0], (16.0, 0.0), (16.0, 12.0), cut[1]]
    forward, backward = paint([left, right]), paint([right, left])
    assert (forward > 0).all()
    assert np.array_equal(forward == 1, backward == 2)


def test_things_outside_the_picture_leave_no_trace():
    assert not paint([[(-9.0, -9.0), (-1.0, -9.0), (-1.0, -1.0)], [(20.0, 2.0), (30.0, 2.0), (25.0, 9.0)]]).any()


def test_near_plane_cuts_a_polygon():
    corners = [(0.0, 0.0, -1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0)]
    kept = clip_near(corners, 0.5)
    assert len(kept) == 4
    assert min(z for _, _, z in kept) == 0.5
    assert clip_near([(x, y, -1.0) for x, y, _ in corners], 0.5) == []
