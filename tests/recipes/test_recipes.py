"""Every registered recipe: complete, buildable by name, the same after JSON; and what is refused before loading."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.core.types import Batch, Logs
from udalib.methods import METHODS, Method, Supervised
from udalib.recipes import (
    PRESETS,
    RECIPES,
    DatasetSpec,
    EvaluationSpec,
    MethodSpec,
    Recipe,
    StreamSpec,
    TransformSpec,
    apply_overrides,
    execute,
    get_recipe,
    list_recipes,
    register,
)
from udalib.recipes.build import build_schedules, check
from udalib.recipes.networks import build_network, without_weights
from udalib.recipes.runner import from_record, record, run_folder
from udalib.recipes.spec.serialise import to_plain

NAMES = list_recipes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_recipe_is_complete_in_every_preset(name: str, preset: str) -> None:
    recipe = get_recipe(name, preset)
    check(recipe)
    assert recipe.preset == preset
    assert set(recipe.presets) == set(PRESETS)
    assert {p.metric.split("/")[0] for p in recipe.published} <= {e.name for e in recipe.evaluations}
    assert all(0 < p.value < 100 and p.source for p in recipe.published)


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_survives_json(name: str) -> None:
    recipe = get_recipe(name, "quick")
    plain = json.loads(json.dumps(record(recipe)))
    back = from_record(plain)
    assert record(back) == plain
    assert (back.network, back.method, back.streams) == (recipe.network, recipe.method, recipe.streams) or any(
        stream.workers for stream in recipe.streams
    )


def test_the_issue_s_recipes_exist() -> None:
    wanted = {f"streets/{kind}" for kind in ("source-only", "jitter", "adabn", "oracle")}
    wanted |= {"camvid-day2dusk/source-only", "camvid-day2dusk/oracle", "streets2camvid/source-only"}
    kinds = ("deeplabv2", "segformer-mit_b5", "daformer")
    wanted |= {f"{source}2cityscapes/source-only-{kind}" for source in ("gta", "synthia") for kind in kinds}
    assert wanted <= set(NAMES)


def test_published_numbers_are_those_of_the_sources() -> None:
    names = list_recipes("*/source-only-*")
    values = {name: [p.value for p in get_recipe(name).published] for name in names if get_recipe(name).published}
    assert values == {
        "gta2cityscapes/source-only-deeplabv2": [34.3],
        "gta2cityscapes/source-only-segformer-mit_b5": [45.6, 43.61],
        "gta2cityscapes/source-only-adaptsegnet": [36.6, 35.95, 37.3],
        "synthia2cityscapes/source-only-adaptsegnet": [41.5],
    }


def test_the_embedded_world_s_laptop_setting() -> None:
    recipe = get_recipe("streets/source-only", "laptop")
    assert (recipe.optimizer.kind, recipe.optimizer.lr, recipe.optimizer.weight_decay) == ("adamw", 5e-3, 0.01)
    assert (recipe.train.iterations, recipe.streams[0].batch_size) == (1000, 8)
    assert recipe.streams[0].dataset.options == {"length": 2000, "size": (64, 128)}
    assert recipe.schedule.options == {"power": 0.9, "warmup": 100}
    assert get_recipe("streets/oracle").train.iterations == 1500


def test_a_schedule_ends_with_the_run_unless_it_says_otherwise() -> None:
    class Named:
        def optimizers(self) -> dict[str, None]:
            return {"main": None}

    def total(name: str, overrides: Mapping[str, Any]) -> int:
        return int(build_schedules(get_recipe(name, "laptop", overrides), Named())["main"].total)  # type: ignore[arg-type]

    assert total("streets/source-only", {"train.iterations": 77}) == 77
    assert (
        build_schedules(get_recipe("gta2cityscapes/source-only-adaptsegnet", "paper"), Named())["main"].total == 250_000
    )  # type: ignore[arg-type]


def test_a_method_whose_stream_is_missing_fails_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = get_recipe("streets/source-only", "quick", {"method.stream": "target"})
    monkeypatch.setattr("udalib.recipes.runner.build_method", lambda *_: pytest.fail("a network was built"))
    with pytest.raises(ConfigError, match="Supervised reads the stream 'target', but the recipe has 'source'"):
        execute(recipe)


def test_a_stream_that_only_the_built_method_names_fails_before_the_data(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Moody(Supervised):
        """A method that decides while it is built what it reads."""

        def __init__(self, network: Any, optimizer: Any) -> None:
            super().__init__(network, optimizer)
            self.streams = ("source", "target")

    METHODS.add("moody", Moody)
    recipe = dataclasses.replace(get_recipe("streets/source-only", "quick"), method=MethodSpec("moody"))
    monkeypatch.setattr("udalib.recipes.runner.build_stream", lambda *_: pytest.fail("a data set was built"))
    try:
        with pytest.raises(ConfigError, match="Moody reads the stream 'target', but the recipe has 'source'"):
            execute(recipe, out=tmp_path)
    finally:
        METHODS.remove("moody")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": MethodSpec("supervized")}, "unknown method 'supervized'. Did you mean: supervised"),
        ({"method": MethodSpec.of("supervised", streem="source")}, "unknown option of 'supervised' 'streem'"),
        ({"label_space": "cityscapes91"}, "unknown label space 'cityscapes91'. Did you mean: cityscapes19"),
    ],
)
def test_unknown_names_in_a_recipe_list_the_nearest(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check(dataclasses.replace(get_recipe("streets/source-only"), **change))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("streams.source.dataset.name", "streets/sorce", "unknown style 'sorce'. Did you mean: source"),
        ("streams.source.dataset.name", "citiscapes", "unknown data set 'citiscapes'. Did you mean: cityscapes"),
        ("network.name", "streetz", "unknown network 'streetz'. Did you mean: streets"),
        ("schedule.name", "poli", "unknown schedule 'poli'. Did you mean: poly"),
        ("streams.source.batch_transforms.flip.name", "flipp", "unknown transform 'flipp'. Did you mean: flip"),
        ("streams.source.sampler.name", "shufle", "unknown sampler 'shufle'. Did you mean: shuffle"),
        ("evaluations.target.inference.name", "hole", "unknown inference 'hole'. Did you mean: whole"),
        ("method.opttimizer", "1", "unknown parameter 'method.opttimizer'"),
    ],
)
def test_unknown_names_in_overrides_list_the_nearest(path: str, value: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check(get_recipe("streets/source-only", "laptop", {path: value}))


def test_an_argument_that_the_builder_passes_is_no_parameter() -> None:
    with pytest.raises(UnknownNameError, match="unknown parameter 'method.network'"):
        get_recipe("streets/source-only", "laptop", {"method.network": "x"})


@pytest.mark.parametrize("key", ["name", "presets.quick", "published"])
def test_what_names_the_recipe_cannot_be_overridden(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} names the recipe"):
        get_recipe("streets/source-only", "laptop", {key: "x"})


@pytest.mark.parametrize(("kind", "change"), [("stream", "streams"), ("evaluation", "evaluations")])
def test_two_parts_of_one_name_are_refused(kind: str, change: str) -> None:
    recipe = get_recipe("streets/source-only")
    doubled = dataclasses.replace(recipe, **{change: getattr(recipe, change) * 2})
    with pytest.raises(ConfigError, match=f"two {kind}s share a name"):
        check(doubled)


def test_a_pair_needs_both_parts() -> None:
    recipe = get_recipe("streets/source-only", "laptop", {"network.name": "pair"})
    with pytest.raises(ConfigError, match="needs an encoder and a decoder"):
        check(recipe)


def test_a_pair_is_built_with_its_options_and_without_weights_for_prediction() -> None:
    spec = get_recipe("camvid-day2dusk/source-only").network
    spec = apply_overrides(spec, {"decoder.width": "24"})
    assert "pretrained" not in (without_weights(spec).encoder or MethodSpec("")).options
    network = build_network(spec, 11, pretrained=False)
    assert network(torch.rand(1, 3, 32, 40)).shape[:2] == (1, 11)
    assert network.stats.mean == (127.5, 127.5, 127.5)


def test_run_folders_tell_presets_overrides_and_seeds_apart() -> None:
    recipes = [
        get_recipe("streets/jitter", "quick"),
        get_recipe("streets/jitter", "laptop"),
        get_recipe("streets/jitter", "quick", {"optimizer.lr": 1e-3}),
    ]
    folders = {str(run_folder(recipe, "out")) for recipe in recipes}
    assert len(folders) == 3
    assert "out/streets/jitter/quick/seed0" in folders


def test_settings_that_change_no_number_keep_the_folder() -> None:
    recipe = get_recipe("streets/jitter", "quick", {"train.log_every": 3, "streams.source.workers": 2})
    assert run_folder(recipe, "out") == run_folder(get_recipe("streets/jitter", "quick"), "out")


class _Toy(Method):
    """A method from outside the package: predicts class 0, learns one bias."""

    streams = ("source",)

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(19))
        self.optimizer = torch.optim.SGD([self.bias], lr=strength)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"main": self.optimizer}

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        self.runtime.zero_grad(self.optimizer)
        loss = (self.bias - 1).square().mean() + batches["source"]["image"].mean() * 0
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        return {"loss": loss.detach()}

    def predict(self, images: Tensor) -> Tensor:
        return self.bias[None, :, None, None].expand(len(images), 19, *images.shape[-2:])


@pytest.fixture
def toy() -> Iterator[Recipe]:
    """Five steps of CONTRIBUTING: a method and a recipe registered from outside the package."""
    METHODS.add("toy", _Toy)
    base = get_recipe("streets/source-only", "quick")
    dataset = DatasetSpec.of("streets/source", length=4, size=(16, 32), cache=False)
    recipe = dataclasses.replace(
        base,
        name="tests/toy",
        streams=(StreamSpec("source", dataset, batch_size=2, batch_transforms=(TransformSpec.of("flip"),)),),
        method=MethodSpec.of("toy", strength=0.5),
        evaluations=(EvaluationSpec("target", dataclasses.replace(dataset, split="val", limit=2)),),
        presets=type(base.presets)(quick={"train.iterations": 2}, laptop={}, paper={}),
        preset="",
    )
    register(recipe)
    yield recipe
    del METHODS._values["toy"], RECIPES._values["tests/toy"]


def test_a_method_and_a_recipe_from_outside_run_like_the_others(toy: Recipe, tmp_path: Any) -> None:
    from udalib.recipes import run_recipe

    result = run_recipe("tests/toy", "quick", overrides={"method.strength": "0.25"}, out=tmp_path, device="cpu")
    assert result.recipe.method.options == {"strength": 0.25}
    assert result.folder.parent.name.startswith("quick-")
    assert 0 <= result.miou <= 1
    assert to_plain(from_record(json.loads((result.folder / "run.json").read_text())["recipe"]))["name"] == "tests/toy"
