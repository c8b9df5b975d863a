"""The transformer of the painters: blocks that can be re-planned, and two recipes that differ in the method alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from udalib.analysis.layers import find_stack
from udalib.recipes import get_recipe, run_recipe
from udalib.recipes.networks import build_network

NAMES = ("streets/painters-source-only", "streets/painters-dacs")
TINY = {"train.iterations": 2, "train.progress": False, "evaluations.source.dataset.length": 2}


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_both_differ_in_the_method_and_the_target_stream_alone(preset: str) -> None:
    source_only, dacs = (get_recipe(name, preset) for name in NAMES)
    assert dacs.network == source_only.network
    assert (dacs.train, dacs.optimizer, dacs.schedule) == (
        source_only.train,
        source_only.optimizer,
        source_only.schedule,
    )
    assert dacs.streams[0] == source_only.streams[0]
    assert [stream.name for stream in dacs.streams] == ["source", "target"]
    assert dacs.streams[1].batch_size == dacs.streams[0].batch_size
    assert dacs.evaluations == source_only.evaluations


def test_its_eight_blocks_are_the_only_stack() -> None:
    stack = find_stack(build_network(get_recipe(NAMES[0]).network, 19))
    assert len(stack) == 8
    assert {type(layer).__name__ for layer in stack.layers} == {"Block"}


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_and_is_scored(name: str, tmp_path: Path) -> None:
    run = run_recipe(name, "quick", 0, "cpu", {**TINY, "evaluations.target.dataset.length": 2}, tmp_path)
    assert 0 <= run.miou <= 1
