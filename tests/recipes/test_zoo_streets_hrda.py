"""HRDA on the streets and its control: the same data and scoring, one network of two scales and one of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from udalib.models import MultiResolutionNetwork
from udalib.recipes import get_recipe, run_recipe
from udalib.recipes.build import build_stream
from udalib.recipes.networks import build_network

NAMES = ("streets/hrda-control", "streets/hrda", "streets/mic-hrda")
TINY = {"train.iterations": 2, "train.progress": False, "evaluations.source.dataset.length": 2}


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_all_three_differ_in_resolution_and_method_alone(preset: str) -> None:
    control, hrda, mic = (get_recipe(name, preset) for name in NAMES)
    for other in (hrda, mic):
        assert other.train == control.train
        assert (other.optimizer, other.schedule) == (control.optimizer, control.schedule)
        for one, two in zip(control.streams, other.streams, strict=True):
            assert (one.dataset, one.sampler, one.batch_size) == (two.dataset, two.sampler, two.batch_size)
        assert [e.dataset for e in other.evaluations] == [e.dataset for e in control.evaluations]
    assert hrda.network == mic.network
    assert dict(hrda.method.options).items() <= dict(mic.method.options).items()


@pytest.mark.parametrize("preset", ["quick", "laptop", "paper"])
def test_the_control_sees_what_the_context_sees(preset: str) -> None:
    control, hrda, _ = (get_recipe(name, preset) for name in NAMES)
    scales = hrda.network.multi_resolution
    assert scales is not None
    height, width = hrda.streams[0].dataset.options["size"]
    context = (int(height * scales.context_scale), int(width * scales.context_scale))
    assert scales.detail == context
    for place in control.streams:
        assert place.batch_transforms[0].options["size"] == context
    for evaluation in control.evaluations:
        assert evaluation.transforms[0].options["size"] == context


def test_offsets_lie_on_the_grid_of_the_network() -> None:
    spec = get_recipe("streets/hrda").network
    network = build_network(spec, 19)
    assert isinstance(network, MultiResolutionNetwork)
    stride = network.encoder.strides[0]
    assert network.divisible == stride / network.context_scale


def test_the_control_s_batches_are_half_as_large() -> None:
    recipe = get_recipe("streets/hrda-control", "quick", {"streams.source.dataset.length": 4})
    stream = build_stream(recipe.streams[0], recipe.label_space, 0)
    batch = stream.finish(stream.load(0), "cpu", 0)
    assert batch["image"].shape == (4, 3, 32, 64)
    assert batch["label"].shape == (4, 32, 64)


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_and_is_scored_at_full_size(name: str, tmp_path: Path) -> None:
    run = run_recipe(name, "quick", 0, "cpu", {**TINY, "evaluations.target.dataset.length": 2}, tmp_path)
    counted = sum(sum(row) for row in run.results["target/confusion"])
    assert 0.5 * 2 * 64 * 128 < counted <= 2 * 64 * 128
