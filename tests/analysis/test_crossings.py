"""From which sample a mixed pixel came, and which classes were seen in which crossing."""

import pytest
import torch

from udalib.analysis.crossings import CROSSINGS, ORIGINS, count_crossings, origins, pasted_domain
from udalib.core.errors import DataError
from udalib.ops.clips import image_clip
from udalib.ops.quad_mixing import Paths, Template, quad_mix

SIZE = (2, 4)


def clips():
    """Four clips whose images are 0, 1, 2, 3 all over; the labels are of no account."""
    return [image_clip(torch.full((1, 3, *SIZE), float(n)), torch.zeros(1, *SIZE, dtype=torch.int64)) for n in range(4)]


def templates(given):
    source, target = torch.zeros(2, 1, 1, *SIZE, dtype=torch.bool)
    source[..., :2] = True
    target[..., :1, :] = True
    return Template(given[2], source), Template(given[3], target)


@pytest.mark.parametrize("paths", [Paths(), Paths(False, True, False, True), Paths(False, False, False, False)])
def test_the_origin_is_the_sample_whose_image_is_seen(paths):
    given = clips()
    cut = templates(given)
    mixed = quad_mix(given[0], given[1], *cut, paths=paths)
    for origin, clip in zip(origins(given[0], given[1], *cut, paths=paths), (mixed.tss, mixed.tst), strict=True):
        assert torch.equal(origin, clip.image[:, 0].long())


def test_labels_of_the_clips_are_left_alone():
    given = clips()
    origins(given[0], given[1], *templates(given))
    assert all(bool((clip.labels == 0).all()) for clip in given)
    assert len(ORIGINS) == len(CROSSINGS) == 4


def test_pasted_pixels_count_by_their_own_domain_and_that_of_the_picture():
    given = clips()
    first, second = origins(given[0], given[1], *templates(given))
    assert pasted_domain(first).tolist() == [[[1, 1, 1, 1], [0, 0, -1, -1]]]
    label = torch.tensor([[[0, 0, 1, 255], [1, 1, 0, 0]]])
    assert count_crossings(label, pasted_domain(first), 0, 2).tolist() == [[0, 2], [2, 1], [0, 0], [0, 0]]
    assert count_crossings(label, pasted_domain(second), 1, 2).tolist() == [[0, 0], [0, 0], [0, 2], [2, 1]]


def test_maps_of_unlike_shape_are_refused():
    with pytest.raises(DataError, match=r"labels \(1, 2, 4\) and pasted domains \(1, 4, 4\)"):
        count_crossings(torch.zeros(1, 2, 4).long(), torch.zeros(1, 4, 4).long(), 0, 2)
