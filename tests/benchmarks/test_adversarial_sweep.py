"""The sweep over lambda: what it would run, what it writes of finished runs, and the committed record."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from udalib.analysis import load_sweep
from udalib.recipes import run_recipe

RECORD = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "adversarial-sweep.json"


def options(tmp_path, seeds=(0,)):
    return Namespace(preset="quick", device="auto", runs=tmp_path, seeds=list(seeds), iterations=160)


def test_the_committed_record_holds_every_planned_run_once(adversarial_sweep, tmp_path):
    planned = [title for _, title in adversarial_sweep.tasks(options(tmp_path, (0, 1, 2)))]
    keys = ("space", "levels", "gan", "lambda", "seed")
    kept = sorted(str([run[key] for key in keys]) for run in json.loads(RECORD.read_text())["runs"])
    assert kept == sorted(str([title[key] for key in keys]) for title in planned)
    assert load_sweep(RECORD).command == adversarial_sweep.summary([], options(tmp_path, (0, 1, 2)))["command"]


def test_lambda_reaches_the_method_and_a_finished_run_is_read(adversarial_sweep, tmp_path):
    for work, title in adversarial_sweep.tasks(options(tmp_path)):
        method = work.recipe.method.options
        assert method["lambda_adv"] == title["lambda"]
        assert bool(method["lambda_adv_aux"]) == (title["levels"] == "multi")
        assert (method.get("gan", "vanilla"), method.get("space", "output")) == (title["gan"], title["space"])
    changes = {"train.iterations": 4, "train.evaluate_every": 2, "train.log_every": 2}
    result = run_recipe("streets/adversarial-control", "quick", 0, "cpu", changes, tmp_path)
    found = adversarial_sweep.curves(result.folder)
    assert found["iteration"] == found["evaluated"] == [2, 4]
    assert found["target/miou"][-1] == round(100 * result.miou, 2)
    assert all(len(found[name]) == 2 for name in adversarial_sweep.LOSSES)
