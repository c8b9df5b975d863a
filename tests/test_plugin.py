"""CONTRIBUTING's five steps, done from outside the package: a toy method, its recipe, a run, the checks."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.types import Batch, Logs
from udalib.methods import METHODS, Method
from udalib.ops import cross_entropy, resize
from udalib.recipes import get_recipe, run_recipe
from udalib.recipes.conformance import check_recipe
from udalib.recipes.registry import RECIPES, register
from udalib.recipes.spec.specs import MethodSpec

NAME = "toy/consistent"


class Consistent(Method):
    """Cross-entropy on the source plus the squared distance between predictions of a target image and its mirror."""

    streams = ("source", "target")

    def __init__(self, network: torch.nn.Module, optimizer: Optimizer, weight: float = 1.0) -> None:
        super().__init__()
        self.network, self.optimizer, self.weight = network, optimizer, weight

    def optimizers(self) -> dict[str, Optimizer]:
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        source, target = batches["source"], batches["target"]
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            supervised = cross_entropy(self.predict(source["image"]), source["label"])
            plain = self.predict(target["image"]).softmax(1)
            mirrored = self.predict(target["image"].flip(-1)).softmax(1).flip(-1)
            consistency = (plain - mirrored).square().mean()
        self.runtime.backward(supervised + self.weight * consistency)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": supervised.detach(), "consistency": consistency.detach()}

    def predict(self, images: Tensor) -> Tensor:
        return resize(self.network(images), images.shape[-2:])


@pytest.fixture
def plugged_in():
    METHODS.add("toy-consistent", Consistent)
    base = replace(get_recipe("streets/adversarial-control", "quick"), start=None)  # it has both streams
    presets = type(base.presets)()
    register(replace(base, name=NAME, method=MethodSpec.of("toy-consistent", weight=0.5), presets=presets, preset=""))
    yield
    METHODS.remove("toy-consistent")
    RECIPES.remove(NAME)


def test_a_method_from_outside_trains_overrides_resumes_and_is_reported(plugged_in, tmp_path):
    result = run_recipe(NAME, "quick", overrides={"method.weight": 0.25, "train.iterations": 4}, out=tmp_path)
    assert 0.0 <= result.miou <= 1.0
    assert result.method.weight == 0.25
    logged = (result.folder / "metrics.jsonl").read_text()
    assert "consistency" in logged
    again = run_recipe(NAME, "quick", overrides={"method.weight": 0.25, "train.iterations": 4}, out=tmp_path)
    assert dict(again.results) == dict(result.results)


def test_a_method_from_outside_keeps_what_every_method_promises(plugged_in):
    check_recipe(get_recipe(NAME, "quick"))


def test_a_recipe_without_a_stream_its_method_needs_fails_before_loading(plugged_in, tmp_path):
    from udalib.core.errors import ConfigError
    from udalib.recipes.runner import execute

    recipe = get_recipe(NAME, "quick")
    with pytest.raises(ConfigError, match="reads the stream 'target'"):
        execute(replace(recipe, streams=recipe.streams[:1]), out=tmp_path)
    assert not list(tmp_path.iterdir())
