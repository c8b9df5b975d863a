"""Published weights and ensembles against the protocol in plain words: Pillow, NumPy and one interpolation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from udalib.cli import main
from udalib.data import label_space
from udalib.engine.evaluation.inference import resize_logits
from udalib.methods import Supervised
from udalib.models import SegmentationNetwork, create_network
from udalib.recipes import RunResult, get_recipe
from udalib.recipes.apply.model import Model, load_model

CPU = torch.device("cpu")
IMAGE_SIZE = (48, 104)


def strangers_network(seed: int, name: str = "adaptsegnet_resnet101", classes: int = 19) -> SegmentationNetwork:
    """A network whose random weights predict many classes."""
    torch.manual_seed(seed)
    network = create_network(name, classes, depth=18)
    for parameter in network.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    return network.eval()


def published_file(network: SegmentationNetwork, path: Path) -> Path:
    """The network's weights under the official names, without the entries that old PyTorch did not have."""
    names = {ours: theirs for theirs, ours in network.published_prefixes.items()}
    state = {}
    for name, tensor in network.state_dict().items():
        (ours,) = [o for o in names if name.startswith(o)]
        if not name.endswith("num_batches_tracked"):
            state[names[ours] + name.removeprefix(ours)] = tensor
    assert {"conv1.weight", "layer4.1.bn2.running_mean", "layer6.conv2d_list.3.bias"} <= set(state)
    torch.save(state, path)
    return path


def raw_logits(network: SegmentationNetwork, path: Path) -> torch.Tensor:
    """Logits (1, C, H, W) at the label's size: resized image, BGR minus the mean, main head, one interpolation."""
    image = Image.open(path).convert("RGB").resize(IMAGE_SIZE[::-1], Image.Resampling.BICUBIC)
    pixels = np.asarray(image, np.float32)[:, :, ::-1] - np.array(
        (104.00698793, 116.66876762, 122.67891434), np.float32
    )
    with torch.no_grad():
        logits = network.decoder(network.encoder(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]))
    return F.interpolate(logits, size=(64, 128), mode="bilinear", align_corners=True)


SIZE = ",".join(map(str, IMAGE_SIZE))
GTA = ["--recipe", "gta2cityscapes/source-only-adaptsegnet", "--device", "cpu", "--out", "out", "--set"]
GTA += ["network.name=adaptsegnet_resnet101", "network.depth=18"]
GTA += [f"evaluations.target.sample_transforms.pil_resize.size={SIZE}"]


def test_a_published_file_is_scored_as_its_authors_did(town: Any, record: Any, capsys: Any) -> None:
    network = strangers_network(0)
    assert main(["evaluate", str(published_file(network, Path("multi.pth"))), *GTA]) == 0
    images = town.images
    expected = [raw_logits(network, path).argmax(1)[0].numpy() for path in images]
    assert len(np.unique(expected)) > 8, "a network that predicts one class shows nothing"
    for path, ids in zip(images, expected, strict=True):
        written = Image.open(f"out/{path.name}")
        assert written.mode == "L"
        assert np.mean(np.asarray(written) == ids) > 0.9999, "equal but for ties in the last bit"
        colors = np.asarray(Image.open(f"out/{path.stem}_color.png"))
        assert np.array_equal(colors, label_space("cityscapes19").palette[np.asarray(written)])
    iou = town.iou([np.asarray(Image.open(f"out/{path.name}")) for path in images])
    found = record("out")
    assert [v if v is not None else np.nan for v in found["scores"]["iou"].values()] == pytest.approx(iou, nan_ok=True)
    assert found["scores"]["miou"] == pytest.approx(np.nanmean(iou))
    shown = capsys.readouterr().out
    assert f"mIoU, all 19 classes  {100 * np.nanmean(iou):.2f}" in shown
    assert "predicted at 48 x 104, scored at the labels' 64 x 128 (height x width)" in shown
    assert "5 images of cityscapes, split val" in shown
    assert "raw logits, resized to the label with align_corners=True" in shown
    assert "inference whole; one scale, no flip; device cpu" in shown
    assert "published target/miou: 36.6" in shown


def test_an_ensemble_adds_weighted_raw_logits(town: Any, record: Any) -> None:
    networks = [strangers_network(0), strangers_network(1)]
    files = [str(published_file(network, Path(f"{i}.pth"))) for i, network in enumerate(networks)]
    images = town.images
    logits = [torch.cat([raw_logits(network, path) for path in images]) for network in networks]
    for words, factors in (([], (0.5, 0.5)), (["--weights", "0.25", "1"], (0.25, 1.0))):
        expected = sum(f * one for f, one in zip(factors, logits, strict=True)).argmax(1).numpy()
        assert main(["evaluate", *files, *words, *GTA]) == 0
        written = np.stack([np.asarray(Image.open(f"out/{path.name}")) for path in images])
        assert np.mean(written == expected) > 0.9999
        assert [c["weight"] for c in record("out")["protocol"]["checkpoints"]] == list(factors)


def test_runs_and_files_of_other_classes_do_not_mix(trained: RunResult, town: Any, record: Any, capsys: Any) -> None:
    network = strangers_network(0, "advent_resnet101", 16)
    file = published_file(network, Path("advent.pth"))
    words = ["--recipe", "synthia2cityscapes/source-only-adaptsegnet", "--device", "cpu", "--out", "out"]
    sets = ["--set", "network.name=advent_resnet101", "network.depth=18", "label_space=cityscapes16"]
    sets += [f"evaluations.target.sample_transforms.pil_resize.size={SIZE}"]
    assert main(["evaluate", str(file), *words, *sets]) == 0
    scores = record("out")["scores"]
    assert set(scores["subsets"]) == {"cityscapes16", "cityscapes13"}
    assert "terrain" not in scores["iou"]
    kept = [v for k, v in scores["iou"].items() if k not in ("wall", "fence", "pole") and v is not None]
    assert scores["subsets"]["cityscapes13"] == pytest.approx(np.mean(kept))
    capsys.readouterr()
    assert main(["evaluate", str(file), str(trained.folder), *words, *sets]) == 2
    assert "predicts the classes of cityscapes19, the recipe" in capsys.readouterr().err
    other = published_file(strangers_network(0, "advent_resnet101", 19), Path("other.pth"))
    assert main(["evaluate", str(other), *words, *sets]) == 2
    error = capsys.readouterr().err
    assert "the weights are of another network: other.pth" in error
    assert "has the network advent_resnet101 with 16 classes; name the recipe (--recipe)" in error
    assert "(19, 256, 3, 3) in the file, (16, 256, 3, 3) in the model" in error
    torch.save({"0.weight": torch.zeros(64, 19, 4, 4)}, "D1.pth")
    assert main(["evaluate", "D1.pth", *words, *sets]) == 2
    assert "none of its 1 tensors fits" in capsys.readouterr().err


def test_raw_logits_are_for_whole_images_of_align_corners_networks() -> None:
    images = torch.rand(1, 3, 48, 104)
    for corners in (True, False):
        network = strangers_network(3)
        network.align_corners = corners
        method = Supervised(network, torch.optim.SGD(network.parameters(), 0.1)).eval()
        recipe = get_recipe("streets/source-only")
        for module in (method, network):
            model = Model(recipe, Path("x"), "run", module, network, CPU)
            for whole in (True, False):
                with torch.no_grad():
                    got, raw = model.member(whole, 1.0).predict(images), network(images)
                sized = resize_logits(raw, (48, 104), corners)
                # On a CPU the evaluation resizes class by class in another order: the last bits differ.
                assert torch.allclose(got, raw if corners and whole else sized, rtol=1e-5, atol=1e-2)
                assert got.shape == (raw if corners and whole else sized).shape


class Teacher(Supervised):
    """Predicts with something that is not ``network``."""

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        return super().predict(images) * -1


def test_a_method_that_predicts_with_more_than_its_network_is_asked_itself(
    trained: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_model(trained.folder, CPU).network is not None
    monkeypatch.setattr("udalib.recipes.apply.loading.build_method", lambda recipe, pretrained: _teacher(recipe))
    model = load_model(trained.folder, CPU)
    assert model.network is None
    assert not model.gives_raw_logits(True)


def _teacher(recipe: Any) -> Teacher:
    network = create_network("streets", 19)
    return Teacher(network, torch.optim.SGD(network.parameters(), 0.1))
