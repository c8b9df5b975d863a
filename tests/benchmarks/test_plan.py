"""Planned memory beside measured memory: the script on one recipe, and the record in the repository."""

import json
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
RECORD = json.loads((Path(__file__).resolve().parents[2] / "benchmarks/results/plan-cpu.json").read_text())


def test_a_plan_is_close_to_what_the_profiler_counts(plan, tmp_path, cache, capsys):
    out = tmp_path / "plan.json"
    assert plan.main(["--recipes", "streets/source-only", "--preset", "quick", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    (row,) = record["results"]
    assert 0.85 < row["planned_over_measured"] < 1.15, "scratch space of the CPU library is measured too"
    assert record["command"].endswith("--preset quick --recipes streets/source-only")
    assert "ratio" in capsys.readouterr().out


def test_an_unknown_recipe_is_named(plan, capsys):
    assert plan.main(["--recipes", "streets/nothing"]) == 2
    assert "unknown recipe" in capsys.readouterr().err


def test_the_readme_has_the_records_numbers():
    ratios = [row["planned_over_measured"] for row in RECORD["results"]]
    assert f"between {min(ratios):.2f} and {max(ratios):.2f} times the measured one on {len(ratios)} recipes" in README
    assert ratios == pytest.approx([1.0] * len(ratios), abs=0.1)
