"""Checkpoints of AdaptSegNet and ADVENT load under their published names (adaptsegnet sheet 9, advent sheet 5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from udalib.core.errors import CheckpointError
from udalib.methods.adaptsegnet import AdaptSegNet
from udalib.methods.advent import AdvEnt
from udalib.models import create_network
from udalib.models.network import SegmentationNetwork
from udalib.models.weights.load import load_published
from udalib.recipes.networks import build_network
from udalib.recipes.spec.network_specs import NetworkSpec, WeightsSpec

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
VGG_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31)
HEADS = {
    "adaptsegnet_resnet101": ("layer5", "layer6"),
    "adaptsegnet_resnet101_single": ("layer5",),
    "advent_resnet101": ("layer5", "layer6"),
}


def classifier_names(name: str) -> set[str]:
    return {f"{name}.conv2d_list.{branch}.{kind}" for branch in range(4) for kind in ("weight", "bias")}


def resnet_names(depth: int) -> set[str]:
    """Written down from the sheet, not from our network."""
    names = {"conv1.weight", *(f"bn1.{kind}" for kind in NORM)}
    for stage, count in enumerate(BLOCKS[depth], 1):
        for block in range(count):
            at = f"layer{stage}.{block}"
            names |= {f"{at}.conv{i}.weight" for i in (1, 2, 3)}
            names |= {f"{at}.bn{i}.{kind}" for i in (1, 2, 3) for kind in NORM}
        names |= {f"layer{stage}.0.downsample.0.weight", *(f"layer{stage}.0.downsample.1.{kind}" for kind in NORM)}
    return names


def published(network: SegmentationNetwork) -> dict[str, Tensor]:
    """State of a network of ours under the published names, with values that tell its entries apart."""
    state = {}
    for i, (name, value) in enumerate(network.state_dict().items()):
        theirs = name.partition(".")[2]
        state[theirs] = torch.full_like(value, i + 1) if name.startswith(("encoder.", "decoder.")) else value
    return state


def assert_holds(network: SegmentationNetwork, state: Mapping[str, Tensor]) -> None:
    for name, value in network.state_dict().items():
        assert torch.equal(value, state[name.partition(".")[2]]), name


@pytest.mark.parametrize("name", HEADS)
def test_names_and_counts_are_those_of_the_sheet(name: str) -> None:
    with torch.device("meta"):
        network = create_network(name, num_classes=19)
    want = resnet_names(101).union(*map(classifier_names, HEADS[name]))
    assert {key.partition(".")[2] for key in network.state_dict()} == want
    assert len(want) == {2: 640, 1: 632}[len(HEADS[name])]


@pytest.mark.parametrize(("name", "branches"), [("adaptsegnet_resnet101", 2), ("advent_resnet101", 4)])
def test_a_multi_level_file_loads_and_sums_its_own_number_of_branches(tmp_path: Path, name: str, branches: int) -> None:
    state = published(create_network(name, num_classes=19, depth=50))
    assert set(state) == resnet_names(50) | classifier_names("layer5") | classifier_names("layer6")
    torch.save(state, tmp_path / "GTA2Cityscapes_multi.pth")
    network = create_network(name, num_classes=19, depth=50)
    assert load_published(network, tmp_path / "GTA2Cityscapes_multi.pth", strict=True).complete
    assert_holds(network, state)
    features = [torch.ones(1, c, 3, 3) for c in network.feature_channels]
    for level, logits in zip(("layer6", "layer5"), network.decode_all(features), strict=True):
        convolutions = network.decoder.get_submodule(level).conv2d_list  # type: ignore[union-attr]
        feature = features[-1] if level == "layer6" else features[-2]
        want = sum(conv(feature) for conv in list(convolutions)[:branches])  # type: ignore[arg-type]
        torch.testing.assert_close(logits, want)


def test_a_single_head_file_has_its_classifier_as_layer5() -> None:
    """The Cityscapes oracle; to the multi-level network the same name means another classifier."""
    state = published(create_network("adaptsegnet_resnet101_single", num_classes=19, depth=50))
    network = create_network("adaptsegnet_resnet101_single", num_classes=19, depth=50)
    load_published(network, state, strict=True)
    assert_holds(network, state)
    with pytest.raises(CheckpointError, match=r"missing: decoder\.layer6"):
        load_published(create_network("adaptsegnet_resnet101", num_classes=19, depth=50), state, strict=True)


def test_advent_without_its_auxiliary_head_keeps_the_name_layer6() -> None:
    options = {"num_classes": 16, "depth": 50, "multi_level": False}
    state = published(create_network("advent_resnet101", **options))
    assert set(state) == resnet_names(50) | classifier_names("layer6")
    network = create_network("advent_resnet101", **options)
    load_published(network, state, strict=True)
    assert_holds(network, state)


def test_the_vgg_file_loads() -> None:
    network = create_network("adaptsegnet_vgg16", num_classes=19)
    state = {name.partition(".")[2]: value for name, value in network.state_dict().items()}
    want = {f"features.{i}.{kind}" for i in VGG_CONVOLUTIONS for kind in ("weight", "bias")}
    assert set(state) == want | classifier_names("classifier")
    fives = {name: torch.full_like(value, 5) for name, value in state.items()}
    load_published(network, fives, strict=True)
    assert all(value.eq(5).all() for value in network.state_dict().values())
    assert network.decoder.classifier.active_branches == 2  # type: ignore[union-attr]


@pytest.fixture
def start_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Caffe-converted weights as they are published: one name component more, 21 classes, no batch counters."""
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    network = create_network("adaptsegnet_resnet101_single", num_classes=21, depth=50)
    state = {f"Scale.{n}": v for n, v in published(network).items() if not n.endswith("num_batches_tracked")}
    assert state["Scale.layer5.conv2d_list.3.weight"].shape == (21, 2048, 3, 3)
    torch.save(state, tmp_path / "DeepLab_resnet_pretrained_init.pth")
    return "DeepLab_resnet_pretrained_init.pth"


@pytest.mark.parametrize(
    ("name", "classes"), [("adaptsegnet_resnet101", 19), ("advent_resnet101", 16), ("adaptsegnet_resnet101_single", 21)]
)
def test_start_weights_fill_the_encoder_and_leave_the_heads(start_weights: str, name: str, classes: int) -> None:
    """With 21 classes the file's layer5 even fits the single-head network, and still must not be taken."""
    spec = NetworkSpec.of(name, depth=50)
    network = build_network(NetworkSpec(name, spec.options, weights=WeightsSpec(start_weights)), classes)
    entries = [v for n, v in network.encoder.state_dict().items() if not n.endswith("num_batches_tracked")]
    assert all(value.unique().numel() == 1 and value.flatten()[0] >= 1 for value in entries)
    for n, value in network.decoder.named_parameters():
        assert value.abs().max() < 1, n  # normal with standard deviation 0.01, biases below 0.1


def test_start_weights_of_another_depth_are_refused(start_weights: str) -> None:
    network = NetworkSpec("adaptsegnet_resnet101", weights=WeightsSpec(start_weights))
    with pytest.raises(CheckpointError, match=r"do not fill the encoder.*layer3\.6"):
        build_network(network, 19)


def optimizer(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), 0.1)


def discriminator_file(path: Path, layers: tuple[str, ...], value: float) -> Path:
    widths = (19, 64, 128, 256, 512, 1)
    state = {}
    for layer, a, b in zip(layers, widths[:-1], widths[1:], strict=True):
        state |= {f"{layer}.weight": torch.full((b, a, 4, 4), value), f"{layer}.bias": torch.full((b,), value)}
    torch.save(state, path)
    return path


ADAPTSEGNET = ("conv1", "conv2", "conv3", "conv4", "classifier")
ADVENT = ("0", "2", "4", "6", "8")


@pytest.mark.parametrize(
    ("kind", "layers", "files"),
    [
        (AdaptSegNet, ADAPTSEGNET, {"aux": "GTA5_150000_D1.pth", "main": "GTA5_150000_D2.pth"}),
        (AdvEnt, ADVENT, {"aux": "model_120000_D_aux.pth", "main": "model_120000_D_main.pth"}),
    ],
)
def test_discriminator_snapshots_load_into_their_levels(
    tmp_path: Path, kind: type, layers: tuple[str, ...], files: dict[str, str]
) -> None:
    network = create_network("adaptsegnet_resnet101", num_classes=19, depth=50)
    method = kind(network, optimizer(network), 19)
    for value, (level, file) in enumerate(files.items(), 1):
        path = discriminator_file(tmp_path / file, layers, value)
        assert load_published(method.discriminators[level], path, strict=True).complete
    for value, level in enumerate(files, 1):
        assert all(p.eq(value).all() for p in method.discriminators[level].parameters())
    other = discriminator_file(tmp_path / "other.pth", ADVENT if layers == ADAPTSEGNET else ADAPTSEGNET, 9)
    with pytest.raises(CheckpointError, match="none of its 10 tensors"):
        load_published(method.discriminators["main"], other)
