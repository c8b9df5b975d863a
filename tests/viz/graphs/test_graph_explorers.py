"""The explorers of graphs over their ranges."""

import pytest
import torch

from udalib.analysis.networks.graph_nodes import stage_nodes
from udalib.core.errors import ConfigError
from udalib.data.labels import label_space
from udalib.models import create_network
from udalib.viz.graphs import PATCH, CountExplorer, NeighbourExplorer

SPACE = label_space("cityscapes19")
SIZE = (32, 64)
IDS = (11, 13, 18)


def samples():
    made = []
    for seed in range(2):
        random = torch.Generator().manual_seed(seed)
        label = torch.zeros(SIZE, dtype=torch.uint8)
        label[:, 32:], label[16:, 40:] = 10, 13
        made.append({"image": torch.randint(0, 256, (3, *SIZE), generator=random, dtype=torch.uint8), "label": label})
    return made


def stages(**options):
    torch.manual_seed(0)
    network = create_network("gkgnet", num_classes=3, variant="streets", size=SIZE, k=2, k_label=2, **options).eval()
    return stage_nodes(network, torch.stack([sample["image"] for sample in samples()]).float() / 255)


def neighbours(**options):
    return NeighbourExplorer(samples(), stages(**options), SPACE, IDS)


def counts():
    return CountExplorer(samples(), stages(), SPACE)


@pytest.mark.parametrize("make", [neighbours, counts])
def test_every_control_moves_over_its_whole_range(make, draw_over_all_ranges):
    draw_over_all_ranges(make())


@pytest.mark.parametrize("make", [neighbours, counts])
def test_every_control_of_the_widget_changes_the_picture(make, move_every_control):
    move_every_control(make())


def test_every_stage_can_be_asked_for_the_most_of_everything():
    explorer = neighbours()
    most = {"k": 2, "groups": 4, "dilation": 3}
    for stage in (1, 2, 3):
        for who in (PATCH, "car"):
            assert "of at most 8" in explorer.draw(who=who, stage=stage, **most).get_suptitle()


def test_the_title_says_who_asks_and_what_it_hears():
    explorer = neighbours()
    patch = explorer.draw(row=0, column=15, groups=1).get_suptitle()
    assert patch.startswith("a patch of 'sky', stage 1: 2 different sources of at most 2")
    assert "(3 in the picture do)" in patch
    assert explorer.draw(who="car").get_suptitle().startswith("label 'car', stage 1: ")
    assert "show it" not in explorer.draw(who="person").get_suptitle()


def test_without_positions_a_patch_looks_at_content_alone():
    explorer = neighbours()
    with_them, without = (explorer.draw(positions=on, groups=1) for on in (True, False))
    nodes = stages()[0]
    at = explorer.defaults["row"] * 16 + explorer.defaults["column"]
    chosen = nodes.patch_neighbours(2, 1, positions=False)[0, 0, at].tolist()
    nearest = without.axes[1].images[0].get_array().flatten().argsort()[::-1][:2].tolist()
    assert nearest == chosen
    table = nodes.positions.block(at, at + 1)[0]
    shift = torch.as_tensor(without.axes[1].images[0].get_array() - with_them.axes[1].images[0].get_array()).flatten()
    assert torch.allclose(shift, 0.5 * table, atol=1e-5)


def test_the_contact_sheet_has_a_panel_a_state():
    sheet = counts().contact_sheet(stage=[1, 3], groups=[1, 2])
    assert len(sheet.axes) == 4


def test_a_network_without_label_nodes_offers_patches_alone():
    assert neighbours(cross=False).controls["who"].options == (PATCH,)


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="1 images need nodes of as many in every stage; got nodes of \\[2\\] images"):
        CountExplorer(samples()[:1], stages(), SPACE)
    with pytest.raises(ConfigError, match="there is no image"):
        NeighbourExplorer([], stages(), SPACE, IDS)
