"""Recipes of domain generalisation: the published setting, what the kinds share, that they run."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from udalib.core.errors import CheckpointError, ConfigError
from udalib.engine import read_metrics
from udalib.engine.optim.schedules import Exponential
from udalib.engine.record.checkpoint import load_checkpoint, load_weights, save_checkpoint
from udalib.recipes import execute, get_recipe, list_recipes, run_recipe
from udalib.recipes.build import build_method, build_schedules, check
from udalib.recipes.comparisons import get_comparison
from udalib.recipes.conformance import CHECKS, Subject, subject_of

KINDS = ("joined", "joined-memory", "meta-learning", "memory", "memory-second-order")
PUBLISHED = [
    *(f"gta-dg/{kind}-r{depth}" for kind in KINDS for depth in (50, 101)),
    *(f"gta-synthia-dg/{kind}-r{depth}" for kind in KINDS for depth in (50, 101)),
    *(f"gta-synthia-idd-dg/{kind}-r50" for kind in KINDS),
]
STREETS = [r for r in list_recipes("streets-dg/*") if "one-source" not in r]
ITEMS = "network.decoder.memory.m_items"


def test_all_are_registered() -> None:
    assert {*list_recipes("gta*-dg/*")} == {*PUBLISHED}
    assert {f"{family}/{kind}" for family in ("streets-dg", "camvid-dg") for kind in KINDS} - set(list_recipes()) == {
        "camvid-dg/meta-learning"
    }


def test_no_number_of_the_method_is_known_and_the_baseline_s_are_labelled() -> None:
    values = {n: [p.value for p in get_recipe(n, "paper").published] for n in list_recipes("*-dg*/*")}
    assert {name: found for name, found in values.items() if found} == {"gta-dg/joined-r101": [30.06, 24.85, 31.5]}
    assert all("not this recipe's setting" in p.note for p in get_recipe("gta-dg/joined-r101", "paper").published)


@pytest.mark.parametrize(
    ("name", "iterations"),
    [
        ("gta-dg/memory-r50", 23_033),
        ("gta-synthia-dg/memory-r50", 30_463),
        ("gta-synthia-dg/memory-r101", 95 * 743),
        ("gta-synthia-idd-dg/memory-r50", 151 * 743),
    ],
)
def test_the_published_setting(name: str, iterations: int) -> None:
    """The table of hyper-parameters, section 4 of the sheet."""
    recipe = get_recipe(name, "paper")
    defaults, optimizer = recipe.method.defaults(), recipe.optimizer
    init = recipe.method.options["init_iterations"]
    assert (init, recipe.train.iterations) == (2 * 743, iterations + 2 * 743)
    assert recipe.method.options["official"] is True
    assert [defaults[f"lambda_{term}"] for term in ("aux", "read", "div", "cls")] == [0.4, 0.02, 0.4, 0.2]
    assert (defaults["inner_lr"], defaults["inner_share"], defaults["second_order"]) == (0.001, 0.25, False)
    assert (defaults["jitter"], defaults["jitter_probability"]) == ((0.4, 0.4, 0.4, 0.1), 0.5)
    assert (defaults["strong_jitter"], defaults["blur"]) == ((0.8, 0.8, 0.8, 0.3), (0.15, 1.3))
    assert (optimizer.kind, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.01, 0.9, 5e-4)
    assert {stream.batch_size for stream in recipe.streams} == {4}
    assert recipe.streams[0].name == "gta"  # the one that the published accident favours
    assert recipe.schedule.build() == Exponential(120_000, 9.0, delay=init)
    targets = [evaluation.name for evaluation in recipe.evaluations]
    assert targets == ["cityscapes", "bdd100k", "mapillary", *([] if "idd" in name else ["idd"])]


@pytest.mark.parametrize("family", ["streets-dg", "camvid-dg", "gta-synthia-dg"])
@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_kinds_train_equally_long_on_the_same_images(family: str, preset: str) -> None:
    suffix = "-r50" if family.startswith("gta") else ""
    recipes = [get_recipe(f"{family}/{kind}{suffix}", preset) for kind in KINDS if kind != "meta-learning"]
    first = recipes[0]
    for recipe in recipes:
        check(recipe)
        init = recipe.method.options.get("init_iterations", 0)
        assert replace(recipe.train, iterations=recipe.train.iterations - init) == first.train
        assert (recipe.streams, recipe.optimizer, recipe.evaluations) == (
            first.streams,
            first.optimizer,
            first.evaluations,
        )
        rates = [build_schedules(r, _Named())["main"] for r in (recipe, first)]
        if suffix:
            assert rates[0](1.0, init + 7) == rates[1](1.0, 7)


class _Named:
    def optimizers(self) -> dict[str, None]:
        return {"main": None}


def test_comparisons_name_what_is_there() -> None:
    for name in ("streets-dg", "streets-dg-ablation", "streets-dg-one-source", "camvid-dg", "streets-dg-without-fog"):
        comparison = get_comparison(name)
        assert set(comparison.baselines) < set(comparison.recipes)
        for recipe in comparison.recipes:
            evaluations = {evaluation.name for evaluation in get_recipe(recipe, "laptop").evaluations}
            assert {metric.split("/")[0] for metric in comparison.metrics} <= evaluations


@pytest.mark.parametrize("style", ["source", "target", "night", "fog", "rain"])
def test_the_style_left_out_is_not_trained_on(style: str) -> None:
    recipe = get_recipe(f"streets-dg-without-{style}/memory", "laptop")
    assert len(recipe.streams) == 4
    assert f"streets/{style}" not in [stream.dataset.name for stream in recipe.streams]
    assert [evaluation.dataset.name for evaluation in recipe.evaluations] == [f"streets/{style}"]


@pytest.mark.parametrize("name", ["streets-dg/joined-memory", "streets-dg/meta-learning", "streets-dg/memory-gumbel"])
@pytest.mark.parametrize("check_name", ["gradients", "draws", "resume", "prediction", "no_labels", "processes"])
def test_the_other_loops_keep_what_methods_promise(name: str, check_name: str) -> None:
    """The suite itself takes one recipe a method: those with memory and meta-learning, and with neither."""
    CHECKS[check_name](_subject(name))


@cache
def _subject(name: str) -> Subject:
    return subject_of(get_recipe(name, "quick"))


TINY = {"train.iterations": 4, "train.progress": False, "train.log_every": 1, "method.init_iterations": 1}
TINY |= {f"evaluations.{style}.dataset.length": 2 for style in ("target", "night", "fog", "rain", "source")}


def test_a_run_keeps_its_memory_and_a_checkpoint_without_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    result = run_recipe("streets-dg/memory-second-order", "quick", 0, "cpu", TINY, tmp_path / "runs")
    assert {f"{style}/miou" for style in ("target", "night", "fog", "rain")} <= set(result.results)
    lines = [line for line in read_metrics(result.folder / "metrics.jsonl") if line["kind"] == "train"]
    assert lines[0]["loss"] == 0
    assert {"inner_read", "inner_div", "inner_cls", "outer_read"} <= set(lines[-1])
    items = load_weights(result.folder / "last.ckpt")[ITEMS]
    lengths = items.norm(dim=1)
    assert torch.allclose(lengths[lengths > 0], torch.ones(()), atol=1e-5)
    assert lengths.gt(0).sum() > 5
    again = build_method(result.recipe)
    again.load_state_dict(load_weights(result.folder / "last.ckpt"))
    assert torch.equal(again.get_buffer(ITEMS), items)
    checkpoint = load_checkpoint(result.folder / "last.ckpt")
    del checkpoint.method[ITEMS]
    save_checkpoint(tmp_path / "stripped.ckpt", checkpoint)
    with pytest.raises(CheckpointError, match=r"no memory items \(network.decoder.memory.m_items\).*pin_checkpoint"):
        again.load_state_dict(load_weights(tmp_path / "stripped.ckpt"))


def test_a_stream_that_is_missing_fails_before_anything_is_loaded() -> None:
    recipe = get_recipe("streets-dg/memory", "quick", {"method.domain_streams": ("source", "dawn")})
    with pytest.raises(ConfigError, match="reads the stream 'dawn', but the recipe has 'source', 'evening'"):
        check(recipe)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["joined", "memory"])
def test_camvid_runs_on_a_miniature_tree(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for drive in ("0006R0",):
        for kind in ("images", "labels"):
            for path in sorted((real_data / "camvid" / kind / "train").glob("0016E5_*")):
                copy = path.with_name(path.name.replace("0016E5", drive))
                copy.write_bytes(path.read_bytes())
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    changes = {"network.encoder.pretrained": False, "train.progress": False}
    result = run_recipe(f"camvid-dg/{name}", "quick", 0, "cpu", changes, tmp_path / "runs")
    assert result.results["target/images"] == 2
    assert 0 <= result.results["day/miou"] <= 1


@pytest.mark.slow
def test_synthetic_sources_run_on_miniature_trees(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the small encoder of the streets, scored on Cityscapes alone."""
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    recipe = get_recipe("gta-synthia-dg/memory-r50", "quick", {"network.encoder.name": "streets"})
    train = replace(recipe.train, device="cpu", progress=False)
    small = replace(recipe, evaluations=recipe.evaluations[:1], train=train, preset="")
    result = execute(small, out=tmp_path / "runs")
    assert result.results["cityscapes/images"] == 2
