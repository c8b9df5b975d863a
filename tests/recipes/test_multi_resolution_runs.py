"""A network at two scales through the whole house: trained, evaluated, predicted with, taken up again."""

from __future__ import annotations

import json

import pytest
import tiny_streets
import torch

from udalib.cli import main
from udalib.models import MultiResolutionNetwork
from udalib.recipes import DecoderSpec, EncoderSpec, MultiResolutionSpec, NetworkSpec, RunResult, run_recipe
from udalib.recipes.apply.model import load_model
from udalib.recipes.apply.predictor import load_predictor
from udalib.recipes.build import build_stream
from udalib.recipes.spec.specs import DatasetSpec, StreamSpec, TransformSpec

NETWORK = NetworkSpec.pair(
    EncoderSpec.of("streets"),
    DecoderSpec.of("light_fpn", width=8),
    multi_resolution=MultiResolutionSpec(detail=(16, 32)),
)
TINY = {"network": NETWORK, **tiny_streets.TINY}


@pytest.fixture(scope="module")
def trained(cache: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """One finished run."""
    return run_recipe("streets/source-only", "quick", 0, "cpu", TINY, tmp_path_factory.mktemp("runs"))


def test_a_run_is_evaluated_with_its_own_numbers(trained: RunResult, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(trained.folder), "--device", "cpu", "--no-images"]) == 0
    found = json.loads((trained.folder / "evaluation/target/evaluation.json").read_text())
    assert found["scores"]["confusion"] == trained.results["target/confusion"]
    model = load_model(trained.folder, torch.device("cpu"))
    assert isinstance(model.network, MultiResolutionNetwork)
    assert model.network.detail == (16, 32)


def test_a_run_predicts_at_both_scales(trained: RunResult) -> None:
    assert trained.method is not None
    predictor = load_predictor(trained.folder, "cpu", size=(37, 75))
    image = torch.randint(0, 255, (3, 37, 75), dtype=torch.uint8)
    with torch.no_grad():
        want = trained.method.eval().predict(image[None] / 255).argmax(1)[0]
    assert torch.equal(predictor.labels([image])[0].long(), want)


def test_the_recipe_in_the_run_says_the_scales(trained: RunResult) -> None:
    network = json.loads((trained.folder / "run.json").read_text())["recipe"]["network"]
    assert network["multi_resolution"]["detail"] == [16, 32]
    assert network["multi_resolution"]["attention"] == "classwise"


def test_valid_margins_in_a_stream() -> None:
    transforms = (TransformSpec.of("valid_margins", margins=(3, 9, 1, 2)), TransformSpec.of("crop", size=(24, 40)))
    dataset = DatasetSpec.of("streets/target", size=(32, 64), length=2)
    stream = build_stream(StreamSpec("target", dataset, batch_size=2, sample_transforms=transforms), "cityscapes19", 0)
    batch = stream.finish(stream.load(0), "cpu", 0)
    assert batch["valid"].shape == (2, 24, 40)
    assert batch["valid"].dtype == torch.uint8
    assert 0 < batch["valid"].float().mean() < 1
