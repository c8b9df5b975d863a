"""Two runs side by side: differences, partings of curves, and a bisection on miniature streets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_streets import TINY

from udalib.cli import main
from udalib.core.errors import ConfigError, UdalibError
from udalib.recipes import RunResult, run_recipe
from udalib.recipes.compare.bisect import Bisection, Toggle, bisect
from udalib.recipes.compare.curves import curves_by_name, parting
from udalib.recipes.compare.pair import Pair, compare_runs
from udalib.recipes.compare.text import bisection_text, pair_text, value_text
from udalib.recipes.compare.units import ABSENT, Unit, differing_units
from udalib.recipes.registry import get_recipe
from udalib.recipes.runner import from_record, record

LR = {"optimizer.lr": 1e-5}


@pytest.fixture(scope="module")
def two(cache: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, RunResult]:
    """Two finished runs that differ in their learning rate, and in the seed."""
    out = tmp_path_factory.mktemp("runs")
    first = run_recipe("streets/source-only", "quick", 0, "cpu", TINY, out)
    return first, run_recipe("streets/source-only", "quick", 1, "cpu", {**TINY, **LR}, out)


@pytest.fixture(scope="module")
def pair(two: tuple[RunResult, RunResult]) -> Pair:
    return compare_runs(two[0].folder, two[1].folder)


def test_a_difference_is_found_with_its_name_as_set_takes_it(pair: Pair) -> None:
    (unit,) = pair.units
    assert (unit.title, unit.second) == ("optimizer.lr", 1e-5)
    assert ("seed", 0, 1) in pair.beside
    assert not [name for name, *_ in pair.beside if name.startswith(("config", "versions", "git", "data"))]
    assert {metric for metric, *_ in pair.scores} >= {"target/miou", "source/miou"}
    assert not [metric for metric, *_ in pair.scores if metric.endswith("images")]


def test_other_settings_of_training_code_and_data_are_seen(two: tuple[RunResult, RunResult], tmp_path: Path) -> None:
    data = json.loads((two[0].folder / "run.json").read_text())
    data["config"]["compile"] = True
    data["git"] = {"commit": "f" * 40, "changed": False}
    data["data"]["streams"]["source"]["items"] += 1
    data["versions"]["torch"] = "1.0"
    (tmp_path / "run.json").write_text(json.dumps(data))
    found = {name: after for name, _, after in compare_runs(two[0].folder, tmp_path).beside}
    assert found["config.compile"] is True
    assert found["git.commit"] == "f" * 40
    assert found["data.streams.source.items"] == data["data"]["streams"]["source"]["items"]
    assert found["versions.torch"] == "1.0"


def test_another_method_is_one_difference_and_an_option_left_at_its_default_is_none() -> None:
    plain = record(get_recipe("streets/source-only", "quick"))
    adapted = record(get_recipe("streets/dacs", "quick"))
    titles = [unit.title for unit in differing_units(plain, adapted)]
    assert {"method", "streams"} <= set(titles)
    assert not [title for title in titles if title.startswith(("method.", "streams."))]
    spelled_out = record(get_recipe("streets/dacs", "quick", {"method.mix": "class"}))
    assert differing_units(adapted, spelled_out) == []
    (other,) = differing_units(adapted, record(get_recipe("streets/dacs", "quick", {"method.mix": "none"})))
    assert other.in_effect == ("class", "none")


def test_every_difference_put_into_the_first_recipe_gives_the_second() -> None:
    first = record(get_recipe("streets/dacs", "quick"))
    wanted = get_recipe(
        "streets/dacs", "quick", {"method.mix": "none", "optimizer.lr": 1.0, "streams.target.batch_size": 2}
    )
    changed = first
    units = differing_units(first, record(wanted))
    assert [unit.title for unit in units] == ["streams.target.batch_size", "method.mix", "optimizer.lr"]
    for unit in units:
        changed = unit.put(changed, unit.second)
    assert from_record(changed) == from_record(record(wanted))
    for unit in units:
        changed = unit.put(changed, unit.first)
    assert changed == first


def test_a_value_that_the_other_lacks_is_removed() -> None:
    unit = Unit(("method", "options", "mix"), "method.mix", "none", ABSENT)
    assert unit.put({"method": {"options": {"mix": "none"}}}, ABSENT) == {"method": {"options": {}}}


def test_curves_part_at_the_first_difference_and_for_good_at_the_last_crossing() -> None:
    found = parting("loss", {1: 1.0, 2: 1.0, 3: 3.0, 4: 1.0}, {1: 1.0, 2: 2.0, 3: 2.0, 4: 0.5, 5: 0.0})
    assert found is not None
    assert (found.shared, found.iteration, found.values, found.lasting, found.last) == (4, 2, (1.0, 2.0), 3, (1.0, 0.5))
    same = parting("loss", {1: 1.0}, {1: 1.0})
    assert same is not None
    assert (same.iteration, same.lasting) == (None, None)
    assert parting("loss", {1: 1.0}, {2: 1.0}) is None
    lines = [{"iteration": 1, "kind": "train", "loss": 2.0, "images": 3, "iou": {"road": 1.0}}]
    assert curves_by_name(lines) == {"train/loss": {1: 2.0}}


def test_the_gap_is_explained_by_the_difference(two: tuple[RunResult, RunResult], pair: Pair, tmp_path: Path) -> None:
    told: list[str] = []
    found = bisect(pair, seeds=(0, 1), device="cpu", out=tmp_path, told=told.append)
    assert len(told) == 8
    assert 100 * two[0].results["target/miou"] == pytest.approx(found.first[0])
    assert 100 * two[1].results["target/miou"] == pytest.approx(found.second[1])
    (toggle,) = found.toggles
    assert toggle.effect == pytest.approx(found.gap)
    assert toggle.into_first == pytest.approx([b - a for a, b in zip(found.first, found.second, strict=True)])
    assert toggle.out_of_second == pytest.approx(toggle.into_first)
    text = bisection_text(found)
    assert f"gap {found.gap:+.2f} points" in text
    assert "optimizer.lr" in text


def test_what_cannot_be_exchanged_alone_is_named_and_what_the_preset_hides_too(
    two: tuple[RunResult, RunResult], tmp_path: Path
) -> None:
    target = {f"streams.target.{key.removeprefix('streams.source.')}": v for key, v in TINY.items() if "source." in key}
    target = {key: value for key, value in target.items() if "evaluations" not in key}
    other = run_recipe("streets/dacs", "quick", 0, "cpu", {**TINY, **target}, tmp_path / "runs")
    found = bisect(compare_runs(two[0].folder, other.folder), seeds=(0,), device="cpu", out=tmp_path / "bisect")
    by_title = {toggle.unit.title: toggle for toggle in found.toggles}
    method = by_title["method"]
    assert method.into_first == ()  # source-only has no target stream
    assert method.out_of_second != ()
    assert method.refused == ""
    lost = Bisection(
        "target/miou", "quick", (0,), (1.0,), (2.0,), (Toggle(method.unit, (), (), "why"),), (method.unit,)
    )
    text = bisection_text(lost)
    assert "method could not be exchanged alone: why" in text
    assert "Not in the miniature" in text


def test_runs_that_do_not_differ_or_are_scored_otherwise_are_refused(
    two: tuple[RunResult, RunResult], pair: Pair, tmp_path: Path
) -> None:
    same = compare_runs(two[0].folder, two[0].folder)
    assert (same.units, same.beside) == ((), ())
    assert "What differs in the recipe: nothing." in pair_text(same)
    with pytest.raises(ConfigError, match="do not differ at preset quick"):
        bisect(same)
    with pytest.raises(ConfigError, match="at least one seed"):
        bisect(pair, seeds=())
    data = json.loads((two[1].folder / "run.json").read_text())
    data["overrides"]["evaluations.target.dataset.length"] = "1"
    (tmp_path / "run.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="not scored on the same images"):
        bisect(compare_runs(two[0].folder, tmp_path))


def test_the_command(two: tuple[RunResult, RunResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(result.folder) for result in two]
    assert main(["compare", *folders]) == 0
    out = capsys.readouterr().out
    for text in ("optimizer.lr", "Results, percent", "train/loss", "target/miou"):
        assert text in out
    arguments = ["compare", *folders, "--bisect", "--seeds", "0", "--device", "cpu", "--out", str(tmp_path / "b")]
    assert main(arguments) == 0
    assert "put into the first" in capsys.readouterr().out
    assert main(["compare", folders[0]]) == 2
    assert "takes two run folders" in capsys.readouterr().err


def test_a_record_without_a_recipe_is_named(two: tuple[RunResult, RunResult], tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"status": "finished", "results": {}}))
    with pytest.raises(UdalibError, match="holds no recipe"):
        compare_runs(two[0].folder, tmp_path)


def test_runs_without_results_are_compared_without(two: tuple[RunResult, RunResult], tmp_path: Path) -> None:
    data = json.loads((two[1].folder / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**data, "status": "failed", "error": {"message": "x"}}))
    assert "not both runs have finished" in pair_text(compare_runs(two[0].folder, tmp_path))


def test_values_fit_a_table() -> None:
    assert value_text({"name": "jitter", "options": {"p": 0.5}}) == "jitter(options={p=0.5})"
    assert value_text([1, None]) == "[1, None]"
    assert len(value_text("x" * 100)) == 60
