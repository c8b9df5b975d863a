"""Networks with memory: the sheet's counts and shapes, reading and writing, published snapshots."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from udalib.core.errors import CheckpointError, ConfigError
from udalib.models import create_network, load_pin_checkpoint
from udalib.models.memory import ClassMemory
from udalib.models.network import SegmentationNetwork
from udalib.models.pin_memory.checkpoint import our_name
from udalib.models.pin_memory.host import MemoryV3Plus
from udalib.models.pin_memory.passing import MemoryPass, evaluating

SMALL: dict[str, Any] = {"channels": 8, "low_channels": 4, "auxiliary_channels": 8, "rates": (2, 3)}


def small(classes: int = 5, **options: Any) -> SegmentationNetwork:
    """On the encoder of the streets."""
    torch.manual_seed(0)
    network = create_network("pin_v3plus-streets", classes, decoder_options={**SMALL, **options}, align_corners=True)
    memory: Any = network.decoder.memory
    if memory is not None:
        memory.store(nn.functional.normalize(torch.randn(classes, 8), dim=1))
    return network


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "parts", "total"),
    [
        (
            "pin_v3plus-resnet50_d16",
            {"aspp": 15_206_912, "bot_aspp": 328_192, "bot_fine": 12_384, "final1": 1_291_264},
            45_284_057,
        ),
        ("pin_v2-resnet101_caffe_d8_rgb", {"aspp": 18_876_416, "final1": 590_336}, 66_904_185),
    ],
)
def test_counts_and_shapes_of_the_sheet(name: str, parts: dict[str, int], total: int) -> None:
    """Section 2.3."""
    with torch.device("meta"):
        network = create_network(name)
    decoder: Any = network.decoder
    shared = {"final2": 4_883, "dsn": 4_729_875, "memory": 202_515}
    assert {part: count(decoder.get_submodule(part)) for part in {**parts, **shared}} == {**parts, **shared}
    assert count(network) == total
    features = network.eval().encoder(torch.zeros(1, 3, 97, 97, device="meta"))
    context = decoder.context(features)
    v3plus = "v3plus" in name
    assert context.shape == (1, 256, *((7, 7) if v3plus else (13, 13)))
    assert decoder.dsn(features[-2]).shape[-2:] == ((7, 7) if v3plus else (13, 13))
    assert decoder.classify(context, features).shape == (1, 19, *((25, 25) if v3plus else (13, 13)))


def test_every_3x3_of_a_dilated_stage_is_dilated_and_v2_strides_in_its_1x1() -> None:
    with torch.device("meta"):
        encoder = create_network("pin_v2-resnet101_caffe_d8_rgb").encoder
    for stage, dilation in (("layer3", 2), ("layer4", 4)):
        blocks = list(encoder.get_submodule(stage).children())
        assert all(block.get_submodule("conv2").dilation == (dilation,) * 2 for block in blocks)
    first: Any = encoder.get_submodule("layer2.0")
    assert (first.conv1.stride, first.conv2.stride, first.downsample[0].stride) == ((2, 2), (1, 1), (2, 2))


def test_initial_values() -> None:
    memory = ClassMemory(5, 16)
    assert memory.output[1].bias.unique().tolist() == pytest.approx([1e-4])
    assert memory.clsfier.weight.std() < 3e-4
    assert memory.m_items.abs().sum() == 0
    assert "m_items" in memory.state_dict()


def test_the_decoder_sees_a_direction_only() -> None:
    memory = ClassMemory(3, 4).eval()
    memory.store(torch.eye(4)[:3])
    feature = torch.randn(2, 4, 3, 3)
    assert torch.allclose(memory.read(feature).fused, memory.read(7 * feature).fused, atol=1e-6)


def test_swapping_two_items_swaps_their_weights() -> None:
    memory, feature = ClassMemory(3, 4).eval(), torch.randn(1, 4, 3, 3)
    memory.store(torch.eye(4)[:3])
    before, after = memory.read(feature).weights, memory.read(feature, memory.m_items[[1, 0, 2]]).weights
    assert torch.allclose(before[:, [1, 0, 2]], after)
    assert torch.allclose(before.sum(1), torch.ones(1, 3, 3))


@pytest.mark.parametrize("options", [{"momentum": 1.2}, {"momentum": -0.1}, {"temperature": 0.0}])
def test_bad_options_of_a_memory(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"memory momentum is .* and temperature"):
        ClassMemory(3, 4, **options)


def test_a_pass_with_other_parameters_leaves_the_network_alone() -> None:
    network = small().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images, label = torch.rand(2, 3, 32, 32), torch.randint(0, 5, (2, 32, 32))
    parameters = {name: 2 * p for name, p in network.named_parameters()}
    passed = MemoryPass(network).called(parameters, images, label=label)
    assert passed.seen is not None
    assert passed.sums is not None
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    plain = MemoryPass(network)(images)
    assert plain.sums is None
    assert not torch.equal(
        network.state_dict()["encoder.stem.0.1.running_mean"], before["encoder.stem.0.1.running_mean"]
    )


def test_evaluating_puts_modes_back() -> None:
    network = small().train()
    network.encoder.eval()
    with evaluating(network):
        assert not any(module.training for module in network.modules())
    assert network.decoder.training
    assert not network.encoder.training


def test_a_foreign_decoder_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"decoder is a LightFPN; take 'pin_v3plus' or 'pin_v2'"):
        MemoryPass(create_network("streets", 5))


def snapshot(network: SegmentationNetwork) -> dict[str, Any]:
    """``network`` as the published code saves it: prefixed names, items beside."""
    prefixes = {"encoder.": "", "decoder.": ""}
    state: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        if not name.endswith("m_items"):
            for ours, theirs in prefixes.items():
                name = theirs + name.removeprefix(ours) if name.startswith(ours) else name
            state[f"module.{name}"] = value
    memory: Any = network.decoder.memory
    return {"state_dict": state, "memory": memory.m_items.clone(), "epoch": 41, "mean_iu": 0.0}


class Published(nn.Module):
    """An encoder whose names are the published ones."""

    channels, strides = (6, 8, 8), (2, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.layer1, self.layer2, self.layer3 = (nn.Conv2d(a, b, 3, 2, 1) for a, b in ((3, 6), (6, 8), (8, 8)))

    def forward(self, x: Tensor) -> list[Tensor]:
        first = self.layer1(x)
        second = self.layer2(first)
        return [first, second, self.layer3(second)]


def published(seed: int) -> SegmentationNetwork:
    torch.manual_seed(seed)
    network = SegmentationNetwork(Published(), MemoryV3Plus((6, 8, 8), 5, **SMALL), align_corners=True)
    network.decoder.memory.store(nn.functional.normalize(torch.randn(5, 8), dim=1))  # type: ignore[union-attr, operator]
    return network.eval()


def test_a_published_snapshot_is_loaded_with_its_items(tmp_path: Any) -> None:
    first, second, images = published(0), published(1), torch.rand(1, 3, 32, 32)
    assert not torch.allclose(first(images), second(images))
    torch.save(snapshot(first), tmp_path / "last_None_epoch_41.pth")
    assert load_pin_checkpoint(second, tmp_path / "last_None_epoch_41.pth").complete
    assert torch.equal(first(images), second(images))


def test_a_snapshot_without_its_memory_is_refused_unless_items_are_given() -> None:
    first, second = published(0), published(1)
    without = {key: value for key, value in snapshot(first).items() if key != "memory"}
    with pytest.raises(CheckpointError, match=r"no tensor 'memory': its items, \(5, 8\), are lost.*`items`"):
        load_pin_checkpoint(second, without)
    items = nn.functional.normalize(torch.randn(5, 8), dim=1)
    load_pin_checkpoint(second, without, items)
    assert torch.equal(second.get_buffer("decoder.memory.m_items"), items)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory": torch.zeros(4, 8)}, r"items of \(4, 8\); expected finite ones of \(5, 8\)"),
        ({"memory": torch.full((5, 8), torch.nan)}, "expected finite ones"),
        ({"state_dict": None}, r"a dict with 'state_dict' and 'memory'; this one is \['epoch', .*'state_dict'\]"),
        ({"state_dict": {}}, "holds no state dict|none of its|do not fit"),
    ],
)
def test_a_broken_snapshot_says_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        load_pin_checkpoint(published(1), {**snapshot(published(0)), **change})


def test_names_of_the_stem() -> None:
    assert our_name("module.layer0.0.weight") == "encoder.conv1.weight"
    assert our_name("layer0.1.running_var") == "encoder.bn1.running_var"
    assert our_name("bot_aspp.0.weight") == "decoder.bot_aspp.0.weight"
