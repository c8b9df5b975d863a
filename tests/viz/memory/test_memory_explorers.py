"""The explorers of a memory over their ranges."""

import pytest
import torch
import torch.nn.functional as F

from udalib.core.errors import ConfigError
from udalib.data.labels import label_space
from udalib.models.memory import ClassMemory
from udalib.ops.memory import ClassSums
from udalib.viz.memory import EXCHANGES, ExchangeExplorer, MomentumExplorer, ReadingExplorer, Recall

SPACE = label_space("cityscapes19")
WRITTEN = (0, 2, 10)


def items():
    random = torch.rand(19, 3, generator=torch.Generator().manual_seed(0))
    return F.normalize(random, dim=1) * torch.tensor([float(i in WRITTEN) for i in range(19)])[:, None]


def sample(seed):
    random = torch.Generator().manual_seed(seed)
    return {
        "image": torch.rand(3, 16, 32, generator=random),
        "label": torch.randint(0, 19, (16, 32), generator=random, dtype=torch.uint8),
    }


def predict(images, memory):
    return 5 * torch.einsum("bchw,kc->bkhw", F.avg_pool2d(images, 4), memory)


def reading():
    recalls = {}
    for seed, name in enumerate(("day", "night")):
        each = sample(seed)
        scores = torch.rand(19, 4, 8, generator=torch.Generator().manual_seed(seed))
        recalls[name] = Recall(each["image"], each["label"].long(), scores)
    return ReadingExplorer(recalls, SPACE, items=WRITTEN)


def momentum():
    random = torch.Generator().manual_seed(3)
    weight = torch.tensor([2.0 * (i in WRITTEN) for i in range(19)])
    sums = [ClassSums(torch.rand(19, 3, generator=random) * weight[:, None], weight) for _ in range(4)]
    return MomentumExplorer(items(), sums, SPACE)


def exchange():
    return ExchangeExplorer(predict, {"day": sample(0), "night": sample(1)}, items(), SPACE)


@pytest.mark.parametrize("make", [reading, momentum, exchange])
def test_every_control_moves_over_its_whole_range(make, draw_over_all_ranges):
    draw_over_all_ranges(make())


@pytest.mark.parametrize("make", [reading, momentum, exchange])
def test_every_control_of_the_widget_changes_the_picture(make, move_every_control):
    move_every_control(make())


@pytest.mark.parametrize("make", [reading, momentum, exchange])
def test_items_that_nothing_was_written_to_are_not_offered(make):
    assert make().controls["item"].options == tuple(SPACE.names[i] for i in WRITTEN)


def test_the_contact_sheet_has_a_panel_a_change():
    sheet = exchange().contact_sheet(kind=["exchange", "remove"])
    assert [axes.get_title() for axes in sheet.axes] == [
        "Change of the memory: exchange",
        "Change of the memory: remove",
    ]


def test_the_title_says_who_was_changed():
    assert exchange().draw(kind="remove", item="sky")._suptitle.get_text() == "day: remove 'sky'"
    assert exchange().draw(item="road", other="sky")._suptitle.get_text() == "day: overwrite 'road' with 'sky'"


def test_an_exchange_alone_moves_nothing_since_reading_is_a_sum_over_the_items():
    torch.manual_seed(0)
    memory, feature = ClassMemory(19, 3).eval(), torch.rand(1, 3, 4, 8)
    explorer = ExchangeExplorer(lambda _, found: memory.read(feature, found).fused, {"day": sample(0)}, items(), SPACE)
    distances = {kind: explorer.draw(kind=kind).axes[3].images[0].get_array().max() for kind in EXCHANGES}
    assert distances["exchange"] < 1e-6
    assert min(distances[kind] for kind in EXCHANGES if kind != "exchange") > 1e-5


def test_bad_input_is_refused():
    with pytest.raises(ConfigError, match="0 images and 19 items"):
        ReadingExplorer({}, SPACE)
    with pytest.raises(ConfigError, match="1 writes touch no item"):
        MomentumExplorer(items(), [ClassSums(torch.zeros(19, 3), torch.zeros(19))], SPACE)
    with pytest.raises(ConfigError, match="0 samples, 3 items"):
        ExchangeExplorer(predict, {}, items(), SPACE)
    with pytest.raises(ConfigError, match="1 samples, 0 items"):
        ExchangeExplorer(predict, {"day": sample(0)}, torch.zeros(19, 3), SPACE)
