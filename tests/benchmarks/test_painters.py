"""The benchmark of execution plans: it scores runs that are there, keeps what it scored, and names what is wrong."""

from __future__ import annotations

import json
import shlex

import pytest
import torch

from udalib.analysis.layers import create_plan, find_stack, largest_start, layer_states, planned
from udalib.analysis.runs.measured import command_of
from udalib.recipes import get_recipe, list_recipes, parse_assignments, run_recipe
from udalib.recipes.apply.loading import load_run
from udalib.recipes.build import build_evaluators
from udalib.recipes.networks import build_network

NAME, LAYERS = "streets/painters-source-only", 8
SIZES = [f"{place}.dataset.size=16,32" for place in ("streams.source", "evaluations.target", "evaluations.source")]
SETTINGS = ["train.iterations=1", "train.progress=no", *SIZES, "streams.source.dataset.length=4"]
SETTINGS += [f"evaluations.{name}.dataset.length=3" for name in ("target", "source")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    run_recipe(NAME, "quick", 0, "cpu", parse_assignments(SETTINGS), folder)
    return folder


def arguments(runs, out, *more):
    words = ["--recipes", NAME, "--seeds", "0", "--preset", "quick", "--set", *SETTINGS, "--images", "2"]
    words += ["--loops", "2", "--draws", "1", "--device", "cpu", "--runs", str(runs), "--out", str(out)]
    return [*words, *more]


@pytest.fixture(scope="module")
def scored(painters, runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("record") / "out.json"
    assert painters.main(arguments(runs, out)) == 0
    return out


def test_the_record_holds_every_plan_seed_machine_and_no_place(scored, runs):
    text = scored.read_text()
    record = json.loads(text)
    (run,) = record["runs"]
    assert (run["recipe"], run["seed"], run["machine"]["type"]) == (NAME, 0, "cpu")
    assert run["stack"] == {"name": "encoder.body.model.blocks", "layers": LAYERS, "class": "Block"}
    assert {"python", "torch", "timm"} <= set(run["versions"])
    names = {trial["plan"] for trial in record["trials"]}
    assert names == {"skip", "middle_repeat", "reverse", "random", "parallel", "loop_parallel"} | {
        "skip_layer",
        "switch_layers",
    }
    assert {t["start"] for t in record["trials"] if t["plan"] == "skip"} == set(range(largest_start(LAYERS) + 1))
    for domain in ("target", "source"):
        assert len(run["scores"][domain]) == len(record["trials"])
        assert torch.tensor(run["similarity"][domain]).shape == (LAYERS + 1, LAYERS + 1)
    assert record["failed"] == {}
    assert str(runs) not in text, "a place of this machine is in the record"


def test_scores_are_those_of_the_network_under_the_plan(scored, runs):
    record = json.loads(scored.read_text())
    (folder,) = runs.glob(f"{NAME}/*/seed0")
    run = load_run(folder, torch.device("cpu"))
    evaluator = build_evaluators(run.recipe, run.method)["target"]
    evaluator.dataset = [evaluator.dataset[i] for i in range(2)]
    orders = [(t["plan"], t["start"], t["loops"]) for t in record["trials"]]
    for wanted in (("reverse", 0, 1), ("loop_parallel", 1, 2), ("skip_layer", 0, 1)):
        name, start, loops = wanted
        with planned(run.method.network, create_plan(name, LAYERS, start, loops=loops)):
            found = 100 * evaluator.evaluate(run.method.predict)["miou"]
        assert record["runs"][0]["scores"]["target"][orders.index(wanted)] == pytest.approx(found, abs=1e-3)


def test_a_middle_of_one_layer_changes_nothing_but_when_skipped_or_looped(scored):
    record = json.loads(scored.read_text())
    (run,) = record["runs"]
    last = largest_start(LAYERS)
    for trial, score in zip(record["trials"], run["scores"]["target"], strict=True):
        if trial["start"] == last and trial["plan"] in ("middle_repeat", "reverse", "random", "parallel"):
            assert score == run["full"]["target"], trial


def test_scored_runs_are_taken_over_and_the_command_repeats_the_record(painters, scored, runs, tmp_path, monkeypatch):
    record = json.loads(scored.read_text())
    out = tmp_path / "again.json"
    words = [*shlex.split(record["command"])[2:], "--runs", str(runs), "--out", str(out), "--device", "cpu"]
    assert painters.main(words) == 0
    assert json.loads(out.read_text())["runs"] == record["runs"]
    monkeypatch.setattr(painters, "score_run", lambda *_: pytest.fail("scored again"))
    assert painters.main(arguments(tmp_path / "gone", out, "--extend")) == 0
    assert json.loads(out.read_text())["runs"] == record["runs"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--recipes", "streets/painter-dacs"], "unknown recipe 'streets/painter-dacs'"),
        (["--loops", "1"], "one loop is the plan 'parallel'"),
        (["--draws", "0"], "1 draw or more"),
        (["--stack", "blok"], "Did you mean"),
        (["--extend", "--images", "1"], "scored with other settings"),
    ],
)
def test_wrong_names_and_values_end_with_a_message(painters, scored, runs, tmp_path, capsys, more, message):
    out = tmp_path / "out.json"
    out.write_text(scored.read_text())
    assert painters.main(arguments(runs, out, *more)) == 2
    assert message in capsys.readouterr().err
    assert out.read_text() == scored.read_text()


def test_a_network_without_a_stack_is_refused(painters, tmp_path, capsys):
    other = "streets/source-only"
    run_recipe(other, "quick", 0, "cpu", parse_assignments(SETTINGS), tmp_path)
    assert painters.main(arguments(tmp_path, tmp_path / "out.json", "--recipes", other)) == 2
    assert "has 0 stacks of residual layers" in capsys.readouterr().err


def test_a_run_of_an_older_recipe_is_named_and_not_scored(painters, runs, tmp_path, capsys):
    (path,) = runs.glob(f"{NAME}/*/seed0/run.json")
    before = path.read_text()
    changed = json.loads(before)
    changed["recipe"]["optimizer"]["lr"] = 123.0
    path.write_text(json.dumps(changed))
    try:
        assert painters.main(arguments(runs, tmp_path / "out.json")) == 1
    finally:
        path.write_text(before)
    assert "another version of the recipe" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(("words", "name"), [([], "streets-painters"), (["--photographs"], "camvid-painters")])
def test_its_recipes_exist_and_its_command_is_what_notebooks_show(painters, words, name):
    options = painters.parse(words)
    assert set(options.recipes) <= set(list_recipes())
    assert command_of(name).startswith(painters.command(options))
    assert options.out.name == f"{name}.json"


def test_photographs_that_are_not_there_are_skipped_with_the_reason(painters, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("UDALIB_DATA", str(tmp_path))
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    out = tmp_path / "out.json"
    assert painters.main(["--photographs", "--runs", str(tmp_path), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("skipped: ")
    assert not out.exists()


def test_the_blocks_of_one_shape_in_a_stage_of_mobilenet_are_a_stack(painters):
    options = painters.parse(["--photographs"])
    network = build_network(get_recipe(options.recipes[0]).network, 11, pretrained=False).eval()
    stack = find_stack(network, options.stack)
    assert [type(layer).__name__ for layer in stack.layers] == ["InvertedResidual"] * 3
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        state = layer_states(network, lambda: network(images), stack=stack)
        with planned(network, create_plan("reverse", 3), stack=stack):
            found = layer_states(network, lambda: network(images), stack=stack)[-1]
        by_hand = stack.layers[1](stack.layers[2](stack.layers[0](state[0])))
    assert torch.allclose(found, by_hand, atol=1e-5)
