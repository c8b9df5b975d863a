"""The explorers of long tails over their ranges."""

import pytest
import torch
import torch.nn.functional as F

from udalib.analysis.longtail import PARTS, Gallery, Part, Probe
from udalib.core.errors import ConfigError
from udalib.data.labels import label_space
from udalib.viz.longtail import NeighboursExplorer, ProfileExplorer, SharesExplorer

SPACE = label_space("cityscapes_things")
THREE = {name: PARTS[name] for name in ("whole", "centre", "lower left")}


def vectors(count, seed):
    return F.normalize(torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)), dim=1)


def seen(seed, names=("car", "bus")):
    """A gallery and probes as the network number ``seed`` sees them."""
    random = torch.Generator().manual_seed(9)
    images = torch.rand(12, 3, 8, 8, generator=random)
    probes = {}
    for label, name in enumerate(names):
        features = vectors(2 * len(THREE), 10 * seed + label)
        boxes = [tuple(8 * side for side in box) for box in THREE.values()]
        parts = [Part(b, images[0], *pair) for b, *pair in zip(boxes, features[::2], features[1::2], strict=True)]
        probes[name] = Probe(images[label], label, dict(zip(THREE, parts, strict=True)))
    return Gallery(images, torch.arange(12) % 10, vectors(12, seed)), probes


def neighbours():
    networks = {"SCL": seen(0), "DSCL": seen(1)}
    return NeighboursExplorer({n: g for n, (g, _) in networks.items()}, {n: p for n, (_, p) in networks.items()}, SPACE)


def shares():
    return SharesExplorer(seeds=(0,))


@pytest.mark.parametrize("make", [neighbours, shares, ProfileExplorer])
def test_every_control_moves_over_its_whole_range(make, draw_over_all_ranges):
    draw_over_all_ranges(make())


@pytest.mark.parametrize("make", [neighbours, shares, ProfileExplorer])
def test_every_control_of_the_widget_changes_the_picture(make, move_every_control):
    move_every_control(make())


def test_contact_sheets_have_a_panel_a_state():
    assert len(neighbours().contact_sheet(network=["SCL", "DSCL"], part=["whole", "centre"]).axes) == 4
    assert "cosine of the own view 0.7" in shares().draw(cosine=0.7)._suptitle.get_text()
    assert neighbours().draw(picture="bus", part="centre")._suptitle.get_text() == "bus, centre, as SCL sees it"


def test_marks_lie_on_the_lines_where_nothing_is_learned():
    left = SharesExplorer(imbalance=10.0, seeds=(0, 1)).draw(queue=4096, temperature=1.0).axes[0]
    assert len(left.collections) == 4  # two losses, two seeds each
    for place, marks in enumerate(left.collections):
        for count, ratio in marks.get_offsets().tolist():
            wanted = 1 / count if place < 2 else 1 / 9
            assert ratio == pytest.approx(wanted, rel=0.4)  # the head is a quarter of the queue


def test_bad_input_is_refused():
    one, other = seen(0), seen(1, names=("car", "train"))
    with pytest.raises(ConfigError, match="galleries of .* and probes of"):
        NeighboursExplorer({"a": one[0], "b": other[0]}, {"a": one[1], "b": other[1]}, SPACE)
    with pytest.raises(ConfigError, match=r"galleries of \[\] and probes of \[\]"):
        NeighboursExplorer({}, {}, SPACE)
    with pytest.raises(ConfigError, match="probes of"):
        NeighboursExplorer({"a": one[0]}, {"a": {}}, SPACE)
    with pytest.raises(ConfigError, match="give a seed"):
        SharesExplorer(seeds=())
