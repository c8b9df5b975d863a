"""Recipes that start from another recipe's run: made once, shared, not needed again, and refused if it differs."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from udalib.core.errors import CheckpointError, ConfigError, UnknownNameError
from udalib.core.seeding import derive_seed
from udalib.engine.record.checkpoint import load_weights
from udalib.methods import Supervised
from udalib.methods.adaptsegnet import AdaptSegNet
from udalib.recipes import RECIPES, Recipe, execute, get_recipe, list_recipes, run_recipe
from udalib.recipes.build import check
from udalib.recipes.networks import build_network
from udalib.recipes.runner import from_record, record, run_folder
from udalib.recipes.spec.specs import DecoderSpec, EncoderSpec, NetworkSpec, StartSpec

SOURCE, ADAPTED = "tests/start-source", "tests/start-adapted"
PRETRAINED, FROM_ENCODER = "tests/start-things", "tests/start-from-encoder"
SIZE = (16, 32)


def small(recipe: Recipe, name: str, **fields: Any) -> Recipe:
    """``recipe`` on a handful of tiny images, under another name."""
    quick: dict[str, Any] = {"train.iterations": 4, "train.checkpoint_every": 2, "train.progress": False}
    for stream in recipe.streams:
        key = f"streams.{stream.name}"
        quick |= {f"{key}.dataset.length": 4, f"{key}.dataset.size": SIZE, f"{key}.batch_size": 2}
    key = f"evaluations.{recipe.evaluations[0].name}"
    quick |= {f"{key}.dataset.length": 2, f"{key}.dataset.size": SIZE}
    presets = type(recipe.presets)(quick=quick, laptop={}, paper={})
    return replace(recipe, name=name, evaluations=recipe.evaluations[:1], presets=presets, preset="", **fields)


@pytest.fixture(autouse=True)
def recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source recipe and an adversarial one that starts from it, tiny."""
    list_recipes()  # reads the recipes in
    source = small(RECIPES.get("streets/source-only"), SOURCE)
    adapted = small(RECIPES.get("streets/adaptsegnet-single"), ADAPTED, start=StartSpec(SOURCE))
    things = small(RECIPES.get("pretrain/streets-things"), PRETRAINED)
    source_from = small(RECIPES.get("streets/source-only"), FROM_ENCODER, start=StartSpec(PRETRAINED, part="encoder"))
    for recipe in (source, adapted, things, source_from):
        monkeypatch.setitem(RECIPES._values, recipe.name, recipe)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Iterations trained by either method, and the network of the second before its first step."""
    seen: dict[str, list[Any]] = {"source": [], "adapted": [], "first": []}

    def counting(kind: type, key: str) -> None:
        step = kind.step  # type: ignore[attr-defined]

        def counted(self: Any, batches: Any, iteration: int) -> Any:
            if not seen[key]:
                seen["first"].append({k: v.clone() for k, v in self.network.state_dict().items()})
            seen[key].append(iteration)
            return step(self, batches, iteration)

        monkeypatch.setattr(kind, "step", counted)

    counting(Supervised, "source")
    counting(AdaptSegNet, "adapted")
    return seen


def run(tmp_path: Path, name: str = ADAPTED, overrides: Any = None, seed: int = 0) -> Any:
    return run_recipe(name, "quick", seed, "cpu", overrides, tmp_path / "runs")


def test_the_source_run_is_made_once_shared_and_its_weights_are_where_training_starts(
    tmp_path: Path, steps: dict[str, list[Any]]
) -> None:
    result = run(tmp_path)
    assert steps["source"] == steps["adapted"] == [0, 1, 2, 3]
    source = tmp_path / "runs" / SOURCE / "quick" / "seed0"
    weights = load_weights(source / "last.ckpt")
    assert {name.removeprefix("network.") for name in weights} == set(steps["first"][1])
    assert all(torch.equal(weights[f"network.{name}"], value) for name, value in steps["first"][1].items())
    assert result.folder == tmp_path / "runs" / ADAPTED / "quick" / "seed0"
    before = (source / "run.json").stat().st_mtime_ns
    other = run(tmp_path, overrides={"method.gan": "ls"})
    assert other.folder != result.folder
    assert steps["source"] == [0, 1, 2, 3]
    assert (source / "run.json").stat().st_mtime_ns == before
    run(tmp_path, SOURCE)
    assert steps["source"] == [0, 1, 2, 3]
    run(tmp_path, seed=1)
    assert (source.parent / "seed1" / "last.ckpt").exists()


def encoder_of(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    prefix = "network.encoder."
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def test_an_encoder_alone_is_taken_over_and_the_decoder_is_new(tmp_path: Path, steps: dict[str, list[Any]]) -> None:
    run(tmp_path, FROM_ENCODER)
    run(tmp_path, SOURCE)
    pretrained = encoder_of(load_weights(tmp_path / "runs" / PRETRAINED / "quick" / "seed0" / "last.ckpt"))
    assert pretrained
    (first, *_) = steps["first"]
    assert all(torch.equal(first[f"encoder.{name}"], value) for name, value in pretrained.items())
    torch.manual_seed(derive_seed("weights", 0))
    own = build_network(get_recipe(FROM_ENCODER, "quick").network, 19).state_dict()
    assert all(torch.equal(first[name], value) for name, value in own.items() if name.startswith("decoder."))
    assert not torch.equal(first["encoder.stage1.0.conv1.weight"], own["encoder.stage1.0.conv1.weight"])


def test_the_method_is_built_from_a_network_that_has_its_start_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[dict[str, torch.Tensor]] = []
    create = Supervised.__init__

    def copying(self: Any, network: Any, *arguments: Any, **options: Any) -> None:
        built.append({name: w.clone() for name, w in network.encoder.state_dict().items()})
        create(self, network, *arguments, **options)

    copying.__signature__ = inspect.signature(create)  # type: ignore[attr-defined]
    monkeypatch.setattr(Supervised, "__init__", copying)
    run(tmp_path, FROM_ENCODER)
    pretrained = encoder_of(load_weights(tmp_path / "runs" / PRETRAINED / "quick" / "seed0" / "last.ckpt"))
    assert len(built) == 1
    assert all(torch.equal(built[0][name], value) for name, value in pretrained.items())


def test_what_the_method_draws_for_itself_does_not_depend_on_the_start(tmp_path: Path, steps: Any) -> None:
    discriminators = []
    create = AdaptSegNet.__init__

    def noting(self: Any, *arguments: Any, **options: Any) -> None:
        create(self, *arguments, **options)
        discriminators.append({n: w.clone() for n, w in self.state_dict().items() if not n.startswith("network.")})

    noting.__signature__ = inspect.signature(create)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AdaptSegNet, "__init__", noting)
        run(tmp_path)
        execute(replace(get_recipe(ADAPTED, "quick"), start=None), out=tmp_path / "alone")
    first, second = discriminators
    assert first
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_another_encoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = NetworkSpec.pair(EncoderSpec("mit_b0"), DecoderSpec("segformer"))
    monkeypatch.setitem(RECIPES._values, FROM_ENCODER, replace(RECIPES.get(FROM_ENCODER), network=other))
    with pytest.raises(CheckpointError, match=r"holds another encoder .*must have the same encoder"):
        run(tmp_path, FROM_ENCODER)


def test_the_part_is_recorded_only_where_it_is_not_the_whole_network() -> None:
    assert record(get_recipe(ADAPTED, "quick"))["start"] == {"recipe": SOURCE}
    plain = record(get_recipe(FROM_ENCODER, "quick"))
    assert plain["start"] == {"recipe": PRETRAINED, "part": "encoder"}
    assert from_record(plain).start == StartSpec(PRETRAINED, "encoder")
    assert "task" not in plain["evaluations"][0]
    assert record(get_recipe(PRETRAINED, "quick"))["evaluations"][0]["task"] == "classification"


def test_resuming_needs_the_source_run_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    whole = run(tmp_path / "whole")
    step = AdaptSegNet.step

    def power_cut(self: Any, batches: Any, iteration: int) -> Any:
        if iteration == 3:
            raise RuntimeError("power cut")
        return step(self, batches, iteration)

    monkeypatch.setattr(AdaptSegNet, "step", power_cut)
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path)
    monkeypatch.setattr(AdaptSegNet, "step", step)
    shutil.rmtree(tmp_path / "runs" / SOURCE)
    resumed = run(tmp_path)
    assert not (tmp_path / "runs" / SOURCE).exists()
    assert resumed.results == whole.results
    a, b = (load_weights(result.folder / "last.ckpt") for result in (resumed, whole))
    assert all(torch.equal(value, b[name]) for name, value in a.items())


def test_a_finished_run_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path)
    monkeypatch.setattr("udalib.recipes.runner.start_weights", lambda *_: pytest.fail("started again"))
    assert run(tmp_path).results == first.results


def test_an_attached_auxiliary_head_keeps_its_own_start(tmp_path: Path, steps: dict[str, list[Any]]) -> None:
    run(tmp_path, overrides={"network.auxiliary": -2, "method.lambda_seg": 0.1})
    source, adapted = steps["first"]
    added = set(adapted) - set(source)
    assert added
    assert all(name.startswith("auxiliary.") for name in added)


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds another network .*decoder.*must have the same network"):
        run(tmp_path, overrides={"network.width": 24})
    (failed,) = (tmp_path / "runs" / ADAPTED).rglob("run.json")
    assert json.loads(failed.read_text())["status"] == "failed"


def test_the_record_names_what_the_run_started_from() -> None:
    recipe = get_recipe(ADAPTED, "quick")
    plain = record(recipe)
    assert plain["start"] == {"recipe": SOURCE}
    assert len(plain["start_fingerprint"]) >= 6
    assert record(from_record(json.loads(json.dumps(plain)))) == plain
    assert "start_fingerprint" not in record(get_recipe(SOURCE, "quick"))
    assert run_folder(recipe, "out") == Path("out") / ADAPTED / "quick" / "seed0"


def test_a_changed_source_recipe_is_another_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = record(get_recipe(ADAPTED, "quick"))
    step = AdaptSegNet.step
    monkeypatch.setattr(AdaptSegNet, "step", lambda self, b, i: step(self, b, i) if i < 3 else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path)
    source = RECIPES.get(SOURCE)
    monkeypatch.setitem(RECIPES._values, SOURCE, replace(source, optimizer=replace(source.optimizer, lr=1e-4)))
    after = record(get_recipe(ADAPTED, "quick"))
    assert [key for key in after if after[key] != before[key]] == ["start_fingerprint"]
    with pytest.raises(CheckpointError, match="cannot resume with a changed recipe: start_fingerprint"):
        run(tmp_path)


def test_what_is_refused_before_anything_is_loaded() -> None:
    recipe = get_recipe(ADAPTED, "quick")
    with pytest.raises(UnknownNameError, match="nowhere"):
        check(replace(recipe, start=StartSpec("nowhere")))
    with pytest.raises(ConfigError, match="starts from a run of 'tests/start-source' at its own preset, and has none"):
        check(replace(recipe, preset=""))
