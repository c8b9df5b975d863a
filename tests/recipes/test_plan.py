"""Plans: memory as a real step takes it, arithmetic by hand, ways to fit, and every method at its published size."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from udalib.cli import main
from udalib.core.errors import ConfigError
from udalib.core.seeding import seeded
from udalib.methods.base import LocalRuntime
from udalib.recipes import get_recipe, list_recipes
from udalib.recipes.build import build_method
from udalib.recipes.plan import CARDS, Card, fitting, plan_recipe, ways_to_fit
from udalib.recipes.plan.meter import Meter, Work
from udalib.recipes.plan.planning import MIB, Plan
from udalib.recipes.plan.standin import native_size, stand_in_batches
from udalib.recipes.plan.weightless import PlanningRuntime, TypicalValues, settle, weightless
from udalib.recipes.registry import RECIPES
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.specs import Recipe

GIB = 1024


def test_the_meter_counts_what_is_alive_and_the_arithmetic() -> None:
    with Meter() as meter:
        left, right = torch.zeros(256, 1024), torch.zeros(1024, 512)
        product = left @ right
        assert meter.alive == meter.peak == 4 * (256 * 1024 + 1024 * 512 + 256 * 512)
        view = product.T
        del product
        assert meter.alive == meter.peak, "a view holds its storage"
        del view, right
        assert meter.alive == 4 * 256 * 1024
    (matmul,) = (work for work in meter.work if work.flops)
    assert matmul.flops == 2 * 256 * 1024 * 512
    assert matmul.moved == meter.peak


@pytest.mark.parametrize("name", ["streets/dacs", "streets/adaptsegnet-multi"])
def test_a_plan_is_what_a_real_step_takes(cache: None, name: str) -> None:
    recipe = get_recipe(name, "quick")
    plan = plan_recipe(recipe)
    with seeded(0):
        method = build_method(recipe, pretrained=False).train()
    batches, meter = stand_in_batches(recipe), Meter()
    with meter:
        meter.watch([*method.parameters(), *method.buffers()])
        settle(method)
        meter.watch(value for batch in batches.values() for value in batch.values() if torch.is_tensor(value))
        meter.peak = meter.alive
        meter.work.clear()
        method.step(batches, recipe.train.iterations - 1)
    assert plan.peak == pytest.approx(meter.peak / MIB, rel=0.02), "the plan's draws, and values, are others"
    assert plan.flops == pytest.approx(sum(work.flops for work in meter.work), rel=1e-6)


def test_nothing_of_the_plan_stays_in_torch(cache: None) -> None:
    plan_recipe(get_recipe("streets/source-only", "quick"))
    assert float(torch.ones(2).sum()) == 2.0
    assert not torch.is_autocast_enabled("cpu")


def test_mixed_precision_is_that_of_a_gpu() -> None:
    images = torch.rand(2, 8, 4)
    with PlanningRuntime("bf16-mixed").autocast():
        product = images @ images.mT
        assert product.dtype == torch.bfloat16
        assert torch.nn.functional.layer_norm(product, (8,)).dtype == torch.float32
        assert product.softmax(-1).dtype == torch.float32
        assert torch.relu(product).dtype == torch.bfloat16
    with PlanningRuntime("32-true").autocast():
        assert (images @ images.mT).dtype == torch.float32


def test_what_depends_on_values_gets_a_typical_answer() -> None:
    method = build_method(get_recipe("streets/source-only", "quick"), pretrained=False)
    with weightless(method, "32-true") as fake, TypicalValues():
        mask = fake({"source": {"mask": torch.zeros(3, 2, dtype=torch.bool)}})["source"]["mask"]
        assert bool(mask.any())
        assert int(mask.sum()) == 1
        assert mask.nonzero().shape == (6, 2)
        assert torch.rand(3, 2)[mask].shape == (6,)


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    """Plans of one recipe at its published size, changed in one thing each."""
    recipe = get_recipe("gta2cityscapes/source-only-deeplabv2", "paper")
    changed = {"plain": {}, "half": {"train.precision": "bf16-mixed"}, "parts": {"train.accumulate": 2}}
    return {key: plan_recipe(apply_overrides(recipe, overrides)) for key, overrides in changed.items()}


def test_half_precision_and_smaller_batches_take_less(plans: dict[str, Plan]) -> None:
    plain, half, parts = plans["plain"], plans["half"], plans["parts"]
    assert half.peak < 0.75 * plain.peak
    assert parts.peak < plain.peak
    assert parts.flops == pytest.approx(plain.flops, rel=0.01)
    assert parts.images["source"][0] == plain.images["source"][0] // 2
    assert plain.held == half.held == parts.held
    assert plain.trainable * 4 / MIB == pytest.approx(plain.held, rel=0.01)


def test_activation_checkpointing_trades_memory_for_arithmetic() -> None:
    recipe = get_recipe("gta2cityscapes/source-only-segformer-mit_b5", "paper")
    assert recipe.network.encoder is not None
    network = replace(recipe.network, encoder=replace(recipe.network.encoder, name="mit_b0"))
    plain, again = (
        plan_recipe(replace(recipe, network=network, train=replace(recipe.train, activation_checkpointing=flag)))
        for flag in (False, True)
    )
    assert again.peak < 0.9 * plain.peak
    assert plain.flops < again.flops < 1.34 * plain.flops


def test_times_are_those_of_the_slower_of_arithmetic_and_memory(plans: dict[str, Plan]) -> None:
    card = Card("toy", 8, half=4.0, tf32=2.0, full=1.0, bandwidth=100.0)
    work = [Work("mm", 10**12, 0, False), Work("mm", 10**12, 0, True), Work("convolution", 10**12, 0, False)]
    assert card.seconds([*work, Work("add", 0, 10**11, False)]) == pytest.approx(1 + 1 / 4 + 1 / 2 + 1)
    times = {name: CARDS.get(name).seconds(plans["plain"].work) for name in CARDS.names()}
    assert times["h200"] < times["h100"] < times["a100"] < times["rtx3090"]


def _sized(recipe: Recipe, peak: float) -> Plan:
    return Plan(recipe, {}, 0, 0.0, 0.0, peak * GIB, ())


def test_ways_to_fit_begin_mild_and_end_at_the_first_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([30.0, 20.0, 15.0, 11.0, 7.3, 1.0])
    monkeypatch.setattr(fitting, "plan_recipe", lambda recipe: _sized(recipe, next(peaks)))
    ways = list(ways_to_fit(get_recipe("gta2cityscapes/daformer", "paper")))
    assert [list(overrides) for overrides, _ in ways[:3]] == [
        [],
        ["train.precision"],
        ["train.precision", "train.accumulate"],
    ]
    crops = [overrides.get("streams.source.sample_transforms.crop.size") for overrides, _ in ways]
    assert crops == [None, None, None, None, (384, 384), (256, 256)]
    assert list(ways[3][0])[-1] == "train.activation_checkpointing"
    assert [fitting.fits(plan, 8) for _, plan in ways] == [False] * 5 + [True], "7.3 of 8 leaves no margin"


def test_a_change_that_cannot_be_planned_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(recipe: Recipe) -> Plan:
        if recipe.train.accumulate > 1:
            raise ConfigError("it steps twice")
        return _sized(recipe, 70.0)

    monkeypatch.setattr(fitting, "plan_recipe", refuse)
    ways = {str(o): p for o, p in ways_to_fit(get_recipe("gta2cityscapes/daformer", "paper"))}
    assert sum(isinstance(found, ConfigError) for found in ways.values()) == 4


def test_batches_that_cannot_be_cut_are_refused() -> None:
    recipe = get_recipe("gta2cityscapes/daformer", "paper", {"train.accumulate": 3})
    with pytest.raises(ConfigError, match="cannot be cut into 3 equal parts"):
        plan_recipe(recipe)


def test_images_have_the_sizes_of_their_data_sets() -> None:
    recipe = get_recipe("gta2cityscapes/adaptsegnet-multi", "paper")
    streams = {stream.name: stream for stream in recipe.streams}
    assert native_size(streams["target"].dataset) == (1024, 2048)
    assert native_size(streams["source"].dataset) == (1080, 1920)
    batches = stand_in_batches(recipe)
    assert tuple(batches["source"]["image"].shape) == (1, 3, 720, 1280)
    assert tuple(batches["target"]["image"].shape) == (1, 3, 512, 1024)


EMBEDDED = ("streets", "camvid", "pretrain", "own")
PUBLISHED = sorted((n for n in list_recipes() if not n.startswith(EMBEDDED)), key=lambda n: (-len(n), n))
PUBLISHED_OF = {RECIPES.get(name).method.name: name for name in PUBLISHED}
"""Method to its published recipe of the shortest name."""


@pytest.mark.parametrize("method", sorted(PUBLISHED_OF))
def test_every_method_can_be_planned_at_the_size_of_its_paper(method: str) -> None:
    """A step at full size in shapes: whatever does not fit together there fails, without a byte of data."""
    recipe = get_recipe(PUBLISHED_OF[method], "paper")
    encoder = recipe.network.encoder
    if encoder is not None and encoder.name.startswith("mit_b"):  # the same shapes in a tenth of the operations
        network = replace(recipe.network, encoder=replace(encoder, name="mit_b0"))
        recipe = replace(recipe, network=network)
    plan = plan_recipe(recipe)
    assert plan.peak > plan.held
    assert plan.flops > 1e9, "no step of a published size is that small"


def test_the_command_shows_it(capsys: pytest.CaptureFixture[str], cache: None) -> None:
    assert main(["plan", "streets/source-only", "--preset", "laptop", "--cards", "h100", "--fit"]) == 0
    shown = capsys.readouterr().out
    assert "source 8 x 3 x 64 x 128" in shown
    assert "NVIDIA H100" in shown
    assert "RTX 3090" not in shown
    assert "as it is" in shown
    assert main(["plan", "streets/source-only", "--preset", "laptop", "--cards", "h100", "--format", "json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["peak_mib"] > known["networks_mib"] > 0
    assert known["seconds_an_iteration"]["NVIDIA H100 SXM 80 GB"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "streets/source-only", "--cards", "h1000"], "unknown card 'h1000'. Did you mean: h100"),
        (["plan", "streets/nothing"], "unknown recipe"),
    ],
)
def test_wrong_names_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_runtime_is_the_local_one_with_real_draws() -> None:
    draws, same = PlanningRuntime("32-true").draws("mix", 3, 2), LocalRuntime().draws("mix", 3, 2)
    assert torch.equal(draws.uniform(), same.uniform())
